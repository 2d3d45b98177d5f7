"""What is looked at: a range of whole hours and a choice of values of facets.

Ranges are made of whole hours of the viewer's time zone, so that hourly sums answer them exactly:
`24h` is the running hour and the 23 before it; `7d` and `30d` are today and the 6 or 29 days before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NONE = ""
"""How a facet spells "not given": a call without a project, task or worker."""

OUTCOMES = ("ok", "failed")
RANGES = ("24h", "7d", "30d")
_DAYS = {"7d": 7, "30d": 30}


@dataclass(frozen=True, slots=True)
class Filter:
    """The view: `since` <= start of the call < `until`, both aware and on whole local hours.

    An empty choice of a facet means all of its values; `NONE` chooses calls without a value.
    """

    since: datetime
    until: datetime
    models: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    workers: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    outcome: str | None = None

    @property
    def choices(self) -> dict[str, frozenset[str]]:
        """Frame column -> chosen values, for the facets that are narrowed."""
        outcome = frozenset([self.outcome]) if self.outcome else frozenset()
        every = {
            "model": self.models,
            "project": self.projects,
            "task_id": self.tasks,
            "worker_id": self.workers,
            "source": self.sources,
            "outcome": outcome,
        }
        return {column: chosen for column, chosen in every.items() if chosen}

    def before(self, now: datetime) -> Filter:
        """The same choice over the period before, as far into it as `now` is into this one.

        Days are moved by the calendar, so that Monday 09:00 is compared with Monday 09:00 across DST.
        """
        zone = self.since.tzinfo
        span = self.until.astimezone(UTC) - self.since.astimezone(UTC)
        ends = min(self.until, hour_after(now.astimezone(zone)), key=lambda moment: moment.astimezone(UTC))
        if span < timedelta(hours=23):
            since, until = ((end.astimezone(UTC) - span).astimezone(zone) for end in (self.since, ends))
            return replace(self, since=since, until=until)
        days = timedelta(days=max(1, round(span / timedelta(days=1))))
        return replace(self, since=self.since - days, until=ends - days)  # by the wall clock of the zone


def hour_of(moment: datetime) -> datetime:
    """The start of the hour, of its own zone, that holds `moment`; of the two repeated ones the right one."""
    past = timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)
    return (moment.astimezone(UTC) - past).astimezone(moment.tzinfo)


def hour_after(moment: datetime) -> datetime:
    """The first whole hour after `moment`, or `moment` itself when it is one."""
    start = hour_of(moment)
    if start == moment:
        return start
    return (start.astimezone(UTC) + timedelta(hours=1)).astimezone(moment.tzinfo)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a local day."""
    return datetime.combine(day, time(), tzinfo=zone)


def days(since: date, until: date, zone: ZoneInfo) -> Filter:
    """The local days from `since` to `until`, both included."""
    return Filter(midnight(since, zone), midnight(until + timedelta(days=1), zone))


def last(name: str, now: datetime, zone: ZoneInfo) -> Filter:
    """One of `RANGES`, ending with the hour (24h) or the day (7d, 30d) that holds `now`."""
    here = now.astimezone(zone)
    if name == "24h":
        until = (hour_of(here).astimezone(UTC) + timedelta(hours=1)).astimezone(zone)
        return Filter(hour_of((until.astimezone(UTC) - timedelta(hours=24)).astimezone(zone)), until)
    today = here.date()
    return days(today - timedelta(days=_DAYS[name] - 1), today, zone)
