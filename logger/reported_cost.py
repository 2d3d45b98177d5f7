"""What the cost a client reports for a call tells about it, where the counts alone do not.

A client that knows more than it says still says what the call cost. Where exactly one reading of the
counts costs that, it is taken; otherwise the counts stay as they are. In the Claude CLI's telemetry:

* Older versions do not tell cache writes of an hour from those of five minutes.
* Web searches are not counted; each has its price.
* A reply that broke off is told with the output count it began with, and priced by an estimate of the
  tokens that came. The estimate is what the CLI books, in its results and metrics too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, floor

from .usage import TokenUsage

MOST_SEARCHES = 50

MOST_BEGUN = 8
"""The most output tokens a reply was ever seen to begin with."""

MOST_OUTPUT = 1_000_000

Price = Callable[[TokenUsage], float | None]


@dataclass(frozen=True, slots=True)
class Reported:
    """USD as the client says, and how far rounding may have moved them."""

    usd: float
    within: float

    def equals(self, usd: float) -> bool:
        """Whether this is the same amount."""
        return abs(self.usd - usd) <= self.within + 1e-12 * abs(usd)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The counts as they are to be read, and our price of them (None: not known).

    certain: whether nothing in them is an estimate or a guess. differs: whether the client reported
    another cost that no reading explains.
    """

    usage: TokenUsage
    usd: float | None
    certain: bool
    differs: bool = False


def explained(
    usage: TokenUsage, split: bool, reported: Reported | None, price: Price, search: float
) -> Meaning:
    """The reading of the counts that costs what was reported.

    split: whether the cache writes are told apart; else all of them stand as five-minute writes, which
    is how the CLI prices what it does not know better. search: USD of a web search.
    """
    usd = price(usage)
    if reported is None or usd is None:
        return Meaning(usage, usd, split, differs=reported is not None)
    if not split:
        found = _divided(usage, usd, reported, price)
    elif reported.equals(usd):
        return Meaning(usage, usd, certain=True)
    else:
        found = _broken_off(usage, usd, reported, price) or _searched(usage, usd, reported, search)
    return found or Meaning(usage, usd, split, differs=not reported.equals(usd))


def _divided(usage: TokenUsage, usd: float, reported: Reported, price: Price) -> Meaning | None:
    """With the writes divided by lifetime, if one way alone costs what was reported."""
    writes = usage.tokens_cache_write_5m or 0
    hour = price(replace(usage, tokens_cache_write_5m=0, tokens_cache_write_1h=writes))
    if not writes or hour is None or hour <= usd:
        return None
    step = (hour - usd) / writes  # each more of an hour costs the same
    within = reported.within + 1e-12 * hour
    least = max(0, ceil((reported.usd - usd - within) / step))
    if least != min(writes, floor((reported.usd - usd + within) / step)):
        return None
    divided = replace(usage, tokens_cache_write_5m=writes - least, tokens_cache_write_1h=least)
    return Meaning(divided, price(divided), certain=True)


def _broken_off(usage: TokenUsage, usd: float, reported: Reported, price: Price) -> Meaning | None:
    """With the output that was estimated, if the output is told as it began."""
    begun = usage.tokens_output or 0
    dear = price(replace(usage, tokens_output=begun + MOST_OUTPUT))
    if dear is None or dear <= usd or not 0 < begun <= MOST_BEGUN:
        return None
    more = round((reported.usd - usd) / (dear - usd) * MOST_OUTPUT)
    if not 0 < more < MOST_OUTPUT:
        return None
    estimated = replace(usage, tokens_output=begun + more)
    cost = price(estimated)
    return Meaning(estimated, cost, certain=False) if cost is not None and reported.equals(cost) else None


def _searched(usage: TokenUsage, usd: float, reported: Reported, search: float) -> Meaning | None:
    """With the web searches that cost what is missing."""
    number = round((reported.usd - usd) / search) if search else 0
    if not 0 < number <= MOST_SEARCHES or not reported.equals(usd + number * search):
        return None
    return Meaning(replace(usage, web_searches=number), usd + number * search, certain=True)
