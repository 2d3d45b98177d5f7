"""The prices a command that writes calls goes by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CallmeterError

if TYPE_CHECKING:
    from logger.pricing import PriceTable


def table(file: Path | None) -> PriceTable | None:
    """The user's price file over the built-in prices; None without one. Raises CallmeterError."""
    if file is None:
        return None
    from logger.price_file import PriceError, read_prices
    from logger.pricing import built_in

    try:
        return read_prices(file, built_in())
    except PriceError as error:
        raise CallmeterError(str(error)) from error


def explaining(file: Path | None) -> PriceTable:
    """The prices that tell why a cost is not known: the built-in ones alone where the file cannot be read."""
    from logger.pricing import built_in

    try:
        return table(file) or built_in()
    except CallmeterError:  # no total depends on it, and what writes lines says so
        return built_in()
