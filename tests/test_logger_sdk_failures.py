"""Calls of watched clients that fail, are tried again, are broken off or are not read: each is one line."""

from __future__ import annotations

import asyncio
import copy
import gc
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from logger_host import Clock, only, written
from sdk_server import (
    CUT,
    MODEL,
    TEXT,
    Server,
    async_client,
    cut,
    held,
    message,
    overloaded,
    refusal,
    serving,
    stream,
    sync_client,
)

from logger import ClaudeAPILogger, running_calls
from logger.sdk_retries import waiting_calls

pytest_plugins = ("logger_fixtures",)

ASK: dict[str, Any] = {"model": MODEL, "max_tokens": 10, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK does not wait long before it tries again."""
    monkeypatch.setattr("anthropic._base_client.INITIAL_RETRY_DELAY", 0.001)


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """Without a script, counting from 1."""
    shared.script.clear()
    shared.requests.clear()
    return shared


@pytest.fixture
def plain_client(server: Server) -> Iterator[Anthropic]:
    with sync_client(server.url) as client:
        yield client


@pytest.fixture
def client(plain_client: Anthropic, log: ClaudeAPILogger) -> Anthropic:
    return log.watch(plain_client)


def both(work: Callable[[Any], Any], server: Server, log: ClaudeAPILogger, **options: Any) -> None:
    """Run `work` with a watched client, sync or async."""
    if not asyncio.iscoroutinefunction(work):
        with sync_client(server.url, **options) as client:
            work(log.watch(client))
        return

    async def inside() -> None:
        async with async_client(server.url, **options) as client:
            await work(log.watch(client))

    asyncio.run(inside())


def picked(line: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(line.get(name) for name in names)


OUTCOME = ("success", "error_type", "http_status", "attempts", "request_id")


def create(client: Anthropic) -> Any:
    return client.messages.create(**ASK)


def read_stream(client: Anthropic) -> Any:
    return list(client.messages.create(**ASK, stream=True))


def lazy(client: Anthropic) -> Any:
    with client.messages.with_streaming_response.create(**ASK) as response:
        return response.read()


async def a_create(client: AsyncAnthropic) -> Any:
    return await client.messages.create(**ASK)


async def a_read_stream(client: AsyncAnthropic) -> Any:
    return [event async for event in await client.messages.create(**ASK, stream=True)]


async def a_lazy(client: AsyncAnthropic) -> Any:
    async with client.messages.with_streaming_response.create(**ASK) as response:
        return await response.read()


STYLES = [create, read_stream, lazy, a_create, a_read_stream, a_lazy]
style = pytest.mark.parametrize("work", STYLES)


@style
def test_a_call_tried_again_is_one_line_with_its_attempts(
    work: Callable[..., Any], server: Server, log: ClaudeAPILogger
) -> None:
    last = stream() if "stream" in work.__name__ else message()
    server.says(overloaded(), cut(), last)
    both(work, server, log)
    line = only(log)
    assert picked(line, *OUTCOME) == (True, None, None, 3, "req_003")
    assert line["tokens_output"] == 340 and "tokens_final" not in line


@style
@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (404, "not_found_error", anthropic.NotFoundError),
        (500, "api_error", anthropic.InternalServerError),
        (529, "overloaded_error", anthropic.InternalServerError),
    ],
)
def test_an_error_status_is_a_failed_line_with_what_the_api_says(
    work: Callable[..., Any],
    status: int,
    kind: str,
    error: type[Exception],
    server: Server,
    log: ClaudeAPILogger,
) -> None:
    server.says(refusal(status, kind, "No, sk-ant-0123456789 is\nwrong"))
    with pytest.raises(error):
        both(work, server, log, max_retries=0)
    line = only(log)
    assert picked(line, *OUTCOME) == (False, kind, status, None, "req_001")
    assert line["error_message"] == "No, sk-*** is wrong"
    assert picked(line, "tokens_total", "estimated_cost_usd", "response_length") == (None, None, None)


@pytest.mark.parametrize("work", [create, a_create])
def test_retries_that_are_used_up_are_one_failed_line(
    work: Callable[..., Any], server: Server, log: ClaudeAPILogger
) -> None:
    server.says(overloaded(), refusal(429, "rate_limit_error", retry_after_ms="1"), overloaded())
    with pytest.raises(anthropic.APIStatusError):
        both(work, server, log)
    assert picked(only(log), *OUTCOME) == (False, "overloaded_error", 529, 3, "req_003")


@pytest.mark.parametrize("most", [0, 1, 5])
@pytest.mark.parametrize("per_call", [False, True])
def test_the_retries_are_those_of_the_client_or_the_copy_that_is_used(
    most: int, per_call: bool, server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    server.says(*[cut() for _ in range(most + 1)], message())
    client = client.with_options(max_retries=most) if per_call else client.copy(max_retries=most)
    with pytest.raises(anthropic.APIConnectionError):
        create(client)
    line = only(log)
    assert picked(line, *OUTCOME) == (False, "APIConnectionError", None, most + 1 if most else None, None)
    assert line["error_message"].startswith("Connection error. (")
    create(client)
    assert [one["success"] for one in written(log)] == [False, True]


def test_the_api_may_say_whether_to_try_again(
    server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    server.says(refusal(529, "overloaded_error", x_should_retry="false"))
    with pytest.raises(anthropic.APIStatusError):
        create(client)
    assert picked(only(log), *OUTCOME) == (False, "overloaded_error", 529, None, "req_001")
    server.says(refusal(400, "invalid_request_error", x_should_retry="true", retry_after_ms="1"), message())
    create(client)
    assert written(log)[1]["attempts"] == 2


@pytest.mark.parametrize("work", [create, a_create])
def test_a_timeout_is_a_failed_line(work: Callable[..., Any], server: Server, log: ClaudeAPILogger) -> None:
    over = threading.Event()
    server.says(held(over), held(over))
    with pytest.raises(anthropic.APITimeoutError):
        both(work, server, log, timeout=0.05, max_retries=1)
    over.set()
    assert picked(only(log), *OUTCOME) == (False, "APITimeoutError", None, 2, None)


BEGUN = ("tokens_input", "tokens_output", "tokens_cache_read", "message_id", "tokens_final")


@pytest.mark.parametrize("work", [read_stream, a_read_stream])
def test_an_error_among_the_events_is_a_failed_line_with_the_counts_so_far(
    work: Callable[..., Any], server: Server, log: ClaudeAPILogger
) -> None:
    told = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Full"}}\n\n'
    server.says(stream(upto=4, then=told))
    with pytest.raises(anthropic.APIStatusError):
        both(work, server, log)
    line = only(log)
    assert picked(line, *OUTCOME) == (False, "overloaded_error", 200, None, "req_001")
    assert line["error_message"] == "Full" and line["response_length"] == len('{"answer":')
    assert picked(line, *BEGUN) == (1200, 1, 5000, "msg_001", False)


@pytest.mark.parametrize("work", [read_stream, a_read_stream])
@pytest.mark.parametrize("how", [CUT, b""])
def test_a_stream_the_server_breaks_off_is_a_failed_line_with_the_counts_so_far(
    work: Callable[..., Any], how: Any, server: Server, log: ClaudeAPILogger
) -> None:
    server.says(stream(upto=4, then=how))
    raises = how is CUT
    try:
        both(work, server, log)
    except Exception as error:
        assert raises, error
    line = only(log)
    assert line["success"] is False and line["error_type"] == (
        "RemoteProtocolError" if raises else "truncated"
    )
    assert picked(line, *BEGUN) == (1200, 1, 5000, "msg_001", False)


def test_a_reply_that_is_whole_but_for_its_last_event_is_final(
    server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    server.says(stream(upto=-1))
    read_stream(client)
    assert picked(only(log), "success", "tokens_output", "tokens_final") == (True, 340, None)


def leave(client: Anthropic) -> None:
    for event in client.messages.create(**ASK, stream=True):
        if event.type == "content_block_delta":
            break


def close(client: Anthropic) -> None:
    events = client.messages.create(**ASK, stream=True)
    next(events), next(events), next(events)
    events.close()


def leave_helper(client: Anthropic) -> None:
    with client.messages.stream(**ASK) as events:
        for _ in events.text_stream:
            break


def unread(client: Anthropic) -> None:
    client.messages.create(**ASK, stream=True).close()


async def a_leave(client: AsyncAnthropic) -> None:
    async with await client.messages.create(**ASK, stream=True) as events:
        async for event in events:
            if event.type == "content_block_delta":
                break


async def a_leave_helper(client: AsyncAnthropic) -> None:
    async with client.messages.stream(**ASK) as events:
        async for _ in events.text_stream:
            break


@pytest.mark.parametrize("work", [leave, close, leave_helper, a_leave, a_leave_helper])
def test_a_stream_the_program_leaves_is_no_failure_and_its_counts_are_a_lower_bound(
    work: Callable[..., Any], server: Server, log: ClaudeAPILogger
) -> None:
    over = threading.Event()
    server.says(stream(upto=4, then=over))
    both(work, server, log)
    over.set()
    gc.collect()
    line = only(log)
    assert picked(line, *OUTCOME) == (True, None, None, None, "req_001")
    assert picked(line, *BEGUN) == (1200, 1, 5000, "msg_001", False)


@pytest.mark.parametrize("collected", [False, True])
def test_a_stream_that_is_dropped_unread_is_a_line(
    collected: bool, server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    """Also when only the garbage collector finds it."""
    over = threading.Event()
    server.says(stream(upto=4, then=over))
    events: Any = client.messages.create(**ASK, stream=True)
    if collected:
        circle = [events]
        circle.append(circle)
        del circle
    del events
    gc.collect()
    over.set()
    line = only(log)
    assert picked(line, "success", "tokens_total", "tokens_final") == (True, None, False)


def lazy_unread(client: Anthropic) -> None:
    with client.messages.with_streaming_response.create(**ASK):
        pass


def lazy_partly(client: Anthropic) -> None:
    with client.messages.with_streaming_response.create(**ASK) as response:
        next(response.iter_bytes(50))


async def a_lazy_unread(client: AsyncAnthropic) -> None:
    async with client.messages.with_streaming_response.create(**ASK):
        pass


@pytest.mark.parametrize("work", [lazy_unread, lazy_partly, a_lazy_unread])
def test_a_reply_that_is_not_read_wholly_is_a_line_without_counts(
    work: Callable[..., Any], server: Server, log: ClaudeAPILogger
) -> None:
    both(work, server, log)
    gc.collect()
    line = only(log)
    assert picked(line, "success", "tokens_total", "tokens_final") == (True, None, False)
    assert line.get("message_id") == ("msg_001" if work is lazy_partly else None)


def test_a_cancelled_task_says_so(server: Server, log: ClaudeAPILogger) -> None:
    over = threading.Event()
    server.says(held(over))

    async def cancelled(client: AsyncAnthropic) -> None:
        task = asyncio.create_task(a_create(client))
        while not server.requests:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    both(cancelled, server, log)
    over.set()
    line = only(log)
    assert picked(line, *OUTCOME) == (False, "CancelledError", None, None, None)
    assert line["error_message"] == "the task was cancelled"


def test_a_task_cancelled_while_it_reads_a_stream_says_so(server: Server, log: ClaudeAPILogger) -> None:
    over = threading.Event()
    server.says(stream(upto=4, then=over))

    async def cancelled(client: AsyncAnthropic) -> None:
        events = await client.messages.create(**ASK, stream=True)
        for _ in range(3):
            await anext(events)
        task = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    both(cancelled, server, log)
    over.set()
    line = only(log)
    assert picked(line, "success", "error_type", "tokens_input", "tokens_final") == (
        False,
        "CancelledError",
        1200,
        False,
    )


def interrupted(_: float) -> None:
    raise KeyboardInterrupt


def interrupt(client: Anthropic) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", interrupted)
        create(client)


async def cancel(client: AsyncAnthropic) -> None:
    """While the SDK waits for its second attempt, the first time something else may run then."""
    waits = asyncio.Event()

    async def pause(_: float) -> None:
        waits.set()
        await asyncio.Event().wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anthropic._base_client.anyio.sleep", pause)
        task = asyncio.create_task(a_create(client))
        await waits.wait()
        task.cancel()
        await task


@pytest.mark.parametrize("work", [interrupt, cancel])
@pytest.mark.parametrize("why", [refusal(529, "overloaded_error", "Full"), cut()])
def test_a_call_given_up_while_the_sdk_waits_to_try_again_is_written_at_once(
    work: Callable[..., Any], why: Any, server: Server, log: ClaudeAPILogger
) -> None:
    """It ended as its last attempt did; nothing stays running."""
    server.says(why)
    with pytest.raises((KeyboardInterrupt, asyncio.CancelledError)):
        both(work, server, log)
    line = only(log)
    assert line["success"] is False and "attempts" not in line
    assert line["error_type"] == ("overloaded_error" if why.status else "APIConnectionError")
    assert not running_calls(log.log_dir, now=line["end_time"])


def copies(request: Any, call_next: Any) -> Any:
    """A middleware that passes another request on than the SDK made."""
    gc.collect()
    changed = copy.copy(request)
    changed.options = copy.copy(request.options)
    try:
        return call_next(changed)
    finally:
        del changed
        gc.collect()


def test_a_call_that_waits_is_not_given_up_for_what_another_middleware_drops(
    server: Server, plain_client: Anthropic, log: ClaudeAPILogger
) -> None:
    server.says(overloaded(), cut(), message())
    create(plain_client.with_options(middleware=[copies, log.middleware]))
    assert picked(only(log), *OUTCOME) == (True, None, None, 3, "req_003")


@pytest.mark.parametrize("later", ["another call", "flush", "close", "exit"])
def test_a_call_whose_next_attempt_never_comes_is_written_once(
    later: str, server: Server, client: Anthropic, log: ClaudeAPILogger, clock: Clock, monkeypatch: Any
) -> None:
    """Here the program is interrupted while the SDK waits, and keeps what it got, with all its frames."""
    server.says(refusal(529, "overloaded_error", "Full"))
    clock.pass_(1)
    monkeypatch.setattr(time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt) as kept:
        create(client)
    assert written(log) == [] and kept.value is not None
    clock.pass_(67)
    if later == "exit":
        waiting_calls.give_up()
    elif later in ("flush", "close"):
        getattr(log, later)()
        assert written(log) == []
        clock.pass_(2)
        getattr(log, later)()
        assert len(written(log)) == 1
    else:
        create(client)  # it may still come
        clock.pass_(2)
        create(client)
        assert written(log)[1]["error_type"] == "overloaded_error"
    waiting_calls.give_up()
    (line,) = [line for line in written(log) if not line["success"]]
    assert picked(line, *OUTCOME) == (False, "overloaded_error", 529, None, "req_001")
    assert (line["error_message"], line["duration_seconds"]) == ("Full", 0.0)


def test_an_interrupt_from_the_keyboard_says_so(
    server: Server, plain_client: Anthropic, log: ClaudeAPILogger
) -> None:
    def interrupts(request: Any, call_next: Any) -> Any:
        raise KeyboardInterrupt

    client = plain_client.with_options(middleware=[log.middleware, interrupts])
    with pytest.raises(KeyboardInterrupt):
        create(client)
    line = only(log)
    assert picked(line, "success", "error_type") == (False, "KeyboardInterrupt")
    assert line["error_message"] == "interrupted from the keyboard"


def test_an_error_of_another_middleware_passes_and_is_tried_again_as_the_sdk_does(
    server: Server, plain_client: Anthropic, log: ClaudeAPILogger
) -> None:
    raised = [ValueError("mine"), anthropic.RetryableError("again")]

    def raises(request: Any, call_next: Any) -> Any:
        if raised:
            raise raised.pop()
        return call_next(request)

    client = plain_client.with_options(middleware=[log.middleware, raises])
    with pytest.raises(ValueError, match="mine"):
        create(client)
    assert picked(only(log), "success", "error_type", "attempts") == (False, "ValueError", 2)
    create(client)
    assert written(log)[1]["response_length"] == len(TEXT)
