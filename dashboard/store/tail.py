"""What is new in a file: how far it was read, whether it only grew since, and its complete lines.

A `Mark` says how far a file was taken in and by what its content is known again. A file that only grew is
read on from its mark; one that was truncated, replaced or rewritten is read anew. A last line without a
newline is not taken: it is still being written.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import BinaryIO, cast

BLOCK = 8 << 20
"""Bytes read at a time; what is in memory of a file is this much and the line that crosses its end."""

LONGEST = 64 << 20
"""Bytes of the longest line that is read at all."""

Into = Callable[[memoryview], int]
"""Fills the start of a buffer and says how far; 0 at the end."""

_EDGE = 1024


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the file system says of a file. Equal stamps: nothing happened to it."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a file was taken in: `offset` bytes of complete lines, `lines` of them."""

    stamp: Stamp
    offset: int = 0
    lines: int = 0
    crc: int = 0
    """Checksum of the bytes before `offset`."""
    edges: tuple[int, int] = (0, 0)
    """Checksums of the first bytes and of the last ones before `offset`."""

    @property
    def content(self) -> tuple[int, int, int]:
        """Equal for files with the same bytes taken in."""
        return self.offset, self.lines, self.crc


@dataclass(frozen=True, slots=True)
class Piece:
    """Complete lines from `offset` on; or, without `data`, one line of `size` bytes, too long to read."""

    offset: int
    data: memoryview
    size: int
    crc: int


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp in a stat result."""
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def look(path: Path) -> Stamp | None:
    """The file's stamp, None when there is none. A folder in its place counts as a file of its own."""
    try:
        return stamp_of(path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return None


def pieces(readinto: Into, offset: int = 0, crc: int = 0) -> Iterator[Piece]:
    """The complete lines that `readinto` gives, in pieces that end with a newline.

    `crc` goes on from what was before; the crc of a piece is that of everything up to its end. The data of
    a piece lies in a buffer that is used again: it is good until the next piece is asked for.
    """
    buffer, held, lost = bytearray(BLOCK), 0, 0
    while True:
        if held == len(buffer) and (lost or held >= LONGEST):  # keep the length only
            crc, lost, held = zlib.crc32(buffer, crc), lost + held, 0
        elif held == len(buffer):
            buffer = buffer + bytearray(held)
        view = memoryview(buffer)
        count = readinto(view[held:])
        if not count:
            return
        end, held, start = buffer.rfind(b"\n", held, held + count) + 1, held + count, 0
        if end and lost:
            start = buffer.find(b"\n") + 1
            crc = zlib.crc32(view[:start], crc)
            yield Piece(offset, view[:0], lost + start, crc)
            offset, lost = offset + lost + start, 0
        if end > start:
            crc = zlib.crc32(view[start:end], crc)
            yield Piece(offset, view[start:end], end - start, crc)
            offset += end - start
        if end:
            buffer[: held - end] = buffer[end:held]
            held -= end


def limited(file: BinaryIO, stop: int) -> Into:
    """What reads `file` into a buffer and ends at byte `stop`, whatever is written meanwhile."""

    def readinto(view: memoryview) -> int:
        return cast(FileIO, file).readinto(view[: max(0, stop - file.tell())])

    return readinto


def after(mark: Mark, piece: Piece, lines: int) -> Mark:
    """The mark once a piece with `lines` lines is taken in."""
    return replace(mark, offset=piece.offset + piece.size, lines=mark.lines + lines, crc=piece.crc)


def closed(mark: Mark, file: BinaryIO) -> Mark:
    """The mark with the edges it will be known by."""
    return replace(mark, edges=edges(file, mark.offset))


def edges(file: BinaryIO, offset: int) -> tuple[int, int]:
    """Checksums of the first bytes and of the last ones before `offset`."""
    descriptor, size = file.fileno(), min(_EDGE, offset)
    head = os.pread(descriptor, size, 0)
    return zlib.crc32(head), zlib.crc32(os.pread(descriptor, size, offset - size))


def grown(file: BinaryIO, now: Stamp, mark: Mark, *, sure: bool) -> bool:
    """Whether what was taken in by `mark` still stands at the start of the file.

    A file that is the same one and longer is known by its edges, so that a new line costs the same in a
    long file. All of it is compared when it is another file, has another time and the same size, or when
    `sure` is asked for (after a restart).
    """
    if now.size < mark.offset or edges(file, mark.offset) != mark.edges:
        return False
    same = (now.device, now.inode) == (mark.stamp.device, mark.stamp.inode)
    if same and not sure and now.size > mark.stamp.size:
        return True
    return checksum(file, mark.offset) == mark.crc


def checksum(file: BinaryIO, stop: int) -> int:
    """The checksum of the first `stop` bytes."""
    file.seek(0)
    readinto, crc, view = limited(file, stop), 0, memoryview(bytearray(min(BLOCK, stop)))
    while count := readinto(view):
        crc = zlib.crc32(view[:count], crc)
    return crc
