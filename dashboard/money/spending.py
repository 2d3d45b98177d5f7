"""What was spent when: the costs that the credit and the forecast are reckoned with.

Built from a store once per look; `between` is exact to the call, also within an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ..filters import Filter, hour_after, hour_of, midnight
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

    def whole(first: datetime, last: datetime) -> Spent:
        return _of_sums(store, scope, first, last)

    def between(since: datetime, until: datetime) -> Spent:
        return _pieces(store, scope, since, until, whole)

    return between


def _pieces(store: Store, scope: Scope, since: datetime, until: datetime, whole: SpentBetween) -> Spent:
    """Whole hours, and the lines of those that the moments cut."""
    since, until = since.astimezone(store.zone), until.astimezone(store.zone)
    if since >= until:
        return Spent()
    first, last = hour_after(since), hour_of(until)
    if first > last:
        return _of_lines(store, scope, since, until)
    cut = _of_lines(store, scope, since, first) + _of_lines(store, scope, last, until)
    return whole(first, last) + cut


def recent(store: Store, scope: Scope, sums: pd.DataFrame, now: datetime) -> SpentBetween:
    """A quicker answer for moments within a sums frame that reaches to the end of `now`'s day.

    What is asked up to `now` takes the running hour whole: its lines need not be looked at.
    """
    chosen = scope.chosen(sums)
    hours = chosen["hour"].dt.as_unit("s").astype("int64").to_numpy()
    cost = np.concatenate([[0.0], chosen["cost_usd"].to_numpy().cumsum()])
    unknown = (chosen["unpriced"] + chosen["not_final"]).to_numpy()
    uncertain = np.concatenate([[0], unknown.cumsum()])

    def whole(first: datetime, last: datetime) -> Spent:
        a, b = np.searchsorted(hours, [first.timestamp(), last.timestamp()])
        return Spent(float(cost[b] - cost[a]), int(uncertain[b] - uncertain[a]))

    def between(since: datetime, until: datetime) -> Spent:
        return _pieces(store, scope, since, hour_after(now) if until == now else until, whole)

    return between


def joined(before: SpentBetween, after: SpentBetween, at: datetime) -> SpentBetween:
    """One answer from two: of calls before a moment, and from it on."""

    def between(since: datetime, until: datetime) -> Spent:
        if until <= at:
            return before(since, until)
        if since >= at:
            return after(since, until)
        return before(since, at) + after(at, until)

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


def spread(daily: pd.Series[float], now: datetime) -> SpentBetween:
    """An estimate from `daily` alone: each day's cost spent evenly over the day, today's up to `now`.

    now: aware, in the zone of the days.
    """
    zone = cast(ZoneInfo, now.tzinfo)
    edges = [midnight(day.date(), zone).timestamp() for day in daily.index]
    edges.append(now.timestamp())
    sums = np.concatenate([[0.0], daily.to_numpy().cumsum()])

    def between(since: datetime, until: datetime) -> Spent:
        before, after = np.interp([since.timestamp(), until.timestamp()], edges, sums)
        return Spent(float(after - before))

    return between
