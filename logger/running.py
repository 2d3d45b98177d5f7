"""The calls in flight: how they are kept beside the log, and `running_calls`, which reads them.

Each process that has calls in flight keeps a file `.running/<pid>-<chance>.calls` in the log folder, and
holds `flock(LOCK_EX)` on it for as long as it lives: a file that can be locked was left by a process that
ended. The file is a row of slots of `SLOT` bytes. A slot in use begins with `{`: it is one JSON object, a
line of the log as far as it is known, and ends with a newline. Any other slot is free.

SIGKILL leaves a slot whole or free. It is written by one `pwrite` within a page, or, on file systems where
this is safe, in memory that is mapped to the file, the first byte last.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: no calls in flight there
    fcntl = None  # type: ignore[assignment]

RUNNING = ".running"
"""The folder of these files, within the log folder."""

SLOT = 1024
"""Bytes of a slot."""

KEPT = re.compile(r"(?P<pid>\d+)-[0-9a-f]+\.(?P<kind>calls|left)")
"""What the name of such a file looks like; `left`: taken over, but its lines cannot be written yet."""

_MOST = 1e12
"""Unix seconds beyond which a number is no moment; some are no float either."""

SUPPORTED = fcntl is not None and hasattr(os, "pwrite")
"""Whether this system has what is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCall:
    """A call that was begun and has not ended."""

    call_id: str
    task_id: str | None
    worker_id: str | None
    model: str
    project: str | None
    session_id: str | None
    prompt_file: str | None
    started: float
    """Unix seconds; never later than the moment of asking."""
    pid: int
    alive: bool
    """False: its process ended without it; the next logger that starts writes it as a failed call."""


def running_calls(folder: str | os.PathLike[str], *, now: float) -> tuple[RunningCall, ...]:
    """The calls in flight of all processes that log into this folder, oldest first.

    now: Unix seconds. Never raises: what cannot be read is left out. Costs some microseconds for each
    process that logs, and a few for each call; changes nothing and keeps no lock.
    """
    found: list[RunningCall] = []
    for path, pid, kind in kept_files(folder):
        with suppress(OSError):
            found += _calls_in(path, pid, kind == "left", now)
    return tuple(sorted(found, key=lambda call: (call.started, call.call_id)))


def kept_files(folder: str | os.PathLike[str]) -> list[tuple[str, int, str]]:
    """(path, process, kind) of every file of calls in flight; none when the folder cannot be read."""
    place = os.path.join(os.fspath(folder), RUNNING)  # noqa: PTH118 - asked every second
    try:
        names = [match for name in os.listdir(place) if (match := KEPT.fullmatch(name))]  # noqa: PTH208
    except OSError:
        return []
    return [(f"{place}{os.sep}{name[0]}", int(name["pid"]), name["kind"]) for name in names]


def _calls_in(path: str, pid: int, left: bool, now: float) -> list[RunningCall]:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        calls = list(slots_in_use(descriptor))
        alive = bool(calls) and not left and owned(descriptor)
    finally:
        os.close(descriptor)
    return [call for _, line in calls if (call := _call(line, pid, alive, now)) is not None]


def slots_in_use(descriptor: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """(offset, what is known of the line) of every call in a file. Raises OSError."""
    content = _read(descriptor)
    if not content[::SLOT].strip(b"\0"):
        return
    for offset in range(0, len(content), SLOT):
        if content[offset : offset + 1] == b"{":
            line = decoded(_settled(descriptor, offset, content[offset : offset + SLOT]))
            if line is not None:
                yield offset, line


def _read(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0) if size else b""


def _settled(descriptor: int, offset: int, seen: bytes) -> bytes:
    """The slot as it is read twice alike: its owner may have been writing it."""
    for _ in range(3):
        again = os.pread(descriptor, SLOT, offset)
        if again == seen:
            return seen
        seen = again
    return b""


def decoded(slot: bytes) -> dict[str, Any] | None:
    """What a slot says; None when it is free or torn."""
    line, end, _ = slot.partition(b"\n")
    try:
        value = json.loads(line) if end else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("call_id"), str) else None


def owned(descriptor: int) -> bool:
    """Whether the process that made the file is there: it holds the lock, or another is taking over."""
    if not SUPPORTED:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two that ask see the same
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _call(line: dict[str, Any], pid: int, alive: bool, now: float) -> RunningCall | None:
    started = line.get("start_time")
    if not isinstance(started, (int, float)) or isinstance(started, bool) or abs(started) > _MOST:
        return None
    names = ("task_id", "worker_id", "project", "session_id", "prompt_file")
    texts = {name: text if isinstance(text := line.get(name), str) else None for name in names}
    model = line.get("model")
    return RunningCall(
        call_id=line["call_id"],
        model=model if isinstance(model, str) else "",
        started=min(float(started), float(now)),
        pid=pid,
        alive=alive,
        **texts,
    )
