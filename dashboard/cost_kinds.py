"""What of each line's cost each kind of token is, and what a token of it cost. Pure.

The line knows its cost, and its counts by kind; the price table knows how the rates of the kinds stand to
each other. So the cost is divided in that proportion: a factor that holds for all kinds of a call (batch,
region) need not be known. Where the table knows no rates, the cost stays in one piece (`unsplit`).
"""

from __future__ import annotations

import pandas as pd

from logger.pricing import PriceTable

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
}
"""What is read of the rows."""


def tokens_by_kind(rows: pd.DataFrame) -> pd.DataFrame:
    """Tokens of each line by kind. Index as `rows`; columns `KINDS`, int64."""
    raise NotImplementedError


def cost_by_kind(rows: pd.DataFrame, prices: PriceTable) -> pd.DataFrame:
    """USD of each line by kind. Index as `rows`; columns `KINDS`, `web_search`, `unsplit`; they add up to
    `cost_usd`. 0 everywhere where the cost is not known.
    """
    raise NotImplementedError


def rates(rows: pd.DataFrame, prices: PriceTable) -> pd.DataFrame:
    """USD that one token of each kind cost in each line, its factors (batch, region) included.

    Index as `rows`; columns `KINDS`, NaN where not known.

    Of a line whose own cost is not known, or which has no tokens, the table's plain rates.
    """
    raise NotImplementedError
