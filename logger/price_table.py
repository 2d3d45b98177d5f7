"""A table of prices: what holds for a model, at a moment, for a kind of call."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import nan

UNPRICED = nan
"""A rate nobody has named. It spoils every sum it takes part in, which is the point."""


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens of each kind; `UNPRICED` where not known."""

    input: float
    output: float
    cache_read: float = UNPRICED
    cache_write_5m: float = UNPRICED
    cache_write_1h: float = UNPRICED

    def times(self, factor: float) -> Rates:
        """Every rate multiplied."""
        return Rates(
            self.input * factor,
            self.output * factor,
            self.cache_read * factor,
            self.cache_write_5m * factor,
            self.cache_write_1h * factor,
        )


@dataclass(frozen=True, slots=True)
class Tariff:
    """Rates, and the rates for all tokens of a call whose prompt has more than `limit` tokens."""

    rates: Rates
    limit: int | None = None
    above: Rates | None = None

    def times(self, factor: float) -> Tariff:
        """All rates multiplied."""
        return Tariff(self.rates.times(factor), self.limit, self.above and self.above.times(factor))

    def cost(self, plain: int, output: int, read: int, write_5m: int, write_1h: int) -> float:
        """USD for one call's tokens; NaN when it needs a rate that is not known."""
        rates = self.rates
        if self.above is not None and plain + read + write_5m + write_1h > (self.limit or 0):
            rates = self.above
        usd = plain * rates.input + output * rates.output
        if read:
            usd += read * rates.cache_read
        if write_5m:
            usd += write_5m * rates.cache_write_5m
        if write_1h:
            usd += write_1h * rates.cache_write_1h
        return usd / 1e6


@dataclass(frozen=True, slots=True)
class Period:
    """A model's tariffs from a moment (Unix seconds) until its next period; `fast` None: no such mode."""

    since: float
    standard: Tariff
    fast: Tariff | None = None


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """A model's periods, newest first, and the price factors of the regions it can be bound to."""

    periods: tuple[Period, ...]
    regions: Mapping[str, float] = field(default_factory=dict)

    @property
    def tiered(self) -> bool:
        """Whether the length of a prompt has ever changed the rates."""
        return any(period.standard.above for period in self.periods)


_Kind = tuple[str, str | None, str | None, str | None]
_Dated = tuple[tuple[float, Tariff | None], ...]


class PriceTable:
    """Prices by model name, over those of the table `below`."""

    def __init__(
        self,
        models: Mapping[str, ModelPrice],
        *,
        batch: float = 0.5,
        web_search: float = 0.01,
        below: PriceTable | None = None,
    ) -> None:
        self.models: dict[str, ModelPrice] = {**(below.models if below else {}), **models}
        self.batch = batch
        self.web_search = web_search
        self._dated: dict[_Kind, _Dated] = {}
        self._usual: dict[str, _Dated] = {}

    def find(self, model: str) -> ModelPrice | None:
        """The price of a model under any of its spellings."""
        return next((self.models[name] for name in spellings(model) if name in self.models), None)

    def tariff(
        self, model: str, at: float | None, tier: str | None, speed: str | None, geo: str | None
    ) -> Tariff | None:
        """What held for such a call at a moment (Unix seconds; None: the newest), if anything did."""
        kind = (model, tier, speed, geo)
        dated = self._dated.get(kind)
        if dated is None:
            if len(self._dated) > 10_000:  # names come from outside and may be without end
                self._dated.clear()
                self._usual.clear()
            dated = self._dated[kind] = self._work_out(*kind)
        for since, tariff in dated:
            if at is None or at >= since:
                return tariff
        return None

    def usual_tariff(self, model: str, at: float) -> Tariff | None:
        """`tariff` of a call that is nothing special, in half the time."""
        dated = self._usual.get(model)
        if dated is None:
            self.tariff(model, at, None, None, None)
            dated = self._usual[model] = self._dated[(model, None, None, None)]
        for since, tariff in dated:
            if at >= since:
                return tariff
        return None

    def _work_out(self, model: str, tier: str | None, speed: str | None, geo: str | None) -> _Dated:
        price = self.find(model)
        factor = self._factor(price, tier, speed, geo) if price else None
        if price is None or factor is None:
            return ()
        tariffs = [(p.since, p.fast if speed == "fast" else p.standard) for p in price.periods]
        return tuple((since, tariff and tariff.times(factor)) for since, tariff in tariffs)

    def _factor(
        self, price: ModelPrice, tier: str | None, speed: str | None, geo: str | None
    ) -> float | None:
        known = tier in _TIERS and speed in _SPEEDS and not (tier == "batch" and speed == "fast")
        region = 1.0 if geo in _ANYWHERE else price.regions.get(geo or "")
        if not known or region is None:
            return None
        return region * self.batch if tier == "batch" else region


_TIERS = (None, "standard", "priority", "batch")  # priority is prepaid: its list price is notional
_SPEEDS = (None, "standard", "fast")
_ANYWHERE = (None, "", "global", "not_available")

_PROVIDER = re.compile(r"^(?:[a-z]{2,6}\.)?anthropic\.")
_VERSION = re.compile(r"(?:-v\d+)?(?::\d+)?$")
_DATE = re.compile(r"[-@]\d{8}$")


def spellings(model: str) -> Iterator[str]:
    """The names a model may stand under in a table, most exact first.

    Known decorations: `[1m]` (Claude CLI), `anthropic/` and paths, `us.anthropic.` and `-v1:0` (Bedrock),
    `@20250929` (Vertex), a date, `-latest`.
    """
    name = model.strip().lower()
    yield name
    name = name.replace("[1m]", "").rpartition("/")[2]
    yield name
    name = _VERSION.sub("", _PROVIDER.sub("", name)).replace(".", "-")
    yield name
    yield name.replace("@", "-")
    yield _DATE.sub("", name).removesuffix("-latest")
