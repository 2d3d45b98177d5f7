"""A table of text as components."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dash import html


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    """A plain table that scrolls by itself when it is wider than the page."""
    return html.Div(
        html.Table(
            [
                html.Thead(html.Tr([html.Th(name, scope="col") for name in head])),
                html.Tbody([html.Tr([html.Td(cell, className=_side(cell)) for cell in row]) for row in rows]),
            ]
        ),
        className="table",
        tabIndex=0,
    )


def _side(cell: str) -> str:
    """Numbers stand at the right edge of their column."""
    return "number" if re.fullmatch(r"(≥ )?[$<]?[\d,.]+( .)?", cell) else ""
