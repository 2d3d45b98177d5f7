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

_TOLD = [
    "task_id",
    "worker_id",
    "model",
    "error",
    "duration_seconds",
    "tokens_input",
    "tokens_output",
    "tokens_cache_read",
    "tokens_cache_write",
    "cost_usd",
    "final",
    "counted",
]
"""What a point says of its line."""

_DURATION_TICKS = (0.01, 0.1, 1, 10, 60, 600, 3600, 6 * 3600, 36 * 3600)


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
    ground = _ground(points)
    traces = [
        _trace(
            points[~failed], "Succeeded", ground, {"symbol": "circle", "color": faded(OK, 0.5), "size": 7}
        ),
        _trace(points[failed], "Failed", ground, {"symbol": "x", "color": FAILED, "size": 8}),
    ]
    return {
        "data": [t for t in traces if t["x"]],
        "layout": layout(
            scene.revision,
            hovermode="closest",
            showlegend=True,
            xaxis=axis(title=_title("duration"), **_duration_scale(points["duration_seconds"].to_numpy())),
            yaxis=axis(title=_title("tokens"), **_token_scale(_height(points, ground), ground)),
        ),
    }


def _title(words: str) -> dict[str, Any]:
    return {"text": words, "standoff": 4}


def _ground(points: pd.DataFrame) -> int:
    """Where lines without tokens stand on a log axis: a little below the smallest that has some."""
    some = points["tokens_total"].to_numpy()
    some = some[some > 0]
    return max(int(some.min()) // 3, 1) if len(some) else 1


def _height(points: pd.DataFrame, ground: int) -> np.ndarray[Any, Any]:
    tokens = points["tokens_total"].to_numpy()
    return np.where(tokens > 0, tokens, ground)


def _trace(points: pd.DataFrame, name: str, ground: int, marker: dict[str, Any]) -> dict[str, Any]:
    days, offsets = points["day"].astype(str), points["offset"].tolist()
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [float(f"{v:.4g}") for v in points["duration_seconds"].tolist()],
        "y": _height(points, ground).tolist(),
        "marker": marker | {"line": {"width": 0}},
        "text": list(map(_hover, *(points[column].tolist() for column in _TOLD))),
        "customdata": [f"{day}/{offset}" for day, offset in zip(days, offsets, strict=True)],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _hover(
    task: str,
    worker: str,
    model: str,
    error: str,
    seconds: float,
    tokens_in: int,
    tokens_out: int,
    read: int,
    written: int,
    cost: float,
    final: bool,
    counted: bool,
) -> str:
    """What a point says of its line, in the order of `_TOLD`; counts are exact."""
    who = " · ".join(name[:60] for name in (task, worker) if name) or "no task"
    paid = "cost not known" if math.isnan(cost) else numbers.usd(cost)
    used = "tokens not known"
    if counted:
        cache = f" · {read:,} read · {written:,} written" if read or written else ""
        used = f"{'' if final else 'at least '}{tokens_in:,} in · {tokens_out:,} out{cache}"
    failed = f"<br>failed: {html.escape(error[:80])}" if error else ""
    head = f"<b>{html.escape(who)}</b><br>{html.escape(model_label(model))}"
    return f"{head} · {numbers.duration(seconds)} · {paid}<br>{used}{failed}"


def _duration_scale(seconds: np.ndarray[Any, Any]) -> dict[str, Any]:
    low, high = float(seconds.min()), float(seconds.max())
    if high / low < WIDE:
        return {"rangemode": "tozero", "ticksuffix": " s", "nticks": 6}
    ticks = [t for t in _DURATION_TICKS if low / 2 <= t <= high * 2]
    names = [numbers.duration(t).replace(" 00 s", "").replace(" 00 m", "") for t in ticks]
    names = [f"{t:g} s" if t < 60 else name for t, name in zip(ticks, names, strict=True)]
    return {"type": "log", "tickvals": ticks, "ticktext": names}


def _token_scale(tokens: np.ndarray[Any, Any], ground: int) -> dict[str, Any]:
    """Powers of ten, and a tick that says what stands on the ground line."""
    top = int(tokens.max())
    ticks = [10**n for n in range(10) if ground * 2 < 10**n <= top * 2]
    names = [
        f"{t // 1000:,} k" if 1000 <= t < 10**6 else numbers.short(t).replace(".00", "").replace(".0", "")
        for t in ticks
    ]
    if (tokens == ground).any():
        ticks, names = [ground, *ticks], ["none", *names]
    return {"type": "log", "tickvals": ticks, "ticktext": names}


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
    data = [
        [
            *(row.time, row.task_id or None, row.worker_id or None, row.model or None),
            *(round(row.duration_seconds, 6), row.tokens_total if row.counted else None, row.cost_usd),
            row.error or row.outcome,
        ]
        for row in rows.itertuples()
    ]
    head = ["Time", "Task", "Worker", "Model", "Duration", "Tokens", "Cost", "Outcome"]
    return Table(head, cells, _KEYS, data)


_KEYS = (
    *("timestamp", "task_id", "worker_id", "model", "duration_seconds", "tokens_total"),
    *("estimated_cost_usd", "outcome"),
)


CHART = Chart("tasks", "Tasks", draw, table, (*_TOLD, "tokens_total", "outcome", "day", "offset"))
