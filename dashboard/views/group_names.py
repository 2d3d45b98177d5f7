"""The first column of a grouped view: what the groups are called, for people and as data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..filters import NONE
from ..sheets import Column
from .columns import name, text_column


def key_column(by: str) -> Column:
    """The column of the groups, named as in `report --by`."""
    if by == "model":
        return text_column(by, "Model")
    return Column(by, by.capitalize(), _hour if by == "hour" else name, whole=by in ("day", "hour"))


def label(value: Any) -> str | None:
    """A group as data: days and hours in ISO-8601, None for "not given"."""
    if isinstance(value, datetime):  # also pandas' Timestamp
        return value.isoformat() if value.tzinfo else value.date().isoformat()
    return None if value == NONE else str(value)


def _hour(value: str | None) -> str:
    """`2026-11-22 14:00` of an hour in ISO-8601."""
    return name(None if value is None else value[:16].replace("T", " "))
