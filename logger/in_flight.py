"""The calls this process has in flight, kept beside the log until they end; `running` tells the format."""

from __future__ import annotations

import atexit
import mmap
import os
import threading
from contextlib import suppress
from itertools import count
from typing import Any

from .record import line_of
from .redaction import without_keys
from .running import RUNNING, SLOT, SUPPORTED, decoded, slots_in_use

if SUPPORTED:
    import fcntl

MOST_CALLS = 4096
"""In flight at once in a process; those beyond are written as ever when they end, but not shown before."""

LOOK_AGAIN = 60.0
"""Seconds after which we look whether the file is still there, or can be made by now."""

MAPPED = 32 * SLOT
"""Bytes at the beginning of the file that are mapped into memory where that is safe: no system call then."""

_FREE, _BRACE = b"\0", ord("{")
_pwrite: Any = getattr(os, "pwrite", None)


class SlotFile:
    """A new file of slots, locked for the life of this process. Raises OSError when the system refuses."""

    def __init__(self, folder: str) -> None:
        self.fd, self.path = -1, ""
        self.map: Any = None
        self.mapped = 0
        place = os.path.join(folder, RUNNING)  # noqa: PTH118
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
        os.makedirs(place, mode=0o700, exist_ok=True)  # noqa: PTH103
        while self.fd < 0:
            self.path = f"{place}{os.sep}{os.getpid()}-{os.urandom(6).hex()}.calls"
            self.fd = _made(self.path)
        if never_refuses(place):
            self._map()
        self.free: list[int] = []
        self.full = False
        self._numbers = count()

    def _map(self) -> None:
        try:
            os.pwrite(self.fd, bytes(MAPPED), 0)  # so that there is room for all of it
            self.map, self.mapped = mmap.mmap(self.fd, MAPPED), MAPPED
        except OSError:
            os.unlink(self.path)  # noqa: PTH108
            raise

    def another(self) -> int:
        """The offset of a slot nobody had yet. Raises OSError when there are enough."""
        if self.full:
            raise OSError("too many calls in flight")
        number = next(self._numbers)  # no two threads get the same
        if number >= MOST_CALLS:
            self._take_back()
            return self.free.pop()
        return number * SLOT

    def _take_back(self) -> None:
        """Slots whose calls were ended by a child of this process are free again."""
        taken = {offset for offset, _ in slots_in_use(self.fd)}
        self.free += [n * SLOT for n in range(MOST_CALLS) if n * SLOT not in taken]
        if not self.free:
            self.full = True
            raise OSError("too many calls in flight")

    def there(self) -> bool:
        """Whether others still find the file."""
        try:
            return os.stat(self.path).st_ino == os.fstat(self.fd).st_ino  # noqa: PTH116
        except OSError:
            return False

    def close(self) -> None:
        """Give the descriptor back, and with it the lock."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            if self.map is not None:
                self.map.close()  # it has a descriptor of its own, and with it the lock
            with suppress(OSError):
                os.close(fd)

    def __del__(self) -> None:
        self.close()


def never_refuses(place: str) -> bool:
    """Whether a mapped file can be written here whatever happens to the disk.

    Elsewhere a full disk (file systems that copy on write) or a lost server would end the host by SIGBUS.
    """
    device = os.stat(place).st_dev  # noqa: PTH116
    number = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError, ValueError), open("/proc/self/mountinfo", encoding="utf-8") as mounts:  # noqa: PTH123
        for fields in map(str.split, mounts):
            if fields[2] == number:
                return fields[fields.index("-") + 1] in _SAFE
    return False


_SAFE = {"ext2", "ext3", "ext4", "tmpfs"}


def _made(path: str) -> int:
    """The descriptor of a new file that is ours; -1 when one that takes over was quicker to lock it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(path, flags, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(fd).st_ino:  # noqa: PTH116
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(fd)
        os.unlink(path)  # noqa: PTH108
        raise
    os.close(fd)
    return -1


class InFlight:
    """The calls this process has in flight in one log folder. Never raises; threads and forks may share it.

    A file is made with the first call, and removed when the last logger of the folder is closed or the
    process ends with no call in flight. Where it cannot be made, calls are simply not shown.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.users = 0
        self._forget()

    def _forget(self) -> None:
        self._file: SlotFile | None = None
        self._calls: dict[str, tuple[SlotFile, int]] = {}
        self._look_at = float("-inf")
        self._lock = threading.RLock()

    def begin(self, call_id: str, line: bytes, now: float) -> bool:
        """Show a call, by its line as far as it is known (at most `SLOT` bytes); whether it is shown.

        now: Unix seconds.
        """
        if now > self._look_at:
            self._look(now)
        file = self._file
        if file is None:
            return False
        try:
            try:
                slot = file.free.pop()
            except IndexError:
                slot = file.another()
            self._calls[call_id] = file, slot
            if slot < file.mapped:
                board = file.map
                board[slot + 1 : slot + len(line)] = line[1:]
                board[slot] = _BRACE  # last, so a slot that is killed half written is free
            else:
                _pwrite(file.fd, line, slot)
        except (OSError, ValueError):  # ValueError: the map is closed
            held = self._calls.pop(call_id, None)
            if held is not None:
                file.free.append(held[1])
            return False
        return True

    def end(self, call_id: str) -> None:
        """The line of a call is in its file, or given up: show the call no more."""
        held = self._calls.pop(call_id, None)
        if held is None:
            _change_elsewhere(call_id, None)
            return
        file, slot = held
        try:
            if slot < file.mapped:
                file.map[slot] = 0
            else:
                _pwrite(file.fd, _FREE, slot)
            file.free.append(slot)
        except (OSError, ValueError):
            return  # whoever takes the file over finds the line

    def mark(self, call_id: str, written_as: str, written_on: str) -> None:
        """Say beforehand that the line of a call will have another id, or stand in another day's file.

        So whoever takes over can tell that the line was written, should we be killed right after it.
        """
        marks = {"written_as": written_as, "written_on": written_on}
        held = self._calls.get(call_id)
        if held is None:
            _change_elsewhere(call_id, marks)
        else:
            with suppress(OSError):
                _change(held[0].fd, held[1], call_id, marks)

    def leave(self) -> None:
        """One logger less uses this: the last one closes it."""
        with _lock:
            self.users -= 1
            if self.users <= 0:
                self.close()
                if not self._calls:
                    _folders.pop(self._folder, None)

    def close(self) -> None:
        """Remove the file when no call is in flight; the next call makes a new one."""
        with self._lock:
            file = self._file
            if file is None or self._calls:
                return
            self._file, self._look_at = None, float("-inf")
            with suppress(OSError):
                os.unlink(file.path)  # noqa: PTH108

    def _look(self, now: float) -> None:
        with self._lock:
            if now <= self._look_at:
                return  # another thread has looked
            try:
                if self._file is not None and self._file.there():
                    self._file.full = False
                    return
                self._file = None
                self._file = SlotFile(self._folder) if SUPPORTED else None
            except OSError:
                pass  # it is tried again
            finally:
                self._look_at = now + LOOK_AGAIN

    def _in_child(self) -> None:
        """After a fork: the lock and the calls are the parent's, but we may end these all the same."""
        for call_id, (file, slot) in self._calls.items():
            _inherited[call_id] = file.path, slot
        for file in {id(file): file for file, _ in self._calls.values()}.values():
            file.close()
        if self._file is not None:
            self._file.close()
        self._forget()


def slot_text(line: dict[str, Any]) -> bytes:
    """A line as far as it is known, made to fit into a slot: without what is too long for it."""
    said = {name: value for name, value in line.items() if value is not None}
    text = without_keys(line_of(said))
    if len(text) > SLOT:
        said.pop("prompt_file", None)  # half a path is none
    for most in _SHORT:
        if len(text) > SLOT:
            said.update({name: said[name][:most] for name in _NAMES if isinstance(said.get(name), str)})
            text = without_keys(line_of(said))
    return text if len(text) <= SLOT else _FREE


_NAMES = ("task_id", "worker_id", "model", "project", "session_id", "agent", "host")
_SHORT = (SLOT, 60, 12)
"""Characters of a name in a slot that would not fit."""


def in_flight_in(folder: str | os.PathLike[str]) -> InFlight:
    """What keeps the calls in flight of this process in a log folder, for one logger more: it `leave`s."""
    folder = os.fspath(folder)
    with suppress(OSError):  # the working directory may be gone
        folder = os.path.abspath(folder)  # noqa: PTH100 - the host may change it later
    with _lock:
        found = _folders.setdefault(folder, InFlight(folder))
        found.users += 1
        return found


_folders: dict[str, InFlight] = {}
_inherited: dict[str, tuple[str, int]] = {}
"""Calls that were in flight when this process was forked: call -> (path, offset), both the parent's."""

_lock = threading.RLock()  # a finalizer may call `leave` at any moment


def _change_elsewhere(call_id: str, marks: dict[str, str] | None) -> None:
    """Mark or end a call that was begun by a logger of another folder, or before a fork."""
    for other in list(_folders.values()):
        if call_id in other._calls:
            other.end(call_id) if marks is None else other.mark(call_id, **marks)
            return
    if call_id in _inherited:
        path, slot = _inherited[call_id]
        with suppress(OSError):
            fd = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
            try:
                _change(fd, slot, call_id, marks)
            finally:
                os.close(fd)


def _change(fd: int, slot: int, call_id: str, marks: dict[str, str] | None) -> None:
    """Mark or end a call in a file. Nothing is done when the slot is another call's by now."""
    line = decoded(os.pread(fd, SLOT, slot))
    if line is not None and line["call_id"] == call_id:
        os.pwrite(fd, _FREE if marks is None else slot_text({**line, **marks}), slot)


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    for one in _folders.values():
        one._in_child()


def _at_exit() -> None:
    for one in list(_folders.values()):
        one.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
