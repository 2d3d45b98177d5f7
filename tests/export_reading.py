"""Exported files read back by other programs, as rows of plain values."""

from __future__ import annotations

import gzip
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
from openpyxl.utils.escape import unescape

Row = dict[str, Any]


def rows_of(path: Path, sheet: int | str = 0) -> list[Row]:
    """The rows of a file by its name; what is missing is None."""
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if kind == "csv":
        return _of_frame(pd.read_csv(io.BytesIO(content), keep_default_na=False, na_values=[""]))
    if kind == "jsonl":
        return [json.loads(line) for line in content.splitlines()]
    if kind == "parquet":
        return pq.read_table(path).to_pylist()
    return sheet_rows(path, sheet)


def _of_frame(frame: pd.DataFrame) -> list[Row]:
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.astype("object").to_dict("records")
    ]


def sheet_rows(path: Path, sheet: int | str = 0) -> list[Row]:
    """A sheet's rows; escapes of what XML cannot hold are undone, as Excel does."""
    book = openpyxl.load_workbook(path)
    found = book[sheet] if isinstance(sheet, str) else book.worksheets[sheet]
    head, *rows = found.iter_rows(values_only=True)
    return [dict(zip(head, map(_text, row), strict=True)) for row in rows]


def _text(value: Any) -> Any:
    return unescape(value) if isinstance(value, str) else value


def sheet_names(path: Path) -> list[str]:
    """The sheets of a workbook in order."""
    return list(openpyxl.load_workbook(path).sheetnames)


def shown_cell(path: Path, sheet: int | str, name: str, row: int) -> tuple[Any, str, bool]:
    """The value, the number format and the boldness of a cell under a head; rows count from 2, -1 is the last."""
    book = openpyxl.load_workbook(path)
    found = book[sheet] if isinstance(sheet, str) else book.worksheets[sheet]
    (place,) = [cell.column for cell in found[1] if cell.value == name]
    cell = found.cell(row if row > 0 else found.max_row + 1 + row, place)
    return cell.value, cell.number_format, bool(cell.font.bold)


def column_widths(path: Path) -> dict[str, float]:
    """The width of each column of the first sheet by its head."""
    sheet = openpyxl.load_workbook(path).worksheets[0]
    return {cell.value: sheet.column_dimensions[cell.column_letter].width for cell in sheet[1]}


def cell_types(path: Path) -> set[str]:
    """The types of all cells of a workbook, as openpyxl calls them: `f` is a formula."""
    book = openpyxl.load_workbook(path)
    return {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}


def moment(value: Any) -> datetime:
    """A time as any of the formats has it."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
