"""`callmeter import`: what finished Claude CLI runs used, into the log."""

from __future__ import annotations

import json as json_
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FolderError
from . import folder, options, price_file

if TYPE_CHECKING:
    from logger.importing import ImportResult

    from ..settings import Settings

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="What runs printed, or folders of it.")]


def import_(
    files: Files,
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Project of these runs.")] = None,
    json: options.Json = False,
    log_dir: options.LogDir = None,
    prices: options.Prices = None,
) -> None:
    """Write what Claude CLI runs used into the log: one line per run and model.

    Takes what `claude -p` prints with --output-format stream-json or json. A run that is in the log
    already is left out, so importing twice adds nothing. Exits with 1 when a file that was named
    cannot be imported; what is left out of a folder is only said.

    \b
    Examples:
      callmeter import run.jsonl
      callmeter import runs/ --project website --log-dir logs/api
    """
    settings = options.settings(log_dir=log_dir, prices=prices)
    result = run(files, settings, project)
    if json:
        print(json_.dumps(as_json(result), indent=2, ensure_ascii=False))
    else:
        show(result, settings.log_dir)
    if any(problem.path in files for problem in result.problems):
        raise typer.Exit(1)


def run(files: list[Path], settings: Settings, project: str | None) -> ImportResult:
    """Import into the log folder, which is made if need be. Raises CallmeterError."""
    from logger.importing import import_runs
    from logger.journal import Journal

    folder.usable(settings.log_dir, may_be_missing=True)
    table = price_file.table(settings.prices)
    journal = Journal(settings.log_dir)
    try:
        result = import_runs(files, journal, project=project, prices=table)
    finally:
        journal.close()
    if journal.waiting:
        raise FolderError(
            settings.log_dir, f"cannot be written to; {journal.waiting} lines are not in the log"
        )
    return result


def as_json(result: ImportResult) -> dict[str, Any]:
    """The result as plain data."""
    return {
        "written": result.written,
        "known": result.known,
        "skipped": [{"file": str(one.path), "reason": one.reason} for one in result.problems],
    }


def show(result: ImportResult, log_dir: Path) -> None:
    """Say what was done; all of it is a remark, the data is in the log."""
    from ..numbers import plural
    from ..printout import printable

    for one in result.problems:
        print(f"{printable(str(one.path))}: {one.reason}", file=sys.stderr)
    known = f", {plural(result.known, 'line')} known already" if result.known else ""
    skipped = f", {plural(len(result.problems), 'file')} skipped" if result.problems else ""
    print(f"{plural(result.written, 'line')} written to {log_dir}{known}{skipped}.", file=sys.stderr)
