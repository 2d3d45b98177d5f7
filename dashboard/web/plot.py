"""The frame of a picture: a title, one sentence, its tools and the place of the figure. Callbacks fill it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from . import ids

GRAPH_CONFIG: Any = {
    "displaylogo": False,
    "responsive": True,
    "displayModeBar": "hover",
    "modeBarButtonsToRemove": [
        "select2d",
        "lasso2d",
        "autoScale2d",
        "toggleSpikelines",
        "hoverClosestCartesian",
    ],
    "doubleClick": "autosize",
}
_NOTHING: dict[str, Any] = {
    "data": [],
    "layout": {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {"visible": False},
        "yaxis": {"visible": False},
    },
}


def spoken(words: str) -> dict[str, Any]:
    """What a screen reader says of a component."""
    return {"aria-label": words}


def picture(name: str, title: str, tools: Sequence[Any] = ()) -> Any:
    """A panel for the chart of this name, with a button that shows it as a table."""
    open_table = dmc.ActionIcon(
        "▤", id=ids.as_table(name), variant="subtle", size="sm", **spoken(f"Show {title} as a table")
    )
    tools = [*tools, dmc.Tooltip(open_table, label="Show as table")]
    graph = dcc.Graph(id=ids.figure(name), figure=_NOTHING, config=GRAPH_CONFIG, responsive=True)
    return html.Section(
        [
            html.Div([html.H2(title), html.Div(tools, className="tools")], className="card-head"),
            html.P("\u00a0", id=ids.sentence(name), className="sentence"),
            html.Div(graph, className="plot", role="img", **spoken(title)),
        ],
        className=f"panel picture-{name}",
    )
