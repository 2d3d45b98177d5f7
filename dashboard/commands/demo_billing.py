"""The demo's bill: written anew with its calls, unless there are numbers that Anthropic told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FolderError

if TYPE_CHECKING:
    from logger.record import CallRecord

    from ..settings import Settings


def write(settings: Settings, now: datetime, calls: Sequence[CallRecord]) -> list[str]:
    """Write what was billed for these calls; what there is to say of it. Raises FolderError."""
    from ..billing.demo import bill
    from ..billing.snapshots import BillingFolder

    folder = settings.billing_dir
    if not _only_demo(folder):
        return [f"{folder} holds numbers that are not the demo's; it stays as it is."]
    try:
        for file in _files(folder):
            file.unlink()
    except OSError as error:
        raise FolderError(folder, f"cannot be written to: {error.strerror or error}") from error
    kept = BillingFolder(folder)
    for snapshot in bill(calls, now):
        kept.add(snapshot)
    return []


def _files(folder: Path) -> list[Path]:
    """The files of snapshots."""
    return sorted((*folder.glob("usage-*.jsonl"), *folder.glob("cost-*.jsonl")))


def _only_demo(folder: Path) -> bool:
    """Whether every row is of the demo's workspace; the line that ends a snapshot has none."""
    from ..billing.demo import WORKSPACE

    rows = (line for file in _files(folder) for line in _lines(file))
    return all(isinstance(row, dict) and _of(row, WORKSPACE) for row in rows)


def _of(row: dict[str, Any], workspace: str) -> bool:
    return row.get("complete") is True or row.get("workspace_id") == workspace


def _lines(file: Path) -> Iterator[Any]:
    """Each line's value; None for what is no JSON, or cannot be read."""
    try:
        for line in file.read_bytes().splitlines():
            yield json.loads(line)
    except (OSError, ValueError):
        yield None
