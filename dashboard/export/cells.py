"""Columns of a table as cells of an Excel sheet, in its XML; made a column at a time, for one by one they
take most of the time of a workbook.

Excel knows no time zones: a time is the local wall clock, and a column after it holds its UTC offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

OFFSET = "utc_offset"
LONGEST = 32_767
"""Characters that a cell holds."""

FORMATS = {
    "text": "General",
    "time": "yyyy-mm-dd hh:mm:ss.000",
    "moment": "yyyy-mm-dd hh:mm:ss",
    "day": "yyyy-mm-dd",
    "usd": "#,##0.00",
    "usd < 1": "0.0000",
    "usd < 0.0001": "0.0000######",
    "whole": "#,##0",
    "number": "#,##0.0##",
}
"""How cells look: names and Excel's words for it. A cell keeps the exact value."""

Styles = Mapping[str, int]
"""The number that a workbook has for each of `FORMATS`."""

_BEGINNING = datetime(1899, 12, 30)
"""Excel's day 0."""
_NO_DAY = _BEGINNING.toordinal()
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
    begins = _begins(len(ends))
    for number, row in enumerate(zip(*ends, strict=True), first):
        yield _row(number, begins, row)


def total(row: pa.RecordBatch, number: int, styles: Styles) -> str:
    """The one row of a batch as the total of what stands above it."""
    ends = [column[0] for column in columns(row, styles)]
    ends[0] = _text("Total", styles["text"])
    blank = f'" s="{styles["text"]}"/>'
    return _row(number, _begins(len(ends)), [end or blank for end in ends])


def _begins(count: int) -> list[str]:
    return [f'<c r="{letters(place)}' for place in range(count)]


def _row(number: int, begins: Sequence[str], ends: Sequence[str]) -> str:
    cells = [f"{begin}{number}{end}" for begin, end in zip(begins, ends, strict=True) if end]
    return f'<row r="{number}">{"".join(cells)}</row>'


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


def lengths(batch: pa.RecordBatch) -> list[int]:
    """Characters of the longest text in each column, in order of `heads`."""
    found: list[int] = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        found.append(_longest(column))
        found += [len("+00:00")] if pa.types.is_timestamp(field.type) else []
    return found


def _longest(column: pa.Array) -> int:
    if pa.types.is_string(column.type):
        return pc.max(pc.utf8_length(column)).as_py() or 0
    values = column.to_pylist() if pa.types.is_union(column.type) else ()
    return max((len(value) for value in values if isinstance(value, str)), default=0)


def _cells(field: pa.Field, column: pa.Array, styles: Styles) -> list[list[str]]:
    kind, values = field.type, column.to_pylist()
    if pa.types.is_timestamp(kind):
        return [_times(values, styles["time"]), texts(list(map(_offset, values)), styles["text"])]
    if pa.types.is_union(kind):
        looks = [kind.field(code).name for code in column.type_codes.to_pylist()]
        return [[_shown(look, [value], styles)[0] for look, value in zip(looks, values, strict=True)]]
    return [_shown(_look(field), values, styles)]


def _look(field: pa.Field) -> str:
    """How the cells of a column look, by a name of `FORMATS` or `flag`."""
    if pa.types.is_floating(field.type):
        return "usd" if field.name.endswith("_usd") else "number"
    if pa.types.is_integer(field.type):
        return "whole"
    if pa.types.is_boolean(field.type):
        return "flag"
    return "day" if pa.types.is_date(field.type) else "text"


def _shown(look: str, values: Sequence[Any], styles: Styles) -> list[str]:
    if look == "text":
        return texts(values, styles["text"])
    if look == "flag":
        return ["" if value is None else f'" t="b"><v>{value:d}</v></c>' for value in values]
    if look == "usd":
        return _dollars(values, styles)
    if look == "day":
        return _numbers([value and value.toordinal() - _NO_DAY for value in values], styles["day"])
    return _times(values, styles[look]) if look == "moment" else _numbers(values, styles[look])


def _numbers(values: Sequence[float | None], style: int) -> list[str]:
    return ["" if value is None else f'" s="{style}"><v>{value!r}</v></c>' for value in values]


def _dollars(values: Sequence[float | None], styles: Styles) -> list[str]:
    """Each with the digits that matter: two, below a dollar four, and below those all."""
    whole, part, least = styles["usd"], styles["usd < 1"], styles["usd < 0.0001"]
    found = []
    for value in values:
        if value is None:
            found.append("")
            continue
        size = abs(value)
        style = whole if size >= 1 or not size else part if size >= 0.0001 else least
        found.append(f'" s="{style}"><v>{value!r}</v></c>')
    return found


def _times(values: Sequence[datetime | None], style: int) -> list[str]:
    clock = (None if value is None else (value.replace(tzinfo=None) - _BEGINNING) / _DAY for value in values)
    return _numbers(list(clock), style)


def _offset(moment: datetime | None) -> str | None:
    return None if moment is None else offset(moment)


def offset(moment: datetime) -> str:
    """From UTC: `+01:00`."""
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
