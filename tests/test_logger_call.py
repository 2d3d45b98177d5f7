"""A call as a context: `with log.call(...)`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from logger_host import ANTHROPIC, Clock, only, written

from logger import ClaudeAPILogger

pytest_plugins = ("logger_fixtures",)


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


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        ({"error_message": "odd"}, (True, "odd", None, None)),
        ({"success": False}, (False, None, None, None)),
        ({"success": False, "error_message": "refused"}, (False, "refused", None, None)),
        ({"success": True}, (True, None, None, None)),
        ({"response_content": "Hi"}, (True, None, 2, None)),
        ({"usage": {"input_tokens": 1, "output_tokens": 7}}, (True, None, None, 7)),
        ({"tokens_input": 1, "tokens_output": 7}, (True, None, None, 7)),
        ({"metrics": 5, "self": 5}, (True, None, None, None)),
    ],
)
def test_whatever_end_call_takes_by_name_may_be_noted(
    log: ClaudeAPILogger, noted: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    with log.call(model="m") as call:
        call.note(**noted)
    line = only(log)
    names = ("success", "error_message", "response_length", "tokens_output")
    assert tuple(line[name] for name in names) == expected


def test_an_exception_goes_before_what_was_noted(log: ClaudeAPILogger) -> None:
    with pytest.raises(ValueError, match="went wrong"), log.call(model="m") as call:
        call.note(success=True, error_message="fine")
        raise ValueError("went wrong")
    assert (only(log)["success"], only(log)["error_message"]) == (False, "went wrong")


class RudeError(Exception):
    """Cannot be asked for anything."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    @property
    def status_code(self) -> int:
        raise RuntimeError("no")

    request_id = status_code


def test_an_exception_that_cannot_be_asked_goes_on_and_has_its_line(log: ClaudeAPILogger) -> None:
    error = RudeError()
    with pytest.raises(RudeError) as raised, log.call(model="m"):
        raise error
    assert raised.value is error
    assert (only(log)["success"], only(log)["error_type"]) == (False, "RudeError")


def test_a_note_that_cannot_be_used_leaves_a_failed_call_its_line(
    log: ClaudeAPILogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong at the end of the block, the host's exception goes on and the call is written."""

    def broken(_: BaseException) -> dict[str, Any]:
        raise RuntimeError("no")

    monkeypatch.setattr("logger.call._failure_of", broken)
    with pytest.raises(KeyError), log.call(model="m"):
        raise KeyError("k")
    assert (only(log)["success"], only(log)["error_message"]) == (False, "KeyError")
    assert log.problems.counts == {"call": 1}
