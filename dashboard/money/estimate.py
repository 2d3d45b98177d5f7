"""What calls would cost: one call of given tokens, many of them, and operations as people do them every day.

Pure. Prices are those of `logger.pricing`, call by call: of many calls each is priced on its own, so that the
rates of long prompts are right. A price that is not known is None, never 0.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from logger.pricing import PriceTable, price_of

from ..errors import CallmeterError
from .lifetimes import ALWAYS, LIFETIMES, Lifetime

MONTH = 30
"""Days of a month."""

CACHED = 0.9
"""Share of the input that is assumed to be read from the cache where caching is estimated."""


@dataclass(frozen=True, slots=True)
class Use:
    """Tokens of one call. `input`: those not read from the cache nor written to it."""

    input: int
    output: int
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0

    @property
    def caches(self) -> bool:
        """Whether the cache is part of it."""
        return bool(self.cache_read or self.cache_write_5m or self.cache_write_1h)

    def cached(self, share: float = CACHED) -> Use:
        """The same with a share of the input read from the cache; what writing it once costs is left out."""
        read = round(self.input * share)
        return replace(self, input=self.input - read, cache_read=self.cache_read + read)


@dataclass(frozen=True, slots=True)
class Prices:
    """USD for calls of one model: plain, with `CACHED` of the input from the cache, in a batch, and both."""

    plain: float | None
    cached: float | None
    batch: float | None
    batch_cached: float | None

    def times(self, number: float) -> Prices:
        """For so many of them."""
        every = (self.plain, self.cached, self.batch, self.batch_cached)
        return Prices(*(None if usd is None else round(usd * number, 10) for usd in every))


@dataclass(frozen=True, slots=True)
class Operation:
    """Something people do with a model. `waits`: it can wait for hours, so a batch would do."""

    name: str
    short: str
    use: Use
    waits: bool = False


DOCUMENT = Operation("Scan a legal document", "Document", Use(2_000, 500), waits=True)
ERROR_LOG = Operation("Read an error log", "Error log", Use(1_000, 200), waits=True)
BOT = Operation("Answer as a chat bot", "Bot answer", Use(500, 200))
QUERY = Operation("Answer a dashboard query", "Query", Use(1_500, 300))
CODE = Operation("One hour of Claude Code", "Code, 1 h", Use(50_000, 5_000))

OPERATIONS = (DOCUMENT, ERROR_LOG, BOT, QUERY, CODE)
"""Typical operations."""


@dataclass(frozen=True, slots=True)
class Habit:
    """An operation done so many times a day."""

    name: str
    short: str
    operation: Operation
    times: int


HABITS = (
    Habit("Light use: 5 documents a day", "Light", DOCUMENT, 5),
    Habit("Medium use: 20 documents a day", "Medium", DOCUMENT, 20),
    Habit("Heavy use: 100 documents a day", "Heavy", DOCUMENT, 100),
    Habit("Claude Code, 4 hours a day", "Code, 4 h", CODE, 4),
)
"""What people do on a day."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What calls of one model cost: one of them, all, and as many every day for a month."""

    model: str
    one: Prices
    all: Prices
    month: Prices


@dataclass(frozen=True, slots=True)
class Typical:
    """What `OPERATIONS` cost with one model, one of each, and `HABITS` on a day and in a month."""

    model: str
    operations: tuple[Prices, ...]
    days: tuple[Prices, ...]
    months: tuple[Prices, ...]


class UnknownPriceError(CallmeterError):
    """There is no price for a model, or for such a call of it."""


def priced(model: str, use: Use, day: date, table: PriceTable) -> Prices:
    """What one such call costs by the prices of a day (in UTC). Raises UnknownPriceError: unknown model."""
    if table.find(model) is None:
        raise UnknownPriceError(_no_such_model(model, day, table))

    def usd(tokens: Use, tier: str | None = None) -> float | None:
        return _usd(model, tokens, tier, day, table)

    return Prices(usd(use), usd(use.cached()), usd(use, "batch"), usd(use.cached(), "batch"))


def known(one: Calls, day: date) -> Calls:
    """The same if it has a price. Raises UnknownPriceError."""
    if one.one.plain is None:
        raise UnknownPriceError(f"{one.model}: no price is known for such a call on {day}.")
    return one


def calls(model: str, use: Use, count: int, day: date, table: PriceTable) -> Calls:
    """What so many calls cost. Raises UnknownPriceError for an unknown model."""
    one = priced(model, use, day, table)
    return Calls(model, one, one.times(count), one.times(count * MONTH))


def typical(model: str, day: date, table: PriceTable) -> Typical:
    """What people do, priced for a model. Raises UnknownPriceError for an unknown model."""
    days = [_sensible(habit.operation, model, day, table).times(habit.times) for habit in HABITS]
    return Typical(
        model,
        tuple(_sensible(operation, model, day, table) for operation in OPERATIONS),
        tuple(days),
        tuple(one.times(MONTH) for one in days),
    )


def _sensible(operation: Operation, model: str, day: date, table: PriceTable) -> Prices:
    """The prices of an operation, without those of a batch where somebody waits for the answer."""
    found = priced(model, operation.use, day, table)
    return found if operation.waits else replace(found, batch=None, batch_cached=None)


def _usd(model: str, use: Use, tier: str | None, day: date, table: PriceTable) -> float | None:
    usd = price_of(
        model,
        tokens_input=use.input,
        tokens_output=use.output,
        tokens_cache_read=use.cache_read,
        tokens_cache_write_5m=use.cache_write_5m,
        tokens_cache_write_1h=use.cache_write_1h,
        service_tier=tier,
        at=datetime(day.year, day.month, day.day, tzinfo=UTC),
        prices=table,
    )
    return None if usd is None else round(usd, 12)


def _no_such_model(model: str, day: date, table: PriceTable) -> str:
    name = model.strip().lower().replace(".", "-")
    near = _near(name, models(day, table)) or _near(name, list(table.models))
    meant = f"did you mean {' or '.join(near)}?" if near else "callmeter estimate lists those that have one."
    return f"{model!r}: no price is known for this model; {meant}"


def _near(name: str, names: Sequence[str]) -> list[str]:
    """The names that hold it, else those spelled like it; at most three."""
    holding = [one for one in names if name and name in one]
    return (holding or difflib.get_close_matches(name, names, n=3, cutoff=0.7))[:3]


def models(day: date, table: PriceTable) -> list[str]:
    """The models that can be called on a day, by the first of their names: by family, the newest first."""
    firsts: dict[int, str] = {}
    for name, price in table.models.items():
        firsts.setdefault(id(price), name)
    current = [name for name in firsts.values() if lifetime(name, table).holds(day)]
    return sorted(sorted(current, key=lambda name: _age(name, table)), key=_family)


def lifetime(model: str, table: PriceTable) -> Lifetime:
    """From when to when a model is served, under any of its names."""
    found = table.find(model)
    return next((life for name, life in LIFETIMES.items() if found and table.find(name) is found), ALWAYS)


_FAMILIES = ("fable", "mythos", "opus", "sonnet", "haiku")


def _family(name: str) -> int:
    """Where its family stands in the list; names of others stand last."""
    return next((at for at, family in enumerate(_FAMILIES) if family in name), len(_FAMILIES))


def _age(name: str, table: PriceTable) -> int:
    return -(lifetime(name, table).released or date.min).toordinal()


def remarks(model: str, day: date, table: PriceTable) -> list[str]:
    """What to know of a model besides its price: that it cannot be called (any more), or not for long."""
    life = lifetime(model, table)
    if life.released and day < life.released < date.max:
        return [f"{model} was released on {life.released}, after {day}."]
    if life.retired and life.retired <= day:
        return [f"{model} was retired on {life.retired}: this is what it cost."]
    if life.retired:
        return [f"{model} retires on {life.retired}."]
    return []
