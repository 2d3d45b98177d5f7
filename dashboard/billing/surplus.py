"""Which lines explain that more was logged than billed: told twice, failed, or of the day beside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import midnight
from .axes import Ints
from .subsets import exactly
from .workings import Workings

_NEAR = 15 * 60 * 1_000_000
"""Two lines of one call begin at most so far apart, or one within the other. Microseconds."""

Candidates = Callable[[Workings, int, int], Ints]


def explain(work: Workings) -> None:
    """Take from the workings what can be told to be logged twice, failed, or of the day beside."""
    midnight.explain(work, midnight.on_both_days)
    for reason, candidates in SUSPECTS:
        for day, model in work.groups(surplus=True):
            _exact(work, day, model, reason, candidates)
    midnight.explain(work, midnight.on_one_day)
    for day, model in work.groups(surplus=True):
        _together(work, day, model)
    for day, model in work.groups(surplus=True):
        _covering(work, day, model)
    for day, model in work.groups(surplus=False):
        _hidden(work, day, model)
    for day, model in work.groups(surplus=True):
        if not work.grid.young[day]:
            _exact(work, day, model, "not_billed", Workings.lines_of)


def twins(work: Workings, day: int, model: int) -> Ints:
    """The later ones of lines with equal counts that lie near each other in time."""
    at = work.lines_of(day, model)
    lines = work.grid.lines
    if len(at) < 2:
        return at[:0]
    order = at[np.lexsort((lines.started[at], *lines.counts[at].T))]
    before, after = order[:-1], order[1:]
    same = (lines.counts[before] == lines.counts[after]).all(axis=1)
    gap = lines.started[after] - np.maximum(lines.ended[before], lines.started[before])
    return np.sort(after[same & (gap <= _NEAR)])


def failures(work: Workings, day: int, model: int) -> Ints:
    """Lines of failed calls."""
    at = work.lines_of(day, model)
    return at[work.grid.lines.failed[at]]


SUSPECTS: tuple[tuple[str, Candidates], ...] = (("logged_twice", twins), ("failed", failures))
"""Reasons why a line may not be in the bill, and the lines for which they may hold."""


def _exact(work: Workings, day: int, model: int, reason: str, candidates: Candidates) -> None:
    """Lines that are just the surplus."""
    at = candidates(work, day, model)
    found = exactly(-work.left[day, model], work.grid.lines.counts[at])
    if found:
        work.drop(at[list(found.places)], reason, certain=found.unique)


def _together(work: Workings, day: int, model: int) -> None:
    """Lines of several reasons that are just the surplus together."""
    reasons = {int(line): reason for reason, among in reversed(SUSPECTS) for line in among(work, day, model)}
    at = np.array(sorted(reasons), dtype="int64")
    found = exactly(-work.left[day, model], work.grid.lines.counts[at])
    for line in at[list(found.places)] if found else ():
        work.drop(np.array([line]), reasons[int(line)], certain=False)


def _covering(work: Workings, day: int, model: int) -> None:
    """Where calls are missing as well: suspects without which less differs."""
    for reason, among in SUSPECTS:
        for line in among(work, day, model):
            left = work.left[day, model]
            without = left + work.grid.lines.counts[line]
            if (left < 0).any() and np.abs(without).sum() < np.abs(left).sum():
                work.drop(np.array([line]), reason, certain=False)


def _hidden(work: Workings, day: int, model: int) -> None:
    """Tokens are missing, but no call is: calls told twice by two programs stand for those not logged."""
    left, lines = work.left[day, model], work.grid.lines
    more = work.calls[day, model] - work.grid.bill.requests[day, model]
    at = work.lines_of(day, model)
    if not (left > 0).any() or not more >= 0 or lines.run[at].any() or not lines.final[at].all():
        return
    for line in twins(work, day, model):
        same = (lines.counts[at] == lines.counts[line]).all(axis=1)
        if (lines.source[at[same]] != lines.source[line]).any():
            work.drop(np.array([line]), "logged_twice", certain=False)
