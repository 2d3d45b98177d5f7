"""Append one line durably to its day's file, whatever other processes, a full disk or a `rm -r` do.

How a line stays whole
    A line is one `os.write` on an `O_APPEND` descriptor. The kernel places it at the end and no other
    write can come in between. A write can still be cut: by a full disk, or by SIGKILL between two pages.
    The next line, of any process, would then be glued to the torn one. So after each write we ask where
    it landed, and if the byte before it is no newline, the line is written again on a line of its own.
    This costs one `lseek` (and one `pread` when another process wrote in between), needs no lock between
    processes, and leaves of a torn line exactly one bad line and never a lost neighbour.

How a line stays visible
    Before each write the path is compared with the open file (one `stat`, below 1 us on a PC). A day's file
    that was deleted, renamed, replaced or gzipped is opened anew, a removed folder is made anew.

What cannot be written is kept, bounded, and tried again with the next line and at exit.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .problems import Problems
from .record import day_file_name

MOST_LINES = 10_000
MOST_BYTES = 64 * 1024 * 1024
"""How much is kept while nothing can be written; beyond that the oldest lines are dropped and counted."""

MOST_OPEN = 4
"""Files kept open at once: calls that began before midnight still go to the day before."""

_TRIES = 5


class TornWriteError(OSError):
    """Only a part of a line could be written."""


class DayFile:
    """One day's file, open for appending. Every method raises OSError when the system refuses."""

    def __init__(self, path: str) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self.path = path
        self._fd = os.open(path, flags, 0o600)
        status = os.fstat(self._fd)
        self._inode, self._device = status.st_ino, status.st_dev
        self._end = -1  # where our own last whole line ended
        self._tail_unsure = status.st_size > 0
        self.cut: tuple[bytes, int] | None = None
        """The line of which only a part could be written, and where it begins."""

    def append(self, line: bytes) -> bool:
        """Write a line that ends with a newline so that it stands on a line of its own.

        False, and nothing written: the path no longer names this file.
        """
        try:
            status = os.stat(self.path)  # noqa: PTH116 - Path.stat costs three times as much
        except FileNotFoundError:
            return False
        if status.st_ino != self._inode or status.st_dev != self._device:
            return False  # another file by now; an inode is not used again while we hold it open
        if self._tail_unsure:
            self._close_tail()
        if self.cut is not None and self._completed(line):
            return True
        tries = 0
        while True:
            written = os.write(self._fd, line)
            end = os.lseek(self._fd, 0, os.SEEK_CUR)
            start = end - written
            if written != len(line):
                self._finish(line, start, end)
            if start == self._end or start == 0 or os.pread(self._fd, 1, start - 1) == b"\n":
                self._end = start + len(line)
                return True
            tries += 1  # glued to a torn line: with it it is one bad line, and is written again
            if tries == _TRIES:
                raise TornWriteError(f"{self.path}: other writers keep leaving torn lines")

    def _finish(self, line: bytes, start: int, end: int) -> None:
        """Write the rest of a cut line, which is whole only if no other line came in between."""
        self._tail_unsure, self.cut = True, (line, start)
        rest = os.write(self._fd, line[end - start :])
        whole = os.lseek(self._fd, 0, os.SEEK_CUR)
        if rest != len(line) - (end - start) or whole != start + len(line):
            raise TornWriteError(f"{self.path}: a line was cut")
        self._tail_unsure, self.cut = False, None

    def _completed(self, line: bytes) -> bool:
        """Whether a cut line lacked its newline only and got it: writing it again would count it twice."""
        if self.cut is None or self.cut[0] is not line:
            return False
        start, self.cut = self.cut[1], None
        return os.pread(self._fd, len(line), start) == line

    def _close_tail(self) -> None:
        """End a torn last line. Looked at twice: another process may be in the middle of its write."""
        if self._torn() and self._torn():
            os.write(self._fd, b"\n")
        self._tail_unsure = False

    def _torn(self) -> bool:
        size = os.fstat(self._fd).st_size
        return size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"

    def settle(self) -> None:
        """After a failed write: end what is torn, if the system lets us, before others write on."""
        with suppress(OSError):
            if self._torn():
                os.write(self._fd, b"\n")

    def close(self) -> None:
        """Give the descriptor back."""
        with suppress(OSError):
            os.close(self._fd)


class Journal:
    """Appends lines to the day files of a folder. Safe for threads, processes and forks; never raises.

    landed: told the call of a line as soon as the line is in its file, or dropped.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        problems: Problems | None = None,
        landed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = Path(os.fspath(folder))
        self.problems = problems or Problems()
        self.landed = landed
        self._root = str(self.folder)
        with suppress(OSError):  # the working directory may be gone
            self._root = os.path.abspath(self.folder)  # noqa: PTH100 - the host may change it later
        self._forget()
        _journals.add(self)

    def _forget(self) -> None:
        """Begin without open files and waiting lines: when new, and in a forked child."""
        self._files: dict[str, DayFile] = {}
        self._waiting: deque[tuple[str, bytes, str]] = deque()
        self._waiting_bytes = 0
        self._lock = threading.RLock()
        self._busy = False

    @property
    def waiting(self) -> int:
        """How many lines could not be written yet."""
        return len(self._waiting)

    def append(self, day: str, line: bytes, call: str = "") -> bool:
        """Write a line (newline included) to the file of a day (`2026-11-22`).

        True: it is in the file and survives the death of this process. False: it is kept for later.
        call: what `landed` will be told; "" is nothing.
        """
        with self._lock:
            if self._busy:  # a signal handler interrupted our own write
                self._keep(day, line, call)
                return False
            self._busy = True
            try:
                done = (not self._waiting or self._write_waiting()) and self._write(day, line)
                if not done:
                    self._keep(day, line, call)
                elif call:
                    self.landed(call)
                if done and self._waiting:  # kept by a signal handler meanwhile
                    self._write_waiting()
                return done
            finally:
                self._busy = False

    def prepare(self) -> None:
        """Make the folder, so that others see where the lines will be; failing is no matter yet."""
        with suppress(OSError):
            os.makedirs(self._root, mode=0o700, exist_ok=True)  # noqa: PTH103

    def flush(self) -> bool:
        """Try to write what is waiting; whether nothing waits any more."""
        with self._lock:
            return not self._busy and self._write_waiting()

    def close(self) -> None:
        """Flush and give all descriptors back; the next line opens them again."""
        self.flush()
        with self._lock:
            self._close_files()

    def _write_waiting(self) -> bool:
        while self._waiting:
            day, line, call = self._waiting.popleft()
            if not self._write(day, line):
                self._waiting.appendleft((day, line, call))
                return False
            self._waiting_bytes -= len(line)
            if call:
                self.landed(call)
        _in_need.discard(self)
        return True

    def _keep(self, day: str, line: bytes, call: str) -> None:
        self._waiting.append((day, line, call))
        self._waiting_bytes += len(line)
        _in_need.add(self)
        while len(self._waiting) > MOST_LINES or self._waiting_bytes > MOST_BYTES:
            _, dropped, call = self._waiting.popleft()
            self._waiting_bytes -= len(dropped)
            if call:
                self.landed(call)
            self.problems.note(
                "dropped", f"callmeter: {self.folder}: too many unwritten lines, the oldest are lost"
            )

    def _write(self, day: str, line: bytes) -> bool:
        try:
            file = self._files.get(day)
            if file is None or not file.append(line):
                self._write_anew(day, line)
        except OSError as error:
            self._failed(day, error)
            return False
        return True

    def _write_anew(self, day: str, line: bytes) -> None:
        """Open the day's file, again if it was taken away, and write. Raises OSError."""
        for _ in range(_TRIES):
            if day in self._files:
                self._files.pop(day).close()
            if self._open(day).append(line):
                return
        raise TornWriteError(f"{self._root}: the file of {day} is taken away again and again")

    def _failed(self, day: str, error: OSError) -> None:
        file = self._files.get(day)
        if file is not None:
            file.settle()
        if file is not None and file.cut is None:
            del self._files[day]
            file.close()
        reason = error.strerror or str(error)
        self.problems.note(
            "unwritten", f"callmeter: cannot write to {self.folder}: {reason}; lines are kept and retried"
        )

    def _open(self, day: str) -> DayFile:
        while len(self._files) >= MOST_OPEN:
            self._files.pop(next(iter(self._files))).close()
        path = os.path.join(self._root, day_file_name(day))  # noqa: PTH118 - kept as text, see `visible`
        try:
            file = DayFile(path)
        except FileNotFoundError:
            os.makedirs(self._root, mode=0o700, exist_ok=True)  # noqa: PTH103
            file = DayFile(path)
        self._files[day] = file
        return file

    def _close_files(self) -> None:
        files, self._files = self._files, {}
        for file in files.values():
            file.close()

    def _in_child(self) -> None:
        # The parent's lines are the parent's to write, its lock may be held by a thread that is not here,
        # and its descriptors share their position with ours.
        self._close_files()
        self._forget()

    def __del__(self) -> None:
        for file in getattr(self, "_files", {}).values():
            file.close()


_journals: weakref.WeakSet[Journal] = weakref.WeakSet()
_in_need: set[Journal] = set()
"""Journals with waiting lines, kept alive until these are written."""


def _after_fork() -> None:
    _in_need.clear()
    for journal in list(_journals):
        journal._in_child()


def _at_exit() -> None:
    for journal in list(_in_need):
        journal.flush()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
