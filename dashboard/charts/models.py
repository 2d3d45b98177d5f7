"""Models: a donut of tokens (or cost) by model, at most six slices and the others."""

from __future__ import annotations

import html
from typing import Any

import pandas as pd

from .. import metrics, numbers
from .palette import NEUTRAL, model_colour
from .picture import Chart, Figure, Picture, Scene, Table, empty, layout, model_markup

SLICES = 6


def frame(scene: Scene) -> pd.DataFrame:
    """One row per model with every measure, largest share first."""
    small = metrics.by(scene.sums, "model")
    measure = "cost_usd" if scene.by_cost else "tokens_total"
    return small.sort_values(measure, ascending=False, kind="stable")


def draw(scene: Scene) -> Picture:
    """The donut; a click on a slice narrows the page to that model."""
    small = frame(scene)
    measure = "cost_usd" if scene.by_cost else "tokens_total"
    if not small[measure].to_numpy().any():
        words = "No cost in this range" if scene.by_cost else "No tokens in this range"
        return Picture(empty(scene.revision, words), words + ".")
    return Picture(_figure(small, measure, scene), _sentence(small))


def _figure(small: pd.DataFrame, measure: str, scene: Scene) -> Figure:
    form = numbers.usd if scene.by_cost else numbers.short
    shown = small[small[measure] > 0]
    head, rest = shown.iloc[:SLICES], shown.iloc[SLICES:]
    names = [str(m) for m in head.index]
    hover = [_hover(row) for row in head.itertuples()]
    amounts = head[measure].tolist()
    if len(rest):
        names, amounts = [*names, ""], [*amounts, float(rest[measure].sum())]
        hover.append(f"{numbers.plural(len(rest), 'other model')}<br>{form(float(rest[measure].sum()))}")
    labels = [model_markup(name) for name in names[: len(head)]] + ["other"] * bool(len(rest))
    donut = {
        "type": "pie",
        "hole": 0.62,
        "sort": False,
        "direction": "clockwise",
        "labels": labels,
        "values": amounts,
        "customdata": names,
        "marker": {"colors": [model_colour(n) if n else NEUTRAL for n in names], "line": {"width": 0}},
        "texttemplate": "%{label}<br>%{percent}",
        "textposition": "outside",
        "automargin": True,
        "hovertext": hover,
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    middle = {
        "text": f"<b>{form(float(shown[measure].sum()))}</b><br>{'spent' if scene.by_cost else 'tokens'}",
        "showarrow": False,
        "x": 0.5,
        "y": 0.5,
        "font": {"size": 18},
    }
    shape = layout(scene.revision, showlegend=False, annotations=[middle])
    return {"data": [donut], "layout": shape | {"margin": {"l": 24, "r": 24, "t": 24, "b": 24}}}


def _hover(row: Any) -> str:
    cost = "cost not known" if row.unpriced == row.calls else numbers.usd(row.cost_usd)
    return (
        f"<b>{html.escape(str(row.Index))}</b><br>{numbers.count(row.tokens_total)} tokens · {cost}"
        f"<br>{numbers.plural(row.calls, 'call')}"
    )


def _sentence(small: pd.DataFrame) -> str:
    tokens, cost = small["tokens_total"], small["cost_usd"]
    if len(small) == 1:
        return f"All of it is {small.index[0]}."
    first = str(tokens.idxmax())
    said = f"{first} used {numbers.share(float(tokens.max()), float(tokens.sum()))} of the tokens"
    if not cost.sum():
        return said + "."
    dear = str(cost.idxmax())
    part = numbers.share(float(cost.max()), float(cost.sum()))
    return (
        f"{said} and {part} of the money." if dear == first else f"{said}; {dear} took {part} of the money."
    )


def table(scene: Scene) -> Table:
    """Every model: calls, tokens by kind, cost."""
    rows = [
        [
            str(row.Index),
            *(numbers.count(n) for n in (row.calls, row.tokens_input, row.tokens_output)),
            *(numbers.count(n) for n in (row.tokens_cache_read, row.tokens_cache_write)),
            "not known" if row.unpriced == row.calls else numbers.usd(float(row.cost_usd)),
        ]
        for row in frame(scene).itertuples()
    ]
    counts = ("calls", "tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write")
    data = [
        [
            *(row.Index or None, *(int(getattr(row, name)) for name in counts)),
            None if row.unpriced == row.calls else float(row.cost_usd),
        ]
        for row in frame(scene).itertuples()
    ]
    head = ["Model", "Calls", "Input", "Output", "Cache read", "Cache write", "Cost"]
    return Table(head, rows, ("model", *counts, "estimated_cost_usd"), data)


CHART = Chart("models", "Models", draw, table)
