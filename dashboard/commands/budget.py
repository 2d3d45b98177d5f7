"""`callmeter budget`: what is used of each budget; a first set of them; an exit code for scripts."""

from __future__ import annotations

import typer

from . import options
from .words import alone


def budget(
    context: typer.Context,
    json: options.Json = False,
    log_dir: options.LogDir = None,
    timezone: options.TimeZone = None,
) -> None:
    """Print what is used of each budget, and how much it will likely be when its period ends.

    \b
    Examples:
      callmeter budget
      callmeter budget --json
    """
    if not alone(context):
        return
    options.settings(log_dir=log_dir, timezone=timezone)
    raise NotImplementedError


def check(log_dir: options.LogDir = None, timezone: options.TimeZone = None) -> None:
    """Exit with 2 when a budget is exceeded, with 0 when none is.

    \b
    Examples:
      callmeter budget check
      callmeter budget check && run-the-worker
    """
    options.settings(log_dir=log_dir, timezone=timezone)
    raise NotImplementedError


WORDS = (check,)
"""`callmeter budget check`."""
