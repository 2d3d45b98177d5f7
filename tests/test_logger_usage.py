"""Token counts from usage objects, dicts and streams."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from logger.usage import MessageStream, TokenUsage, count, details_of, total, usage_of

FULL = {
    "input_tokens": 7,
    "output_tokens": 45,
    "cache_read_input_tokens": 7473,
    "cache_creation_input_tokens": 4976,
    "cache_creation": {"ephemeral_5m_input_tokens": 4000, "ephemeral_1h_input_tokens": 976},
    "output_tokens_details": {"thinking_tokens": 12},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 9},
    "service_tier": "standard",
    "inference_geo": "us",
    "speed": "fast",
}

READ = TokenUsage(7, 45, 7473, 4000, 976, 12, 2, "standard", "fast", "us")


def as_object(value: Any) -> Any:
    """The same as the SDK's objects have it: attributes."""
    return (
        SimpleNamespace(**{k: as_object(v) for k, v in value.items()}) if isinstance(value, dict) else value
    )


@pytest.mark.parametrize(
    "usage", [FULL, as_object(FULL), {"usage": FULL, "id": "m"}, SimpleNamespace(usage=as_object(FULL)), READ]
)
def test_a_usage_may_be_a_dict_an_object_or_in_a_message(usage: Any) -> None:
    assert usage_of(usage) == READ
    assert READ.tokens_total == 7 + 45 + 7473 + 4976


def test_our_own_words_are_understood() -> None:
    assert usage_of({"tokens_input": 3, "tokens_output": 0, "tokens_cache_read": 9}) == TokenUsage(3, 0, 9)


def test_writes_without_a_lifetime_are_of_five_minutes() -> None:
    usage = usage_of({"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 10})
    assert (usage.tokens_cache_write_5m, usage.tokens_cache_write_1h) == (10, 0)


def test_the_hours_part_is_never_more_than_the_whole() -> None:
    split = {"ephemeral_1h_input_tokens": 99}
    usage = usage_of(
        {"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 10, "cache_creation": split}
    )
    assert (usage.tokens_cache_write_5m, usage.tokens_cache_write_1h) == (0, 10)


def test_a_compaction_is_not_in_the_total_of_the_api_and_is_added() -> None:
    iterations = [
        {"type": "message", "input_tokens": 7},
        {"type": "compaction", "input_tokens": 100, "output_tokens": 20},
    ]
    usage = usage_of({"input_tokens": 7, "output_tokens": 3, "iterations": iterations})
    assert (usage.tokens_input, usage.tokens_output) == (107, 23)


@pytest.mark.parametrize("iterations", [5, "x", {"a": 1}, True])
def test_iterations_that_are_no_list_are_left_alone(iterations: Any) -> None:
    usage = usage_of({"input_tokens": 3, "output_tokens": 4, "iterations": iterations})
    assert usage == TokenUsage(3, 4)


@pytest.mark.parametrize(
    "value", [None, True, "5.5", "-5", "x", "", "9" * 17, b"5", -1, float("nan"), float("inf"), 2**60, [], {}]
)
def test_what_is_no_count_is_unknown(value: Any) -> None:
    assert count(value) is None


@pytest.mark.parametrize(("value", "number"), [(0, 0), (5, 5), (5.0, 5), ("10", 10), (2**53 - 1, 2**53 - 1)])
def test_zero_is_a_count(value: Any, number: int) -> None:
    assert count(value) == number


@pytest.mark.parametrize(
    "thing", [None, 5, "x", [], {}, {"input_tokens": "x"}, SimpleNamespace(usage=None), object()]
)
def test_what_is_no_usage_knows_nothing(thing: Any) -> None:
    assert usage_of(thing) == TokenUsage()


def test_sums_keep_what_is_known() -> None:
    assert TokenUsage(1, None) + TokenUsage(2, 3) == TokenUsage(3, 3)
    assert total([]) == TokenUsage() and TokenUsage(5, None).tokens_total is None
    assert (TokenUsage(1, 1, speed="fast") + TokenUsage(1, 1, speed="standard")).speed is None


def test_a_message_tells_more_than_its_usage() -> None:
    message = SimpleNamespace(
        id="m", model="claude-opus-5", stop_reason="end_turn", _request_id="r", usage=None
    )
    assert details_of(message) == {
        "message_id": "m",
        "model_served": "claude-opus-5",
        "stop_reason": "end_turn",
        "request_id": "r",
    }
    assert details_of(FULL) == {}


def start(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "m", "model": "claude-opus-5", "usage": usage}}


def delta(**usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}


@pytest.mark.parametrize("shape", [lambda event: event, as_object])
def test_a_streams_deltas_overwrite_and_what_they_do_not_name_stays(shape: Any) -> None:
    stream = MessageStream()
    stream.feed(
        shape(start(input_tokens=2679, output_tokens=1, service_tier="standard", cache_read_input_tokens=5))
    )
    assert not stream.final
    stream.feed(shape(delta(output_tokens=10)))
    stream.feed(shape(delta(output_tokens=510, input_tokens=10682)))
    assert stream.usage == TokenUsage(10682, 510, 5, service_tier="standard")
    assert stream.final and (stream.message_id, stream.stop_reason) == ("m", "end_turn")


def test_a_stream_that_ends_early_is_not_final() -> None:
    stream = MessageStream()
    for event in (start(input_tokens=9, output_tokens=1), {"type": "content_block_delta"}, None, 5, {}):
        stream.feed(event)
    assert stream.usage == TokenUsage(9, 1) and not stream.final
