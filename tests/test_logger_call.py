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
