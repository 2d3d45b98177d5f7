"""`callmeter import`: what finished Claude CLI runs used, into the log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options


def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="What a run printed, or folders of it.")
    ],
    project: Annotated[str | None, typer.Option(metavar="NAME", help="Project of these runs.")] = None,
    json: options.Json = False,
    log_dir: options.LogDir = None,
    prices: options.Prices = None,
) -> None:
    """Write what Claude CLI runs used into the log: one line per run and model.

    Takes what `claude -p` prints with --output-format stream-json or json. A run that is in the log
    already is left out, so importing twice adds nothing.

    \b
    Examples:
      callmeter import run.jsonl
      callmeter import runs/ --project website --log-dir logs/api
    """
    raise NotImplementedError
