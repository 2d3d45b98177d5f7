"""How the syncing of a folder goes: when it worked last, what went wrong, which days there are. Pure but for
what it reads of the folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from ..numbers import UNKNOWN, ago, count, duration, usd
from ..sheets import Answer, Cell, Column, Sheet
from . import names
from .busy import is_busy
from .schedule import due
from .snapshots import BillingFolder
from .sync_log import Attempt, SyncLog

SHOWN = 10
"""Attempts in the table."""


@dataclass(frozen=True, slots=True)
class Status:
    """How it stands at a moment."""

    now: datetime
    """In the zone in which moments are told."""
    attempts: Sequence[Attempt]
    """Oldest first."""
    days: Sequence[date]
    """Days of which both reports are here, of one reading."""
    generations: Sequence[str]
    busy: bool
    """Whether a sync is at work now."""
    hours: float | None
    """How often the server syncs; None: it does not."""
    key: str
    """Where the key is, in words; what is wrong with it when there is none."""
    organization: str | None = None
    """Whose reports these are, as they were called last."""
    problems: Sequence[str] = ()

    @property
    def last_good(self) -> Attempt | None:
        """The newest attempt that read all it planned."""
        return next((one for one in reversed(self.attempts) if one.worked), None)

    @property
    def gaps(self) -> list[date]:
        """Days between the first and the last that are not here."""
        if not self.days:
            return []
        known, span = set(self.days), (self.days[-1] - self.days[0]).days
        every = (self.days[0] + timedelta(days=number) for number in range(span))
        return [day for day in every if day not in known]

    @property
    def next_run(self) -> datetime | None:
        """When the server syncs next, if it runs; now, when that is past."""
        return None if self.hours is None else max(self.now, due(self.attempts, self.hours, self.now))


def look(folder: Path, now: datetime, hours: float | None, key: str) -> Status:
    """The status of a folder. Raises FolderError."""
    busy = is_busy(folder)  # before the log is read: an end may be noted meanwhile, a start may not
    billing, log = BillingFolder(folder), SyncLog(folder)
    attempts = log.attempts()
    both = sorted(set(billing.days("usage")) & set(billing.days("cost")))
    pairs = {day: pair for day in both if (pair := billing.pair(day))}
    generations = sorted({cost.generation for _, cost in pairs.values()})
    problems = [*map(str, billing.problems()), *log.problems()]
    organization = names.newest(folder).get(names.ORGANIZATION)
    return Status(now, attempts, list(pairs), generations, busy, hours, key, organization, problems)


def answer(status: Status) -> Answer:
    """The status as a table of attempts, and facts."""
    shown = list(reversed(status.attempts))[:SHOWN]
    rows = [_row(status, one) for one in shown]
    sheet = Sheet("attempts", "Last attempts", _COLUMNS, rows)
    return Answer([sheet], _facts(status), tuple(status.problems))


def sentences(status: Status) -> list[str]:
    """What people read above the table."""
    return [
        line for line in (*_course(status), *_coverage(status), _next(status), f"Key: {status.key}.") if line
    ]


def outcome(status: Status, attempt: Attempt) -> str:
    """How an attempt went, in a word or two."""
    if attempt.outcome is not None:
        return attempt.outcome
    return "at work" if status.busy and attempt is status.attempts[-1] else "broke off"


def _course(status: Status) -> list[str]:
    if not status.attempts:
        what = "No sync is noted here" if status.days else "Nothing was synced yet"
        return [f"{what}: callmeter sync reads the last 30 days."]
    good, last = status.last_good, status.attempts[-1]
    told = ["No sync has worked yet."]
    if good and good.ended:
        told = [f"Last complete sync: {_when(status, good.ended)}, {ago(good.ended, status.now)}."]
    if last is not good:
        why = f": {last.error}" if last.error else ""
        told.append(f"Last attempt: {_when(status, last.started)}, {outcome(status, last)}{why}.")
    return told


def _coverage(status: Status) -> list[str]:
    if not status.days:
        return ["No day is here."]
    whose = f" of {status.organization}" if status.organization else ""
    kinds = " and ".join(REPORTS.get(one, one) for one in status.generations)
    told = [
        f"Days (UTC): {len(status.days)}, {span(status.days[0], status.days[-1])}, from the {kinds}{whose}."
    ]
    if status.gaps:
        told.append(f"Not here: {_ranges(status.gaps)}.")
    return told


REPORTS = {"analytics": "newer reports", "legacy": "older reports"}
"""What people call the generations."""


def _next(status: Status) -> str:
    if status.next_run is None:
        return "The server does not sync by itself: sync_hours in callmeter.toml is not set."
    when = "at once" if status.next_run <= status.now else f"at {_when(status, status.next_run)}"
    return f"callmeter serve syncs every {status.hours:g} h; the next time, if it runs, {when}."


def _facts(status: Status) -> dict[str, Any]:
    good, last = status.last_good, status.attempts[-1] if status.attempts else None
    return {
        "at": _iso(status, status.now),
        "last_success": _iso(status, good.ended) if good and good.ended else None,
        "last_attempt": _iso(status, last.started) if last else None,
        "last_outcome": outcome(status, last) if last else None,
        "last_error": (last.error or None) if last else None,
        "first_day": str(status.days[0]) if status.days else None,
        "last_day": str(status.days[-1]) if status.days else None,
        "days": len(status.days),
        "gaps": [str(day) for day in status.gaps],
        "generations": list(status.generations),
        "organization": status.organization,
        "running": status.busy,
        "sync_hours": status.hours,
        "next_by_server": _iso(status, status.next_run) if status.next_run else None,
        "key": status.key,
    }


def _row(status: Status, one: Attempt) -> dict[str, Cell]:
    seconds = (one.ended - one.started).total_seconds() if one.ended else None
    return {
        "started": _iso(status, one.started),
        "by": one.by or None,
        "outcome": outcome(status, one),
        "days_read": len(one.read),
        "days_planned": one.planned,
        "rows": one.rows if one.ended else None,
        "new_snapshots": one.snapshots if one.ended else None,
        "usd": one.usd,
        "pages": one.pages if one.ended else None,
        "seconds": seconds,
        "error_type": one.error_type or None,
        "error": one.error or None,
    }


def _text(value: Any) -> str:
    return UNKNOWN if value is None else str(value)


def _words(name: str | None) -> str:
    """`no admin key` for NoAdminKey."""
    return "" if name is None else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _minute(iso: str) -> str:
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M}"


_COLUMNS = (
    Column("started", "started", _minute),
    Column("by", "by", _text),
    Column("outcome", "outcome", _text),
    Column("days_read", "days read", count),
    Column("days_planned", "of", count),
    Column("rows", "rows", count, extra=True),
    Column("new_snapshots", "new", count, extra=True),
    Column("usd", "billed", usd),
    Column("pages", "pages", count, extra=True),
    Column("seconds", "took", duration, extra=True),
    Column("error_type", "trouble", _words),
    Column("error", "error", _text, shown=False),
)


def _ranges(days: Sequence[date]) -> str:
    """Days in a row as `3 to 5 November 2026`, others on their own."""
    runs: list[list[date]] = []
    for day in days:
        if runs and runs[-1][-1] + timedelta(days=1) == day:
            runs[-1].append(day)
        else:
            runs.append([day])
    shown = [span(run[0], run[-1]) for run in runs]
    rest = f" and {len(shown) - 5} more gaps" if len(shown) > 5 else ""
    return ", ".join(shown[:5]) + rest


def span(first: date, last: date) -> str:
    """`3 to 9 November 2026`."""
    if first == last:
        return f"{first.day} {first:%B %Y}"
    same_month = (first.year, first.month) == (last.year, last.month)
    begin = str(first.day) if same_month else f"{first.day} {first:%B}"
    begin += "" if first.year == last.year else f" {first.year}"
    return f"{begin} to {last.day} {last:%B %Y}"


def _when(status: Status, moment: datetime) -> str:
    return _minute(_iso(status, moment))


def _iso(status: Status, moment: datetime) -> str:
    """In the zone of `status.now`."""
    return moment.astimezone(status.now.tzinfo).isoformat(timespec="seconds")
