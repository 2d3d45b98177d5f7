"""What the prompt cache saved, and where it was paid for and never used. Pure.

Reading a token from the cache costs less than sending it, writing one costs more; both against the rate of
plain input at the time of the call, batch and region included. Lines whose rates are not known are not
reckoned with, only counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from logger.pricing import PriceTable

from . import cost_kinds, grouping

GOOD, EXCELLENT = 0.30, 0.50
"""Shares of input tokens read from the cache above which caching is good, and excellent."""

FACETS = ("project", "session_id", "model")
"""What lines are added up by."""

COLUMNS = cost_kinds.COLUMNS | set(FACETS)
"""What is read of the rows."""

LARGE = 4_096
"""Input tokens of a call from which every model's cache would take it."""

_WRITES = ("tokens_cache_write_5m", "tokens_cache_write_1h")
_READ = "tokens_cache_read"

Array = np.ndarray[Any, np.dtype[Any]]


def mark(rate: float | None) -> str:
    """What a share of input tokens read from the cache is: `excellent`, `good`, `low`; "" without input."""
    if rate is None or rate != rate:
        return ""
    return "excellent" if rate > EXCELLENT else "good" if rate > GOOD else "low"


def by_line(rows: pd.DataFrame, prices: PriceTable) -> pd.DataFrame:
    """What caching did in each line: what the functions below take. Index as `rows`; `FACETS` and measures:

    read, written, input (all input tokens, cached or not), saved_usd, extra_usd (what writing cost beyond
    plain input), cost_usd and without_cache_usd (what it would have been; both of lines whose cost and rates
    are known), unpriced (tokens read or written at rates that are not known; their USD are 0).
    Of lines whose calls have `LARGE` tokens or more on average, none of them cached: large_calls, large_input
    (tokens), large_usd (what that input cost, as far as the rate is known), large_unpriced (tokens without).
    """
    counts, rates = cost_kinds.tokens_by_kind(rows), cost_kinds.rates(rows, prices)
    facets = {name: rows[name] for name in FACETS}
    return pd.DataFrame(facets | _of_caching(rows, counts, rates) | _of_large(rows, counts, rates))


def _of_caching(rows: pd.DataFrame, counts: pd.DataFrame, rates: pd.DataFrame) -> dict[str, Any]:
    saved = _difference(counts, rates, _READ)
    extra = 0.0 - sum((_difference(counts, rates, kind) for kind in _WRITES), np.zeros(len(rows)))
    known = np.isfinite(saved) & np.isfinite(extra)
    cost = rows["cost_usd"].to_numpy().astype("float64")
    costed = known & np.isfinite(cost)
    read, written = counts[_READ].to_numpy(), counts[list(_WRITES)].to_numpy().sum(axis=1)
    return {
        "read": read,
        "written": written,
        "input": counts["tokens_input"].to_numpy() + read + written,
        "saved_usd": np.where(known, saved, 0.0),
        "extra_usd": np.where(known, extra, 0.0),
        "cost_usd": np.where(costed, cost, 0.0),
        "without_cache_usd": np.where(costed, cost + saved - extra, 0.0),
        "unpriced": np.where(known, 0, read + written),
    }


def _of_large(rows: pd.DataFrame, counts: pd.DataFrame, rates: pd.DataFrame) -> dict[str, Any]:
    calls, sent = rows["calls"].to_numpy().astype("int64"), counts["tokens_input"].to_numpy()
    plain = (counts[[_READ, *_WRITES]].to_numpy() == 0).all(axis=1)
    meant = plain & (sent >= LARGE * np.maximum(calls, 1)) & (calls > 0)
    rate = rates["tokens_input"].to_numpy()
    return {
        "large_calls": np.where(meant, calls, 0),
        "large_input": np.where(meant, sent, 0),
        "large_usd": np.where(meant, np.nan_to_num(sent * rate), 0.0),
        "large_unpriced": np.where(meant & ~np.isfinite(rate), sent, 0),
    }


def _difference(counts: pd.DataFrame, rates: pd.DataFrame, kind: str) -> Array:
    """How much less each line's tokens of a kind cost than plain input; NaN where a rate is not known."""
    tokens = counts[kind].to_numpy()
    less = rates["tokens_input"].to_numpy() - rates[kind].to_numpy()
    return np.where(tokens > 0, tokens * less, 0.0)


def by(lines: pd.DataFrame, facet: str | Sequence[str]) -> pd.DataFrame:
    """What caching did per value of a facet (or of several), most saved first. Index: the values.

    Columns: the measures of `by_line`, hit_rate (0 to 1, NaN without input) and net_usd (saved less extra).
    """
    keys = [facet] if isinstance(facet, str) else list(facet)
    added = grouping.added(lines, keys, _measures(lines))
    return _with_ratios(added).sort_values(["net_usd", "read"], ascending=False, kind="stable")


def _measures(lines: pd.DataFrame) -> list[str]:
    return [name for name in lines.columns if name not in FACETS]


def totals(lines: pd.DataFrame) -> dict[str, float]:
    """What caching did in all lines: the columns of `by`."""
    whole = lines[_measures(lines)].sum().to_frame().T
    return {str(name): float(value) for name, value in _with_ratios(whole).iloc[0].items()}


def _with_ratios(added: pd.DataFrame) -> pd.DataFrame:
    read, sent = added["read"].to_numpy().astype("float64"), added["input"].to_numpy().astype("float64")
    rate = np.divide(read, sent, out=np.full(len(added), np.nan), where=sent > 0)
    return added.assign(hit_rate=rate, net_usd=added["saved_usd"] - added["extra_usd"])


def cold(lines: pd.DataFrame) -> pd.DataFrame:
    """Sessions whose cache writes cost more than their reads saved, the dearest first.

    Index: project and session (`NONE`: lines without one, taken together per project). Columns as `by`.
    """
    found = by(lines, ("project", "session_id"))
    return found[found["net_usd"] < 0].sort_values("net_usd", kind="stable")


def uncached(lines: pd.DataFrame) -> pd.DataFrame:
    """Large inputs that were sent without any caching, the dearest first. Index: project and model.

    Columns: calls, input (tokens), input_usd (what they cost, as far as the rate is known), unpriced (tokens
    without a known rate).
    """
    chosen = lines[(lines["large_calls"] > 0).to_numpy()]
    found = chosen.groupby(["project", "model"], observed=True)[list(_LARGE)].sum().rename(columns=_LARGE)
    return found.sort_values(["input_usd", "input"], ascending=False, kind="stable")


_LARGE = {
    "large_calls": "calls",
    "large_input": "input",
    "large_usd": "input_usd",
    "large_unpriced": "unpriced",
}
