"""`callmeter import`: what Claude Code and finished runs of its CLI used, into the log."""

from __future__ import annotations

import json as json_
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FolderError
from . import folder, options, price_file, transcripts

if TYPE_CHECKING:
    from logger.importing import ImportProblem, ImportResult
    from logger.transcripts import Tally

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[PATH...]", help="Files or folders; without any: Claude Code's own."),
]
Follow = Annotated[bool, typer.Option("--follow", help="Go on with what is written, until Ctrl-C.")]


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import: of runs' outputs, and of transcripts if there were some."""

    runs: ImportResult
    transcripts: Tally | None

    @property
    def written(self) -> int:
        """Lines that are new in the log."""
        return self.runs.written + (self.transcripts.written if self.transcripts else 0)

    @property
    def known(self) -> int:
        """Lines that were in the log already."""
        return self.runs.known + (self.transcripts.known if self.transcripts else 0)

    @property
    def problems(self) -> list[ImportProblem]:
        """Files that were left out."""
        return [*self.runs.problems, *(self.transcripts.problems if self.transcripts else ())]


def import_(
    files: Files = None,
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Project of these calls.")] = None,
    follow: Follow = False,
    json: options.Json = False,
    log_dir: options.LogDir = None,
    prices: options.Prices = None,
) -> None:
    """Write what Claude Code used into the log: one line per call, from its transcripts.

    Without a path it finds the transcripts by itself: in $CLAUDE_CONFIG_DIR, else in ~/.claude and
    ~/.config/claude. Also takes what `claude -p` prints with --output-format stream-json or json: one
    line per run and model. What is in the log already is left out, so importing twice adds nothing.
    Exits with 1 when a file that was named cannot be imported; what is left out of a folder is only said.

    \b
    Examples:
      callmeter import
      callmeter import --follow
      callmeter import ~/.claude/projects --json
      callmeter import runs/ run.jsonl --project website --log-dir logs/api
    """
    settings = options.settings(log_dir=log_dir, prices=prices)
    paths = files or transcripts.found_by_itself(os.environ, Path.home(), may_be_missing=follow)
    wishes = transcripts.Wishes(settings, project, price_file.table(settings.prices), follow)
    result = run(paths, wishes)
    if json:
        print(json_.dumps(as_json(result), indent=2, ensure_ascii=False))
    else:
        show(result, settings.log_dir)
    if any(problem.path in paths for problem in result.problems):
        raise typer.Exit(1)


def run(paths: list[Path], wishes: transcripts.Wishes) -> Imported:
    """Import into the log folder, which is made if need be. Raises CallmeterError."""
    from logger.importing import ImportProblem, ImportResult
    from logger.transcript_folders import told_apart

    folder.usable(wishes.settings.log_dir, may_be_missing=True)
    told = told_apart([path for path in paths if path.exists() or not wishes.follow])
    runs = _runs(told.others, wishes) if told.others else ImportResult()
    nothing = [path for path in paths if path.is_dir() and not told.others and not told.transcripts]
    if nothing and not wishes.follow:
        reason = "holds no transcripts and no output of the Claude CLI"
        runs = ImportResult(runs.written, runs.known, tuple(ImportProblem(path, reason) for path in nothing))
    if not told.transcripts and not wishes.follow:
        return Imported(runs, None)
    return Imported(runs, transcripts.take(told.transcripts, paths, wishes))


def _runs(files: tuple[Path, ...], wishes: transcripts.Wishes) -> ImportResult:
    """Import what runs printed."""
    from logger.importing import import_runs
    from logger.journal import Journal

    log_dir = wishes.settings.log_dir
    journal = Journal(log_dir)
    try:
        result = import_runs(files, journal, project=wishes.project, prices=wishes.prices)
    finally:
        journal.close()
    if journal.waiting:
        raise FolderError(log_dir, f"cannot be written to; {journal.waiting} lines are not in the log")
    return result


def as_json(result: Imported) -> dict[str, Any]:
    """The result as plain data; what transcripts told is there only if there were some."""
    return {
        "written": result.written,
        "known": result.known,
        "skipped": [{"file": str(one.path), "reason": one.reason} for one in result.problems],
        **({"transcripts": transcripts.as_json(result.transcripts)} if result.transcripts else {}),
    }


def show(result: Imported, log_dir: Path) -> None:
    """Say what was done; all of it is a remark, the data is in the log."""
    from ..numbers import plural
    from ..printout import printable

    problems, tally = result.problems, result.transcripts
    for one in problems:
        print(f"{printable(str(one.path))}: {one.reason}", file=sys.stderr)
    for remark in transcripts.remarks(tally) if tally else ():
        print(printable(remark), file=sys.stderr)
    known = f", {plural(result.known, 'line')} known already" if result.known else ""
    skipped = f", {plural(len(problems), 'file')} skipped" if problems else ""
    unchanged = tally.unchanged if tally else 0
    same = f", {plural(unchanged, 'transcript')} unchanged" if unchanged else ""
    print(f"{plural(result.written, 'line')} written to {log_dir}{known}{same}{skipped}.", file=sys.stderr)
    for sentence in transcripts.sentences(tally) if tally else ():
        print(sentence, file=sys.stderr)
    if tally and tally.written:
        print("callmeter serve shows them on a page, callmeter report here.", file=sys.stderr)
