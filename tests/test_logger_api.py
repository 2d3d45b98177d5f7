"""ClaudeAPILogger: the original program's interface, what it got wrong, usages and prices."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from logger_host import ANTHROPIC, CLI_OUTPUTS, NOON, Clock, new_log, one_call, only, written

from logger import ORIGINAL_FIELDS, APICallMetrics, ClaudeAPILogger
from logger.call_line import original_values
from logger.plain_line import plain_line
from logger.record import line_of

pytest_plugins = ("logger_fixtures",)


def test_the_original_coordinator_runs_unchanged(tmp_path: Path, clock: Clock) -> None:
    """The calls of the original integration notes, argument by argument."""
    api_logger = new_log(tmp_path / "api", clock)
    prompt = "Fix it"
    metrics = api_logger.start_call(
        task_id="gh-456",
        worker_id="w-abc123",
        model="claude-opus-5-5",
        prompt_file="/path/to/gh-456-prompt.txt",
        prompt_content=prompt,
    )
    clock.pass_(45.198)
    usage = api_logger.parse_stream_json_output(CLI_OUTPUTS / "tools" / "stream.jsonl")
    api_logger.end_call(
        metrics=metrics,
        response_content=usage["response_content"],
        tokens_input=usage["tokens_input"],
        tokens_output=usage["tokens_output"],
        success=True,
        error_message=None,
    )
    line = only(api_logger)
    assert list(line)[:20] == list(ORIGINAL_FIELDS)
    assert (line["task_id"], line["worker_id"], line["prompt_length"]) == ("gh-456", "w-abc123", 6)
    assert (line["tokens_input"], line["tokens_output"], line["tokens_total"]) == (35, 215, 50819)
    assert line["tokens_cache_read"] == 45214 and line["estimated_cost_usd"] == 0.0402578
    assert line["duration_seconds"] == 45.198 and line["tokens_per_second"] == pytest.approx(215 / 45.198)
    summary = api_logger.get_daily_summary()
    assert summary["total_calls"] == 4 and summary["total_cost_usd"] == 0.040258


def test_the_example_line_of_the_notes_is_what_is_written(tmp_path: Path, clock: Clock) -> None:
    clock.now = 1762119045.123
    log = new_log(tmp_path, clock)
    call = log.start_call("gh-456", "w-abc123", "claude-sonnet-4-5", "/path/to/gh-456-prompt.txt", "x" * 4582, {"worktree": "/path/to/trees/gh-456"})  # fmt: skip
    call.time_to_first_token = 2.3
    clock.pass_(45.198)
    log.end_call(call, "y" * 12453, 12500, 3200, exit_code=0)
    line = only(log)
    del line["call_id"], line["source"]
    assert line == {
        "timestamp": "2025-11-02T21:30:45.123000+00:00",
        "task_id": "gh-456",
        "worker_id": "w-abc123",
        "model": "claude-sonnet-4-5",
        "prompt_file": "/path/to/gh-456-prompt.txt",
        "prompt_length": 4582,
        "response_length": 12453,
        "tokens_input": 12500,
        "tokens_output": 3200,
        "tokens_total": 15700,
        "start_time": 1762119045.123,
        "end_time": 1762119090.321,
        "duration_seconds": 45.198,
        "time_to_first_token": 2.3,
        "tokens_per_second": pytest.approx(70.8, abs=0.01),
        "success": True,
        "error_message": None,
        "exit_code": 0,
        "settings": {"worktree": "/path/to/trees/gh-456"},
        "estimated_cost_usd": 0.0855,
    }


def test_the_short_way_and_the_long_way_write_the_same(log: ClaudeAPILogger, clock: Clock) -> None:
    """Most calls take a faster way to their line; it must say the same."""
    for settings in (None, {"a": 1}):
        call = log.start_call("t", None, "claude-sonnet-4-5", "/p", "prompt", settings)
        call.time_to_first_token = 0.25
        clock.pass_(2)
        log.end_call(call, "response", 10, 20, False, "went wrong", 3)
        short = plain_line(call, "")
        assert short is not None
        assert json.loads(short) == json.loads(line_of(original_values(call)))
        assert list(json.loads(short)) == list(ORIGINAL_FIELDS)


def test_metrics_are_the_originals_dataclass(log: ClaudeAPILogger) -> None:
    """Readable, settable, and `asdict` gives the twenty fields; after the end the results are in it."""
    call = log.start_call("t", "w", "claude-sonnet-4-5", None, "p")
    assert isinstance(call, APICallMetrics) and call.start_time == NOON and call.success is False
    call.anything_else = 5  # type: ignore[attr-defined]
    log.end_call(call, "r", 1000, 2000)
    assert list(dataclasses.asdict(call)) == list(ORIGINAL_FIELDS)
    assert (call.tokens_total, call.success, call.estimated_cost_usd) == (3000, True, 0.033)


def test_the_log_file_is_that_of_today(log: ClaudeAPILogger, tmp_path: Path) -> None:
    assert log.log_file == tmp_path / "api-calls-2026-11-22.jsonl"


def test_a_program_that_runs_over_midnight_writes_into_the_day_each_call_began(
    log: ClaudeAPILogger, clock: Clock
) -> None:
    """23:59:50 to 00:00:20 is a call of the old day, the next one of the new day."""
    clock.now = datetime(2026, 11, 22, 23, 59, 50, tzinfo=UTC).timestamp()
    over = log.start_call("over", None, "m")
    clock.pass_(30)
    after = log.start_call("after", None, "m")
    log.end_call(after)
    log.end_call(over)
    days = {path.name: [json.loads(line) for line in path.open()] for path in log.log_dir.glob("*.jsonl")}
    assert [line["task_id"] for line in days["api-calls-2026-11-22.jsonl"]] == ["over"]
    assert [line["task_id"] for line in days["api-calls-2026-11-23.jsonl"]] == ["after"]
    for name, lines in days.items():
        assert all(line["timestamp"][:10] in name for line in lines)


@pytest.mark.parametrize("jump", [-3600.0, 86400.0 * 365])
def test_a_clock_that_jumps_changes_no_duration(log: ClaudeAPILogger, clock: Clock, jump: float) -> None:
    """A Raspberry Pi sets its clock after boot."""
    call = log.start_call("t", None, "m")
    clock.pass_(2.5)
    clock.now += jump
    log.end_call(call, tokens_output=5, tokens_input=5)
    line = only(log)
    assert line["duration_seconds"] == 2.5 and line["tokens_per_second"] == 2.0


def test_a_summer_time_change_within_a_call_changes_no_duration(tmp_path: Path, clock: Clock) -> None:
    """Berlin, 2026-10-25: 02:59:50 summer time, and 30 seconds later it is 02:00:20."""
    clock.now = datetime(2026, 10, 25, 0, 59, 50, tzinfo=UTC).timestamp()
    log = new_log(tmp_path, clock, zone=ZoneInfo("Europe/Berlin"))
    first = log.start_call("t", None, "m")
    clock.pass_(30)
    second = log.start_call("t", None, "m")
    log.end_call(first)
    log.end_call(second)
    stamps = [line["timestamp"] for line in written(log)]
    assert stamps == ["2026-10-25T02:59:50.000000+02:00", "2026-10-25T02:00:20.000000+01:00"]
    assert written(log)[0]["duration_seconds"] == 30.0


def test_zero_tokens_are_zero_and_cost_nothing(log: ClaudeAPILogger) -> None:
    line = one_call(log, tokens_input=0, tokens_output=0)
    assert (line["tokens_input"], line["tokens_output"], line["tokens_total"]) == (0, 0, 0)
    assert line["estimated_cost_usd"] == 0.0


def test_unknown_tokens_are_null_and_so_is_their_cost(log: ClaudeAPILogger) -> None:
    for ended in ({}, {"tokens_input": 5}, {"tokens_output": 5}):
        line = one_call(log, **ended)
        assert line["tokens_total"] is None and line["estimated_cost_usd"] is None
    assert line["tokens_input"] is None and line["tokens_output"] == 5


def test_an_unknown_model_costs_null(log: ClaudeAPILogger) -> None:
    assert one_call(log, "gpt-5", tokens_input=5, tokens_output=5)["estimated_cost_usd"] is None


def test_cache_tokens_count_and_have_their_own_price(log: ClaudeAPILogger) -> None:
    """Opus 5.5: 4 in, 174 out, 4208 written for an hour, 4105 read: $0.037981."""
    line = one_call(log, "claude-opus-5-5", tokens_input=4, tokens_output=174, tokens_cache_write_1h=4208, tokens_cache_read=4105)  # fmt: skip
    assert line["tokens_total"] == 8491 and line["estimated_cost_usd"] == pytest.approx(0.037981, abs=1e-12)
    assert line["tokens_cache_read"] == 4105 and line["tokens_cache_write_1h"] == 4208


@pytest.mark.parametrize("name", ["two\nlines", "日本 \ud800 \u2028", "", "x" * 100_000, '"\\', "nul\0"])
def test_names_may_hold_anything(log: ClaudeAPILogger, name: str) -> None:
    log.end_call(log.start_call(name, name, "m"))
    assert only(log)["task_id"] == name.replace("\ud800", "\ufffd")


@pytest.mark.parametrize("usage", [ANTHROPIC, {"usage": ANTHROPIC}])
def test_an_anthropic_usage_can_be_given_as_it_is(log: ClaudeAPILogger, usage: dict[str, Any]) -> None:
    line = one_call(log, "claude-opus-5-5", usage=usage)
    assert line["estimated_cost_usd"] == pytest.approx(0.037981, abs=1e-12)
    assert line["tokens_input"] == 4 and line["service_tier"] == "standard"


def test_a_message_tells_its_id_and_who_answered(log: ClaudeAPILogger) -> None:
    usage = SimpleNamespace(input_tokens=5, output_tokens=5)
    message = SimpleNamespace(id="msg_1", model="claude-opus-5-5", stop_reason="end_turn", usage=usage, _request_id="req_1")  # fmt: skip
    line = one_call(log, "my-alias", usage=message)
    assert (line["message_id"], line["request_id"], line["stop_reason"]) == ("msg_1", "req_1", "end_turn")
    assert line["model"] == "my-alias" and line["model_served"] == "claude-opus-5-5"
    assert line["estimated_cost_usd"] == pytest.approx(120e-6)
    assert "model_served" not in one_call(log, "claude-opus-5-5", usage=message)


def test_counts_given_by_name_go_before_the_usage(log: ClaudeAPILogger) -> None:
    line = one_call(log, usage=ANTHROPIC, tokens_output=7, tokens_cache_read=1, tokens_input=None)
    assert (line["tokens_input"], line["tokens_output"], line["tokens_cache_read"]) == (4, 7, 1)


def test_the_price_depends_on_speed_tier_and_region(log: ClaudeAPILogger) -> None:
    for kind, factor in [
        ({"speed": "fast"}, 2.0),
        ({"service_tier": "batch"}, 0.5),
        ({"inference_geo": "us"}, 1.1),
    ]:
        line = one_call(log, "claude-opus-5-5", tokens_input=1_000_000, tokens_output=0, **kind)
        assert line["estimated_cost_usd"] == pytest.approx(4.0 * factor)


def test_a_cost_that_is_known_can_be_given(log: ClaudeAPILogger) -> None:
    assert (
        one_call(log, "gpt-5", tokens_input=5, tokens_output=5, estimated_cost_usd=0.5)["estimated_cost_usd"]
        == 0.5
    )


def test_any_field_of_the_line_can_be_given_at_start_and_end(log: ClaudeAPILogger) -> None:
    call = log.start_call("t", None, "m", project="website", session_id="s")
    log.end_call(
        call, agent="reviewer", http_status=529, attempts=3, error_type="overloaded_error", success=False
    )
    line = only(log)
    assert (line["project"], line["session_id"], line["agent"]) == ("website", "s", "reviewer")
    assert (line["http_status"], line["attempts"]) == (529, 3)


def test_a_field_nobody_knows_is_left_out_and_said(
    log: ClaudeAPILogger, caplog: pytest.LogCaptureFixture
) -> None:
    line = one_call(log, colour="red")
    assert "colour" not in line and log.problems.counts == {"unknown field": 1}
    assert "'colour' is no field of a line" in caplog.text


def test_project_and_host_of_the_logger_are_in_every_line(tmp_path: Path, clock: Clock) -> None:
    line = one_call(new_log(tmp_path, clock, project="website", host="pi"))
    assert (line["project"], line["host"], line["source"]) == ("website", "pi", "manual")


def test_every_line_has_an_id_of_its_own(log: ClaudeAPILogger) -> None:
    assert len({one_call(log)["call_id"] for _ in range(100)}) == 100


def test_content_is_written_only_on_demand(tmp_path: Path, clock: Clock) -> None:
    for content, kept in ((False, None), (True, ("secret prompt", "secret answer"))):
        log = new_log(tmp_path / str(content), clock, content=content)
        log.end_call(log.start_call("t", None, "m", None, "secret prompt"), "secret answer")
        line = only(log)
        assert (line["prompt_length"], line["response_length"]) == (13, 13)
        assert (line.get("prompt"), line.get("response")) == (kept or (None, None))


def test_a_model_catalog_goes_before_a_price_file_and_both_before_the_built_in_prices(
    tmp_path: Path, clock: Clock
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text(
        '{"models": {"claude-opus-5": {"input": 7, "output": 0}, "mine": {"input": 3, "output": 0}}}'
    )
    log = new_log(tmp_path / "api", clock, prices=prices, model_catalog={"mine": {"input": 1.0, "output": 0}})
    costs = [one_call(log, model, tokens_input=1_000_000, tokens_output=0)["estimated_cost_usd"] for model in ("mine", "claude-opus-5", "claude-opus-4-8")]  # fmt: skip
    assert costs == [1.0, 7.0, 5.0]


def test_the_originals_catalog_is_a_list(tmp_path: Path, clock: Clock) -> None:
    catalog = [{"name": "m", "cost_per_million_input": 3.0, "cost_per_million_output": 15.0}]
    log = new_log(tmp_path, clock, model_catalog=catalog)
    assert one_call(log, "m", tokens_input=12500, tokens_output=3200)["estimated_cost_usd"] == 0.0855


@pytest.mark.parametrize(
    "options",
    [
        {"prices": "/no/such/file"},
        {"model_catalog": 5},
        {"model_catalog": [None]},
        {"model_catalog": {"m": {"input": "x"}}},
    ],
)
def test_prices_that_cannot_be_used_are_said_once_and_the_built_in_ones_hold(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    log = new_log(tmp_path, clock, **options)
    assert one_call(log, tokens_input=12500, tokens_output=3200)["estimated_cost_usd"] == 0.0855
    assert log.problems.counts["prices"] == len(caplog.records) <= 1
