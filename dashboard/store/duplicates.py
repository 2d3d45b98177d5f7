"""Lines with the same `call_id` that both count, so that totals may be too high.

Lines whose id is derived from the call count once and are no matter (see `overlaps`).

Ids are looked for in the bytes, 8 bytes of memory for each line; only where two seem to be equal are the
lines themselves read.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logger.call_ids import DERIVED

from . import lines
from .day import Day, Reader

Array = NDArray[Any]

_ID = re.compile(rb'"call_id"\s*:\s*("[^"\\\n]+")')  # within a text the quotes would be escaped
_UNREADABLE = (OSError, EOFError, zlib.error)  # a fault of the day, told with its problems


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An id that more than one line has, and where: (file, line), oldest day first."""

    call_id: str
    places: tuple[tuple[str, int], ...]


def duplicates(reader: Reader, days: list[Day]) -> list[Duplicate]:
    """Every id that more than one counted line of these days has, in order of its first line."""
    twice = _repeated(reader, days)
    if not twice:
        return []
    places: dict[str, list[tuple[str, int]]] = {}
    for day in days:
        for file, number, raw in _suspects(reader, day, twice):
            call_id = _counted_id(reader, raw)
            if call_id is not None:
                places.setdefault(call_id, []).append((file, number))
    return [Duplicate(name, tuple(where)) for name, where in places.items() if len(where) > 1]


def _repeated(reader: Reader, days: list[Day]) -> set[int]:
    """The hashes of the ids that occur more than once."""
    hashes = array("q")
    for day in days:
        with suppress(*_UNREADABLE):
            for _, piece in reader.pieces(day):
                hashes.extend(map(hash, _ID.findall(piece.data)))
    values, counts = np.unique(np.frombuffer(hashes, np.int64), return_counts=True)
    return set(values[counts > 1].tolist())


def _suspects(reader: Reader, day: Day, twice: set[int]) -> Iterator[tuple[str, int, bytes]]:
    """File, number and bytes of the lines that hold one of these ids anywhere."""
    last, number = "", 0
    with suppress(*_UNREADABLE):
        for file, piece in reader.pieces(day):
            number = number if file == last else 0
            last = file
            if not piece.data:  # one line, too long to read
                number += 1
            for raw in bytes(piece.data).split(b"\n")[:-1]:  # not splitlines: a lone \r ends no line
                number += 1
                if any(hash(found) in twice for found in _ID.findall(raw)):
                    yield file, number, raw + b"\n"


def _counted_id(reader: Reader, raw: bytes) -> str | None:
    """The id of a line that counts; ids deeper in the record are not the line's."""
    call_id = (lines.record(raw) or {}).get("call_id")
    counts = len(lines.decode(raw, reader.zone).rows) == 1
    return call_id if counts and isinstance(call_id, str) and not DERIVED.fullmatch(call_id) else None
