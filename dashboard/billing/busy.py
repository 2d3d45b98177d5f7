"""One sync at a time in a folder, of all processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import CallmeterError, FolderError

try:
    import fcntl
except ImportError:  # Windows: nothing keeps two apart there, and every snapshot is still whole
    fcntl = None  # type: ignore[assignment]

FILE = "syncing.lock"


class BusyError(CallmeterError):
    """Another sync of the same folder is at work."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: another sync is at work here; callmeter sync status shows how it goes")


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Be the only sync of the folder; it ends with the process at the latest.

    Raises BusyError, FolderError.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FolderError(folder, f"cannot be written: {error.strerror or error}") from error
    try:
        if not _taken(lock):
            raise BusyError(folder)
        yield
    finally:
        os.close(lock)


def is_busy(folder: Path) -> bool:
    """Whether a sync is at work in the folder."""
    try:
        lock = os.open(folder / FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _taken(lock)
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
