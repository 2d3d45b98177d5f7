"""A table of text as components."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from dash import html

from ..sheets.text import printable, shortened


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    longest: int | None = None,
    spare: Collection[int] = (),
) -> Any:
    """A plain table that scrolls by itself when it is wider than the page.

    longest: characters of a cell; a longer one is shown without its middle, and whole to who points at it.
    spare: the columns that a phone leaves out.
    """
    classes = [
        f"{side} spare".strip() if place in spare else side
        for place, side in enumerate(_sides(len(head), rows))
    ]
    heads = [html.Th(name, scope="col", className=kind) for name, kind in zip(head, classes, strict=True)]
    body = [
        html.Tr([_cell(text, kind, longest) for text, kind in zip(row, classes, strict=True)]) for row in rows
    ]
    inner = html.Table([html.Thead(html.Tr(heads)), html.Tbody(body)])
    return html.Div(inner, className="table", tabIndex=0)


def _cell(text: str, kind: str, longest: int | None) -> Any:
    """A cell; what would turn or break the line is spelled out."""
    whole = printable(text)
    shown = whole if longest is None else shortened(whole, longest)
    return html.Td(shown, className=kind) if shown == whole else html.Td(shown, className=kind, title=whole)


def _sides(columns: int, rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of numbers stand at the right edge."""
    return [
        "number" if rows and all(_is_number(row[place]) for row in rows) else "" for place in range(columns)
    ]


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"(≥ )?[-−+]?<?\$?[\d,.]+( ?[kMBT%s])?|–|not known|whole file", cell))
