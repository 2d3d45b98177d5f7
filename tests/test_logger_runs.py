"""What the logger writes of Claude CLI runs, and the summary of a day."""

from __future__ import annotations

import json
import os
import shutil
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from logger_host import CLI_OUTPUTS, NOON, Clock, new_log, one_call, only, written

from logger import ClaudeAPILogger, Journal, LocalClock, import_runs

pytest_plugins = ("logger_fixtures",)


def ended_run(log: ClaudeAPILogger, output: Path | str, **arguments: Any) -> list[dict[str, Any]]:
    call = log.start_call("t", "w", "claude-opus-5-5", "/p", "prompt")
    log.end_run(call, output, **arguments)
    return written(log)


def test_a_run_has_one_line_per_model(log: ClaudeAPILogger) -> None:
    main, helper = ended_run(log, CLI_OUTPUTS / "v1.0.128__tools" / "stream.jsonl", exit_code=0)
    assert (main["model"], helper["model"]) == ("claude-sonnet-4-20250514", "claude-3-5-haiku-20241022")
    assert (main["tokens_input"], main["tokens_output"], main["tokens_cache_read"]) == (27, 222, 55186)
    assert (helper["tokens_input"], helper["tokens_output"], helper["estimated_cost_usd"]) == (
        630,
        40,
        0.000664,
    )
    assert main["calls"] == 4 and main["source"] == helper["source"] == "cli"
    assert main["session_id"] == helper["session_id"] and main["call_id"] != helper["call_id"]


def test_what_belongs_to_the_run_is_on_its_first_line_only(log: ClaudeAPILogger) -> None:
    """Lengths and durations would otherwise be summed once per model."""
    main, helper = ended_run(log, CLI_OUTPUTS / "v1.0.128__tools" / "stream.jsonl")
    for name in ("prompt_length", "response_length", "duration_seconds"):
        assert main[name] is not None and helper[name] is None
    for name in ("task_id", "worker_id", "prompt_file", "timestamp", "success"):
        assert main[name] == helper[name]


def test_the_time_to_the_first_token_comes_from_the_output(log: ClaudeAPILogger) -> None:
    (line,) = ended_run(log, CLI_OUTPUTS / "tools" / "stream.jsonl")
    assert line["time_to_first_token"] == 0.247 and line["stop_reason"] == "end_turn"


@pytest.mark.parametrize(
    ("output", "exit_code", "expected"),
    [
        ("err_401_short/stream.jsonl", 1, (0, 0.0, None, "authentication_error", 401)),
        ("killed/stream.jsonl", -9, (17, pytest.approx(0.03291, abs=1e-5), False, "no_result", None)),
        ("stalled_reader/stream.jsonl", 0, (19, pytest.approx(0.0295, abs=1e-4), False, "no_result", None)),
        ("no/such/file", 0, (None, None, False, "no_output", None)),
        ("no/such/file", None, (None, None, False, "no_output", None)),
    ],
)
def test_a_run_that_failed_has_its_line(
    log: ClaudeAPILogger, output: str, exit_code: int | None, expected: Any
) -> None:
    (line,) = ended_run(log, CLI_OUTPUTS / output, exit_code=exit_code)
    assert line["success"] is False and line["error_message"] and line["exit_code"] == exit_code
    names = ("tokens_input", "estimated_cost_usd", "tokens_final", "error_type", "http_status")
    assert tuple(line.get(name) for name in names) == expected
    assert line["model"] == "claude-opus-5-5"


@pytest.mark.parametrize(
    ("content", "exit_code", "success"),
    [
        (b"Done.\n", 0, True),
        (b"Done.\n", None, True),
        (b"Done.\n", 1, False),
        (b"", 1, False),
        (b"", None, False),
    ],
)
def test_output_without_counts_has_a_line_without_counts(
    log: ClaudeAPILogger, tmp_path: Path, content: bytes, exit_code: int | None, success: bool
) -> None:
    """`--output-format text` tells no tokens: null, and marked, never 0."""
    output = tmp_path / "out.txt"
    output.write_bytes(content)
    (line,) = ended_run(log, output, exit_code=exit_code)
    assert line["success"] is success and line["tokens_final"] is False
    assert line["tokens_input"] is line["tokens_total"] is line["estimated_cost_usd"] is None


def test_a_run_without_a_call_to_the_api_says_so(log: ClaudeAPILogger) -> None:
    """`claude -p /cost` asks nobody."""
    (line,) = ended_run(log, CLI_OUTPUTS / "slash_cost" / "stream.jsonl", exit_code=0)
    assert (line["success"], line["calls"], line["tokens_total"], line["estimated_cost_usd"]) == (
        True,
        0,
        0,
        0.0,
    )


def test_the_exit_code_can_make_a_good_looking_run_a_failure(log: ClaudeAPILogger) -> None:
    (line,) = ended_run(log, CLI_OUTPUTS / "tools" / "stream.jsonl", exit_code=1)
    assert line["success"] is False and line["tokens_input"] == 35


def test_success_can_be_said(log: ClaudeAPILogger) -> None:
    (line,) = ended_run(log, CLI_OUTPUTS / "max_turns" / "stream.jsonl", exit_code=1, success=True)
    assert line["success"] is True and "error_type" not in line


def test_resumed_json_runs_are_counted_on_top_of_each_other(log: ClaudeAPILogger) -> None:
    """2.1 prints the session's total with --output-format json; the truth is 17+17 in, 58+50 out."""
    ended_run(log, CLI_OUTPUTS / "resume_json" / "result.json")
    first, second = ended_run(log, CLI_OUTPUTS / "resume_json" / "result.2.json")
    assert (first["tokens_input"], first["tokens_output"]) == (17, 58)
    assert (second["tokens_input"], second["tokens_output"]) == (17, 50)
    assert "tokens_final" not in first and "tokens_final" not in second


def test_output_that_was_counted_already_is_not_counted_again(log: ClaudeAPILogger) -> None:
    """A worker that could not start leaves the output of the one before in its place."""
    ended_run(log, CLI_OUTPUTS / "tools" / "stream.jsonl", exit_code=0)
    _, second = ended_run(log, CLI_OUTPUTS / "tools" / "stream.jsonl", exit_code=0)
    assert second["tokens_input"] is None and second["tokens_final"] is False
    assert second["error_type"] == "already_counted" and second["success"] is False


def counts(log: ClaudeAPILogger) -> tuple[int, float]:
    """(input tokens, USD) of all lines."""
    lines = written(log)
    cost = sum(line["estimated_cost_usd"] or 0 for line in lines)
    return sum(line["tokens_input"] or 0 for line in lines), pytest.approx(cost, abs=1e-7)


TOOLS = CLI_OUTPUTS / "tools" / "stream.jsonl"


@pytest.mark.parametrize(
    "name", ["tools/stream.jsonl", "v1.0.128__tools/stream.jsonl", "tools_json/result.json"]
)
def test_a_program_that_starts_anew_counts_no_output_again(tmp_path: Path, clock: Clock, name: str) -> None:
    """Its new process remembers nothing, but the log does; the next day too."""
    ended_run(new_log(tmp_path, clock), CLI_OUTPUTS / name, exit_code=0)
    before = counts(new_log(tmp_path, clock))
    clock.now += 80_000
    log = new_log(tmp_path, clock)
    *_, last = ended_run(log, CLI_OUTPUTS / name, exit_code=0)
    assert counts(log) == before and before[0] > 0
    assert last["error_type"] == "already_counted" and log.problems.counts == {"already counted": 1}


def test_a_parsed_output_is_not_counted_again_by_another_process(tmp_path: Path, clock: Clock) -> None:
    for _ in range(2):
        log = new_log(tmp_path, clock)
        log.end_call(log.start_call("t", None, "m"), usage=log.parse_stream_json_output(TOOLS))
    assert counts(log) == (35, 0.0402578)


@pytest.mark.parametrize("name", ["tools/stream.jsonl", "tools_json/result.json"])
def test_an_imported_run_is_not_counted_again(tmp_path: Path, clock: Clock, name: str) -> None:
    """On whatever day the coordinator comes to it: the import wrote it into the day it ran."""
    output = Path(shutil.copyfile(CLI_OUTPUTS / name, tmp_path / "output"))
    os.utime(output, (NOON, NOON))
    journal = Journal(tmp_path / "log")
    import_runs([output], journal, clock=LocalClock(UTC))
    journal.close()
    clock.now += 30 * 86400
    log = new_log(tmp_path / "log", clock)
    before = counts(log)
    ended_run(log, output, exit_code=0)
    assert counts(log) == before and before[0] > 0


def test_a_run_written_before_it_had_a_result_is_not_counted_again(tmp_path: Path, clock: Clock) -> None:
    output = tmp_path / "run.jsonl"
    output.write_bytes(b"".join(TOOLS.read_bytes().splitlines(keepends=True)[:-3]))
    log = new_log(tmp_path / "log", clock)
    ended_run(log, output)
    before = counts(log)
    output.write_bytes(TOOLS.read_bytes())
    ended_run(log, output)
    assert counts(log) == before and before[0] > 0


def test_of_a_run_that_was_half_written_the_rest_is_written(tmp_path: Path, clock: Clock) -> None:
    """A process may be killed between the lines of two models."""
    log = new_log(tmp_path, clock)
    output = CLI_OUTPUTS / "v1.0.128__tools" / "stream.jsonl"
    ended_run(log, output)
    whole = counts(log)
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    ended_run(new_log(tmp_path, clock), output)
    assert counts(log) == whole


def test_an_id_in_a_text_is_no_line_of_the_run(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock)
    ended_run(log, TOOLS)
    said = json.dumps({"a": 1, "call_id": written(log)[0]["call_id"]})
    (path,) = tmp_path.glob("*.jsonl")
    path.unlink()
    log = new_log(tmp_path, clock)
    log.end_call(log.start_call(said, None, "m"))
    ended_run(log, TOOLS)
    assert counts(log)[0] == 35


def test_a_parsed_output_can_be_handed_on_whole(log: ClaudeAPILogger) -> None:
    usage = log.parse_stream_json_output(CLI_OUTPUTS / "v1.0.128__tools" / "stream.jsonl")
    log.end_call(log.start_call("t", "w", "m"), usage=usage)
    assert [line["tokens_input"] for line in written(log)] == [27, 630]


def test_a_parsed_output_is_a_plain_dict_that_says_all_that_is_known(log: ClaudeAPILogger) -> None:
    parsed = log.parse_stream_json_output(CLI_OUTPUTS / "tools" / "stream.jsonl")
    assert json.loads(json.dumps(parsed)) == parsed
    assert parsed["response_content"] == "A second text block closes the answer."
    assert (parsed["tokens_cache_read"], parsed["tokens_final"], parsed["cost_usd"]) == (
        45214,
        True,
        0.0402578,
    )
    assert parsed["models"]["claude-opus-5-5"]["calls"] == 4 and parsed["success"] is True


def test_a_missing_output_has_unknown_counts(log: ClaudeAPILogger) -> None:
    """The original said 0; what nobody knows is None."""
    parsed = log.parse_stream_json_output("/no/such/file")
    assert (parsed["tokens_input"], parsed["tokens_output"], parsed["response_content"]) == (None, None, "")
    assert parsed["tokens_final"] is False and parsed["error_type"] == "no_output"


def test_counts_that_did_not_come_from_an_output_are_left_alone(log: ClaudeAPILogger) -> None:
    log.parse_stream_json_output(CLI_OUTPUTS / "tools" / "stream.jsonl")
    line = one_call(
        log, tokens_input=35, tokens_output=216, response_content="A second text block closes the answer."
    )
    assert "tokens_cache_read" not in line and line["tokens_total"] == 251


def test_a_parsed_output_is_found_again_once(log: ClaudeAPILogger) -> None:
    """A second call with the very same three values is a call of its own."""
    parsed = log.parse_stream_json_output(CLI_OUTPUTS / "tools" / "stream.jsonl")
    values = (parsed["response_content"], parsed["tokens_input"], parsed["tokens_output"])
    for _ in range(2):
        log.end_call(log.start_call("t", None, "claude-opus-5-5"), *values)
    first, second = written(log)
    assert (first["tokens_total"], first["source"]) == (50819, "cli")
    assert (second["tokens_total"], second["source"]) == (250, "manual")


ANSWER = "A second text block closes the answer."


@pytest.mark.parametrize("response", [None, "", ANSWER, ANSWER[:10]])
def test_the_two_counts_of_a_parsed_output_find_it_again(
    log: ClaudeAPILogger, tmp_path: Path, clock: Clock, response: str | None
) -> None:
    """The response is optional in the original, may be shortened, and another logger may have parsed."""
    parsed = new_log(tmp_path / "other", clock).parse_stream_json_output(TOOLS)
    counted = {"tokens_input": parsed["tokens_input"], "tokens_output": parsed["tokens_output"]}
    line = one_call(log, response_content=response, **counted)
    assert (line["tokens_total"], line["estimated_cost_usd"]) == (50819, 0.0402578)


@pytest.mark.parametrize(
    ("tokens_input", "tokens_output", "response"),
    [
        (35, 215, "Another answer."),
        (35, 216, None),
        (35, None, None),
        (None, None, None),
        (None, None, ANSWER),
    ],
)
def test_what_is_not_a_parsed_outputs_is_a_call_of_its_own(
    log: ClaudeAPILogger, tokens_input: int | None, tokens_output: int | None, response: str | None
) -> None:
    log.parse_stream_json_output(TOOLS)
    line = one_call(log, tokens_input=tokens_input, tokens_output=tokens_output, response_content=response)
    assert line["source"] == "manual" and line["tokens_input"] == tokens_input


def test_calls_without_counts_are_not_taken_for_an_output_without_counts(
    log: ClaudeAPILogger, tmp_path: Path
) -> None:
    log.parse_stream_json_output(tmp_path / "none")
    log.parse_stream_json_output(CLI_OUTPUTS / "slash_cost" / "stream.jsonl")
    assert one_call(log)["source"] == "manual"
    assert one_call(log, tokens_input=0, tokens_output=0)["source"] == "manual"


def test_two_outputs_with_the_same_counts_are_told_apart_by_the_response(
    log: ClaudeAPILogger, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(TOOLS.read_bytes().replace(b"session_id", b"x").replace(ANSWER.encode(), b"Other."))
    for output in (TOOLS, other):
        parsed = log.parse_stream_json_output(output)
    counted = {"tokens_input": 35, "tokens_output": 215}
    assert parsed["response_content"] == "Other." and parsed.items() >= counted.items()
    assert one_call(log, **counted)["source"] == "manual"
    assert one_call(log, response_content=ANSWER, **counted)["source"] == "cli"


def test_an_output_that_was_parsed_twice_waits_once(log: ClaudeAPILogger) -> None:
    for _ in range(2):
        log.parse_stream_json_output(TOOLS)
    assert one_call(log, tokens_input=35, tokens_output=215)["source"] == "cli"
    assert one_call(log, tokens_input=35, tokens_output=215)["source"] == "manual"


@pytest.mark.parametrize("way", ["whole", "end_run"])
def test_an_output_that_was_written_otherwise_waits_no_more(log: ClaudeAPILogger, way: str) -> None:
    parsed = log.parse_stream_json_output(TOOLS)
    call = log.start_call("t", None, "m")
    _ = log.end_call(call, usage=parsed) if way == "whole" else log.end_run(call, TOOLS)
    assert one_call(log, tokens_input=35, tokens_output=215)["source"] == "manual"


def test_a_day_without_calls_has_the_originals_keys(log: ClaudeAPILogger) -> None:
    assert log.get_daily_summary("2025-01-01") == {
        "date": "2025-01-01",
        "total_calls": 0,
        "successful_calls": 0,
        "failed_calls": 0,
        "total_tokens": 0,
        "total_tokens_input": 0,
        "total_tokens_output": 0,
        "total_tokens_cache_read": 0,
        "total_tokens_cache_write": 0,
        "total_cost_usd": 0,
        "unpriced_calls": 0,
        "avg_duration_seconds": 0.0,
        "avg_tokens_per_second": 0.0,
        "models": {},
    }


def test_the_summary_adds_up_a_day(log: ClaudeAPILogger, clock: Clock) -> None:
    """Two calls of one model, one failed, one unpriced; garbage and another day are not in it."""
    for seconds in (1, 3):
        call = log.start_call("t", None, "claude-sonnet-4-5")
        clock.pass_(seconds)
        log.end_call(call, None, 12500, 3200, success=seconds == 1)
    one_call(log, "gpt-5", tokens_input=1, tokens_output=1, tokens_cache_read=10)
    clock.now += 86400
    one_call(log)
    with (log.log_dir / "api-calls-2026-11-22.jsonl").open("ab") as file:
        file.write(b"garbage\n[1]\n\xff\n")
    summary = log.get_daily_summary(date(2026, 11, 22))
    assert (summary["total_calls"], summary["successful_calls"], summary["failed_calls"]) == (3, 2, 1)
    assert summary["total_tokens"] == 2 * 15700 + 12 and summary["total_tokens_cache_read"] == 10
    assert summary["total_cost_usd"] == 0.171 and summary["unpriced_calls"] == 1
    assert summary["models"]["claude-sonnet-4-5"] == {"calls": 2, "tokens": 31400, "cost": 0.171}
    assert summary["avg_duration_seconds"] == pytest.approx(1.33)
    assert log.get_daily_summary()["total_calls"] == 1


def test_the_summary_reads_gzipped_days(log: ClaudeAPILogger) -> None:
    import gzip

    one_call(log)
    packed = log.log_file.with_name(log.log_file.name + ".gz")
    packed.write_bytes(gzip.compress(log.log_file.read_bytes()))
    log.log_file.unlink()
    one_call(log)
    assert log.get_daily_summary("2026-11-22")["total_calls"] == 2


def test_the_machines_own_clock_and_zone_are_the_default(tmp_path: Path) -> None:
    log = ClaudeAPILogger(tmp_path)
    before = datetime.now().astimezone()
    one_call(log)
    line = only(log)
    started = datetime.fromisoformat(line["timestamp"])
    assert timedelta(0) <= started - before.replace(microsecond=0) < timedelta(minutes=5)
    assert started.utcoffset() == before.utcoffset() and line["host"]
    assert line["start_time"] == pytest.approx(time.time(), abs=300)


def test_a_run_that_is_ended_again_after_a_restart_is_no_further_call(tmp_path: Path) -> None:
    """A restarted coordinator looks at all outputs again: tokens, cost and calls stay those of the run."""
    output = Path(__file__).parent / "data/claude-cli/tools/stream.jsonl"
    for _ in range(3):
        log = ClaudeAPILogger(tmp_path)
        log.end_run(log.start_call("gh-1", "w-1", "claude-opus-5-5"), output, exit_code=0)
    lines = [json.loads(line) for file in tmp_path.glob("*.jsonl") for line in file.open()]
    assert [line.get("calls", 1) for line in lines] == [4, 0, 0]
    assert sum(line["tokens_output"] or 0 for line in lines) == 215
