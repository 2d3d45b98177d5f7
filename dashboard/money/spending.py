"""What was spent when: the costs that the credit and the forecast are reckoned with.

Whole hours come from the hourly sums, the hours that a moment cuts from their lines: exact to the call.
Everything is compared in UTC, for of two times of one zone Python compares the clocks on the wall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..filters import Filter, midnight
from ..store.base import MEASURES, Store
from .scope import Scope

Floats = npt.NDArray[np.float64]

_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Spent:
    """Known cost in USD, and calls whose cost or counts are not known to the end."""

    usd: float = 0.0
    uncertain: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.usd + other.usd, self.uncertain + other.uncertain)


SpentBetween = Callable[[datetime, datetime], Spent]
"""What was spent by calls that began at or after one moment and before another (aware times)."""


def spent_between(
    store: Store, scope: Scope, sums: pd.DataFrame, now: datetime, parts: Parts | None = None
) -> SpentBetween:
    """The answer for moments within the calls of this scope, see `chosen`, up to the end of `now`'s day.

    What is asked up to `now` takes the running hour whole: its lines need not be looked at.
    """
    hours = _Hours(sums)
    of_part = (parts or Parts()).begin(store, scope, hours)
    end = now.astimezone(UTC)

    def between(since: datetime, until: datetime) -> Spent:
        since, until = since.astimezone(UTC), until.astimezone(UTC)
        until = _ceil(until, store.zone) if until == end else until
        if since >= until:
            return Spent()
        first, last = _ceil(since, store.zone), _floor(until, store.zone)
        if first > last:
            return of_part(since, until)
        return of_part(since, first) + hours.between(first, last) + of_part(last, until)

    return between


def _hour_start(at: datetime, zone: ZoneInfo) -> datetime:
    """The start of the local hour as the sums have it; all in UTC."""
    here = at.astimezone(zone)
    return at - timedelta(minutes=here.minute, seconds=here.second, microseconds=here.microsecond)


def _cuts_cleanly(at: datetime, zone: ZoneInfo) -> bool:
    """Whether calls from this moment on, and no others, are in hours that begin then or later."""
    here, end = at.astimezone(zone), (at + _HOUR - _SECOND).astimezone(zone)
    return _hour_start(at, zone) == at and here.utcoffset() == end.utcoffset()


def _floor(at: datetime, zone: ZoneInfo) -> datetime:
    start = _hour_start(at, zone)
    while not _cuts_cleanly(start, zone):
        start = _hour_start(start - _SECOND, zone)
    return start


def _ceil(at: datetime, zone: ZoneInfo) -> datetime:
    while not _cuts_cleanly(at, zone):
        at = _hour_start(at, zone) + _HOUR
    return at


class _Hours:
    """Hourly sums, ready to be asked for any whole hours of them."""

    def __init__(self, sums: pd.DataFrame) -> None:
        self._hours = sums["hour"].dt.as_unit("s").astype("int64").to_numpy()
        self._cost = _running(sums["cost_usd"].to_numpy())
        self._uncertain = _running((sums["unpriced"] + sums["not_final"]).to_numpy())
        self._values: Floats = sums[list(MEASURES)].to_numpy(dtype=np.float64)

    def between(self, first: datetime, last: datetime) -> Spent:
        a, b = self._places(first, last)
        return Spent(float(self._cost[b] - self._cost[a]), int(self._uncertain[b] - self._uncertain[a]))

    def digest(self, first: datetime, last: datetime) -> bytes:
        """Another one when any sum of these hours changed; empty without calls."""
        a, b = self._places(first, last)
        return self._values[a:b].tobytes()

    def _places(self, first: datetime, last: datetime) -> tuple[int, int]:
        a, b = np.searchsorted(self._hours, [first.timestamp(), last.timestamp()])
        return int(a), int(b)


def _running(values: npt.NDArray[Any]) -> Floats:
    """Sums up to each place; whole numbers are exact in them."""
    return np.concatenate([[0.0], values]).cumsum()


class Parts:
    """What parts of hours cost, remembered as long as the sums of their hours stay what they were.

    For one look at a time. What a look did not ask for is forgotten with the next one.
    """

    def __init__(self) -> None:
        self._before: dict[_Part, tuple[bytes, Spent]] = {}
        self._asked: dict[_Part, tuple[bytes, Spent]] = {}
        self._tasks: tuple[tuple[Scope, Filter, bytes], pd.DataFrame] | None = None

    def sums(self, store: Store, scope: Scope, view: Filter) -> pd.DataFrame:
        """The sums of a scope in a view of days long gone: those by task are made once."""
        found = store.sums(view)
        if not scope.by_task:
            return scope.chosen(found)
        digest = _Hours(found).digest(view.since, view.until)
        if self._tasks is None or self._tasks[0] != (scope, view, digest):
            self._tasks = (scope, view, digest), scope.chosen(store.sums(view, tasks=True))
        return self._tasks[1]

    def begin(self, store: Store, scope: Scope, hours: _Hours) -> SpentBetween:
        """The answer for parts of hours in one look at these sums; moments in UTC."""
        self._before, self._asked = self._asked, {}
        lines = _Lines(store, scope)

        def of_part(since: datetime, until: datetime) -> Spent:
            if since >= until:
                return Spent()
            first, last = _floor(since, store.zone), _ceil(until, store.zone)
            part, digest = (scope, since, until), hours.digest(first, last)
            known = self._before.get(part)
            if known is None or known[0] != digest:
                known = digest, lines.between(since, until, first, last) if digest else Spent()
            self._asked[part] = known
            return known[1]

        return of_part


_Part = tuple[Scope, datetime, datetime]

_COLUMNS = ("project", "task_id", "worker_id", "model", "cost_usd", "calls", "final")


class _Lines:
    """The lines of the hours asked for last; of their whole day when another hour of it is asked for."""

    def __init__(self, store: Store, scope: Scope) -> None:
        self._store, self._scope = store, scope
        self._first = self._last = datetime.min.replace(tzinfo=UTC)
        self._day = date.min
        self._times = np.zeros(0, dtype=np.int64)
        self._cost: Floats = np.zeros(1)
        self._uncertain: Floats = np.zeros(1)

    def between(self, since: datetime, until: datetime, first: datetime, last: datetime) -> Spent:
        """What calls between two moments cost, which lie in the hours from `first` to `last`."""
        if not self._first <= first <= last <= self._last:
            self._read(first, last)
        moments = [_microseconds(since), _microseconds(until)]
        a, b = np.searchsorted(self._times, moments)
        return Spent(float(self._cost[b] - self._cost[a]), int(self._uncertain[b] - self._uncertain[a]))

    def _read(self, first: datetime, last: datetime) -> None:
        zone = self._store.zone
        day = first.astimezone(zone).date()
        if day == self._day:
            first = min(first, midnight(day, zone).astimezone(UTC))
            last = max(last, midnight(day + timedelta(days=1), zone).astimezone(UTC))
        self._first, self._last, self._day = first, last, day
        found = Filter(first.astimezone(zone), last.astimezone(zone))
        rows = self._scope.chosen(self._store.rows(found, columns=_COLUMNS))
        cost = rows["cost_usd"].to_numpy()
        unknown = np.isnan(cost) | ~rows["final"].to_numpy()
        self._times = rows["time"].dt.as_unit("us").astype("int64").to_numpy()
        self._cost = _running(np.nan_to_num(cost))
        self._uncertain = _running(np.where(unknown, rows["calls"].to_numpy(), 0))


def _microseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


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
