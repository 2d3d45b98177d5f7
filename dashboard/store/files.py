"""FileStore: a folder of days, kept current.

One writer at a time takes in what changed and publishes immutable states of days; readers work on the
states they find. Days are read newest first. Sums are kept for all days; rows only for the days last asked
for, and are read again, from the cache or the log, when another view needs them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ..filters import Filter
from . import condition, duplicates, lines, selection
from .base import ROW_COLUMNS, Health, Problem
from .cache import Cache
from .condition import Listing
from .counted import Counted
from .day import Day, Reader, Seen
from .duplicates import Duplicate
from .follow import Follower
from .memory import give_back
from .shelf import Shelf
from .sums import summed
from .superseded import Superseded, superseded
from .table import Table, concat, inserted

_LIVE_ROWS = 5_000
"""Lines the newest day may have grown by before its cached form is renewed."""

_MANY_ROWS = 50_000
"""Rows read after which there is memory to give back."""


def _now() -> datetime:
    return datetime.now(UTC)


class FileStore:
    """The store over a folder of `api-calls-YYYY-MM-DD.jsonl` files; see `base.Store`.

    `load` reads at once what a view needs, `start` reads everything in the background and watches,
    `refresh` looks for changes once. The folder need not exist. `cache_dir` may be shared by folders;
    None means no cache. About `row_budget` rows stay in memory.
    """

    def __init__(
        self,
        folder: Path,
        zone: ZoneInfo,
        *,
        cache_dir: Path | None = None,
        clock: Callable[[], datetime] = _now,
        poll_seconds: float = 2.0,
        row_budget: int = 320_000,
        events: bool = True,
    ) -> None:
        self.folder = folder
        self.zone = zone
        self._clock = clock
        self._reader = Reader(folder, zone)
        self._cache = Cache(cache_dir, folder, zone)
        self._shelf = Shelf(row_budget)
        self._state = threading.Condition()
        self._writing = threading.RLock()
        self._reading_rows = threading.Lock()
        self._days: dict[str, Day] = {}
        self._counted = Counted(self._shelf)
        self._listing = Listing()
        self._complete = False  # whether all days have been read once
        self._changed = False  # whether a day changed since the last publishing
        self._touched: set[str] = set()  # days that changed since they were cached
        self._cached_rows: dict[str, object] = {}  # content of the days whose rows were cached
        self._version = 0
        self._health = Health()
        self._last_change: datetime | None = None
        self._rows_given = 0  # since memory was given back
        self._follower = Follower(self, poll_seconds, events=events)

    def __enter__(self) -> FileStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What readers ask

    @property
    def version(self) -> int:
        """Grows when, and only when, data or health changed."""
        return self._version

    def wait(self, version: int, timeout: float) -> int:
        """Block until `self.version != version` or `timeout` seconds are over; the version then."""
        with self._state:
            self._state.wait_for(lambda: self._version != version, timeout)
            return self._version

    def health(self) -> Health:
        """How the reading goes."""
        return self._health

    def newest_call(self) -> datetime | None:
        """When the newest call of the days read so far started."""
        last = max((day.last for day in self._days.values() if day.lines), default=None)
        return None if last is None else selection.moment(last, self.zone)

    def sums(self, view: Filter, *, tasks: bool = False) -> pd.DataFrame:
        """Hourly sums of the view: `hour`, the facets, the measures; with `tasks` also per `task_id`."""
        if tasks or view.tasks:
            table = summed(self._rows(view, None)[0], tasks=tasks)
        else:
            table = selection.chosen_sums(self._counted.days(self._days.values()), view, self.zone)
        self._rows_given += len(table)
        return selection.sums_frame(table, self.zone, tasks=tasks)

    def rows(self, view: Filter, *, columns: Collection[str] | None = None) -> pd.DataFrame:
        """The lines of the view, oldest first; with `columns` no others but `time`, which is quicker."""
        table, dates = self._rows(view, columns)
        return selection.rows_frame(table, dates, self.zone, ROW_COLUMNS if columns is None else columns)

    def line(self, day: str, offset: int) -> dict[str, Any] | None:
        """The whole record of a line named by `rows`; None when it is no longer there."""
        raw = self._reader.line(day, offset)
        return lines.record(raw) if raw else None

    def note(self, day: str, offset: int) -> str | None:
        """A sentence when a line counts otherwise than its record says."""
        return self._counted.note(day, offset)

    def problems(self, days: Iterable[str] | None = None) -> Iterator[Problem]:
        """Every bad line of the days given (of all by default), oldest day first."""
        held = self._days
        for name in sorted(held if days is None else set(days) & set(held)):
            yield from self._reader.problems(held[name])

    def superseded(self) -> list[Superseded]:
        """The lines read so far that do not count as they stand, for others tell of the same calls."""
        days = [self._days[name] for name in sorted(self._days)]
        return list(superseded(self._reader, days, self._counted.overlaps))

    def duplicates(self) -> list[Duplicate]:
        """Ids that more than one of the lines counted so far has. Reads all files."""
        return duplicates.duplicates(self._reader, [self._days[name] for name in sorted(self._days)])

    def _rows(self, view: Filter, columns: Collection[str] | None) -> tuple[Table, list[str]]:
        rows_of = partial(self._counted.rows, rows_of=self._rows_of, grows=self._is_newest)
        found = selection.chosen_rows(self._days.values(), rows_of, view, self.zone, columns)
        self._rows_given += len(found[0])
        return found

    def _is_newest(self, day: Day) -> bool:
        return day.date == max(self._days, default=day.date)

    def _tidy(self) -> None:
        """Give free memory back once a large view was drawn and let go."""
        if self._rows_given > _MANY_ROWS:
            self._rows_given = 0
            give_back()

    def _rows_of(self, day: Day) -> list[Table]:
        """The rows of a day in order of time, from memory if they are there."""
        held = self._shelf.get(day)
        if held is not None:
            return held
        with self._reading_rows:
            held = self._shelf.get(day)
            if held is None:
                held = self._read_rows(day)
                self._shelf.put(day, held)
        return held

    def _read_rows(self, day: Day) -> list[Table]:
        """The rows of a day from the cache and, for what it lacks, from the log."""
        cached = self._cache.rows(day.date)
        if cached is None or not self._reader.begins_with(day, cached.day):
            rows = inserted([], self._reader.rows(day), "time")
            if self._worth(day):
                self._cache_rows(day, rows)
            return rows
        more = self._reader.rows(day, beyond=cached.day)
        return inserted([cached.table], more, "time")

    # What is read when

    def load(self, view: Filter | None = None) -> None:
        """Read at once the days a view needs, or all. Starts no thread."""
        with self._writing:
            self._list()
            for name in self._waiting():
                if view is None or self._wanted(name, view):
                    self._take_in(name)
                    self._settle()
            self._take_in_reached()
            self._publish()
            self.save()

    def _take_in_reached(self) -> None:
        """Read the days into which runs of the days read reach: of a run counts what its calls leave."""
        held = [self._days[name] for name in sorted(self._days) if len(self._days[name].links.runs)]
        last = max((day.last_call for day in held), default=0)
        until = selection.moment(last, self.zone).date().isoformat()
        for name in self._waiting():
            if held and held[0].date < name <= until:
                self._take_in(name)

    def _wanted(self, name: str, view: Filter) -> bool:
        """Whether a day not read yet may hold calls of the view."""
        if condition.near(name, view, self.zone):
            return True
        seen = self._reader.seen(name)
        if condition.ended(name, seen, view):
            return False
        return condition.astray(name, seen, self._cache.day(name), view)

    def refresh(self) -> bool:
        """Look for changes once, and read days not read yet; whether anything changed."""
        with self._writing:
            before = self._version
            self._list()
            self.look([*self._waiting(), *self._days])
            return self._version != before

    def start(self) -> None:
        """Read all days in the background, newest first, and watch the folder from then on."""
        self._follower.start()

    def close(self) -> None:
        """Stop watching and reading."""
        self._follower.stop()
        self.save()

    # What the follower asks; see `follow.Followed`

    def look(self, names: Iterable[str] | None = None) -> None:
        """Bring days up to date and publish what changed; without names, learn which days there are."""
        with self._writing:
            if names is None:
                self._list()
            for name in names or ():
                self._take_in(name)
            self._publish()
        self._tidy()

    def newest(self, count: int | None = None) -> list[str]:
        """The days that were read, newest first."""
        return sorted(self._days, reverse=True)[:count]

    def read_older(self, seconds: float) -> bool:
        """Read days not read yet, newest first, for about so long; whether there are more."""
        with self._writing:
            deadline = time.monotonic() + seconds
            waiting = self._waiting()
            while waiting and time.monotonic() < deadline:
                self._take_in(waiting.pop(0))
            self._publish()
            return bool(waiting)

    def save(self) -> None:
        """Put into the cache what changed and is worth it."""
        if not self._cache.writable:
            return
        with self._writing:
            due = [
                day for name in sorted(self._touched) if (day := self._days.get(name)) and self._worth(day)
            ]
            gone = {name for name in self._touched if name not in self._days}
            for day in due:
                if self._cached_rows.get(day.date) != day.content:
                    self._cache_rows(day, self._rows_of(day))
            months = {name[:7] for name in [*gone, *(day.date for day in due)]}
            if months:
                self._cache.keep_sums(self._days, months, self._listing.days)
            self._touched -= gone | {day.date for day in due}

    # Writing

    def _waiting(self) -> list[str]:
        """The days not read yet, newest first."""
        return sorted(self._listing.days - self._days.keys(), reverse=True)

    def _list(self) -> None:
        self._listing = condition.listing(self.folder, self._listing.days)
        for name in self._days.keys() - self._listing.days:
            self._forget(name)
        self._publish()

    def _forget(self, name: str) -> None:
        self._changed = self._changed or name in self._days
        self._days = {date: day for date, day in self._days.items() if date != name}
        self._listing = replace(self._listing, days=self._listing.days - {name})
        self._shelf.drop(name)
        self._counted.gone(name)
        self._touched.add(name)

    def _take_in(self, name: str) -> None:
        """Bring one day up to date."""
        before, seen = self._days.get(name), self._reader.seen(name)
        if seen == Seen():
            self._forget(name)
        elif before is None:
            self._take_new(name, seen)
        elif before.seen != seen:
            self._replace(before, *self._reader.next(before, seen, name))

    def _take_new(self, name: str, seen: Seen) -> None:
        """A day this process has not read: as it was cached, if its files are still the same."""
        cached = self._cache.day(name)
        if cached is not None and cached.seen.same_content(seen):
            self._hold(cached.seen_as(seen))
            self._counted.came(name, cached.links)
            return
        after, fresh = self._reader.next(cached, seen, name, sure=True)
        if sum(map(len, fresh)) == after.lines:
            rows = inserted([], fresh, "time")
            self._shelf.put(after, rows, old=True)
            if name != max(self._listing.days, default=name):
                self._cache_rows(after, rows)
        self._hold(after)
        self._counted.came(name, after.links)
        self._touched.add(name)
        if self._complete and after.lines:
            self._last_change = self._clock()

    def _replace(self, before: Day, after: Day, fresh: list[Table]) -> None:
        held = self._shelf.get(before)
        if before.content != after.content:
            came = sum(map(len, fresh))
            if came == after.lines:
                self._shelf.put(after, inserted([], fresh, "time"))
            elif held is not None and before.lines + came == after.lines:
                self._shelf.put(after, inserted(held, fresh, "time"))
            else:
                self._shelf.drop(before.date)
            self._counted.changed(before, after, fresh)
            self._touched.add(before.date)
        if after.lines > before.lines:
            self._last_change = self._clock()
        self._hold(after, changed=before.content != after.content)

    def _hold(self, day: Day, *, changed: bool = True) -> None:
        self._days = {**self._days, day.date: day}
        if day.date not in self._listing.days:
            self._listing = replace(self._listing, days=self._listing.days | {day.date})
        self._changed = self._changed or changed

    def _worth(self, day: Day) -> bool:
        """Whether a day's cached form is worth renewing: the newest day's only now and then."""
        cached = self._cache.day(day.date)
        grown = day.lines - (cached.lines if cached else 0)
        return day.date != max(self._days) or abs(grown) >= _LIVE_ROWS

    def _cache_rows(self, day: Day, rows: list[Table]) -> None:
        if self._cached_rows.get(day.date) == day.content or not rows or not self._cache.writable:
            return
        if sum(map(len, rows)) != day.lines:  # the file changed meanwhile
            return
        if self._cache.keep_rows(day, concat(rows)):
            self._cached_rows[day.date] = day.content

    def _publish(self) -> None:
        self._settle()
        health = self._examined()
        if not self._complete and not health.loading:
            self._complete = True
            if health.lines > _MANY_ROWS:
                give_back()
        with self._state:
            if self._changed or health != self._health:
                self._health = health
                self._changed = False
                self._version += 1
                self._state.notify_all()

    def _settle(self) -> None:
        """See to it that calls of which several lines tell count once."""
        self._counted.settle(lambda name: self._rows_of(self._days[name]))

    def _examined(self) -> Health:
        return condition.examined(
            self._days.values(),
            self._listing.days,
            self.zone,
            watching=self._follower.how,
            problem=self._listing.problem,
            last_change=self._last_change,
            superseded=self._counted.superseded,
        )
