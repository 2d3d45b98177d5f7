"""Where the Admin API key is: the environment, else `.env` files. It is read, never written or shown."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .api_errors import VARIABLE, CallingToken, NoAdminKey, NormalKey, NotAnthropics, ReportError, UnusableKey

VARIABLES = (VARIABLE, "ANTHROPIC_ADMIN_KEY")
"""Ours, and the one of Anthropic's documentation."""

_SENDABLE = re.compile(r"[\x21-\x7e]+")
_CALLING = re.compile(r"sk-ant-api(?!01-)")
"""Keys that call Claude. `sk-ant-api01-` are those of Claude Enterprise, which may read reports."""
_LOGIN = "sk-ant-oat"
"""Tokens of a login. One with `org:admin` may read reports as long as it lasts; but it cannot be told from
that of Claude Code, which a coordinator's environment holds, and which has no business at the Admin API.
"""
_PREFIX = "sk-ant-"


@dataclass(frozen=True, slots=True)
class AdminKey:
    """The key, kept out of its repr."""

    key: str = field(repr=False)
    found: str
    """Where, in words: the variable, or the file and the variable."""
    remarks: tuple[str, ...] = ()
    """What the user should know, in sentences."""


def find(environ: Mapping[str, str], cwd: Path, settings_file: Path | None) -> AdminKey:
    """The key of the environment, else of `.env` in `cwd`, else of that beside the settings file.

    Raises NoAdminKey and what `check` does; none of them repeats the key.
    """
    remarks: list[str] = []
    for name, value in _named(environ):
        return _checked(value, name, ())
    for file in _files(cwd, settings_file):
        for name, value in _named(_read(file, remarks)):
            return _checked(value, f"{file}: {name}", _open_to_others(file))
    raise NoAdminKey(tuple(remarks))


def _named(values: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    for name in VARIABLES:
        value = (values.get(name) or "").strip().strip("\"'").strip()
        if value:
            yield name, value


def _files(cwd: Path, settings_file: Path | None) -> list[Path]:
    folders = [cwd] if settings_file is None else [cwd, settings_file.parent]
    return [folder / ".env" for folder in dict.fromkeys(folders)]


def _read(file: Path, remarks: list[str]) -> Mapping[str, str | None]:
    """The variables of a `.env` file as they stand there: nothing is filled in from elsewhere."""
    from dotenv import dotenv_values

    try:
        if not file.is_file():
            return {}
        return dotenv_values(file, interpolate=False)
    except (OSError, ValueError):
        remarks.append(f"{file} cannot be read")
        return {}


def check(key: str, found: str, *, gateway: bool = False) -> None:
    """Raises NormalKey, CallingToken, NotAnthropics, UnusableKey, which name where the key was found.

    gateway: it goes to a proxy, whose keys may be of any kind.
    """
    wrong = _wrong(key, gateway=gateway)
    if wrong is not None:
        raise wrong(found)


def _wrong(key: str, *, gateway: bool) -> Callable[[str], ReportError] | None:
    """What to say of a text that is not to be sent; None of one that may be a key for reports."""
    if _CALLING.match(key):
        return NormalKey
    if key.startswith(_LOGIN):
        return CallingToken
    if not gateway and not key.startswith(_PREFIX):
        return NotAnthropics
    return None if _SENDABLE.fullmatch(key) else UnusableKey


def _checked(key: str, found: str, remarks: tuple[str, ...]) -> AdminKey:
    check(key, found)
    return AdminKey(key, found, remarks)


def _open_to_others(file: Path) -> tuple[str, ...]:
    if os.name != "posix":
        return ()
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        return ()
    if not mode & 0o077:
        return ()
    return (f"{file}: others on this machine may read the Admin key (mode {mode:04o}): chmod 600 {file}",)
