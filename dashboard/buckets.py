"""Lines in buckets of time or of a facet: which of them each line belongs to. Pure and quick for many lines.

Days and hours are those of the rows' zone, so that the days of a clock change have 23 or 25 hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from .filters import Filter, hour_of
from .metrics import hours, local_days

Array = np.ndarray[Any, np.dtype[Any]]

HOURLY = timedelta(days=3, hours=1)
"""Up to such a length a view is told hour by hour, beyond it day by day."""


def grid(view: Filter, now: datetime) -> tuple[pd.DatetimeIndex, Array]:
    """The starts of the view's buckets as wall clock (naive), and as microseconds of Unix time with the end.

    Hours of a view of up to three days, else days; up to the one that holds `now`.
    """
    if hourly(view):
        starts = hours(view, now)
        return starts.tz_localize(None), _edges(starts, pd.Timedelta(hours=1))
    days = local_days(view, now)
    zoned = _zoned(days.append(days[-1:] + pd.Timedelta(days=1)), view.since.tzinfo)
    return days, _micros(zoned)


def hourly(view: Filter) -> bool:
    """Whether `grid` has hours."""
    return view.until.astimezone(UTC) - view.since.astimezone(UTC) <= HOURLY


def _zoned(days: pd.DatetimeIndex, zone: Any) -> pd.DatetimeIndex:
    """The first moments of local days; where midnight is skipped, the first moment after."""
    return days.tz_localize(zone, ambiguous=np.ones(len(days), dtype=bool), nonexistent="shift_forward")


def _edges(starts: pd.DatetimeIndex, step: pd.Timedelta) -> Array:
    return _micros(starts.append(starts[-1:] + step))


def _micros(moments: pd.DatetimeIndex) -> Array:
    return np.asarray(moments.tz_convert("UTC").as_unit("us").asi8)


def place(times: pd.Series, edges: Array) -> Array:
    """Which bucket each time is in; -1 outside of all. The times are in order, as the store's rows are."""
    micros = times.dt.as_unit("us").astype("int64").to_numpy()
    cuts = np.searchsorted(micros, edges)
    counts = np.diff(cuts, prepend=0, append=len(micros))
    return np.repeat([-1, *range(len(edges) - 1), -1], counts)


def groups(rows: pd.DataFrame, key: str) -> tuple[Array, pd.Index]:
    """The place of each line's `key` among the names that come with it: `day`s as naive midnights, `hour`s
    as aware starts, or the values of a facet column.
    """
    if key not in ("day", "hour"):
        return rows[key].cat.codes.to_numpy(), rows[key].cat.categories
    if not len(rows):
        return np.zeros(0, dtype=np.int64), pd.DatetimeIndex([])
    first, last = rows["time"].min(), rows["time"].max()
    if key == "hour":
        starts = pd.date_range(hour_of(first.to_pydatetime()), last, freq="h")
        return place(rows["time"], _edges(starts, pd.Timedelta(hours=1))), starts
    days = pd.date_range(first.tz_localize(None).floor("D"), last.tz_localize(None).floor("D"), freq="D")
    edges = _micros(_zoned(days.append(days[-1:] + pd.Timedelta(days=1)), first.tz))
    return place(rows["time"], edges), days
