"""Watched clients of a log with a `SpendGuard`: once a limit is reached nothing is sent any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic
from logger_host import Clock, new_log, written
from sdk_server import MODEL, Server, async_client, overloaded, serving, sync_client
from test_logger_sdk import ASK, ASYNC, SYNC, answer_for, run

from logger import BudgetExceeded, ClaudeAPILogger, SpendGuard, running_calls
from logger.sdk_request import makes_batch

pytest_plugins = ("logger_fixtures",)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def guarded(tmp_path: Path, clock: Clock) -> ClaudeAPILogger:
    """One call of the server costs more than this."""
    return new_log(tmp_path, clock, guard=SpendGuard(per_day=0.001))


@pytest.mark.parametrize("style", [*SYNC, *ASYNC], ids=lambda style: style.__name__)
def test_after_the_refusal_no_request_arrives(style: Any, server: Server, guarded: ClaudeAPILogger) -> None:
    """In no style of call; the exception is ours, unchanged, and the SDK does not try again."""
    if style.__name__ != "copied":
        server.says(answer_for(style))
    run(style, server.url, guarded)
    before, lines = len(server.requests), written(guarded)
    with pytest.raises(BudgetExceeded, match=r"Today's limit of \$0\.0010 is reached") as told:
        run(style, server.url, guarded)
    assert type(told.value) is BudgetExceeded
    assert len(server.requests) == before and written(guarded) == lines
    assert running_calls(guarded.log_dir, now=0.0) == ()


def test_a_call_that_was_begun_is_tried_again_all_the_same(
    server: Server, guarded: ClaudeAPILogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program reaches the limit between the first attempt and the second."""
    other = new_log(guarded.log_dir, Clock())
    spend = Server.next

    def next_(self: Server, method: str, path: str) -> Any:
        other.end_call(other.start_call(None, None, MODEL), tokens_input=10_000, tokens_output=0)
        return spend(self, method, path)

    monkeypatch.setattr(Server, "next", next_)
    server.says(overloaded())
    with sync_client(server.url) as client:
        guarded.watch(client).messages.create(**ASK)
        assert len(server.requests) == 2
        with pytest.raises(BudgetExceeded):
            guarded.watch(client).messages.create(**ASK)
    assert len(server.requests) == 2


def test_the_names_of_the_context_are_the_calls(server: Server, tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_task=0.001))
    with sync_client(server.url) as client:
        watched = log.watch(client)
        with log.context(task_id="gh-1"):
            watched.messages.create(**ASK)
            with pytest.raises(BudgetExceeded, match="for task gh-1"):
                watched.messages.create(**ASK)
        with log.context(task_id="gh-2"):
            watched.messages.create(**ASK)
    assert len(server.requests) == 2


def batch_of_one() -> dict[str, Any]:
    return {"requests": [{"custom_id": "one", "params": ASK}]}


def test_no_batch_is_made(server: Server, guarded: ClaudeAPILogger) -> None:
    with sync_client(server.url) as client:
        watched = guarded.watch(client)
        watched.messages.create(**ASK)
        for batches in (watched.messages.batches, watched.beta.messages.batches):
            with pytest.raises(BudgetExceeded):
                batches.create(**batch_of_one())
    assert len(server.requests) == 1


def test_no_batch_is_made_by_an_async_client(server: Server, guarded: ClaudeAPILogger) -> None:
    async def make() -> None:
        async with async_client(server.url) as client:
            watched = guarded.watch(client)
            await watched.messages.create(**ASK)
            with pytest.raises(BudgetExceeded):
                await watched.messages.batches.create(**batch_of_one())

    asyncio.run(make())
    assert len(server.requests) == 1


def test_what_costs_nothing_is_never_refused(server: Server, guarded: ClaudeAPILogger) -> None:
    with sync_client(server.url) as client:
        watched = guarded.watch(client)
        watched.messages.create(**ASK)
        watched.models.list()
        watched.messages.count_tokens(model=MODEL, messages=ASK["messages"])
        watched.messages.batches.list()
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("post", "/v1/messages/batches", True),
        ("POST", "https://api.anthropic.com/v1/messages/batches?beta=true", True),
        ("get", "/v1/messages/batches", False),
        ("post", "/v1/messages/batches/b_1/cancel", False),
        ("post", "/v1/messages", False),
    ],
)
def test_making_a_batch_is_told_from_its_other_endpoints(method: str, url: str, expected: bool) -> None:
    assert makes_batch(method, url) is expected


def test_a_refused_turn_ends_a_tool_runner_with_our_exception(
    server: Server, guarded: ClaudeAPILogger
) -> None:
    with sync_client(server.url) as client:
        watched: Anthropic = guarded.watch(client)
        watched.messages.create(**ASK)
        with pytest.raises(BudgetExceeded):
            watched.beta.messages.tool_runner(**ASK, tools=[]).until_done()
    assert len(server.requests) == 1
