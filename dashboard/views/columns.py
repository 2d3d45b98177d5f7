"""Columns and cells that several views have: tokens, calls, costs, shares.

Costs are rounded to 10 digits, as everywhere in data; a cost is null when there are calls and not one of
them has a known cost, and marked as a lower bound when some have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from .. import grouping, numbers
from ..filters import NONE
from ..sheets import Cell, Column, plain
from ..sheets.names import model_label
from ..sources import RUNS
from . import Asked

KINDS = ("tokens_input", "tokens_cache_read", "tokens_cache_write", "tokens_output")
MEASURES = ("calls", *KINDS, "tokens_total", "cost_usd", "unpriced", "not_final", "of_runs")
"""What `usage` reads of a row that was added up."""

FACETS = ("project", "session_id", "model")
"""What lines are added up by."""

ROWS = (*FACETS, "calls", *KINDS, "tokens_total", "cost_usd", "final", "source")
"""Columns of the store's rows that are read for it."""


def lines(asked: Asked) -> pd.DataFrame:
    """The view's lines, oldest first: `time`, `FACETS` and `MEASURES`."""
    return asked.once("lines", lambda: _measured(asked.store.rows(asked.view, columns=ROWS)))


def _measured(rows: pd.DataFrame) -> pd.DataFrame:
    calls = rows["calls"].to_numpy().astype("int64")
    cost = rows["cost_usd"].to_numpy().astype("float64")
    measures = {name: rows[name].to_numpy().astype("int64") for name in (*KINDS, "tokens_total")}
    measures |= {
        "calls": calls,
        "cost_usd": np.nan_to_num(cost),
        "unpriced": np.where(np.isnan(cost), calls, 0),
        "not_final": np.where(rows["final"].to_numpy(), 0, calls),
        "of_runs": np.where((rows["source"] == RUNS).to_numpy(), calls, 0),
    }
    return pd.DataFrame({name: rows[name] for name in ("time", *FACETS)} | measures)


def added(measured: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Lines with `MEASURES` added up by facets, dearest first. Index: the facets; columns `MEASURES`."""
    small = grouping.added(measured, keys, MEASURES)
    return small.sort_values(["cost_usd", "tokens_total"], ascending=False, kind="stable")


def usage(row: Mapping[Any, Any]) -> dict[str, Cell]:
    """The cells of a row that has `MEASURES`: for the columns below."""
    counts: dict[str, Cell] = {name: int(row[name]) for name in ("calls", *KINDS, "tokens_total")}
    return counts | {
        "cache_hit_rate": hit_rate(row),
        "estimated_cost_usd": known_cost(row),
        "unpriced_calls": int(row["unpriced"]),
        "not_final_calls": int(row["not_final"]),
        "calls_bound": bool(row["of_runs"]),
        "tokens_bound": bool(row["not_final"]),
        "cost_bound": bool(row["unpriced"] or row["not_final"]),
    }


def hit_rate(row: Mapping[Any, Any]) -> float | None:
    """Share of all input tokens that the cache served, 0 to 1; None without input."""
    sent = int(row["tokens_input"]) + int(row["tokens_cache_read"]) + int(row["tokens_cache_write"])
    return round(int(row["tokens_cache_read"]) / sent, 6) if sent else None


def known_cost(row: Mapping[Any, Any]) -> float | None:
    """The sum of the known costs, USD; None when there are calls and not one has a known cost."""
    if row["calls"] and row["unpriced"] >= row["calls"]:
        return None
    return usd(row["cost_usd"])


def usd(value: float | None) -> float | None:
    """A sum of dollars as data; None for NaN."""
    return None if value is None or value != value else round(float(value), 10) + 0.0


def percent(rate: Any) -> str:
    """A share for people: `36.0 %`."""
    return numbers.UNKNOWN if rate is None else numbers.share(rate, 1)


def name(value: Any) -> str:
    """A facet's value for people."""
    return "(none)" if value is None else str(value)


def facet(value: Any) -> str | None:
    """A facet's value as data; None for "not given"."""
    return None if value == NONE else str(value)


def day_words(value: Any) -> str:
    """An ISO day with its weekday: `Sun 2026-11-22`."""
    return numbers.UNKNOWN if value is None else f"{date.fromisoformat(value):%a %Y-%m-%d}"


def long_day(day: date) -> str:
    """`22 November`."""
    return f"{day.day} {day:%B}"


def moment_words(value: Any) -> str:
    """An ISO time to the minute."""
    return numbers.UNKNOWN if value is None else f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M}"


def text_column(key: str, head: str, *, extra: int = 0) -> Column:
    """A column of names."""
    return Column(key, head, name, extra=extra, brief=model_label if key == "model" else None)


def data_column(key: str) -> Column:
    """A column that people do not see."""
    return Column(key, "", plain, shown=False)


CALLS = Column("calls", "Calls", numbers.count, bound="calls_bound")
TOKENS = Column("tokens_total", "Tokens", numbers.short, bound="tokens_bound")
HIT_RATE = Column("cache_hit_rate", "Cache hits", percent)
COST = Column("estimated_cost_usd", "Cost", numbers.usd, bound="cost_bound")
BY_KIND = tuple(
    Column(key, head, numbers.short, bound="tokens_bound", extra=1)
    for key, head in zip(KINDS, ("Input", "Cache read", "Cache write", "Output"), strict=True)
)
INCOMPLETE = (data_column("unpriced_calls"), data_column("not_final_calls"))
"""How many calls of each row have no known cost, or counts that are a lower bound: for data."""
