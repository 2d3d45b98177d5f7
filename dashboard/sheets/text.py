"""Sheets as tables for a terminal: aligned, plain when piped; names are never cut."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import Answer, Sheet

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_NUMBER = re.compile(r"(≥ |about )?[-+<>]*\$?[\d,.]+( ?[kMBT%s]| d| h)?( .*)?|–|not known")


def show(answer: Answer, console: Console) -> None:
    """Print the tables, each under its title and sentence."""
    for place, sheet in enumerate(answer.sheets):
        if place:
            console.print()
        _show(sheet, console)


def _show(sheet: Sheet, console: Console) -> None:
    console.print(sheet.title, style="bold", soft_wrap=True, markup=False)
    if sheet.sentence:
        console.print(sheet.sentence, soft_wrap=True, markup=False)
    if sheet.rows:
        console.print(_table(sheet), soft_wrap=True, crop=False)


def _table(sheet: Sheet) -> Table:
    from rich.table import Table
    from rich.text import Text

    text = sheet.text()
    made = Table(box=None, pad_edge=False, show_edge=False, header_style="dim")
    for place, head in enumerate(sheet.heads):
        number = all(_NUMBER.fullmatch(row[place]) for row in text)
        made.add_column(head, justify="right" if number else "left", no_wrap=True)
    for row in text:
        made.add_row(*map(Text, row))
    return made
