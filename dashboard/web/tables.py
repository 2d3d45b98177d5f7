"""A table of text as components."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dash import html


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    """A plain table that scrolls by itself when it is wider than the page."""
    sides = _sides(len(head), rows)
    heads = [html.Th(name, scope="col", className=side) for name, side in zip(head, sides, strict=True)]
    body = [
        html.Tr([html.Td(cell, className=side) for cell, side in zip(row, sides, strict=True)])
        for row in rows
    ]
    inner = html.Table([html.Thead(html.Tr(heads)), html.Tbody(body)])
    return html.Div(inner, className="table", tabIndex=0)


def _sides(columns: int, rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of numbers stand at the right edge."""
    return [
        "number" if rows and all(_is_number(row[place]) for row in rows) else "" for place in range(columns)
    ]


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"(≥ )?[-+]?<?\$?[\d,.]+( ?[kMBT%s])?|–|not known|whole file", cell))
