"""Watched clients of the anthropic SDK, every style of call, against a server on a real socket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic, beta_async_tool, beta_tool
from logger_host import only, written
from pydantic import BaseModel
from sdk_server import (
    MODEL,
    SERVED,
    TEXT,
    Answer,
    Server,
    async_client,
    message,
    plain,
    serving,
    stream,
    sync_client,
)

from logger import ClaudeAPILogger
from logger.sdk_request import prompt_texts

pytest_plugins = ("logger_fixtures",)

ASK: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 1000,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "How is sugar?"}],
}


class Reply(BaseModel):
    """What `parse` is to make of the reply."""

    answer: str


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
def client(server: Server, log: ClaudeAPILogger) -> Iterator[Anthropic]:
    with sync_client(server.url) as client:
        yield log.watch(client)


def create(client: Anthropic) -> str:
    return client.messages.create(**ASK).content[0].text


def streamed(client: Anthropic) -> str:
    events = list(client.messages.create(**ASK, stream=True))
    return "".join(event.delta.text for event in events if event.type == "content_block_delta")


def helper(client: Anthropic) -> str:
    with client.messages.stream(**ASK) as stream:
        return "".join(stream.text_stream)


def final_message(client: Anthropic) -> str:
    with client.messages.stream(**ASK) as stream:
        return stream.get_final_message().content[0].text


def parse(client: Anthropic) -> str:
    parsed = client.messages.parse(**ASK, output_format=Reply)
    assert parsed.parsed_output == Reply(answer="süß")
    return parsed.content[0].text


def raw(client: Anthropic) -> str:
    response = client.messages.with_raw_response.create(**ASK)
    assert response.headers["request-id"] == "req_001"
    return response.parse().content[0].text


def raw_stream(client: Anthropic) -> str:
    events = client.messages.with_raw_response.create(**ASK, stream=True).parse()
    return "".join(event.delta.text for event in events if event.type == "content_block_delta")


def lazy(client: Anthropic) -> str:
    with client.messages.with_streaming_response.create(**ASK) as response:
        return response.parse().content[0].text


def lazy_lines(client: Anthropic) -> str:
    with client.messages.with_streaming_response.create(**ASK) as response:
        return str(json.loads("".join(response.iter_lines()))["content"][0]["text"])


def beta(client: Anthropic) -> str:
    return client.beta.messages.create(**ASK, betas=["fast-mode"]).content[0].text


def beta_helper(client: Anthropic) -> str:
    with client.beta.messages.stream(**ASK) as stream:
        return stream.get_final_message().content[0].text


def copied(client: Anthropic) -> str:
    return create(client.with_options(max_retries=0, timeout=5))


SYNC = [create, streamed, helper, final_message, parse, raw, raw_stream, lazy, beta, beta_helper, copied]


async def a_create(client: AsyncAnthropic) -> str:
    return (await client.messages.create(**ASK)).content[0].text


async def a_streamed(client: AsyncAnthropic) -> str:
    events = await client.messages.create(**ASK, stream=True)
    return "".join([event.delta.text async for event in events if event.type == "content_block_delta"])


async def a_helper(client: AsyncAnthropic) -> str:
    async with client.messages.stream(**ASK) as stream:
        return "".join([text async for text in stream.text_stream])


async def a_final_message(client: AsyncAnthropic) -> str:
    async with client.messages.stream(**ASK) as stream:
        return (await stream.get_final_message()).content[0].text


async def a_parse(client: AsyncAnthropic) -> str:
    return (await client.messages.parse(**ASK, output_format=Reply)).content[0].text


async def a_raw(client: AsyncAnthropic) -> str:
    response = await client.messages.with_raw_response.create(**ASK)
    return (await response.parse()).content[0].text


async def a_raw_stream(client: AsyncAnthropic) -> str:
    events = await (await client.messages.with_raw_response.create(**ASK, stream=True)).parse()
    return "".join([event.delta.text async for event in events if event.type == "content_block_delta"])


async def a_lazy(client: AsyncAnthropic) -> str:
    async with client.messages.with_streaming_response.create(**ASK) as response:
        return (await response.parse()).content[0].text


async def a_beta(client: AsyncAnthropic) -> str:
    return (await client.beta.messages.create(**ASK)).content[0].text


async def a_beta_helper(client: AsyncAnthropic) -> str:
    async with client.beta.messages.stream(**ASK) as stream:
        return (await stream.get_final_message()).content[0].text


ASYNC = [
    a_create,
    a_streamed,
    a_helper,
    a_final_message,
    a_parse,
    a_raw,
    a_raw_stream,
    a_lazy,
    a_beta,
    a_beta_helper,
]

STREAMED = {"streamed", "helper", "final_message", "raw_stream", "beta_helper"}
Style = Callable[[Any], Any]


def answer_for(style: Style) -> Answer:
    """What the server is to say: the streams are of the same reply."""
    if style.__name__.removeprefix("a_") in STREAMED:
        return stream()
    return message()


def run(style: Style, url: str, log: ClaudeAPILogger, **options: Any) -> Any:
    """What the style returns, of a watched client, sync or async."""
    if not asyncio.iscoroutinefunction(style):
        with sync_client(url, **options) as client:
            return style(log.watch(client))

    async def inside() -> Any:
        async with async_client(url, **options) as client:
            return await style(log.watch(client))

    return asyncio.run(inside())


LINE = {
    "timestamp": "2026-11-22T12:00:00.000000+00:00",
    "task_id": "gh-1",
    "worker_id": None,
    "model": MODEL,
    "prompt_file": None,
    "prompt_length": len("Be brief.How is sugar?"),
    "response_length": len(TEXT),
    "tokens_input": 1200,
    "tokens_output": 340,
    "tokens_total": 7240,
    "start_time": 1795348800.0,
    "end_time": 1795348800.0,
    "duration_seconds": 0.0,
    "time_to_first_token": None,
    "tokens_per_second": None,
    "success": True,
    "error_message": None,
    "exit_code": None,
    "settings": None,
    "estimated_cost_usd": 0.03837,
    "source": "sdk",
    "project": "shop",
    "message_id": "msg_001",
    "request_id": "req_001",
    "model_served": SERVED,
    "service_tier": "standard",
    "speed": "standard",
    "inference_geo": "us",
    "stop_reason": "end_turn",
    "tokens_cache_read": 5000,
    "tokens_cache_write_5m": 500,
    "tokens_cache_write_1h": 200,
    "tokens_thinking": 40,
    "web_searches": 2,
}
"""What a call says when the clock stands still: (1200 x 4 + 340 x 20 + 5000 x 0.2 + 500 x 5 + 200 x 8)
dollars per million, x 1.1 for the place, and two searches."""


def without_id(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "call_id"}


@pytest.mark.parametrize("style", [*SYNC, *ASYNC])
@pytest.mark.parametrize("packed", [False, True])
def test_every_style_gives_its_reply_and_one_line(
    style: Style, packed: bool, server: Server, log: ClaudeAPILogger
) -> None:
    answer = answer_for(style)
    answer.packed = packed
    server.says(answer)
    with log.context(task_id="gh-1", project="shop"):
        assert run(style, server.url, log) == TEXT
    first = 0.0 if style.__name__.removeprefix("a_") in STREAMED else None
    assert without_id(only(log)) == {**LINE, "time_to_first_token": first}
    assert log.problems.total == 0


def test_a_reply_read_by_its_lines_is_counted(server: Server, log: ClaudeAPILogger) -> None:
    with log.context(task_id="gh-1", project="shop"):
        run(lazy_lines, server.url, log)
    assert without_id(only(log)) == LINE


@beta_tool
def weather(place: str) -> str:
    """The weather."""
    return f"sunny in {place}"


@beta_async_tool(name="weather")
async def weather_later(place: str) -> str:
    """The weather."""
    return f"sunny in {place}"


WANTS_TOOL = message(
    content=[{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Rome"}}],
    stop_reason="tool_use",
)


def turns(client: Anthropic) -> int:
    return len(list(client.beta.messages.tool_runner(**ASK, tools=[weather])))


async def a_turns(client: AsyncAnthropic) -> int:
    runner = client.beta.messages.tool_runner(**ASK, tools=[weather_later])
    return len([turn async for turn in runner])


@pytest.mark.parametrize("style", [turns, a_turns])
def test_each_turn_of_a_tool_runner_is_a_call(style: Style, server: Server, log: ClaudeAPILogger) -> None:
    server.says(WANTS_TOOL, message("It is sunny."))
    assert run(style, server.url, log) == 2
    first, second = written(log)
    assert (first["stop_reason"], first["message_id"], first["response_length"]) == ("tool_use", "msg_001", 0)
    assert (second["stop_reason"], second["message_id"]) == ("end_turn", "msg_002")
    assert second["prompt_length"] in (13, first["prompt_length"] + 13)  # "sunny in Rome", perhaps all


def test_what_is_no_message_gives_no_line(server: Server, client: Anthropic, log: ClaudeAPILogger) -> None:
    server.says(plain({"input_tokens": 12}), plain({"data": [], "has_more": False}))
    assert client.messages.count_tokens(model=MODEL, messages=ASK["messages"]).input_tokens == 12
    assert client.models.list().data == []
    assert written(log) == []


def test_the_prompt_is_the_text_of_system_and_messages(
    server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 1000}}
    text = {"type": "text", "text": "12345"}
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "123"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [text, image]}
    said = [
        {"role": "user", "content": [image, text, document, result]},
        {"role": "assistant", "content": "1"},
    ]
    client.messages.create(**{**ASK, "system": [text], "messages": said})
    assert only(log)["prompt_length"] == 5 + 5 + 3 + 5 + 1


def test_a_prompt_may_be_nested_deeply(server: Server, client: Anthropic, log: ClaudeAPILogger) -> None:
    block: dict[str, Any] = {"type": "text", "text": "12345"}
    for _ in range(350):  # three frames each would be more than Python has
        block = {"type": "tool_result", "tool_use_id": "t", "content": [block]}
    body = {**ASK, "messages": [{"role": "user", "content": [block]}]}
    client.post("/v1/messages", body=body, cast_to=object)
    assert only(log)["prompt_length"] == len("Be brief.") + 5


def test_the_texts_of_a_prompt_stand_in_their_order_and_one_without_end_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("logger.sdk_request.MOST_PARTS", 1000)
    document = {"source": {"type": "text", "data": "4"}, "text": "2", "content": ["3"]}
    assert prompt_texts({"messages": [{"content": [document, "5"]}, "6"], "system": "1"}) == list("123456")
    circle: list[Any] = []
    circle.append(circle)
    assert prompt_texts({"messages": circle}) is None


@pytest.mark.parametrize("content", [False, True])
def test_prompt_and_reply_are_written_only_when_wanted(content: bool, server: Server, tmp_path: Any) -> None:
    log = ClaudeAPILogger(tmp_path, content=content)
    run(create, server.url, log)
    line = only(log)
    assert (line["prompt_length"], line["response_length"]) == (len("Be brief.How is sugar?"), len(TEXT))
    assert (line.get("prompt"), line.get("response")) == (
        ("Be brief.\n\nHow is sugar?", TEXT) if content else (None, None)
    )


def test_a_model_the_reply_does_not_name_and_a_reply_without_usage_are_no_matter(
    server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    server.says(plain(b"<html>", kind="text/html"), plain({"id": "msg_1"}))
    assert client.messages.create(**ASK) == "<html>"
    client.messages.create(**ASK)
    for line in written(log):
        assert line["success"] and line["tokens_total"] is None and line["tokens_final"] is False


def test_the_iterations_of_a_fallback_are_priced_each_as_its_model(
    server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    """Its top level equals the last iteration; the first one wrote something, so it costs."""
    first = {"type": "message", "model": MODEL, "input_tokens": 1000, "output_tokens": 10}
    last = {
        "type": "fallback_message",
        "model": "claude-haiku-5-5",
        "input_tokens": 1000,
        "output_tokens": 10,
    }
    usage = {"input_tokens": 1000, "output_tokens": 10, "iterations": [first, last]}
    server.says(message(usage=usage))
    client.beta.messages.create(**ASK)
    line = only(log)
    assert (line["tokens_input"], line["tokens_output"], line["tokens_total"]) == (2000, 20, 2020)
    assert line["estimated_cost_usd"] == pytest.approx(0.0042 + 0.000105)


def test_threads_do_not_see_each_others_names(
    server: Server, client: Anthropic, log: ClaudeAPILogger
) -> None:
    together = threading.Barrier(4)

    def work(task: str) -> None:
        with log.context(task_id=task):
            together.wait()
            for _ in range(3):
                client.messages.create(**{**ASK, "metadata": {"user_id": task}})

    threads = [threading.Thread(target=work, args=(f"t-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line["task_id"] for line in written(log)) == sorted([f"t-{n}" for n in range(4)] * 3)


def test_tasks_do_not_see_each_others_names_and_a_stream_keeps_its_own(
    server: Server, log: ClaudeAPILogger
) -> None:
    server.says(*[stream() for _ in range(4)])

    async def begun(client: AsyncAnthropic, task: str) -> Any:
        with log.context(task_id=task):
            return await client.messages.create(**ASK, stream=True)

    async def together(client: AsyncAnthropic) -> None:
        streams = await asyncio.gather(*[begun(client, f"t-{n}") for n in range(4)])
        with log.context(task_id="elsewhere", worker_id="elsewhere"):
            for one in streams:
                async for _ in one:
                    pass

    run(together, server.url, log)
    assert sorted(line["task_id"] for line in written(log)) == ["t-0", "t-1", "t-2", "t-3"]
    assert {line["worker_id"] for line in written(log)} == {None}
