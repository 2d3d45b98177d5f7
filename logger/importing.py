"""Outputs of the Claude CLI that lie in files -> lines in the log, each run once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .call_line import NO_MODEL
from .claude_cli import CliRun, ids_of, read_run
from .cli_facts import Shares
from .clock import LocalClock
from .journal import Journal
from .logged_ids import ids_of_day, near
from .pricing import PriceTable, built_in
from .record import DAY_FILE_PATTERN, CallRecord, to_line
from .run_records import records_of


@dataclass(frozen=True, slots=True)
class ImportProblem:
    """A file that was not imported, or not wholly, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Lines written, lines that were in the log already, and what could not be imported."""

    written: int = 0
    known: int = 0
    problems: tuple[ImportProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    run: CliRun
    started: float
    exact: bool
    """Whether the output itself tells the time; else it is the file's."""


def import_runs(
    paths: Iterable[str | os.PathLike[str]],
    journal: Journal,
    *,
    project: str | None = None,
    prices: PriceTable | None = None,
    clock: LocalClock | None = None,
) -> ImportResult:
    """Write what the runs in these files used, one line per model, into the days they began.

    A folder stands for all files in it; those that hold no output of the CLI are left out with a reason.
    A run that is in the log is not written again, whoever wrote it. Several processes of one session are
    counted in the order they ran.
    """
    table = prices if prices is not None else built_in()
    runs, problems = _read_all(paths, table)
    importer = _Importer(journal, project, clock or LocalClock())
    for found in _in_order(runs, table):
        importer.take(found)
    return ImportResult(importer.written, importer.known, (*problems, *importer.problems))


def _read_all(
    paths: Iterable[str | os.PathLike[str]], prices: PriceTable
) -> tuple[list[_Found], list[ImportProblem]]:
    runs: list[_Found] = []
    problems: list[ImportProblem] = []
    for path in _files(paths):
        try:
            found = _read(path, prices)
        except OSError as error:
            problems.append(ImportProblem(path, f"cannot be read: {error.strerror or error}"))
            continue
        if isinstance(found, str):
            problems.append(ImportProblem(path, found))
        else:
            runs.append(found)
    return runs, problems


def _files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """Each file once, folders opened up, in the order of their names."""
    seen: set[Path] = set()
    for path in map(Path, paths):
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in inside:
            real = file.resolve()
            if real not in seen:
                seen.add(real)
                yield file


def _read(path: Path, prices: PriceTable) -> _Found | str:
    """The run of a file, or why it is none."""
    if DAY_FILE_PATTERN.fullmatch(path.name):
        return "is a day of the log, not output of the Claude CLI"
    changed = path.stat().st_mtime
    run = read_run(path, at=changed, prices=prices)
    if not run.identity:
        return _why_not(run)
    if run.started is not None:
        return _Found(path, run, run.started, exact=True)
    return _Found(path, run, changed - (run.duration_seconds or 0.0), exact=False)


def _why_not(run: CliRun) -> str:
    reasons = {
        "empty": "is empty",
        "transcript": "is a transcript of Claude Code, not output of its CLI",
        "text": "holds no output of the Claude CLI with token counts (text output has none)",
    }
    return reasons.get(run.format, "holds no reply and no result of the Claude CLI")


def _in_order(runs: list[_Found], prices: PriceTable) -> list[_Found]:
    """Oldest first; where a session was resumed, counted on top of the process before."""
    sessions: dict[str, Shares] = {}
    ordered = []
    for found in sorted(runs, key=lambda found: (found.started, str(found.path))):
        ordered.append(_recounted(found, sessions, prices))
        sessions.update(found.run.sessions)
    return ordered


def _recounted(found: _Found, sessions: Mapping[str, Shares], prices: PriceTable) -> _Found:
    if found.run.final or sessions.keys().isdisjoint(found.run.sessions):
        return found
    return replace(found, run=read_run(found.path, at=found.started, prices=prices, earlier=sessions))


class _Importer:
    """Writes runs that the log does not have; reads each day of the log once."""

    def __init__(self, journal: Journal, project: str | None, clock: LocalClock) -> None:
        self.written = 0
        self.known = 0
        self.problems: list[ImportProblem] = []
        self._journal = journal
        self._project = project
        self._clock = clock
        self._days: dict[str, set[str]] = {}

    def take(self, found: _Found) -> None:
        """Write the lines of a run, unless they are there."""
        run = found.run
        days = self._near(found)
        if run.finished and run.begun_identity and self._has(days, ids_of(run, run.begun_identity)):
            self.problems.append(ImportProblem(found.path, "is in the log as it was before it had a result"))
            self.known += 1
            return
        for record in records_of(run, self._line(found)):
            if self._has(days, [record.call_id or ""]):
                self.known += 1
            else:
                self._write(found, record)

    def _write(self, found: _Found, record: CallRecord) -> None:
        day = record.timestamp[:10]
        if not self._journal.append(day, to_line(record)):
            self.problems.append(ImportProblem(found.path, f"cannot be written to {self._journal.folder}"))
            return
        self._ids_of(day).add(record.call_id or "")
        self.written += 1

    def _line(self, found: _Found) -> CallRecord:
        """What all lines of the run share. Readers match runs with calls by time: a guess is not written."""
        run, seconds = found.run, found.run.duration_seconds
        return CallRecord(
            timestamp=self._clock.spell(found.started)[0],
            model=run.model or NO_MODEL,
            response_length=None if run.response is None else len(run.response),
            start_time=round(found.started, 6) if found.exact else None,
            end_time=round(found.started + seconds, 6) if found.exact and seconds is not None else None,
            duration_seconds=seconds,
            time_to_first_token=run.time_to_first_token,
            success=bool(run.success),
            error_message=run.error_message,
            error_type=run.error_type,
            http_status=run.http_status,
            source="cli",
            project=self._project,
        )

    def _near(self, found: _Found) -> list[str]:
        """The days its lines may be in: any, when only the file tells the time, for files get copied."""
        if not found.exact:
            return self._all_days()
        return near(self._clock.spell(found.started)[1])

    def _all_days(self) -> list[str]:
        try:
            names = [DAY_FILE_PATTERN.fullmatch(path.name) for path in self._journal.folder.iterdir()]
        except OSError:
            names = []
        return sorted({*(name["day"] for name in names if name), *self._days})

    def _has(self, days: Iterable[str], ids: Iterable[str]) -> bool:
        return any(not self._ids_of(day).isdisjoint(ids) for day in days)

    def _ids_of(self, day: str) -> set[str]:
        if day not in self._days:
            self._days[day] = ids_of_day(self._journal.folder, day)
        return self._days[day]
