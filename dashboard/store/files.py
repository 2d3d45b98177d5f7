"""FileStore: a folder of days, kept current.

One writer at a time takes in what changed and publishes immutable states of days; readers work on the
states they find. Days are read newest first. Rows are kept for the days last asked for and read again
when another view needs them; sums are kept for all days.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from ..filters import Filter
from . import lines
from .base import MEASURES, ROW_COLUMNS, SUM_FACETS, Health, Problem
from .day import NAME, Day, Reader
from .shelf import Shelf
from .sums import summed
from .table import Array, Table, categorical, concat, frame, in_order
from .watch import Watch

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TOGETHER = 0.02  # seconds in which changes are taken together
_SELDOM = 15  # one poll in so many lists the whole folder


def _now() -> datetime:
    return datetime.now(UTC)


class FileStore:
    """The store over a folder of `api-calls-YYYY-MM-DD.jsonl` files; see `base.Store`.

    `load` reads at once what a view needs, `start` reads the rest in the background and watches,
    `refresh` looks for changes once. The folder need not exist. `cache_dir` may be shared by folders.
    """

    def __init__(
        self,
        folder: Path,
        zone: ZoneInfo,
        *,
        cache_dir: Path | None = None,
        clock: Callable[[], datetime] = _now,
        poll_seconds: float = 2.0,
        row_budget: int = 400_000,
    ) -> None:
        self.folder = folder
        self.zone = zone
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._reader = Reader(folder, zone)
        self._shelf = Shelf(row_budget)
        self._state = threading.Condition()
        self._writing = threading.RLock()
        self._reading_rows = threading.Lock()
        self._days: dict[str, Day] = {}
        self._waiting: list[str] = []
        self._version = 0
        self._health = Health()
        self._folder_problem: str | None = None
        self._last_change: datetime | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._told: set[str] = set()
        self._watch = Watch(folder, self._tell)

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

    def sums(self, view: Filter, *, tasks: bool = False) -> pd.DataFrame:
        """Hourly sums of the view: `hour`, the facets, the measures; with `tasks` also per `task_id`."""
        facets = (*SUM_FACETS, "task_id") if tasks else SUM_FACETS
        if tasks or view.tasks:
            table = summed(self._chosen_rows(view)[0], tasks=tasks)
        else:
            table = self._chosen_sums(view)
        hour = _moments(table.numbers["hour"], "s", self.zone)
        return frame(table, dict.fromkeys(facets, "category") | MEASURES, {"hour": hour})

    def rows(self, view: Filter) -> pd.DataFrame:
        """The lines of the view, oldest first."""
        table, dates = self._chosen_rows(view)
        time = _moments(table.numbers["time"], "us", self.zone)
        day = pd.Series(categorical(table.numbers["day"], pa.array(dates, pa.string())))
        return frame(table, ROW_COLUMNS, {"time": time, "day": day})

    def line(self, day: str, offset: int) -> dict[str, Any] | None:
        """The whole record of a line named by `rows`; None when it is no longer there."""
        raw = self._reader.line(day, offset)
        return lines.record(raw) if raw else None

    def problems(self, days: Iterable[str] | None = None) -> Iterator[Problem]:
        """Every bad line of the days given (of all by default), oldest day first."""
        held = self._days
        for name in sorted(held if days is None else set(days) & set(held)):
            yield from self._reader.problems(held[name])

    def _chosen_sums(self, view: Filter) -> Table:
        since, until = _microseconds(view.since), _microseconds(view.until)
        parts = [day.sums for day in self._overlapping(since, until) if day.sums is not None]
        if not parts:
            return summed(_no_rows(self.zone))
        table = concat(parts)
        hours = table.numbers["hour"] * 1_000_000
        keep = (hours >= since) & (hours < until)
        return (table if keep.all() else table.take(keep)).chosen(view.choices)

    def _chosen_rows(self, view: Filter) -> tuple[Table, list[str]]:
        """The rows of the view with `day` as codes into the dates that come with them."""
        since, until = _microseconds(view.since), _microseconds(view.until)
        dates, parts = [], []
        for day in self._overlapping(since, until):
            for table in self._rows_of(day):
                part = _within(table, since, until).chosen(view.choices)
                numbers = {**part.numbers, "day": np.full(len(part), len(dates), dtype=np.int32)}
                parts.append(replace(part, numbers=numbers))
            dates.append(day.date)
        if parts:
            return in_order(parts, "time"), dates
        none = _no_rows(self.zone)
        return replace(none, numbers={**none.numbers, "day": np.zeros(0, np.int32)}), dates

    def _overlapping(self, since: int, until: int) -> list[Day]:
        """The days that hold a call in a range of microseconds, oldest first."""
        days = sorted(self._days.values(), key=lambda day: day.date)
        return [day for day in days if day.lines and day.first < until and day.last + 3_600_000_000 >= since]

    def _rows_of(self, day: Day) -> list[Table]:
        """The rows of a day in order of time, from memory if they are there."""
        held = self._shelf.get(day)
        if held is not None and len(held) == 1:
            return held
        with self._reading_rows:
            held = self._shelf.get(day)
            if held is None:
                held = self._reader.rows(day)
            if len(held) > 1:
                held = [in_order(held, "time")]
            self._shelf.put(day, held)
        return held

    # What is read when

    def load(self, view: Filter | None = None) -> None:
        """Read at once the days a view needs, or all. Starts no thread."""
        with self._writing:
            self._list()
            needed = (
                self._waiting if view is None else [d for d in self._waiting if _near(d, view, self.zone)]
            )
            for name in list(needed):
                self._take_in(name)
            self._publish(changed=bool(needed))

    def refresh(self) -> bool:
        """Look for changes once, and read days not yet read; whether anything changed."""
        with self._writing:
            before = self._version
            self._list()
            for name in [*self._waiting, *self._days]:
                self._take_in(name)
            return self._version != before

    def start(self) -> None:
        """Read all days in the background, newest first, and watch the folder from then on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="callmeter store", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop watching and reading."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._watch.stop()

    def _list(self) -> None:
        """Learn which days there are; days without files are forgotten."""
        names, self._folder_problem = _listed(self.folder)
        gone = [name for name in self._days if name not in names]
        for name in gone:
            self._forget(name)
        self._waiting = sorted((name for name in names if name not in self._days), reverse=True)
        self._publish(changed=bool(gone))

    def _forget(self, name: str) -> None:
        self._days = {date: day for date, day in self._days.items() if date != name}
        self._shelf.drop(name)

    def _take_in(self, name: str) -> None:
        """Bring one day up to date and publish it if it changed."""
        before, seen = self._days.get(name), self._reader.seen(name)
        if before is not None and before.seen == seen:
            return
        if seen.plain is None and seen.gz is None:
            self._forget(name)
            self._publish(changed=True)
            return
        after, fresh = self._reader.next(before, seen, name)
        self._keep_rows(before, after, fresh)
        self._days = {**self._days, name: after}
        self._waiting = [date for date in self._waiting if date != name]
        if before is not None and after.lines > before.lines:
            self._last_change = self._clock()
        self._publish(changed=before is None or before.content != after.content)

    def _keep_rows(self, before: Day | None, after: Day, fresh: list[Table]) -> None:
        grown = before is not None and before.lines and after.plain and after.lines >= before.lines
        if not grown or before is None:
            self._shelf.put(after, fresh, old=before is None)
            return
        held = self._shelf.get(before)
        if held is None or before.lines + sum(map(len, fresh)) != after.lines:
            self._shelf.drop(after.date)
        else:
            self._shelf.put(after, [*held, *fresh])

    def _publish(self, *, changed: bool) -> None:
        health = self._examined()
        with self._state:
            if changed or health != self._health:
                self._health = health
                self._version += 1
                self._state.notify_all()

    def _examined(self) -> Health:
        days = sorted(self._days.values(), key=lambda day: day.date)
        filled = [day for day in days if day.lines]
        names = sorted([*self._days, *self._waiting])
        last_call = max((day.last_call for day in filled), default=None)
        return Health(
            lines=sum(day.lines for day in days),
            bad_lines=sum(day.bad for day in days),
            problems=tuple(problem for day in days for problem in (*day.faults, *day.problems)),
            days=len(filled),
            days_loaded=len(days),
            days_total=len(names),
            first_day=names[0] if names else None,
            last_day=names[-1] if names else None,
            last_call=None if last_call is None else _moment(last_call, self.zone),
            last_change=self._last_change,
            watching=self._how(),
            folder_problem=self._folder_problem,
            extra=_extra(days),
        )

    def _how(self) -> str:
        if self._thread is None:
            return "off"
        return "events" if self._watch.alive else "polling"

    # The thread

    def _tell(self, path: str) -> None:
        self._told.add(os.path.basename(path))  # noqa: PTH119 - called for every event
        self._wake.set()

    def _run(self) -> None:
        self.refresh()
        while not self._stop.is_set():
            self._watch.keep()
            self.refresh()
            self._wake.wait(self._poll_seconds)
            self._stop.wait(_TOGETHER)
            self._wake.clear()


def _listed(folder: Path) -> tuple[set[str], str | None]:
    """The days in a folder, and what is wrong with the folder."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return set(), f"{folder} does not exist yet; it is made when the first call is logged."
    except NotADirectoryError:
        return set(), f"{folder} is not a folder; name the folder that holds the log files."
    except OSError as error:
        return set(), f"{folder} cannot be read ({error.strerror}); check its permissions."
    return {found[1] for name in names if (found := NAME.fullmatch(name)) and _is_date(found[1])}, None


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _near(name: str, view: Filter, zone: ZoneInfo) -> bool:
    """Whether a day's file may hold calls of the view: the writer may have lived in another zone."""
    day, around = date.fromisoformat(name), timedelta(days=1)
    return view.since.astimezone(zone).date() - around <= day <= view.until.astimezone(zone).date() + around


def _extra(days: list[Day]) -> dict[str, int]:
    counts = {
        "other_day": sum(day.other_day for day in days),
        "unfinished": sum(day.unfinished for day in days),
        "faulty_files": sum(len(day.faults) for day in days),
    }
    return {name: count for name, count in counts.items() if count}


def _within(table: Table, since: int, until: int) -> Table:
    """The rows of a table in order of time that lie in a range."""
    first, last = np.searchsorted(table.numbers["time"], [since, until])
    return table if last - first == len(table) else table.take(slice(int(first), int(last)))


def _no_rows(zone: ZoneInfo) -> Table:
    return lines.decode(b"", zone).rows


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(microseconds: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + microseconds * _MICROSECOND).astimezone(zone)


def _moments(values: Array, unit: str, zone: ZoneInfo) -> pd.Series:
    """Whole seconds or microseconds as times in the zone."""
    times = pd.Series(values.astype(np.int64, copy=False).view(f"M8[{unit}]"))
    return times.dt.tz_localize("UTC").dt.tz_convert(zone)
