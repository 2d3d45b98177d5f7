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
from ..views.columns import percent
from .plot import spoken
from .tables import table

NO_FINDINGS = "No difference was found."
SHOWN = 40
"""So many findings are listed; `callmeter reconcile` lists them all."""


def sheet(of: Sheet) -> list[Any]:
    """A sheet's sentence and table, without the columns that may give way."""
    columns = [column for column in of.shown if not column.extra]
    rows = [[column.text(row) for column in columns] for row in of.rows]
    said = [html.P(of.sentence, className="sentence")] if of.sentence else []
    if not rows:
        return said or [html.P("Nothing in this range.", className="advice")]
    return [*said, table([column.head for column in columns], rows)]


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
    rest = len(found.findings) - SHOWN
    more = [html.P(f"And {rest:,} slighter ones: callmeter reconcile lists them.", className="advice")]
    return [
        html.Ol(made, className="findings", tabIndex=0, **spoken("Findings")),
        *(more if rest > 0 else []),
    ]


def _finding(one: Finding) -> Any:
    head = REASONS.get(one.reason, one.reason)
    sure = "" if one.certain else " · likely"
    return html.Li(
        [
            html.Div(
                [html.Strong(head[:1].upper() + head[1:]), html.Span(signed(one.usd), className="took")],
                className="finding-head",
            ),
            html.P((one.sentence or _said(one)) + sure, className="quiet wraps"),
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
