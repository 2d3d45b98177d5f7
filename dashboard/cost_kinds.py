"""What of each line's cost each kind of token is, and what a token of it cost. Pure.

The line knows its cost, and its counts by kind; the price table knows how the rates of the kinds stand to
each other. So the cost is divided in that proportion: a factor that holds for all kinds of a call (batch,
region) need not be known. Where the table knows no rates, the cost stays in one piece (`unsplit`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from logger.price_table import Rates, Tariff
from logger.pricing import SYNTHETIC, PriceTable

Array = NDArray[Any]

KINDS = (
    "tokens_input",
    "tokens_output",
    "tokens_cache_read",
    "tokens_cache_write_5m",
    "tokens_cache_write_1h",
)
"""The kinds that have a rate of their own."""

COLUMNS = {
    "time",
    "model",
    "model_served",
    "tokens_input",
    "tokens_output",
    "tokens_cache_read",
    "tokens_cache_write",
    "tokens_cache_write_1h",
    "cost_usd",
    "web_searches",
    "calls",
}
"""What is read of the rows."""


_RATES = dict(zip(KINDS, ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"), strict=True))
"""Kind -> its name among the rates."""


def tokens_by_kind(rows: pd.DataFrame) -> pd.DataFrame:
    """Tokens of each line by kind. Index as `rows`; columns `KINDS`, int64."""
    return pd.DataFrame(counts_by_kind(rows), index=rows.index, columns=list(KINDS))


def counts_by_kind(rows: pd.DataFrame) -> Array:
    """Tokens of each line by kind: lines x `KINDS`, int64."""
    found = np.empty((len(KINDS), len(rows)), dtype="int64")
    for place, name in enumerate((*KINDS[:3], "tokens_cache_write", "tokens_cache_write_1h")):
        found[place] = rows[name].to_numpy()
    found[3] -= found[4]
    return found.T


def cost_by_kind(rows: pd.DataFrame, prices: PriceTable) -> pd.DataFrame:
    """USD of each line by kind. Index as `rows`; columns `KINDS`, `web_search`, `unsplit`; they add up to
    `cost_usd`. 0 everywhere where the cost is not known.
    """
    parts = divided(rows, prices)
    columns = dict(zip(KINDS, parts.usd.T, strict=True))
    return pd.DataFrame({**columns, "web_search": parts.searched, "unsplit": parts.unsplit}, index=rows.index)


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """The USD of each line, an entry each in every array; all parts of a line add up to its cost."""

    usd: Array
    """Lines x `KINDS`."""
    searched: Array
    unsplit: Array
    """A cost whose kinds cannot be told."""
    factor: Array
    """What was paid for each USD at the table's rates, such as 0.5 in a batch; 0 where that is not known."""


def divided(rows: pd.DataFrame, prices: PriceTable) -> Division:
    """What of each line's cost each kind of token is; 0 everywhere where the cost is not known."""
    at_table = _products(counts_by_kind(rows), _plain_rates(rows, prices))
    cost = np.nan_to_num(rows["cost_usd"].to_numpy().astype("float64"))
    searched = _searched(rows, cost, prices)
    whole = at_table.sum(axis=1)
    divisible = np.isfinite(whole) & (whole > 0)
    factor = np.divide(cost - searched, whole, out=np.zeros(len(rows)), where=divisible)
    usd = at_table if divisible.all() else np.where(divisible[:, None], at_table, 0.0)
    usd *= factor[:, None]
    return Division(usd, searched, np.where(divisible, 0.0, cost - searched), factor)


def rates(rows: pd.DataFrame, prices: PriceTable) -> pd.DataFrame:
    """USD that one token of each kind cost in each line, its factors (batch, region) included.

    Index as `rows`; columns `KINDS`, NaN where not known.
    Of a line whose own cost is not known, or which has no tokens, the table's plain rates.
    """
    table = _plain_rates(rows, prices)
    at_table = _products(counts_by_kind(rows), table)
    cost = rows["cost_usd"].to_numpy().astype("float64")
    whole = at_table.sum(axis=1)
    known = np.isfinite(cost) & np.isfinite(whole) & (whole > 0)
    tokens = cost - _searched(rows, np.nan_to_num(cost), prices)
    factor = np.divide(tokens, whole, out=np.ones(len(rows)), where=known)
    return pd.DataFrame(table * factor[:, None], index=rows.index, columns=list(KINDS))


def _products(counts: Array, table: Array) -> Array:
    """USD at the table's rates; a rate that is not known matters only where it is needed."""
    found: Array = np.multiply(counts, table, out=np.zeros(table.shape, order="F"), where=counts > 0)
    return found


def _searched(rows: pd.DataFrame, cost: Array, prices: PriceTable) -> Array:
    """USD of web searches, as far as the cost of the line holds them."""
    found: Array = np.minimum(rows["web_searches"].to_numpy() * prices.web_search, cost)
    return found


def _plain_rates(rows: pd.DataFrame, prices: PriceTable) -> Array:
    """The table's rates of each line, USD per token, without any factor: lines x `KINDS`."""
    known = [np.full(len(KINDS), np.nan)]
    number = np.zeros(len(rows), dtype="int64")
    at = rows["time"].dt.as_unit("us").astype("int64").to_numpy() / 1e6
    long = _prompt_of_one_call(rows)
    for model, where in _models(rows, prices):
        for since, until, tariff in _periods(model, prices):
            here = where[(at[where] >= since) & (at[where] < until)]
            number[here] = len(known)
            known.append(_vector(tariff.rates))
            if tariff.above is not None:
                number[here[long[here] > (tariff.limit or 0)]] = len(known)
                known.append(_vector(tariff.above))
    found: Array = np.stack(known, axis=1).take(number, axis=1).T
    return found


def _prompt_of_one_call(rows: pd.DataFrame) -> Array:
    """Prompt tokens of lines that are one call; 0 of those that are several: no call's length is known."""
    names = ("tokens_input", "tokens_cache_read", "tokens_cache_write")
    prompt = np.sum([rows[name].to_numpy().astype("int64") for name in names], axis=0)
    return np.where(rows["calls"].to_numpy() == 1, prompt, 0)


def _models(rows: pd.DataFrame, prices: PriceTable) -> Iterator[tuple[str, Array]]:
    """Each model with a price and the positions of its lines: the one asked for, else that which answered."""
    left = np.ones(len(rows), dtype=bool)
    for column in ("model", "model_served"):
        codes = rows[column].cat.codes.to_numpy()
        for code, name in enumerate(rows[column].cat.categories):
            if name and (name == SYNTHETIC or prices.find(str(name)) is not None):
                where = np.flatnonzero((codes == code) & left)
                left[where] = False
                yield str(name), where


def _periods(model: str, prices: PriceTable) -> Iterator[tuple[float, float, Tariff]]:
    """From when until when (Unix seconds) which tariff holds."""
    price = prices.find(model)
    if price is None:  # what the CLI wrote itself is free
        yield -np.inf, np.inf, Tariff(Rates(0.0, 0.0, 0.0, 0.0, 0.0))
        return
    until = np.inf
    for period in price.periods:
        yield period.since, until, period.standard
        until = period.since


def _vector(found: Rates) -> Array:
    return np.array([getattr(found, name) for name in _RATES.values()]) / 1e6
