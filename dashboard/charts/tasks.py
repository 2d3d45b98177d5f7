"""Tasks: duration against tokens, a point per line, shape and colour by outcome."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np
import pandas as pd

from .. import metrics, numbers
from .palette import FAILED, OK, faded
from .picture import Chart, Figure, Picture, Scene, Table, axis, empty, layout, model_label

POINTS = 1200
"""How many points are drawn at the most, failures and outliers aside."""

WIDE = 30
"""From this ratio of largest to smallest on, an axis is logarithmic."""

_DURATION_TICKS = (0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 3 * 3600, 12 * 3600)


def draw(scene: Scene) -> Picture:
    """The scatter; of many lines a sample that keeps every failure and outlier, with the true count said."""
    rows = scene.rows()
    if not len(rows):
        return Picture(empty(scene.revision, "No calls in this range"), "No calls in this range.")
    taken = metrics.sample(rows, POINTS)
    if not taken.total:
        words = "No call in this range has a known duration"
        return Picture(empty(scene.revision, words), words + ".")
    return Picture(_figure(taken.rows, scene), _sentence(taken, rows))


def _figure(points: pd.DataFrame, scene: Scene) -> Figure:
    failed = (points["outcome"] == "failed").to_numpy()
    traces = [
        _trace(points[~failed], "Succeeded", {"symbol": "circle", "color": faded(OK, 0.5), "size": 7}),
        _trace(points[failed], "Failed", {"symbol": "x", "color": FAILED, "size": 8}),
    ]
    spans = points["duration_seconds"].to_numpy()
    return {
        "data": [t for t in traces if t["x"]],
        "layout": layout(
            scene.revision,
            hovermode="closest",
            showlegend=True,
            xaxis=axis(title={"text": "duration", "standoff": 4}, **_duration_scale(spans)),
            yaxis=axis(title={"text": "tokens", "standoff": 4}, **_token_scale(_height(points))),
        ),
    }


def _height(points: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Tokens, with 1 for none: a failure without tokens stands on the ground line of a log axis."""
    return np.asarray(np.maximum(points["tokens_total"].to_numpy(), 1))


def _trace(points: pd.DataFrame, name: str, marker: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [float(f"{v:.4g}") for v in points["duration_seconds"].tolist()],
        "y": _height(points).tolist(),
        "marker": marker | {"line": {"width": 0}},
        "text": [_hover(row) for row in points.itertuples()],
        "customdata": [f"{row.day}/{row.offset}" for row in points.itertuples()],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _hover(row: Any) -> str:
    who = " · ".join(html.escape(w[:60]) for w in (row.task_id, row.worker_id) if w) or "no task"
    cost = "price not known" if math.isnan(row.cost_usd) else numbers.usd(row.cost_usd)
    bound = "" if row.final else "at least "
    lines = [
        f"<b>{who}</b>",
        f"{html.escape(model_label(row.model))} · {numbers.duration(row.duration_seconds)} · {cost}",
        f"{bound}{_kinds(row)}" if row.counted else "tokens not known",
    ]
    if row.error:
        lines.append("failed: " + html.escape(row.error[:80]))
    return "<br>".join(lines)


def _kinds(row: Any) -> str:
    kinds = [f"{numbers.short(row.tokens_input)} in", f"{numbers.short(row.tokens_output)} out"]
    if row.tokens_cache_read or row.tokens_cache_write:
        kinds += [f"{numbers.short(row.tokens_cache_read)} read"]
        kinds += [f"{numbers.short(row.tokens_cache_write)} written"]
    return " · ".join(kinds)


def _duration_scale(seconds: np.ndarray[Any, Any]) -> dict[str, Any]:
    low, high = float(seconds.min()), float(seconds.max())
    if high / low < WIDE:
        return {"rangemode": "tozero", "ticksuffix": " s", "nticks": 6}
    ticks = [t for t in _DURATION_TICKS if low / 2 <= t <= high * 2]
    names = [numbers.duration(t).replace(".00 s", " s").replace(".0 s", " s") for t in ticks]
    names = [n.replace(" 00 s", "").replace(" 00 m", "") for n in names]
    return {"type": "log", "tickvals": ticks, "ticktext": names}


def _token_scale(tokens: np.ndarray[Any, Any]) -> dict[str, Any]:
    wide = float(tokens.max()) / float(tokens.min()) >= WIDE
    return (
        {"type": "log", "dtick": 1, "tickformat": "~s"}
        if wide
        else {"rangemode": "tozero", "tickformat": "~s"}
    )


def _sentence(taken: metrics.Sample, rows: pd.DataFrame) -> str:
    said = []
    top = metrics.dearest(rows)
    if top is not None and top["cost_usd"] > 0:
        name = top["task_id"] or top["worker_id"] or model_label(top["model"])
        said.append(f"Dearest: {name}, {numbers.usd(float(top['cost_usd']))}.")
    if not taken.complete:
        share = f"{numbers.count(len(taken.rows))} of {numbers.count(taken.total)}"
        said.append(f"{share} drawn, with every failure and outlier.")
    if taken.untimed:
        said.append(f"{numbers.plural(taken.untimed, 'line')} without a duration not drawn.")
    return " ".join(said) or f"{numbers.plural(taken.total, 'line')}, none priced."


def table(scene: Scene) -> Table:
    """The 100 dearest lines."""
    rows = metrics.page(scene.rows(), 0, 100, "cost_usd")
    cells = [
        [
            f"{row.time:%d %b %H:%M}",
            row.task_id or numbers.UNKNOWN,
            row.worker_id or numbers.UNKNOWN,
            row.model,
            numbers.duration(row.duration_seconds),
            ("≥ " if not row.final else "") + numbers.count(row.tokens_total) if row.counted else "not known",
            numbers.usd(row.cost_usd),
            row.error or row.outcome,
        ]
        for row in rows.itertuples()
    ]
    return Table(["Time", "Task", "Worker", "Model", "Duration", "Tokens", "Cost", "Outcome"], cells)


CHART = Chart("tasks", "Tasks", draw, table)
