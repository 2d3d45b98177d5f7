"""`callmeter budget`: what is used of each budget; a first set of them; an exit code for scripts."""

from __future__ import annotations

import json as json_
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..numbers import plural
from . import first_budgets, folder, options
from .words import alone

if TYPE_CHECKING:
    from ..money.budgets import Budget, Standing
    from ..settings import Settings

EXCEEDED = 2
"""The exit code of `budget check` when a budget is exceeded."""


def budget(
    context: typer.Context,
    json: options.Json = False,
    log_dir: options.LogDir = None,
    timezone: options.TimeZone = None,
) -> None:
    """Print what is used of each budget, and about how much it will be when its period ends.

    Budgets are [[budget]] tables in callmeter.toml; callmeter budget init writes three to begin with.

    \b
    Examples:
      callmeter budget
      callmeter budget --json
      callmeter budget init
      callmeter budget check
    """
    if alone(context):
        run(options.settings(log_dir=log_dir, timezone=timezone), datetime.now(UTC), as_json=json)


def run(settings: Settings, now: datetime, *, as_json: bool) -> None:
    """Read the days that the budgets need and print how they stand. Raises CallmeterError."""
    budgets = _budgets(settings)
    standings, files, bad = _look(settings, budgets, now) if budgets else ((), [], 0)
    if as_json:
        _print_json(settings, standings, now)
    elif standings:
        from .. import printout

        printout.show_budgets(standings, printout.Terminal(highlight=False, emoji=False))
    else:
        print(_none_set(settings), file=sys.stderr)
    if bad:
        lines = plural(bad, "bad line")
        print(f"Not counted: {lines} of these days: callmeter check lists them.", file=sys.stderr)
    _end(files)


def init(
    user: Annotated[
        bool, typer.Option("--user", help="Into the user's configuration folder instead of here.")
    ] = False,
) -> None:
    """Write three budgets to begin with into callmeter.toml: $10 a day, 1 M tokens a week, $200 a month.

    What is in the file already stays as it is; a file that has budgets is left alone.

    \b
    Examples:
      callmeter budget init
      callmeter budget init --user
    """
    for sentence in first_budgets.write(user=user):
        print(sentence, file=sys.stderr)


def check(log_dir: options.LogDir = None, timezone: options.TimeZone = None) -> None:
    """Exit with 2 and say which, when a budget is exceeded; with 0 and without a word when none is.

    What is only a lower bound is said. Exits with 1 when nothing can be known: no budgets are set, a file
    cannot be read, or no call of a budget has a known cost.

    \b
    Examples:
      callmeter budget check
      callmeter budget check && run-the-worker
    """
    judge(options.settings(log_dir=log_dir, timezone=timezone), datetime.now(UTC))


def judge(settings: Settings, now: datetime) -> None:
    """Say which budgets are exceeded or not known to the end. Raises CallmeterError, and Exit: with 2 when
    one is exceeded, with 1 when nothing is known of one.
    """
    budgets = _budgets(settings)
    if not budgets:
        raise UsageError(_none_set(settings))
    standings, files, _ = _look(settings, budgets, now)
    for sentence in filter(None, map(_said, standings)):
        print(sentence, file=sys.stderr)
    if any(one.exceeded for one in standings):
        raise typer.Exit(EXCEEDED)
    _end(files)
    if any(one.unknown for one in standings):
        raise typer.Exit(1)


def _said(one: Standing) -> str:
    """What `check` says of a budget; nothing when all is well."""
    from ..money.periods import running

    if one.exceeded:
        return f"Budget {one.budget.name} is exceeded: {one.sentence}."
    if one.unknown:
        what = f"the {one.budget.measure} of its calls {running(one.budget.period)}"
        return f"Budget {one.budget.name}: nothing is known of {what}: callmeter check."
    if one.lower_bound:
        more = "It may be more: some calls have no known cost or count: callmeter check."
        return f"Budget {one.budget.name}: {one.sentence}. {more}"
    return ""


WORDS = (init, check)
"""`callmeter budget init`, `callmeter budget check`."""


def _end(files: Sequence[str]) -> None:
    """Say which files could not be read: that is an error."""
    for sentence in files:
        print(sentence, file=sys.stderr)
    if files:
        raise typer.Exit(1)


def _budgets(settings: Settings) -> tuple[Budget, ...]:
    from ..money import rules

    return rules.read(settings.file, os.environ).budgets


def _none_set(settings: Settings) -> str:
    where = f" in {settings.file}" if settings.file else ", for there is no callmeter.toml"
    return f"No budgets are set{where}: callmeter budget init writes three to begin with."


def _look(
    settings: Settings, budgets: Sequence[Budget], now: datetime
) -> tuple[tuple[Standing, ...], list[str], int]:
    """How the budgets stand; of their periods, a sentence for each unreadable file, and the bad lines."""
    from ..money import standings
    from ..store.files import FileStore

    folder.usable(settings.log_dir)
    with FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir) as store:
        store.load(standings.view(budgets, now, settings.zone))
        found = standings.look(store, budgets, now)
        return found, *folder.problems(store, standings.periods(found))


def _print_json(settings: Settings, standings: Sequence[Standing], now: datetime) -> None:
    from ..money.budgets import as_data

    document = {
        "at": now.astimezone(settings.zone).isoformat(timespec="seconds"),
        "timezone": str(settings.zone),
        "file": str(settings.file) if settings.file else None,
        "budgets": [as_data(one) for one in standings],
    }
    json_.dump(document, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")
