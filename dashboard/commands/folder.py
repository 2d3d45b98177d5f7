"""The log folder as a command finds it: there, missing, or not to be used."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import FolderError


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
