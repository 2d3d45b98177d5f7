"""Activity: calls per hour of the day and day, as a heatmap; a click narrows the page to that hour.

Beyond a hundred days the days of the week stand for the days.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .. import metrics, numbers
from .palette import ACCENT, faded
from .picture import LONG, Chart, Figure, Picture, Scene, Table, axis, day_ticks, empty, layout

_SCALE = [[0, faded(ACCENT, 0)], [0.0001, faded(ACCENT, 0.12)], [0.5, faded(ACCENT, 0.55)], [1, ACCENT]]


def by_weekday(scene: Scene) -> bool:
    """Whether the view is too long for a column a day."""
    return scene.view.until - scene.view.since > LONG


def frame(scene: Scene) -> pd.DataFrame:
    """Calls; index: hour of the day, columns: local days, or the first seven for all of their weekday."""
    cells = metrics.activity(scene.sums, scene.view, scene.now)
    if not by_weekday(scene):
        return cells
    weekdays = cells.T.groupby(cells.columns.day_of_week).sum()
    monday = cells.columns[0] - pd.Timedelta(days=cells.columns[0].day_of_week)
    weekdays.index = [monday + pd.Timedelta(days=day) for day in weekdays.index]
    return weekdays.T


def draw(scene: Scene) -> Picture:
    """The heatmap. Hours without calls are the ground itself."""
    cells = frame(scene)
    if not cells.to_numpy().any():
        return Picture(empty(scene.revision, "No calls in this range"), "No calls in this range.")
    return Picture(_figure(cells, scene), _sentence(cells, scene))


def _figure(cells: pd.DataFrame, scene: Scene) -> Figure:
    calls = cells.to_numpy()
    weekly = by_weekday(scene)
    days = [f"{day:%A}" if weekly else f"{day:%Y-%m-%d}" for day in cells.columns]
    across = {"type": "category"} if weekly else {"type": "date"} | day_ticks(cells.columns)
    heat = {
        "type": "heatmap",
        "x": days,
        "y": list(range(24)),
        "z": calls.tolist(),
        "text": _words(cells, scene),
        "hovertemplate": "%{text}<extra></extra>",
        "colorscale": _SCALE,
        "zmin": 0,
        "zmax": int(calls.max()),
        "xgap": 2 if len(days) <= 40 else 1,
        "ygap": 2,
        "showscale": False,
    }
    hours = {"tickvals": [0, 6, 12, 18, 23], "ticktext": ["00:00", "06:00", "12:00", "18:00", "23:00"]}
    return {
        "data": [heat],
        "layout": layout(
            scene.revision,
            hovermode="closest",
            xaxis=axis(showgrid=False, **across),
            yaxis=axis(autorange="reversed", showgrid=False, **hours),
        ),
    }


def _words(cells: pd.DataFrame, scene: Scene) -> list[list[str]]:
    days = [_day(day, scene) for day in cells.columns]
    return [
        [
            f"{day}, {hour:02d}:00–{(hour + 1) % 24:02d}:00<br>{numbers.plural(n, 'call')}" if n else ""
            for day, n in zip(days, calls, strict=True)
        ]
        for hour, calls in enumerate(cells.to_numpy().tolist())
    ]


def _day(day: pd.Timestamp, scene: Scene) -> str:
    return f"{day:%A}s" if by_weekday(scene) else f"{day:%a} {day.day} {day:%b}"


def _sentence(cells: pd.DataFrame, scene: Scene) -> str:
    calls = cells.to_numpy()
    hour, day = np.unravel_index(int(calls.argmax()), calls.shape)
    when = f"{_day(cells.columns[int(day)], scene)}, {hour:02d}:00–{(hour + 1) % 24:02d}:00"
    said = f"Busiest: {when}, {numbers.plural(int(calls.max()), 'call')}."
    return said if by_weekday(scene) else said + _weekday(cells)


def _weekday(cells: pd.DataFrame) -> str:
    """The weekday with the most calls per day, once every weekday was seen twice."""
    if len(cells.columns) < 14:
        return ""
    mean = cells.sum().groupby(cells.columns.day_name()).mean()
    return f" {mean.idxmax()}s are the busiest days, {numbers.plural(mean.max(), 'call')} each on average."


def table(scene: Scene) -> Table:
    """Calls per day (or weekday) and hour, newest first, empty hours left out."""
    cells = frame(scene)
    rows = [
        [_day(day, scene), f"{hour:02d}:00", numbers.count(cells.at[hour, day])]
        for day in reversed(cells.columns)
        for hour in range(24)
        if cells.at[hour, day]
    ]
    data = [
        [f"{day:%A}" if by_weekday(scene) else day.date(), hour, int(cells.at[hour, day])]
        for day in reversed(cells.columns)
        for hour in range(24)
        if cells.at[hour, day]
    ]
    return Table(["Day", "Hour", "Calls"], rows, ("day", "hour", "calls"), data)


CHART = Chart("activity", "Activity", draw, table)
