"""What is left of the differences while they are explained, piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from .axes import NAMELESS, TOKENS, Bools, Floats, Ints
from .grid import Grid
from .logged import Lines

T = TypeVar("T")


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
        self._found: dict[tuple[int, int], dict[Any, Any]] = {}
        counted: Bools = np.asarray(grid.lines.counts.any(axis=1))
        self.counted = Cells(grid, counted)
        """The lines that have any counts."""
        self.calls = _summed(grid, counted)
        """Their calls, without those of lines that explain something: days x models."""
        self.blank = _summed(grid, ~counted & ~grid.lines.free)
        """Calls without any counts that may be billed, such as killed early. Days x models."""
        self.loose: Bools = _runs(grid) | (self.blank > 0)
        """Days and models whose number of calls is not known exactly."""
        self.guessed: Bools = np.zeros(self.calls.shape, dtype=bool)
        """Where a likely explanation was taken: what is left over then is no more than likely."""
        self.guessed[_nameless(grid)] = True
        self.torn = _torn(grid)
        """Where the cost report has tokens and the usage report none: days x models."""

    @property
    def left(self) -> Ints:
        """Counts billed less counts logged and not yet explained: days x models x `KINDS`."""
        return self.grid.bill.counts - self.logged

    def groups(self, *, surplus: bool) -> list[tuple[int, int]]:
        """Day and model of what differs on compared days; with `surplus` only where too much was logged."""
        left = self.left
        differs = (left < 0).any(axis=2) if surplus else left.any(axis=2)
        wanted = differs & self.grid.compared[:, None] & ~self.torn
        return [(int(d), int(m)) for d, m in np.argwhere(wanted)]

    def too_many(self, day: int, model: int) -> int | None:
        """How many more calls were logged than requests billed; None where that cannot be known.

        Runs tell of at least so many calls, and lines without counts may have been billed or not.
        """
        requests = self.grid.bill.requests[day, model]
        if np.isnan(requests) or self.loose[day, model]:
            return None
        return int(self.calls[day, model] - requests)

    def lines_of(self, day: int, model: int) -> Ints:
        """Positions of the lines not yet used that count on a day (as logged)."""
        return self.found(_unused, day, model)

    def found(self, look: Callable[[Workings, int, int], T], day: int, model: int) -> T:
        """What `look` finds in `lines_of` a day and model; it looks again only once some were used."""
        known = self._found.setdefault((day, model), {})
        if look not in known:
            known[look] = look(self, day, model)
        answer: T = known[look]
        return answer

    def drop(self, lines: Ints, reason: str, *, certain: bool, hint: str = "") -> None:
        """These lines of one day and model explain what was logged and not billed there."""
        some = self._use(lines)
        day, model = int(some.day[0]), int(some.model[0])
        self._take(some, day, -1)
        self.guessed[day, model] |= not certain
        self._say(reason, day, model, some, lines, -1, certain, hint)

    def move(self, lines: Ints, to_day: int, *, certain: bool) -> None:
        """These lines of one day and model were billed on the day before or after."""
        some = self._use(lines)
        day, model = int(some.day[0]), int(some.model[0])
        self.guessed[[day, to_day], model] |= not certain
        for place, sign, hint in _both_sides(day, to_day):
            self._take(some, place, sign)
            self._say("day_edge", place, model, some, lines, sign, certain, hint)

    def part(self, line: int, to_day: int, counts: Ints) -> None:
        """Of this line, so much was likely billed on the day before or after; its calls cannot be told."""
        one = self.grid.lines.take(np.array([line]))
        day, model = int(one.day[0]), int(one.model[0])
        share = np.divide(counts, one.counts[0], out=np.zeros(len(counts)), where=one.counts[0] > 0)
        usd = one.usd[0] * share
        self.loose[[day, to_day], model] = self.guessed[[day, to_day], model] = True
        for place, sign, hint in _both_sides(day, to_day):
            self.logged[place, model] += sign * counts
            self.usd[place, model] += sign * usd
            self.unpriced[place, model] += 0 if one.priced[0] else sign * counts
            if self.grid.compared[place]:
                said = Piece("day_edge", place, model, sign * counts, sign * usd, None, False, (line,), hint)
                self.pieces.append(said)

    def _use(self, lines: Ints) -> Lines:
        self.used[lines] = True
        some = self.grid.lines.take(lines)
        self._found.pop((int(some.day[0]), int(some.model[0])), None)
        return some

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


class Cells:
    """Positions of some lines by day and model, in order of time."""

    def __init__(self, grid: Grid, wanted: Bools) -> None:
        days, self._models, _ = grid.axes.shape
        lines = grid.lines
        at = np.flatnonzero(wanted & (lines.day >= 0) & (lines.day < days))
        cell = lines.day[at] * self._models + lines.model[at]
        self._at = at[np.argsort(cell, kind="stable")]
        self._ends = np.bincount(cell, minlength=days * self._models).cumsum()

    def of(self, day: int, model: int) -> Ints:
        """Those of a day and model."""
        cell = day * self._models + model
        found: Ints = self._at[self._ends[cell - 1] if cell else 0 : self._ends[cell]]
        return found


def _unused(work: Workings, day: int, model: int) -> Ints:
    at = work.counted.of(day, model)
    return at[~work.used[at]]


def _both_sides(day: int, to_day: int) -> tuple[tuple[int, int, str], tuple[int, int, str]]:
    """Both days of what moves, with its sign there and what is said of it."""
    out, into = ("after", "before") if to_day > day else ("before", "after")
    return (day, -1, f"billed on the day {out}"), (to_day, 1, f"logged on the day {into}")


def _torn(grid: Grid) -> Bools:
    counts, usd = grid.bill.counts[..., TOKENS], grid.bill.list_usd[..., TOKENS]
    found: Bools = ~counts.any(axis=2) & (usd.sum(axis=2) > 0)
    return found


def _nameless(grid: Grid) -> Bools:
    """Days on which usage was billed without a model's name, which may be any model's."""
    if NAMELESS not in grid.axes.models:
        return np.zeros(grid.axes.days, dtype=bool)
    found: Bools = np.asarray(grid.bill.counts[:, grid.axes.models.index(NAMELESS)].any(axis=1))
    return found


def _runs(grid: Grid) -> Bools:
    """Where lines of CLI runs are, days x models."""
    found: Bools = _summed(grid, grid.lines.run) > 0
    return found


def _summed(grid: Grid, wanted: Bools) -> Ints:
    """Calls of the wanted lines on the axes."""
    days, models, _ = grid.axes.shape
    lines = grid.lines
    here = (lines.day >= 0) & (lines.day < days) & wanted
    cell = lines.day[here] * models + lines.model[here]
    found = np.bincount(cell, weights=lines.calls[here], minlength=days * models)
    return found.reshape(days, models).astype("int64")


def tokens(counts: Ints) -> int:
    """All tokens of a vector of counts."""
    return int(counts[TOKENS].sum())
