"""Amounts and moments as they are typed after `callmeter balance`."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ..errors import UsageError
from ..filters import midnight


def amount(text: str) -> float:
    """USD, with or without a sign and thousands separators. Raises UsageError."""
    plain = text.strip().removeprefix("$").removesuffix("USD").strip()
    if not re.fullmatch(r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?|-?\.\d+", plain):
        raise UsageError(f"{text!r} is no amount in USD: give one such as 876, 15.50 or 1,000.")
    return float(plain.replace(",", ""))


def day(text: str, now: datetime, zone: ZoneInfo, flag: str) -> date:
    """A day by its date, or by name. Raises UsageError."""
    today = now.astimezone(zone).date()
    names = {"today": today, "yesterday": today - timedelta(days=1)}
    try:
        found = names.get(text.strip()) or date.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or not 1970 <= found.year <= 9000:
        raise UsageError(f"{flag} {text}: not a day; give one as 2026-11-22, today or yesterday.")
    return found


def has_time(text: str) -> bool:
    """Whether a moment was typed with its time of the day."""
    return re.search(r"\d[T ]\d", text) is not None


def moment(text: str, now: datetime, zone: ZoneInfo, flag: str, *, to_the_minute: bool = False) -> datetime:
    """The beginning of a day, or a time; in the zone if it has none itself. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text.strip()) if has_time(text) else None
    except ValueError:
        found = None
    if found is not None and 1970 <= found.year <= 9000:
        return found.astimezone(zone) if found.tzinfo else found.replace(tzinfo=zone)
    if to_the_minute:
        raise UsageError(f'{flag} {text}: give the day and the time, as "2026-11-22 14:30".')
    return midnight(day(text, now, zone, flag), zone)
