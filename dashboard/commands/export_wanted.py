"""What the flags of `callmeter export` ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ..errors import UsageError
from . import period
from .choice import Choice

if TYPE_CHECKING:
    from ..filters import Filter

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the flags ask for."""

    rows: str
    """`calls`, `days`, `bill` or `accounting`."""
    choice: Choice
    view: Filter | None = None
    """The period; None for all there is."""
    output: Path | None = None
    format: str | None = None
    force: bool = False

    @property
    def to_stdout(self) -> bool:
        """Whether it goes to stdout."""
        return str(self.output) == STDOUT


def books_month(text: str, now: datetime, zone: ZoneInfo) -> Filter:
    """A month as 2026-10, or `last`: the one before that of `now`. Raises UsageError."""
    if text == "last":
        ended = now.astimezone(zone).date().replace(day=1) - timedelta(days=1)
        text = f"{ended:%Y-%m}"
    if not period.is_month(text):
        raise UsageError(f"--accounting {text}: not a month; give one as 2026-10, or last.")
    return period.chosen(now, zone, date=text)
