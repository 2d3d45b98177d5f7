"""What was spent, by limit, name and time: sums to which portions are added and from which they are taken."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from .spent_portion import PICO, Portion

_NAMED = {
    limit: Portion._fields.index(name)
    for limit, name in (("per_task", "task"), ("per_worker", "worker"), ("per_project", "project"))
}
"""Where the name of a limit stands in a portion."""


class Spent(NamedTuple):
    """An amount in USD, and how many lines of unknown cost are not in it."""

    usd: float
    unpriced: int


class SpentSums:
    """The sums of some limits (see `SpendGuard`); nothing is kept for others."""

    def __init__(self, limits: Collection[str]) -> None:
        self._hourly, self._daily = "per_hour" in limits, "per_day" in limits
        self._named = [(limit, at) for limit, at in _NAMED.items() if limit in limits]
        self._sums: dict[Any, list[int]] = {}

    def add(self, portion: Portion, sign: int = 1) -> None:
        """Take a portion in, or with -1 out again."""
        cost = portion[-1]
        for key in self._keys(portion):
            entry = self._sums.get(key)
            if entry is None:
                entry = self._sums[key] = [0, 0]
            if cost is None:
                entry[1] += sign
            else:
                entry[0] += sign * cost

    def _keys(self, portion: Portion) -> list[Any]:
        day = portion[0]
        keys: list[Any] = [(limit, day, name) for limit, at in self._named if (name := portion[at])]
        if self._daily:
            keys.append(("per_day", day, ""))
        if self._hourly:
            keys.append(("per_hour", portion[1]))
        return keys

    def raise_to(self, other: SpentSums) -> None:
        """Of each sum the larger one of the two."""
        for key, (cost, unpriced) in other._sums.items():
            entry = self._sums.setdefault(key, [0, 0])
            entry[:] = max(entry[0], cost), max(entry[1], unpriced)

    def on(self, limit: str, days: Collection[str], name: str = "") -> Spent:
        """What was spent on local days, of one name if it is the limit of a name."""
        return self._of([(limit, day, name) for day in days])

    def within(self, quarters: Collection[int]) -> Spent:
        """What was spent in quarters of an hour since 1970; of the limit `per_hour`."""
        return self._of([("per_hour", quarter) for quarter in quarters])

    def _of(self, keys: list[Any]) -> Spent:
        cost = unpriced = 0
        for key in keys:
            if (entry := self._sums.get(key)) is not None:
                cost += entry[0]
                unpriced += entry[1]
        return Spent(cost / PICO, unpriced)
