"""The page's way to a file of what it shows: a small menu in the header, and a link in each table."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, html

from ..export.forms import FORMS
from . import ids
from .exporting import PATH

_CHOICES = [form.name for form in FORMS]


def component() -> Any:
    """A button that opens the formats; their links follow the address of the page."""
    links = [
        html.A(form.title, id=ids.export_link(form.name), href=_to(form.name), download="") for form in FORMS
    ]
    button = dmc.Button("Export", id=ids.EXPORT, variant="light", size="compact-xs")
    return dmc.Popover(
        [
            dmc.PopoverTarget(button),
            dmc.PopoverDropdown(
                html.Div([html.P(id=ids.EXPORT_SAID, className="advice"), *links], className="exports")
            ),
        ],
        position="bottom-end",
        shadow="md",
        width=220,
        keepMounted=True,
        trapFocus=True,
    )


def table_link(search: str | None, chart: str) -> Any:
    """A link to the table of a picture as CSV, in the state of the page."""
    state = (search or "").removeprefix("?")
    address = f"{_to('csv')}&chart={chart}" + (f"&{state}" if state else "")
    link: Any = {"href": address, "download": "", "aria-label": "This table as CSV"}
    return html.A("CSV", className="as-file", **link)


def _to(form: str) -> str:
    return f"{PATH}?format={form}"


def register(app: Dash) -> None:
    """Let the links follow the address and the order of the calls; the browser does it by itself."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("exporting", "links"),
        *[Output(ids.export_link(name), "href") for name in _CHOICES],
        Output(ids.EXPORT_SAID, "children"),
        Input(ids.URL, "search"),
        Input(ids.GRID, "getRowsRequest"),
    )
