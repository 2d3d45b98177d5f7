"""Anthropic's numbers made by hand: what a face of the bill is tested with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from dashboard.billing.billed import COST_COLUMNS, USAGE_COLUMNS, Billed, DayRead

_FACETS = {
    "model": "claude-opus-5-5",
    "workspace_id": "wrkspc_1",
    "workspace": "Main",
    "api_key_id": "apikey_1",
    "api_key": "coordinator",
    "service_tier": "standard",
    "product": "messages_api",
}
_USAGE = _FACETS | dict.fromkeys(USAGE_COLUMNS, 0) | _FACETS | {"requests": 1}
_COST = _FACETS | {
    "cost_type": "tokens",
    "kind": "tokens_output",
    "amount_usd": 0.0,
    "list_usd": float("nan"),
}


def billed(days: Mapping[str, Sequence[dict[str, Any]]], *, early: Sequence[str] = ()) -> Billed:
    """Day -> what was billed: rows with token counts, `requests`, `amount_usd`, `list_usd` and facets.

    Each row is one of usage and one of cost. early: days that were read before they were over.
    """
    rows = [(day, row) for day, some in days.items() for row in some]
    read = {date.fromisoformat(day): _read(day, over=day not in early) for day in days}
    return Billed(
        since=min(read, default=date.max),
        until=max(read, default=date.min),
        usage=_frame(rows, _USAGE, USAGE_COLUMNS),
        cost=_frame(rows, _COST, COST_COLUMNS),
        usage_days=read,
        cost_days=read,
    )


def _read(day: str, *, over: bool) -> DayRead:
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return DayRead(begin + timedelta(days=2 if over else 0, hours=6), over, "analytics")


def _frame(
    rows: Sequence[tuple[str, dict[str, Any]]], defaults: Mapping[str, Any], columns: Mapping[str, str]
) -> pd.DataFrame:
    full = [{name: (defaults | row | {"day": day})[name] for name in columns} for day, row in rows]
    frame = pd.DataFrame(full, columns=list(columns))
    frame["day"] = pd.to_datetime(frame["day"])
    return frame.astype(dict(columns))
