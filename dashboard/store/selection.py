"""What a view shows of days: tables chosen by range and facets, and the frames made of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from ..filters import Filter
from . import lines
from .base import MEASURES, ROW_COLUMNS, SUM_FACETS
from .day import Day
from .sums import summed
from .table import Array, Table, categorical, concat, frame, in_order

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = 3_600_000_000


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(since_1970: int, zone: ZoneInfo) -> datetime:
    """The time in a zone of microseconds since 1970."""
    return (_EPOCH + since_1970 * _MICROSECOND).astimezone(zone)


def overlapping(days: Iterable[Day], view: Filter) -> list[Day]:
    """The days that may hold a call of the view's range, oldest first."""
    since, until = microseconds(view.since), microseconds(view.until)
    found = [day for day in days if day.lines and day.first < until and day.last + _HOUR > since]
    return sorted(found, key=lambda day: day.date)


def chosen_sums(days: Iterable[Day], view: Filter, zone: ZoneInfo) -> Table:
    """The hourly sums of the view; for views that choose no tasks."""
    parts = [day.sums for day in overlapping(days, view) if day.sums is not None]
    if not parts:
        return summed(_no_rows(zone))
    table = concat([_hours_within(part, view) for part in parts])
    return (table if len(parts) > 1 else table.owned()).chosen(view.choices)


def _hours_within(sums: Table, view: Filter) -> Table:
    """The sums of the hours in the view's range. They are in order of hour."""
    range_ = [-(-microseconds(end) // 1_000_000) for end in (view.since, view.until)]
    return _between(sums, "hour", *range_)


def chosen_rows(
    days: Iterable[Day],
    rows_of: Callable[[Day], list[Table]],
    view: Filter,
    zone: ZoneInfo,
    columns: Collection[str] | None,
) -> tuple[Table, list[str]]:
    """The rows of the view in order of time, with `day` as positions in the dates that come with them.

    With `columns` no others are kept but `time`.
    """
    kept = None if columns is None else {"time", *columns}
    since, until = microseconds(view.since), microseconds(view.until)
    dates: list[str] = []
    parts: list[Table] = []
    for day in overlapping(days, view):
        for table in rows_of(day):
            part = _between(table, "time", since, until).chosen(view.choices).only(kept)
            parts.append(_with_day(part, len(dates)))
        dates.append(day.date)
    table = in_order(parts or [_with_day(_no_rows(zone).only(kept), 0)], "time")
    return table if len(parts) > 1 else table.owned(), dates


def _with_day(table: Table, number: int) -> Table:
    return replace(table, numbers={**table.numbers, "day": np.full(len(table), number, dtype=np.int32)})


def _between(table: Table, by: str, since: int, until: int) -> Table:
    """The rows of a table in order of `by` that lie in a range."""
    first, last = np.searchsorted(table.numbers[by], [since, until]).tolist()
    return table if last - first == len(table) else table.take(slice(first, last))


def _no_rows(zone: ZoneInfo) -> Table:
    return lines.decode(b"", zone).rows


def sums_frame(table: Table, zone: ZoneInfo, *, tasks: bool) -> pd.DataFrame:
    """Hourly sums as the store's contract has them."""
    facets = (*SUM_FACETS, "task_id") if tasks else SUM_FACETS
    hour = _times(table.numbers["hour"], "s", zone)
    return frame(table, dict.fromkeys(facets, "category") | MEASURES, {"hour": hour})


def rows_frame(table: Table, dates: list[str], zone: ZoneInfo, columns: Collection[str]) -> pd.DataFrame:
    """Rows as the store's contract has them: `time` and `columns`."""
    wanted = {name: kind for name, kind in ROW_COLUMNS.items() if name == "time" or name in columns}
    time = _times(table.numbers["time"], "us", zone)
    day = pd.Series(categorical(table.numbers["day"], pa.array(dates, pa.string())))
    ready = {"time": time, "day": day} if "day" in wanted else {"time": time}
    return frame(table, wanted, ready)


def _times(values: Array, unit: str, zone: ZoneInfo) -> pd.Series:
    """Whole seconds or microseconds since 1970 as times in the zone."""
    times = pd.Series(values.astype(np.int64, copy=False).view(f"M8[{unit}]"))
    return times.dt.tz_localize("UTC").dt.tz_convert(zone)
