"""Telemetry events -> lines: what an event tells, what its cost tells, and each call once."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logger.clock import LocalClock
from logger.journal import Journal
from logger.pricing import built_in, price_of
from logger.record import CallRecord, from_line, to_line
from logger.telemetry import CALLS, Event, Reading, records_of
from logger.telemetry_log import TelemetryLog

NOON = 1_795_348_800.0  # 2026-11-22T12:00:00Z
OPUS = "claude-opus-5-5"
REQUEST = {
    "session.id": "s-1",
    "model": OPUS,
    "input_tokens": 11,
    "output_tokens": 42,
    "cache_read_tokens": 7486,
    "cache_creation_tokens": 4980,
    "cache_creation_5m_tokens": 4980,
    "cache_creation_1h_tokens": 0,
    "cost_usd": 0.0272812,
    "duration_ms": 436,
    "ttft_ms": 11,
    "request_id": "req_1",
    "speed": "normal",
    "query_source": "sdk",
}
OLD = {name: value for name, value in REQUEST.items() if "m_tokens" not in name and "1h" not in name}
"""As versions tell it that do not divide the cache writes."""


def reading(now: float = NOON + 60) -> Reading:
    return Reading(built_in(), LocalClock(timezone(timedelta(hours=1))), now)


def request(**told: Any) -> Event:
    return Event("api_request", {**REQUEST, **told}, {}, NOON)


def line(*events: Event) -> CallRecord:
    (record,) = records_of(events, reading())
    assert record is not None
    return record


def cost(**tokens: int) -> float:
    counts = {"tokens_input": 11, "tokens_output": 42, "tokens_cache_read": 7486, **tokens}
    found = price_of(OPUS, at=NOON, **counts)
    assert found is not None
    return found


# What an event tells


def test_a_request_is_a_line_with_all_it_tells() -> None:
    record = line(Event("api_request", REQUEST, {"host.name": "pi", "task_id": "gh-1"}, NOON))
    told = {name: value for name, value in json.loads(to_line(record)).items() if value is not None}
    assert told == {
        "timestamp": "2026-11-22T12:59:59.564000+01:00",
        "task_id": "gh-1",
        "model": OPUS,
        "tokens_input": 11,
        "tokens_output": 42,
        "tokens_total": 12519,
        "start_time": NOON - 0.436,
        "end_time": NOON,
        "duration_seconds": 0.436,
        "time_to_first_token": 0.011,
        "tokens_per_second": 96.330275,
        "success": True,
        "estimated_cost_usd": 0.0272812,
        "call_id": record.call_id,
        "source": "otel",
        "session_id": "s-1",
        "host": "pi",
        "request_id": "req_1",
        "speed": "standard",
        "tokens_cache_read": 7486,
        "tokens_cache_write_5m": 4980,
        "tokens_cache_write_1h": 0,
    }


def test_numbers_may_come_as_text() -> None:
    told = {name: str(value) if isinstance(value, (int, float)) else value for name, value in REQUEST.items()}
    assert line(Event("api_request", told, {}, NOON)) == line(request())


@pytest.mark.parametrize(
    ("resource", "attributes", "expected"),
    [
        ({"task_id": "a", "worker_id": "w", "project": "p"}, {}, ("a", "w", "p")),
        ({"task.id": "a", "worker.id": "w", "project.name": "p"}, {}, ("a", "w", "p")),
        ({"task_id": "a", "task.id": "b"}, {}, ("a", None, None)),
        ({}, {"task_id": "a", "project": "p"}, ("a", None, "p")),
        ({"task_id": 7, "project": "", "worker_id": None}, {}, ("7", None, None)),
    ],
)
def test_the_names_come_from_the_resource(
    resource: dict[str, Any], attributes: dict[str, Any], expected: tuple[str | None, ...]
) -> None:
    record = line(Event("api_request", {**REQUEST, **attributes}, resource, NOON))
    assert (record.task_id, record.worker_id, record.project) == expected


@pytest.mark.parametrize(
    ("told", "agent"),
    [
        ({"query_source": "sdk"}, None),
        ({"query_source": "repl_main_thread"}, None),
        ({"query_source": "repl_main_thread:outputStyle:custom"}, None),
        (
            {"query_source": "agent:builtin:general-purpose", "agent.name": "general-purpose"},
            "general-purpose",
        ),
        ({"query_source": "agent:builtin:Explore"}, "Explore"),
        ({"query_source": "agent:custom", "agent.name": "reviewer"}, "reviewer"),
        ({"query_source": "generate_session_title"}, "generate_session_title"),
        ({"query_source": None}, None),
    ],
)
def test_the_agent_is_the_subagent_or_the_helper(told: dict[str, Any], agent: str | None) -> None:
    assert line(request(**told)).agent == agent


def test_a_fast_call_has_the_fast_price() -> None:
    fast = price_of(OPUS, tokens_input=11, tokens_output=42, speed="fast", at=NOON)
    told = {"speed": "fast", "cost_usd": fast, "cache_read_tokens": 0, "cache_creation_tokens": 0}
    record = line(request(**told))
    assert (record.speed, record.estimated_cost_usd, record.settings) == ("fast", fast, None)


@pytest.mark.parametrize("time", [None, 0.0, 1.0, float("nan"), NOON + 200_000, 1e300])
def test_an_event_without_a_time_that_can_be_is_dated_now_and_has_no_start(time: float | None) -> None:
    (record,) = records_of([Event("api_request", REQUEST, {}, time)], reading(NOON))
    assert record is not None
    assert (record.timestamp[:19], record.start_time, record.end_time) == ("2026-11-22T13:00:00", None, None)


def test_without_a_duration_the_start_is_not_guessed() -> None:
    record = line(request(duration_ms=None))
    assert (record.timestamp[:19], record.start_time, record.end_time) == ("2026-11-22T13:00:00", None, NOON)


def test_an_event_that_names_no_model_and_no_request_is_no_line() -> None:
    assert records_of([Event("api_request", {"input_tokens": 5}, {}, NOON)], reading()) == [None]


def test_other_events_are_no_calls() -> None:
    others = ("user_prompt", "tool_result", "assistant_response", "api_refusal", "compaction")
    assert records_of([Event(name, REQUEST, {}, NOON) for name in others], reading()) == []


# Failures

ERROR = {
    "session.id": "s-1",
    "prompt.id": "p-1",
    "model": OPUS,
    "error": "invalid x-api-key sk-ant-api03-secret",
    "status_code": 401,
    "duration_ms": 8,
    "attempt": 2,
    "request_id": "req_2",
    "query_source": "sdk",
}
GIVEN_UP = {**ERROR, "total_attempts": 2, "total_retry_duration_ms": 646}


def test_a_failed_call_is_one_line_without_counts() -> None:
    events = [Event("api_error", ERROR, {}, NOON), Event("api_retries_exhausted", GIVEN_UP, {}, NOON)]
    record = line(*events)
    assert (record.success, record.http_status, record.error_type) == (False, 401, "authentication_error")
    assert (record.error_message, record.attempts) == ("invalid x-api-key sk-***", 2)
    assert (record.tokens_input, record.tokens_total, record.estimated_cost_usd) == (None, None, None)
    assert (record.duration_seconds, record.start_time) == (0.646, NOON - 0.646)


def test_the_last_tries_duration_is_not_the_calls() -> None:
    record = line(Event("api_error", ERROR, {}, NOON))
    assert (record.duration_seconds, record.start_time, record.end_time) == (None, None, NOON)


def test_a_failure_without_a_request_keeps_its_id_when_it_comes_again() -> None:
    told = {"session.id": "s-1", "model": OPUS, "error": "Connection error.", "event.sequence": 9}
    one, again = (line(Event("api_error", dict(told), {}, NOON)) for _ in range(2))
    other = line(Event("api_error", {**told, "event.sequence": 10}, {}, NOON))
    assert one.call_id == again.call_id != other.call_id


@pytest.mark.parametrize("status", ["undefined", 0, -1, 7, 1e9, True, None])
def test_a_status_that_is_none_is_left_out(status: Any) -> None:
    assert line(Event("api_error", {**ERROR, "status_code": status}, {}, NOON)).http_status is None


# What the cost tells


def old(usd: float | None, **told: Any) -> CallRecord:
    return line(Event("api_request", {**OLD, "cost_usd": usd, **told}, {}, NOON))


@pytest.mark.parametrize("hour", [0, 1, 2000, 4979, 4980])
def test_undivided_cache_writes_are_divided_by_what_the_call_cost(hour: int) -> None:
    record = old(cost(tokens_cache_write_5m=4980 - hour, tokens_cache_write_1h=hour))
    assert (record.tokens_cache_write_5m, record.tokens_cache_write_1h) == (4980 - hour, hour)
    assert record.tokens_final is None
    assert record.settings is None


def test_millionths_of_a_dollar_are_enough_where_one_division_fits() -> None:
    micros = round(cost(tokens_cache_write_1h=4980) * 1e6)
    record = old(None, cost_usd_micros=micros)
    assert (record.tokens_cache_write_1h, record.tokens_final) == (4980, None)


def test_undivided_cache_writes_without_a_cost_count_as_five_minutes_and_are_not_sure() -> None:
    record = old(None)
    assert (record.tokens_cache_write_5m, record.tokens_cache_write_1h) == (4980, 0)
    assert record.tokens_final is False


def test_undivided_cache_writes_that_no_division_explains_are_not_sure_and_keep_the_cost() -> None:
    record = old(0.05)
    assert (record.tokens_final, record.settings) == (False, {"reported_cost_usd": 0.05})
    assert record.estimated_cost_usd == round(cost(tokens_cache_write_5m=4980), 10)


def test_without_cache_writes_nothing_is_unsure() -> None:
    assert old(None, cache_creation_tokens=0).tokens_final is None


def test_a_reply_that_broke_off_has_the_estimate_it_was_priced_by_and_is_not_final() -> None:
    """As recorded: 2 output tokens told, 49 priced."""
    told = {
        "input_tokens": 6,
        "output_tokens": 2,
        "cache_read_tokens": 7483,
        "cost_usd": 0.027420599999999996,
    }
    writes = {"cache_creation_tokens": 4984, "cache_creation_5m_tokens": 4984}
    record = line(request(**told, **writes))
    assert (record.tokens_output, record.tokens_final) == (49, False)
    assert (record.estimated_cost_usd, record.settings) == (0.0274206, None)


def test_web_searches_show_in_the_cost() -> None:
    record = line(request(cost_usd=REQUEST["cost_usd"] + 0.03))  # type: ignore[operator]
    assert (record.web_searches, record.estimated_cost_usd, record.tokens_final) == (3, 0.0572812, None)


def test_a_cost_nothing_explains_stays_beside_ours() -> None:
    record = line(request(cost_usd=0.02))
    assert (record.estimated_cost_usd, record.settings) == (0.0272812, {"reported_cost_usd": 0.02})


def test_a_model_without_a_price_has_no_cost_though_the_client_guesses_one() -> None:
    record = line(request(model="claude-nova-9", cost_usd=0.5))
    assert (record.estimated_cost_usd, record.settings) == (None, {"reported_cost_usd": 0.5})


def test_the_name_of_a_long_context_model_stays_and_has_its_price() -> None:
    record = line(request(model=OPUS + "[1m]"))
    assert (record.model, record.estimated_cost_usd) == (OPUS + "[1m]", 0.0272812)


# Anything may come

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(["1e400", "nan", "-5", "7", "007", "١٢", "9" * 5000, 2**63, -(2**70), 1e308]),
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from([*REQUEST, *GIVEN_UP, "cost_usd_micros", "agent.name", "task_id"]), ODD
)
COUNTS = ("tokens_input", "tokens_output", "tokens_total", "tokens_cache_read", "tokens_cache_write_5m")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(CALLS)), ATTRIBUTES, ATTRIBUTES, ODD, st.booleans())
def test_no_event_raises_or_makes_a_line_of_nonsense(
    name: str, told: dict[str, Any], resource: dict[str, Any], time: Any, over: bool
) -> None:
    moment = time if isinstance(time, float) else None
    event = Event(name, {**REQUEST, **told} if over else told, resource, moment)
    for record in records_of([event, Event("api_retries_exhausted", told, resource, moment)], reading()):
        if record is None:
            continue
        assert from_line(to_line(record)) == record
        for count in (getattr(record, field) for field in COUNTS):
            assert count is None or (isinstance(count, int) and 0 <= count < 2**56)
        assert record.estimated_cost_usd is None or 0 <= record.estimated_cost_usd < 1e15
        assert record.duration_seconds is None or 0 <= record.duration_seconds <= 1e7
        assert record.timestamp.startswith("20")


# Each call once


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def lines(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("*.jsonl"))
    return [json.loads(text) for file in files for text in file.read_text("utf-8").splitlines()]


def new_log(folder: Path) -> TelemetryLog:
    return TelemetryLog(Journal(folder), clock=reading().clock, now=lambda: NOON + 60)


def test_a_delivery_that_comes_again_adds_nothing(folder: Path) -> None:
    log, events = new_log(folder), [request(request_id=f"req_{n}") for n in range(3)]
    first, second = log.take(events), log.take([*events, request(request_id="req_3")])
    assert (len(first.new), first.repeated, first.safe) == (3, 0, True)
    assert (len(second.new), second.repeated, second.safe) == (1, 3, True)
    assert [line["request_id"] for line in lines(folder)] == ["req_0", "req_1", "req_2", "req_3"]


def test_an_event_that_stands_twice_in_a_delivery_is_one_line(folder: Path) -> None:
    assert len(new_log(folder).take([request(), request()]).new) == 1
    assert len(lines(folder)) == 1


def test_a_delivery_that_comes_again_after_a_restart_adds_nothing(folder: Path) -> None:
    new_log(folder).take([request()])
    assert (new_log(folder).take([request()]).repeated, len(lines(folder))) == (1, 1)


def test_also_when_the_server_has_moved_to_another_time_zone(folder: Path) -> None:
    midnight = Event("api_request", REQUEST, {}, NOON + 11 * 3600 + 60)
    east = TelemetryLog(
        Journal(folder), clock=LocalClock(timezone(timedelta(hours=1))), now=lambda: NOON + 1e5
    )
    west = TelemetryLog(
        Journal(folder), clock=LocalClock(timezone(-timedelta(hours=9))), now=lambda: NOON + 1e5
    )
    assert (len(east.take([midnight]).new), len(west.take([midnight]).new)) == (1, 0)
    assert len(lines(folder)) == 1


def test_a_line_stands_in_the_file_of_the_day_the_call_began(folder: Path) -> None:
    new_log(folder).take([Event("api_request", REQUEST, {}, NOON - 13 * 3600 + 0.1)])
    assert [file.name for file in folder.iterdir()] == ["api-calls-2026-11-21.jsonl"]


def test_no_key_gets_into_the_log(folder: Path) -> None:
    told = {"model": OPUS, "error": "Bearer abc sk-ant-oat01-secret", "request_id": "req_9"}
    new_log(folder).take([Event("api_error", told, {"task_id": "sk-ant-api03-other"}, NOON)])
    text = next(folder.iterdir()).read_text("utf-8")
    assert "secret" not in text
    assert "other" not in text
    assert "Bearer abc" not in text


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """A disk that is full while the list holds True."""
    full, write = [True], os.write

    def refuse(descriptor: int, data: bytes) -> int:
        if full[0] and data.startswith(b"{"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr("logger.journal.os.write", refuse)
    yield full


def test_what_cannot_be_written_is_not_safe_until_it_is_and_then_stands_once(
    folder: Path, full_disk: list[bool]
) -> None:
    log, events = new_log(folder), [request(request_id=f"req_{n}") for n in range(3)]
    assert not log.take(events).safe
    assert not log.take(events).safe
    assert not log.take([request(request_id="req_other")]).safe
    full_disk[0] = False
    assert log.take(events).safe
    assert [line["request_id"] for line in lines(folder)] == ["req_0", "req_1", "req_2"]
    assert len(log.take([request(request_id="req_other")]).new) == 1


def test_a_writer_that_dies_with_unwritten_lines_loses_none_that_is_sent_again(
    folder: Path, full_disk: list[bool]
) -> None:
    new_log(folder).take([request()])  # and is never heard of again
    full_disk[0] = False
    assert len(new_log(folder).take([request()]).new) == 1


def test_a_day_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr("logger.telemetry_log.ids_of_day", lambda _, day: read.append(day) or set())
    log = new_log(folder)
    for number in range(5):
        log.take([request(request_id=f"req_{number}")])
    assert sorted(read) == ["2026-11-21", "2026-11-22", "2026-11-23"]
