"""What watching costs a program that calls the API through the anthropic SDK, all in all: also writing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
from anthropic import Anthropic

from logger import ClaudeAPILogger

from .calls import measured
from .ground import Ground
from .row import Row, limited

MOST = 50e-6
"""Seconds a call may take longer because it is watched."""

MODEL = "claude-opus-5-5"
EVENTS = 50
_USAGE = {"input_tokens": 1200, "cache_read_input_tokens": 45_000, "cache_creation_input_tokens": 800}
_ASK: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 4000,
    "system": "You fix parsers.",
    "messages": [{"role": "user", "content": "Please fix the parser. " * 90}],
}

Use = Callable[[], object]


def watching(ground: Ground) -> Iterator[Row]:
    """Rounds in turn, watched and not, of a client whose answers come out of the same process."""
    folder, size = ground.folder / "watching", (5, 100) if ground.quick else (15, 300)
    for name, use in (("create", _create), (f"a stream of {EVENTS} events", _stream)):
        (bare, _), (watched, _) = measured([use(None), use(folder)], *size)
        told = "the same call unwatched"
        yield limited(f"{name}, watched: on top of it", watched - bare, MOST, told=told, baseline=bare)


def _create(folder: Path | None) -> Use:
    client = _client(folder, "application/json", json.dumps(_message()).encode())
    return lambda: client.messages.create(**_ASK)


def _stream(folder: Path | None) -> Use:
    client = _client(folder, "text/event-stream", [_spelled(event) for event in _events()])

    def use() -> None:
        for _ in client.messages.create(**_ASK, stream=True):
            pass

    return use


def _client(folder: Path | None, kind: str, body: bytes | list[bytes]) -> Anthropic:
    """A client of which no byte leaves the process, watched if there is a folder to write to."""
    headers = {"content-type": kind, "request-id": "req_011CSHoEeqs5C35K2UUqR7Fy"}

    def answer(request: httpx2.Request) -> httpx2.Response:
        content = body if isinstance(body, bytes) else iter(body)
        return httpx2.Response(200, headers=headers, content=content)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = Anthropic(api_key="none", base_url="http://bench", http_client=http)
    return client if folder is None else ClaudeAPILogger(folder).watch(client)


def _message(text: str = "Done: the parser takes empty lines. " * 60) -> dict[str, Any]:
    return {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": f"{MODEL}-20261015",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {**_USAGE, "output_tokens": 340, "service_tier": "standard"},
    }


def _events() -> list[dict[str, Any]]:
    """As many events, nearly all of them a piece of text."""
    piece = {"type": "text_delta", "text": " the parser takes empty lines"}
    delta = {"type": "content_block_delta", "index": 0, "delta": piece}
    return [
        {"type": "message_start", "message": {**_message(), "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *[delta] * (EVENTS - 5),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 340}},
        {"type": "message_stop"},
    ]


def _spelled(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
