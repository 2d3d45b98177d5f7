"""Tables as an Excel workbook, some rows at a time, in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from . import ExportError, Extract, cells

if TYPE_CHECKING:
    from xlsxwriter import Workbook

MEDIA = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 1_048_575
"""Rows of a sheet below its heads."""

_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_WIDTHS = {"timestamp": 24, "day": 11, "Value": 20}
_LEAST, _MOST = 10, 60
"""Characters in the width of a column, of which texts have as many as they are long."""
_AT_ONCE = 5_000
"""Rows made into XML at a time."""


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
    looks = _Looks(
        head=book.add_format({"bold": True, "bottom": 1}),
        rows=_styles(book, {}),
        total=_styles(book, {"bold": True, "top": 1}),
    )
    for extract in sorted(extracts, key=lambda one: not one.cover):
        _write_sheet(book, extract, looks)
    book.close()


@dataclass(frozen=True, slots=True)
class _Looks:
    """How a workbook shows the heads, the rows and the total of a sheet."""

    head: Any
    rows: cells.Styles
    total: cells.Styles


def _styles(book: Workbook, more: dict[str, Any]) -> cells.Styles:
    from .sheet import style

    formats = {name: book.add_format({"num_format": shown, **more}) for name, shown in cells.FORMATS.items()}
    return {name: style(format) for name, format in formats.items()}


def _write_sheet(book: Workbook, extract: Extract, looks: _Looks) -> None:
    from .sheet import RowSheet

    names = cells.heads(extract.schema)
    widths = [_WIDTHS.get(name, max(_LEAST, len(name) + 1)) for name in names]
    sheet = book.add_worksheet(extract.name, worksheet_class=RowSheet)
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, names, looks.head)
    last, room = 0, MOST_ROWS - (extract.total is not None)
    for batch in _batches(extract.parts):
        first, last = last + 1, last + batch.num_rows
        if last > room:
            raise ExportError(_too_many())
        sheet.add(cells.rows(batch, first + 1, looks.rows), last)
        widths = [max(pair) for pair in zip(widths, (n + 1 for n in cells.lengths(batch)), strict=True)]
    for place, width in enumerate(widths):
        sheet.set_column(place, place, min(width, _MOST))
    if not extract.cover:
        sheet.autofilter(0, 0, last, len(names) - 1)
    if extract.total is not None:
        (total,) = extract.total.to_batches()
        sheet.add([cells.total(total, last + 2, looks.total)], last + 1)


def _too_many() -> str:
    return (
        f"A sheet of Excel holds {MOST_ROWS:,} rows, and there are more: choose a shorter period, or "
        "write .csv or .parquet."
    )


def _batches(parts: Iterable[pa.Table]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        yield from part.to_batches(max_chunksize=_AT_ONCE)
