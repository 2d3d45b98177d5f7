"""Token counts of Anthropic's usage objects, of dicts in our own words, and of a stream's events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_LARGEST = 2**53
"""Above this a count is no count; JSON readers lose its digits."""

COUNTS = (
    "tokens_input",
    "tokens_output",
    "tokens_cache_read",
    "tokens_cache_write_5m",
    "tokens_cache_write_1h",
    "tokens_thinking",
    "web_searches",
)
"""The counts of a usage, named as in the line."""

MODES = ("service_tier", "speed", "inference_geo")
"""How a call was served, named as in the line."""

_BESIDE = (*COUNTS[2:], *MODES)


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """What a call, or several, used; None where not known. Names and units are those of the line."""

    tokens_input: int | None = None
    tokens_output: int | None = None
    tokens_cache_read: int | None = None
    tokens_cache_write_5m: int | None = None
    tokens_cache_write_1h: int | None = None
    tokens_thinking: int | None = None
    web_searches: int | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None

    @property
    def tokens_total(self) -> int | None:
        """Input + output + cache read + cache writes; None when input or output is not known."""
        if self.tokens_input is None or self.tokens_output is None:
            return None
        return self.tokens_input + self.tokens_output + self.cached

    @property
    def cached(self) -> int:
        """Tokens read from and written to caches."""
        return (
            (self.tokens_cache_read or 0)
            + (self.tokens_cache_write_5m or 0)
            + (self.tokens_cache_write_1h or 0)
        )

    @property
    def prompt(self) -> int:
        """The length of the prompt as price tiers see it."""
        return (self.tokens_input or 0) + self.cached

    @property
    def fields(self) -> dict[str, Any]:
        """The line's fields that are known."""
        named = {name: getattr(self, name) for name in (*COUNTS, *MODES)}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def beside(self) -> dict[str, Any]:
        """The line's fields that are known, without input and output tokens."""
        named = [(name, getattr(self, name)) for name in _BESIDE]
        return {name: value for name, value in named if value is not None}

    def __add__(self, other: TokenUsage) -> TokenUsage:
        """Counts add up (unknown + known = known); modes stay where both agree or one is silent."""
        counts = {name: _sum(getattr(self, name), getattr(other, name)) for name in COUNTS}
        modes = {name: _common(getattr(self, name), getattr(other, name)) for name in MODES}
        return _made(counts, modes)

    def over(self, other: TokenUsage) -> TokenUsage:
        """What is known here, and of the rest what the other knows."""
        if self == NOTHING_KNOWN:
            return other
        return _made(_first_known(self, other, COUNTS), _first_known(self, other, MODES))

    def minus(self, other: TokenUsage) -> TokenUsage:
        """The counts that came on top of `other`; never below 0."""
        rest = {name: max(0, (getattr(self, name) or 0) - (getattr(other, name) or 0)) for name in COUNTS}
        return _made(rest, {name: getattr(self, name) for name in MODES})

    def widened(self, other: TokenUsage) -> TokenUsage:
        """The larger of each count: a stream repeats a usage and may correct it upwards."""
        both = {name: (getattr(self, name), getattr(other, name)) for name in COUNTS}
        counts = {name: max((v for v in pair if v is not None), default=None) for name, pair in both.items()}
        modes = {name: getattr(other, name) or getattr(self, name) for name in MODES}
        return _made(counts, modes)


NOTHING_KNOWN = TokenUsage()


def _first_known(one: TokenUsage, other: TokenUsage, names: Iterable[str]) -> dict[str, Any]:
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in names}
    return {name: second if first is None else first for name, (first, second) in pairs.items()}


def _made(counts: Mapping[str, int | None], modes: Mapping[str, str | None]) -> TokenUsage:
    values: dict[str, Any] = {**counts, **modes}
    return TokenUsage(**values)


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


def _common(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return one or other
    return one if one == other else None


def total(usages: Iterable[TokenUsage]) -> TokenUsage:
    """The sum of some usages."""
    result = TokenUsage()
    for usage in usages:
        result += usage
    return result


def count(value: Any) -> int | None:
    """A token count, also in digits; None for what is none: NaN, negative or absurdly large, other text."""
    if value.__class__ is int and 0 <= value < _LARGEST:
        small: int = value
        return small
    if value is None or isinstance(value, (bool, bytes)):
        return None
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        return None
    try:
        whole = int(value)
        return whole if 0 <= whole < _LARGEST else None
    except Exception:  # noqa: BLE001 - the host's __int__ may raise anything
        return None


_DIGITS = re.compile(r"[0-9]{1,16}")


def _get(thing: Any, name: str) -> Any:
    """A key of a dict or an attribute of an object; None when absent."""
    if thing.__class__ is dict or isinstance(thing, Mapping):
        return thing.get(name)
    return getattr(thing, name, None)


def usage_of(thing: Any) -> TokenUsage:
    """The usage of an Anthropic usage (dict or object), of a message that has one, or in our own words.

    The API's cache writes are split by its `cache_creation`; what that does not name is of five minutes.
    Iterations of type `compaction` are not in the API's own totals and are added.
    """
    if isinstance(thing, TokenUsage):
        return thing
    inner = _get(thing, "usage")
    if inner is not None and not callable(inner) and _get(thing, "input_tokens") is None:
        return usage_of(inner)
    if _get(thing, "input_tokens") is None and _get(thing, "output_tokens") is None:
        return _own_words(thing)
    iterations = _get(thing, "iterations")
    if not isinstance(iterations, (list, tuple)):
        return _api_usage(thing)
    compactions = [one for one in iterations if _get(one, "type") == "compaction"]
    return _api_usage(thing) + total(_api_usage(iteration) for iteration in compactions)


def details_of(thing: Any) -> dict[str, Any]:
    """Fields of the line that a message (not a bare usage) tells beside its usage."""
    names = {
        "message_id": "id",
        "model_served": "model",
        "stop_reason": "stop_reason",
        "request_id": "_request_id",  # where the Anthropic SDK keeps it
    }
    told = {field: _get(thing, name) for field, name in names.items()}
    return {field: value for field, value in told.items() if isinstance(value, str) and value}


def _own_words(thing: Any) -> TokenUsage:
    counts = {name: count(_get(thing, name)) for name in COUNTS}
    return _made(counts, _modes(thing))


def _modes(thing: Any) -> dict[str, str | None]:
    return {name: _word(_get(thing, name)) for name in MODES}


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _api_usage(thing: Any) -> TokenUsage:
    split, details, tools = (_get(thing, name) for name in _NESTED)
    short, long = cache_writes(
        count(_get(thing, "cache_creation_input_tokens")),
        None if split is None else count(_get(split, "ephemeral_5m_input_tokens")),
        None if split is None else count(_get(split, "ephemeral_1h_input_tokens")),
    )
    return TokenUsage(
        tokens_input=count(_get(thing, "input_tokens")),
        tokens_output=count(_get(thing, "output_tokens")),
        tokens_cache_read=count(_get(thing, "cache_read_input_tokens")),
        tokens_cache_write_5m=short,
        tokens_cache_write_1h=long,
        tokens_thinking=None if details is None else count(_get(details, "thinking_tokens")),
        web_searches=None if tools is None else count(_get(tools, "web_search_requests")),
        **_modes(thing),
    )


_NESTED = ("cache_creation", "output_tokens_details", "server_tool_use")


def cache_writes(whole: int | None, short: int | None, long: int | None) -> tuple[int | None, int | None]:
    """(five-minute, one-hour) writes from the sum and its parts; without a sum the parts as they are."""
    if whole is None:
        return short, long
    hour = min(long or 0, whole)
    return whole - hour, hour


class MessageStream:
    """Follows the events of one streamed reply (`message_start` to `message_stop`), dicts or objects.

    The usage of `message_start` holds until `message_delta` overwrites it: its counts are cumulative, and
    what it does not name stays. Until a delta came, the output count is a placeholder: `final` is False.
    """

    def __init__(self) -> None:
        self.model: str | None = None
        self.message_id: str | None = None
        self.stop_reason: str | None = None
        self.final = False
        self._raw: dict[str, Any] = {}

    @property
    def usage(self) -> TokenUsage:
        """What is known so far."""
        return usage_of(self._raw) if self._raw else TokenUsage()

    def feed(self, event: Any) -> None:
        """Take in the next event; what is none is ignored."""
        kind = _get(event, "type")
        if kind == "message_start":
            self._start(_get(event, "message"))
        elif kind == "message_delta":
            self._delta(event)

    def _start(self, message: Any) -> None:
        self.model, self.message_id = _get(message, "model"), _get(message, "id")
        self._take(_get(message, "usage"))

    def _delta(self, event: Any) -> None:
        self.stop_reason = _get(_get(event, "delta"), "stop_reason") or self.stop_reason
        self._take(_get(event, "usage"))
        self.final = count(_get(_get(event, "usage"), "output_tokens")) is not None

    def _take(self, usage: Any) -> None:
        for name in _USAGE_NAMES:
            value = _get(usage, name)
            if value is not None:
                self._raw[name] = value


_USAGE_NAMES = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "output_tokens_details",
    "server_tool_use",
    "iterations",
    *MODES,
)
