"""The condition of the reading: the log folder's, and the days' taken together as `Health`."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ..filters import Filter
from .base import Health
from .day import NAME, Day, Seen
from .selection import microseconds, moment, overlapping
from .tail import Stamp, stamp_of

_COARSE = timedelta(minutes=1)
"""More than any file system rounds the time of a file down."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The days a folder holds, and a sentence when it is missing or may not be read."""

    days: frozenset[str] = frozenset()
    problem: str | None = None


def listing(folder: Path, known: frozenset[str]) -> Listing:
    """The days with a log file, by the names alone; the `known` ones while the folder may not be read."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are all that is wanted of a thousand files
    except FileNotFoundError:
        return Listing(problem=f"{folder} does not exist yet; it is made when the first call is logged.")
    except NotADirectoryError:
        return Listing(problem=f"{folder} is not a folder; name the folder that holds the log files.")
    except OSError as error:
        return Listing(known, f"{folder} cannot be read ({error.strerror}); check its permissions.")
    return Listing(frozenset(day for name in names if (day := day_of(name))))


def day_of(name: str) -> str | None:
    """The day a file name stands for, None when it is no log file's."""
    found = NAME.fullmatch(name)
    try:
        return date.fromisoformat(found[1]).isoformat() if found else None
    except ValueError:
        return None


def folder_stamp(folder: Path) -> Stamp | None:
    """The folder's own stamp: it changes when files come or go. None when it cannot be looked at."""
    try:
        return stamp_of(folder.stat())
    except OSError:
        return None


def near(day: str, view: Filter, zone: ZoneInfo) -> bool:
    """Whether a day's file may hold calls of the view: the writer may have lived in another zone."""
    around, own = timedelta(days=1), date.fromisoformat(day)
    return view.since.astimezone(zone).date() - around <= own <= view.until.astimezone(zone).date() + around


def ended(day: str, seen: Seen, view: Filter) -> bool:
    """Whether a day before the view was last written to before it: no call of the view is in its files.

    A gzipped file has the time of the file it was made of.
    """
    written = max((stamp.mtime_ns for stamp in (seen.plain, seen.gz) if stamp), default=0)
    return _before(day, view) and written // 1000 < microseconds(view.since - _COARSE)


def astray(day: str, seen: Seen, cached: Day | None, view: Filter) -> bool:
    """Whether files of a day far from the view may hold calls of it all the same.

    The first logger chose its file when it started and wrote to it for as long as it ran, so that days
    before the view stay open; in days after it, only what is known from the cache counts.
    """
    if cached is not None and overlapping([cached], view):
        return True
    return _before(day, view) and (cached is None or not cached.seen.same_content(seen))


def _before(day: str, view: Filter) -> bool:
    return day < view.since.date().isoformat()


def examined(
    held: Iterable[Day],
    names: Collection[str],
    zone: ZoneInfo,
    *,
    watching: str,
    problem: str | None,
    last_change: datetime | None,
    superseded: int,
) -> Health:
    """Health of the days held, of which `names` are all there are."""
    days = sorted(held, key=lambda day: day.date)
    last_call = max((day.last_call for day in days if day.lines), default=None)
    return Health(
        lines=sum(day.lines for day in days),
        bad_lines=sum(day.bad for day in days),
        problems=tuple(problem for day in days for problem in (*day.faults, *day.problems)),
        days=sum(day.lines > 0 for day in days),
        days_loaded=len(days),
        days_total=len(names),
        first_day=min(names, default=None),
        last_day=max(names, default=None),
        last_call=None if last_call is None else moment(last_call, zone),
        last_change=last_change,
        watching=watching,
        folder_problem=problem,
        extra=_extra(days, superseded),
    )


def _extra(days: list[Day], superseded: int) -> dict[str, int]:
    counts = {
        "superseded": superseded,
        "other_day": sum(day.other_day for day in days),
        "unfinished": sum(day.unfinished for day in days),
        "faulty_files": sum(len(day.faults) for day in days),
    }
    return {name: count for name, count in counts.items() if count}
