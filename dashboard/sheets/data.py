"""Sheets as JSON and CSV. Cells that a spreadsheet would run as a formula are made harmless."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from . import Answer, Sheet
from .text import printable

_FORMULA = tuple("=+-@\t\r\n")
_INNER = re.compile('(?<=[;,\t\n"])(?=[=+@-])')
"""Where a formula would begin within a text."""


def as_json(answer: Answer) -> dict[str, Any]:
    """The facts, each table under its name, and the remarks."""
    tables = {sheet.name: records(sheet) for sheet in answer.sheets}
    return {**answer.facts, **tables, "remarks": list(answer.remarks)}


def records(sheet: Sheet) -> list[dict[str, Any]]:
    """The rows with the columns' keys, in the columns' order."""
    return [{key: row[key] for key in sheet.keys} for row in sheet.rows]


def write_json(answer: Answer, out: TextIO) -> None:
    """One JSON document."""
    json.dump(as_json(answer), out, indent=2, ensure_ascii=False, allow_nan=False)
    out.write("\n")


def write_csv(answer: Answer, out: TextIO) -> None:
    """The first table, under a row of keys."""
    sheet = answer.sheets[0]
    write_rows(sheet.keys, records(sheet), out)


def write_rows(names: Sequence[str], rows: Iterable[Mapping[str, Any]], out: TextIO) -> None:
    """Rows as CSV under a row of names. On a terminal what it would obey is spelled out; a pipe gets every
    text as it is.
    """
    shown = _on_terminal if out.isatty() else safe
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: shown(value) for name, value in row.items()} for row in rows)


def _on_terminal(value: Any) -> Any:
    cell = safe(value)
    return printable(cell) if isinstance(cell, str) else cell


def safe(value: Any) -> Any:
    """A cell as it may stand in CSV: a text that would be run as a formula gets a quote before it, and so
    does a part of one that would be where `;` or a tab separates, for there the quotes around a cell do not
    hold.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return value
    quote = "'" if value[:1] in _FORMULA else ""
    # Python 3.11 leaves a bare carriage return unquoted, and readers take it for the end of the row.
    return quote + _INNER.sub("'", value.replace("\r", r"\r"))
