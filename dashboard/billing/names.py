"""What Anthropic's ids are called, kept in `logs/billing/names.jsonl`: a line for each new name of an id.

Keys and workspaces are renamed; the newest name stands for all days. What is named: `workspace`, `api_key`,
and the `organization` (id "").
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from ..jsonl import LinesFile
from .client import Names

FILE = "names.jsonl"

Called = Mapping[tuple[str, str], str]
"""(`workspace` or `api_key`, id) -> its name."""

ORGANIZATION = ("organization", "")
"""Whose reports these are; its id is not told everywhere."""


def newest(folder: Path) -> dict[tuple[str, str], str]:
    """The newest name of every id. Raises FolderError."""
    found = {}
    for record in LinesFile(folder / FILE).records():
        what, id_, name = (record.get(key) for key in ("what", "id", "name"))
        if isinstance(what, str) and isinstance(id_, str) and isinstance(name, str):
            found[what, id_] = name
    return found


def keep(folder: Path, names: Names, now: datetime, organization: str | None = None) -> int:
    """Append what is new among these names; how many. Raises FolderError."""
    found = called(names) | ({ORGANIZATION: organization} if organization else {})
    file = LinesFile(folder / FILE)
    with file.locked():
        known = newest(folder)
        fresh = [one for one in found.items() if known.get(one[0]) != one[1]]
        at = now.isoformat(timespec="seconds")
        if fresh:
            file.append({"what": what, "id": id_, "name": name, "at": at} for (what, id_), name in fresh)
        return len(fresh)


def called(names: Names) -> dict[tuple[str, str], str]:
    """The names by what they name and id."""
    workspaces = {("workspace", id_): name for id_, name in names.workspaces.items()}
    return workspaces | {("api_key", id_): name for id_, name in names.api_keys.items()}
