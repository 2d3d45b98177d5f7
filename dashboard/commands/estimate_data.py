"""Estimates as JSON: USD as numbers, null where no price is known or where a batch makes no sense."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any, TextIO

from ..money.estimate import CACHED, HABITS, MONTH, OPERATIONS, Calls, Prices, Typical, Use


def of_calls(found: Sequence[Calls], use: Use, count: int, day: date) -> dict[str, Any]:
    """What calls cost, model by model."""
    models = [
        {
            "model": one.model,
            "call": _usd(one.one),
            "calls": _usd(one.all),
            "month": _usd(one.month),
        }
        for one in found
    ]
    return _frame(day) | {"count": count, **_tokens(use), "models": models}


def typical(found: Sequence[Typical], day: date) -> dict[str, Any]:
    """Operations and what they cost every day, model by model."""
    return _frame(day) | {"models": [_typical(one) for one in found]}


def _typical(one: Typical) -> dict[str, Any]:
    operations = [
        {"operation": known.name, **_tokens(known.use), **_usd(prices)}
        for known, prices in zip(OPERATIONS, one.operations, strict=True)
    ]
    habits = [
        {
            "habit": known.name,
            "operation": known.operation.name,
            "times_a_day": known.times,
            "day": _usd(day),
            "month": _usd(month),
        }
        for known, day, month in zip(HABITS, one.days, one.months, strict=True)
    ]
    return {"model": one.model, "operations": operations, "habits": habits}


def _frame(day: date) -> dict[str, Any]:
    return {"prices_of": day.isoformat(), "month_days": MONTH, "cached_share": CACHED}


def _tokens(use: Use) -> dict[str, int]:
    return {
        "tokens_input": use.input,
        "tokens_output": use.output,
        "tokens_cache_read": use.cache_read,
        "tokens_cache_write_5m": use.cache_write_5m,
        "tokens_cache_write_1h": use.cache_write_1h,
    }


def _usd(prices: Prices) -> dict[str, float | None]:
    return {
        "usd": prices.plain,
        "cached_usd": prices.cached,
        "batch_usd": prices.batch,
        "batch_cached_usd": prices.batch_cached,
    }


def write(document: dict[str, Any], out: TextIO) -> None:
    """One JSON document."""
    json.dump(document, out, indent=2, ensure_ascii=False, allow_nan=False)
    out.write("\n")
