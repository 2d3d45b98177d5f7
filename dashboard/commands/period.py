"""The period a report is about, from the words of its flags."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ..errors import UsageError
from ..filters import Filter, days, last, midnight

_YEARS = range(1970, 9001)


def chosen(
    now: datetime,
    zone: ZoneInfo,
    *,
    date: str | None = None,
    week: bool = False,
    month: bool = False,
    since: str | None = None,
    until: str | None = None,
) -> Filter:
    """The view these flags ask for; today when there are none. Raises UsageError."""
    given = {"--date": date, "--week": week, "--month": month, "--since/--until": since or until}
    named = [flag for flag, value in given.items() if value]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} each name a period: give one of them.")
    if week or month:
        return last("7d" if week else "30d", now, zone)
    if since or until:
        return _between(since, until, now, zone)
    return _named(date or "today", now, zone)


def _named(text: str, now: datetime, zone: ZoneInfo) -> Filter:
    """One day, or one month written YYYY-MM."""
    if re.fullmatch(r"\d{4}-\d{2}", text):
        if not is_month(text):
            raise UsageError(f"--date {text}: not a month; give one as 2026-11.")
        first = _day(f"{text}-01", now, zone, "--date")
        return days(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1), zone)
    day = _day(text, now, zone, "--date")
    return days(day, day, zone)


def is_month(text: str) -> bool:
    """Whether it is a month as 2026-11, of the years there are."""
    return bool(re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text)) and int(text[:4]) in _YEARS


def _between(since: str | None, until: str | None, now: datetime, zone: ZoneInfo) -> Filter:
    if since is None:
        raise UsageError("--until needs --since: from when on?")
    begin = _moment(since, now, zone, "--since", last_day=False)
    end = _moment(until or "today", now, zone, "--until", last_day=True)
    if begin >= end and until is None:
        raise UsageError(f"--since {since} is a day to come; to see such days give --until as well.")
    if begin >= end:
        raise UsageError(f"--since {since} is not before --until {until}.")
    return Filter(begin, end)


def _moment(text: str, now: datetime, zone: ZoneInfo, flag: str, *, last_day: bool) -> datetime:
    """A whole hour; or a day's beginning, as a last day its end."""
    hour = re.fullmatch(r"(\S+)[T ](\d{2})(?::00)?", text)
    if not hour:
        return midnight(_day(text, now, zone, flag) + timedelta(days=last_day), zone)
    if int(hour[2]) > 23:
        raise UsageError(f"{flag} {text}: hours go from 00 to 23.")
    return midnight(_day(hour[1], now, zone, flag), zone).replace(hour=int(hour[2]))


def _day(text: str, now: datetime, zone: ZoneInfo, flag: str) -> date:
    today = now.astimezone(zone).date()
    names = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        day = names.get(text) or date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.year not in _YEARS:
        accepted = "a day as 2026-11-22, today or yesterday"
        also = "a month as 2026-11" if flag == "--date" else "a whole hour as 2026-11-22T18"
        raise UsageError(f"{flag} {text}: not a day; give {accepted}, or {also}.")
    return day
