"""Which of some lines add up to exactly these counts. Bounded: never more than some thousand steps."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, sqrt

import numpy as np

from .axes import Bools, Ints

_MOST_STEPS = 4_000
_MOST_SEARCHED = 24
"""More candidates than that are only tried one by one, in pairs, and all together."""
_MOST_PAIRED = 50_000
_BY_CHANCE = 0.01
"""So many matches may be expected by chance, at most, for one to prove anything."""


@dataclass(frozen=True, slots=True)
class Match:
    """Positions among the candidates; `unique`: no other lines with other counts are to be expected to
    add up to the same."""

    places: tuple[int, ...]
    unique: bool = True


def exactly(
    target: Ints, candidates: Ints, calls: Ints | None = None, wanted: int | None = None
) -> Match | None:
    """Candidates (lines x kinds, none negative) that add up to `target`; None when none were found.

    wanted: how many calls they must be, where that is known, and `calls` those of each candidate.
    """
    if not len(candidates) or (target < 0).any() or not target.any():
        return None
    if calls is not None and wanted is not None:
        target, candidates = np.append(target, wanted), np.column_stack([candidates, calls])
    usable = np.flatnonzero((candidates <= target).all(axis=1) & candidates.any(axis=1))
    among = candidates[usable]
    found = _exactly(target, among)
    if found is None:
        return None
    sure = found.unique and not _by_chance(among, len(found.places), known=wanted is not None)
    return Match(tuple(int(usable[place]) for place in found.places), sure)


def searched(candidates: int, wanted: int) -> bool:
    """Whether `exactly` looks at all sums of so many of that many candidates."""
    return candidates <= _MOST_SEARCHED or (wanted <= 2 and candidates <= _MOST_PAIRED)


def _exactly(target: Ints, candidates: Ints) -> Match | None:
    if len(candidates) > 1 and (candidates.sum(axis=0) == target).all():
        return Match(tuple(range(len(candidates))))
    if len(candidates) <= _MOST_SEARCHED and (found := _Search(target, candidates).run()):
        return found
    single = np.flatnonzero((candidates == target).all(axis=1))
    pair = _pair(target, candidates) if len(candidates) <= _MOST_PAIRED else None
    return Match((int(single[0]),), pair is None) if len(single) else pair


def _by_chance(candidates: Ints, size: int, *, known: bool) -> bool:
    """Whether so many candidates have so few different counts that some match is no wonder.

    known: only matches of this size are possible; else also of fewer or one more.
    """
    count = len(candidates)
    if 1 < size == count:
        return False
    spread = np.ptp(candidates, axis=0) if count > 1 else candidates.max(axis=0)
    sizes = [size] if known else range(1, min(max(size, 2), count) + 1)
    expected = sum(comb(count, some) / _room(spread, some) for some in sizes)
    return expected > _BY_CHANCE


def _room(spread: Ints, size: int) -> float:
    """How many different sums so many lines can have, roughly."""
    return float(np.prod(spread * sqrt(size) + 1.0))


def _pair(target: Ints, candidates: Ints) -> Match | None:
    """Two candidates; `unique` when no other two have it."""
    seen: dict[tuple[int, ...], int] = {}
    found: dict[tuple[int, ...], tuple[int, int]] = {}
    for place in np.flatnonzero(_paired(target, candidates)):
        row = candidates[place]
        other = seen.get(tuple(target - row))
        if other is not None:
            found[tuple(np.minimum(row, target - row))] = (other, int(place))
        seen.setdefault(tuple(row), int(place))
    return Match(next(iter(found.values())), len(found) == 1) if found else None


def _paired(target: Ints, candidates: Ints) -> Bools:
    """Candidates for which another one may make up the target."""
    numbers = numbered(candidates)
    found: Bools = np.isin(numbered(target) - numbers, numbers)
    return found


def numbered(counts: Ints) -> Ints:
    """A number for each row, equal for equal rows and of a sum the sum; others hardly ever share one."""
    found: Ints = counts.astype("int64") @ _FACTORS[: counts.shape[-1]]
    return found


_FACTORS: Ints = np.random.default_rng(20261101).integers(2**40, 2**62, 16, dtype="int64")


class _Search:
    """Depth first, largest first, leaving a branch that cannot reach the target any more."""

    def __init__(self, target: Ints, candidates: Ints) -> None:
        self._order = np.argsort(-candidates.sum(axis=1), kind="stable")
        self._rows = candidates[self._order]
        self._left = np.vstack([self._rows[::-1].cumsum(axis=0)[::-1], np.zeros_like(target)])
        self._target = target
        self._found: list[tuple[int, ...]] = []
        self._steps = 0

    def run(self) -> Match | None:
        """The solution of fewest lines among the first two."""
        self._down(0, self._target, ())
        if not self._found:
            return None
        exhausted = self._steps > _MOST_STEPS
        fewest = min(self._found, key=len)
        chosen = tuple(sorted(int(self._order[place]) for place in fewest))
        return Match(chosen, len(self._found) == 1 and not exhausted)

    def _down(self, place: int, target: Ints, chosen: tuple[int, ...]) -> None:
        self._steps += 1
        if self._steps > _MOST_STEPS or len(self._found) > 1:
            return
        if not target.any():
            self._found.append(chosen)
            return
        if place == len(self._rows) or (target > self._left[place]).any():
            return
        if (self._rows[place] <= target).all():
            self._down(place + 1, target - self._rows[place], (*chosen, place))
        self._down(self._after_equals(place), target, chosen)

    def _after_equals(self, place: int) -> int:
        """The next candidate with other counts: leaving one out for its equal is no other solution."""
        after = place + 1
        while after < len(self._rows) and (self._rows[after] == self._rows[place]).all():
            after += 1
        return after
