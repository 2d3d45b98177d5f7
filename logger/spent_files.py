"""The day files of a log, read on from where they were read to: each complete line once."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from errno import EIO
from typing import Any

BLOCK = 4 * 1024 * 1024
"""Bytes read at a time."""

_EDGE = 64
"""Bytes before the place read to, by which is seen that a file only grew."""

_LENGTH = 32
"""Bits of a place that hold the length of its line."""


_LONGEST = 64 * 1024 * 1024
"""Bytes of a line that are compared."""


class ReplacedError(Exception):
    """A file is not the one that was read, or less of it: what was taken from it does not hold any more."""


class GrowingFile:
    """A file that others append to. A missing one has no lines. Every method raises OSError.

    A last line without a newline is not taken: it is still being written.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1
        self._identity = (0, 0)
        self._seen = 0  # the size when last looked at
        self._read_to = 0
        self._edge = b""

    def new_lines(self) -> Iterator[tuple[int, bytes]]:
        """(place, line) of every line since the last time. Raises ReplacedError."""
        size = self._size()
        if size == self._seen:
            return
        for block, begin in self._blocks(size):
            place = begin
            for line in block.split(b"\n"):
                yield place << _LENGTH | len(line), line
                place += len(line) + 1
        self._seen = size

    def line(self, place: int) -> bytes:
        """The line at a place."""
        return os.pread(self._fd, place & (1 << _LENGTH) - 1, place >> _LENGTH)

    def _size(self) -> int:
        try:
            status = os.stat(self.path)  # noqa: PTH116 - before every call; Path.stat costs three times as much
        except FileNotFoundError:
            if self._fd >= 0:
                raise ReplacedError from None
            return 0
        if self._fd < 0:
            status = self._opened()
        if (status.st_dev, status.st_ino) != self._identity or status.st_size < self._read_to:
            raise ReplacedError
        return status.st_size

    def _opened(self) -> os.stat_result:
        self._fd = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        status = os.fstat(self._fd)
        self._identity = status.st_dev, status.st_ino
        return status

    def _blocks(self, size: int) -> Iterator[tuple[bytes, int]]:
        """(complete lines without their last newline, where they begin) up to a size."""
        at = self._read_to - len(self._edge)
        rest = os.pread(self._fd, min(BLOCK, size - at), at)
        at += len(rest)
        if not rest.startswith(self._edge):
            raise ReplacedError
        rest = rest[len(self._edge) :]
        while True:
            lines, newline, rest = rest.rpartition(b"\n")
            if newline:
                begin = self._read_to
                self._read_to = at - len(rest)
                self._edge = (self._edge + lines[-_EDGE:] + newline)[-_EDGE:]
                yield lines, begin
            if at >= size:
                return
            block = os.pread(self._fd, min(BLOCK, size - at), at)
            if not block:
                raise ReplacedError
            at, rest = at + len(block), rest + block

    def close(self) -> None:
        """Give the descriptor back."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def __del__(self) -> None:
        self.close()


class PackedFile:
    """A gzipped file of a day that is over, of which every line is its own place. A missing one has none.

    While gzip runs the plain file is there too: one that begins with the same line has all the lines.
    """

    def __init__(self, path: str, plain: str) -> None:
        self.path, self._plain = path, plain
        self._seen: tuple[Any, ...] | None = None
        self._broken = ""
        self._compared: tuple[Any, ...] = ()
        self._copied = False

    def new_lines(self) -> Iterator[tuple[bytes, bytes]]:
        """(place, line) of every line, the first time. Raises ReplacedError, and OSError."""
        stamp = self._stamp()
        copied = stamp is not None and self._is_copy(stamp)
        seen = None if stamp is None else (*stamp, copied)
        if seen == self._seen:
            if self._broken:
                raise OSError(EIO, self._broken, self.path)
            return
        if self._seen is not None:
            raise ReplacedError
        if seen is not None and not copied:
            yield from self._lines(seen)
        self._seen = seen

    def _is_copy(self, stamp: tuple[Any, ...]) -> bool:
        """Whether the plain file is there and begins with the same complete line; as the store asks."""
        try:
            status = os.stat(self._plain)  # noqa: PTH116
        except OSError:
            return False
        both = (stamp, status.st_dev, status.st_ino)
        if both != self._compared:
            self._copied, whole = self._compare()
            self._compared = both if whole else ()
        return self._copied

    def _compare(self) -> tuple[bool, bool]:
        """(whether both begin with the same line, whether that will stay so)"""
        with suppress(OSError, EOFError, zlib.error):
            with open(self._plain, "rb") as file:  # noqa: PTH123
                line = file.readline(_LONGEST)
            if not line.endswith(b"\n"):
                return False, False
            with gzip.open(self.path) as packed:
                return packed.readline(_LONGEST) == line, True
        return False, False

    def _lines(self, seen: tuple[Any, ...]) -> Iterator[tuple[bytes, bytes]]:
        with gzip.open(self.path) as file:
            try:
                for line in file:
                    yield line, line
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self._broken = f"the file is broken: {error}"
                self._seen = seen
                raise OSError(EIO, self._broken, self.path) from error

    def line(self, place: bytes) -> bytes:
        """The line at a place."""
        return place

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            status = os.stat(self.path)  # noqa: PTH116
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def close(self) -> None:
        """Nothing is open."""
