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
from pathlib import Path
from typing import BinaryIO

BLOCK = 4 << 20
"""Bytes read at a time; what is in memory of a file is this much and the line that crosses its end."""

LONGEST = 64 << 20
"""Bytes of the longest line that is read at all."""

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
    data: bytes
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


def pieces(read: Callable[[int], bytes], offset: int = 0, crc: int = 0) -> Iterator[Piece]:
    """The complete lines that `read` gives, in pieces that end with a newline.

    `crc` goes on from what was before; the crc of a piece is that of everything up to its end.
    """
    rest, lost = b"", 0
    while block := read(BLOCK):
        end = block.rfind(b"\n") + 1
        if not end:
            rest += block
            if lost or len(rest) > LONGEST:  # keep the length only
                crc, lost, rest = zlib.crc32(rest, crc), lost + len(rest), b""
            continue
        if lost:
            first = block.find(b"\n") + 1
            crc = zlib.crc32(block[:first], crc)
            yield Piece(offset, b"", lost + first, crc)
            offset, lost, block, end = offset + lost + first, 0, block[first:], end - first
        data, rest = rest + block[:end], block[end:]
        if data:
            crc = zlib.crc32(data, crc)
            yield Piece(offset, data, len(data), crc)
            offset += len(data)


def limited(file: BinaryIO, stop: int) -> Callable[[int], bytes]:
    """A reader of `file` that ends at byte `stop`, whatever is written meanwhile."""

    def read(size: int) -> bytes:
        return file.read(max(0, min(size, stop - file.tell())))

    return read


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
    read, crc = limited(file, stop), 0
    while block := read(BLOCK):
        crc = zlib.crc32(block, crc)
    return crc
