"""Which lines near a UTC midnight were billed on its other side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .axes import DAY, Bools, Ints
from .subsets import Match, exactly
from .workings import Workings

_EDGE = 60 * 60 * 1_000_000
"""A call this near to midnight may stand on its other side in the bill. Microseconds."""

Lines = tuple[Ints, Ints]
"""Counts and calls of some lines."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Counts that one day has too much, or another too little, and so many calls, where that is known."""

    counts: Ints
    calls: int | None

    def of(self, lines: Lines) -> Match | None:
        """The lines that are just that."""
        return exactly(self.counts, *lines, self.calls)


Rule = Callable[[Amount | None, Amount | None, Lines], Match | None]
"""Surplus of a day, what is missing on the other (None: not known), the lines between -> which lines."""


def on_both_days(surplus: Amount | None, missing: Amount | None, lines: Lines) -> Match | None:
    """Lines that are just what one day has too much and the other too little."""
    if surplus is None or missing is None or (surplus.counts != missing.counts).any():
        return None
    return surplus.of(lines)


def on_one_day(surplus: Amount | None, missing: Amount | None, lines: Lines) -> Match | None:
    """Lines that are just what differs on one of the days, if the other differs as well or is not known."""
    if surplus is not None:
        if not (surplus.counts > 0).any():
            return None
        if missing is None or missing.counts.any():
            found = surplus.of(lines)
            if found and found.unique:
                return Match(found.places, unique=False)
    found = None if missing is None else missing.of(lines)
    return Match(found.places, unique=False) if found and found.unique else None


def explain(work: Workings, rule: Rule) -> None:
    """Put lines near a midnight to its other side where the rule finds them."""
    for first in range(work.grid.axes.days - 1):
        for model in np.flatnonzero(work.left[first : first + 2].any(axis=(0, 2))):
            _explain(work, rule, int(model), first, first + 1)
            _explain(work, rule, int(model), first + 1, first)


def runs(work: Workings) -> None:
    """Give the next day its part of lines of many calls that reach past midnight, as far as one day has too
    much of it and the other too little: likely, for no one tells when each of the calls was.
    """
    lines, axes = work.grid.lines, work.grid.axes
    until = np.minimum((lines.ended - axes.begin) // DAY, axes.days - 1)
    wanted = (lines.run | (lines.calls > 1)) & (lines.day >= 0) & (until > lines.day)
    for line in np.flatnonzero(wanted):
        for other in range(int(lines.day[line]) + 1, int(until[line]) + 1):
            _part(work, int(line), int(lines.day[line]), other)


def in_doubt(work: Workings, day: int, model: int) -> bool:
    """Whether a call near one of a day's midnights may stand on its other side in the bill, so that what
    differs on the day proves nothing: the day beside it differs as well, or is not known.
    """
    return any(_may_have_moved(work, model, *beside) for beside in ((day, day - 1), (day, day + 1)))


def _may_have_moved(work: Workings, model: int, day: int, other: int) -> bool:
    if not 0 <= other < work.grid.axes.days:
        return False
    if work.grid.known[other] and not work.left[other, model].any() and not work.guessed[other, model]:
        return False
    both = ((day, other), (other, day))
    return any(_near(work, work.counted.of(one, model), one, beside).any() for one, beside in both)


def _part(work: Workings, line: int, day: int, other: int) -> None:
    known, model = work.grid.known, int(work.grid.lines.model[line])
    part = work.grid.lines.counts[line]
    if work.torn[[day, other], model].any():
        return
    if known[day]:
        part = np.minimum(part, np.maximum(-work.left[day, model], 0))
    if known[other]:
        part = np.minimum(part, np.maximum(work.left[other, model], 0))
    if part.any() and (known[day] or known[other]):
        work.part(line, other, part)


def _explain(work: Workings, rule: Rule, model: int, day: int, other: int) -> None:
    known, compared = work.grid.known, work.grid.compared
    if not (compared[day] or compared[other] or (known[day] and known[other])):
        return
    if work.torn[[day, other], model].any():
        return
    at = _candidates(work, model, day, other)
    if not len(at):
        return
    more, less = work.too_many(day, model), work.too_many(other, model)
    surplus = Amount(-work.left[day, model], more) if known[day] else None
    missing = Amount(work.left[other, model], None if less is None else -less) if known[other] else None
    found = rule(surplus, missing, (work.grid.lines.counts[at], work.grid.lines.calls[at]))
    if found:
        work.move(at[list(found.places)], other, certain=found.unique)


def _candidates(work: Workings, model: int, day: int, other: int) -> Ints:
    """Lines of a day near the midnight that parts it from the other; results of batches of all the day."""
    at = work.lines_of(day, model)
    return at[_near(work, at, day, other)]


def _near(work: Workings, at: Ints, day: int, other: int) -> Bools:
    lines = work.grid.lines
    midnight = work.grid.axes.begin + max(day, other) * DAY
    if other > day:
        return (lines.ended[at] >= midnight - _EDGE) | lines.batch[at]
    return (lines.started[at] < midnight + _EDGE) | lines.batch[at]
