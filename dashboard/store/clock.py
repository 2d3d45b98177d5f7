"""Local time for whole columns: offsets from UTC, hours, and times written as text.

Offsets change on quarter hours only, so one look into the zone per quarter hour met is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

NEVER = np.iinfo(np.int64).min
"""What `instants` gives for a text that is no time of the years 1970 to 2199."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_SECOND = 1_000_000
_QUARTER = 900 * _SECOND
_YEARS = (1970, 2199)
_AWARE, _NAIVE = 32, 26  # 2026-11-22T14:35:07.123456+01:00, and without the offset
_MARKS = {4: "-", 7: "-", 10: "T", 13: ":", 16: ":", 19: ".", 29: ":"}


@lru_cache(maxsize=20_000)
def _offset(zone: ZoneInfo, quarter: int, local: bool) -> int:
    """Microseconds the zone is ahead of UTC in a quarter hour of UTC, or of local time (the first one)."""
    moment = _EPOCH + timedelta(microseconds=quarter * _QUARTER)
    here = moment.replace(tzinfo=zone) if local else moment.astimezone(zone)
    return (here.utcoffset() or timedelta()) // timedelta(microseconds=1)


def offsets(times: Array, zone: ZoneInfo, *, local: bool = False) -> Array:
    """Microseconds the zone is ahead of UTC at each time (int64 microseconds, of UTC or `local`)."""
    quarters, which = np.unique(times // _QUARTER, return_inverse=True)
    ahead = [_offset(zone, int(quarter), local) for quarter in quarters]
    return np.array(ahead, dtype=np.int64)[which]


def hours(times: Array, zone: ZoneInfo) -> Array:
    """The start of the local hour of each time, in Unix seconds (`filters.hour_of` for columns)."""
    ahead = offsets(times, zone)
    hour = 3600 * _SECOND
    return ((times + ahead) // hour * hour - ahead) // _SECOND


def instants(texts: Sequence[str], zone: ZoneInfo) -> tuple[Array, Array]:
    """Microseconds since 1970 (UTC) and the written day (days since 1970) of ISO-8601 texts.

    A text without an offset is local time of `zone`, in a repeated hour the first one, as
    `datetime.astimezone` has it. What is no such time gives `NEVER`.
    """
    times = np.full(len(texts), NEVER, dtype=np.int64)
    days = np.zeros(len(texts), dtype=np.int64)
    widths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    for width in (_AWARE, _NAIVE):
        _fill(times, days, np.flatnonzero(widths == width), texts, width, zone)
    for at in np.flatnonzero(times == NEVER).tolist():
        times[at], days[at] = _one(texts[at], zone)
    return times, days


def _fill(times: Array, days: Array, where: Array, texts: Sequence[str], width: int, zone: ZoneInfo) -> None:
    """Put in what can be read of the texts of one width, all at once."""
    if not len(where):
        return
    joined = "".join(texts if len(where) == len(texts) else [texts[at] for at in where.tolist()])
    if not joined.isascii():
        return
    signs = np.ascontiguousarray(np.frombuffer(joined.encode(), np.uint8).reshape(-1, width).T)
    good, utc, day = _from_digits(signs, zone)
    times[where[good]] = utc[good]
    days[where[good]] = day[good]


def _from_digits(signs: Array, zone: ZoneInfo) -> tuple[Array, Array, Array]:
    """Which of the texts (one column of `signs` each) are times, their UTC and their day."""
    aware = len(signs) == _AWARE
    digits = (signs - 48).astype(np.int64)
    good = _well_formed(signs)
    year, month = _number(digits, 0, 4), _number(digits, 5, 7)
    day, day_fits = _day_number(year, month, _number(digits, 8, 10))
    hour, minute, second = (_number(digits, at, at + 2) for at in (11, 14, 17))
    good &= day_fits & (hour < 24) & (minute < 60) & (second < 60)
    local = (((day * 24 + hour) * 60 + minute) * 60 + second) * _SECOND + _number(digits, 20, 26)
    if not aware:
        return good, local - offsets(np.where(good, local, 0), zone, local=True), day
    away_hours, away_minutes = _number(digits, 27, 29), _number(digits, 30, 32)
    good &= (away_hours < 24) & (away_minutes < 60)
    ahead = (away_hours * 60 + away_minutes) * 60 * _SECOND
    return good, local - np.where(signs[26] == ord("-"), -ahead, ahead), day


def _well_formed(signs: Array) -> Array:
    good = np.ones(signs.shape[1], dtype=bool)
    for at, row in enumerate(signs):
        if at == 26:
            good &= (row == ord("+")) | (row == ord("-"))
        elif at in _MARKS:
            good &= row == ord(_MARKS[at])
        else:
            good &= (row >= 48) & (row <= 57)
    return good


def _number(digits: Array, start: int, stop: int) -> Array:
    value: Array = digits[start]
    for row in digits[start + 1 : stop]:
        value = value * 10 + row
    return value


def _day_number(year: Array, month: Array, day: Array) -> tuple[Array, Array]:
    """Days since 1970 of a date, and whether there is such a date in the years allowed."""
    fits = (year >= _YEARS[0]) & (year <= _YEARS[1]) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(fits, (year - 1970) * 12 + month - 1, 0)
    first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    after = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    return first + day - 1, fits & (day <= after - first)


def _one(text: str, zone: ZoneInfo) -> tuple[int, int]:
    """One text of any ISO form."""
    try:
        written = datetime.fromisoformat(text)
        aware = written if written.tzinfo else written.replace(tzinfo=zone)
        time = (aware - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return NEVER, 0
    if not _YEARS[0] <= written.year <= _YEARS[1]:
        return NEVER, 0
    return time, written.toordinal() - _EPOCH_DAY
