"""Which lines near a UTC midnight were billed on its other side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .axes import DAY, Bools, Ints
from .subsets import Match, exactly
from .workings import Workings

_EDGE = 60 * 60 * 1_000_000
"""A call this near to midnight may stand on its other side in the bill. Microseconds."""

Rule = Callable[[Ints, Ints | None, Ints], Match | None]
"""Surplus of a day, what is missing on the other (None: not known), counts of the lines between -> lines."""


def on_both_days(surplus: Ints, missing: Ints | None, counts: Ints) -> Match | None:
    """Lines that are just what one day has too much and the other too little."""
    return exactly(surplus, counts) if missing is not None and (surplus == missing).all() else None


def on_one_day(surplus: Ints, missing: Ints | None, counts: Ints) -> Match | None:
    """Lines that are just what differs on one of the days, where the other differs as well."""
    if not (surplus > 0).any():
        return None
    if missing is None or missing.any():
        found = exactly(surplus, counts)
        if found:
            return Match(found.places, unique=False)
    found = None if missing is None else exactly(missing, counts)
    return found and Match(found.places, unique=False)


def explain(work: Workings, rule: Rule) -> None:
    """Put lines near a midnight to its other side where the rule finds them. Only on days that are known."""
    for first in range(work.grid.axes.days - 1):
        for model in np.flatnonzero(work.left[first : first + 2].any(axis=(0, 2))):
            _explain(work, rule, int(model), first, first + 1)
            _explain(work, rule, int(model), first + 1, first)


def _explain(work: Workings, rule: Rule, model: int, day: int, other: int) -> None:
    known = work.grid.known
    if not known[day] or not (known[other] or work.grid.compared[day]):
        return
    at = _candidates(work, model, day, other)
    if not len(at):
        return
    missing = work.left[other, model] if known[other] else None
    found = rule(-work.left[day, model], missing, work.grid.lines.counts[at])
    if found:
        work.move(at[list(found.places)], other, certain=found.unique)


def _candidates(work: Workings, model: int, day: int, other: int) -> Ints:
    """Lines of a day near the midnight that parts it from the other; results of batches of all the day."""
    at = work.lines_of(day, model)
    return at[_near(work, at, day, other)]


def _near(work: Workings, at: Ints, day: int, other: int) -> Bools:
    lines = work.grid.lines
    midnight = work.grid.axes.begin + max(day, other) * DAY
    if not work.grid.known[other]:  # only what surely touches both days
        across: Bools = (lines.started[at] < midnight) & (lines.ended[at] >= midnight)
        return across
    if other > day:
        return (lines.ended[at] >= midnight - _EDGE) | lines.batch[at]
    return (lines.started[at] < midnight + _EDGE) | lines.batch[at]
