"""What was spent when: the costs that the credit and the forecast are reckoned with.

Built from a store once per look; `between` is exact to the call, also within an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from ..filters import Filter, hour_after, hour_of
from ..store.base import Store
from .scope import Scope


@dataclass(frozen=True, slots=True)
class Spent:
    """Known cost in USD, and calls whose cost or counts are not known to the end."""

    usd: float = 0.0
    uncertain: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.usd + other.usd, self.uncertain + other.uncertain)


SpentBetween = Callable[[datetime, datetime], Spent]
"""What was spent by calls that began at or after one moment and before another (aware times)."""


def spent_between(store: Store, scope: Scope) -> SpentBetween:
    """The store's answer. Whole hours from the sums; the hours cut by the moments from their lines."""

    def between(since: datetime, until: datetime) -> Spent:
        since, until = since.astimezone(store.zone), until.astimezone(store.zone)
        if since >= until:
            return Spent()
        first, last = hour_after(since), hour_of(until)
        if first > last:
            return _of_lines(store, scope, since, until)
        total = _of_sums(store, scope, first, last)
        return total + _of_lines(store, scope, since, first) + _of_lines(store, scope, last, until)

    return between


def _of_sums(store: Store, scope: Scope, since: datetime, until: datetime) -> Spent:
    if since >= until:
        return Spent()
    sums = scope.chosen(store.sums(Filter(since, until), tasks=scope.by_task))
    return Spent(float(sums["cost_usd"].sum()), int(sums["unpriced"].sum() + sums["not_final"].sum()))


_COLUMNS = ("project", "task_id", "worker_id", "model", "cost_usd", "calls", "final")


def _of_lines(store: Store, scope: Scope, since: datetime, until: datetime) -> Spent:
    if since >= until:
        return Spent()
    rows = store.rows(Filter(hour_of(since), hour_after(until)), columns=_COLUMNS)
    rows = scope.chosen(rows[((rows["time"] >= since) & (rows["time"] < until)).to_numpy()])
    unknown = np.isnan(rows["cost_usd"].to_numpy()) | ~rows["final"].to_numpy()
    return Spent(float(np.nansum(rows["cost_usd"].to_numpy())), int(rows["calls"].to_numpy()[unknown].sum()))


def daily(sums: pd.DataFrame, since: date, until: date) -> pd.Series[float]:
    """USD per local day from `since` to `until`, both included, days without calls as 0.

    sums: of these days. Index: naive midnights.
    """
    grid = pd.date_range(since, until, freq="D")
    days = sums["hour"].dt.tz_localize(None).dt.floor("D")
    place = ((days - pd.Timestamp(since)) // timedelta(days=1)).to_numpy()
    inside = (place >= 0) & (place < len(grid))
    added = np.bincount(place[inside], weights=sums["cost_usd"].to_numpy()[inside], minlength=len(grid))
    return pd.Series(added, index=grid)
