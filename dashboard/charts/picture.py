"""What a chart is: a name, a figure and a sentence from a scene, and the same as a table.

Figures are plain dictionaries in Plotly's form: nothing is validated at run time, which is what makes a
refresh cheap. Text and grid colours are set by the page's style sheet, so a figure serves both themes.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from ..filters import Filter
from ..sheets.names import model_label as model_label
from ..sheets.text import printable, shortened
from .palette import NEUTRAL

Figure = dict[str, Any]

LONG = timedelta(days=100)
"""Beyond this a day is too narrow to be seen for itself: pictures draw something wider."""

_MIDNIGHT = pd.Timedelta(0)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that pictures are drawn from: the view, its frames, and how the reader wants them."""

    view: Filter
    now: datetime
    sums: pd.DataFrame
    rows: Callable[[], pd.DataFrame]
    """The lines of the view; asked for only by pictures that need them."""
    revision: str = ""
    """Zoom is kept while this stays the same."""
    cache: bool = False
    """Whether cache tokens stand in the token picture."""
    by_cost: bool = False
    """Whether models are compared by cost, not by tokens."""
    who: str = "task_id"
    """Whose spending is compared: `task_id`, `project` or `worker_id`."""
    measure: str = "duration_seconds"
    """What latency is told of: `latency.MEASURES`."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure and the one sentence that says what it shows now."""

    figure: Figure
    sentence: str


@dataclass(frozen=True, slots=True)
class Table:
    """The same in words: column heads and rows of text."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    keys: Sequence[str] = ()
    """The same as data: the names of its columns; () where the words are all there is."""
    data: Sequence[Sequence[Any]] = ()
    """Rows of texts, numbers (NaN: not known), days and wall clock times."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture of the page. `draw` and `table` are pure."""

    id: str
    title: str
    draw: Callable[[Scene], Picture]
    table: Callable[[Scene], Table]
    columns: Sequence[str] = ()
    """What it reads of the lines, besides `time` and the column that `Scene.who` names."""


def layout(revision: str, **more: Any) -> dict[str, Any]:
    """The layout all pictures share."""
    base: dict[str, Any] = {
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "autosize": True,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 12, "color": NEUTRAL},
        "hoverlabel": {"font": {"size": 12, "family": "inherit"}, "align": "left"},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "uirevision": revision,
        "dragmode": "zoom",
        "modebar": {
            "orientation": "h",
            "bgcolor": "rgba(0,0,0,0)",
            "color": NEUTRAL,
            "activecolor": "#4c6ef5",
        },
    }
    return base | more


def axis(**more: Any) -> dict[str, Any]:
    """An axis with a light grid and no box."""
    base = {
        "automargin": True,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "gridcolor": "rgba(134,142,150,0.18)",
        "fixedrange": False,
    }
    return base | more


def time_axis(view: Filter, **more: Any) -> dict[str, Any]:
    """The x axis of every picture of time, in the view's wall clock; `ends` holds it at the whole view."""
    return axis(
        type="date",
        showgrid=False,
        tickformatstops=[
            {"dtickrange": [None, 86_399_999], "value": "%H:%M\n%a %-d %b"},
            {"dtickrange": [86_400_000, 3 * 86_400_000], "value": "%a\n%-d"},
            {"dtickrange": [3 * 86_400_000, None], "value": "%-d %b"},
        ],
        nticks=8,
        tickangle=0,
        **more,
    )


def ends(view: Filter) -> dict[str, Any]:
    """An unseen trace from the start of the view to its end, so that every picture shows all of it.

    A `range` given to the axis would do the same, but undo the reader's zoom at each refresh.
    """
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [wall(view.since), wall(view.until)],
        "y": [0, 0],
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def day_ticks(days: pd.DatetimeIndex, at: pd.Timedelta = _MIDNIGHT) -> dict[str, Any]:
    """Ticks for at most eight of the days, today's (the last one's) among them, with their weekdays."""
    shown = days[:: -max(1, -(-len(days) // 8))]
    return {
        "tickvals": [f"{day + at:%Y-%m-%d %H:%M}" for day in shown],
        "ticktext": [f"{day:%a}<br>{day.day} {day:%b}" for day in shown],
        "tickangle": 0,
    }


def wall(moment: datetime) -> str:
    """A moment as its wall clock shows it; Plotly has no time zones."""
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="minutes")


def empty(revision: str, words: str) -> Figure:
    """A picture with nothing to show says so, in the place of the picture."""
    note = {"text": words, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
    hidden = {"visible": False, "fixedrange": True}
    return {
        "data": [],
        "layout": layout(revision, xaxis=hidden, yaxis=hidden, annotations=[note | {"font": {"size": 14}}]),
    }


def markup(name: str, longest: int = 40) -> str:
    """A name inside a figure, where `<` would be markup; a longer one is shown without its middle.

    What would turn the text around, or break it, is spelled out.
    """
    return html.escape(shortened(printable(name), longest))


def model_markup(model: str) -> str:
    """A model's name inside a figure."""
    return markup(model_label(model))
