"""Cost: a bar per day, split by model, and the running total on a second axis. Per hour within two days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from .. import metrics, numbers
from ..filters import NONE
from .palette import NEUTRAL, model_colour
from .picture import (
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
    time_axis,
)

SLICES = 6
"""How many models have a colour of their own; the others are added up."""


def hourly(scene: Scene) -> bool:
    """Whether the view is so short that hours tell more than days."""
    return scene.view.until - scene.view.since <= timedelta(hours=49)


def frame(scene: Scene) -> pd.DataFrame:
    """USD per day (or hour) and model; index: naive wall clock, columns: models, dearest first."""
    if not hourly(scene):
        return metrics.cost_by_day(scene.sums, scene.view, scene.now)
    small = metrics.cost_by_hour(scene.sums, scene.view, scene.now)
    small.index = small.index.tz_localize(None)
    return small


def draw(scene: Scene) -> Picture:
    """Bars and running total; unpriced calls are said, since their cost is not in it."""
    costs = frame(scene)
    added = metrics.totals(scene.sums)
    if not costs.to_numpy().any():
        return Picture(empty(scene.revision, _nothing(added)), _nothing(added) + ".")
    return Picture(_figure(costs, scene), _sentence(costs, added, scene))


def _nothing(added: metrics.Totals) -> str:
    if added.calls and added.unpriced == added.calls:
        return "No price is known for these calls"
    return "Nothing was spent in this range"


def _figure(costs: pd.DataFrame, scene: Scene) -> Figure:
    step = 3600_000 if hourly(scene) else 86_400_000
    when = costs.index.strftime("%Y-%m-%d %H:%M").tolist()
    bars = [_bar(name, cost, when, step) for name, cost in _slices(costs)]
    running = costs.sum(axis=1).cumsum()
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": "Running total",
        "x": (costs.index + pd.Timedelta(milliseconds=step / 2)).strftime("%Y-%m-%d %H:%M").tolist(),
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
    if hourly(scene):
        return time_axis(scene.view, hoverformat="%a %-d %b, %H:%M")
    ticks = day_ticks(costs.index, pd.Timedelta(hours=12))
    return time_axis(scene.view, hoverformat="%A %-d %B") | ticks


def _dollars(most: float) -> dict[str, Any]:
    """An axis of dollars up to `most`, with as many decimals as its ticks need."""
    decimals = 0 if most >= 8 else 2 if most >= 0.08 else 4
    return {"tickformat": f"$,.{decimals}f", "rangemode": "tozero", "nticks": 6, "tickmode": "auto"}


def _slices(costs: pd.DataFrame) -> list[tuple[str, list[float]]]:
    """The dearest models by name and the others as one, in drawing order."""
    named = [(str(m), costs[m].tolist()) for m in costs.columns[:SLICES] if costs[m].any()]
    rest = costs[costs.columns[SLICES:]].sum(axis=1)
    return [*named, ("other", rest.tolist())] if rest.any() else named


def _bar(name: str, cost: list[float], when: list[str], step: int) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": model_label(name),
        "x": when,
        "y": [round(v, 6) for v in cost],
        "width": step * 0.8,
        "offset": step * 0.1,
        "marker": {"color": NEUTRAL if name == "other" else model_colour(name), "line": {"width": 0}},
        "customdata": [numbers.usd(v) for v in cost],
        "hovertemplate": "%{customdata} " + model_label(name) + "<extra></extra>",
    }


def _sentence(costs: pd.DataFrame, added: metrics.Totals, scene: Scene) -> str:
    whole = costs.sum(axis=1)
    peak, most = whole.idxmax(), float(whole.max())
    name = numbers.hour_name(peak) if hourly(scene) else numbers.day_name(peak)
    unit = "hour" if hourly(scene) else "day"
    said = f"{name} was the dearest {unit}, {numbers.usd(most)}{_most_of_it(peak, most, scene)}."
    if added.unpriced:
        said += f" {numbers.plural(added.unpriced, 'call')} without a known price not included."
    return said


def _most_of_it(peak: pd.Timestamp, most: float, scene: Scene) -> str:
    """The task that cost more than half of the dearest day (or hour), if there is one."""
    rows = scene.rows()
    length = pd.Timedelta(hours=1) if hourly(scene) else pd.Timedelta(days=1)
    zone = scene.view.since.tzinfo
    since = peak.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    until = (peak + length).tz_localize(zone, ambiguous=False, nonexistent="shift_forward")
    here = rows.iloc[rows["time"].searchsorted(since) : rows["time"].searchsorted(until)]
    spent = np.bincount(here["task_id"].cat.codes, weights=np.nan_to_num(here["cost_usd"]))
    if not len(spent) or spent.max() < most / 2:
        return ""
    task = str(here["task_id"].cat.categories[int(spent.argmax())])
    return f", most of it {task}" if task != NONE else ""


def table(scene: Scene) -> Table:
    """Cost per day (or hour) and model, newest first, empty ones left out."""
    costs = frame(scene)
    costs = costs[costs.sum(axis=1) > 0].iloc[::-1]
    form = "%a %d %b %H:%M" if hourly(scene) else "%a %d %b"
    rows = [
        [when.strftime(form), numbers.usd(sum(cells)), *(numbers.usd(c) for c in cells)]
        for when, cells in zip(costs.index, costs.to_numpy().tolist(), strict=True)
    ]
    return Table(["From" if hourly(scene) else "Day", "Total", *map(model_label, costs.columns)], rows)


CHART = Chart("cost", "Cost", draw, table)
