"""Files of our own JSON lines (credit, alerts): only ever appended to, by several processes at once.

A line is one write to a file opened for appending, synced before it counts as kept. A torn line left by a
process that died is closed with a newline before the next one. Readers take whole lines only, and read on
from where they stopped. What cannot be read is a problem that is told, never an exception, and no line is
ever changed.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import FolderError

try:
    import fcntl
except ImportError:  # Windows: one process at a time there
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be understood."""

    file: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: line {self.line}: {self.reason}"


@dataclass(slots=True)
class LinesFile:
    """One file of JSON objects, one per line. Reads on from where it stopped. For one thread at a time."""

    path: Path
    bad: tuple[BadLine, ...] = ()
    """What could not be understood of the file as it was read last."""
    _records: list[dict[str, Any]] = field(default_factory=list)
    _places: list[int] = field(default_factory=list)
    _identity: tuple[int, int] = (0, 0)
    _offset: int = 0
    _count: int = 0

    def records(self) -> Sequence[dict[str, Any]]:
        """The objects of all complete lines, in their order; none of a missing file. Not to be changed.

        A file that was replaced or cut is read anew. Raises FolderError when it cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                self._begin_anew_if_replaced(os.fstat(file.fileno()))
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            self._begin_anew((0, 0))
            return self._records
        except OSError as error:
            raise FolderError(self.path, f"cannot be read: {error.strerror or error}") from error
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        self._take_in(whole)
        return self._records

    def places(self) -> Sequence[int]:
        """The line of each of the `records` as they were read last, from 1."""
        return self._places

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Append an object per line and sync.

        Raises FolderError when they are not all on disk; those before the one that failed are.
        """
        lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records]
        try:
            with opened(self.path) as descriptor:
                if not _ends_well(descriptor):
                    _write(descriptor, b"\n")
                for line in lines:
                    _write(descriptor, line.encode("utf-8", "replace"))
                os.fsync(descriptor)
        except OSError as error:
            raise FolderError(self.path, f"cannot be written: {error.strerror or error}") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from doing the same: to look, decide and append as one step.

        The lock is on a file beside it (`.lock`). Raises FolderError.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FolderError(self.path, f"cannot be written: {error.strerror or error}") from error
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _begin_anew_if_replaced(self, now: os.stat_result) -> None:
        identity = (now.st_dev, now.st_ino)
        if identity != self._identity or now.st_size < self._offset:
            self._begin_anew(identity)

    def _begin_anew(self, identity: tuple[int, int]) -> None:
        self._identity, self._offset, self._count = identity, 0, 0
        self._records, self._places, self.bad = [], [], ()

    def _take_in(self, whole: bytes) -> None:
        for line in whole.split(b"\n")[:-1]:
            self._count += 1
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if isinstance(record, dict):
                self._records.append(record)
                self._places.append(self._count)
            else:
                self.bad = (*self.bad, BadLine(self.path, self._count, "is no JSON object"))


def moment(value: Any) -> datetime | None:
    """The time that a record holds; None for what is none, or has no offset."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """The file's descriptor, to read and to append; others who want the same wait. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _ends_well(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return not size or os.pread(descriptor, 1, size - 1) == b"\n"


def _write(descriptor: int, line: bytes) -> None:
    """The whole line, or OSError: what was written of it stays, and is closed by the next one."""
    if os.write(descriptor, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
