"""A hidden folder beside a file that is being made. One that a killed process left goes with the next export.

Who works in such a folder holds a lock on a file in it, which ends with the process: a folder whose lock can
be taken was left behind. The file gets its name when it is locked, so a folder that just begins has none.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing tells there who is at work, so what was left stays
    fcntl = None  # type: ignore[assignment]

LOCK = "callmeter-export.lock"
_PREFIX = ".callmeter-"


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A new folder beside a file, gone afterwards; those that nobody works in go before. Raises OSError."""
    _sweep(path.parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=path.parent))
    try:
        with _held(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the lock on a new folder. Where files cannot be locked it has none, and nobody takes it away."""
    unnamed = folder / f"{LOCK}.new"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if _taken(lock):
            unnamed.rename(folder / LOCK)
        yield
    finally:
        os.close(lock)


def _sweep(parent: Path) -> None:
    """Remove the folders that were left in another; what cannot be removed stays."""
    with suppress(OSError):
        for folder in list(parent.glob(f"{_PREFIX}*")):
            if folder.is_dir() and not folder.is_symlink():
                _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder unless it is none of ours or somebody works in it."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return
    try:
        if _taken(lock):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    """Whether the lock could be taken; False also where files cannot be locked."""
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return fcntl is not None
