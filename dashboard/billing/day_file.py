"""One file of JSON lines in blocks: a line per row, then one line that completes them.

A block is one write, under a lock on the file, synced. Only a block that is whole counts: its last line says
how many rows it has, and they stand right above it. The file is only appended to: what a broken write left
stays, and the next writer closes it with a newline. Such a piece is no line of any block; it is told until a
whole block follows.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ..errors import FolderError
from ..jsonl import opened

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Block:
    """The line that completes it, and its rows in their order."""

    head: Record
    rows: Sequence[Record]


@dataclass(slots=True)
class Blocks:
    """The whole blocks in the bytes of a file, newest first. `bad` grows as they are looked at."""

    data: bytes
    bad: dict[int, str] = field(default_factory=dict)
    """Line, from 1 -> what is wrong with it."""
    newest: int = 0
    """The last line of the newest block that counts, as far as they were looked at."""

    def numbered(self) -> Iterator[tuple[int, Block]]:
        """Each with the number of its last line, from 1."""
        lines = self.data[: self.data.rfind(b"\n") + 1].split(b"\n")[:-1]
        for place in range(len(lines) - 1, -1, -1):
            if b'"complete"' not in lines[place]:
                continue
            head = self._record(lines, place)
            if head and head.get("complete") is True:
                rows = self._rows(lines, place, head)
                if rows is not None:
                    yield place + 1, Block(head, rows)

    def look_at_all(self) -> None:
        """Find the lines that cannot be whole objects, also where nobody reads them.

        A piece of one of our lines is passed over when a block that counts stands after it.
        """
        for place, line in enumerate(self.data.split(b"\n")[:-1], 1):
            text = line.strip()
            if not text or (text.startswith(b"{") and (text.endswith(b"}") or place < self.newest)):
                continue
            self.bad.setdefault(place, "is no JSON object")

    def _record(self, lines: Sequence[bytes], place: int) -> Record | None:
        try:
            record = msgspec.json.decode(lines[place])
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            return record
        self.bad[place + 1] = "is no JSON object"
        return None

    def _rows(self, lines: Sequence[bytes], place: int, head: Record) -> Sequence[Record] | None:
        """The rows above the last line of a block; None when they are not as many as it says."""
        wanted = head.get("rows")
        if isinstance(wanted, int) and 0 <= wanted <= place:
            rows = [self._record(lines, at) for at in range(place - wanted, place)]
            mine = [row for row in rows if row and row.get("snapshot") == head.get("snapshot")]
            if len(mine) == wanted and not any("complete" in row for row in mine):
                return mine
        self.bad[place + 1] = f"says {wanted} rows, which do not stand above it: the reading does not count"
        return None


def text_of(rows: Sequence[Mapping[str, Any]], head: Mapping[str, Any]) -> bytes:
    """A block as it is written."""
    lines = (json.dumps(record, ensure_ascii=False, allow_nan=False) for record in (*rows, head))
    return "".join(line + "\n" for line in lines).encode("utf-8", "replace")


def append(path: Path, text: bytes) -> None:
    """Append a block, after what is there; one step for all processes.

    Raises FolderError when it is not all on disk: a piece of it never counts.
    """
    try:
        with opened(path) as descriptor:
            size = os.fstat(descriptor).st_size
            last = os.pread(descriptor, 1, size - 1) if size else b"\n"
            _write(descriptor, text if last == b"\n" else b"\n" + text)
    except OSError as error:
        raise FolderError(path, f"cannot be written: {error.strerror or error}") from error


def _write(descriptor: int, text: bytes) -> None:
    """All of it, or OSError."""
    if os.write(descriptor, text) < len(text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)
