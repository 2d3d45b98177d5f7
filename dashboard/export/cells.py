"""Columns of a table as cells of an Excel sheet, in its XML; made a column at a time, for one by one they
take most of the time of a workbook.

Excel knows no time zones: a time is the local wall clock, and a column after it holds its UTC offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow as pa

OFFSET = "utc_offset"
LONGEST = 32_767
"""Characters that a cell holds."""

FORMATS = {
    "text": "General",
    "time": "yyyy-mm-dd hh:mm:ss.000",
    "day": "yyyy-mm-dd",
    "usd": "0.00####",
    "whole": "#,##0",
    "number": "0.0##",
}
"""How cells look: names and Excel's words for it. A cell keeps the exact value."""

Styles = Mapping[str, int]
"""The number that a workbook has for each of `FORMATS`."""

_EPOCH = 25_569
"""1970-01-01 as Excel counts days."""
_BEGINNING = datetime(1899, 12, 30)
_DAY = timedelta(days=1)

_ESCAPES = re.compile("_(?=x[0-9a-fA-F]{4}_)")
_NO_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")


def heads(schema: pa.Schema) -> list[str]:
    """The names, and the offset after each time."""
    found: list[str] = []
    for field in schema:
        found += [field.name, OFFSET] if pa.types.is_timestamp(field.type) else [field.name]
    return found


def rows(batch: pa.RecordBatch, first: int, styles: Styles) -> Iterator[str]:
    """The rows of a batch as XML, numbered from `first` on; the heads are 1."""
    ends = columns(batch, styles)
    begins = [f'<c r="{letters(place)}' for place in range(len(ends))]
    for number, row in enumerate(zip(*ends, strict=True), first):
        cells = [f"{begin}{number}{end}" for begin, end in zip(begins, row, strict=True) if end]
        yield f'<row r="{number}">{"".join(cells)}</row>'


def letters(place: int) -> str:
    """What Excel calls a column: A to Z, then AA."""
    before, last = divmod(place, 26)
    return (letters(before - 1) if before else "") + chr(ord("A") + last)


def columns(batch: pa.RecordBatch, styles: Styles) -> list[list[str]]:
    """The cells of each column after their place: `" s="1"><v>2</v></c>`; "" for what is not known."""
    found: list[list[str]] = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        found += _cells(field, column, styles)
    return found


def _cells(field: pa.Field, column: pa.Array, styles: Styles) -> list[list[str]]:
    kind, values = field.type, column.to_pylist()
    if pa.types.is_timestamp(kind):
        return [_times(values, styles["time"]), texts(list(map(_offset, values)), styles["text"])]
    if pa.types.is_floating(kind):
        return [_numbers(values, styles["usd" if field.name.endswith("_usd") else "number"])]
    if pa.types.is_integer(kind):
        return [_numbers(values, styles["whole"])]
    if pa.types.is_date(kind):
        return [_numbers(column.cast(pa.int32()).to_pylist(), styles["day"], _EPOCH)]
    if pa.types.is_boolean(kind):
        return [["" if value is None else f'" t="b"><v>{value:d}</v></c>' for value in values]]
    return [texts(values, styles["text"]) if pa.types.is_string(kind) else _any(values, styles)]


def _any(values: Sequence[float | str | None], styles: Styles) -> list[str]:
    """Numbers and texts in one column."""
    made = (texts if isinstance(value, str) else _numbers for value in values)
    return [make([value], styles["text"])[0] for make, value in zip(made, values, strict=True)]  # type: ignore[list-item]


def _numbers(values: Sequence[float | None], style: int, more: int = 0) -> list[str]:
    return ["" if value is None else f'" s="{style}"><v>{value + more!r}</v></c>' for value in values]


def _times(values: Sequence[datetime | None], style: int) -> list[str]:
    clock = (None if value is None else (value.replace(tzinfo=None) - _BEGINNING) / _DAY for value in values)
    return _numbers(list(clock), style)


def _offset(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    text = f"{moment:%z}"
    return f"{text[:3]}:{text[3:5]}"


def texts(values: Sequence[str | None], style: int) -> list[str]:
    """Texts as texts, whatever they begin with, cut to what a cell holds."""
    made: dict[str | None, str] = {text: _text(text, style) for text in set(values) if text is not None}
    made[None] = ""
    return [made[value] for value in values]


def _text(text: str, style: int) -> str:
    inner = f'<is><t xml:space="preserve">{_escaped(text[:LONGEST])}</t></is>'
    return f'" s="{style}" t="inlineStr">{inner}</c>'


def _escaped(text: str) -> str:
    """As XML, and what XML cannot hold, such as `\\0`, as Excel writes it: `_x0000_`."""
    text = _NO_XML.sub(lambda sign: f"_x{ord(sign[0]):04X}_", _ESCAPES.sub("_x005F_", text))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
