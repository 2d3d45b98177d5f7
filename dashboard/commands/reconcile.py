"""`callmeter reconcile`: is the bill right?"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..numbers import plural
from . import folder, options
from .remarks import tell

if TYPE_CHECKING:
    import pandas as pd

    from logger.pricing import PriceTable

    from ..billing.billed import Billed
    from ..billing.reconcile import Reconciliation
    from ..billing.rules import BillingRules
    from ..settings import Settings

BEYOND = 2
"""The exit code when log and bill are further apart than the tolerance."""

_MOST = 20
"""Findings that are printed."""

_DAY = timedelta(days=1)
_YEARS = range(2020, 9001)


@dataclass(frozen=True, slots=True)
class Only:
    """What the comparison is narrowed to, as patterns; empty means all."""

    models: tuple[str, ...] = ()
    workspaces: frozenset[str] = frozenset()
    api_keys: frozenset[str] = frozenset()


def reconcile(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="More files or folders for --runs.")
    ] = None,
    month: Annotated[
        str | None, typer.Option(metavar="MONTH", help="One month, 2026-11, up to yesterday.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="From this UTC day on.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="To this UTC day, itself included. [default: yesterday]")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME", help="Only this model; * stands for anything."),
    ] = None,
    workspace: Annotated[
        list[str] | None,
        typer.Option("--workspace", metavar="NAME", help="Only what this workspace was billed for."),
    ] = None,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            "--api-key", metavar="NAME", help="Only what this API key, by name or id, was billed for."
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(metavar="PERCENT", min=0, max=100, help="Of the bill, that may differ. [default: 1]"),
    ] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option("--runs", metavar="FILE", help="Compare these outputs of the Claude CLI instead."),
    ] = None,
    detail: Annotated[
        bool, typer.Option("--detail", help="Also every day, model and kind; with --csv only these.")
    ] = False,
    json: options.Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print the days as CSV.")] = False,
    log_dir: options.LogDir = None,
) -> None:
    """Compare what was logged with what Anthropic billed, and say what explains each difference.

    By default this month up to yesterday. Days are UTC days, as in the bill; only those are compared that
    were over when callmeter sync read them. Exits with 2 when more differs than [billing] tolerance and
    tolerance_usd in callmeter.toml allow, and with 1 when that cannot be known, as days that are over were
    not read. Rounding, discounts, credits, calls around midnight and what Anthropic has not reported yet do
    not count against it.

    With --runs the cost that the Claude CLI itself told of each run is compared with our prices and with the
    log instead; no bill is needed.

    \b
    Examples:
      callmeter reconcile
      callmeter reconcile --month 2026-11 --tolerance 2
      callmeter reconcile --since 2026-11-01 --until 2026-11-07 --detail
      callmeter reconcile --workspace production --json
      callmeter reconcile --runs runs/*.jsonl
    """
    if json and csv:
        raise UsageError("--json and --csv: give one of them.")
    now = datetime.now(UTC)
    settings = options.settings(log_dir=log_dir)
    if runs or files:
        narrowed = bool(month or since or until or model or workspace or api_key or detail)
        _runs(settings, runs, files, tolerance, "json" if json else "csv" if csv else "text", narrowed)
        return
    first, last = period(now, month=month, since=since, until=until)
    form = "json" if json else "csv" if csv else "text"
    only = Only(tuple(model or ()), frozenset(workspace or ()), frozenset(api_key or ()))
    run(settings, first, last, only, tolerance, form, now, detail=detail)


def _runs(
    settings: Settings,
    runs: list[Path] | None,
    files: list[Path] | None,
    tolerance: float | None,
    form: str,
    narrowed: bool,
) -> None:
    """Compare outputs of the CLI. Raises UsageError when the flags do not go together."""
    from . import reconcile_runs

    if not runs:
        raise UsageError(
            f"{(files or [Path()])[0]}: to compare outputs of the Claude CLI, give them after --runs."
        )
    if narrowed:
        raise UsageError(
            "--runs compares whole files: only --tolerance, --json, --csv and --log-dir go with it."
        )
    reconcile_runs.run(settings, [*runs, *(files or ())], tolerance, form)


def period(
    now: datetime, *, month: str | None = None, since: str | None = None, until: str | None = None
) -> tuple[date, date]:
    """First and last UTC day the flags ask for, without days to come. Raises UsageError."""
    yesterday = now.astimezone(UTC).date() - _DAY
    if month and (since or until):
        raise UsageError("--month and --since/--until each name a period: give one of them.")
    if month:
        return _month(month, yesterday)
    last = _day(until, "--until", yesterday) if until else yesterday
    first = _day(since, "--since", yesterday) if since else last.replace(day=1)
    if first > last:
        raise UsageError(f"--since {first} is after --until {last}.")
    return first, max(first, min(last, yesterday + _DAY))


def _month(text: str, yesterday: date) -> tuple[date, date]:
    try:
        first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        first = None
    if first is None or first.year not in _YEARS:
        raise UsageError(f"--month {text}: not a month; give one as 2026-11.")
    if first > yesterday:
        raise UsageError(f"--month {text}: no day of it is over yet.")
    return first, min((first + timedelta(days=31)).replace(day=1) - _DAY, yesterday)


def _day(text: str, flag: str, yesterday: date) -> date:
    try:
        day = {"yesterday": yesterday, "today": yesterday + _DAY}.get(text) or date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.year not in _YEARS:
        raise UsageError(f"{flag} {text}: not a day; give one as 2026-11-22.")
    return day


def run(
    settings: Settings,
    since: date,
    until: date,
    only: Only,
    tolerance: float | None,
    form: str,
    now: datetime,
    *,
    detail: bool = False,
) -> None:
    """Compare and print as "text", "json" or "csv". Raises CallmeterError, and Exit: with 2 beyond the
    tolerance, with 1 when a file is unreadable or not all that is over can be compared.
    """
    from ..billing import rules as of_rules

    folder.usable(settings.log_dir)
    rules = _with(of_rules.read(settings.file), only, tolerance)
    found, wrong = _compared(settings, since, until, only, rules, now)
    _print(found, form, detail=detail)
    tell(wrong)
    if not found.compared or wrong:
        raise typer.Exit(1)
    if found.within is False:
        raise typer.Exit(BEYOND)
    if found.within is None:
        raise typer.Exit(1)


def _with(rules: BillingRules, only: Only, tolerance: float | None) -> BillingRules:
    """The rules of the file under what the flags say."""
    return replace(
        rules,
        workspaces=tuple(sorted(only.workspaces)) or rules.workspaces,
        api_keys=tuple(sorted(only.api_keys)) or rules.api_keys,
        tolerance=rules.tolerance if tolerance is None else tolerance,
    )


def _compared(
    settings: Settings, since: date, until: date, only: Only, rules: BillingRules, now: datetime
) -> tuple[Reconciliation, list[str]]:
    """The comparison, and a sentence for each unreadable file of the log."""
    from ..billing import scope
    from ..billing.reconcile import reconcile as compare
    from .price_file import table

    rows, files, bad = _rows(settings, since, until)
    chosen, remarks = _bill(settings, since - _DAY, until + _DAY, rules)
    rows, chosen = scope.of_models(rows, chosen, only.models)
    found = compare(
        rows, chosen, since, until, prices=table(settings.prices) or _built_in(), rules=rules, now=now
    )
    if bad:
        remarks = [
            *remarks,
            f"Not counted: {plural(bad, 'bad line')} of these days: callmeter check lists them.",
        ]
    return replace(found, remarks=(*found.remarks, *remarks)), files


def _bill(settings: Settings, since: date, until: date, rules: BillingRules) -> tuple[Billed, list[str]]:
    """The bill of these days, of whom the rules name, and what must be known with it. Raises UsageError."""
    from ..billing import billed, books, scope
    from ..billing.snapshots import BillingFolder

    bills = BillingFolder(settings.billing_dir)
    bill = billed.load(bills, since, until)
    if bill.empty or not (rules.workspaces or rules.api_keys):
        return bill, []
    chosen, remarks = scope.narrowed(billed.load(bills), rules)
    return replace(books.within(chosen, since, until), problems=bill.problems), remarks


def _built_in() -> PriceTable:
    from logger.pricing import built_in

    return built_in()


def _rows(settings: Settings, since: date, until: date) -> tuple[pd.DataFrame, list[str], int]:
    """The lines of these days and one more on either side; unreadable files, and bad lines."""
    from ..billing.logged import COLUMNS
    from ..filters import Filter, hour_after, hour_of
    from ..store.files import FileStore

    begin = datetime.combine(since - _DAY, time(), UTC).astimezone(settings.zone)
    end = datetime.combine(until + 2 * _DAY, time(), UTC).astimezone(settings.zone)
    view = Filter(hour_of(begin), hour_after(end))
    with FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir) as store:
        store.load(view)
        files, bad = folder.problems(store, view)
        return store.rows(view, columns=COLUMNS), files, bad


def _print(found: Reconciliation, form: str, *, detail: bool) -> None:
    from ..billing.reconcile_sheets import answer_of, cells_sheet
    from ..sheets import Answer, data

    if form == "csv" and detail:
        data.write_csv(Answer([cells_sheet(found)]), sys.stdout)
    elif form == "csv":
        data.write_csv(answer_of(found), sys.stdout)
    elif form == "json":
        data.write_json(answer_of(found, detail=detail), sys.stdout)
        return
    elif found.compared:
        _print_text(found, detail=detail)
    if form == "csv" or not found.compared:
        tell([found.verdict])
    tell(found.remarks)


def _print_text(found: Reconciliation, *, detail: bool) -> None:
    from ..billing.reconcile_sheets import answer_of
    from ..printout import Terminal
    from ..sheets import text

    console = Terminal(highlight=False, emoji=False)
    text.say(found.verdict, console, style="bold")
    console.print()
    text.show(answer_of(found, detail=detail, most=_MOST), console)
    console.file.flush()
