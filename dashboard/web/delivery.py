"""The delivery: what leaves the server is small, and what does not change is sent once.

Files that come with the packages and the page's own assets are compressed once, as well as gzip can,
and kept by their content, in memory and on disk. Answers made on the spot are compressed fast.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipResponder
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST = 500
"""Bytes below which compressing costs more than it saves."""

_FAST, _BEST = 4, 9
_STATIC = re.compile(r"/(_dash-component-suites|assets|docs/files)/|/_favicon\.ico$")
_FINGERPRINT = re.compile(r"\.v[\w-]+m[0-9a-fA-F]+\.")
_STAMPED = re.compile(rb"(^|&)[mv]=")
_TEXT = re.compile(r"text/|image/(svg\+xml|x-icon|vnd\.microsoft\.icon)|.*[/+](javascript|json|xml|wasm)$")
_ASIDE = frozenset({b"if-none-match", b"if-modified-since", b"range", b"if-range", b"accept-encoding"})

_FORMAT = b"callmeter gzip 1\n"
_KEPT_DAYS = 60


def deliver(app: ASGIApp, *, cache_dir: Path | None, private: bool) -> ASGIApp:
    """`app` with its answers compressed and marked for the browser's cache.

    cache_dir: where compressed files are kept; None keeps them in memory only.
    private: whether the page is behind a token, so that no shared cache may keep anything.
    """
    return _Delivery(app, Shelf(cache_dir / "gzip" if cache_dir else None), private)


@dataclass(slots=True)
class Shelf:
    """Compressed files by content. A copy on disk that is missing, damaged or unwritable costs only time."""

    folder: Path | None
    clock: Callable[[], float] = time.time
    _held: dict[str, bytes] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)

    def packed(self, name: str, body: bytes) -> bytes:
        """The gzip form of `body`, whose digest is `name`; made once however many threads ask."""
        with self._locks.setdefault(name, threading.Lock()):
            held = self._held.get(name) or self._read(name)
            if held is None:
                held = gzip.compress(body, _BEST, mtime=0)
                self._write(name, held)
            self._held[name] = held
            return held

    def _read(self, name: str) -> bytes | None:
        if self.folder is None:
            return None
        path = self.folder / name
        try:
            kept = path.read_bytes()
            path.touch()  # `_sweep` goes by it
        except OSError:
            return None
        head = _FORMAT + name.encode()
        packed = kept[len(head) + 16 :]
        return packed if kept == head + _seal(packed) + packed else None

    def _write(self, name: str, packed: bytes) -> None:
        if self.folder is None:
            return
        part = self.folder / f"{name}.{secrets.token_hex(4)}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.write_bytes(_FORMAT + name.encode() + _seal(packed) + packed)
            part.replace(self.folder / name)
            self._sweep(self.folder)
        except OSError:
            return

    def _sweep(self, folder: Path) -> None:
        """Remove what no version in use has asked for in a long time."""
        for path in folder.iterdir():
            if path.stat().st_mtime < self.clock() - _KEPT_DAYS * 86400:
                path.unlink(missing_ok=True)


def _seal(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=16).digest()


@dataclass(slots=True)
class _Delivery:
    app: ASGIApp
    shelf: Shelf
    private: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["method"] in ("GET", "HEAD") and _STATIC.match(scope["path"]):
            await self._file(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Made on the spot: compressed as it comes, asked for again each time."""
        app = GZipResponder(self.app, LEAST, _FAST) if _takes_gzip(scope) else self.app
        await app(scope, receive, _unkept(send))

    async def _file(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await _whole(self.app, scope, receive)
        if _is_file(response):
            response = await self._prepared(scope, response)
        if scope["method"] == "HEAD":
            response.body = b""
        await response(scope, receive, _unkept(send))

    async def _prepared(self, scope: Scope, response: Response) -> Response:
        body, kind = bytes(response.body), response.headers["content-type"]
        name = await asyncio.to_thread(_digest, body)
        zipped = _takes_gzip(scope) and len(body) >= LEAST and _TEXT.match(kind)
        headers = {
            "Content-Type": kind,
            "Cache-Control": self._lifetime(scope),
            "ETag": f'"{name}-gzip"' if zipped else f'"{name}"',
        }
        if _matches(Headers(scope=scope).get("if-none-match"), headers["ETag"]):
            return Response(None, 304, headers)
        if not zipped:
            return Response(body, 200, headers)
        packed = await asyncio.to_thread(self.shelf.packed, name, body)
        return Response(packed, 200, headers | {"Content-Encoding": "gzip"})

    def _lifetime(self, scope: Scope) -> str:
        """For ever when the address changes with the file; else the browser asks each time."""
        whose = "private" if self.private else "public"
        stamped = _FINGERPRINT.search(scope["path"]) or _STAMPED.search(scope["query_string"])
        return f"{whose}, max-age=31536000, immutable" if stamped else f"{whose}, no-cache"


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()


async def _whole(app: ASGIApp, scope: Scope, receive: Receive) -> Response:
    """What `app` has at this address: the whole of it, plain, whatever the browser holds already."""
    inner = dict(scope, method="GET", extensions={})
    inner["headers"] = [pair for pair in scope["headers"] if pair[0] not in _ASIDE]
    start: Message = {}
    parts: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(inner, receive, keep)
    response = Response(b"".join(parts), start["status"])
    response.raw_headers = list(start["headers"])
    return response


def _is_file(response: Response) -> bool:
    """Not an error, and not the page itself, which Dash sends for any address it does not know."""
    kind = response.headers.get("content-type", "text/html")
    plain = "content-encoding" not in response.headers
    return response.status_code == 200 and plain and not kind.startswith("text/html")


def _takes_gzip(scope: Scope) -> bool:
    """Whether Accept-Encoding names gzip (or anything) and does not rule it out with `q=0`."""
    wishes = {}
    for wish in Headers(scope=scope).get("accept-encoding", "").lower().split(","):
        coding, _, weight = wish.partition(";")
        wishes[coding.strip()] = not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return wishes.get("gzip", wishes.get("*", False))


def _matches(held: str | None, etag: str) -> bool:
    """Whether the browser's If-None-Match names `etag`."""
    tags = {tag.strip().removeprefix("W/") for tag in (held or "").split(",")}
    return etag in tags or "*" in tags


def _unkept(send: Send) -> Send:
    """Answers of the moment are the visitor's own, and are asked for again unless they say otherwise."""

    async def marked(message: Message) -> None:
        """Send a message on, its head with the mark."""
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Cache-Control", "private, no-cache")
            if "accept-encoding" not in headers.get("vary", "").lower():
                headers.add_vary_header("Accept-Encoding")
        await send(message)

    return marked
