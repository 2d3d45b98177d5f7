"""The tables of the bill view: sheets as components, and the two that only stand there. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from dash import html

from .. import numbers
from ..billing.findings import Finding
from ..billing.reasons import REASONS
from ..billing.reconcile import Reconciliation
from ..billing.verdict import NO_DIFFERENCE
from ..charts.billed import signed
from ..charts.picture import model_label
from ..savings import mark
from ..sheets import Answer, Cell, Column, Sheet, plain
from ..sheets.text import printable
from ..views.columns import percent
from .plot import spoken
from .tables import table

NO_FINDINGS = "No difference was found."
FIRST = 7
"""So many findings are shown at once."""

SHOWN = 40
"""So many are listed; `callmeter reconcile` lists them all."""

LONGEST = {"projects": 14, "uncached": 18, "models": 20, "cold": 24, "sessions": 24}
"""Sheet -> characters of a name; a longer one is shown without its middle."""

MOST = 20
"""Rows of a table; the command line has all."""

SPARE = {
    "models": {"calls", "tokens_total", "cache_hit_rate", "share", "mark"},
    "costs": {"calls", "tokens_total"},
    "projects": {"sessions", "calls", "tokens_total", "tokens_per_session"},
    "cold": {"project", "extra_usd", "saved_usd"},
    "uncached": {"model", "calls"},
    "sessions": {"project"},
}
"""Sheet -> the columns a phone leaves out, so that what it costs is seen."""


def sheet(of: Sheet) -> list[Any]:
    """A sheet's sentence and table, without the columns that may give way."""
    columns = [column for column in of.shown if not column.extra]
    rows = [[_text(column, row) for column in columns] for row in of.rows[:MOST]]
    said = [html.P(printable(of.sentence), className="sentence")] if of.sentence else []
    if not rows:
        return said or [html.P("Nothing in this range.", className="advice")]
    keys = SPARE.get(of.name, set())
    spare = [place for place, column in enumerate(columns) if column.key in keys]
    heads = [column.head for column in columns]
    return [*said, table(heads, rows, LONGEST.get(of.name), spare), *_further(of)]


def _text(column: Column, row: Mapping[str, Cell]) -> str:
    """A cell; that something is at least nothing says nothing."""
    said = column.text(row)
    return numbers.UNKNOWN if said == "≥ $0" else said


def _further(of: Sheet) -> list[Any]:
    rest = len(of.rows) - MOST
    if rest <= 0:
        return []
    return [html.P(f"And {rest:,} more: callmeter report {of.name} lists them.", className="advice")]


def named(answer: Answer, name: str) -> Sheet:
    """The answer's sheet of that name."""
    return next(one for one in answer.sheets if one.name == name)


def findings(found: Reconciliation | None) -> list[Any]:
    """What was found, largest first, each in its sentence; what is no real difference stands last."""
    if found is None or not found.compared:
        return [html.P("No day can be compared yet.", className="advice")]
    if not found.findings:
        return [html.P(NO_FINDINGS, className="advice")]
    ordered = sorted(found.findings, key=lambda one: one.reason in NO_DIFFERENCE)
    made = [_finding(one) for one in ordered[:SHOWN]]
    return [
        html.Ol(made[:FIRST], className="findings", **spoken("Findings")),
        *_folded(made[FIRST:]),
        *_slighter(len(ordered) - SHOWN),
    ]


def _folded(made: Sequence[Any]) -> list[Any]:
    """The findings after the first, behind how many they are."""
    if not made:
        return []
    more: dict[str, Any] = spoken("More findings")
    return [
        html.Details(
            [html.Summary(f"{len(made)} more"), html.Ol(list(made), className="findings", **more)],
            className="rest",
        )
    ]


def _slighter(rest: int) -> list[Any]:
    if rest <= 0:
        return []
    return [html.P(f"And {rest:,} slighter ones: callmeter reconcile lists them.", className="advice")]


def _finding(one: Finding) -> Any:
    head = REASONS.get(one.reason, one.reason)
    sentence = one.sentence or _said(one)
    sure = "" if one.certain or "likely" in sentence else " · likely"
    return html.Li(
        [
            html.Div(
                [html.Strong(head[:1].upper() + head[1:]), html.Span(signed(one.usd), className="took")],
                className="finding-head",
            ),
            html.P(printable(sentence) + sure, className="quiet wraps"),
        ]
    )


def _said(one: Finding) -> str:
    return f"{one.day.day} {one.day:%B}, {one.model or 'no model'}."


_HIT = Column("cache_hit_rate", "Hit rate", percent)
_MODELS = (
    Column("model", "Model", lambda name: model_label(name) if name else "no model"),
    Column("logged_usd", "Logged", numbers.usd),
    Column("billed_usd", "Billed", numbers.usd),
    Column("difference_usd", "Difference", signed),
    _HIT,
    Column("mark", "", plain),
)


def by_model(found: Reconciliation) -> Sheet:
    """Logged and billed per model in the days compared, dearest first, with the logged hit rate."""
    cells = found.cells
    small = cells.groupby("model")[["logged_usd", "billed_usd"]].sum()
    tokens = cells.pivot_table(
        index="model", columns="kind", values="logged_tokens", aggfunc="sum", fill_value=0
    )
    order = small.max(axis=1).sort_values(ascending=False, kind="stable").index
    rows = [_model(str(name), small.loc[name], _rate(tokens, name)) for name in order]
    return Sheet("models", "Models", _MODELS, rows)


def _model(name: str, usd: pd.Series, rate: float | None) -> dict[str, Cell]:
    logged, billed = float(usd["logged_usd"]), float(usd["billed_usd"])
    return {
        "model": name,
        "logged_usd": logged,
        "billed_usd": billed,
        "difference_usd": billed - logged,
        "cache_hit_rate": rate,
        "mark": mark(rate),
    }


_INPUT = ("tokens_input", "tokens_cache_read", "tokens_cache_write_5m", "tokens_cache_write_1h")


def _rate(tokens: pd.DataFrame, name: Any) -> float | None:
    """Share of all input that was read from the cache."""
    counts: Mapping[Any, Any] = tokens.loc[name].to_dict()
    sent = sum(counts.get(kind, 0) for kind in _INPUT)
    return counts.get("tokens_cache_read", 0) / sent if sent else None


def models(found: Reconciliation | None, logged: Sequence[Any]) -> list[Any]:
    """By model; what was logged alone when nothing can be compared."""
    return sheet(by_model(found)) if found is not None and found.compared else list(logged)
