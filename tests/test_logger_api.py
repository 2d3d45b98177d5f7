"""ClaudeAPILogger: the original program's interface, and what it promises beyond."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import logging
import pickle
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from logger import ORIGINAL_FIELDS, APICallMetrics, ClaudeAPILogger
from logger.call_line import line_within, original_values, plain_line
from logger.record import line_of

DATA = Path(__file__).parent / "data" / "claude-cli"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


class Clock:
    """Time that stands still until it is told to go on; the wall clock may jump by itself."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now
        self.monotonic = 1000.0

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.monotonic += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path, clock: Clock) -> ClaudeAPILogger:
    return new_log(tmp_path, clock)


def new_log(folder: Path, clock: Clock, **options: Any) -> ClaudeAPILogger:
    options = {"host": "", "zone": UTC, **options}
    return ClaudeAPILogger(folder, now=lambda: clock.now, monotonic=lambda: clock.monotonic, **options)


def written(log: ClaudeAPILogger) -> list[dict[str, Any]]:
    """Every line of the log, oldest day first."""
    lines = [line for path in sorted(log.log_dir.glob("*.jsonl")) for line in path.open("rb")]
    return [json.loads(line) for line in lines]


def only(log: ClaudeAPILogger) -> dict[str, Any]:
    (line,) = written(log)
    return line


def one_call(log: ClaudeAPILogger, model: str = "claude-sonnet-4-5", **ended: Any) -> dict[str, Any]:
    """The line of a call that ended so."""
    log.end_call(log.start_call("t", "w", model), **ended)
    return written(log)[-1]


# -- the original program ------------------------------------------------------------------------------


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
    usage = api_logger.parse_stream_json_output(DATA / "tools" / "stream.jsonl")
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


# -- what the original got wrong -----------------------------------------------------------------------


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
    days = {path.name: [json.loads(line) for line in path.open()] for path in log.log_dir.iterdir()}
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


# -- usage ---------------------------------------------------------------------------------------------

ANTHROPIC = {
    "input_tokens": 4,
    "output_tokens": 174,
    "cache_read_input_tokens": 4105,
    "cache_creation_input_tokens": 4208,
    "cache_creation": {"ephemeral_1h_input_tokens": 4208},
    "service_tier": "standard",
}


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


# -- prices --------------------------------------------------------------------------------------------


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


# -- the host is never broken --------------------------------------------------------------------------


class Rude:
    """What a host should not hand over."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __len__ = __int__ = __float__ = __bool__ = __str__  # type: ignore[assignment]


WRONG = [
    None,
    5,
    -1,
    float("nan"),
    float("inf"),
    "x",
    b"\xff",
    [],
    {},
    {1: {2}},
    object(),
    Rude(),
    Path("/x"),
]


@pytest.mark.parametrize(
    "wrong",
    WRONG,
    ids=lambda value: f"{type(value).__name__} {str(value)[:5]}" if not isinstance(value, Rude) else "rude",
)
def test_nothing_a_host_hands_over_breaks_it(log: ClaudeAPILogger, wrong: Any) -> None:
    """Every argument of every method, one after the other; a line is written or a problem counted."""
    started = [dict.fromkeys([name], wrong) for name in ("task_id", "worker_id", "model", "prompt_file", "prompt_content", "settings", "project")]  # fmt: skip
    for arguments in started:
        log.end_call(log.start_call(**{"task_id": "t", "worker_id": "w", "model": "m", **arguments}))
    ended = ("response_content", "tokens_input", "tokens_output", "success", "error_message", "exit_code", "usage", "http_status", "agent", "tokens_final", "estimated_cost_usd")  # fmt: skip
    for name in ended:
        log.end_call(log.start_call("t", "w", "claude-opus-5"), **{name: wrong})
        call = log.start_call("t", "w", "claude-opus-5")
        log.end_run(call, wrong if name == "usage" else "/no/file", **({} if name in ("usage", "response_content", "tokens_input", "tokens_output") else {name: wrong}))  # fmt: skip
    for name in ORIGINAL_FIELDS:
        call = log.start_call("t", "w", "claude-opus-5")
        setattr(call, name, wrong)
        log.end_call(call, "r", 1, 2)
    log.end_call(wrong)
    log.parse_stream_json_output(wrong)
    log.get_daily_summary(wrong)
    lines = [line for path in log.log_dir.iterdir() for line in path.read_bytes().splitlines()]
    assert len(lines) + log.problems.total >= 7 + 2 * len(ended) + 20
    for path in log.log_dir.iterdir():
        for line in path.read_bytes().splitlines():
            record = json.loads(line, parse_constant=pytest.fail)
            assert record["timestamp"][:10] in path.name


def test_a_call_is_written_once_however_often_it_is_ended(
    log: ClaudeAPILogger, caplog: pytest.LogCaptureFixture
) -> None:
    call = log.start_call("t", None, "m")
    assert [log.end_call(call), log.end_call(call), log.end_call(call)] == [True, False, False]
    assert only(log)["task_id"] == "t"
    assert log.problems.counts == {"ended twice": 2} and len(caplog.records) == 1


def test_a_log_handler_that_raises_breaks_nothing(log: ClaudeAPILogger) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no")

    handler = Broken()
    logging.getLogger("callmeter").addHandler(handler)
    try:
        one_call(log, nonsense=1)
    finally:
        logging.getLogger("callmeter").removeHandler(handler)


@pytest.mark.parametrize("stamp", ["2025-11-02T21:30:45.123456", "../../etc/passwd", "", 5, None])
def test_a_timestamp_changed_by_the_host_decides_the_day_if_it_is_one(
    log: ClaudeAPILogger, stamp: Any
) -> None:
    call = log.start_call("t", None, "m")
    call.timestamp = stamp
    log.end_call(call)
    (path,) = log.log_dir.iterdir()
    day = "2025-11-02" if stamp == "2025-11-02T21:30:45.123456" else "2026-11-22"
    assert path.name == f"api-calls-{day}.jsonl" and only(log)["timestamp"].startswith(day)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda call: pickle.loads(pickle.dumps(call))])
def test_metrics_may_be_stored_and_come_back(log: ClaudeAPILogger, clock: Clock, again: Any) -> None:
    """A coordinator keeps them on its tasks, and tasks in files."""
    call = again(log.start_call("t", None, "m", project="p"))
    clock.pass_(3)
    log.end_call(call)
    line = only(log)
    assert (line["duration_seconds"], line["project"]) == (3.0, "p")


def test_metrics_made_by_the_host_itself_are_written(log: ClaudeAPILogger, clock: Clock) -> None:
    made = APICallMetrics("2026-11-22T11:59:00", "t", None, "m", start_time=NOON - 60)
    log.end_call(made)
    assert only(log)["duration_seconds"] == 60.0


def test_secrets_do_not_get_into_the_log(log: ClaudeAPILogger) -> None:
    key = "sk-ant-api03-" + "Ab1_-" * 10
    log.end_call(
        log.start_call("t " + key, None, "m", settings={"env": {"ANTHROPIC_API_KEY": key}}),
        success=False,
        error_message=f"401 for x-api-key: {key}\nAuthorization: Bearer abc.def "
        "and https://me:pw@host/ https://ok.host/",
    )
    (path,) = log.log_dir.iterdir()
    text = path.read_text()
    assert key not in text and "abc.def" not in text and "pw@" not in text
    line = only(log)
    assert line["error_message"] == "401 for x-api-key: *** Authorization: Bearer *** and https://***@host/ https://ok.host/"  # fmt: skip
    assert line["task_id"] == "t sk-ant-***"


def test_a_line_no_reader_could_hold_is_shortened(log: ClaudeAPILogger) -> None:
    line = line_within(
        {"settings": {"x": "y" * 1000}, "error_message": "z" * 900, "task_id": "t"}, most_bytes=800
    )
    assert len(line) <= 800 and json.loads(line)["settings"] == {"left_out": "too long"}


# -- calls as contexts ---------------------------------------------------------------------------------


def test_a_call_as_a_context_is_written_when_the_block_ends(log: ClaudeAPILogger, clock: Clock) -> None:
    with log.call(task_id="t", worker_id="w", model="claude-opus-5-5", prompt="Hello", project="p") as call:
        clock.pass_(0.5)
        call.first_token()
        clock.pass_(0.5)
        call.first_token()
        call.usage(ANTHROPIC)
        call.response("Hi")
        call.note(agent="reviewer")
        assert written(log) == []
    line = only(log)
    assert line["success"] and line["duration_seconds"] == 1.0 and line["time_to_first_token"] == 0.5
    assert (line["prompt_length"], line["response_length"], line["tokens_output"]) == (5, 2, 174)
    assert (line["project"], line["agent"]) == ("p", "reviewer")
    assert line["estimated_cost_usd"] == pytest.approx(0.037981)


class APIStatusError(Exception):
    """As the SDK's: with status and request id."""

    status_code = 529
    request_id = "req_1"


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("went\nwrong: sk-ant-abcdefghij"), "ValueError", "went wrong: sk-***"),
        (KeyboardInterrupt(), "KeyboardInterrupt", "KeyboardInterrupt"),
        (SystemExit(3), "SystemExit", "3"),
        (GeneratorExit(), "GeneratorExit", "GeneratorExit"),
        (asyncio.CancelledError(), "CancelledError", "CancelledError"),
        (APIStatusError("Overloaded"), "APIStatusError", "Overloaded"),
    ],
)
def test_an_exception_makes_a_failed_call_and_goes_on(
    log: ClaudeAPILogger, error: BaseException, kind: str, message: str
) -> None:
    with pytest.raises(type(error)) as raised, log.call(model="m") as call:
        call.usage({"input_tokens": 1, "output_tokens": 2})
        raise error
    assert raised.value is error
    line = only(log)
    assert (line["success"], line["error_type"], line["error_message"]) == (False, kind, message)
    assert line["tokens_output"] == 2
    assert line.get("http_status") == getattr(error, "status_code", None)


def test_a_call_may_fail_without_an_exception(log: ClaudeAPILogger) -> None:
    with log.call(model="m") as call:
        call.fail("refused", "refusal")
    assert (only(log)["success"], only(log)["error_type"]) == (False, "refusal")


def test_several_replies_in_one_block_are_priced_one_by_one(log: ClaudeAPILogger) -> None:
    """Two prompts of 60,000 tokens are not one long one of Haiku 5.5."""
    with log.call(model="claude-haiku-5-5") as call:
        call.usage({"input_tokens": 60_000, "output_tokens": 0})
        call.usage({"input_tokens": 60_000, "output_tokens": 0})
    line = only(log)
    assert (line["tokens_input"], line["calls"]) == (120_000, 2)
    assert line["estimated_cost_usd"] == pytest.approx(0.012)


def test_a_call_works_in_async_code_and_notes_a_cancellation(log: ClaudeAPILogger) -> None:
    async def work(name: str, forever: bool) -> None:
        async with log.call(task_id=name, model="m") as call:
            await asyncio.sleep(3600 if forever else 0)
            call.usage({"input_tokens": 1, "output_tokens": 1})

    async def main() -> None:
        hanging = asyncio.create_task(work("hanging", True))
        await work("done", False)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging

    asyncio.run(main())
    assert [(line["task_id"], line["success"], line.get("error_type")) for line in written(log)] == [("done", True, None), ("hanging", False, "CancelledError")]  # fmt: skip


def test_a_usage_that_cannot_be_read_breaks_nothing(log: ClaudeAPILogger) -> None:
    class Bad:
        @property
        def usage(self) -> Any:
            raise RuntimeError("no")

    with log.call(model="m") as call:
        call.usage(Bad())
    assert only(log)["success"] and log.problems.counts == {"usage": 1}


# -- CLI runs ------------------------------------------------------------------------------------------


def ended_run(log: ClaudeAPILogger, output: Path | str, **arguments: Any) -> list[dict[str, Any]]:
    call = log.start_call("t", "w", "claude-opus-5-5", "/p", "prompt")
    log.end_run(call, output, **arguments)
    return written(log)


def test_a_run_has_one_line_per_model(log: ClaudeAPILogger) -> None:
    main, helper = ended_run(log, DATA / "v1.0.128__tools" / "stream.jsonl", exit_code=0)
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
    main, helper = ended_run(log, DATA / "v1.0.128__tools" / "stream.jsonl")
    for name in ("prompt_length", "response_length", "duration_seconds"):
        assert main[name] is not None and helper[name] is None
    for name in ("task_id", "worker_id", "prompt_file", "timestamp", "success"):
        assert main[name] == helper[name]


def test_the_time_to_the_first_token_comes_from_the_output(log: ClaudeAPILogger) -> None:
    (line,) = ended_run(log, DATA / "tools" / "stream.jsonl")
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
    (line,) = ended_run(log, DATA / output, exit_code=exit_code)
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
    (line,) = ended_run(log, DATA / "slash_cost" / "stream.jsonl", exit_code=0)
    assert (line["success"], line["calls"], line["tokens_total"], line["estimated_cost_usd"]) == (
        True,
        0,
        0,
        0.0,
    )


def test_the_exit_code_can_make_a_good_looking_run_a_failure(log: ClaudeAPILogger) -> None:
    (line,) = ended_run(log, DATA / "tools" / "stream.jsonl", exit_code=1)
    assert line["success"] is False and line["tokens_input"] == 35


def test_success_can_be_said(log: ClaudeAPILogger) -> None:
    (line,) = ended_run(log, DATA / "max_turns" / "stream.jsonl", exit_code=1, success=True)
    assert line["success"] is True and "error_type" not in line


def test_resumed_json_runs_are_counted_on_top_of_each_other(log: ClaudeAPILogger) -> None:
    """2.1 prints the session's total with --output-format json; the truth is 17+17 in, 58+50 out."""
    ended_run(log, DATA / "resume_json" / "result.json")
    first, second = ended_run(log, DATA / "resume_json" / "result.2.json")
    assert (first["tokens_input"], first["tokens_output"]) == (17, 58)
    assert (second["tokens_input"], second["tokens_output"]) == (17, 50)
    assert "tokens_final" not in first and "tokens_final" not in second


def test_output_that_was_counted_already_is_not_counted_again(log: ClaudeAPILogger) -> None:
    """A worker that could not start leaves the output of the one before in its place."""
    ended_run(log, DATA / "tools" / "stream.jsonl", exit_code=0)
    _, second = ended_run(log, DATA / "tools" / "stream.jsonl", exit_code=0)
    assert second["tokens_input"] is None and second["tokens_final"] is False
    assert second["error_type"] == "already_counted" and second["success"] is False


def test_a_parsed_output_can_be_handed_on_whole(log: ClaudeAPILogger) -> None:
    usage = log.parse_stream_json_output(DATA / "v1.0.128__tools" / "stream.jsonl")
    log.end_call(log.start_call("t", "w", "m"), usage=usage)
    assert [line["tokens_input"] for line in written(log)] == [27, 630]


def test_a_parsed_output_is_a_plain_dict_that_says_all_that_is_known(log: ClaudeAPILogger) -> None:
    parsed = log.parse_stream_json_output(DATA / "tools" / "stream.jsonl")
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
    log.parse_stream_json_output(DATA / "tools" / "stream.jsonl")
    line = one_call(
        log, tokens_input=35, tokens_output=216, response_content="A second text block closes the answer."
    )
    assert "tokens_cache_read" not in line and line["tokens_total"] == 251


def test_a_parsed_output_is_found_again_once(log: ClaudeAPILogger) -> None:
    """A second call with the very same three values is a call of its own."""
    parsed = log.parse_stream_json_output(DATA / "tools" / "stream.jsonl")
    values = (parsed["response_content"], parsed["tokens_input"], parsed["tokens_output"])
    for _ in range(2):
        log.end_call(log.start_call("t", None, "claude-opus-5-5"), *values)
    first, second = written(log)
    assert (first["tokens_total"], first["source"]) == (50819, "cli")
    assert (second["tokens_total"], second["source"]) == (250, "manual")


# -- the summary ---------------------------------------------------------------------------------------


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
