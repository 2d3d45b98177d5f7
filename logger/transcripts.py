"""Transcripts of Claude Code -> lines in the log, one per API call, each once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from .clock import LocalClock
from .day_lines import day_lines
from .importing import ImportProblem
from .journal import Journal
from .logged_ids import near
from .pricing import PriceTable, built_in
from .record import CallRecord, to_line
from .transcript_file import BadRow, Found
from .transcript_folders import session_of
from .transcript_reading import Project, projects
from .transcript_records import begin_of, record_of
from .transcript_rows import Decode, Reply, plain_row
from .transcript_state import Remembered, SessionSum, Stamp, stamp_of


@dataclass(frozen=True, slots=True)
class BadRows:
    """Rows of a file that were left out: how many, and the first of them."""

    path: Path
    count: int
    first: tuple[BadRow, ...]


@dataclass(frozen=True, slots=True)
class Beyond:
    """What Claude Code itself counted beyond the calls of its transcripts: its helpers' calls."""

    sessions: int = 0
    tokens: int = 0
    usd: float = 0.0


@dataclass(slots=True)
class Tally:
    """What was imported, as far as it has come. Times, sessions, projects and cost are of written lines."""

    written: int = 0
    known: int = 0
    files: int = 0
    unchanged: int = 0
    first: str | None = None
    last: str | None = None
    sessions: set[str] = field(default_factory=set)
    projects: set[str] = field(default_factory=set)
    cost_usd: float = 0.0
    unpriced: int = 0
    lower_bounds: int = 0
    problems: list[ImportProblem] = field(default_factory=list)
    bad_rows: list[BadRows] = field(default_factory=list)
    beyond: Beyond = Beyond()

    def add(self, record: CallRecord) -> None:
        """Count a line that was written."""
        self.written += 1
        self.first = min(self.first or record.timestamp, record.timestamp)
        self.last = max(self.last or record.timestamp, record.timestamp)
        self.sessions.update({record.session_id} if record.session_id else ())
        self.projects.update({record.project} if record.project else ())
        self.cost_usd += record.estimated_cost_usd or 0.0
        self.unpriced += record.estimated_cost_usd is None
        self.lower_bounds += record.tokens_final is False


_near = lru_cache(maxsize=4)(near)


class TranscriptLog:
    """Writes calls of transcripts that the log does not have, or knows with smaller counts.

    What the log has is told by its day files alone. Nothing is written any more once a line could not be.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        project: str | None = None,
        prices: PriceTable | None = None,
        clock: LocalClock | None = None,
    ) -> None:
        self.tally = Tally()
        self.days: set[str] = set()
        """Days that lines were written to, or found in."""
        self.stopped = False
        """Whether a line could not be written."""
        self._journal = journal
        self._project = project
        self._prices = prices if prices is not None else built_in()
        self._clock = clock or LocalClock()
        self._logged: dict[str, dict[str, int]] = {}

    def take(self, replies: Iterable[Reply]) -> Iterator[tuple[Reply, CallRecord]]:
        """Write those that are new, oldest first; every one with its line, written or not."""
        for reply in sorted(replies, key=begin_of):
            record = record_of(reply, self._project, self._prices, self._clock)
            if not self.stopped:
                self._write(record, reply.output)
            yield reply, record

    def _write(self, record: CallRecord, output: int) -> None:
        day, call_id = record.timestamp[:10], record.call_id or ""
        known_day = next((one for one in _near(day) if call_id in self._of_day(one)), None)
        if known_day is not None and self._of_day(known_day)[call_id] >= output:
            self.days.add(known_day)
            self.tally.known += 1
        elif self._journal.append(day, to_line(record)):
            self._of_day(day)[call_id] = output
            self.days.add(day)
            self.tally.add(record)
        else:
            self.stopped = True

    def _of_day(self, day: str) -> dict[str, int]:
        if day not in self._logged:
            self._logged[day] = logged_outputs(self._journal.folder, day)
        return self._logged[day]


def logged_outputs(folder: Path, day: str) -> dict[str, int]:
    """Derived ids of replies in a day's lines -> the largest output logged for each."""
    found: dict[str, int] = {}
    try:
        for line in day_lines(folder, day):
            named = _CALL_ID.search(line)
            if named:
                counted = _OUTPUT.search(line)
                call_id, output = named[1].decode(), int(counted[1]) if counted else 0
                found[call_id] = max(found.get(call_id, 0), output)
    except (OSError, EOFError):
        pass  # writing will say what is wrong with the folder
    return found


_CALL_ID = re.compile(rb'[{,]\s*"call_id"\s*:\s*"((?:msg|row)-[0-9a-f]{24})"')
_OUTPUT = re.compile(rb'"tokens_output"\s*:\s*([0-9]{1,16})')


def import_transcripts(
    files: Iterable[Path],
    log: TranscriptLog,
    *,
    decode: Decode = plain_row,
    remembered: Remembered | None = None,
    processes: int = 1,
    on_bytes: Callable[[int, int], None] | None = None,
) -> Tally:
    """Write the calls of these transcripts, each once, whatever files it stands in.

    remembered: what was read before; it is brought up to date. Sessions without a changed file are not
    read again. on_bytes is told how many bytes are read, and of how many.
    """
    seen = remembered if remembered is not None else Remembered()
    changed, stamps = changed_files(files, seen, log.tally)
    on_file = _counting(sum(stamps[path][0] for path in changed if path in stamps), on_bytes)
    for project in projects(changed, decode, processes=processes, on_file=on_file):
        _take_project(project, log, seen)
        if log.stopped:
            return log.tally
        read = [path for path, told in project.files if isinstance(told, Found) and path in stamps]
        seen.files.update({str(path.absolute()): stamps[path] for path in read})
    log.tally.beyond = beyond(seen.sessions.values())
    return log.tally


def _counting(all_bytes: int, tell: Callable[[int, int], None] | None) -> Callable[[int], None] | None:
    if tell is None:
        return None
    done = 0

    def on_file(size: int) -> None:
        nonlocal done
        done += size
        tell(done, all_bytes)

    return on_file


def changed_files(
    files: Iterable[Path], seen: Remembered, tally: Tally
) -> tuple[list[Path], dict[Path, Stamp]]:
    """(files of sessions of which any file has changed, how each file is now)"""
    stamps: dict[Path, Stamp] = {}
    sessions: dict[Path, list[Path]] = {}
    changed: set[Path] = set()
    for path in files:
        session = session_of(path)
        sessions.setdefault(session, []).append(path)
        try:
            stamps[path] = stamp_of(path)
        except OSError:
            changed.add(session)  # reading will say what is wrong
            continue
        if seen.files.get(str(path.absolute())) != stamps[path]:
            changed.add(session)
    tally.unchanged += sum(len(paths) for session, paths in sessions.items() if session not in changed)
    return [path for session in changed for path in sessions[session]], stamps


def _take_project(project: Project, log: TranscriptLog, seen: Remembered) -> None:
    tally, sums = log.tally, _own_sums(project)
    for path, told in project.files:
        if isinstance(told, str):
            tally.problems.append(ImportProblem(path, told))
            continue
        tally.files += 1
        if told.bad_rows:
            tally.bad_rows.append(BadRows(path, told.bad_rows, tuple(told.bad)))
    for reply, record in log.take(project.replies.values()):
        session = sums.get(reply.origin.session or "")
        if session is not None:
            session.tokens += record.tokens_total or 0
            cost = record.estimated_cost_usd
            session.usd = None if cost is None or session.usd is None else session.usd + cost
    seen.sessions.update(sums)


def _own_sums(project: Project) -> dict[str, SessionSum]:
    """What Claude Code itself counted of each session, where it did."""
    founds = [told for _, told in project.files if isinstance(told, Found)]
    return {
        told.costs[0]: SessionSum(own_tokens=told.costs[1], own_usd=told.costs[2], forked=told.forked)
        for told in founds
        if told.costs is not None
    }


def beyond(sessions: Iterable[SessionSum]) -> Beyond:
    """What these sessions used beyond their replies. Where a process was killed, its own sum is too small."""
    compared = [one for one in sessions if one.own_tokens is not None and not one.forked]
    more = [one for one in compared if (one.own_tokens or 0) > one.tokens]
    usd = [max(0.0, (one.own_usd or 0.0) - one.usd) for one in more if one.usd is not None]
    tokens = sum((one.own_tokens or 0) - one.tokens for one in more)
    return Beyond(len(more), tokens, round(sum(usd), 10))
