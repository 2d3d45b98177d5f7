"""The output of a Claude CLI process as events, whatever format it is in and wherever it was cut.

`stream-json` is one object per line, `json` one object or one array in all, `text` has no events. Lines
of other programs may stand between; lines may be 10 MB long; memory stays bounded by the longest line.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

LONGEST_LINE = 64 * 1024 * 1024
"""Longer lines are skipped. Output that is one JSON document over several lines may be as long."""

MOST_TEXT = 1024 * 1024
"""How much text is kept of output without events."""

Source = str | os.PathLike[str] | bytes | Iterable[bytes | str]

_BOM = b"\xef\xbb\xbf"


class CliOutput:
    """Iterate once over the events (dicts with a `type`); afterwards the other fields are known.

    Iterating raises OSError when a path cannot be read.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self.lines = 0
        self.seen = 0
        self.noise = 0
        self.torn = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for line in _lines(self._source):
            self.lines += 1
            found = _objects(line)
            self.torn = found is None
            if found is None:
                self._keep(line)
                continue
            self.seen += len(found)
            yield from found
        if not self.seen:
            yield from self._whole()

    def _keep(self, line: bytes) -> None:
        self.noise += 1
        if not self.seen and self._kept_bytes < LONGEST_LINE:
            self._kept.append(line)
            self._kept_bytes += len(line)

    def _whole(self) -> Iterator[dict[str, Any]]:
        """The events of one document that stands on several lines, as pretty-printers leave it."""
        found = _objects(b"".join(self._kept)) or []
        if found:
            self.seen, self.noise, self.torn, self._kept = len(found), 0, False, []
        yield from found

    @property
    def text(self) -> str:
        """What was printed, when it held no events."""
        return b"".join(self._kept)[:MOST_TEXT].decode("utf-8", "replace") if not self.seen else ""


def _objects(line: bytes) -> list[dict[str, Any]] | None:
    """The events of a line; None when it is not JSON."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("type"), str)]


def _lines(source: Source) -> Iterator[bytes]:
    """Lines that say something."""
    if isinstance(source, bytes):
        yield from _said(source.splitlines(keepends=True))
    elif isinstance(source, (str, os.PathLike)):
        with _opened(Path(source)) as file:
            yield from _said(_bounded(file))
    else:
        yield from _said(
            line.encode("utf-8", "replace") if isinstance(line, str) else line for line in source
        )


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path) if path.suffix == ".gz" else path.open("rb"))


def _bounded(file: IO[bytes]) -> Iterator[bytes]:
    too_long = False
    while line := file.readline(LONGEST_LINE):
        whole = line.endswith(b"\n") or len(line) < LONGEST_LINE
        if whole and not too_long:
            yield line
        too_long = not whole


def _said(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        said = line.removeprefix(_BOM)
        if not said.isspace() and said:
            yield said
