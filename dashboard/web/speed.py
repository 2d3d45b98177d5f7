"""Latency and failures on the health view: drawn only while it is shown, from the lines read once."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import pandas as pd
from dash import html

from ..charts import Chart, Scene, Table, failures, latency
from ..store.base import Store
from . import ids, overview, plot, urls
from .urls import State

CHARTS: tuple[Chart, ...] = (latency.CHART, failures.CHART)
"""The pictures, in the order in which they stand."""

MEASURE_NAMES = (("duration", "duration"), ("first", "first token"), ("speed", "tokens/s"))
"""What can be chosen of `urls.MEASURES`, in people's words."""

PARTS: tuple[tuple[str, str], ...] = (
    *((ids.fresh(chart.id), "data") for chart in CHARTS),
    *((ids.sentence(chart.id), "children") for chart in CHARTS),
)
"""Component and property of everything filled here."""

_COLUMNS = frozenset(column for chart in CHARTS for column in chart.columns)


def layout(measures: Any) -> Any:
    """The frame of the pictures; `measures` switches what latency is told of."""
    tools = {latency.CHART.id: [measures]}
    pictures = [plot.picture(chart.id, chart.title, tools.get(chart.id, [])) for chart in CHARTS]
    return html.Div(pictures, className="pictures speed")


def scene(store: Store, state: State, now: datetime) -> Scene:
    """What the pictures of a state are drawn from. The lines are read once, when they are asked for."""
    view = urls.to_filter(state, now, store.zone)

    @cache
    def rows() -> pd.DataFrame:
        return store.rows(view, columns=_COLUMNS)

    return Scene(
        view=view,
        now=now,
        sums=pd.DataFrame(),
        rows=rows,
        revision=state.revision,
        measure=urls.MEASURES[state.measure],
    )


def parts(store: Store, state: State, now: datetime) -> list[Any]:
    """What `PARTS` show in a state, in their order."""
    shown = scene(store, state, now)
    drawn = [overview.picture(chart, shown) for chart in CHARTS]
    return [*[one.figure for one in drawn], *[one.sentence for one in drawn]]


def table(store: Store, state: State, now: datetime, chart_id: str) -> tuple[str, Table] | None:
    """A picture's title and its table; None for a chart that is not one of these."""
    chart = next((chart for chart in CHARTS if chart.id == chart_id), None)
    return None if chart is None else (chart.title, chart.table(scene(store, state, now)))
