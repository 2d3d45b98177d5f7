"""`callmeter report`: what a period cost, in the terminal."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CallmeterError, UsageError
from . import choice, folder, options, period, price_file
from .ahead import left_out
from .nothing import nothing
from .remarks import tell

if TYPE_CHECKING:
    from logger.pricing import PriceTable

    from ..filters import Filter
    from ..money.budgets import Standing
    from ..report import Report
    from ..settings import Settings
    from ..store.files import FileStore
    from .choice import Choice


class What(StrEnum):
    """The views; see `views.all`, which is too heavy for `--help`."""

    summary = "summary"
    daily = "daily"
    models = "models"
    projects = "projects"
    sessions = "sessions"
    cache = "cache"
    alerts = "alerts"
    latency = "latency"
    failures = "failures"


class By(StrEnum):
    """What the numbers are grouped by."""

    day = "day"
    hour = "hour"
    model = "model"
    project = "project"
    task = "task"
    worker = "worker"


def report(
    view: Annotated[
        What | None, typer.Argument(metavar="VIEW", show_default=False, help="A question; see above.")
    ] = None,
    date: Annotated[
        str | None, typer.Option(metavar="DAY", help="One day (2026-11-22, yesterday) or month (2026-11).")
    ] = None,
    week: Annotated[bool, typer.Option("--week", help="Today and the 6 days before.")] = False,
    month: Annotated[bool, typer.Option("--month", help="Today and the 29 days before.")] = False,
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="From this day on, or from an hour: 2026-11-22T18.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="To this day, itself included, or up to an hour.")
    ] = None,
    by: Annotated[
        By | None,
        typer.Option(
            metavar="GROUP",
            help=f"Group by {', '.join(By)}; of the views only latency and failures. [default: model]",
        ),
    ] = None,
    model: choice.Model = None,
    project: choice.Project = None,
    task: choice.Task = None,
    worker: choice.Worker = None,
    source: choice.Source = None,
    outcome: choice.OnlyOutcome = None,
    billed: Annotated[
        bool,
        typer.Option(
            "--billed",
            help="Anthropic's numbers, not the logged ones: in summary, daily, models, projects and cache.",
        ),
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="In sessions and cache: list so many. [default: 20]"),
    ] = None,
    detail: Annotated[bool, typer.Option("--detail", help="Also list each call; in no view.")] = False,
    json: options.Json = False,
    csv: Annotated[
        bool,
        typer.Option("--csv", help="Print the groups, with --detail the calls, of a view the first table."),
    ] = False,
    log_dir: options.LogDir = None,
    timezone: options.TimeZone = None,
) -> None:
    """Print calls, tokens and cost of today or of another period; or a VIEW of the last 30 days.

    \b
    VIEW        tells                                       and takes
      summary   cost so far and tokens by kind              --billed
      daily     day by day, with a 7-day average            --billed
      models    tokens, cache hits and cost by model        --billed
      projects  sessions and cost by project                --billed
      sessions  the 20 dearest sessions                     --limit
      cache     what caching saves, and where it does not   --billed, --limit
      alerts    budgets and open alerts
      latency   how long calls take: p50, p95, p99          --by
      failures  what fails, and why: 429, 529, timeouts     --by

    Every view takes --json and --csv, and all but alerts a period and a choice of calls, --model to
    --outcome. Without a view there are --by and --detail, but neither --billed nor --limit. In summary and
    daily numbers of Anthropic's stand beside the logged ones once callmeter sync has read them.

    JSON holds `totals` and `groups` under the names of the log's fields, and how complete they are.
    estimated_cost_usd is the sum of the known costs: null when none is known, and only the known part
    when unpriced_calls is not 0. Where budgets are set, a report of today says how they stand.

    \b
    Examples:
      callmeter report
      callmeter report --week --by day
      callmeter report summary
      callmeter report daily --project web --date 2026-11
      callmeter report models --billed
      callmeter report sessions --limit 100 --csv
      callmeter report latency --by hour --date yesterday
      callmeter report failures --week --by project
      callmeter report --since 2026-11-01 --by project --json
      callmeter report --date yesterday --detail --csv > calls.csv
    """
    if json and csv:
        raise UsageError("--json and --csv: give one of them.")
    if view is None and billed:
        raise UsageError("--billed needs a view: callmeter report models --billed, for one.")
    if view is None and limit is not None:
        raise UsageError("--limit needs a view: callmeter report sessions --limit 100, for one.")
    if view is not None and detail:
        raise UsageError(f"--detail lists calls; callmeter report {view} has none to list.")
    settings = options.settings(log_dir=log_dir, timezone=timezone)
    now = datetime.now(UTC)
    form = "json" if json else "csv" if csv else "text"
    month = month or not (view is None or date or week or since or until)
    range_ = period.chosen(now, settings.zone, date=date, week=week, month=month, since=since, until=until)
    picked = choice.chosen(
        model=model, project=project, task=task, worker=worker, source=source, outcome=outcome
    )
    if view is None:
        run(settings, range_, (by or By.model).value, form, now, detail=detail, picked=picked)
    else:
        from . import report_view

        report_view.run(
            settings, view, range_, picked, by and by.value, form, now, billed=billed, limit=limit
        )


def run(
    settings: Settings,
    view: Filter,
    by: str,
    form: str,
    now: datetime,
    *,
    detail: bool = False,
    picked: Choice | None = None,
) -> None:
    """Read the period and print it as "text", "json" or "csv". Raises FolderError."""
    from ..store.files import FileStore

    folder.usable(settings.log_dir)
    with FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir) as store:
        store.load(view)
        bad_files, bad_lines = folder.problems(store, view)
        standings, wrong = _standings(store, view, form, settings, now, picked)
        view, unknown = choice.narrowed(store, view, picked or choice.Choice())
        prices = price_file.explaining(settings.prices)
        report = _built(store, view, by, bad_lines, standings, prices, detail=detail)
        _print(report, form)
        said = [*wrong, *unknown, *left_out(store, view, now), *_remarks(report, form, store, settings)]
        tell([*bad_files, *said])
    if bad_files:
        raise typer.Exit(1)


def _standings(
    store: FileStore, view: Filter, form: str, settings: Settings, now: datetime, picked: Choice | None
) -> tuple[tuple[Standing, ...], list[str]]:
    """How the budgets stand, for a report of today, and what is wrong with what is set about them."""
    from ..money import rules, standings

    narrowed = picked is not None and not picked.everything
    if form == "csv" or settings.file is None or narrowed or view != period.chosen(now, settings.zone):
        return (), []
    try:
        budgets = rules.read(settings.file, os.environ).budgets
    except CallmeterError as error:
        return (), [str(error)]
    if budgets:
        store.load(standings.view(budgets, now, settings.zone))
    return standings.look(store, budgets, now), []


def _built(
    store: FileStore,
    view: Filter,
    by: str,
    bad_lines: int,
    standings: tuple[Standing, ...],
    prices: PriceTable | None,
    *,
    detail: bool,
) -> Report:
    from .. import report

    sums = store.sums(view, tasks=by == "task")
    rows = store.rows(view) if detail else None
    return report.build(sums, view, by, bad_lines=bad_lines, rows=rows, standings=standings, prices=prices)


def _print(report: Report, form: str) -> None:
    from .. import report as reports

    if form == "text":
        from .. import printout

        show = printout.show if report.totals.lines else printout.show_standings
        show(report, printout.Terminal(highlight=False, emoji=False))
    elif form == "json":
        reports.write_json(report, sys.stdout)
    else:
        reports.write_csv(report, sys.stdout)


def _remarks(report: Report, form: str, store: FileStore, settings: Settings) -> list[str]:
    """What a reader must know and the data on stdout does not say."""
    if not report.totals.lines:
        return [nothing(report.view, store, settings)]
    if form == "text":
        return []
    from .. import printout

    return printout.remarks(report)
