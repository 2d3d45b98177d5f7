"""Which days a sync reads, in which order, and from which of Anthropic's reports. Pure.

A day is read until it is settled. After that its numbers may still be revised for a month, so it is looked at
once a day; older days are left alone. What broke off is planned again: a plan knows only what is not there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from .client import in_analytics
from .snapshots import Generation

TRAILING = 3
"""Today and so many days before it are always read."""

REVISED = 30
"""Days whose numbers may still change a little."""

DAILY = timedelta(hours=23)
"""How long after a reading such a day is read again; a daily job may be a little early."""

CHUNK = 10
"""Days that are asked for together: so many are lost at most when a sync breaks off."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is here of a day: both reports, of one reading."""

    generation: Generation
    over: bool
    settled: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sync is to read, and what it finds."""

    now: datetime
    days: int = 30
    """Today (UTC) and the days before it, so many in all."""
    again: bool = False
    """Whether everything is read again."""
    held: Mapping[date, Held] = field(default_factory=dict)
    read: Mapping[date, datetime] = field(default_factory=dict)
    """When a day was read last, whether or not it said anything new."""
    unfinished: Collection[date] = ()
    """Days that an earlier sync did not come to: they go first."""

    @property
    def today(self) -> date:
        """The UTC day that is running."""
        return self.now.astimezone(UTC).date()

    @property
    def every(self) -> list[date]:
        """All days that are asked for, in order."""
        return [self.today - timedelta(days=back) for back in range(self.days - 1, -1, -1)]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Days in a row that are read together, from `since` to `until`, both included."""

    since: date
    until: date
    generation: Generation

    @property
    def days(self) -> list[date]:
        """The days, in order."""
        return [self.since + timedelta(days=n) for n in range((self.until - self.since).days + 1)]


def due(asked: Asked) -> list[date]:
    """The days to read, in order."""
    return [day for day in asked.every if asked.again or _is_due(asked, day)]


def _is_due(asked: Asked, day: date) -> bool:
    age, held = (asked.today - day).days, asked.held.get(day)
    if age <= TRAILING or held is None or not held.settled:
        return True
    last = asked.read.get(day)
    return age <= REVISED and (last is None or last > asked.now or asked.now - last >= DAILY)


def chunks(asked: Asked, days: Iterable[date], *, legacy: bool = False) -> list[Chunk]:
    """The days in the order in which they are read: what did not work before first, then the newest first.

    legacy: whether only the legacy reports can be had. Days that are held whole from the newer ones and
    that only the legacy ones still have are left out: what is held says more.
    """
    wanted: list[tuple[date, Generation]] = []
    for day in sorted(days):
        if not legacy and in_analytics(day, asked.now):
            wanted.append((day, "analytics"))
        elif not _says_more(asked.held.get(day)):
            wanted.append((day, "legacy"))
    made = list(_in_rows(wanted))
    made.sort(key=lambda chunk: (not _went_wrong(asked, chunk), -chunk.until.toordinal()))
    return made


def _says_more(held: Held | None) -> bool:
    return held is not None and held.generation == "analytics" and held.over


def _went_wrong(asked: Asked, chunk: Chunk) -> bool:
    return any(day in asked.unfinished for day in chunk.days)


def _in_rows(wanted: Iterable[tuple[date, Generation]]) -> Iterator[Chunk]:
    """Runs of days that follow each other, none longer than `CHUNK`."""
    run: Chunk | None = None
    for day, generation in wanted:
        follows = run and run.until + timedelta(days=1) == day and run.generation == generation
        if run and follows and len(run.days) < CHUNK:
            run = Chunk(run.since, day, generation)
            continue
        if run:
            yield run
        run = Chunk(day, day, generation)
    if run:
        yield run


def wait(hours: float, failures: int, retry_after: float | None = None) -> float:
    """Seconds until the next sync: after failures less, twice as many each time, and never before Anthropic
    said.
    """
    whole = hours * 3600
    after = whole if not failures else min(whole, FIRST_RETRY * 2.0 ** min(failures - 1, 20))
    return max(after, retry_after or 0.0)


FIRST_RETRY = 120.0
"""Seconds until a sync that failed is tried again."""
