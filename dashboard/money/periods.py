"""The periods of budgets: where the running one begins and ends, and what it is called. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ..filters import Filter, days, hour_of, midnight

PERIODS = ("hour", "day", "week", "month")

_NOW = {"hour": "this hour", "day": "today", "week": "this week", "month": "this month"}


def current_period(period: str, now: datetime, zone: ZoneInfo) -> Filter:
    """The running hour, day, week (from Monday) or month in a zone, as a view without choices."""
    here = now.astimezone(zone)
    if period == "hour":
        since = hour_of(here)
        return Filter(since, (since.astimezone(UTC) + timedelta(hours=1)).astimezone(zone))
    today = here.date()
    if period == "day":
        return days(today, today, zone)
    if period == "week":
        monday = today - timedelta(days=today.weekday())
        return days(monday, monday + timedelta(days=6), zone)
    first = today.replace(day=1)
    return Filter(midnight(first, zone), midnight((first + timedelta(days=31)).replace(day=1), zone))


def period_id(period: str, since: datetime) -> str:
    """`2026-11-22T14`, `2026-11-22`, `2026-W47`, `2026-11`: the period that begins then.

    The second of two hours of one name, when clocks are set back, has a `b`: `2026-10-25T02b`.
    """
    if period == "hour":
        return f"{since:%Y-%m-%dT%H}{'b' if since.fold else ''}"
    return since.strftime({"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}[period])


def running(period: str) -> str:
    """`today`, `this week`."""
    return _NOW[period]


def end_words(period: str, until: datetime) -> str:
    """When it ends: `by 15:00`, `by midnight`, `by Sunday night`, `by the end of November`."""
    if period == "hour":
        return f"by {until:%H:%M}"
    if period == "day":
        return "by midnight"
    if period == "week":
        return "by Sunday night"
    return f"by the end of {until - timedelta(days=1):%B}"
