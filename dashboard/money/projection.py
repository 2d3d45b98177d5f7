"""How much a budget's period will probably hold at its end: an estimate. Pure.

What comes in the rest of a period is taken from what was usual, in the four weeks before now, in the
same hours: of the same weekdays once each was seen twice, else of the same hours of any day. Using more
than usual is thought to go on in part, the more the longer it does; using less than usual lowers the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ..filters import Filter, hour_of, midnight

HISTORY = timedelta(days=28)
"""How far back what is usual is taken from."""

LEAST_HISTORY = timedelta(days=3)
"""Less than that tells nothing of what is usual."""

LEAST_SHARE = 0.1
"""Of the period: without history, the pace of less than that tells nothing."""

_PRIOR = 0.5
"""How much of a usual period the pace of the running one has to stand against."""

_WEEK = 7 * 24

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Places = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class _Usual:
    """What is usual in each hour of the week, Monday 00:00 first."""

    rates: Numbers

    def between(self, since: datetime, until: datetime) -> float:
        """What is usual between two moments, parts of hours by their share."""
        hours = _hours(hour_of(since), until)
        begin = hours.as_unit("s").asi8
        inside = np.minimum(begin + 3600, _instant(until)) - np.maximum(begin, _instant(since))
        return float((self.rates[_places(hours)] * inside).sum() / 3600)


def window(since: datetime, now: datetime) -> Filter:
    """What a period that began at `since` is reckoned from: the four weeks before `now`, the period itself,
    up to the end of today. Whoever has more must leave it out: when use began is taken from what there is.
    """
    tomorrow = midnight(now.date() + timedelta(days=1), cast(ZoneInfo, now.tzinfo))
    return Filter(min(since, hour_of(now) - HISTORY, key=_instant), tomorrow)  # by the wall clock


def projected(
    hours: pd.Series[Any], values: Numbers, since: datetime, until: datetime, now: datetime
) -> float | None:
    """The period's value at its end; None without enough to go by.

    hours, values: starts of hours (aware, in the zone of `now`) and what was used in them, in any order,
    of `window`. since, until: the period's.
    """
    inside = ((hours >= since) & (hours < until)).to_numpy()
    current = float(values[inside].sum())
    if not len(hours):
        return _at_this_pace(current, since, until, since, now)
    begun = hours.min().to_pydatetime()
    usual = _usual(hours, values, begun, now)
    if usual is None:
        return _at_this_pace(current, since, until, max(since, begun, key=_instant), now)
    return current + _rest(current, usual, since, until, now)


def _instant(moment: datetime) -> float:
    return moment.timestamp()


def _at_this_pace(
    current: float, since: datetime, until: datetime, begun: datetime, now: datetime
) -> float | None:
    """As much again per time as since it began."""
    begun_at, now_at, until_at = map(_instant, (begun, now, until))
    if now_at - begun_at < LEAST_SHARE * (until_at - _instant(since)):
        return None
    return current * (until_at - begun_at) / (now_at - begun_at)


def _rest(current: float, usual: _Usual, since: datetime, until: datetime, now: datetime) -> float:
    """What is still to come."""
    so_far, rest = usual.between(since, now), usual.between(now, until)
    if current <= so_far:
        prior = _PRIOR * (so_far + rest)
        return rest * (current + prior) / (so_far + prior) if so_far + prior else 0.0
    elapsed = (_instant(now) - _instant(since)) / (_instant(until) - _instant(since))
    return rest + (current - so_far) * (1 - elapsed) / (elapsed + _PRIOR)


def _usual(hours: pd.Series[Any], values: Numbers, begun: datetime, now: datetime) -> _Usual | None:
    """What is usual, from the whole hours of the four weeks before the running one; None for too few."""
    end = hour_of(now)
    begin = max(end - HISTORY, begun, key=_instant)  # by the wall clock
    if _instant(end) - _instant(begin) < LEAST_HISTORY.total_seconds():
        return None
    past = ((hours >= begin) & (hours < end)).to_numpy()
    used = _added(_places(pd.DatetimeIndex(hours[past])), values[past])
    seen = _added(_places(_hours(begin, end)))
    if seen.min() < 2:
        used, seen = (np.tile(one.reshape(7, 24).sum(axis=0), 7) for one in (used, seen))
    return _Usual(used / np.maximum(seen, 1))


def _added(places: Places, values: Numbers | None = None) -> Numbers:
    return np.bincount(places, weights=values, minlength=_WEEK).astype("float64")


def _hours(since: datetime, until: datetime) -> pd.DatetimeIndex:
    """The starts of the hours from `since` on that begin before `until`."""
    utc = pd.date_range(since.astimezone(UTC), until.astimezone(UTC), freq="h", inclusive="left")
    return utc.tz_convert(since.tzinfo)


def _places(hours: pd.DatetimeIndex) -> Places:
    """Each hour's place in the week of its own zone."""
    return np.asarray(hours.day_of_week * 24 + hours.hour, dtype="int64")
