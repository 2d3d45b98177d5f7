"""Errors that own their sentence: what happened, where, what to do; and the exit code they end with."""

from __future__ import annotations

from pathlib import Path


class CallmeterError(Exception):
    """A failure a user can act on. `str(error)` is the whole sentence; `exit_code` is the process's."""

    exit_code = 1


class SettingError(CallmeterError):
    """A setting has a value that cannot be used."""

    def __init__(self, where: str, name: str, problem: str) -> None:
        super().__init__(f"{where}: {name}: {problem}")


class FolderError(CallmeterError):
    """The log folder is missing, is no folder, or may not be read."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(f"{folder}: {problem}")


class PortError(CallmeterError):
    """The server cannot listen where it was told to."""

    def __init__(self, host: str, port: int, problem: str) -> None:
        super().__init__(f"{host}:{port}: {problem}")


class UsageError(CallmeterError):
    """The words of a command do not fit together."""
