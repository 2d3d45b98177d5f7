"""`callmeter export`: the numbers as a file for a spreadsheet, a notebook or the books."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from . import choice, options, period
from .export_wanted import Wanted, books_month


class By(StrEnum):
    """What a row is."""

    call = "call"
    day = "day"
    bill = "bill"


_WORDS = {By.call: "calls", By.day: "days", By.bill: "bill"}


def export(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to; - is stdout. [default: a name by the period]"
        ),
    ] = None,
    by: Annotated[
        By | None,
        typer.Option(metavar="ROW", help="A row per call, per day, or of Anthropic's bill. [default: call]"),
    ] = None,
    accounting: Annotated[
        str | None,
        typer.Option(metavar="MONTH", help="A month for the books: 2026-10; last for the one before this."),
    ] = None,
    format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="csv, xlsx, parquet or jsonl, if not by the name.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
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
    model: choice.Model = None,
    project: choice.Project = None,
    task: choice.Task = None,
    worker: choice.Worker = None,
    source: choice.Source = None,
    outcome: choice.OnlyOutcome = None,
    log_dir: options.LogDir = None,
    timezone: options.TimeZone = None,
) -> None:
    """Write calls, days or Anthropic's bill to a file: .csv, .xlsx, .parquet or .jsonl, text also as .gz.

    Without a period, everything there is. A file is there whole or not at all, and none is written over
    without --force. With --accounting a month by day, model and project; as .xlsx also with sheets for
    models, projects, Anthropic's bill and how complete it all is.

    \b
    Examples:
      callmeter export --output usage.csv
      callmeter export --month --by day --project web --output web.xlsx
      callmeter export --accounting last
      callmeter export --date yesterday --format jsonl --output - | jq .model
    """
    named = {"date": date, "since": since, "until": until}
    timed = week or month or any(named.values())
    if accounting and (timed or by):
        raise UsageError("--accounting names a month and its rows: leave out the period and --by.")
    settings = options.settings(log_dir=log_dir, timezone=timezone)
    now = datetime.now(UTC)
    view = period.chosen(now, settings.zone, week=week, month=month, **named) if timed else None
    wanted = Wanted(
        view=books_month(accounting, now, settings.zone) if accounting else view,
        rows="accounting" if accounting else _WORDS[by or By.call],
        choice=choice.chosen(
            model=model, project=project, task=task, worker=worker, source=source, outcome=outcome
        ),
        output=output,
        format=format,
        force=force,
    )
    from . import export_rows

    export_rows.run(settings, wanted, now)
