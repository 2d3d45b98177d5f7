"""A server on a real socket that answers like the Claude API, as scripted; for the tests of watched clients."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from anthropic import Anthropic, AsyncAnthropic, DefaultAsyncHttpxClient, DefaultHttpxClient

USAGE = {
    "input_tokens": 1200,
    "output_tokens": 340,
    "cache_read_input_tokens": 5000,
    "cache_creation_input_tokens": 700,
    "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
    "output_tokens_details": {"thinking_tokens": 40},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    "service_tier": "standard",
    "inference_geo": "us",
    "speed": "standard",
}

MODEL, SERVED = "claude-opus-5-5", "claude-opus-5-5-20261015"

TEXT = '{"answer":"süß"}'
PIECES = ('{"answer":', '"süß"}')
"""What the server says if it is not told; the same in a stream."""

CUT = object()
"""A chunk that cuts the connection."""

Chunk = Any
"""Bytes, `CUT`, or an event that is waited for."""


@dataclass
class Answer:
    """What the server says to one request; `n` is the number of the request and makes its ids."""

    chunks: Callable[[int], Iterable[Chunk]]
    status: int = 200
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    packed: bool = False


def message(text: str = TEXT, usage: dict[str, Any] | None = None, **over: Any) -> Answer:
    """A whole reply."""
    return Answer(lambda n: [json.dumps(_message(n, text, usage or USAGE, over)).encode()])


def _message(n: int, text: str, usage: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"msg_{n:03}",
        "type": "message",
        "role": "assistant",
        "model": SERVED,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
        **over,
    }


def events(
    n: int, texts: Iterable[str] = PIECES, usage: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The events of a streamed reply; the counts of the first are those before any output."""
    usage = usage or USAGE
    begun = {**_message(n, "", {**usage, "output_tokens": 1}, {}), "content": [], "stop_reason": None}
    counted = {name: value for name, value in usage.items() if isinstance(value, int)}
    counted["output_tokens_details"] = usage.get("output_tokens_details")
    return [
        {"type": "message_start", "message": begun},
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *[
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
            for text in texts
        ],
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": counted,
        },
        {"type": "message_stop"},
    ]


def spelled(event: dict[str, Any]) -> bytes:
    """A server-sent event as the API writes it."""
    data = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
    return f"event: {event['type']}\ndata: {data}\n\n".encode()


def stream(*texts: str, upto: int | None = None, then: Chunk = b"", **over: Any) -> Answer:
    """A streamed reply, or its first `upto` events and then something else."""
    pieces = texts or PIECES
    return Answer(
        lambda n: [*map(spelled, events(n, pieces, over.get("usage"))[:upto]), then],
        kind="text/event-stream; charset=utf-8",
    )


def refusal(status: int, kind: str, told: str = "No.", **headers: str) -> Answer:
    """An answer with an error status; `retry_after_ms="1"` is a header."""
    body = {"type": "error", "error": {"type": kind, "message": told}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        lambda n: [json.dumps({**body, "request_id": f"req_{n:03}"}).encode()], status, headers=named
    )


def overloaded() -> Answer:
    """A 529 after which the SDK tries again at once."""
    return refusal(529, "overloaded_error", "Overloaded", retry_after_ms="1")


def cut() -> Answer:
    """The connection breaks before there is an answer."""
    return Answer(lambda n: [CUT], status=0)


def held(event: threading.Event) -> Answer:
    """No answer until the event is set."""
    return Answer(lambda n: [event, CUT], status=0)


def plain(body: Any, kind: str = "application/json") -> Answer:
    """Any body."""
    return Answer(lambda n: [body if isinstance(body, bytes) else json.dumps(body).encode()], kind=kind)


class Server:
    """Answers the requests in their order as scripted; without a script with a whole message."""

    def __init__(self) -> None:
        self.script: deque[Answer] = deque()
        self.requests: list[tuple[str, str]] = []
        """(method, path) of each."""
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def says(self, *answers: Answer) -> None:
        """Script the next answers."""
        self.script.extend(answers)

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()

    def next(self, method: str, path: str) -> tuple[int, Answer]:
        """The number of this request and its answer."""
        with self._lock:
            self.requests.append((method, path))
            return len(self.requests), self.script.popleft() if self.script else message()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                self.reply()

            def do_GET(self) -> None:
                self.reply()

            def reply(self) -> None:
                n, answer = server.next(self.command, self.path)
                with suppress(OSError):
                    if answer.status:
                        self.begin(n, answer)
                    self.send(_packed(answer, n))

            def begin(self, n: int, answer: Answer) -> None:
                self.send_response(answer.status)
                packed = {"Content-Encoding": "gzip"} if answer.packed else {}
                named = {"request-id": f"req_{n:03}", "Content-Type": answer.kind, **packed, **answer.headers}
                for name, value in {**named, "Transfer-Encoding": "chunked"}.items():
                    self.send_header(name, value)
                self.end_headers()

            def send(self, chunks: Iterable[Chunk]) -> None:
                for chunk in chunks:
                    if isinstance(chunk, threading.Event):
                        chunk.wait(20)
                    elif chunk is CUT:
                        self.close_connection = True
                        self.connection.shutdown(socket.SHUT_RDWR)
                        return
                    elif chunk:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                        self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def _packed(answer: Answer, n: int) -> Iterable[Chunk]:
    chunks = answer.chunks(n)
    return [gzip.compress(b"".join(chunks))] if answer.packed else chunks


@contextmanager
def serving() -> Iterator[Server]:
    """A running server."""
    server = Server()
    try:
        yield server
    finally:
        server.close()


def sync_client(url: str, **options: Any) -> Anthropic:
    """A client of the server; without certificates, which take long to read."""
    http = DefaultHttpxClient(verify=False)
    return Anthropic(**{"api_key": "sk-ant-secret", "base_url": url, "http_client": http, **options})


def async_client(url: str, **options: Any) -> AsyncAnthropic:
    """The same, async."""
    http = DefaultAsyncHttpxClient(verify=False)
    return AsyncAnthropic(**{"api_key": "sk-ant-secret", "base_url": url, "http_client": http, **options})
