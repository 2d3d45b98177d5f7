"""The prices a logger was given: a price file and a model catalog, on top of the built-in ones."""

from __future__ import annotations

import os
from typing import Any

from .price_file import PriceError, catalog_table, read_prices
from .pricing import PriceTable, built_in
from .problems import Problems


def given_prices(prices: str | os.PathLike[str] | None, catalog: Any, problems: Problems) -> PriceTable:
    """The table to price with; what of it cannot be used is said."""
    table = built_in()
    try:
        table = read_prices(prices, table) if prices is not None else table
    except PriceError as error:
        problems.note("prices", f"callmeter: {error}; the built-in prices are used")
    try:
        table, refused = catalog_table(catalog, table) if catalog else (table, [])
    except Exception as error:  # noqa: BLE001 - the catalog is the host's
        refused = [f"the model catalog cannot be read: {error!r}"]
    for problem in refused:
        problems.note("prices", f"callmeter: {problem}")
    return table
