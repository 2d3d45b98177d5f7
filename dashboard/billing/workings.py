"""What is left of the differences while they are explained, piece by piece."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .axes import DAY, TOKENS, Floats, Ints
from .grid import Grid
from .logged import Lines


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A part of the difference of one day and model. Counts and USD by kind are billed less logged."""

    reason: str
    day: int
    """Place on the axes, as is `model`."""
    model: int
    counts: Ints
    usd: Floats
    calls: int | None = None
    certain: bool = True
    lines: tuple[int, ...] = ()
    """Positions of the lines it is about."""
    hint: str = ""
    """What more is known, as the end of a sentence."""


class Workings:
    """The logged side as it would be without what is explained already, and the pieces of explanation.

    Lines that explain something are taken from it, or put to another day; what stays is compared on.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.pieces: list[Piece] = []
        self.logged = grid.logged.copy()
        self.usd = grid.logged_usd.copy()
        self.unpriced = grid.unpriced.copy()
        self.used = np.zeros(len(grid.lines), dtype=bool)
        self.calls = _calls(grid)

    @property
    def left(self) -> Ints:
        """Counts billed less counts logged and not yet explained: days x models x `KINDS`."""
        return self.grid.bill.counts - self.logged

    def groups(self, *, surplus: bool) -> list[tuple[int, int]]:
        """Day and model of what differs on compared days; with `surplus` only where too much was logged."""
        left = self.left
        differs = (left < 0).any(axis=2) if surplus else left.any(axis=2)
        return [(int(d), int(m)) for d, m in np.argwhere(differs & self.grid.compared[:, None])]

    def lines_of(self, day: int, model: int) -> Ints:
        """Positions of the lines not yet used that count on a day (as logged)."""
        lines = self.grid.lines
        first, end = self._range(day)
        found = np.flatnonzero((lines.model[first:end] == model) & ~self.used[first:end]) + first
        return found[lines.counts[found].any(axis=1)]

    def _range(self, day: int) -> tuple[int, int]:
        """From which to which line a day reaches; lines are in order of time."""
        begin = self.grid.axes.begin + day * DAY
        first, end = np.searchsorted(self.grid.lines.started, [begin, begin + DAY])
        return int(first), int(end)

    def drop(self, lines: Ints, reason: str, *, certain: bool, hint: str = "") -> None:
        """These lines of one day and model explain what was logged and not billed there."""
        some = self._use(lines)
        day, model = int(some.day[0]), int(some.model[0])
        self._take(some, day, -1)
        self._say(reason, day, model, some, lines, -1, certain, hint)

    def move(self, lines: Ints, to_day: int, *, certain: bool) -> None:
        """These lines of one day and model were billed on the day before or after."""
        some = self._use(lines)
        day, model = int(some.day[0]), int(some.model[0])
        out, into = ("after", "before") if to_day > day else ("before", "after")
        for place, sign, hint in (
            (day, -1, f"billed on the day {out}"),
            (to_day, 1, f"logged on the day {into}"),
        ):
            self._take(some, place, sign)
            self._say("day_edge", place, model, some, lines, sign, certain, hint)

    def _use(self, lines: Ints) -> Lines:
        self.used[lines] = True
        return self.grid.lines.take(lines)

    def _take(self, some: Lines, day: int, sign: int) -> None:
        cell = day, int(some.model[0])
        self.logged[cell] += sign * some.counts.sum(axis=0)
        self.usd[cell] += sign * some.usd.sum(axis=0)
        self.unpriced[cell] += sign * some.counts[~some.priced].sum(axis=0)
        self.calls[cell] += sign * int(some.calls.sum())

    def _say(
        self,
        reason: str,
        day: int,
        model: int,
        some: Lines,
        lines: Ints,
        sign: int,
        certain: bool,
        hint: str,
    ) -> None:
        if not self.grid.compared[day]:
            return
        counts, usd = sign * some.counts.sum(axis=0), sign * some.usd.sum(axis=0)
        calls, names = int(some.calls.sum()), tuple(int(line) for line in lines)
        self.pieces.append(Piece(reason, day, model, counts, usd, calls, certain, names, hint))


def _calls(grid: Grid) -> Ints:
    """Calls of lines that have any counts: days x models."""
    days, models, _ = grid.axes.shape
    lines = grid.lines
    here = (lines.day >= 0) & (lines.day < days) & lines.counts.any(axis=1)
    cell = lines.day[here] * models + lines.model[here]
    found = np.bincount(cell, weights=lines.calls[here], minlength=days * models)
    return found.reshape(days, models).astype("int64")


def tokens(counts: Ints) -> int:
    """All tokens of a vector of counts."""
    return int(counts[TOKENS].sum())
