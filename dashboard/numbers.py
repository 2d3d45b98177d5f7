"""How numbers are written for people: tokens, dollars, durations, shares, moments.

Nothing here ever writes `nan`, `None` or a share of nothing: what is not known is `UNKNOWN`.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

UNKNOWN = "–"

_SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def count(value: float | None) -> str:
    """A whole number with thousands separators: `1,284`."""
    return f"{round(value):,}" if value is not None and math.isfinite(value) else UNKNOWN


def short(value: float | None) -> str:
    """Three digits and a scale, for cards and axes: `48.1 M`, `1,284`, `0`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for scale, letter in _SCALES:
        if abs(value) >= scale * (10 if letter == "k" else 1) * 0.9995:
            return f"{_three_digits(value / scale)} {letter}"
    return f"{round(value):,}"


def _three_digits(value: float) -> str:
    size = abs(value)
    return f"{value:,.0f}" if size >= 99.95 else f"{value:.1f}" if size >= 9.995 else f"{value:.2f}"


def usd(value: float | None) -> str:
    """Dollars with the digits that matter: `$1,204`, `$12.34`, `$0.42`, `−$0.0042`, `$0`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    sign, size = ("−" if value < 0 else ""), abs(value)
    if size == 0:
        return "$0"
    if size >= 999.5:
        return f"{sign}${size:,.0f}"
    if size >= 0.0995:
        return f"{sign}${size:,.2f}"
    if size < 0.00005:
        return f"{sign}<$0.0001"
    return f"{sign}${size:.3f}" if size >= 0.00995 else f"{sign}${size:.4f}"


def share(part: float, whole: float) -> str:
    """A percentage that never rounds to 100 or 0 what is not: `98.2 %`, `>99.9 %`, `<0.1 %`."""
    if not whole or not math.isfinite(part / whole):
        return UNKNOWN
    percent = 100 * part / whole
    if 99.95 <= percent < 100:
        return ">99.9 %"
    if 0 < percent < 0.05:
        return "<0.1 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %"


def change(now: float, before: float) -> str | None:
    """How far `now` is from `before`: `▲ 8 %`, `▼ 3 %`, `= same`; None when there was nothing before."""
    if not before or not math.isfinite(now / before):
        return None
    percent = 100 * (now - before) / abs(before)
    if abs(percent) < 0.5:
        return "= same"
    arrow = "▲" if percent > 0 else "▼"
    return f"{arrow} ×{now / before:,.0f}" if percent >= 1000 else f"{arrow} {abs(percent):.0f} %"


def duration(seconds: float | None) -> str:
    """`0.35 s`, `12.4 s`, `2 m 10 s`, `3 h 05 m`, `2 d 4 h`."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago in one unit: `12 s ago`, `5 min ago`, `3 h ago`, `2 days ago`; `just now` under 2 s."""
    seconds = (now - moment).total_seconds()
    if seconds < 2:
        return "just now"
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (129600, 3600, "h")):
        if seconds < limit:
            return f"{round(seconds / unit)} {name} ago"
    return f"{round(seconds / 86400)} days ago"


def day_name(moment: datetime) -> str:
    """`Thursday 19 November`."""
    return f"{moment:%A} {moment.day} {moment:%B}"


def week_name(moment: datetime) -> str:
    """`The week of 16 November 2026`."""
    return f"The week of {moment.day} {moment:%B %Y}"


def hour_name(moment: datetime) -> str:
    """`Thu 19 Nov, 14:00–15:00`, in the wall clock of `moment`."""
    after = moment + timedelta(hours=1)
    return f"{moment:%a} {moment.day} {moment:%b}, {moment:%H:%M}–{after:%H:%M}"


def plural(number: float, noun: str, many: str | None = None) -> str:
    """`1 call`, `1,284 calls`."""
    return f"{count(number)} {noun if number == 1 else many or noun + 's'}"
