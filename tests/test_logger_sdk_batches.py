"""Results of message batches fetched by a watched client: each a line once, at the price of a batch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic import Anthropic
from logger_host import Clock, only, written
from sdk_server import MODEL, SERVED, USAGE, Answer, Server, async_client, plain, serving, sync_client

from logger import ClaudeAPILogger
from logger.call_ids import derived_id
from logger.sdk_batch import Batches

pytest_plugins = ("logger_fixtures",)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def client(server: Server, log: ClaudeAPILogger) -> Iterator[Anthropic]:
    with sync_client(server.url) as client:
        yield log.watch(client)


def batch(server: Server, **over: Any) -> Answer:
    counts = {"processing": 0, "succeeded": 2, "errored": 1, "canceled": 1, "expired": 1}
    told = {
        "id": "msgbatch_1",
        "type": "message_batch",
        "processing_status": "ended",
        "request_counts": counts,
        "created_at": "2026-11-21T23:30:00Z",
        "expires_at": "2026-11-22T23:30:00Z",
        "results_url": f"{server.url}/v1/messages/batches/msgbatch_1/results",
    }
    return plain({**told, **over})


def succeeded(n: int, text: str = "süß") -> dict[str, Any]:
    usage = {**USAGE, "service_tier": "batch", "inference_geo": "global", "server_tool_use": None}
    reply = {
        "id": f"msg_b{n}",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": usage,
    }
    return {"custom_id": f"one-{n}", "result": {"type": "succeeded", "message": reply}}


ERROR = {"type": "error", "error": {"type": "invalid_request_error", "message": "No."}, "request_id": "req_e"}
ERRORED = {"custom_id": "bad", "result": {"type": "errored", "error": ERROR}}
NEVER_RUN = [{"custom_id": kind, "result": {"type": kind}} for kind in ("canceled", "expired")]


def results(*rows: dict[str, Any]) -> Answer:
    body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    return plain(body, kind="application/x-jsonl")


def test_each_result_is_a_line_at_the_price_and_the_time_of_its_batch(
    server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    server.says(batch(server), results(succeeded(1), ERRORED, *NEVER_RUN))
    with log.context(task_id="gh-1", project="shop"):
        rows = client.messages.batches.results("msgbatch_1")
    with log.context(task_id="elsewhere", agent="elsewhere"):
        assert [row.custom_id for row in rows] == ["one-1", "bad", "canceled", "expired"]
    good, bad = written(log)
    assert log.log_dir.joinpath("api-calls-2026-11-21.jsonl").exists()
    assert good == {
        "timestamp": "2026-11-21T23:30:00.000000+00:00",
        "task_id": "gh-1",
        "worker_id": None,
        "model": MODEL,
        "prompt_file": None,
        "prompt_length": None,
        "response_length": 3,
        "tokens_input": 1200,
        "tokens_output": 340,
        "tokens_total": 7240,
        "start_time": None,
        "end_time": None,
        "duration_seconds": None,
        "time_to_first_token": None,
        "tokens_per_second": None,
        "success": True,
        "error_message": None,
        "exit_code": None,
        "settings": {"batch_id": "msgbatch_1", "custom_id": "one-1"},
        # (1200 x 4 + 340 x 20 + 5000 x 0.2 + 500 x 5 + 200 x 8) dollars per million, half of it
        "estimated_cost_usd": pytest.approx(0.00835),
        "call_id": derived_id("msg", "msg_b1"),
        "source": "sdk",
        "project": "shop",
        "message_id": "msg_b1",
        "service_tier": "batch",
        "speed": "standard",
        "inference_geo": "global",
        "stop_reason": "end_turn",
        "tokens_cache_read": 5000,
        "tokens_cache_write_5m": 500,
        "tokens_cache_write_1h": 200,
        "tokens_thinking": 40,
    }
    assert (bad["success"], bad["error_type"], bad["error_message"]) == (
        False,
        "invalid_request_error",
        "No.",
    )
    assert (bad["request_id"], bad["tokens_total"], bad["task_id"]) == ("req_e", None, "gh-1")
    assert bad["settings"]["custom_id"] == "bad" and bad["timestamp"] == good["timestamp"]
    assert log.problems.total == 0


def test_results_are_written_once_however_often_and_however_they_are_fetched(
    server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    rows = results(succeeded(1), succeeded(2))
    packed = results(succeeded(1), succeeded(2), succeeded(3))
    packed.packed = True
    server.says(batch(server), rows, batch(server), rows, batch(server), packed)
    list(client.messages.batches.results("msgbatch_1"))
    list(client.messages.batches.results("msgbatch_1"))
    list(client.beta.messages.batches.results("msgbatch_1"))
    assert [line["message_id"] for line in written(log)] == ["msg_b1", "msg_b2", "msg_b3"]


def test_results_that_are_not_read_to_their_end_are_written_as_far_as_they_were(
    server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    rows = results(succeeded(1), succeeded(2, "long " * 1000), succeeded(3))
    server.says(batch(server), rows, batch(server), rows)
    decoder = client.messages.batches.results("msgbatch_1")
    next(decoder)
    decoder.close()
    assert [line["message_id"] for line in written(log)] == ["msg_b1"]
    list(client.messages.batches.results("msgbatch_1"))
    assert [line["message_id"] for line in written(log)] == ["msg_b1", "msg_b2", "msg_b3"]


def test_results_of_an_async_client_and_a_last_row_without_newline(
    server: Server, log: ClaudeAPILogger
) -> None:
    body = json.dumps(succeeded(1)).encode()
    server.says(batch(server), plain(body, kind="application/binary"))

    async def fetch() -> int:
        async with async_client(server.url) as client:
            rows = await log.watch(client).messages.batches.results("msgbatch_1")
            return len([row async for row in rows])

    assert asyncio.run(fetch()) == 1
    assert only(log)["message_id"] == "msg_b1"


def test_a_broken_row_is_a_problem_and_no_lost_neighbour(
    server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    body = b'{"custom_id": "x", "result": {"type": "succeeded"}}\n' + json.dumps(succeeded(2)).encode()
    server.says(batch(server, created_at="soon"), plain(body, kind="application/x-jsonl"))
    with client.messages.batches.with_streaming_response.results("msgbatch_1") as response:
        response.read()
    line = only(log)
    assert line["message_id"] == "msg_b2" and line["timestamp"] == "2026-11-22T12:00:00.000000+00:00"
    assert log.problems.counts["batch"] == 2


def test_making_listing_and_cancelling_batches_is_no_call(
    server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    server.says(batch(server), batch(server), plain({"data": [], "has_more": False}))
    ask: Any = {"custom_id": "a", "params": {"model": SERVED, "max_tokens": 1, "messages": []}}
    client.messages.batches.create(requests=[ask])
    client.messages.batches.cancel("msgbatch_1")
    client.messages.batches.list()
    assert written(log) == [] and log.problems.total == 0


def test_only_so_many_results_are_remembered(
    log: ClaudeAPILogger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logger.sdk_batch.MOST_REMEMBERED", 2)
    batches = Batches(log)
    for n in (1, 2, 3, 3, 2, 1):
        batches.write("msgbatch_1", json.dumps(succeeded(n)).encode(), {})
    assert [line["message_id"] for line in written(log)] == ["msg_b1", "msg_b2", "msg_b3", "msg_b1"]
    ids = [line["call_id"] for line in written(log)]
    assert ids[0] == ids[3], "readers count one of them"
