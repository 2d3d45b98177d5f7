"""The formats: CSV and JSON lines, written as they come, and Parquet and Excel, which are whole files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from ..sheets.data import safe
from . import Extract, excel

_AT_ONCE = 20_000
"""Rows made into text at a time."""


@dataclass(frozen=True, slots=True)
class Form:
    """One format. Text has `head` and `body`, which follow each other; a whole file has `write`."""

    name: str
    media: str
    title: str
    """What people call it."""
    head: Callable[[pa.Schema], bytes] | None = None
    body: Callable[[pa.Table], bytes] | None = None
    write: Callable[[Sequence[Extract], BinaryIO, Path], None] | None = None
    """Writes the tables, or the first where it holds only one, with a folder for what it needs meanwhile."""

    @property
    def streams(self) -> bool:
        """Whether it can be given out while it is made."""
        return self.head is not None


def chunks(form: Form, extract: Extract) -> Iterator[bytes]:
    """A text format's bytes, piece by piece."""
    assert form.head and form.body
    yield form.head(extract.schema)
    for part in extract.parts:
        for start in range(0, part.num_rows, _AT_ONCE):
            yield form.body(part.slice(start, _AT_ONCE))


def write(form: Form, extracts: Sequence[Extract], out: BinaryIO, scratch: Path) -> None:
    """Write the tables in a format."""
    if form.write is not None:
        form.write(extracts, out, scratch)
        return
    for chunk in chunks(form, extracts[0]):
        out.write(chunk)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column as JSON and CSV have them: times and days in ISO-8601."""
    values: list[Any] = column.to_pylist()
    if pa.types.is_temporal(column.type):
        return [None if value is None else value.isoformat() for value in values]
    return values


def _csv_head(schema: pa.Schema) -> bytes:
    return csv_rows([schema.names])


def _csv_body(part: pa.Table) -> bytes:
    return csv_rows(zip(*map(_safe, part.columns), strict=True))


def _safe(column: pa.ChunkedArray) -> list[Any]:
    values = _plain(column)
    if pa.types.is_string(column.type) or pa.types.is_boolean(column.type):
        made = {value: safe(value) for value in set(values)}
        return [made[value] for value in values]
    return values


def csv_rows(rows: Any) -> bytes:
    """Rows of cells, made harmless before, as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8", "replace")


def _no_head(_: pa.Schema) -> bytes:
    return b""


def _jsonl_body(part: pa.Table) -> bytes:
    names = part.column_names
    rows = zip(*map(_plain, part.columns), strict=True)
    return msgspec.json.Encoder().encode_lines(dict(zip(names, row, strict=True)) for row in rows)


def _write_parquet(extracts: Sequence[Extract], out: BinaryIO, _: Path) -> None:
    first = extracts[0]
    with pq.ParquetWriter(out, first.schema, compression="zstd") as writer:
        for part in first.parts:
            writer.write_table(part)


CSV = Form("csv", "text/csv; charset=utf-8", "CSV", _csv_head, _csv_body)

EXCEL = Form("xlsx", excel.MEDIA, "Excel", write=excel.write)

FORMS: tuple[Form, ...] = (
    CSV,
    EXCEL,
    Form("parquet", "application/vnd.apache.parquet", "Parquet", write=_write_parquet),
    Form("jsonl", "application/x-ndjson", "JSON lines", _no_head, _jsonl_body),
)
"""Every format; its name is the ending of its files."""

NAMES = tuple(form.name for form in FORMS)


def named(name: str) -> Form | None:
    """The format of this name."""
    return next((form for form in FORMS if form.name == name), None)
