"""The decoder: what a line means, and which lines are bad and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dashboard.filters import hour_of
from dashboard.store import clock
from dashboard.store.lines import Batch, decode, record

BERLIN = ZoneInfo("Europe/Berlin")
LEAST = {"timestamp": "2026-11-22T14:35:07.123456+01:00", "model": "claude-haiku-4-5", "success": True}

ORIGINAL = {
    "timestamp": "2025-11-02T21:30:45.123456",
    "task_id": "gh-456",
    "worker_id": "w-abc123",
    "model": "claude-sonnet-4-5",
    "prompt_file": "/path/to/gh-456-prompt.txt",
    "prompt_length": 4582,
    "response_length": 12453,
    "tokens_input": 12500,
    "tokens_output": 3200,
    "tokens_total": 15700,
    "start_time": 1730595045.123,
    "end_time": 1730595090.321,
    "duration_seconds": 45.198,
    "time_to_first_token": 2.3,
    "tokens_per_second": 70.8,
    "success": True,
    "error_message": None,
    "exit_code": 0,
    "settings": {"worktree": "/path/to/trees/gh-456"},
    "estimated_cost_usd": 0.0855,
}


def read(*lines: bytes | dict[str, Any], **given: Any) -> Batch:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return decode(b"".join(line + b"\n" for line in raw), BERLIN, **given)


def numbers(**fields: Any) -> dict[str, Any]:
    """The number columns of one good line."""
    batch = read(LEAST | fields)
    assert batch.bad == ()
    return {name: values[0] for name, values in batch.rows.numbers.items()}


def facet(batch: Batch, name: str) -> list[str]:
    names = batch.rows.names[name].to_pylist()
    return [names[code] for code in batch.rows.codes[name]]


def reason(line: bytes | dict[str, Any]) -> str:
    """Why a line is bad; it must not cost its neighbours."""
    batch = read(LEAST, line, LEAST)
    assert len(batch.rows) == 2
    ((number, told),) = batch.bad
    assert number == 2
    return told


def test_a_line_of_the_original_program_loads_and_its_timestamp_is_the_authority() -> None:
    batch = read(ORIGINAL)
    assert batch.bad == ()
    assert batch.rows.numbers["time"][0] == datetime(2025, 11, 2, 20, 30, 45, 123456, UTC).timestamp() * 1e6
    assert batch.rows.numbers["tokens_total"][0] == 15700
    assert batch.rows.numbers["cost_usd"][0] == 0.0855
    assert facet(batch, "task_id") == ["gh-456"]
    assert facet(batch, "source") == facet(batch, "project") == [""]


def test_the_total_is_the_sum_of_the_parts_else_the_lines_own() -> None:
    parts = {"tokens_input": 1, "tokens_output": 2, "tokens_cache_read": 4, "tokens_total": 99}
    assert numbers(**parts)["tokens_total"] == 7
    assert numbers(tokens_total=99)["tokens_total"] == 99
    assert numbers(tokens_input=0, tokens_total=99)["tokens_total"] == 0


def test_cache_writes_of_both_lifetimes_are_one_column() -> None:
    found = numbers(tokens_cache_write_5m=3, tokens_cache_write_1h=4)
    assert (found["tokens_cache_write"], found["tokens_total"]) == (7, 7)
    assert found["tokens_cache_write_1h"] == 4


def test_the_model_that_answered_is_known_where_it_is_another() -> None:
    assert facet(read(LEAST | {"model_served": "claude-opus-5-5"}), "model_served") == ["claude-opus-5-5"]
    assert facet(read(LEAST), "model_served") == [""]


def test_unknown_counts_are_not_zero_counts() -> None:
    assert not numbers()["counted"]
    assert numbers(tokens_output=0)["counted"]
    assert numbers(tokens_total=5)["counted"]
    assert np.isnan(numbers()["cost_usd"])
    assert numbers(estimated_cost_usd=0, source="manual", tokens_output=5)["cost_usd"] == 0


def test_cost_zero_of_an_old_line_with_tokens_is_not_known() -> None:
    """The original program wrote 0 for a model it had no price for."""
    assert np.isnan(numbers(estimated_cost_usd=0.0, tokens_output=5)["cost_usd"])
    assert numbers(estimated_cost_usd=0.0, tokens_output=0)["cost_usd"] == 0


def test_numbers_in_quotes_and_floats_without_fraction_are_taken() -> None:
    found = numbers(tokens_input="12", tokens_output=7.0, estimated_cost_usd="0.5", calls="3")
    assert (found["tokens_input"], found["tokens_output"]) == (12, 7)
    assert (found["cost_usd"], found["calls"]) == (0.5, 3)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tokens_input": "many"}, "tokens_input"),
        ({"tokens_input": 1.5}, "tokens_input"),
        ({"tokens_input": -1}, "tokens_input"),
        ({"tokens_output": 2**63}, "tokens_output"),
        ({"tokens_cache_read": True}, "tokens_cache_read"),
        ({"success": None}, "success"),
        ({"success": "perhaps"}, "success"),
        ({"estimated_cost_usd": -0.01}, "estimated_cost_usd"),
        ({"estimated_cost_usd": "nan"}, "estimated_cost_usd"),
        ({"task_id": {"a": 1}}, "task_id"),
        ({"calls": 2**40}, "calls"),
        ({"model": 4}, "model"),
        ({"model": {}}, "model"),
        ({"timestamp": 1730595045.1}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "2026-02-30T00:00:00.000000+00:00"}, "timestamp"),
        ({"timestamp": "2026-11-22T24:00:00.000000+00:00"}, "timestamp"),
        ({"timestamp": "2026-11-22T23:60:00.000000"}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
        ({"timestamp": "9999-12-31T23:59:59-14:00"}, "timestamp"),
        ({"timestamp": "9999-12-31T23:59:59.000000-14:00"}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
    ],
)
def test_a_field_that_cannot_be_used_makes_the_line_bad_and_is_named(
    fields: dict[str, Any], field: str
) -> None:
    assert reason(LEAST | fields).startswith(field)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"oops", "not JSON"),
        (b'{"timestamp": "2026-11-22T14:3', "not JSON"),
        (b'{"timestamp": "2026-11-22T14:35:07Z", "model": "m", "tokens_input": NaN}', "tokens_input: "),
        (
            b'{"timestamp": "2026-11-22T14:35:07Z", "model": "m", "estimated_cost_usd": NaN}',
            "estimated_cost_usd: ",
        ),
        (b'{"timestamp": "2026-11-22T14:35:07Z"}', "model is missing"),
        (b'{"a": 1}{"b": 2}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "timestamp is missing"),
        (b'"text"', "not a JSON object"),
        (b'{"model": "\xff"}', "not UTF-8"),
        (b"\0\0\0\0", "only NUL bytes"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep"),
        (b'{"a": ' + b"1" * 5000 + b"}", "not JSON"),
    ],
)
def test_what_is_no_record_is_a_bad_line_with_a_reason(line: bytes, told: str) -> None:
    assert told in reason(line)


def test_two_objects_on_a_line_and_one_over_two_lines_do_not_make_up_for_each_other() -> None:
    """Three objects on three lines, but not one on each."""
    least = json.dumps(LEAST).encode()
    first, second = least.split(b", ", 1)
    batch = read(least + least, first + b",", second, LEAST)
    assert len(batch.rows) == 1
    assert [line for line, _ in batch.bad] == [1, 2, 3]


def test_two_objects_on_one_line_are_not_two_lines() -> None:
    assert reason(json.dumps(LEAST).encode() * 2).startswith("not JSON")


def test_blank_lines_count_for_line_numbers_only() -> None:
    batch = read(b"", LEAST, b"  \t", b"oops", line=10)
    assert (len(batch.rows), batch.lines) == (1, 4)
    assert [line for line, _ in batch.bad] == [13]


def test_windows_line_ends_a_byte_order_mark_and_nul_bytes_around_a_line_do_no_harm() -> None:
    least = json.dumps(LEAST).encode()
    batch = read(b"\xef\xbb\xbf" + least + b"\r", least + b"\r", b"\0\0" + least + b"\0")
    assert (len(batch.rows), batch.bad) == (3, ())


def test_rows_know_where_their_line_starts() -> None:
    least = json.dumps(LEAST).encode()
    size = len(least) + 1
    assert read(LEAST, b"oops", LEAST).rows.numbers["offset"].tolist() == [0, size + 5]
    assert read(LEAST, LEAST, offset=100).rows.numbers["offset"].tolist() == [100, 100 + size]
    assert read(LEAST, LEAST, packed=True).rows.numbers["offset"].tolist() == [-1, -1 - size]


def test_missing_fields_have_their_defaults() -> None:
    found = numbers()
    assert (found["calls"], found["web_searches"], found["final"]) == (1, 0, True)
    assert np.isnan(found["duration_seconds"])
    bare = {name: value for name, value in LEAST.items() if name != "success"}
    batch = read(bare, bare | {"error_message": "no"})
    assert facet(batch, "outcome") == ["ok", "failed"]


@pytest.mark.parametrize(
    ("attempts", "retries"),
    [(None, 0), (0, 0), (1, 0), (2, 1), ("11", 10), (4.0, 3), ("many", 0), (-1, 0), ([], 0)],
)
def test_retries_are_the_attempts_beyond_the_first(attempts: Any, retries: int) -> None:
    """Nothing else is counted by them, so what is no number does not cost the line."""
    assert numbers(attempts=attempts)["retries"] == retries
    assert numbers()["retries"] == 0


def test_a_lower_bound_is_marked() -> None:
    assert not numbers(tokens_final=False)["final"]
    assert numbers(tokens_final=None)["final"]


def test_the_error_is_its_type_else_the_start_of_its_message() -> None:
    failed = LEAST | {"success": False}
    batch = read(
        failed | {"error_type": "Timeout", "error_message": "x"}, failed | {"error_message": "y" * 500}
    )
    assert facet(batch, "error") == ["Timeout", "y" * 120]


def test_any_unicode_in_a_name_loads_even_half_of_a_pair() -> None:
    raw = (
        json.dumps(LEAST | {"task_id": "a\nb \U0001f980"}).encode(),
        rb'{"task_id":"\ud800x",' + json.dumps(LEAST).encode()[1:],
    )
    assert facet(read(*raw), "task_id") == ["a\nb \U0001f980", "?x"]


def test_a_number_as_name_is_its_digits() -> None:
    assert facet(read(LEAST | {"task_id": 42}, LEAST | {"task_id": "42"}), "task_id") == ["42", "42"]


def test_a_task_or_worker_that_is_no_text_is_what_was_written() -> None:
    batch = read(LEAST | {"task_id": 1.5, "worker_id": True}, LEAST | {"task_id": 2.0, "worker_id": False})
    assert batch.bad == ()
    assert facet(batch, "task_id") == ["1.5", "2.0"]
    assert facet(batch, "worker_id") == ["true", "false"]


@pytest.mark.parametrize("model", [None, ""])
def test_a_call_whose_model_was_not_given_counts_under_unknown(model: str | None) -> None:
    batch = read(LEAST | {"model": model, "tokens_output": 7, "estimated_cost_usd": 0.5}, LEAST)
    assert (batch.bad, facet(batch, "model")) == ((), ["unknown", "claude-haiku-4-5"])
    assert batch.rows.numbers["tokens_total"].tolist() == [7, 0]
    assert batch.rows.numbers["cost_usd"][0] == 0.5


@pytest.mark.parametrize("name", ["duration_seconds", "time_to_first_token", "tokens_per_second"])
@pytest.mark.parametrize(
    "value", ["NaN", "-Infinity", "1e999", "1e300", '"slow"', "[1]", "true", '"nan"', "{}"]
)
def test_what_cannot_be_used_as_a_measurement_costs_the_line_neither_tokens_nor_cost(
    name: str, value: str
) -> None:
    counts = json.dumps(LEAST | {"tokens_output": 7, "estimated_cost_usd": 0.5})
    batch = read(f'{counts[:-1]}, "{name}": {value}}}'.encode(), LEAST)
    assert batch.bad == ()
    found = {column: values[0] for column, values in batch.rows.numbers.items()}
    assert (found["tokens_total"], found["cost_usd"]) == (7, 0.5)
    assert np.isnan(found[name])


def test_a_measurement_in_quotes_is_taken() -> None:
    assert numbers(duration_seconds="4.5")["duration_seconds"] == 4.5


def test_not_a_number_in_a_field_that_is_not_read_does_no_harm() -> None:
    batch = read(json.dumps(LEAST | {"start_time": float("nan"), "settings": {"a": float("inf")}}).encode())
    assert (len(batch.rows), batch.bad) == (1, ())


def test_a_clock_set_back_leaves_the_duration_unknown() -> None:
    found = numbers(duration_seconds=-3600.0, tokens_per_second=-2)
    assert np.isnan(found["duration_seconds"])
    assert np.isnan(found["tokens_per_second"])


def test_large_counts_keep_every_digit() -> None:
    found = numbers(tokens_input=2**53, tokens_output=3)
    assert found["tokens_input"] == 2**53
    assert found["tokens_total"] == 2**53 + 3


def test_record_gives_every_field_as_written() -> None:
    assert record(json.dumps(ORIGINAL).encode() + b"\r\n") == ORIGINAL
    assert record(b'{"duration_seconds": NaN}') == {"duration_seconds": "NaN"}
    assert record(b"[]") is None
    assert record(b"\xff") is None


TIMES = [
    "2026-11-22T14:35:07.123456+01:00",
    "2026-11-22T14:35:07.123456-09:30",
    "2026-11-22T14:35:07.123456",
    "2026-11-22T14:35:07+01:00",
    "2026-11-22 14:35:07.5Z",
    "2026-11-22T14:35:07",
    "2024-02-29T23:59:59.999999+05:45",
    "1970-01-01T00:00:00.000000+00:00",
    "2026-11-22",
]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"])
def test_times_are_what_datetime_makes_of_them(zone: str) -> None:
    here = ZoneInfo(zone)
    found, days = clock.instants(TIMES, here)
    for text, time, day in zip(TIMES, found.tolist(), days.tolist(), strict=True):
        written = datetime.fromisoformat(text)
        aware = written if written.tzinfo else written.replace(tzinfo=here)
        assert time == (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1), text
        assert day == (written.date() - datetime(1970, 1, 1).date()).days


@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("Asia/Kolkata", datetime(2026, 11, 22, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),  # 02:00 -> 01:00
        ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),  # 02:00 -> 03:00
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 6, tzinfo=UTC)),  # back by half an hour
        ("Australia/Lord_Howe", datetime(2026, 10, 3, 6, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 11, 22, tzinfo=UTC)),
    ],
)
def test_hours_are_local_hours_also_across_clock_changes(zone: str, around: datetime) -> None:
    """The repeated hour of autumn is two hours."""
    here = ZoneInfo(zone)
    moments = [around + timedelta(minutes=7 * step) for step in range(200)]
    times = np.array([int(moment.timestamp()) * 1_000_000 for moment in moments])
    expected = [int(hour_of(moment.astimezone(here)).timestamp()) for moment in moments]
    assert clock.hours(times, here).tolist() == expected


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe"])
def test_naive_times_are_local_also_across_clock_changes(zone: str) -> None:
    here, start = ZoneInfo(zone), datetime(2026, 1, 1)
    texts = [(start + timedelta(minutes=37 * step, microseconds=1)).isoformat() for step in range(14_000)]
    found, _ = clock.instants(texts, here)
    expected = [
        (datetime.fromisoformat(text).replace(tzinfo=here) - datetime(1970, 1, 1, tzinfo=UTC))
        // timedelta(microseconds=1)
        for text in texts
    ]
    assert found.tolist() == expected
