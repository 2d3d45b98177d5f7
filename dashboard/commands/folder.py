"""The log folder as a command finds it: there, missing, or not to be used."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from logger.record import DAY_FILE_PATTERN

from ..errors import FolderError

if TYPE_CHECKING:
    from ..filters import Filter
    from ..store.files import FileStore


def usable(folder: Path, *, may_be_missing: bool = False) -> Path:
    """The folder itself. Raises FolderError when it is no folder, may not be read, or is missing."""
    try:
        os.scandir(folder).close()
    except FileNotFoundError:
        if not may_be_missing:
            raise FolderError(folder, "no such folder; --log-dir says where the call logs are") from None
    except NotADirectoryError:
        raise FolderError(folder, "is not a folder; --log-dir says where the call logs are") from None
    except PermissionError:
        raise FolderError(folder, "may not be read by this user; its owner can allow it") from None
    except OSError as error:
        raise FolderError(folder, f"cannot be read: {error.strerror or error}") from error
    return folder


def problems(store: FileStore, view: Filter | None) -> tuple[list[str], int]:
    """A sentence for each file of the view's days that cannot be read, and their bad lines' number; of all
    days without a view.
    """
    files, lines = [], 0
    for problem in store.problems() if store.health().problems else ():
        if not _is_within(problem.file, view):
            continue
        if problem.line:
            lines += 1
        else:
            files.append(f"{store.folder / problem.file}: {problem.reason}; its calls are missing here.")
    return files, lines


def _is_within(file: str, view: Filter | None) -> bool:
    """Whether a file is that of a day of the view."""
    day = DAY_FILE_PATTERN.fullmatch(file)
    if day is None or view is None:
        return day is not None
    last = (view.until - timedelta(microseconds=1)).date()
    return view.since.date() <= date.fromisoformat(day["day"]) <= last
