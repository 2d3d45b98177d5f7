"""Anthropic's reports without a network: one call after another of a made-up organisation, and faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from dashboard.billing.client import DayRows, Names, Progress, in_analytics
from dashboard.billing.snapshots import Generation, Kind

MODEL = "claude-opus-5-5"


@dataclass
class FakeReports:
    """`Reports`. Calls cost a cent each; a report knows those made before `now`, less those `late`."""

    now: Callable[[], datetime]
    calls: list[datetime] = field(default_factory=list)
    late: set[int] = field(default_factory=set)
    """Places of calls that Anthropic has not counted yet."""
    faults: list[Exception | None] = field(default_factory=list)
    """One for each report asked for, in order: what it raises after its first page."""
    beta: Exception | None = None
    """Raised by every newer report."""
    called: Names = field(default_factory=lambda: Names({"w1": "Night"}, {"k1": "pi"}, "w1"))
    no_names: Exception | None = None
    refreshed: dict[Kind, datetime] = field(default_factory=dict)
    """Up to when its numbers are current, where it tells."""
    name: str = "Night Works"
    asked: list[tuple[Kind, date, date, Generation]] = field(default_factory=list)

    def days(
        self, kind: Kind, since: date, until: date, generation: Generation, progress: Progress
    ) -> list[DayRows]:
        """See `Reports.days`."""
        self.asked.append((kind, since, until, generation))
        if generation == "analytics":
            assert in_analytics(since, self.now())
            if self.beta:
                raise self.beta
        progress(1)
        fault = self.faults.pop(0) if self.faults else None
        if fault:
            raise fault
        days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
        current = self.refreshed.get(kind)
        return [DayRows(kind, day, self._rows(kind, day, generation), generation, current) for day in days]

    def _rows(self, kind: Kind, day: date, generation: Generation) -> list[dict[str, Any]]:
        count = self.truth(day)
        if not count:
            return []
        facets = {"model": MODEL, "workspace_id": "w1" if generation == "analytics" else None}
        if kind == "usage":
            return [facets | {"api_key_id": "k1", "tokens_output": count, "requests": count}]
        return [
            facets | {"cost_type": "tokens", "kind": "tokens_output", "amount_usd": round(count / 100, 2)}
        ]

    def truth(self, day: date) -> int:
        """The calls of a UTC day that Anthropic knows of now."""
        known = (at for place, at in enumerate(self.calls) if place not in self.late)
        return sum(at.date() == day and at <= self.now() for at in known)

    def names(self) -> Names:
        """See `Reports.names`."""
        if self.no_names:
            raise self.no_names
        return self.called

    def organization(self) -> str | None:
        """See `Reports.organization`."""
        return self.name

    @contextmanager
    def open(self) -> Iterator[FakeReports]:
        """What `sync` opens."""
        yield self


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    time: datetime

    def __call__(self) -> datetime:
        return self.time

    def move(self, **span: float) -> None:
        """Let time pass."""
        self.time += timedelta(**span)
