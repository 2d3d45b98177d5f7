"""Lines that do not count, or not wholly, because others tell of the same calls: where they stand."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .day import Day, Reader
from .links import sources_of
from .overlaps import Overlap
from .verdict import CALLS_COUNT, COUNTS, FINER_LINE, REST_COUNTS, SAME_ID

Array = NDArray[Any]

REASONS = {
    SAME_ID: "same_id",
    FINER_LINE: "finer_line",
    CALLS_COUNT: "calls_count",
    REST_COUNTS: "rest_counts",
}
"""`same_id`: another line with its call_id counts. `finer_line`: a line of a finer source tells of the call.
`calls_count`: the calls of the CLI run count one by one. `rest_counts`: they do, and the rest of the run."""

_UNREADABLE = (OSError, EOFError, zlib.error)  # a fault of the day, told with its problems


@dataclass(frozen=True, slots=True)
class Superseded:
    """A line that does not count as it stands; `why` is one of `REASONS`."""

    file: str
    line: int
    source: str
    why: str


def superseded(reader: Reader, days: list[Day], overlaps: Mapping[str, Overlap]) -> Iterator[Superseded]:
    """Every such line of these days, in order. Reads the files of days that have any."""
    for day in days:
        if day.date in overlaps:
            yield from _of_day(reader, day, overlaps[day.date])


def _of_day(reader: Reader, day: Day, overlap: Overlap) -> Iterator[Superseded]:
    lines = overlap.lines.take(overlap.lines.numbers["why"] != COUNTS)
    sources, why = sources_of(lines).tolist(), lines.numbers["why"].tolist()
    told = dict(zip(lines.numbers["offset"].tolist(), zip(sources, why, strict=True), strict=True))
    for file, number, offset in _numbered(reader, day, np.sort(lines.numbers["offset"])):
        source, reason = told[offset]
        yield Superseded(file, number, source, REASONS[reason])


def _numbered(reader: Reader, day: Day, offsets: Array) -> Iterator[tuple[str, int, int]]:
    """File, line number and offset of lines, named as `rows` names them, as far as they can be read."""
    last, before = "", 0
    with suppress(*_UNREADABLE):
        for file, piece in reader.pieces(day):
            before = before if file == last else 0
            last = file
            starts = -1 - offsets[::-1] if file.endswith(".gz") else offsets
            ends = np.flatnonzero(np.frombuffer(piece.data, np.uint8) == 10)
            inside = starts[(starts >= piece.offset) & (starts < piece.offset + len(piece.data))]
            for start, line in zip(
                inside.tolist(), np.searchsorted(ends, inside - piece.offset), strict=True
            ):
                yield file, before + int(line) + 1, -1 - start if file.endswith(".gz") else start
            before += len(ends) or 1  # without data: one line, too long to read
