"""Servers on loopback that take alerts: HTTP and SMTP, whole messages, failing on demand."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Server = TypeVar("Server", bound=socketserver.BaseServer)


class Web(ThreadingHTTPServer):
    """Keeps what is posted: (path, content type, body). Answers `status`; None: hangs up."""

    daemon_threads = True
    status: int | None = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Posts)
        self.got: list[tuple[str, str, str]] = []

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Posts(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if server.status is None:
            return
        if server.status < 300:
            server.got.append((self.path, self.headers.get("Content-Type", ""), body))
        self.send_response(server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Mail(socketserver.ThreadingTCPServer):
    """Just enough SMTP; keeps whole messages."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.got: list[str] = []


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server: Any = self.server
        self._say(220, "here")
        for line in self.rfile:
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self._say(354, "go on")
                server.got.append("".join(self._until_dot()))
                self._say(250, "taken")
            elif word == b"QUIT":
                self._say(221, "bye")
                return
            else:
                self._say(250, "yes")

    def _until_dot(self) -> Iterator[str]:
        for line in self.rfile:
            if line == b".\r\n":
                return
            yield line.decode()

    def _say(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """The server in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
