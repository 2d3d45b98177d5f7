"""What was spent, by limit, name and time: sums to which portions are added and from which they are taken."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from .spent_portion import PICO, Portion


class Spent(NamedTuple):
    """An amount in USD, and how many lines of unknown cost are not in it."""

    usd: float
    unpriced: int


class SpentSums:
    """The sums of some limits (see `SpendGuard`); nothing is kept for others."""

    def __init__(self, limits: Collection[str]) -> None:
        self._limits = tuple(limits)
        self._sums: dict[Any, list[int]] = {}

    def add(self, portion: Portion, sign: int = 1) -> None:
        """Take a portion in, or with -1 out again."""
        cost = portion.cost
        for key in self._keys(portion):
            entry = self._sums.get(key)
            if entry is None:
                entry = self._sums[key] = [0, 0]
            if cost is None:
                entry[1] += sign
            else:
                entry[0] += sign * cost

    def _keys(self, portion: Portion) -> Iterator[Any]:
        day, quarter, task, worker, project, _ = portion
        for limit in self._limits:
            if limit == "per_hour":
                yield limit, quarter
            elif limit == "per_day":
                yield limit, day, ""
            elif limit == "per_task":
                if task:
                    yield limit, day, task
            elif limit == "per_worker":
                if worker:
                    yield limit, day, worker
            elif project:
                yield limit, day, project

    def on(self, limit: str, days: Collection[str], name: str = "") -> Spent:
        """What was spent on local days, of one name if it is the limit of a name."""
        return self._of([(limit, day, name) for day in days])

    def within(self, quarters: Collection[int]) -> Spent:
        """What was spent in quarters of an hour since 1970; of the limit `per_hour`."""
        return self._of([("per_hour", quarter) for quarter in quarters])

    def _of(self, keys: list[Any]) -> Spent:
        found = [self._sums[key] for key in keys if key in self._sums]
        return Spent(sum(cost for cost, _ in found) / PICO, sum(unpriced for _, unpriced in found))
