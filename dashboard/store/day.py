"""One day: what its files hold, as an immutable state, and how a state follows from the one before.

A day has a plain file, a gzipped one, or both. While gzip runs both exist with the same content: when
their first lines are equal they are the same data and the plain file stands for both; else both count.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import BinaryIO, cast
from zoneinfo import ZoneInfo

import numpy as np

from . import lines, tail
from .base import Problem
from .links import Links, links_of
from .sums import added, summed
from .table import Table, concat
from .tail import Mark, Stamp

NAME = re.compile(r"api-calls-(\d{4}-\d{2}-\d{2})\.jsonl(\.gz)?")
KEPT_PROBLEMS = 100
"""Bad lines of a file that are kept with their reason; all are counted."""

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAMAGED = "the gzip data is damaged or ends early; the lines before the damage count"


@dataclass(frozen=True, slots=True)
class Seen:
    """The files of a day as the file system shows them."""

    plain: Stamp | None = None
    gz: Stamp | None = None

    def same_content(self, other: Seen) -> bool:
        """Whether the files have the same content, by all that survives a restart of the machine."""
        return _lasting(self) == _lasting(other)


def _lasting(seen: Seen) -> list[tuple[int, int, int] | None]:
    stamps = (seen.plain, seen.gz)
    return [None if stamp is None else (stamp.inode, stamp.size, stamp.mtime_ns) for stamp in stamps]


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """What a day's files held when `seen` was true."""

    date: str
    seen: Seen
    plain: Mark | None = None
    gz: Mark | None = None
    """None also while the plain file stands for both."""
    sums: Table | None = None
    lines: int = 0
    bad: int = 0
    problems: tuple[Problem, ...] = ()
    faults: tuple[Problem, ...] = ()
    """What is wrong with a file as a whole."""
    first: int = 0
    """Earliest start of a call in microseconds; like `last` meaningless without lines."""
    last: int = 0
    last_call: int = 0
    """Latest start plus duration, in microseconds."""
    links: Links = field(default_factory=Links)
    """By what its lines may tell of calls that others tell of."""
    other_day: int = 0
    """Lines that were written on another day than the file's name says."""

    @property
    def content(self) -> object:
        """Equal for two states of a day with the same lines."""
        marks = [mark.content if mark else None for mark in (self.plain, self.gz)]
        return (*marks, self.bad, self.problems, self.faults)

    def seen_as(self, seen: Seen) -> Day:
        """The same content, seen again."""
        plain = self.plain and replace(self.plain, stamp=seen.plain or self.plain.stamp)
        gz = self.gz and replace(self.gz, stamp=seen.gz or self.gz.stamp)
        return replace(self, seen=seen, plain=plain, gz=gz)

    @property
    def unfinished(self) -> bool:
        """Whether the plain file ends with a line that is not complete."""
        return self.plain is not None and self.plain.offset < self.plain.stamp.size


@dataclass(slots=True)
class Taking:
    """A day while its lines are taken in; `rows` holds only what this taking added."""

    day: Day
    zone: ZoneInfo
    rows: list[Table] = field(default_factory=list)
    refused: bool = False
    """Whether a file is there but could not be read."""

    def take(self, batch: lines.Batch, file: str) -> None:
        """Take in what a block of lines held."""
        room = KEPT_PROBLEMS - sum(problem.file == file for problem in self.day.problems)
        told = tuple(Problem(file, line, reason) for line, reason in batch.bad[: max(0, room)])
        day = replace(self.day, bad=self.day.bad + len(batch.bad), problems=(*self.day.problems, *told))
        self.day = _with_rows(day, batch) if len(batch.rows) else day
        if len(batch.rows):
            _append(self.rows, batch.rows)


def _append(rows: list[Table], more: Table) -> None:
    """Add a part, joining it with parts not much larger, so that there are few and each is joined rarely."""
    rows.append(more)
    while len(rows) > 1 and len(rows[-2]) < 2 * len(rows[-1]) and len(rows[-1]) < 4096:
        rows[-2:] = [concat(rows[-2:])]


def _with_rows(day: Day, batch: lines.Batch) -> Day:
    times, seconds = batch.rows.numbers["time"], batch.rows.numbers["duration_seconds"]
    ends = times + (np.nan_to_num(seconds.astype(np.float64)) * 1e6).astype(np.int64)
    fresh = summed(batch.rows)
    own = date.fromisoformat(day.date).toordinal() - _EPOCH_DAY
    some = day.lines > 0
    return replace(
        day,
        sums=added([day.sums, fresh]) if day.sums is not None else fresh,
        links=day.links.with_(links_of(batch.rows)) if some else links_of(batch.rows),
        lines=day.lines + len(batch.rows),
        first=min(int(times.min()), day.first) if some else int(times.min()),
        last=max(int(times.max()), day.last) if some else int(times.max()),
        last_call=max(int(ends.max()), day.last_call) if some else int(ends.max()),
        other_day=day.other_day + int((batch.days != own).sum()),
    )


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the days of a folder. Holds no state: a state goes in, the next one comes out."""

    folder: Path
    zone: ZoneInfo

    def plain(self, day: str) -> Path:
        """The day's plain file."""
        return self.folder / f"api-calls-{day}.jsonl"

    def gz(self, day: str) -> Path:
        """The day's gzipped file."""
        return self.folder / f"api-calls-{day}.jsonl.gz"

    def seen(self, day: str) -> Seen:
        """The day's files as they are now."""
        return Seen(tail.look(self.plain(day)), tail.look(self.gz(day)))

    def next(
        self, before: Day | None, seen: Seen, day: str, *, sure: bool = False
    ) -> tuple[Day, list[Table]]:
        """The day's state now and the rows that came to those of `before`; see `follows`.

        `sure` compares all bytes before it takes a file for grown: for a state that comes from a cache.
        """
        if before is not None and before.gz is None and seen.gz is None and seen.plain is not None:
            grown = self._grown(before, seen.plain, sure)
            if grown is not None:
                return grown
        taking = Taking(Day(day, seen), self.zone)
        if seen.gz is not None and not self._same_start(day, seen):
            self._take_gz(taking, seen.gz)
        if seen.plain is not None:
            self._take_plain(taking, Mark(seen.plain))
        if before is not None and taking.refused and before.lines and _same_file(before.seen, seen):
            return replace(before, seen=seen, faults=taking.day.faults), []
        if before is not None and before.content == taking.day.content:
            return replace(before, seen=seen, plain=taking.day.plain, gz=taking.day.gz), []
        return taking.day, taking.rows

    def _grown(self, before: Day, now: Stamp, sure: bool) -> tuple[Day, list[Table]] | None:
        """The state after growth of the plain file, None when it did not just grow."""
        if before.plain is None or before.faults:
            return None
        mark = replace(before.plain, stamp=now)
        try:
            with self.plain(before.date).open("rb", buffering=0) as file:
                if not tail.grown(cast(BinaryIO, file), now, before.plain, sure=sure):
                    return None
        except OSError:
            return None
        taking = Taking(replace(before, seen=Seen(now)), self.zone)
        self._take_plain(taking, mark)
        return taking.day, taking.rows

    def _take_plain(self, taking: Taking, mark: Mark) -> None:
        path = self.plain(taking.day.date)
        stop = mark.stamp.size
        if not path.is_file():  # opening a pipe would wait for ever
            self._fault(taking, path, "is not a file")
            return
        with self._faults(taking, path), path.open("rb", buffering=0) as file:
            raw = cast(BinaryIO, file)
            raw.seek(mark.offset)
            for piece in tail.pieces(tail.limited(raw, stop), mark.offset, mark.crc):
                mark = _taken(taking, mark, piece, path.name, packed=False)
            mark = tail.closed(mark, raw)
        taking.day = replace(taking.day, plain=mark)

    def _take_gz(self, taking: Taking, stamp: Stamp) -> None:
        path, mark = self.gz(taking.day.date), Mark(stamp)
        if not path.is_file():  # opening a pipe would wait for ever
            self._fault(taking, path, "is not a file")
            return
        with self._faults(taking, path):
            for piece in unpacked(path):
                mark = _taken(taking, mark, piece, path.name, packed=True)
        taking.day = replace(taking.day, gz=mark)

    @contextmanager
    def _faults(self, taking: Taking, path: Path) -> Iterator[None]:
        """Turns what the file system refuses into a fault of the day."""
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self._fault(taking, path, _DAMAGED)
        except OSError as error:
            taking.refused = True
            self._fault(taking, path, f"cannot be read: {error.strerror or error}")

    def _fault(self, taking: Taking, path: Path, reason: str) -> None:
        taking.day = replace(taking.day, faults=(*taking.day.faults, Problem(path.name, 0, reason)))

    def _same_start(self, day: str, seen: Seen) -> bool:
        """Whether the plain and the gzipped file begin with the same complete line."""
        if seen.plain is None or not self.plain(day).is_file() or not self.gz(day).is_file():
            return False
        with suppress(OSError, EOFError, zlib.error):
            with self.plain(day).open("rb") as file:
                line = file.readline(tail.LONGEST)
            with gzip.open(self.gz(day)) as packed:
                return line.endswith(b"\n") and packed.readline(tail.LONGEST) == line
        return False

    def begins_with(self, day: Day, before: Day) -> bool:
        """Whether the lines of the state `before` are the first ones of `day`."""
        if before.content == day.content:
            return True
        if before.plain is None or day.plain is None or before.gz or day.gz:
            return False
        with suppress(OSError), self.plain(day.date).open("rb", buffering=0) as file:
            start = before.plain.offset
            return (
                start <= day.plain.offset and tail.checksum(cast(BinaryIO, file), start) == before.plain.crc
            )
        return False

    def rows(self, day: Day, *, beyond: Day | None = None) -> list[Table]:
        """The rows the state `day` stands for, or those beyond a state it `begins_with`.

        Files that changed since give what is there now, up to the marks.
        """
        found: list[Table] = []
        if beyond is None and day.gz is not None:
            with suppress(OSError, EOFError, zlib.error):
                for piece in unpacked(self.gz(day.date)):
                    _append_rows(found, lines.decode(piece.data, self.zone, offset=piece.offset, packed=True))
        start = beyond.plain.offset if beyond and beyond.plain else 0
        if day.plain is not None and day.plain.offset > start:
            with suppress(OSError), self.plain(day.date).open("rb", buffering=0) as file:
                raw = cast(BinaryIO, file)
                raw.seek(start)
                for piece in tail.pieces(tail.limited(raw, day.plain.offset), start):
                    _append_rows(found, lines.decode(piece.data, self.zone, offset=piece.offset))
        return found

    def problems(self, day: Day) -> Iterator[Problem]:
        """Every bad line of the day, in order, and what is wrong with its files."""
        yield from day.faults
        if day.bad == len(day.problems):
            yield from day.problems
            return
        if day.gz is not None:
            with suppress(OSError, EOFError, zlib.error):
                yield from _bad_lines(unpacked(self.gz(day.date)), self.gz(day.date).name, self.zone)
        if day.plain is not None:
            path = self.plain(day.date)
            with suppress(OSError), path.open("rb", buffering=0) as file:
                found = tail.pieces(tail.limited(cast(BinaryIO, file), day.plain.offset))
                yield from _bad_lines(found, path.name, self.zone)

    def pieces(self, day: Day) -> Iterator[tuple[str, tail.Piece]]:
        """The complete lines the state `day` counts, with the name of their file.

        Raises what reading raises, but gives all complete lines before it first.
        """
        if day.gz is not None:
            for piece in unpacked(self.gz(day.date)):
                yield self.gz(day.date).name, piece
        if day.plain is not None:
            with self.plain(day.date).open("rb", buffering=0) as file:
                for piece in tail.pieces(tail.limited(cast(BinaryIO, file), day.plain.offset)):
                    yield self.plain(day.date).name, piece

    def line(self, day: str, offset: int) -> bytes | None:
        """The bytes of a line as `rows` names it; None when no line starts there (any more)."""
        with suppress(OSError, EOFError, zlib.error):
            if offset < 0:
                with gzip.open(self.gz(day)) as packed:
                    return _line_at(cast(BinaryIO, packed), -1 - offset)
            with self.plain(day).open("rb") as file:
                return _line_at(file, offset)
        return None


def _same_file(one: Seen, other: Seen) -> bool:
    return [stamp and stamp.inode for stamp in (one.plain, one.gz)] == [
        stamp and stamp.inode for stamp in (other.plain, other.gz)
    ]


def _line_at(file: BinaryIO, offset: int) -> bytes | None:
    if offset:
        file.seek(offset - 1)
        if file.read(1) != b"\n":
            return None
    return file.readline(tail.LONGEST) or None


def _append_rows(found: list[Table], batch: lines.Batch) -> None:
    if len(batch.rows):
        _append(found, batch.rows)


def _taken(taking: Taking, mark: Mark, piece: tail.Piece, file: str, *, packed: bool) -> Mark:
    """Take in a piece; the mark after it."""
    batch = _batch(piece, mark.lines + 1, taking.zone, packed=packed)
    taking.take(batch, file)
    return tail.after(mark, piece, batch.lines)


def _batch(piece: tail.Piece, line: int, zone: ZoneInfo, *, packed: bool) -> lines.Batch:
    batch = lines.decode(piece.data, zone, offset=piece.offset, line=line, packed=packed)
    if piece.data:
        return batch
    return replace(batch, bad=((line, f"longer than {tail.LONGEST >> 20} MiB"),), lines=1)


def _bad_lines(found: Iterator[tail.Piece], file: str, zone: ZoneInfo) -> Iterator[Problem]:
    line = 1
    for piece in found:
        batch = _batch(piece, line, zone, packed=False)
        yield from (Problem(file, number, reason) for number, reason in batch.bad)
        line += batch.lines


def unpacked(path: Path) -> Iterator[tail.Piece]:
    """The lines of a gzipped file; the last one may lack its newline, for nothing can follow.

    Raises what gzip raises at damage, but gives all complete lines before it first.
    """
    with gzip.open(path) as packed:
        yield from tail.pieces(_Stream(packed).readinto)


@dataclass(slots=True)
class _Stream:
    """A gzip stream that gives what it has before it fails, and ends with a newline."""

    packed: gzip.GzipFile
    last: bytes = b"\n"
    failure: Exception | None = None

    def readinto(self, view: memoryview) -> int:
        """Fill the start of `view`; 0 at the end."""
        if self.failure:
            raise self.failure
        filled = 0
        try:
            while filled < len(view) and (part := self.packed.read1(len(view) - filled)):
                view[filled : filled + len(part)] = part
                filled, self.last = filled + len(part), part[-1:]
        except (EOFError, OSError, zlib.error) as error:
            self.failure = error
            return filled or self.readinto(view)
        if not filled and self.last != b"\n":
            view[:1] = self.last = b"\n"
            return 1
        return filled
