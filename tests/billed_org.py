"""An organisation as Anthropic's books have it: billed calls, other costs, keys and workspaces, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from logger.price_table import PriceTable
from logger.pricing import built_in

DEFAULT_WORKSPACE = "wrkspc_01DefaultDefaultDefault1"
WORKSPACE = "wrkspc_01JwQvzr7rXLA5AGx3HKfFUJ"
API_KEY = "apikey_01Rj2N8SVvo6BePZj99NhmiT"
OTHER_KEY = "apikey_01Kx3b9QWn5mC7dT2uVyZaEf"
ADMIN_KEY = "sk-ant-admin01-test-key-of-the-books"
WORKSPACE_KEY = "sk-ant-api03-test-key-of-a-workspace"

TOKENS = {
    "uncached_input_tokens": "tokens_input",
    "output_tokens": "tokens_output",
    "cache_read_input_tokens": "tokens_cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "tokens_cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "tokens_cache_write_1h",
}
"""Anthropic's token types -> the fields of a call here."""


@dataclass(frozen=True)
class BilledCall:
    """One request as the books have it."""

    time: datetime
    model: str = "claude-opus-5-5"
    tokens_input: int = 0
    tokens_output: int = 0
    tokens_cache_read: int = 0
    tokens_cache_write_5m: int = 0
    tokens_cache_write_1h: int = 0
    web_searches: int = 0
    workspace_id: str = DEFAULT_WORKSPACE
    api_key_id: str | None = API_KEY
    service_tier: str = "standard"
    speed: str = "standard"
    inference_geo: str | None = "global"
    product: str | None = "messages_api"
    list_usd: float | None = None
    """The list price of its tokens, where it is not the price table's; spread over them evenly."""

    @property
    def context_window(self) -> str:
        """The pricing tier of its prompt."""
        prompt = self.tokens_input + self.tokens_cache_read + self.tokens_cache_write_5m
        return "0-200k" if prompt + self.tokens_cache_write_1h <= 200_000 else "200k-1M"


@dataclass(frozen=True)
class ExtraCost:
    """A cost that is not about tokens: code execution, session time; not in any usage report's tokens."""

    time: datetime
    cost_type: str
    list_usd: float
    workspace_id: str = DEFAULT_WORKSPACE
    api_key_id: str | None = None
    model: str | None = None
    product: str | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    context_window: str | None = None


@dataclass(frozen=True)
class Part:
    """One component of a call's cost, in cents."""

    source: BilledCall | ExtraCost
    cost_type: str
    token_type: str | None
    amount: Decimal
    list_amount: Decimal


@dataclass
class Organisation:
    """The books. `discount` is the share taken off list prices."""

    calls: list[BilledCall] = field(default_factory=list)
    extras: list[ExtraCost] = field(default_factory=list)
    discount: float = 0.0
    name: str = "Night Works"
    workspaces: dict[str, str] = field(
        default_factory=lambda: {DEFAULT_WORKSPACE: "Default", WORKSPACE: "Research"}
    )
    default_workspace: str = DEFAULT_WORKSPACE
    archived_workspaces: set[str] = field(default_factory=set)
    api_keys: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {
            API_KEY: ("coordinator", DEFAULT_WORKSPACE),
            OTHER_KEY: ("notebook", WORKSPACE),
        }
    )
    """Id -> name, workspace."""
    beta: bool = True
    """Whether the organisation has the Usage and Cost Analytics API."""
    prices: PriceTable | None = None

    def parts(self) -> Iterator[Part]:
        """Every component of every cost. Raises ValueError for a model without a known price."""
        for call in self.calls:
            for cost_type, token_type, cents in self._of(call):
                yield self._part(call, cost_type, token_type, cents)
        for extra in self.extras:
            yield self._part(extra, extra.cost_type, None, _cents(extra.list_usd))

    def _part(
        self, source: BilledCall | ExtraCost, cost_type: str, token_type: str | None, cents: Decimal
    ) -> Part:
        return Part(source, cost_type, token_type, cents * (1 - Decimal(str(self.discount))), cents)

    def _of(self, call: BilledCall) -> Iterator[tuple[str, str | None, Decimal]]:
        rates = self._rates(call)
        for token_type, name in TOKENS.items():
            if tokens := getattr(call, name):
                yield "tokens", token_type, tokens * rates[token_type]
        if call.web_searches:
            yield "web_search", None, _cents((self.prices or built_in()).web_search) * call.web_searches

    def _rates(self, call: BilledCall) -> Mapping[str, Decimal]:
        """Cents per token of each type."""
        if call.list_usd is not None:
            tokens = sum(getattr(call, name) for name in TOKENS.values())
            return dict.fromkeys(TOKENS, _cents(call.list_usd) / tokens)
        table = self.prices or built_in()
        tariff = table.tariff(
            call.model, call.time.timestamp(), call.service_tier, call.speed, call.inference_geo
        )
        if tariff is None:
            raise ValueError(f"no price for {call}")
        prompt = call.tokens_input + call.tokens_cache_read
        prompt += call.tokens_cache_write_5m + call.tokens_cache_write_1h
        above = tariff.above if tariff.above and prompt > (tariff.limit or 0) else None
        rates = above or tariff.rates
        each = (rates.input, rates.output, rates.cache_read, rates.cache_write_5m, rates.cache_write_1h)
        return {kind: _cents(rate) / 1_000_000 for kind, rate in zip(TOKENS, each, strict=True)}

    def tokens(self, name: str) -> int:
        """All tokens of a field of `BilledCall`: the truth that reports must add up to."""
        return sum(getattr(call, name) for call in self.calls)

    def usd(self) -> float:
        """What all of it costs after discounts."""
        return float(sum((part.amount for part in self.parts()), Decimal()) / 100)

    def list_usd(self) -> float:
        """What all of it costs at list prices."""
        return float(sum((part.list_amount for part in self.parts()), Decimal()) / 100)


def _cents(usd: float) -> Decimal:
    return Decimal(str(round(usd, 12))) * 100


def moment(text: str) -> datetime:
    """`2026-11-20T14:30` as a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def call(text: str, **over: Any) -> BilledCall:
    """A plain call at a moment of UTC: 1,000 in, 200 out, and what differs."""
    return BilledCall(**{"time": moment(text), "tokens_input": 1000, "tokens_output": 200, **over})
