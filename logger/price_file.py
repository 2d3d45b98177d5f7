"""Prices from outside: a price file (the format of `prices.json`) or the catalog of a program."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import inf, isfinite
from pathlib import Path
from typing import Any

from .price_table import UNPRICED, ModelPrice, Period, PriceTable, Rates, Tariff

BUILT_IN = Path(__file__).with_name("prices.json")
FORMAT = 1


class PriceError(ValueError):
    """A price file or catalog cannot be used; `str(error)` is the whole sentence."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"prices in {where}: {problem}")


def read_prices(path: str | os.PathLike[str], below: PriceTable | None = None) -> PriceTable:
    """The table of a price file, over the table `below`. Raises PriceError when it cannot be used."""
    try:
        document = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise PriceError(str(path), f"cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise PriceError(str(path), f"is not JSON: {error}") from None
    return table_of(document, str(path), below)


def table_of(document: Any, where: str, below: PriceTable | None = None) -> PriceTable:
    """The table of a parsed price file. Raises PriceError, which names the place."""
    if not isinstance(document, dict) or not isinstance(document.get("models"), dict):
        raise PriceError(where, 'expected an object with "models"')
    if document.get("format", FORMAT) != FORMAT:
        raise PriceError(where, f"format {document['format']} is not known, only {FORMAT}")
    models: dict[str, ModelPrice] = {}
    for name, entry in document["models"].items():
        price = _model(entry, f"{where}, {name}")
        names = _names(entry, f"{where}, {name}")
        models.update(dict.fromkeys([name.lower(), *names], price))
    batch = _number(document.get("batch", below.batch if below else 0.5), where, "batch")
    search = _number(document.get("web_search", below.web_search if below else 0.01), where, "web_search")
    return PriceTable(models, batch=batch, web_search=search, below=below)


def _names(entry: Any, where: str) -> list[str]:
    names = entry.get("names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise PriceError(where, '"names" must be a list of texts')
    return [name.lower() for name in names]


def _model(entry: Any, where: str) -> ModelPrice:
    if not isinstance(entry, dict):
        raise PriceError(where, "expected an object")
    periods = entry.get("periods", [entry])  # one price for all times may be said without a period
    if not isinstance(periods, list) or not periods:
        raise PriceError(where, '"periods" must be a list of at least one')
    regions = entry.get("regions", {})
    if not isinstance(regions, dict):
        raise PriceError(where, '"regions" must be an object')
    dated = sorted((_period(period, where) for period in periods), key=lambda p: p.since, reverse=True)
    return ModelPrice(tuple(dated), {name: _number(f, where, name) for name, f in regions.items()})


def _period(entry: Any, where: str) -> Period:
    if not isinstance(entry, dict):
        raise PriceError(where, "a period must be an object")
    fast = entry.get("fast")
    return Period(
        _since(entry.get("since"), where), _tariff(entry, where), _tariff(fast, where) if fast else None
    )


def _since(text: Any, where: str) -> float:
    if text is None:
        return -inf
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except (TypeError, ValueError):
        raise PriceError(where, f'"since" must be a date like "2026-11-22", not {text!r}') from None


def _tariff(entry: Any, where: str) -> Tariff:
    above = entry.get("above") if isinstance(entry, dict) else None
    if not above:
        return Tariff(_rates(entry, where))
    limit = above.get("prompt_tokens") if isinstance(above, dict) else None
    if not isinstance(limit, int):
        raise PriceError(where, '"above" needs "prompt_tokens", a whole number')
    return Tariff(_rates(entry, where), limit, _rates(above, where))


def _rates(entry: Any, where: str) -> Rates:
    if not isinstance(entry, dict):
        raise PriceError(where, "rates must be an object")
    missing = [name for name in ("input", "output") if name not in entry]
    if missing:
        raise PriceError(where, f'"{missing[0]}" is missing (USD per million tokens)')
    named = {name: entry[name] for name in Rates.__slots__ if entry.get(name) is not None}
    return Rates(**{name: _number(value, where, name) for name, value in named.items()})


def _number(value: Any, where: str, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
        raise PriceError(where, f'"{name}" must be a number of 0 or more, not {value!r}')
    return float(value)


_RATE_NAMES = {
    "input": ("input", "cost_per_million_input", "input_cost_per_million", "input_per_million"),
    "output": ("output", "cost_per_million_output", "output_cost_per_million", "output_per_million"),
    "cache_read": ("cache_read", "cost_per_million_cache_read"),
    "cache_write_5m": ("cache_write_5m", "cache_write", "cost_per_million_cache_write"),
    "cache_write_1h": ("cache_write_1h", "cost_per_million_cache_write_1h"),
}


def catalog_table(catalog: Any, below: PriceTable) -> tuple[PriceTable, list[str]]:
    """A program's own prices over the table `below`, and a sentence for each entry that has none.

    Either model -> {"input": 3.0, "output": 15.0} or a list of such entries with a `name`; USD per
    million tokens, also as `cost_per_million_input` and so on; objects may stand for dicts. A cache
    rate that is not named keeps the ratio to `input` it has in the table below, else Anthropic's usual
    one: read 0.1, five-minute write 1.25, one-hour write 2.
    """
    models: dict[str, ModelPrice] = {}
    problems: list[str] = []
    for name, entry in _entries(catalog):
        rates = {kind: _first(entry, names) for kind, names in _RATE_NAMES.items()}
        try:
            named = {kind: _number(rate, name, kind) for kind, rate in rates.items() if rate is not None}
            price = _with_cache(named, below.find(name), name)
        except PriceError as error:
            problems.append(str(error))
            continue
        models[name.strip().lower()] = price
    return PriceTable(models, batch=below.batch, web_search=below.web_search, below=below), problems


def _entries(catalog: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(catalog, Mapping):
        return [(str(name), entry) for name, entry in catalog.items()]
    named = [(_first(entry, ("name", "id", "model")), entry) for entry in catalog]
    return [(str(name), entry) for name, entry in named if name is not None]


def _first(entry: Any, names: tuple[str, ...]) -> Any:
    """The first of these keys, or attributes, that has a value."""
    values = (entry.get(name) if isinstance(entry, Mapping) else getattr(entry, name, None) for name in names)
    return next((value for value in values if value is not None), None)


def _with_cache(named: dict[str, float], known: ModelPrice | None, name: str) -> ModelPrice:
    if "input" not in named or "output" not in named:
        raise PriceError("the model catalog", f"{name} has no input or no output price")
    base = known.periods[0].standard.rates if known else _USUAL
    for kind in ("cache_read", "cache_write_5m", "cache_write_1h"):
        rate = getattr(base, kind) / base.input if base.input else UNPRICED
        named.setdefault(kind, named["input"] * (rate if isfinite(rate) else getattr(_USUAL, kind)))
    return ModelPrice((Period(-inf, Tariff(Rates(**named))),), known.regions if known else {})


_USUAL = Rates(1.0, 5.0, cache_read=0.1, cache_write_5m=1.25, cache_write_1h=2.0)
