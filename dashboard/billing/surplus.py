"""Which lines explain that more was logged than billed: told twice, failed, or of the day beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import midnight
from .axes import OUTPUT, Bools, Ints
from .subsets import exactly, numbered
from .workings import Workings

_NEAR = 15 * 60 * 1_000_000
"""Two lines of one call begin at most so far apart, or one within the other. Microseconds."""

_AT_ONCE = 1_000_000
"""And two that begin that near to each other hardly are two calls."""

_MOST_ROUNDS = 50

Step = Callable[[Workings, int, int], None]


def explain(work: Workings) -> None:
    """Take from the workings what can be told to be logged twice, failed, or of the day beside."""
    midnight.explain(work, midnight.on_both_days)
    _each(work, _twice, _failed)
    midnight.runs(work)
    _each(work, _twice, _failed)
    midnight.explain(work, midnight.on_one_day)
    _each(work, _together, _covering)
    for day, model in work.groups(surplus=False):
        _hidden(work, day, model)
    _each(work, _near_twins, _not_billed, _beside_cut)


def _each(work: Workings, *steps: Step) -> None:
    """One step after the other, wherever too much was logged."""
    for step in steps:
        for day, model in work.groups(surplus=True):
            step(work, day, model)


@dataclass(frozen=True, slots=True)
class Twins:
    """Lines that may tell of a call that an earlier line told already."""

    lines: Ints
    strong: Bools
    """Two programs told of it, or both lines begin at once."""
    sure: Bools
    """Two programs told of it, and no other line has these counts."""


def twins(work: Workings, day: int, model: int) -> Twins:
    """The later ones of lines with equal counts that lie near each other in time.

    Counts that more than two lines have are usual counts: there only what begins at once in two
    programs, or at one moment in one.
    """
    lines, at = work.grid.lines, work.lines_of(day, model)
    number = numbered(lines.counts[at])
    order = np.argsort(number, kind="stable")
    at, number = at[order], number[order]
    before, after = at[:-1], at[1:]
    gap = lines.started[after] - np.maximum(lines.ended[before], lines.started[before])
    other = lines.source[after] != lines.source[before]
    at_once = lines.started[after] - lines.started[before] <= _AT_ONCE
    one_moment = lines.started[after] == lines.started[before]
    two = _occurring(number)[1:] == 2
    same = (number[1:] == number[:-1]) & (gap <= _NEAR) & (two | (at_once & other) | one_moment)
    found = np.flatnonzero(same)
    found = found[np.argsort(after[found])]
    return Twins(after[found], (other | at_once)[found], (two & other)[found])


def _occurring(ordered: Ints) -> Ints:
    """How often each number of an ordered row of them occurs."""
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    many = np.diff(np.append(begins, len(ordered)))
    return np.repeat(many, many)


def failures(work: Workings, day: int, model: int) -> Ints:
    """Lines of failed calls."""
    at = work.lines_of(day, model)
    return at[work.grid.lines.failed[at]]


def _twice(work: Workings, day: int, model: int) -> None:
    """Lines surely or likely told twice that are just the surplus."""
    found = work.found(twins, day, model)
    at, sure = found.lines[found.strong], found.sure[found.strong]
    chosen, unique = _just(work, day, model, at, work.too_many(day, model))
    if len(chosen):
        certain = unique and bool(sure[chosen].all()) and _settled(work, day, model)
        work.drop(at[chosen], "logged_twice", certain=certain)


def _failed(work: Workings, day: int, model: int) -> None:
    """Failed calls that are just the surplus; requests may count them all the same."""
    at, more = failures(work, day, model), work.too_many(day, model)
    chosen, unique = _just(work, day, model, at, None if more == 0 else more)
    if len(chosen):
        work.drop(at[chosen], "failed", certain=unique and _settled(work, day, model))


def _near_twins(work: Workings, day: int, model: int) -> None:
    """Lines of one program that are equal, near each other and just the surplus: likely the same call."""
    at = work.found(twins, day, model).lines
    chosen, unique = _just(work, day, model, at, work.too_many(day, model))
    if len(chosen) and unique and not work.grid.young[day]:
        work.drop(at[chosen], "logged_twice", certain=False)


def _not_billed(work: Workings, day: int, model: int) -> None:
    """Lines that are just the surplus, when no others can be."""
    at = work.lines_of(day, model)
    chosen, unique = _just(work, day, model, at, work.too_many(day, model))
    if not len(chosen) or not unique or work.grid.young[day]:
        return
    number = numbered(work.grid.lines.counts[at])
    alone = not np.isin(number[chosen], np.delete(number, chosen)).any()
    work.drop(at[chosen], "not_billed", certain=alone and _settled(work, day, model))


def _beside_cut(work: Workings, day: int, model: int) -> None:
    """Lines that are just the surplus but for output, where other lines are cut short and lack just that."""
    lines, at, left = work.grid.lines, work.lines_of(day, model), work.left[day, model]
    if work.grid.young[day] or lines.final[at].all():
        return
    target, counts = np.delete(-left, OUTPUT), np.delete(lines.counts[at], OUTPUT, axis=1)
    found = exactly(target, counts, lines.calls[at], work.too_many(day, model))
    if found is None or not found.unique:
        return
    chosen = at[list(found.places)]
    if left[OUTPUT] + lines.counts[chosen, OUTPUT].sum() > 0:
        work.drop(chosen, "not_billed", certain=False)


def _settled(work: Workings, day: int, model: int) -> bool:
    """Whether nothing else about a day and model is a guess, all of it is reported, and none of it may be
    another day's.
    """
    sure = not work.grid.young[day] and not work.guessed[day, model]
    return sure and not midnight.in_doubt(work, day, model)


def _just(work: Workings, day: int, model: int, at: Ints, calls: int | None) -> tuple[Ints, bool]:
    """Places of the lines that are just the surplus, of so many calls; and whether no others are."""
    lines = work.grid.lines
    found = exactly(-work.left[day, model], lines.counts[at], lines.calls[at], calls)
    return (np.array(found.places, dtype="int64"), found.unique) if found else (at[:0], False)


def _suspects(work: Workings, day: int, model: int) -> tuple[Ints, Bools]:
    """Lines that may well not be in the bill, in order, and which of them are told twice."""
    found = work.found(twins, day, model)
    twice = found.lines[found.strong]
    failed = failures(work, day, model)
    whole = failed[work.grid.lines.final[failed]]
    at = np.union1d(twice, whole)
    return at, np.isin(at, twice)


def _drop_both(work: Workings, at: Ints, twice: Bools) -> None:
    for some, reason in ((at[twice], "logged_twice"), (at[~twice], "failed")):
        if len(some):
            work.drop(some, reason, certain=False)


def _together(work: Workings, day: int, model: int) -> None:
    """Lines of several reasons that are just the surplus together."""
    at, twice = _suspects(work, day, model)
    chosen, _ = _just(work, day, model, at, work.too_many(day, model))
    _drop_both(work, at[chosen], twice[chosen])


def _covering(work: Workings, day: int, model: int) -> None:
    """Where calls are missing as well: suspects without which less differs."""
    at, twice = _suspects(work, day, model)
    chosen = _nearer(work.left[day, model], work.grid.lines.counts[at])
    _drop_both(work, at[chosen], twice[chosen])


def _nearer(left: Ints, counts: Ints) -> Ints:
    """Places of the rows that, one after the other, bring `left` nearer to nothing. Bounded."""
    chosen: list[Ints] = []
    still = np.arange(len(counts))
    for _ in range(_MOST_ROUNDS):
        far = np.abs(left).sum()
        still = still[np.abs(left + counts[still]).sum(axis=1) < far]
        if not len(still) or not (left < 0).any():
            break
        sums = left + counts[still].cumsum(axis=0)
        size = np.abs(sums).sum(axis=1)
        good = (size[1:] < size[:-1]) & (sums[:-1] < 0).any(axis=1)
        end = len(still) if good.all() else 1 + int(np.argmin(good))
        chosen.append(still[:end])
        left, still = sums[end - 1], still[end:]
    return np.concatenate(chosen) if chosen else still[:0]


def _hidden(work: Workings, day: int, model: int) -> None:
    """Tokens are missing, but no call is: calls told twice by two programs stand for those not logged."""
    more, lines = work.too_many(day, model), work.grid.lines
    if more is None or more < 0 or not (work.left[day, model] > 0).any():
        return
    if not lines.final[work.lines_of(day, model)].all():
        return
    found = work.found(twins, day, model)
    if found.sure.any():
        work.drop(found.lines[found.sure], "logged_twice", certain=False)
