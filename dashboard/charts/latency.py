"""Latency over time: the median of each model as a line, its slowest twentieth as a dotted one.

A value is of an hour or a day; beyond a hundred days of a week, from Monday.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from .. import buckets, latency, numbers
from ..filters import Filter
from ..latency import Course
from .palette import NEUTRAL, faded, model_colour
from .picture import (
    LONG,
    Chart,
    Figure,
    Picture,
    Scene,
    Table,
    axis,
    empty,
    ends,
    layout,
    model_label,
    model_markup,
    time_axis,
    wall,
)

MOST = 5
"""Models that are drawn; the table has all."""

WIDE = 30
"""From this ratio of largest to smallest on, the axis is logarithmic."""

SLOW = 1.2
"""How many times as slow as usual a model must be to be named."""

_TICKS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800, 3600, 3 * 3600, 12 * 3600)
_DIGITS = 6
"""Of seconds and speeds as data, which are kept in single precision."""
_MARKS = ("circle", "square", "diamond", "triangle-up", "x")
"""Marks by place, for colours of one family are alike."""
_SPEED = "tokens_per_second"
_WORDS = {
    "duration_seconds": "No call in this range has a duration of its own",
    "time_to_first_token": "No call in this range tells when its first token came",
    _SPEED: "No call in this range tells how fast it was",
}


def draw(scene: Scene) -> Picture:
    """The lines of the models with most calls."""
    rows = scene.rows()
    course = latency.course(rows, *_grid(scene), scene.measure, MOST)
    if course.median.empty:
        words = _WORDS[scene.measure]
        return Picture(empty(scene.revision, words), words + ".")
    weekly = " A point is a week." if _is_weekly(scene) else ""
    return Picture(_figure(course, scene), _sentence(rows, course, scene.measure) + weekly)


def _is_weekly(scene: Scene) -> bool:
    return scene.view.until - scene.view.since > LONG


def _grid(scene: Scene) -> tuple[pd.DatetimeIndex, latency.Array]:
    """As `buckets.grid`; of a long view its first day and its Mondays."""
    starts, edges = buckets.grid(scene.view, scene.now)
    if not _is_weekly(scene):
        return starts, edges
    kept = np.flatnonzero((starts.day_of_week == 0) | (starts == starts[0]))
    return starts[kept], np.append(edges[kept], edges[-1])


def _figure(course: Course, scene: Scene) -> Figure:
    models = zip(course.median, _MARKS, strict=False)
    traces = [trace for model, mark in models for trace in _traces(course, str(model), mark, scene)]
    when = "%a %-d %b, %H:%M" if buckets.hourly(scene.view) else "%A %-d %b"
    when = "week from %-d %b %Y" if _is_weekly(scene) else when
    return {
        "data": [*traces, *_key(course, scene), ends(scene.view)],
        "layout": layout(
            f"{scene.revision} {scene.measure}",
            hovermode="x unified",
            xaxis=time_axis(
                scene.view, hoverformat=when, autorangeoptions=_whole(scene.view), ticklabelstandoff=10
            ),
            yaxis=axis(**_scale(course, scene.measure)),
        ),
    }


def _whole(view: Filter) -> dict[str, Any]:
    """The view from end to end: marks at an end would otherwise widen the axis."""
    return {"clipmin": wall(view.since), "clipmax": wall(view.until)}


def _key(course: Course, scene: Scene) -> list[dict[str, Any]]:
    """What the dotted lines are, for the legend alone."""
    if not _is_dotted(course):
        return []
    line = {"width": 1.2, "dash": "dot", "color": NEUTRAL}
    name = f"p{latency.far(scene.measure)}"
    nowhere: dict[str, Any] = {"x": [None], "y": [None], "hoverinfo": "skip"}
    return [{"type": "scatter", "mode": "lines", "name": name, "line": line, **nowhere}]


def _is_dotted(course: Course) -> bool:
    known = course.high.notna().to_numpy()
    return bool((known[1:] & known[:-1]).any())  # one point alone makes no line


def _traces(course: Course, model: str, mark: str, scene: Scene) -> list[dict[str, Any]]:
    """The slow ones, without a word of their own, and the median, with a mark where there is one."""
    middle, slow = course.median[model], course.high[model]
    name, colour = model_markup(model), model_colour(model)
    told = zip(middle.tolist(), slow.tolist(), course.timed[model].tolist(), strict=True)
    shared = {
        "type": "scatter",
        "name": name,
        "legendgroup": model,
        "x": [f"{moment:%Y-%m-%d %H:%M}" for moment in middle.index],
    }
    dotted = {"mode": "lines", "line": {"width": 1.2, "dash": "dot", "color": faded(colour, 0.75)}}
    marked = {
        "mode": "lines+markers",
        "connectgaps": True,  # the marks tell where there is a value
        "line": {"width": 2, "color": colour},
        "marker": {"size": 6, "color": colour, "symbol": mark},
        "text": [_hover(*one, scene.measure) for one in told],
        "hovertemplate": f"{name} %{{text}}<extra></extra>",
    }
    return [
        shared | dotted | {"y": _plain(slow), "hoverinfo": "skip", "showlegend": False},
        shared | marked | {"y": _plain(middle)},
    ]


def _plain(values: pd.Series) -> list[float | None]:
    return [None if value != value else float(f"{value:.4g}") for value in values.tolist()]


def _hover(middle: float, slow: float, count: int, measure: str) -> str:
    if not count:
        return ""
    form = _form(measure)
    rare = "" if slow != slow else f" · p{latency.far(measure)} {form(slow)}"
    return f"{form(middle)}{rare} · {numbers.plural(count, 'call')}"


def _form(measure: str) -> Callable[[float | None], str]:
    return numbers.duration if measure != _SPEED else _speed


def _speed(value: float | None) -> str:
    return f"{numbers.count(value)} tokens/s"


def _scale(course: Course, measure: str) -> dict[str, Any]:
    drawn = np.concatenate([course.median.to_numpy().ravel(), course.high.to_numpy().ravel()])
    drawn = drawn[drawn > 0]
    if not len(drawn) or drawn.max() / drawn.min() < WIDE:
        unit = {} if measure == _SPEED else {"ticksuffix": " s"}
        return {"rangemode": "tozero", "nticks": 6, **unit}
    ticks = [tick for tick in _TICKS if drawn.min() / 3 <= tick <= drawn.max() * 3]
    if measure == _SPEED:
        return {"type": "log", "nticks": 6}
    return {"type": "log", "tickvals": ticks, "ticktext": [_tick(tick) for tick in ticks]}


def _tick(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    return numbers.duration(seconds).replace(" 00 s", "").replace(" 00 m", "")


def _sentence(rows: pd.DataFrame, course: Course, measure: str) -> str:
    """What is usual, what is slow, which model is the slowest, and what is not drawn."""
    whole, form = course.whole, _form(measure)
    models = whole.drop(index="")
    dotted = _is_dotted(course)
    said = [_usual(whole.loc[""], measure, form, dotted), *_slowest(models, whole.loc[""], measure, form)]
    return " ".join([*said, *_aside(rows, course)])


def _usual(whole: pd.Series, measure: str, form: Callable[[float], str], dotted: bool) -> str:
    count = numbers.plural(int(whole["timed"]), "call")
    verb = {"duration_seconds": "took up to", _SPEED: "wrote up to"}.get(measure, "began to answer within")
    said = f"Half of {count} {verb} {form(whole['median'])}"
    if whole["high"] != whole["high"]:
        return said + "."
    beyond = "less than" if measure == _SPEED else "over"
    return f"{said}, one in twenty {beyond} {form(whole['high'])}{' (dotted)' if dotted else ''}."


def _slowest(models: pd.DataFrame, whole: pd.Series, measure: str, form: Callable[[float], str]) -> list[str]:
    """The slowest of the models that were called often enough to say so, if it is slow beside the rest."""
    known = models[(models["timed"] >= latency.LEAST[95]).to_numpy()]["median"]
    if len(known) < 2:
        return []
    name = str(known.idxmin() if measure == _SPEED else known.idxmax())
    value, usual = float(known[name]), float(whole["median"])
    slow = value * SLOW <= usual if measure == _SPEED else value >= usual * SLOW
    return [f"Slowest: {model_label(name)}, {form(value)}."] if slow else []


def _aside(rows: pd.DataFrame, course: Course) -> list[str]:
    known = latency.measured(rows)
    said = []
    if course.others:
        said.append(f"{numbers.plural(course.others, 'more model')} in the table.")
    if known.runs:
        said.append(f"{numbers.plural(known.runs, 'run')} of several calls left out.")
    return said


def table(scene: Scene) -> Table:
    """Every model: calls, percentiles of duration and first token, speed."""
    found = latency.by(scene.rows(), "model")
    heads = ["Model", "Calls", "p50", "p95", "p99", "First token p50", "p95", "p99", "Tokens/s"]
    rows = [
        [
            str(model) or "no model",
            numbers.count(row["calls"]),
            *(numbers.duration(row[name]) for name in row.index[1:-1]),
            numbers.count(row[_SPEED]),
        ]
        for model, row in found.iterrows()
    ]
    data = [[model or None, *cells] for model, *cells in found.round(_DIGITS).itertuples()]
    return Table(heads, rows, ("model", *found.columns), data)


CHART = Chart("latency", "Latency", draw, table, columns=("model", *sorted(latency.COLUMNS)))
