"""The numbers of a period for the terminal: as text, as JSON, as CSV. Needs no plotly and no dash.

Names in JSON and CSV are those of the line, plus `calls`, `successful`, `failed`, `retries` (attempts
beyond the first), `unpriced_calls`, `not_final_calls`, `tokens_cache_write` (5m + 1h) and two averages.
`estimated_cost_usd` is the sum of the known costs: null when no call has a known cost, and only the known
part when there are `unpriced_calls`, those without a known price or without token counts. With
`not_final_calls` tokens and cost are lower bounds. With calls of the source `cli` the number of calls is
one: a run may have made more than its output shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TextIO

import pandas as pd

from logger.pricing import PriceTable

from . import metrics
from .completeness import Completeness, completeness
from .filters import NONE, Filter
from .metrics import Totals
from .money.budgets import Standing, as_data
from .sheets.data import write_rows


@dataclass(frozen=True, slots=True)
class Report:
    """A period added up. `groups` pairs each value of `key` (`NONE`: not given) with its totals."""

    view: Filter
    key: str
    totals: Totals
    groups: tuple[tuple[Any, Totals], ...]
    known: Completeness
    """How complete the totals are."""
    bad_lines: int = 0
    """Lines of the files that were read which could not be understood."""
    rows: pd.DataFrame | None = None
    """Each line, when details are wanted."""
    standings: tuple[Standing, ...] = ()
    """How the budgets stand now; only in a report of today."""


def build(
    sums: pd.DataFrame,
    view: Filter,
    by: str,
    *,
    bad_lines: int = 0,
    rows: pd.DataFrame | None = None,
    standings: tuple[Standing, ...] = (),
    prices: PriceTable | None = None,
) -> Report:
    """Add up a sums frame (with tasks when `by` is "task"); `by` is one of `metrics.KEYS`. prices: tell why a
    cost is not known; None: the built-in ones.
    """
    key = metrics.KEYS[by]
    return Report(
        view=view,
        key=key,
        totals=metrics.totals(sums),
        groups=tuple(metrics.group_totals(metrics.by(sums, key)).items()),
        known=completeness(sums, prices),
        bad_lines=bad_lines,
        rows=rows,
        standings=standings,
    )


def known_cost(totals: Totals) -> float | None:
    """The sum of the known costs in USD; None when there are calls and not one has a known cost."""
    if totals.calls and not totals.priced:
        return None
    return round(totals.cost_usd, 10)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


COLUMNS: tuple[tuple[str, Callable[[Totals], float | None]], ...] = (
    ("calls", lambda t: t.calls),
    ("successful", lambda t: t.successful),
    ("failed", lambda t: t.failed),
    ("retries", lambda t: t.retries),
    ("tokens_input", lambda t: t.tokens_input),
    ("tokens_output", lambda t: t.tokens_output),
    ("tokens_total", lambda t: t.tokens_total),
    ("tokens_cache_read", lambda t: t.tokens_cache_read),
    ("tokens_cache_write", lambda t: t.tokens_cache_write),
    ("tokens_thinking", lambda t: t.tokens_thinking),
    ("web_searches", lambda t: t.web_searches),
    ("estimated_cost_usd", known_cost),
    ("unpriced_calls", lambda t: t.unpriced),
    ("not_final_calls", lambda t: t.not_final),
    ("average_duration_seconds", lambda t: _rounded(t.average_duration_seconds)),
    ("average_tokens_per_second", lambda t: _rounded(t.average_tokens_per_second)),
)
"""What JSON and CSV say of any totals: name and value."""


def measures(totals: Totals) -> dict[str, float | None]:
    """`COLUMNS` of these totals."""
    return {name: value(totals) for name, value in COLUMNS}


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain data; with standings also `budgets`, with rows `details`, one per line."""
    document = {
        "since": report.view.since.isoformat(),
        "until": report.view.until.isoformat(),
        "timezone": str(report.view.since.tzinfo),
        "bad_lines": report.bad_lines,
        "totals": measures(report.totals),
        "completeness": _completeness(report.known),
        "groups": list(_groups(report)),
    }
    if report.standings:
        document["budgets"] = [as_data(one) for one in report.standings]
    if report.rows is not None:
        document["details"] = list(details(report.rows))
    return document


def _completeness(known: Completeness) -> dict[str, Any]:
    """How many calls are priced and final, why the cost of others is unknown, and who logged them."""
    return {
        "priced_calls": known.priced,
        "final_calls": known.final,
        "without_price": dict(known.no_price),
        "without_cost": dict(known.no_cost),
        "without_token_counts": known.uncounted,
        "calls_by_source": dict(known.by_source),
        "calls_are_a_lower_bound": known.of_runs > 0,
    }


def _groups(report: Report) -> Iterator[dict[str, Any]]:
    for value, totals in report.groups:
        yield {report.key: label(value), **measures(totals)}


def label(value: Any) -> str | None:
    """A group's value as data: days and hours in ISO-8601, None for "not given"."""
    if isinstance(value, datetime):  # also pandas' Timestamp
        return value.isoformat() if value.tzinfo else value.date().isoformat()
    return None if value == NONE else str(value)


Cells = Mapping[Any, Any]
"""A row of the rows frame, with None for what is not known."""


def _as_is(name: str) -> Callable[[Cells], Any]:
    return lambda row: row[name]


def _if_counted(name: str) -> Callable[[Cells], Any]:
    return lambda row: row[name] if row["counted"] else None


def _if_timed(name: str) -> Callable[[Cells], Any]:
    return lambda row: _rounded(row[name])


DETAILS: tuple[tuple[str, Callable[[Cells], Any]], ...] = (
    ("timestamp", lambda row: row["time"].isoformat()),
    *((name, _as_is(name)) for name in ("model", "project", "task_id", "worker_id", "session_id", "source")),
    ("success", lambda row: row["outcome"] == "ok"),
    ("error", _as_is("error")),
    *((name, _if_counted(name)) for name, _ in COLUMNS if name.startswith("tokens_")),
    ("tokens_final", _as_is("final")),
    ("estimated_cost_usd", _as_is("cost_usd")),
    *((name, _if_timed(name)) for name in ("duration_seconds", "time_to_first_token", "tokens_per_second")),
    ("calls", _as_is("calls")),
    ("retries", _as_is("retries")),
    ("web_searches", _as_is("web_searches")),
)
"""What JSON and CSV say of one line: name and value."""


def details(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """`DETAILS` of each line, oldest first."""
    for row in rows.to_dict("records"):
        cells = {name: _known(value) for name, value in row.items()}
        yield {name: value(cells) for name, value in DETAILS}


def _known(value: Any) -> Any:
    return None if value == NONE or value != value else value  # only NaN differs from itself


def write_json(report: Report, out: TextIO) -> None:
    """The report as one JSON document."""
    json.dump(as_json(report), out, indent=2, ensure_ascii=False, allow_nan=False)
    out.write("\n")


def write_csv(report: Report, out: TextIO) -> None:
    """The groups, or with rows each line, under a row of names."""
    if report.rows is None:
        write_rows([report.key, *(name for name, _ in COLUMNS)], _groups(report), out)
    else:
        write_rows([name for name, _ in DETAILS], details(report.rows), out)


def period(view: Filter) -> str:
    """The view's period in words: a day, first and last day, or with hours where it is not whole days."""
    since, until = view.since, view.until
    last = until - timedelta(microseconds=1)
    if since.time() != since.min.time() or until.time() != until.min.time():
        return f"{since:%Y-%m-%d %H:%M} – {until:%Y-%m-%d %H:%M}"
    return f"{since:%Y-%m-%d}" if since.date() == last.date() else f"{since:%Y-%m-%d} – {last:%Y-%m-%d}"
