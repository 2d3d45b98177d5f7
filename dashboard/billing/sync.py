"""Bring the folder up to date with Anthropic's reports: the days of a plan, a few at a time.

What was read whole is kept whatever happens to the rest; what was not leaves no trace but a line in the log.
Usage and cost of a day are written together, of one reading, or not at all: should one be lost, the pair
before it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ..errors import CallmeterError, FolderError
from ..numbers import plural
from . import names as names_
from . import plan
from .api_errors import BetaMissing, KeepsChanging, Refused, Rejected, ReportError, ShapeChanged
from .busy import only_one
from .client import DayRows, Names, Reports
from .plan import Asked, Chunk, Held
from .snapshots import KINDS, BillingFolder, Generation, Kind, Pair, Snapshot, end_of, same_bill
from .sync_log import By, Outcome, SyncLog, last_readings

Tell = Callable[[int, int, int], None]
"""Called after each page with days done, days in all, and rows so far; what it raises ends the sync."""

_MOST_TROUBLES = 3
"""Days may be passed over for what only they have; after so many such troubles it is not only they."""


@dataclass(frozen=True, slots=True)
class DayDone:
    """One day that was read whole."""

    day: date
    generation: Generation
    rows: int
    usd: float
    before: float | None
    """USD as known before; None when the day is new."""
    changed: bool
    """Whether a report says something else than before."""
    snapshots: int
    """How many reports were written: both, also when the day is only at another stage now, or none."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a sync came to. `error`: why not all that was planned was read."""

    planned: int
    days: tuple[DayDone, ...] = ()
    kept: int = 0
    """Days that stay as they are, because what is held says more than could be had."""
    pages: int = 0
    remarks: tuple[str, ...] = ()
    error: CallmeterError | None = None

    @property
    def outcome(self) -> Outcome:
        """In a word."""
        if self.error is None:
            return "ok"
        return "partial" if self.days else "failed"

    @property
    def rows(self) -> int:
        """Rows of usage and cost."""
        return sum(one.rows for one in self.days)

    @property
    def usd(self) -> float:
        """What these days cost."""
        return sum(one.usd for one in self.days)

    @property
    def snapshots(self) -> int:
        """How many were new."""
        return sum(one.snapshots for one in self.days)

    @property
    def generations(self) -> list[Generation]:
        """The reports that were read."""
        return sorted({one.generation for one in self.days})


Open = Callable[[], AbstractContextManager[Reports]]
"""Gives the reports, open until they are left. Raises ReportError, for example without a key."""


def sync(
    open_reports: Open,
    folder: Path,
    *,
    clock: Callable[[], datetime],
    days: int = 30,
    again: bool = False,
    by: By = "command",
    tell: Tell = lambda done, planned, rows: None,
) -> Done:
    """Read what is due of today (UTC) and the days before it, `days` in all.

    A trouble with Anthropic or the disk is `Done.error`. Raises BusyError; FolderError when nothing can be
    noted; and what `tell` raises.
    """
    with only_one(folder):
        return _Run(open_reports, folder, clock, tell).go(days, again, by)


class _Run:
    """One sync at work."""

    def __init__(self, open_reports: Open, folder: Path, clock: Callable[[], datetime], tell: Tell) -> None:
        self._open, self._clock, self._tell = open_reports, clock, tell
        self._folder, self._log = BillingFolder(folder), SyncLog(folder)
        self._done: list[DayDone] = []
        self._to_come: list[date] = []
        self._stale: list[date] = []
        self._remarks: list[str] = []
        self._planned = self._pages = self._rows = self._kept = 0
        self._called: Mapping[tuple[str, str], str] = {}
        self._default: str | None = None

    def go(self, days: int, again: bool, by: By) -> Done:
        """Plan, read, and note how it went."""
        asked = self._asked(days, again)
        wanted = plan.due(asked)
        self._planned = len(wanted)
        attempt = self._log.started(self._clock(), by, wanted)
        try:
            done = self._result(self._read_all(asked, wanted, attempt))
        except BaseException as error:
            self._end(attempt, "stopped", self._result(None), type(error).__name__)
            raise
        return self._end(attempt, done.outcome, done)

    def _asked(self, days: int, again: bool) -> Asked:
        now, attempts = self._clock(), self._log.attempts()
        asked = Asked(now, days, again, {}, last_readings(attempts), attempts[-1].missed if attempts else ())
        held = {day: held for day in asked.every if (held := held_of(self._folder, day, now))}
        return Asked(now, days, again, held, asked.read, asked.unfinished)

    def _result(self, error: CallmeterError | None) -> Done:
        days = tuple(sorted(self._done, key=lambda one: one.day))
        remarks = (*self._remarks, *self._older(), *self._clock_ahead())
        kept = self._kept + len(self._stale)
        return Done(self._planned, days, kept, self._pages, remarks, error)

    def _older(self) -> list[str]:
        """That Anthropic answered from numbers that are older than what is here."""
        if not self._stale:
            return []
        first, last, count = min(self._stale), max(self._stale), len(self._stale)
        days = str(first) if count == 1 else f"{plural(count, 'day')} from {first} to {last}"
        return [f"Of {days} Anthropic told older numbers than are here, which stay: sync again later."]

    def _clock_ahead(self) -> list[str]:
        """That days are past here which have not begun at Anthropic."""
        first = min(self._to_come, default=None)
        if first is None or end_of(first) > self._clock():
            return []
        return [f"{first} has not begun at Anthropic: this machine's clock is ahead; set it and sync again."]

    def _end(self, attempt: str, outcome: Outcome, done: Done, stopped: str = "") -> Done:
        """Note the end; one that cannot be noted is what went wrong, unless something else did before."""
        error = done.error
        said: dict[str, Any] = {
            "generations": done.generations,
            "pages": done.pages,
            "rows": done.rows,
            "snapshots": done.snapshots,
            "usd": round(done.usd, 10) if done.days else None,
            "error": str(error) if error else "",
            "error_type": type(error).__name__ if error else stopped,
            "retry_after": getattr(error, "retry_after", None),
        }
        try:
            self._log.ended(attempt, self._clock(), outcome, **said)
        except FolderError as problem:
            return replace(done, error=problem) if error is None else done
        return done

    def _read_all(self, asked: Asked, wanted: Sequence[date], attempt: str) -> CallmeterError | None:
        """Read and write the days; what went wrong first, if anything did."""
        try:
            with self._open() as reports:
                self._learn_names(reports)
                return self._read_chunks(asked, wanted, attempt, reports)
        except (ReportError, FolderError) as error:
            return error

    def _read_chunks(
        self, asked: Asked, wanted: Sequence[date], attempt: str, reports: Reports
    ) -> CallmeterError | None:
        """Chunk by chunk; days that only are in trouble themselves do not keep the others from being read."""
        troubles: list[CallmeterError] = []
        todo = plan.chunks(asked, wanted)
        while todo and len(troubles) < _MOST_TROUBLES:
            chunk, *todo = todo
            try:
                self._read(chunk, attempt, reports)
            except BetaMissing as error:
                if chunk.generation == "legacy":
                    raise
                todo = self._without_beta(asked, [chunk, *todo], error)
            except (ShapeChanged, Rejected, KeepsChanging) as error:
                troubles.append(error)
        return troubles[0] if troubles else None

    def _without_beta(self, asked: Asked, left: Sequence[Chunk], error: BetaMissing) -> list[Chunk]:
        """The chunks that are left, from the legacy reports."""
        days = [day for chunk in left for day in chunk.days]
        todo = plan.chunks(asked, days, legacy=True)
        self._kept += len(days) - sum(len(chunk.days) for chunk in todo)
        self._remarks.append(f"{error}. These days are read from the older reports.")
        return todo

    def _read(self, chunk: Chunk, attempt: str, reports: Reports) -> None:
        at = self._clock()
        usage, cost = (self._report(kind, chunk, reports) for kind in KINDS)
        days = [day for day in chunk.days if day in usage and day in cost]
        for day in reversed(days):
            self._take(usage[day], cost[day], at)
        if days:
            self._log.read(attempt, self._clock(), days[0], days[-1])
        self._to_come += chunk.days[len(days) :]
        self._progress()

    def _progress(self) -> None:
        self._tell(len(self._done) + len(self._stale) + self._kept, self._planned, self._rows)

    def _report(self, kind: Kind, chunk: Chunk, reports: Reports) -> dict[date, DayRows]:
        """The rows of every day of a chunk that has begun. Raises ReportError."""
        before = self._rows

        def page(rows: int) -> None:
            self._pages += 1
            self._rows = before + rows
            self._progress()

        found = reports.days(kind, chunk.since, chunk.until, chunk.generation, page)
        by_day = {one.day: one for one in found if (one.kind, one.generation) == (kind, chunk.generation)}
        if sorted(by_day) != chunk.days[: len(by_day)] or len(found) != len(by_day):
            raise ShapeChanged(
                f"{kind} from {chunk.since} to {chunk.until}", "days", "are not those asked for"
            )
        return by_day

    def _take(self, usage: DayRows, cost: DayRows, at: datetime) -> None:
        """Write a day, unless what is held of it is newer."""
        before = self._folder.pair(usage.day)
        fresh = self._snapshot(usage, at), self._snapshot(cost, at)
        if before and any(map(_is_older, fresh, before)):
            self._stale.append(usage.day)
        else:
            self._done.append(self._write(before, fresh))

    def _write(self, before: Pair | None, fresh: Pair) -> DayDone:
        usage, cost = fresh
        new = self._folder.add(*fresh)
        return DayDone(
            usage.day,
            usage.generation,
            rows=len(usage.rows) + len(cost.rows),
            usd=_usd(cost.rows),
            before=None if before is None else _usd(before[1].rows),
            changed=before is None or not all(map(same_bill, before, fresh)),
            snapshots=len(fresh) if new else 0,
        )

    def _snapshot(self, found: DayRows, at: datetime) -> Snapshot:
        rows = [self._named(row, found.generation) for row in found.rows]
        return Snapshot(found.kind, found.day, rows, at, found.generation, found.refreshed_at)

    def _named(self, row: Mapping[str, Any], generation: Generation) -> dict[str, Any]:
        """A row with the names of its ids; the legacy reports leave out the default workspace's."""
        workspace, key = row.get("workspace_id"), row.get("api_key_id")
        unnamed = generation == "legacy" and workspace is None
        workspace = self._default if unnamed else workspace
        called = self._called.get(("workspace", workspace or ""), "Default" if unnamed else None)
        named = {"workspace_id": workspace, "workspace": called}
        return {**row, **named, "api_key": self._called.get(("api_key", key or ""))}

    def _learn_names(self, reports: Reports) -> None:
        """The names of ids; where they may not be read it goes on with those known before."""
        found, organization = Names({}, {}), None
        try:
            organization = reports.organization()
            found = reports.names()
        except ReportError as error:
            if error.retryable or isinstance(error, Refused):
                raise
            self._remarks.append(f"{error}. New keys and workspaces go by their ids.")
        folder = self._folder.folder
        before = names_.newest(folder).get(names_.ORGANIZATION)
        if organization and before and before != organization:
            self._remarks.append(_OTHERS.format(folder=folder, before=before, now=organization))
        names_.keep(folder, found, self._clock(), organization)
        self._default = found.default_workspace
        self._called = names_.newest(folder)


_OTHERS = (
    "{folder}: the days that are here were of the organisation {before}, the key is of {now}:"
    " if that is not its new name, keep them apart with another --log-dir."
)


def held_of(folder: BillingFolder, day: date, now: datetime) -> Held | None:
    """What is here of a day: None unless both reports are, of one reading, and not from times to come."""
    try:
        pair = folder.pair(day)
    except FolderError:
        return None
    if pair is None:
        return None
    usage, cost = pair
    if max(usage.current_at, cost.current_at) > now:
        return None  # read by a clock that was ahead: nobody knows when
    return Held(usage.generation, usage.over and cost.over, usage.settled and cost.settled)


def _is_older(fresh: Snapshot, held: Snapshot) -> bool:
    """Whether Anthropic's numbers go back behind what is held; a moment that is to come is not believed."""
    if fresh.refreshed_at is None or held.refreshed_at is None:
        return False
    return fresh.refreshed_at < held.refreshed_at <= fresh.read_at


def _usd(rows: Sequence[Mapping[str, Any]]) -> float:
    return float(sum(row["amount_usd"] for row in rows))
