"""Collected facts of a Claude CLI process -> what it used of each model, and how sure that is.

The rules, each checked against what a server that recorded its replies says it served:

1. A result that says what came since the result before: the sum over all results is exact, all threads
   and helpers included.
2. A result that does not (`json` output, versions before 2.1): its `modelUsage`. Versions before 2.1 count
   one process, but forget replies they got by falling back to a plain request; those are added. Since 2.1
   it counts the whole session: the total of the process before is subtracted when it is known. When it is
   not, what the main thread used tells whether there was anything before.
3. No result (killed, cut off), or replies after the last one: the largest counts seen per message id. Input
   is right for the calls seen, output is a lower bound, helpers may be missing.
4. Whatever held a reply that broke off is an estimate: the CLI itself does not know what it cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isnan

from .cli_facts import Facts, Message, Share, Shares
from .price_table import PriceTable, spellings
from .pricing import price_of
from .usage import TokenUsage

Sessions = Mapping[str, Shares]
"""What a session had used by the end of a process, by session id."""

TRUSTED_COST = ("list", "managed")
"""The `costBasis` of a cost the CLI knows; any other is a guess of its."""

NOTHING = TokenUsage(0, 0, 0, 0, 0)
"""What a run used that made no call, or only failed ones."""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What a run used of one model. `final` False: the counts are a lower bound or an estimate.

    `calls` is how many were seen, at least 1; it too is a lower bound, because helpers print nothing.
    """

    model: str
    usage: TokenUsage
    cost_usd: float | None
    calls: int = 1
    final: bool = True
    model_served: str | None = None


@dataclass(frozen=True, slots=True)
class CliPrices:
    """The price table at the moment of a run (Unix seconds; None: the newest prices)."""

    table: PriceTable
    at: float | None

    def of_call(self, model: str, usage: TokenUsage) -> float | None:
        """The price of one call."""
        return price_of(
            model,
            tokens_input=usage.tokens_input or 0,
            tokens_output=usage.tokens_output or 0,
            tokens_cache_read=usage.tokens_cache_read or 0,
            tokens_cache_write_5m=usage.tokens_cache_write_5m or 0,
            tokens_cache_write_1h=usage.tokens_cache_write_1h or 0,
            web_searches=usage.web_searches or 0,
            service_tier=usage.service_tier,
            speed=usage.speed,
            inference_geo=usage.inference_geo,
            at=self.at,
            prices=self.table,
        )

    def of_share(self, model: str, share: Share) -> float | None:
        """The price of several calls: the CLI's figure where it knows, else ours where there is only one."""
        if share.cost_basis in TRUSTED_COST:
            return share.cost_usd
        low, high = self.bounds(model, share)
        if high - low < 1e-9:
            return low
        said = share.cost_usd if share.cost_basis is None else None  # older versions name no basis
        return said if said is not None and low - 1e-6 <= said <= high + 1e-6 else None

    def bounds(self, model: str, share: Share) -> tuple[float, float]:
        """The least and the most a sum of calls can cost; NaN when a rate is not known.

        In a sum there may be prompts of both tiers, and cache writes of both lifetimes.
        """
        tariff = self.table.tariff(model, self.at, None, None, None)
        if tariff is None:
            return float("nan"), float("nan")
        tariffs = [tariff, replace(tariff, above=None)]
        costs = [one.cost(*counts) for one in tariffs for counts in _readings(share)]
        if any(isnan(cost) for cost in costs):
            return float("nan"), float("nan")
        searches = (share.usage.web_searches or 0) * self.table.web_search
        return min(costs) + searches, max(costs) + searches


def _readings(share: Share) -> list[tuple[int, int, int, int, int]]:
    """(input, output, cache read, 5m writes, 1h writes); all writes also as 1h when that is not told."""
    usage = share.usage
    plain, output, read = usage.tokens_input or 0, usage.tokens_output or 0, usage.tokens_cache_read or 0
    short, long = usage.tokens_cache_write_5m or 0, usage.tokens_cache_write_1h or 0
    told = (plain, output, read, short, long)
    return [told] if share.split else [told, (plain, output, read, 0, short + long)]


def uses_of(facts: Facts, prices: CliPrices, earlier: Sessions) -> list[ModelUse]:
    """What the process used, its main model first; empty when it used nothing or said nothing."""
    if facts.transcript:
        return []
    uses = [_use(facts, prices, model, share, final=True) for model, share in facts.since.items()]
    for session in facts.totals:
        if session in facts.undivided:
            uses += _undivided(facts, prices, session, earlier.get(session))
    uses = _joined([*uses, *_forgotten(facts, prices), *_after(facts, prices)])
    if facts.cut or facts.suggested:
        uses = [replace(use, final=False) for use in uses]
    return sorted(
        uses, key=lambda use: (not same_model(use.model, facts.model), -(use.usage.tokens_output or 0))
    )


def _use(facts: Facts, prices: CliPrices, model: str, share: Share, *, final: bool) -> ModelUse:
    seen = _messages_of(facts, model)
    served = {message.model for message in seen} - {model}
    return ModelUse(
        model=model,
        usage=share.usage,
        cost_usd=prices.of_share(model, share),
        calls=len(seen),
        final=final,
        model_served=served.pop() if len(served) == 1 else None,
    )


def _messages_of(facts: Facts, model: str) -> list[Message]:
    """The replies to a model's calls: by its name, and those of the main thread with a name of their own."""
    models = _models(facts)
    main = same_model(model, facts.model) or len(models) == 1
    return [
        message
        for message in facts.messages.values()
        if message.turn < facts.results
        and (
            same_model(message.model, model)
            or (main and message.main and not any(same_model(message.model, other) for other in models))
        )
    ]


def _models(facts: Facts) -> list[str]:
    """The models as the results name them: as they were asked for."""
    return list(
        dict.fromkeys([*facts.since, *(model for shares in facts.totals.values() for model in shares)])
    )


def same_model(one: str | None, other: str | None) -> bool:
    """Whether two spellings name one model."""
    if one is None or other is None:
        return False
    return one == other or not set(spellings(one)).isdisjoint(spellings(other))


def _undivided(facts: Facts, prices: CliPrices, session: str, before: Shares | None) -> list[ModelUse]:
    """A session whose results only say a total (rule 2)."""
    shares, main = facts.totals[session], facts.main.get(session, NOTHING)
    if not counts_session(facts, shares):
        seen = bool(facts.messages) or facts.model is not None  # `json` alone hides what was forgotten
        return [_use(facts, prices, model, share, final=seen) for model, share in shares.items()]
    if before is not None and _continues(shares, before):
        return _rest(facts, prices, shares, before)
    sure = [model for model, share in shares.items() if _four(share.usage) == _four(main)]
    if sure or not shares:
        return [_use(facts, prices, model, share, final=model in sure) for model, share in shares.items()]
    return _main_thread(facts, prices, shares, main)


def counts_session(facts: Facts, shares: Shares) -> bool:
    """Whether the total is that of the session (2.1) rather than that of the process."""
    told = facts.result is not None and "terminal_reason" in facts.result
    return told or any(share.cost_basis for share in shares.values())


def _continues(shares: Shares, before: Shares) -> bool:
    """Whether a total can have come after another one of the same session."""
    return all(m in shares and _covers(shares[m].usage, share.usage) for m, share in before.items())


def _rest(facts: Facts, prices: CliPrices, shares: Shares, before: Shares) -> list[ModelUse]:
    rests = {m: share.minus(before[m]) if m in before else share for m, share in shares.items()}
    used = {model: share for model, share in rests.items() if any(_four(share.usage))}
    return [_use(facts, prices, model, share, final=True) for model, share in used.items()]


def _main_thread(facts: Facts, prices: CliPrices, shares: Shares, main: TokenUsage) -> list[ModelUse]:
    """A lower bound: what the main thread used is certain to be this process's."""
    if not any(_four(main)):
        return []
    able = [model for model, share in shares.items() if _covers(share.usage, main)]
    named = [model for model in able if same_model(model, facts.model)]
    model = (named or able or [facts.model or next(iter(shares))])[0]
    return [_use(facts, prices, model, Share(main, None, "unknown", split=True), final=False)]


def _four(usage: TokenUsage) -> tuple[int, int, int, int]:
    writes = (usage.tokens_cache_write_5m or 0) + (usage.tokens_cache_write_1h or 0)
    return usage.tokens_input or 0, usage.tokens_output or 0, usage.tokens_cache_read or 0, writes


def _covers(one: TokenUsage, other: TokenUsage) -> bool:
    return all(a >= b for a, b in zip(_four(one), _four(other), strict=True))


def _forgotten(facts: Facts, prices: CliPrices) -> list[ModelUse]:
    """Replies of old versions that are in no result; what was tried before them may be missing still."""
    lost = [m for m in facts.messages.values() if m.fallback and m.turn < facts.results]
    return [replace(use, calls=0) for use in _seen(facts, prices, lost)] if facts.undivided else []


def _after(facts: Facts, prices: CliPrices) -> list[ModelUse]:
    """Replies after the last result, or all of a process without one (rule 3)."""
    return _seen(facts, prices, [m for m in facts.messages.values() if m.turn >= facts.results])


def _seen(facts: Facts, prices: CliPrices, messages: Iterable[Message]) -> list[ModelUse]:
    """One use per reply: its own counts, priced as the one call it was."""
    names = [*([facts.model] if facts.model else []), *_models(facts)]
    uses = []
    for message in messages:
        asked = next((name for name in names if same_model(name, message.model)), message.model)
        served = None if message.model == asked else message.model
        cost = prices.of_call(message.model, message.usage)
        final = facts.raw and message.final
        uses.append(ModelUse(asked, message.usage, cost, final=final, model_served=served))
    return uses


def _joined(uses: Iterable[ModelUse]) -> list[ModelUse]:
    """One use per model, of at least one call."""
    by_model: dict[str, ModelUse] = {}
    for use in uses:
        known = by_model.get(use.model)
        by_model[use.model] = use if known is None else _joint(known, use)
    return [replace(use, calls=max(1, use.calls)) for use in by_model.values()]


def _joint(one: ModelUse, other: ModelUse) -> ModelUse:
    known = one.cost_usd is not None and other.cost_usd is not None
    return replace(
        one,
        usage=one.usage + other.usage,
        cost_usd=(one.cost_usd or 0) + (other.cost_usd or 0) if known else None,
        calls=one.calls + other.calls,
        final=one.final and other.final,
        model_served=one.model_served or other.model_served,
    )
