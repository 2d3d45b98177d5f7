"""Sheets as tables for a terminal: aligned, plain when piped; names are never cut.

Where the terminal is too narrow a table leaves out what may be (`Column.extra`), then runs over the edge.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import Answer, Cell, Column, Sheet

if TYPE_CHECKING:
    from rich.console import Console

_NUMBER = re.compile(r"(≥ |about )?[-+<>]*\$?[\d,.]+( ?[kMBT%s]| d| h| (tokens|calls))?|–|not known")
_GAP = "  "


def printable(text: str) -> str:
    """A text from a log without what a terminal would obey: control characters are spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def show(answer: Answer, console: Console) -> None:
    """Print the tables, each under its title and sentence."""
    for place, sheet in enumerate(answer.sheets):
        if place:
            console.print()
        _show(sheet, console)


def _show(sheet: Sheet, console: Console) -> None:
    _line(sheet.title, console, style="bold")
    if sheet.sentence:
        _line(printable(sheet.sentence), console)
    if sheet.rows:
        head, *body = lines(sheet, console.width if console.is_terminal else None)
        _line(head, console, style="dim")
        for line in body:
            _line(line, console)


def _line(text: str, console: Console, style: str | None = None) -> None:
    console.print(text.rstrip(), style=style, soft_wrap=True, markup=False, highlight=False)


def lines(sheet: Sheet, room: int | None = None) -> list[str]:
    """The heads and the rows, padded to columns. room: of the terminal, in characters; None: no end."""
    padded = [(column.extra, _padded(column, sheet.rows)) for column in sheet.shown]
    for level in sorted({extra for extra, _ in padded if extra}, reverse=True):
        if room is None or _width([cells for _, cells in padded]) <= room:
            break
        padded = [(extra, cells) for extra, cells in padded if extra < level]
    return [_GAP.join(cells) for cells in zip(*(cells for _, cells in padded), strict=True)]


def _width(columns: Sequence[Sequence[str]]) -> int:
    return sum(_cells(column[0]) for column in columns) + len(_GAP) * (len(columns) - 1)


def _padded(column: Column, rows: Sequence[Any]) -> list[str]:
    """The head and the cells of a column at its width, numbers to the right."""
    texts = [printable(column.text(row)) for row in rows]
    right = _are_numbers([row[column.key] for row in rows], texts)
    every = [column.head, *texts]
    width = max(map(_cells, every))
    return [_pad(text, width, right=right) for text in every]


def _are_numbers(cells: Sequence[Cell], texts: Sequence[str]) -> bool:
    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in known):
        return True
    return all(map(_NUMBER.fullmatch, texts))


def _pad(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - _cells(text))
    return f"{space}{text}" if right else f"{text}{space}"


def _cells(text: str) -> int:
    """How many places it takes: some characters take two."""
    from rich.cells import cell_len

    return cell_len(text)
