"""Cost: a bar per day, split by model, and the running total on a second axis.

Within two days a bar is an hour; beyond a hundred a week, from Monday.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from .. import metrics, numbers
from ..filters import NONE
from .palette import NEUTRAL, model_colour
from .picture import (
    LONG,
    Chart,
    Figure,
    Picture,
    Scene,
    Table,
    axis,
    day_ticks,
    empty,
    ends,
    layout,
    model_label,
    model_markup,
    time_axis,
)

_TICKS = 6

SLICES = 6
"""How many models have a colour of their own; the others are added up."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a bar stands for."""

    noun: str
    length: pd.Timedelta
    hover: str
    """How Plotly writes the middle of a bar."""
    head: str
    """How a table writes its start, for strftime."""
    name: Callable[[pd.Timestamp], str]
    """How a sentence writes its start."""


HOUR = Step("hour", pd.Timedelta(hours=1), "%a %-d %b, %H:00", "%a %d %b %H:%M", numbers.hour_name)
DAY = Step("day", pd.Timedelta(days=1), "%A %-d %B", "%a %d %b", numbers.day_name)
WEEK = Step("week", pd.Timedelta(days=7), "week around %-d %B %Y", "%d %b %Y", numbers.week_name)


def step(scene: Scene) -> Step:
    """Hours, days or weeks, as the view is long."""
    length = scene.view.until - scene.view.since
    return HOUR if length <= timedelta(hours=49) else DAY if length <= LONG else WEEK


def frame(scene: Scene) -> pd.DataFrame:
    """USD per step and model; index: naive start of the step, columns: models, dearest first."""
    if step(scene) is HOUR:
        small = metrics.cost_by_hour(scene.sums, scene.view, scene.now)
        small.index = small.index.tz_localize(None)
        return small
    small = metrics.cost_by_day(scene.sums, scene.view, scene.now)
    return small if step(scene) is DAY else small.resample("W-MON", label="left", closed="left").sum()


def draw(scene: Scene) -> Picture:
    """Bars and running total; unpriced calls are said, since their cost is not in it."""
    costs = frame(scene)
    added = metrics.totals(scene.sums)
    if not costs.to_numpy().any():
        return Picture(empty(scene.revision, _nothing(added)), _nothing(added) + ".")
    return Picture(_figure(costs, scene), _sentence(costs, added, scene))


def _nothing(added: metrics.Totals) -> str:
    if added.calls and added.unpriced == added.calls:
        return "The cost of these calls is not known"
    return "Nothing was spent in this range"


def _figure(costs: pd.DataFrame, scene: Scene) -> Figure:
    middles = (costs.index + step(scene).length / 2).strftime("%Y-%m-%d %H:%M").tolist()
    width = step(scene).length / pd.Timedelta(milliseconds=1) * 0.8
    bars = [_bar(name, cost, middles, width) for name, cost in _slices(costs)]
    running = costs.sum(axis=1).cumsum()
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": "Running total",
        "x": middles,
        "y": [round(v, 6) for v in running.tolist()],
        "yaxis": "y2",
        "line": {"width": 2, "color": NEUTRAL, "dash": "dot"},
        "customdata": [numbers.usd(v) for v in running.tolist()],
        "hovertemplate": "%{customdata} so far<extra></extra>",
    }
    return {
        "data": [*bars, line, ends(scene.view)],
        "layout": layout(
            scene.revision,
            barmode="stack",
            bargap=0.25,
            hovermode="x unified",
            xaxis=_when(costs, scene),
            yaxis=axis(**_dollars(float(costs.sum(axis=1).max()))),
            yaxis2=axis(overlaying="y", side="right", showgrid=False, **_dollars(float(running.iloc[-1]))),
        ),
    }


def _when(costs: pd.DataFrame, scene: Scene) -> dict[str, Any]:
    """The x axis; a day's name stands under the middle of its bar."""
    x = time_axis(scene.view, hoverformat=step(scene).hover)
    return x | day_ticks(costs.index, pd.Timedelta(hours=12)) if step(scene) is DAY else x


def _dollars(most: float) -> dict[str, Any]:
    """An axis of dollars up to `most`, with as many decimals as its ticks need."""
    format = f"$,.{_decimals(most)}f"
    return {"tickformat": format, "rangemode": "tozero", "nticks": _TICKS, "tickmode": "auto"}


def _decimals(most: float) -> int:
    """Cents below 8 dollars; more where a step between ticks is 1, 2 or 5 of something smaller."""
    if most >= 8:
        return 0
    least = most / _TICKS
    power = math.floor(math.log10(least))
    return max(2, -power - int(least > 5 * 10.0**power))


def _slices(costs: pd.DataFrame) -> list[tuple[str, list[float]]]:
    """The dearest models by name and the others as one, in drawing order."""
    named = [(str(m), costs[m].tolist()) for m in costs.columns[:SLICES] if costs[m].any()]
    rest = costs[costs.columns[SLICES:]].sum(axis=1)
    return [*named, ("other", rest.tolist())] if rest.any() else named


def _bar(name: str, cost: list[float], when: list[str], width: float) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": model_markup(name),
        "x": when,
        "y": [round(v, 6) for v in cost],
        "width": width,
        "marker": {"color": NEUTRAL if name == "other" else model_colour(name), "line": {"width": 0}},
        "customdata": [numbers.usd(v) for v in cost],
        "hovertemplate": "%{customdata} " + model_markup(name) + "<extra></extra>",
    }


def _sentence(costs: pd.DataFrame, added: metrics.Totals, scene: Scene) -> str:
    whole = costs.sum(axis=1)
    peak, most = whole.idxmax(), float(whole.max())
    noun = step(scene).noun
    rank = f"dearest {noun}" if (whole > 0).sum() > 1 else f"only {noun} with a cost"
    dearest = f"{step(scene).name(peak)} was the {rank}"
    said = f"{dearest}, {numbers.usd(most)}{_most_of_it(peak, most, scene)}."
    if added.unpriced:
        said += f" {numbers.plural(added.unpriced, 'call')} of unknown cost not included."
    return said


def _most_of_it(peak: pd.Timestamp, most: float, scene: Scene) -> str:
    """The task that cost more than half of the dearest step, if there is one."""
    rows = scene.rows()
    zone = scene.view.since.tzinfo
    since = peak.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    until = (peak + step(scene).length).tz_localize(zone, ambiguous=False, nonexistent="shift_forward")
    here = rows.iloc[rows["time"].searchsorted(since) : rows["time"].searchsorted(until)]
    spent = np.bincount(here["task_id"].cat.codes, weights=np.nan_to_num(here["cost_usd"]))
    if not len(spent) or spent.max() < most / 2:
        return ""
    task = str(here["task_id"].cat.categories[int(spent.argmax())])
    return f", most of it {task}" if task != NONE else ""


def table(scene: Scene) -> Table:
    """Cost per step and model, newest first, empty ones left out."""
    costs = frame(scene)
    costs = costs[costs.sum(axis=1) > 0].iloc[::-1]
    rows = [
        [when.strftime(step(scene).head), numbers.usd(sum(cells)), *(numbers.usd(c) for c in cells)]
        for when, cells in zip(costs.index, costs.to_numpy().tolist(), strict=True)
    ]
    noun = step(scene).noun
    data = [
        [when if step(scene) is HOUR else when.date(), sum(cells), *cells]
        for when, cells in zip(costs.index, costs.to_numpy().tolist(), strict=True)
    ]
    keys = [noun, "total_usd", *(f"{model}_usd" for model in costs.columns)]
    return Table([noun.capitalize(), "Total", *map(model_label, costs.columns)], rows, keys, data)


CHART = Chart("cost", "Cost", draw, table, ("task_id", "cost_usd"))
