"""Events of the Claude CLI's telemetry -> the lines of the API calls they tell of.

One `api_request` event per call that was answered, helpers and subagents included; its counts are final
when the reply came to its end. A failed call that was given up has one `api_error` event; tries that
were made again have none. Attributes come as any type: numbers also as text.

What the counts leave open, above all whether the reply broke off, is read from the cost the event
reports: see `reported_cost`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .call_ids import derived_id
from .call_line import NO_MODEL, cost_of
from .clock import LocalClock
from .counted_line import as_number
from .price_table import PriceTable
from .record import CallRecord
from .redaction import sentence
from .reported_cost import Reported, explained
from .usage import TokenUsage, cache_writes, count

REQUEST, ERROR, GIVEN_UP = "api_request", "api_error", "api_retries_exhausted"
CALLS = frozenset({REQUEST, ERROR})
"""Names of the events that stand for a call."""

EARLIEST = 1_700_000_000.0
"""Unix seconds, 2023: no Claude CLI was there before, so a time before it is none."""

_DAY = 86_400.0
_LONGEST_MS = 1e10

_SPEEDS = {"normal": "standard"}
_MAIN = ("sdk", "main", "cli", "repl_main_thread")

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The API's error types by their HTTP status, as its reference has them."""


@dataclass(frozen=True, slots=True)
class Event:
    """A telemetry event: its name without `claude_code.`, and when it happened (Unix s), if that is told."""

    name: str
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    time: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meaning of events depends on: prices, the local time, and now (Unix s)."""

    prices: PriceTable
    clock: LocalClock
    now: float

    def moment(self, event: Event) -> float | None:
        """When the event happened; None when it does not say, or says what cannot be."""
        return event.time if event.time is not None and EARLIEST < event.time < self.now + _DAY else None


def records_of(events: Iterable[Event], reading: Reading) -> list[CallRecord | None]:
    """One line per event that stands for a call, None for one that says nothing of it. Never raises.

    The events are those of one delivery: what else is told of a call is looked for among them.
    """
    told = list(events)
    given_up = {_given_up(e.attributes): e.attributes for e in told if e.name == GIVEN_UP}
    return [_record(event, reading, given_up) for event in told if event.name in CALLS]


def _given_up(told: Mapping[str, Any]) -> tuple[str | None, ...]:
    """What an `api_error` and its `api_retries_exhausted` share."""
    return tuple(_text(told.get(name)) for name in ("session.id", "prompt.id", "query_source", "error"))


def _record(
    event: Event,
    reading: Reading,
    given_up: Mapping[tuple[str | None, ...], Mapping[str, Any]],
) -> CallRecord | None:
    told = event.attributes
    request_id = _text(told.get("request_id"))
    if request_id is None and _text(told.get("model")) is None:
        return None
    if event.name == REQUEST:
        shared = _shared(event, reading, _seconds(told.get("duration_ms")))
        return _answered(told, shared, reading)
    return _failed(event, reading, given_up.get(_given_up(told), {}))


def _shared(event: Event, reading: Reading, passed: float | None) -> dict[str, Any]:
    """What every line has: who, and when. A start that is only guessed is left out."""
    told = event.attributes
    ended = reading.moment(event)
    start = None if ended is None or passed is None else round(ended - passed, 6)
    anchor = next(one for one in (start, ended, reading.now) if one is not None)
    request_id = _text(told.get("request_id"))
    return {
        "timestamp": reading.clock.spell(anchor)[0],
        "model": _text(told.get("model")) or NO_MODEL,
        "start_time": start,
        "end_time": ended,
        "duration_seconds": passed,
        "call_id": _call_id(event, request_id),
        "source": "otel",
        "session_id": _text(told.get("session.id")),
        "agent": _agent(told),
        "host": _named(event, "host.name"),
        "request_id": request_id,
        "speed": _speed(told),
        "task_id": _named(event, "task_id", "task.id"),
        "worker_id": _named(event, "worker_id", "worker.id"),
        "project": _named(event, "project", "project.name"),
    }


def _call_id(event: Event, request_id: str | None) -> str:
    """Of the request; without one of all the event says, which a repeated delivery repeats."""
    if request_id is not None:
        return derived_id("req", request_id)
    said = sorted(f"{name}={value!r}" for name, value in event.attributes.items())
    return derived_id("evt", event.name, repr(event.time), *said)


def _answered(told: Mapping[str, Any], shared: dict[str, Any], reading: Reading) -> CallRecord:
    model, at = shared["model"], shared["start_time"] or shared["end_time"] or reading.now
    usage, split = _usage(told, shared["speed"])
    reported = _reported(told)
    meaning = explained(usage, split, reported, _price(model, at, reading.prices), reading.prices.web_search)
    usage, passed = meaning.usage, shared["duration_seconds"]
    rate = usage.tokens_output / passed if passed and usage.tokens_output is not None else None
    return CallRecord(
        **{**shared, **usage.fields},
        tokens_total=usage.tokens_total,
        time_to_first_token=_seconds(told.get("ttft_ms")),
        tokens_per_second=None if rate is None else round(rate, 6),
        success=True,
        estimated_cost_usd=None if meaning.usd is None else round(meaning.usd, 10),
        tokens_final=None if meaning.certain else False,
        settings={"reported_cost_usd": reported.usd} if reported and meaning.differs else None,
    )


def _price(model: str, at: float, prices: PriceTable) -> Callable[[TokenUsage], float | None]:
    return lambda usage: cost_of(model, usage, at, prices)


def _usage(told: Mapping[str, Any], speed: str | None) -> tuple[TokenUsage, bool]:
    """The counts, cache writes as of five minutes unless told apart; and whether they are told apart."""
    writes = count(told.get("cache_creation_tokens"))
    parts = count(told.get("cache_creation_5m_tokens")), count(told.get("cache_creation_1h_tokens"))
    short, long = cache_writes(writes, *parts)
    usage = TokenUsage(
        tokens_input=count(told.get("input_tokens")),
        tokens_output=count(told.get("output_tokens")),
        tokens_cache_read=count(told.get("cache_read_tokens")),
        tokens_cache_write_5m=short,
        tokens_cache_write_1h=long,
        speed=speed,
    )
    return usage, not writes or any(part is not None for part in parts)


def _failed(event: Event, reading: Reading, given_up: Mapping[str, Any]) -> CallRecord:
    told = event.attributes
    attempts = count(told.get("attempt")) or count(given_up.get("total_attempts")) or 1
    last = _seconds(told.get("duration_ms"))
    # The event has the time of the last try only.
    passed = last if attempts == 1 else _seconds(given_up.get("total_retry_duration_ms"))
    status = count(told.get("status_code"))
    status = status if status is not None and 100 <= status <= 599 else None
    error = told.get("error")
    return CallRecord(
        **_shared(event, reading, passed),
        success=False,
        error_message=None if error is None else sentence(error) or None,
        error_type=ERROR_TYPES.get(status or 0),
        http_status=status,
        attempts=attempts if attempts > 1 else None,
    )


def _agent(told: Mapping[str, Any]) -> str | None:
    """The subagent's name, or what a helper is for; None is the main thread."""
    name, source = _text(told.get("agent.name")), _text(told.get("query_source"))
    if name is not None or source is None or source.partition(":")[0] in _MAIN:
        return name
    return source.rpartition(":")[2] or source if source.startswith("agent:") else source


def _speed(told: Mapping[str, Any]) -> str | None:
    speed = _text(told.get("speed"))
    return _SPEEDS.get(speed, speed) if speed else None


def _reported(told: Mapping[str, Any]) -> Reported | None:
    """What the CLI says the call cost: to the last digit, or rounded to millionths of a dollar."""
    usd = _number(told.get("cost_usd"))
    if usd is not None:
        return Reported(usd, 1e-9)
    micros = _number(told.get("cost_usd_micros"))
    return None if micros is None else Reported(micros / 1e6, 0.51e-6)


def _named(event: Event, *names: str) -> str | None:
    """The first of these the resource has, else the event: the CLI copies resource attributes to it."""
    said = (_text(told.get(name)) for told in (event.resource, event.attributes) for name in names)
    return next((text for text in said if text is not None), None)


def _text(value: Any) -> str | None:
    """Text that says something, whole numbers as text."""
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def _seconds(milliseconds: Any) -> float | None:
    number = _number(milliseconds)
    return None if number is None or number > _LONGEST_MS else round(number / 1000, 6)


def _number(value: Any) -> float | None:
    """A finite number of 0 or more, also in digits."""
    number = as_number(value)
    return number if number is not None and 0 <= number < 1e15 else None
