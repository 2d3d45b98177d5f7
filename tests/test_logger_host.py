"""The host is never broken, whatever it hands over."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest
from logger_host import CLI_OUTPUTS, NOON, Clock, one_call, only

from logger import ORIGINAL_FIELDS, APICallMetrics, ClaudeAPILogger
from logger.call_line import line_within

pytest_plugins = ("logger_fixtures",)


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
    lines = [line for path in log.log_dir.glob("*.jsonl") for line in path.read_bytes().splitlines()]
    assert len(lines) + log.problems.total >= 7 + 2 * len(ended) + 20
    for path in log.log_dir.glob("*.jsonl"):
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
    (path,) = log.log_dir.glob("*.jsonl")
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
    (path,) = log.log_dir.glob("*.jsonl")
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


@pytest.mark.parametrize("model", [None, ""])
@pytest.mark.parametrize(
    "ended", [{}, {"settings": {"a": object()}}, {"agent": "a"}, {"usage": {"input_tokens": 1}}]
)
def test_a_call_without_a_model_is_one_of_an_unknown_model(
    log: ClaudeAPILogger, model: Any, ended: dict[str, Any]
) -> None:
    """Readers refuse a line whose model is empty."""
    call = log.start_call("t", None, model, settings=ended.get("settings"))
    further = {name: value for name, value in ended.items() if name != "settings"}
    log.end_call(call, None, 10, 20, **further)
    assert (only(log)["model"], only(log)["estimated_cost_usd"]) == ("unknown", None)


@pytest.mark.parametrize(
    ("output", "model"), [("no/file", "unknown"), ("err_401_short/stream.jsonl", "claude-opus-5-5")]
)
def test_a_run_without_a_model_has_that_of_its_output(log: ClaudeAPILogger, output: str, model: str) -> None:
    log.end_run(log.start_call("t", None, ""), CLI_OUTPUTS / output)
    assert only(log)["model"] == model


@pytest.mark.parametrize(
    ("ended", "counts"),
    [
        ({"response_content": Rude()}, (3, 4)),
        ({"success": Rude()}, (3, 4)),
        ({"exit_code": Rude()}, (3, 4)),
        ({"tokens_final": Rude()}, (3, 4)),
        ({"tokens_input": "10"}, (10, 4)),
        ({"tokens_input": Rude()}, (None, 4)),
        ({"usage": {"input_tokens": 3, "output_tokens": 4, "iterations": 5}}, (3, 4)),
    ],
)
def test_an_odd_argument_costs_no_line(
    log: ClaudeAPILogger, ended: dict[str, Any], counts: tuple[int | None, int]
) -> None:
    arguments = {"tokens_input": 3, "tokens_output": 4, **ended}
    assert log.end_call(log.start_call("t", None, "m"), **arguments)
    line = only(log)
    assert (line["tokens_input"], line["tokens_output"]) == counts and log.problems.total == 0
    assert line["success"] is ("success" not in ended)


@pytest.mark.parametrize("output", [None, 5, object(), "nul\0", Rude()])
def test_a_run_without_a_proper_output_has_its_line(log: ClaudeAPILogger, output: Any) -> None:
    assert log.end_run(log.start_call("t", None, "m"), output, exit_code=0)
    assert (only(log)["model"], only(log)["tokens_input"], only(log)["tokens_final"]) == ("m", None, False)


class RudeUsage:
    """Cannot be asked for anything."""

    @property
    def usage(self) -> Any:
        raise RuntimeError("no")

    input_tokens = usage


def test_a_call_that_cannot_be_written_whole_has_a_bare_line(log: ClaudeAPILogger) -> None:
    """With what is certain; counts that are lost are marked."""
    call = log.start_call("t", "w", "m")
    assert log.end_call(call, "r", 3, 4, False, "went\nwrong", usage=RudeUsage())
    line = only(log)
    assert list(line)[:20] == list(ORIGINAL_FIELDS) and line["call_id"]
    assert (line["task_id"], line["worker_id"], line["model"]) == ("t", "w", "m")
    assert (line["tokens_input"], line["tokens_output"], line["tokens_total"]) == (3, 4, 7)
    assert (line["success"], line["error_message"], line["tokens_final"]) == (False, "went wrong", False)
    assert log.problems.counts == {"end_call": 1}


def test_a_run_that_cannot_be_written_whole_has_a_bare_line(
    log: ClaudeAPILogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logger.run_writer.records_of", None)
    assert log.end_run(log.start_call("t", None, "m"), CLI_OUTPUTS / "tools" / "stream.jsonl", exit_code=0)
    assert (only(log)["success"], only(log)["tokens_final"], only(log)["tokens_input"]) == (True, False, None)
