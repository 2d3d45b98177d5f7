"""Which transcripts are in the log already: a small file that may be thrown away at any time.

What is in the log is told by the log alone. This only saves reading what has not changed since: it holds
for one log folder, and only as long as the days that were written are still there.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .record import day_file_name

FORMAT = 1
"""Version of what the file holds and of what is read from transcripts; raised with every change."""

Stamp = tuple[int, int, int]
"""Size, time of the last change in nanoseconds, and inode of a file."""


@dataclass(slots=True)
class SessionSum:
    """What a session used by its replies, and by Claude Code's own last sum."""

    tokens: int = 0
    usd: float | None = 0.0
    """None when the price of one of them is not known."""
    own_tokens: int | None = None
    own_usd: float | None = None
    forked: bool = False
    """Its own sum holds another session's, so they cannot be compared."""


@dataclass(slots=True)
class Remembered:
    """Files read, as they were then, and the sums of their sessions."""

    files: dict[str, Stamp] = field(default_factory=dict)
    sessions: dict[str, SessionSum] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)
    """Days that lines were written to or found in -> the size of their file."""


def stamp_of(path: Path) -> Stamp:
    """How a file is now. Raises OSError."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def state_file(cache_dir: Path, log_dir: Path) -> Path:
    """The state's place for a log folder."""
    digest = hashlib.sha256(os.fsencode(log_dir.resolve())).hexdigest()[:16]
    return cache_dir / f"transcripts-{digest}.json"


def recall(file: Path, log_dir: Path) -> Remembered:
    """What is remembered; nothing when the file is missing, unusable, or the log has lost lines since."""
    try:
        value = json.loads(file.read_bytes())
        if value["format"] != FORMAT or value["log_dir"] != str(log_dir.resolve()):
            return Remembered()
        found = Remembered(
            {str(path): _stamp(stamp) for path, stamp in value["files"].items()},
            {str(name): SessionSum(**told) for name, told in value["sessions"].items()},
            {str(day): int(size) for day, size in value["days"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Remembered()
    return found if all(_there(log_dir, day, size) for day, size in found.days.items()) else Remembered()


def _stamp(value: Any) -> Stamp:
    size, changed, inode = value
    return int(size), int(changed), int(inode)


def _there(log_dir: Path, day: str, size: int) -> bool:
    """Whether a day's file is as long as it was, or was gzipped."""
    path = log_dir / day_file_name(day)
    if path.with_name(path.name + ".gz").exists():
        return True
    return day_size(log_dir, day) >= size


def day_size(log_dir: Path, day: str) -> int:
    """Bytes of a day's file, -1 when there is none."""
    try:
        return (log_dir / day_file_name(day)).stat().st_size
    except OSError:
        return -1


def remember(file: Path, log_dir: Path, found: Remembered, days: Iterable[str]) -> None:
    """Write the state, whole or not at all; failing is no matter. `days`: those touched since."""
    found.days.update({day: max(0, day_size(log_dir, day)) for day in days})
    value = {
        "format": FORMAT,
        "log_dir": str(log_dir.resolve()),
        "files": found.files,
        "sessions": {
            name: {key: getattr(told, key) for key in SessionSum.__slots__}
            for name, told in found.sessions.items()
        },
        "days": found.days,
    }
    with suppress(OSError, ValueError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _put(file, json.dumps(value, separators=(",", ":")).encode("utf-8", "surrogateescape"))


def _put(file: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(content)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
