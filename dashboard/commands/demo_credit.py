"""The demo's credit ledger: written anew with its calls, unless somebody entered something of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FolderError

if TYPE_CHECKING:
    from logger.record import CallRecord

    from ..settings import Settings


def write(settings: Settings, now: datetime, calls: Sequence[CallRecord]) -> list[str]:
    """Write the ledger that pays for these calls; what there is to say of it. Raises FolderError."""
    from ..jsonl import LinesFile
    from ..money.ledger import FILE

    path = settings.credit_dir / FILE
    with LinesFile(path).locked():
        if not _only_demo(path):
            return [f"{path} holds entries that are not the demo's; it stays as it is."]
        try:
            _replace(path, _lines(calls, now.astimezone(settings.zone)))
        except OSError as error:
            raise FolderError(path, f"cannot be written to: {error.strerror or error}") from error
    return []


def _lines(calls: Sequence[CallRecord], now: datetime) -> list[dict[str, Any]]:
    from ..demo import SOURCE, funding
    from ..money.ledger import record

    costs = [(call.start_time or 0.0, call.estimated_cost_usd or 0.0) for call in calls]
    return [
        record(f"demo-{number}", line.kind, line.at, line.at, {**line.fields, "source": SOURCE})
        for number, line in enumerate(funding(costs, now), 1)
    ]


def _replace(path: Path, records: Sequence[dict[str, Any]]) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    fresh.replace(path)


def _only_demo(path: Path) -> bool:
    from ..demo import SOURCE

    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return all(_source(line) == SOURCE for line in lines)


def _source(line: bytes) -> Any:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record.get("source") if isinstance(record, dict) else None
