"""Calls whose process ended before they did: written as failed ones by the next logger that starts, once.

A file of calls in flight that can be locked belongs to nobody any more (see `running`). Whoever locks it
looks each call up in the log, for its line may have been written just before the end, writes the others,
frees their slots and removes the file. Killed in the middle, the next one does the same again.
"""

from __future__ import annotations

import json
import os
import random
import time
import weakref
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from .day_lines import day_lines
from .logged_ids import near
from .problems import Problems
from .record import CallRecord, RecordError, from_line, line_of, to_line
from .redaction import sentence
from .running import SUPPORTED, kept_files, owned, slots_in_use

if SUPPORTED:
    import fcntl

_TRIES = 50


class Abandoned:
    """Takes over, in one log folder, what processes that ended left in flight. Never raises.

    append: writes a line (day, bytes) and tells whether it is in the file; if not, it is kept for later,
    and the file stays locked by us for as long.
    """

    def __init__(self, folder: Path, append: Callable[[str, bytes], bool], problems: Problems) -> None:
        self._folder, self._append, self._problems = folder, append, problems
        self._held: dict[str, int] = {}
        _all.add(self)

    def take_over(self) -> None:
        """Write the calls that were abandoned. Costs one look into a folder when there is none."""
        if SUPPORTED:
            for path, _, _ in kept_files(self._folder):
                self._try(self._take, path)

    def settle(self) -> None:
        """No line waits any more: give up the files that are still held."""
        held, self._held = self._held, {}
        for path, fd in held.items():
            try:
                self._try(self._settle, path, fd)
            finally:
                os.close(fd)

    def _settle(self, path: str, fd: int) -> None:
        if not self._missing(fd):
            os.unlink(path)  # noqa: PTH108

    def _try(self, step: Callable[..., None], path: str, *more: int) -> None:
        """What others left may hold anything: no host fails to start because of it."""
        try:
            step(path, *more)
        except OSError:
            pass  # the next logger tries it again
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            problem = f"{path}: cannot be taken over: {type(error).__name__}: {sentence(error)}"
            self._problems.note("abandoned", f"callmeter: {problem}")

    def _take(self, path: str) -> None:
        fd = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        try:
            if not _locked(fd, path):
                return
            if self._write(fd):
                os.unlink(path)  # noqa: PTH108
                return
            left = str(Path(path).with_suffix(".left"))
            os.rename(path, left)  # noqa: PTH104 - so that nobody takes these calls for running ones
            self._held[left], fd = fd, -1
        finally:
            if fd >= 0:
                os.close(fd)

    def _write(self, fd: int) -> bool:
        """Whether every call of a file is in the log now."""
        done = True
        for offset, line in self._missing(fd):
            record = _abandoned(line)
            if record is None or self._append(record.timestamp[:10], to_line(record)):
                os.pwrite(fd, b"\0", offset)
            else:
                done = False
        return done

    def _missing(self, fd: int) -> list[tuple[int, dict[str, Any]]]:
        """The calls of a file that have no line in the log; the slots of the others are freed."""
        calls = list(slots_in_use(fd))
        written = _written(self._folder, [line for _, line in calls])
        for offset, line in calls:
            if written.intersection(_ids(line)):
                os.pwrite(fd, b"\0", offset)
        return [(offset, line) for offset, line in calls if not written.intersection(_ids(line))]

    def _in_child(self) -> None:
        for fd in self._held.values():  # the lock is the parent's alone
            os.close(fd)
        self._held = {}


_all: weakref.WeakSet[Abandoned] = weakref.WeakSet()


def _locked(fd: int, path: str) -> bool:
    """Lock a file whose process ended; False when it has not, or somebody else takes it over.

    Who only looks holds a shared lock for a moment, which is waited for: an owner's is never shared.
    """
    for _ in range(_TRIES):
        if owned(fd):
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(random.uniform(0.0001, 0.001))  # noqa: S311
            continue
        with suppress(FileNotFoundError):
            return os.stat(path).st_ino == os.fstat(fd).st_ino  # noqa: PTH116
        return False
    return False


def _ids(line: dict[str, Any]) -> list[str]:
    """The ids a call's line may have: its own, and the one it was about to be written under."""
    return [one for one in (line["call_id"], line.get("written_as")) if isinstance(one, str)]


def _written(folder: Path, calls: list[dict[str, Any]]) -> set[str]:
    """Those of the ids of these calls that stand in the log, in the days where they belong."""
    by_day: dict[str, set[str]] = {}
    for call in calls:
        for day in _days(call):
            by_day.setdefault(day, set()).update(_ids(call))
    return {one for day, ids in by_day.items() for one in _ids_in(folder, day, ids)}


def _days(call: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for name in ("timestamp", "written_on"):
        with suppress(TypeError, ValueError):
            found.update(near(call[name][:10]) if name in call else ())
    return found


def _ids_in(folder: Path, day: str, ids: Iterable[str]) -> set[str]:
    """Those of the ids that stand in a whole line of a day: a torn one is no line."""
    wanted = {one: line_of({"call_id": one})[1:-2] for one in ids}
    found: set[str] = set()
    with suppress(OSError, EOFError, zlib.error):
        for line in day_lines(folder, day):
            found.update(one for one, field in wanted.items() if field in line and _whole(line))
    return found


def _whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict) and line.endswith(b"\n")
    except (ValueError, RecursionError):
        return False


def _abandoned(line: dict[str, Any]) -> CallRecord | None:
    """The line of a call that was abandoned; None when what is left of it is no call."""
    try:
        record = from_line(line_of(line))
        date.fromisoformat(record.timestamp[:10])
    except (RecordError, ValueError):
        return None
    return replace(
        record,
        success=False,
        error_type="abandoned",
        error_message="the process ended before the call did",
        tokens_final=False,
    )


def _after_fork() -> None:
    for one in list(_all):
        one._in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
