"""A watched client is the client it was, for its program, its types and its exceptions."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, get_type_hints
from unittest.mock import MagicMock

import anthropic
import httpx2
import pytest
from anthropic import Anthropic, AsyncAnthropic
from logger_host import only, written
from sdk_server import (
    MODEL,
    SERVED,
    TEXT,
    Server,
    async_client,
    events,
    message,
    overloaded,
    serving,
    spelled,
    stream,
    sync_client,
)
from test_logger_sdk import ASK, ASYNC, SYNC, answer_for, run

from logger import ClaudeAPILogger
from logger.middleware import Observer
from logger.sdk_request import batch_of, is_message
from logger.sdk_retries import client_behind, pause_after, retried_error
from logger.sdk_stream import StreamReader
from tests.bench import watching

pytest_plugins = ("logger_fixtures",)

CLIENTS = [
    lambda: Anthropic(api_key="k"),
    lambda: AsyncAnthropic(api_key="k"),
    lambda: anthropic.AnthropicBedrock(aws_region="us-east-1", aws_access_key="a", aws_secret_key="s"),
    lambda: anthropic.AsyncAnthropicBedrock(aws_region="us-east-1", aws_access_key="a", aws_secret_key="s"),
    lambda: anthropic.AnthropicBedrockMantle(aws_region="us-east-1", api_key="k"),
    lambda: anthropic.AsyncAnthropicBedrockMantle(aws_region="us-east-1", api_key="k"),
    lambda: anthropic.AnthropicVertex(region="us-east5", project_id="p", access_token="t"),
    lambda: anthropic.AsyncAnthropicVertex(region="us-east5", project_id="p", access_token="t"),
    lambda: anthropic.AnthropicFoundry(resource="r", api_key="k"),
    lambda: anthropic.AsyncAnthropicFoundry(resource="r", api_key="k"),
    lambda: anthropic.AnthropicAWS(api_key="k", aws_region="us-east-1", workspace_id="w"),
    lambda: anthropic.AsyncAnthropicAWS(api_key="k", aws_region="us-east-1", workspace_id="w"),
]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.mark.parametrize("new", CLIENTS)
def test_every_client_can_be_watched_and_stays_of_its_class(new: Any, log: ClaudeAPILogger) -> None:
    client = new()
    watched = log.watch(client)
    assert type(watched) is type(client)
    assert watched.middleware == (log.middleware,) and client.middleware == ()
    assert log.watch(watched) is watched
    assert log.middleware in watched.with_options(timeout=3).middleware


def test_watching_twice_or_naming_the_middleware_twice_gives_one_line(
    server: Server, log: ClaudeAPILogger
) -> None:
    for client in (
        log.watch(log.watch(sync_client(server.url))),
        log.watch(sync_client(server.url, middleware=[log.middleware])),
        sync_client(server.url, middleware=[log.middleware, log.middleware]),
    ):
        client.messages.create(**ASK)
    assert [line["message_id"] for line in written(log)] == ["msg_001", "msg_002", "msg_003"]


def test_two_logs_write_a_line_each(server: Server, log: ClaudeAPILogger, tmp_path: Path) -> None:
    other = ClaudeAPILogger(tmp_path / "other")
    server.says(overloaded(), message())
    client = other.watch(log.watch(sync_client(server.url)))
    client.messages.create(**ASK)
    assert only(log)["attempts"] == only(other)["attempts"] == 2


def test_what_is_no_client_is_given_back_and_said(log: ClaudeAPILogger) -> None:
    assert log.watch("no client") == "no client"
    assert log.problems.counts["watch"] == 1


@pytest.mark.parametrize("client", [MagicMock(), MagicMock(spec=Anthropic(api_key="k")), None])
def test_a_double_of_a_client_is_given_back(client: Any, log: ClaudeAPILogger) -> None:
    """A mock would say yes to everything, and give another mock back."""
    assert log.watch(client) is client
    assert log.problems.counts["watch"] == 1


def without_middleware(name: str) -> Any:
    """An anthropic before 0.108, or none."""
    return None if name == "none" else ModuleType("anthropic")


@pytest.mark.parametrize("sdk", ["none", "old"])
def test_without_an_sdk_that_knows_middleware_a_program_runs_unwatched(
    sdk: str, log: ClaudeAPILogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Anthropic(api_key="k")
    monkeypatch.setitem(sys.modules, "anthropic", without_middleware(sdk))
    monkeypatch.delitem(sys.modules, "logger.middleware")
    assert log.watch(client) is client
    observer: Any = log.middleware
    assert observer("a request", str.upper) == "A REQUEST", "it passes everything on"
    assert log.flush() and log.problems.counts["watch"] == 2


class Shop(Anthropic):
    """A program's own client."""

    def __init__(self, *, tenant: str = "nobody", **options: Any) -> None:
        super().__init__(**options)
        self.tenant = tenant


def test_what_a_program_has_set_on_its_client_is_on_the_watched_one(
    server: Server, log: ClaudeAPILogger
) -> None:
    """But not what the client has made itself: its `messages` would not be watched."""
    with Shop(tenant="us", api_key="k", base_url=server.url) as client:
        client.label = "x"  # type: ignore[attr-defined]
        client.messages.create(**ASK)
        watched = log.watch(client)
        assert (watched.tenant, watched.label) == ("us", "x")  # type: ignore[attr-defined]
        watched.messages.create(**ASK)
    assert only(log)["message_id"] == "msg_002"


@pytest.mark.parametrize("new", CLIENTS)
def test_the_resources_of_a_watched_client_are_its_own(new: Any, log: ClaudeAPILogger) -> None:
    client = new()
    made = client.messages, client.beta
    watched = log.watch(client)
    assert watched.messages not in made and watched.beta not in made
    assert watched.messages._client is watched


def test_the_types_are_those_of_the_client() -> None:
    """`watch` is of one type for what comes in and what goes out; the middleware fits every client."""
    hints = get_type_hints(ClaudeAPILogger.watch)
    assert isinstance(hints["return"], TypeVar) and hints["return"] is hints["client"]
    assert issubclass(Observer, anthropic.Middleware)


class BrokenError(Exception):
    """What a broken logger raises."""


def breaks(*_: Any, **__: Any) -> Any:
    raise BrokenError


@pytest.mark.parametrize("name", ["start_call", "end_call", "passed", "problems"])
@pytest.mark.parametrize("style", [*SYNC, *ASYNC])
def test_a_broken_logger_changes_nothing_for_the_program(
    name: str, style: Any, server: Server, log: ClaudeAPILogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, name, breaks)
    server.says(overloaded(), answer_for(style)) if style.__name__ != "copied" else None
    if style.__name__ == "raw":
        server.script.popleft()  # it looks at the id of the first request
    assert run(style, server.url, log) == TEXT


@pytest.mark.parametrize("name", ["logger.sdk_call.prompt_texts", "logger.sdk_call.usage_of"])
def test_a_mistake_of_ours_changes_nothing_for_the_program(
    name: str, server: Server, log: ClaudeAPILogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name, breaks)
    assert run(SYNC[0], server.url, log) == TEXT


def test_a_mistake_in_reading_a_reply_costs_its_counts_only(
    server: Server, log: ClaudeAPILogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logger.sdk_call.reply_text", breaks)
    monkeypatch.setattr(StreamReader, "finish", breaks)
    server.says(message(), stream())
    assert run(SYNC[0], server.url, log) == run(SYNC[1], server.url, log) == TEXT
    for line in written(log):
        assert line["success"] and line["tokens_total"] is None and line["tokens_final"] is False
    assert log.problems.counts["sdk"] == 2


def test_nothing_is_read_before_the_program_reads_it(server: Server, log: ClaudeAPILogger) -> None:
    with sync_client(server.url) as client:
        watched = log.watch(client)
        with watched.messages.with_streaming_response.create(**ASK) as response:
            assert not response.http_response.is_stream_consumed
            assert response.json()["model"] == SERVED  # type: ignore[index]
            assert "iter_bytes" not in vars(response.http_response), "it has its own methods back"
        with pytest.raises(httpx2.StreamConsumed):
            list(response.http_response.iter_raw())


def test_a_dropped_response_is_freed_at_once(server: Server, log: ClaudeAPILogger) -> None:
    """Without the garbage collector: the SDK closes a dropped stream when it is dropped."""
    server.says(stream())
    with sync_client(server.url) as client:
        gc.disable()
        try:
            events = log.watch(client).messages.create(**ASK, stream=True)
            next(events)
            del events
            assert only(log)["tokens_final"] is False
        finally:
            gc.enable()


def frame(event: dict[str, Any]) -> bytes:
    """An event as Bedrock frames it; lengths and checks are nothing to us."""
    data = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    payload = json.dumps({"bytes": b64encode(data).decode(), "p": "abcd"}).encode()
    return b"\x00\x00\x01\x1c\x00\x00\x00\x4b\x0b:event-type\x07\x00\x05chunk" + payload + b"\x12\n\x34\x56"


def spaced(event: dict[str, Any]) -> bytes:
    """As another server may write it."""
    return f"event: {event['type']}\r\ndata: {json.dumps(event)}\r\n\r\n".encode()


@pytest.mark.parametrize("spell", [spelled, spaced, frame])
@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_a_stream_is_read_the_same_however_it_is_spelled_and_cut(spell: Any, size: int) -> None:
    texts = ["Say ", '"süß"', "\\n\n", "\U0001f36c", 'x"}', "event: error\ndata: {}"]
    data = b"".join(map(spell, events(7, texts)))
    reader = StreamReader(aws=spell is frame)
    firsts = [at for at in range(0, len(data), size) if reader.feed(data[at : at + size])]
    reader.finish()
    assert reader.text == "".join(texts) and reader.stopped and reader.final and reader.error is None
    assert (reader.message.message_id, reader.message.stop_reason) == ("msg_007", "end_turn")
    assert reader.message.usage.tokens_output == 340
    assert len(firsts) == 1


@pytest.mark.parametrize("spell", [spelled, frame])
def test_a_long_stream_is_not_kept(spell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logger.sdk_stream._MOST_COLLECTED", 1000)
    texts = [f"piece {n} " for n in range(500)]
    reader = StreamReader(aws=spell is frame)
    for event in events(1, texts):
        reader.feed(spell(event))
        assert sum(map(len, reader._chunks)) < 3000
    reader.finish()
    assert reader.text == "".join(texts) and reader.final


def test_an_error_in_an_aws_stream_is_found() -> None:
    error = b"\x0f:exception-type\x07\x00\x13throttlingException" + b'\x0d{"message":"Too many"}'
    reader = StreamReader(aws=True)
    reader.feed(frame(events(1)[0]) + error)
    reader.finish()
    assert reader.error == ("throttlingException", "Too many") and not reader.final


def test_a_bedrock_client_is_followed(server: Server, log: ClaudeAPILogger) -> None:
    """Its address names the model and its request does not; the middleware sees both before that."""
    with anthropic.AnthropicBedrock(aws_region="us-east-1", api_key="k", base_url=server.url) as client:
        log.watch(client).messages.create(**{**ASK, "model": "anthropic.claude-opus-5-5"})
    assert server.requests == [("POST", "/model/anthropic.claude-opus-5-5/invoke")]
    line = only(log)
    assert (line["model"], line["tokens_output"], line["success"]) == ("anthropic.claude-opus-5-5", 340, True)


@pytest.mark.parametrize(
    ("method", "url", "message", "batch"),
    [
        ("post", "/v1/messages", True, None),
        ("post", "/v1/messages?beta=true", True, None),
        ("get", "/v1/messages", False, None),
        ("post", "/v1/messages/count_tokens?beta=true", False, None),
        ("post", "/v1/messages/batches", False, None),
        ("get", "/v1/messages/batches?limit=1", False, None),
        ("post", "/v1/messages/batches/b_1/cancel", False, None),
        ("get", "/v1/messages/batches/b_1?beta=true", False, ("b_1", False)),
        ("get", "https://api.anthropic.com/v1/messages/batches/b_1/results", False, ("b_1", True)),
        ("get", "/v1/models", False, None),
    ],
)
def test_endpoints_are_told_apart(method: str, url: str, message: bool, batch: Any) -> None:
    assert (is_message(method, url), batch_of(method, url)) == (message, batch)


@pytest.mark.parametrize("new", [Anthropic, AsyncAnthropic])
def test_the_client_behind_a_chain_is_found(new: Any, log: ClaudeAPILogger) -> None:
    """By the closures of this SDK: when this fails, attempts without a response wait for the next one."""

    def between(request: Any, call_next: Any) -> Any:
        return call_next(request)

    async def a_between(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    inner = between if new is Anthropic else a_between
    client = log.watch(new(api_key="k")).with_middleware(inner)
    assert client_behind(client._middleware_chain) is client
    assert client_behind(print) is None and client_behind(lambda: None) is None


def test_errors_are_tried_again_as_the_sdk_does() -> None:
    request = httpx2.Request("POST", "http://x")
    wrapped = ValueError()
    wrapped.__cause__ = anthropic.APIConnectionError(request=request)
    refused = anthropic.RateLimitError("no", response=httpx2.Response(429, request=request), body=None)
    client = Anthropic(api_key="k")
    for error in (
        wrapped,
        refused,
        ValueError(),
        anthropic.APITimeoutError(request),
        anthropic.AnthropicError(),
    ):
        assert retried_error(error) is client._should_retry_exception(error)[0]
    assert not retried_error(KeyboardInterrupt())


def test_the_longest_pause_before_the_next_attempt() -> None:
    assert pause_after({}) == pause_after({"retry-after-ms": "100"}) == 8
    assert pause_after({"retry-after": "30"}) == 30
    assert pause_after({"retry-after": "Sun, 22 Nov 2026 18:00:00 GMT"}) == 3600


def test_a_forked_child_leaves_its_parents_calls_alone(server: Server, log: ClaudeAPILogger) -> None:
    server.says(stream(), message())
    with sync_client(server.url) as client:
        events_ = log.watch(client).messages.create(**ASK, stream=True)
        next(events_)
        child = os.fork()
        if child == 0:
            del events_
            os._exit(0)
        os.waitpid(child, 0)
        list(events_)
    assert only(log)["tokens_output"] == 340


def test_what_is_open_at_exit_is_written(server: Server, tmp_path: Path) -> None:
    """A stream that nobody ended, and a call that waits for its next attempt."""
    server.says(stream(), overloaded())
    code = f"""
import sys, time
from anthropic import Anthropic
from logger import ClaudeAPILogger
client = ClaudeAPILogger(sys.argv[1]).watch(Anthropic(api_key="k", base_url={server.url!r}))
ask = dict(model={MODEL!r}, max_tokens=1, messages=[dict(role="user", content="x")])
kept = client.messages.create(**ask, stream=True)
next(kept)
def stop(seconds): raise SystemExit
time.sleep = stop
client.messages.create(**ask)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    lines = [json.loads(line) for line in next(tmp_path.glob("*.jsonl")).open()]
    assert sorted((line["success"], line["tokens_input"]) for line in lines) == [(False, None), (True, 1200)]


def test_an_async_stream_left_without_closing_is_written(server: Server, log: ClaudeAPILogger) -> None:
    server.says(stream())

    async def leave() -> None:
        async with async_client(server.url) as client:
            async for _ in await log.watch(client).messages.create(**ASK, stream=True):
                break

    asyncio.run(leave())
    gc.collect()
    assert only(log)["tokens_final"] is False


def test_watching_is_measured_in_a_call_and_in_a_stream(tmp_path: Path) -> None:
    """Both calls of the bench are written whole, and as often as they are made."""
    use, read = watching._create(tmp_path), watching._stream(tmp_path)
    use(), read(), read()
    lines = [json.loads(line) for line in next(tmp_path.glob("*.jsonl")).open()]
    assert [(line["tokens_output"], line["time_to_first_token"] is None) for line in lines] == [
        (340, True),
        (340, False),
        (340, False),
    ]
    assert len(watching._events()) == watching.EVENTS
