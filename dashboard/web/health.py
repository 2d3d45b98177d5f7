"""The health view: is the reading complete, which lines are bad, what is unpriced or a lower bound."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from dash import html

from logger.pricing import PriceTable

from .. import metrics, numbers, sources
from ..completeness import completeness, why_unpriced
from ..otlp.status import TelemetryStatus
from ..store.base import Health, Problem
from . import telemetry
from .panel import panel
from .tables import table

SHOWN = 200
"""How many bad lines are listed; `callmeter check` lists them all."""

LONGEST = 24
"""Characters of a model's name; a longer one is shown without its middle."""


_WATCHING = {
    "events": "seen at once: the system tells of changes",
    "polling": "seen within seconds: the files are looked at again and again",
    "off": "not looked for",
}


_EXTRA = (
    ("unfinished", "Unfinished last lines, not counted yet"),
    ("other_day", "Lines in another day's file, counted on their own day"),
)


def render(
    health: Health,
    sums: pd.DataFrame,
    folder: str,
    now: datetime,
    zone: ZoneInfo,
    received: TelemetryStatus | None = None,
    bill: Sequence[Any] = (),
    prices: PriceTable | None = None,
) -> list[Any]:
    """The view's panels. `sums` are those of the page's range and filters; `received` of workers, if any;
    `bill`: the panel of Anthropic's bill. `prices`: tell why a cost is not known; None: the built-in ones.
    """
    costs = _unpriced(sums, prices)
    reading = [_reading(health, folder, now, zone), _bad(health), *bill, costs, _not_final(sums)]
    return reading if received is None else [*reading, *telemetry.panels(received, now)]


def _reading(health: Health, folder: str, now: datetime, zone: ZoneInfo) -> Any:
    if health.folder_problem:
        return panel("Reading", health.folder_problem, fine=False)
    facts = [
        ("Folder", folder),
        ("Days", f"{numbers.count(health.days_loaded)} of {numbers.count(health.days_total)} read"),
        ("Lines", numbers.count(health.lines)),
        ("Time zone", str(zone)),
        ("New lines", _WATCHING[health.watching]),
    ]
    facts += [(words, numbers.count(health.extra[name])) for name, words in _EXTRA if health.extra.get(name)]
    if health.first_day:
        facts.insert(2, ("From", f"{health.first_day} to {health.last_day}"))
    if health.last_change:
        facts.append(("Last new line", numbers.ago(health.last_change, now)))
    items = [part for name, said in facts for part in (html.Dt(name), html.Dd(said))]
    return panel("Reading", _progress(health), html.Dl(items), *_superseded(health), fine=not health.loading)


def _superseded(health: Health) -> list[Any]:
    """That some lines are not counted again, in a sentence; nothing while there are none."""
    number = health.extra.get("superseded", 0)
    if not number:
        return []
    verb, whose = ("is", "its") if number == 1 else ("are", "their")
    said = (
        f"{numbers.plural(number, 'line')} {verb} not counted again: {whose} calls stand in other lines too, "
        "logged one by one or twice (callmeter check lists them)."
    )
    return [html.P(said, className="advice")]


def _progress(health: Health) -> str:
    if health.loading:
        left = numbers.plural(health.days_total - health.days_loaded, "day")
        return f"Still reading older days, {left} to go: totals over them are not complete yet."
    return "Every file in the folder has been read."


def _bad(health: Health) -> Any:
    if not health.bad_lines and not health.problems:
        return panel("Bad lines", "Every complete line could be counted.")
    said = (
        f"{numbers.plural(health.bad_lines, 'line')} could not be counted and are in no total. "
        "The files are left as they are; callmeter check lists every one."
    )
    return panel("Bad lines", said, _problems(health.problems[:SHOWN]), fine=False)


def _problems(problems: tuple[Problem, ...]) -> Any:
    rows = [[p.file, numbers.count(p.line) if p.line else "whole file", p.reason] for p in problems]
    return table(["File", "Line", "Reason"], rows)


def _unpriced(sums: pd.DataFrame, prices: PriceTable | None) -> Any:
    models = metrics.by(sums[(sums["unpriced"] > 0).to_numpy()], "model")
    if not len(models):
        return panel("Costs", "The cost of every call in this range is known.")
    known = completeness(sums, prices)
    reasons = "; ".join(why_unpriced(known))
    advice = "; a price file of your own prices new calls" if known.no_price else ""
    said = (
        f"{numbers.plural(int(models['unpriced'].sum()), 'call')} in this range of unknown cost, in no "
        f"total: {reasons}. callmeter check lists them{advice}."
    )
    rows = [
        [str(r.Index), numbers.count(r.unpriced), numbers.count(r.tokens_total)] for r in models.itertuples()
    ]
    return panel("Costs", said, table(["Model", "Calls", "Tokens"], rows, LONGEST), fine=False)


def _not_final(sums: pd.DataFrame) -> Any:
    groups = metrics.by(sums[(sums["not_final"] > 0).to_numpy()], "source")
    if not len(groups):
        return panel("Token counts", "Every token count in this range is final.")
    said = (
        f"{numbers.plural(int(groups['not_final'].sum()), 'call')} in this range whose end was not seen "
        "(killed, cut off, or an old command line): their tokens and cost are a lower bound or an "
        "estimate."
    )
    rows = [
        [sources.words(str(r.Index)), numbers.count(r.not_final), numbers.count(r.tokens_total)]
        for r in groups.itertuples()
    ]
    return panel("Token counts", said, table(["Source", "Calls", "Tokens, at least"], rows), fine=False)
