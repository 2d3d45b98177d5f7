"""The alerts kept in `logs/alerts/alerts.jsonl`: append-only, shared by processes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from .alerts import Alert, Changes, Condition

FILE = "alerts.jsonl"


class AlertLog:
    """The alerts of a folder. `take` is one step for all processes: nothing is announced twice."""

    def __init__(self, folder: Path) -> None:
        raise NotImplementedError

    def take(self, conditions: Sequence[Condition], now: datetime) -> Changes:
        """Note what is new and what ended, and say what this process is to announce. Raises FolderError."""
        raise NotImplementedError

    def open(self) -> tuple[Alert, ...]:
        """What is so now, the worst and newest first."""
        raise NotImplementedError

    def history(self, limit: int) -> tuple[Alert, ...]:
        """The last ones announced, newest first."""
        raise NotImplementedError
