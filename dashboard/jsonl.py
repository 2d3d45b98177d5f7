"""Files of our own JSON lines (credit, alerts): only ever appended to, by several processes at once.

A line is one write to a file opened for appending, synced before it counts as kept. A torn line left by a
process that died is closed with a newline before the next one. Readers take whole lines only, and read on
from where they stopped. What cannot be read is a problem that is told, never an exception, and no line is
ever changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    """One file of JSON objects, one per line. `read` gives what is new since it was read last.

    Not for several threads at once.
    """

    path: Path
    bad: list[BadLine] = field(default_factory=list)
    """What could not be understood so far."""
    _identity: tuple[int, int] = (0, 0)
    _offset: int = 0
    _count: int = 0

    def read(self) -> list[dict[str, Any]]:
        """The objects of the lines that were completed since the last time. A missing file has none.

        A file that was replaced or cut is read from its beginning; `restarted` tells. Raises FolderError.
        """
        try:
            with self.path.open("rb") as file:
                self._begin_anew_if_replaced(os.fstat(file.fileno()))
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            self._identity, self._offset, self._count = (0, 0), 0, 0
            self.bad.clear()
            return []
        except OSError as error:
            raise FolderError(self.path, f"cannot be read: {error.strerror or error}") from error
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        return list(self._objects(whole))

    @property
    def restarted(self) -> bool:
        """Whether nothing was read yet of the file as it is now."""
        return self._offset == 0

    def changed(self) -> bool:
        """Whether there is something `read` has not seen."""
        try:
            now = self.path.stat()
        except OSError:
            return self._offset > 0
        return (now.st_dev, now.st_ino) != self._identity or now.st_size != self._offset

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Append an object per line and sync. Raises FolderError when they are not all on disk."""
        text = "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records)
        try:
            with self._opened() as descriptor:
                end = b"" if _ends_well(descriptor) else b"\n"
                _write(descriptor, end + text.encode("utf-8", "replace"))
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

    @contextmanager
    def _opened(self) -> Iterator[int]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _begin_anew_if_replaced(self, now: os.stat_result) -> None:
        identity = (now.st_dev, now.st_ino)
        if identity != self._identity or now.st_size < self._offset:
            self._identity, self._offset, self._count = identity, 0, 0
            self.bad.clear()

    def _objects(self, whole: bytes) -> Iterator[dict[str, Any]]:
        for line in whole.splitlines():
            self._count += 1
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if isinstance(record, dict):
                yield record
            else:
                self.bad.append(BadLine(self.path, self._count, "is no JSON object"))


def _ends_well(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return not size or os.pread(descriptor, 1, size - 1) == b"\n"


def _write(descriptor: int, data: bytes) -> None:
    """Write all of it, or raise OSError and leave nothing of it behind."""
    before = os.fstat(descriptor).st_size
    written = os.write(descriptor, data)
    if written < len(data):
        os.ftruncate(descriptor, before)
        raise OSError(28, "no space left on the device")
    os.fsync(descriptor)
