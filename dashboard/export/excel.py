"""Tables as an Excel workbook. Texts are texts, whatever they begin with; row by row, in little memory.

Excel knows no time zones: a time is the local wall clock, and a column after it holds its UTC offset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from . import ExportError, Extract

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

MEDIA = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 1_048_575
"""Rows of a sheet below its heads."""
OFFSET = "utc_offset"
ANYTHING = "Value"
"""A column of numbers of several kinds."""

_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_WIDTHS = {
    "timestamp": 23,
    "day": 11,
    "model": 26,
    "project": 18,
    "task_id": 18,
    "error": 30,
    "What": 34,
    "Value": 26,
}
_FORMATS = {
    "time": "yyyy-mm-dd hh:mm:ss.000",
    "day": "yyyy-mm-dd",
    "usd": "0.00####",
    "whole": "#,##0",
    "number": "0.0##",
}


def write(extracts: Sequence[Extract], out: BinaryIO, scratch: Path) -> None:
    """A sheet for each table. Raises ExportError for more rows than a sheet holds."""
    sink = _Sink(out)
    try:
        _write(extracts, sink, scratch)
    except BaseException:
        sink.out = None
        raise


@dataclass(slots=True)
class _Sink:
    """Where the workbook goes, or nowhere after a failure: the library still closes what it began."""

    out: BinaryIO | None

    def write(self, data: bytes) -> int:
        return self.out.write(data) if self.out else len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.out.seek(offset, whence) if self.out else 0

    def tell(self) -> int:
        return self.out.tell() if self.out else 0

    def flush(self) -> None:
        if self.out:
            self.out.flush()


def _write(extracts: Sequence[Extract], sink: _Sink, scratch: Path) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(sink, {**_OPTIONS, "tmpdir": str(scratch)})
    book.use_zip64()
    formats = {name: book.add_format({"num_format": shown}) for name, shown in _FORMATS.items()}
    formats["head"] = book.add_format({"bold": True, "bottom": 1})
    for extract in sorted(extracts, key=lambda one: not one.cover):
        _write_sheet(book, extract, formats)
    book.close()


def _write_sheet(book: Workbook, extract: Extract, formats: dict[str, Any]) -> None:
    names, shown = _heads(extract.schema), _shown(extract.schema)
    sheet = book.add_worksheet(extract.name)
    sheet.freeze_panes(1, 0)
    for place, name in enumerate(names):
        sheet.set_column(place, place, _WIDTHS.get(name, max(10, len(name) + 1)))
        sheet.write_string(0, place, name, formats["head"])
    last = 0
    for last, row in enumerate(_rows(extract.parts), 1):
        if last > MOST_ROWS:
            raise ExportError(_too_many())
        for place, (value, format) in enumerate(zip(row, shown, strict=True)):
            if value is not None:
                _write_cell(sheet, last, place, value, formats.get(format))
    sheet.autofilter(0, 0, last, len(names) - 1)


def _too_many() -> str:
    return (
        f"A sheet of Excel holds {MOST_ROWS:,} rows, and there are more: choose a shorter period, or "
        "write .csv or .parquet."
    )


def _heads(schema: pa.Schema) -> list[str]:
    """The names, and the offset after each time."""
    found: list[str] = []
    for field in schema:
        found += [field.name, OFFSET] if pa.types.is_timestamp(field.type) else [field.name]
    return found


def _shown(schema: pa.Schema) -> list[str]:
    """How the cells of each column look, by a name of `_FORMATS` or "" for as they are."""
    found: list[str] = []
    for field in schema:
        found += ["time", ""] if pa.types.is_timestamp(field.type) else [_look(field)]
    return found


def _look(field: pa.Field) -> str:
    if field.name == ANYTHING:
        return ""
    if pa.types.is_floating(field.type):
        return "usd" if field.name.endswith("_usd") else "number"
    if pa.types.is_integer(field.type):
        return "whole"
    return "day" if pa.types.is_date(field.type) else ""


def _rows(parts: Iterable[pa.Table]) -> Iterator[tuple[Any, ...]]:
    for part in parts:
        for batch in part.to_batches(max_chunksize=10_000):
            columns = [cells for column in batch.columns for cells in _cells(column)]
            yield from zip(*columns, strict=True)


def _cells(column: pa.Array) -> list[list[Any]]:
    """The values of a column; of times the wall clock, and the offsets."""
    values = column.to_pylist()
    if not pa.types.is_timestamp(column.type):
        return [values]
    clock = [None if value is None else value.replace(tzinfo=None) for value in values]
    return [clock, [None if value is None else _offset(value) for value in values]]


def _offset(moment: datetime) -> str:
    text = f"{moment:%z}"
    return f"{text[:3]}:{text[3:5]}"


def _write_cell(sheet: Worksheet, row: int, place: int, value: Any, format: Any) -> None:
    if isinstance(value, str):
        sheet.write_string(row, place, _text(value), format)
    elif isinstance(value, bool):
        sheet.write_boolean(row, place, value, format)
    elif isinstance(value, datetime | date):
        sheet.write_datetime(row, place, value, format)
    else:
        sheet.write_number(row, place, value, format)


def _text(value: str) -> str:
    """A text as it may stand in a cell: the library takes what looks like its own rich text for that."""
    return "'" + value if value.startswith("<r>") and value.endswith("</r>") else value
