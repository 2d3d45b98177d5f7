"""Every attempt to sync, in `logs/billing/sync.jsonl`: a line when it starts, one for each row of days that
was read whole, and one when it ends. A start without an end, and nobody at work: it broke off.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from ..jsonl import LinesFile, moment

FILE = "sync.jsonl"

Outcome = Literal["ok", "failed", "partial", "stopped"]
By = Literal["command", "follow", "server"]

_MOST_DAYS = 400
"""No line tells of more days than that."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. `outcome` None: it goes on, or broke off."""

    id: str
    started: datetime
    by: str
    since: date | None = None
    until: date | None = None
    """The days that were to be read lie within these."""
    planned: int = 0
    read: Mapping[date, datetime] = field(default_factory=dict)
    """Day -> when both its reports were read."""
    ended: datetime | None = None
    outcome: str | None = None
    generations: tuple[str, ...] = ()
    pages: int = 0
    rows: int = 0
    snapshots: int = 0
    """How many were new."""
    usd: float | None = None
    error: str = ""
    error_type: str = ""
    retry_after: float | None = None

    @property
    def worked(self) -> bool:
        """Whether all it planned was read."""
        return self.outcome == "ok"

    @property
    def missed(self) -> list[date]:
        """Days it was to read and did not, or that lie between such."""
        if self.worked or self.since is None or self.until is None:
            return []
        days = min((self.until - self.since).days, 10 * _MOST_DAYS)
        every = (self.since + timedelta(days=number) for number in range(days + 1))
        return [day for day in every if day not in self.read]


class SyncLog:
    """The attempts of a folder. For several threads and processes. All raise FolderError."""

    def __init__(self, folder: Path) -> None:
        self._file = LinesFile(folder / FILE)
        self._lock = threading.Lock()
        self._seen: tuple[Sequence[Any], int] = ((), -1)
        self._attempts: list[Attempt] = []

    def attempts(self) -> list[Attempt]:
        """All of them, oldest first."""
        with self._lock:
            records = self._file.records()
            seen = (records, len(records))
            if seen[0] is not self._seen[0] or seen[1] != self._seen[1]:
                self._seen, self._attempts = seen, _attempts(records)
            return list(self._attempts)

    def problems(self) -> list[str]:
        """A sentence for each line that could not be understood, of the file as it is now.

        What stands before a sync that worked is made up for, and not told any more.
        """
        with self._lock:
            records = self._file.records()
            lines = zip(self._file.places(), records, strict=True)
            good = max((line for line, record in lines if record.get("outcome") == "ok"), default=0)
            return [str(bad) for bad in self._file.bad if bad.line > good]

    def started(self, at: datetime, by: By, days: Sequence[date]) -> str:
        """Note that an attempt begins; its id."""
        attempt = secrets.token_hex(4)
        bounds = (str(days[0]), str(days[-1])) if days else (None, None)
        self._note("started", attempt, at, by=by, since=bounds[0], until=bounds[1], planned=len(days))
        return attempt

    def read(self, attempt: str, at: datetime, since: date, until: date) -> None:
        """Note that days were read whole and are on disk."""
        self._note("read", attempt, at, since=str(since), until=str(until))

    def ended(self, attempt: str, at: datetime, outcome: Outcome, **more: Any) -> None:
        """Note how it ended. more: fields of `Attempt` as plain data."""
        self._note("ended", attempt, at, outcome=outcome, **more)

    def _note(self, event: str, attempt: str, at: datetime, **fields: Any) -> None:
        said = {name: value for name, value in fields.items() if value not in (None, "")}
        spelled = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._lock:
            self._file.append([{"event": event, "attempt": attempt, "at": spelled, **said}])


def last_readings(attempts: Sequence[Attempt]) -> dict[date, datetime]:
    """When each day was read last."""
    found: dict[date, datetime] = {}
    for attempt in attempts:
        found.update(attempt.read)
    return found


def failures(attempts: Sequence[Attempt]) -> int:
    """How many of the last attempts did not work, one after another."""
    for count, attempt in enumerate(reversed(attempts)):
        if attempt.worked:
            return count
    return len(attempts)


def _attempts(records: Sequence[Mapping[str, Any]]) -> list[Attempt]:
    found: dict[str, Attempt] = {}
    for record in records:
        id_, at = record.get("attempt"), moment(record.get("at"))
        if not isinstance(id_, str) or at is None:
            continue
        if record.get("event") == "started":
            found[id_] = _begun(id_, at, record)
        elif id_ in found and record.get("event") == "read":
            found[id_] = replace(found[id_], read={**found[id_].read, **_days_read(record, at)})
        elif id_ in found and record.get("event") == "ended":
            found[id_] = _over(found[id_], at, record)
    return list(found.values())


def _begun(id_: str, at: datetime, record: Mapping[str, Any]) -> Attempt:
    since, until = _day(record.get("since")), _day(record.get("until"))
    return Attempt(id_, at, _text(record, "by"), since, until, _whole(record, "planned"))


def _days_read(record: Mapping[str, Any], at: datetime) -> dict[date, datetime]:
    since, until = _day(record.get("since")), _day(record.get("until"))
    if since is None or until is None or (until - since).days > _MOST_DAYS:
        return {}
    return {since + timedelta(days=number): at for number in range((until - since).days + 1)}


def _over(begun: Attempt, at: datetime, record: Mapping[str, Any]) -> Attempt:
    generations = record.get("generations")
    return replace(
        begun,
        ended=at,
        outcome=_text(record, "outcome") or None,
        generations=tuple(map(str, generations)) if isinstance(generations, list) else (),
        pages=_whole(record, "pages"),
        rows=_whole(record, "rows"),
        snapshots=_whole(record, "snapshots"),
        usd=_number(record, "usd"),
        error=_text(record, "error"),
        error_type=_text(record, "error_type"),
        retry_after=_number(record, "retry_after"),
    )


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _whole(record: Mapping[str, Any], name: str) -> int:
    value = record.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _number(record: Mapping[str, Any], name: str) -> float | None:
    value = record.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None
