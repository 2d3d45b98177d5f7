"""Which of some lines add up to exactly these counts. Bounded: never more than some thousand steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .axes import Ints

_MOST_STEPS = 4_000
_MOST_SEARCHED = 24
"""More candidates than that are only tried one by one, in pairs, and all together."""
_MOST_PAIRED = 5_000


@dataclass(frozen=True, slots=True)
class Match:
    """Positions among the candidates; `unique`: no other lines with other counts add up to the same."""

    places: tuple[int, ...]
    unique: bool = True


def exactly(target: Ints, candidates: Ints) -> Match | None:
    """Candidates (lines x kinds, none negative) that add up to `target`; None when none were found."""
    if not len(candidates) or (target < 0).any() or not target.any():
        return None
    usable = np.flatnonzero((candidates <= target).all(axis=1) & candidates.any(axis=1))
    found = _exactly(target, candidates[usable])
    return found and Match(tuple(int(usable[place]) for place in found.places), found.unique)


def _exactly(target: Ints, candidates: Ints) -> Match | None:
    single = np.flatnonzero((candidates == target).all(axis=1))
    if len(single):
        return Match((int(single[0]),))
    if len(candidates) and (candidates.sum(axis=0) == target).all():
        return Match(tuple(range(len(candidates))))
    if len(candidates) <= _MOST_SEARCHED:
        return _Search(target, candidates).run()
    return _pair(target, candidates) if len(candidates) <= _MOST_PAIRED else None


def _pair(target: Ints, candidates: Ints) -> Match | None:
    """Two candidates; `unique` when no other two have it."""
    seen: dict[tuple[int, ...], int] = {}
    found: dict[tuple[int, ...], tuple[int, int]] = {}
    for place, row in enumerate(candidates):
        other = seen.get(tuple(target - row))
        if other is not None:
            found[tuple(np.minimum(row, target - row))] = (other, place)
        seen.setdefault(tuple(row), place)
    return Match(next(iter(found.values())), len(found) == 1) if found else None


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
        """The first solution."""
        self._down(0, self._target, ())
        if not self._found:
            return None
        exhausted = self._steps > _MOST_STEPS
        chosen = tuple(sorted(int(self._order[place]) for place in self._found[0]))
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
