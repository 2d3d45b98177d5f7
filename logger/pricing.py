"""Token counts times the price in force when the call was made: USD, or None when no price is known.

A price is never guessed: an unknown model, rate, service tier, speed or region has none. Price call by
call: the rates of a long prompt hold for one call, so a sum over calls of a tiered model has no price.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from math import isnan

from .price_file import BUILT_IN, read_prices
from .price_table import PriceTable

__all__ = ["SYNTHETIC", "PriceTable", "built_in", "price_of"]

SYNTHETIC = "<synthetic>"
"""The model of messages the Claude CLI made itself; they cost nothing."""


def price_of(
    model: str,
    *,
    tokens_input: int,
    tokens_output: int,
    tokens_cache_read: int = 0,
    tokens_cache_write_5m: int = 0,
    tokens_cache_write_1h: int = 0,
    web_searches: int = 0,
    service_tier: str | None = None,
    speed: str | None = None,
    inference_geo: str | None = None,
    at: datetime | float | None = None,
    prices: PriceTable | None = None,
) -> float | None:
    """USD for one call, or None when its price is not known.

    `tokens_input` are the uncached ones. `at` is the start of the call (a moment, or Unix seconds);
    without it the newest price holds. `prices` replaces the built-in table.
    """
    if model == SYNTHETIC:
        return 0.0
    table = prices if prices is not None else built_in()
    moment = at.timestamp() if isinstance(at, datetime) else at
    tariff = table.tariff(model, moment, service_tier, speed, inference_geo)
    if tariff is None:
        return None
    usd = tariff.cost(
        tokens_input, tokens_output, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h
    )
    if web_searches:
        usd += web_searches * table.web_search
    return None if isnan(usd) else usd


@cache
def built_in() -> PriceTable:
    """The table that comes with callmeter, read once."""
    return read_prices(BUILT_IN)
