"""`callmeter sync`: what Anthropic says was used and billed, kept beside the calls."""

from __future__ import annotations

import json as json_
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CallmeterError, UsageError
from . import options, sync_source
from .words import alone

if TYPE_CHECKING:
    from ..billing.sync import Done
    from ..settings import Settings

MOST_DAYS = 1826
"""Five years: the older reports tell of no limit."""

_LEAST_HOURS, _USUAL_HOURS, _MOST_HOURS = 0.1, 1.0, 24 * 31


def sync(
    context: typer.Context,
    days: Annotated[
        int, typer.Option(min=1, max=MOST_DAYS, metavar="NUMBER", help="Today and the days before it.")
    ] = 30,
    again: Annotated[
        bool, typer.Option("--again", help="Read all of these days, also those that are settled.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until Ctrl-C, and sync every hour.")
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(
            min=_LEAST_HOURS,
            max=_MOST_HOURS,
            metavar="HOURS",
            help=f"How often --follow syncs. [default: {_USUAL_HOURS:g}]",
        ),
    ] = None,
    json: options.Json = False,
    log_dir: options.LogDir = None,
    timezone: options.TimeZone = None,
) -> None:
    """Read what Anthropic says was used and billed, for the days (UTC) whose numbers are new or may change.

    It takes an Admin API key in ANTHROPIC_ADMIN_API_KEY, or in the file .env here or beside
    callmeter.toml. The days are kept in logs/billing; what breaks off goes on with the next sync.

    \b
    Examples:
      callmeter sync
      callmeter sync --days 90
      callmeter sync --follow --every 6
      callmeter sync status
    """
    if not alone(context):
        return
    if every is not None and not follow:
        raise UsageError("--every says how often --follow syncs: give both, or leave --every out.")
    settings = options.settings(log_dir=log_dir, timezone=timezone)
    attempt = partial(once, settings, days, again, json=json)
    if follow:
        go_on(attempt, every or _USUAL_HOURS, time.sleep)
    else:
        _or_raise(attempt())


def once(settings: Settings, days: int, again: bool, *, json: bool, by: Any = "command") -> Done:
    """One sync, told. Raises BusyError, FolderError."""
    from ..billing import sync as syncing
    from . import sync_words
    from .sync_bar import bar

    with bar() as shown:
        opened = partial(sync_source.open_reports, settings, os.environ, Path.cwd(), shown.say)
        done = syncing.sync(
            opened,
            settings.billing_dir,
            clock=sync_source.now,
            days=days,
            again=again,
            by=by,
            tell=shown.tell,
        )
    if json:
        print(json_.dumps(sync_words.as_data(done), indent=2, ensure_ascii=False), flush=True)
    else:
        for sentence in sync_words.sentences(done):
            print(sentence, flush=True)
    for remark in done.remarks:
        print(remark, file=sys.stderr, flush=True)
    return done


def _or_raise(done: Done) -> None:
    if done.error:
        raise done.error


def go_on(attempt: Callable[..., Done], hours: float, sleep: Callable[[float], None]) -> None:
    """Sync again and again. Ends by raising: what no waiting will mend, or KeyboardInterrupt."""
    from ..billing.busy import BusyError
    from ..billing.plan import wait
    from ..numbers import duration

    failures = 0
    while True:
        error: CallmeterError | None
        try:
            error = attempt(by="follow").error
        except BusyError as busy:
            error = busy
        if error and not (isinstance(error, BusyError) or getattr(error, "retryable", False)):
            raise error
        failures = failures + 1 if error else 0
        seconds = wait(hours, failures, getattr(error, "retry_after", None))
        if error:
            print(f"{error}. The next sync is in {duration(seconds)}.", file=sys.stderr, flush=True)
        sleep(seconds)


def status(
    json: options.Json = False, log_dir: options.LogDir = None, timezone: options.TimeZone = None
) -> None:
    """Print when the last sync worked, what went wrong since, and which days are here.

    \b
    Examples:
      callmeter sync status
      callmeter sync status --json
    """
    show(options.settings(log_dir=log_dir, timezone=timezone), as_json=json)


def show(settings: Settings, *, as_json: bool) -> None:
    """Print the status. Raises CallmeterError."""
    from ..billing import rules
    from ..billing import status as status_
    from ..sheets import data, text

    here = sync_source.now().astimezone(settings.zone)
    key = sync_source.key_in_words(settings, os.environ, Path.cwd())
    found = status_.look(settings.billing_dir, here, rules.read(settings.file).sync_hours, key)
    answer = status_.answer(found)
    if as_json:
        data.write_json(answer, sys.stdout)
        return
    for sentence in status_.sentences(found):
        print(sentence)
    if found.attempts:
        from ..printout import Terminal

        print()
        text.show(answer, Terminal(highlight=False, emoji=False))
    for problem in found.problems:
        print(problem, file=sys.stderr)


WORDS = (status,)
"""`callmeter sync status`."""
