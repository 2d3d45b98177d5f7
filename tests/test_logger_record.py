"""The line: its schema, its JSON, and reading it back."""

from __future__ import annotations

import json
import math
from collections import UserDict
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logger.record import (
    DAY_FILE_PATTERN,
    FIELDS,
    ORIGINAL_FIELDS,
    CallRecord,
    RecordError,
    day_file_name,
    from_line,
    line_of,
    to_line,
)

STAMP = "2026-11-22T13:15:53.792000+00:00"

EXAMPLE = """{
  "timestamp": "2025-11-02T21:30:45.123456", "task_id": "gh-456", "worker_id": "w-abc123",
  "model": "claude-sonnet-4-5", "prompt_file": "/path/to/gh-456-prompt.txt", "prompt_length": 4582,
  "response_length": 12453, "tokens_input": 12500, "tokens_output": 3200, "tokens_total": 15700,
  "start_time": 1730595045.123, "end_time": 1730595090.321, "duration_seconds": 45.198,
  "time_to_first_token": 2.3, "tokens_per_second": 70.8, "success": true, "error_message": null,
  "exit_code": 0, "settings": {"worktree": "/path/to/trees/gh-456"}, "estimated_cost_usd": 0.0855
}"""


def record(**fields: Any) -> CallRecord:
    return CallRecord(**{"timestamp": STAMP, "model": "m", **fields})


def said(value: Any) -> Any:
    """What a line says of these settings."""
    return json.loads(to_line(record(settings=value)))["settings"]


def test_the_original_fields_are_in_every_line_first_and_in_order() -> None:
    written = list(json.loads(to_line(record(project="p", call_id="c"))))
    assert written == [*json.loads(EXAMPLE), "call_id", "project"]
    assert list(ORIGINAL_FIELDS) == list(json.loads(EXAMPLE))


def test_further_fields_are_written_only_when_they_say_something() -> None:
    usual = record(calls=1, attempts=1, tokens_final=True, project=None)
    assert set(json.loads(to_line(usual))) == set(ORIGINAL_FIELDS)
    telling = json.loads(to_line(record(calls=0, attempts=2, tokens_final=False, tokens_cache_read=0)))
    assert telling["calls"] == 0 and telling["attempts"] == 2
    assert telling["tokens_final"] is False and telling["tokens_cache_read"] == 0


def test_every_field_has_a_type_and_a_meaning() -> None:
    assert all(field.meaning and field.type for field in FIELDS)
    assert {field.type.removesuffix(" or null") for field in FIELDS} <= {"string", "integer", "number", "boolean", "object"}  # fmt: skip
    units = {field.name: field.unit for field in FIELDS}
    assert units["estimated_cost_usd"] == "USD" and units["start_time"] == "Unix s"


def test_the_example_of_the_original_notes_loads() -> None:
    loaded = from_line(EXAMPLE)
    assert (loaded.task_id, loaded.tokens_total, loaded.estimated_cost_usd) == ("gh-456", 15700, 0.0855)
    assert loaded.started.tzinfo is not None and loaded.call_id is None


def test_a_record_survives_its_line() -> None:
    whole = record(task_id="t", settings={"a": [1, None]}, tokens_input=0, success=True, tokens_final=False)
    assert from_line(to_line(whole)) == whole


def test_old_and_foreign_lines_load_with_what_fits() -> None:
    line = '{"timestamp": "2025-11-02T21:30:45", "tokens_input": "many", "tokens_output": 5.0, "success": 1, "exit_code": true, "new": 1}'  # fmt: skip
    loaded = from_line(line)
    assert (loaded.tokens_input, loaded.tokens_output, loaded.exit_code) == (None, 5, None)
    assert loaded.model == "" and loaded.success is False


@pytest.mark.parametrize(
    "line", ["", "nonsense", "[1]", "3", "{}", '{"timestamp": 5}', b"\xff\xfe", "[" * 100_000]
)
def test_what_is_no_record_is_refused_with_a_reason(line: str | bytes) -> None:
    with pytest.raises(RecordError, match=r"."):
        from_line(line)


class Colour(Enum):
    RED = 1


class Rude:
    def __str__(self) -> str:
        raise RuntimeError("no")


class RudeDict(UserDict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"x": float("nan")}, {"x": None}),
        ({"x": [math.inf, -math.inf, 1.5]}, {"x": [None, None, 1.5]}),
        ({"x": Path("/a/b")}, {"x": "/a/b"}),
        ({"x": datetime(2026, 11, 22, tzinfo=UTC)}, {"x": "2026-11-22T00:00:00+00:00"}),
        ({"x": date(2026, 11, 22)}, {"x": "2026-11-22"}),
        ({"x": (1, 2)}, {"x": [1, 2]}),
        ({"x": {5}}, {"x": [5]}),
        ({"x": b"caf\xc3\xa9\xff"}, {"x": "café\ufffd"}),
        ({"x": Decimal("1.50")}, {"x": "1.50"}),
        ({"x": Colour.RED}, {"x": "Colour.RED"}),
        ({1: "a", None: "b", (2, 3): "c"}, {"1": "a", "None": "b", "(2, 3)": "c"}),
        ({"x": UserDict({"y": {1}})}, {"x": {"y": [1]}}),
        ({"x": Rude()}, {"x": "<Rude>"}),
        ({"x": 10**5000, "y": set()}, {"x": hex(10**5000), "y": []}),
    ],
)
def test_what_json_has_no_word_for_is_written_as_the_nearest_it_has(value: Any, written: Any) -> None:
    assert said(value) == written


def test_cycles_and_depths_end() -> None:
    cycle: dict[str, Any] = {}
    cycle["me"] = cycle
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert said(cycle)["me"]["me"]
    assert said({"x": deep})["x"]
    assert json.loads(to_line(record(settings=RudeDict())))["settings"]


@pytest.mark.parametrize(
    "text",
    [
        "two\nlines",
        "\r\n",
        "nul\0",
        "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e",
        "\ud800 lone",
        "😀 日本 é",
        '"}\\',
        "\x7f",
    ],
)
def test_no_text_can_tear_a_line(text: str) -> None:
    """Not for Python's splitlines, not for readers that insist on valid UTF-8."""
    line = to_line(record(task_id=text, settings={text: text}))
    assert line.decode("utf-8").splitlines() == [line.decode("utf-8")[:-1]]
    back = msgspec.json.decode(line)
    assert back["task_id"] == text.replace("\ud800", "\ufffd") and back == json.loads(line)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.sets(st.integers()),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*ORIGINAL_FIELDS, "project"]), json_values))
def test_any_values_make_one_line_of_json(values: dict[str, Any]) -> None:
    line = line_of(values)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert set(json.loads(line, parse_constant=pytest.fail)) == set(values)


def test_the_file_of_a_day() -> None:
    assert day_file_name(date(2026, 11, 22)) == day_file_name("2026-11-22") == "api-calls-2026-11-22.jsonl"
    for name in ("api-calls-2026-11-22.jsonl", "api-calls-2026-11-22.jsonl.gz"):
        match = DAY_FILE_PATTERN.fullmatch(name)
        assert match and match["day"] == "2026-11-22"
    for name in ("api-calls-2026-11-22.jsonl.bak", "xapi-calls-2026-11-22.jsonl", "api-calls-2026-1-2.jsonl"):
        assert not DAY_FILE_PATTERN.fullmatch(name)
