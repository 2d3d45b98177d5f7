"""The guard: the outer ring of the web server, in front of everything else.

It answers only to its own names (against DNS rebinding), takes writes and WebSockets only from its own
pages, asks for the token where one is set, tells browsers what a page may load and do, and turns a
failure inside into one plain sentence.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..settings import is_loopback
from .login import Login, kept_secret, take_token
from .refusals import as_json

READS = frozenset({"GET", "HEAD", "OPTIONS"})
FAILED = "Something went wrong inside callmeter. Its log says what.\n"

_LOG = logging.getLogger("callmeter.web")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?", re.IGNORECASE | re.ASCII)
_PORTS = {"http": "80", "https": "443"}
_ELSEWHERE = frozenset({"cross-site", "same-site"})
_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


def content_policy(script_hashes: Sequence[str]) -> str:
    """The Content-Security-Policy: this server only, no eval, no inline script but the hashed ones.

    Inline styles stay allowed: Mantine, AG Grid and Plotly write them while the page runs.
    """
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *script_hashes]),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def _headers(script_hashes: Sequence[str]) -> dict[str, str]:
    return {
        "Content-Security-Policy": content_policy(script_hashes),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not taken, as an HTTP status and a sentence."""

    status: int
    sentence: str


FOREIGN = Refusal(403, "This request came from the page of another site, so callmeter refused it.")
UNKNOWN = Refusal(403, "A program on another machine may only write here with the token.")
NAMELESS = Refusal(403, "A WebSocket must say which page it comes from (Origin), or show the token.")


@dataclass(frozen=True, slots=True)
class Names:
    """The names this server answers to; every port is fine, for an SSH tunnel may change it.

    `own` holds lower-case host names and addresses, without brackets, next to the loopback ones. If it
    listens on all addresses, every numeric address is its own: only names can be rebound.
    """

    own: frozenset[str]

    @classmethod
    def of(cls, hosts: Iterable[str]) -> Names:
        """From settings: names or addresses, brackets and a port of no matter."""
        return cls(frozenset(name for name in map(_bare, hosts) if not is_loopback(name)))

    def refuse_host(self, headers: Headers) -> Refusal | None:
        """The Host header must be there, once, and name this server."""
        given = headers.getlist("host")
        match = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            return Refusal(400, "The request does not say which host it is for.")
        name = _bare(match[1])
        if is_loopback(name) or name in self.own or self._is_any_address(name):
            return None
        return Refusal(
            421, f"callmeter does not answer to the name {name}; the setting allowed_hosts adds names."
        )

    def refuse_origin(self, headers: Headers) -> Refusal | None:
        """Origin and Sec-Fetch-Site, where there are any, must say that it came from this server's page.

        A name in `own` without a port is taken too: behind a proxy that does not pass Host on.
        """
        origin = headers.get("origin")
        if origin is None:
            return FOREIGN if headers.get("sec-fetch-site") in _ELSEWHERE else None
        if _netloc(origin) == _netloc(origin, headers.get("host", "")):
            return None
        named = _netloc(origin) in self.own and not _address(_netloc(origin))
        return None if named else FOREIGN

    def _is_any_address(self, name: str) -> bool:
        return _address(name) and not _WILDCARDS.isdisjoint(self.own)


def _bare(host: str) -> str:
    """A host without port, brackets, and final dot, in lower case."""
    if host.count(":") > 1 and not host.startswith("["):
        return host.lower()
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    return name.strip("[]").rstrip(".").lower()


def _netloc(origin: str, host: str | None = None) -> str:
    """`host:port` of an origin (or of a Host header seen over its scheme), a default port left out."""
    scheme, _, netloc = origin.partition("://")
    netloc = netloc if host is None else host
    return netloc.lower().removesuffix(":" + _PORTS.get(scheme, ""))


def _address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def guard(
    app: ASGIApp,
    *,
    hosts: Iterable[str],
    token: str | None,
    script_hashes: Sequence[str],
    keep: Path | None = None,
    of_programs: Callable[[str], bool] = lambda path: False,
    clock: Callable[[], float] = time.monotonic,
) -> ASGIApp:
    """`app` behind the guard.

    hosts: the address it listens on and the names it answers to besides the loopback ones.
    script_hashes: of the page's inline scripts, as `Dash.csp_hashes()` gives them.
    keep: a private folder where the login cookies' secret outlives a restart.
    of_programs: which paths are refused in JSON.
    clock: seconds, for the waits after wrong tokens.
    """
    login = Login(token, secret=kept_secret(keep), clock=clock) if token else None
    return _Guard(app, Names.of(hosts), login, _headers(script_hashes), of_programs)


@dataclass(frozen=True, slots=True)
class _Guard:
    app: ASGIApp
    names: Names
    login: Login | None
    headers: dict[str, str]
    of_programs: Callable[[str], bool]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given = take_token(scope)
        answer = self._refuse(scope, given) or await self._ask(scope, receive, given)
        guarded = _with_headers(send, self.headers)
        if answer is None:
            await _serve(self.app, scope, receive, guarded)
        else:
            await self._said(scope, answer)(scope, receive, guarded)

    def _said(self, scope: Scope, answer: Response) -> Response:
        """A refusal in a sentence, for a program as JSON."""
        plain = isinstance(answer, PlainTextResponse) and scope["type"] == "http"
        return as_json(answer) if plain and self.of_programs(scope["path"]) else answer

    def _refuse(self, scope: Scope, given: str | None) -> Response | None:
        headers = Headers(scope=scope)
        refusal = self.names.refuse_host(headers) or self._refuse_write(scope, headers, given)
        return PlainTextResponse(refusal.sentence + "\n", refusal.status) if refusal else None

    def _refuse_write(self, scope: Scope, headers: Headers, given: str | None) -> Refusal | None:
        """Reads are free of this: their answers cannot be read by other sites' pages."""
        if scope["type"] == "http" and scope["method"] in READS:
            return None
        if refusal := self.names.refuse_origin(headers):
            return refusal
        if "origin" in headers:
            return None
        if scope["type"] == "websocket":
            shown = self.login and (given is not None or "authorization" in headers)
            return None if shown else NAMELESS
        return None if self.login or _is_local(scope) else UNKNOWN

    async def _ask(self, scope: Scope, receive: Receive, given: str | None) -> Response | None:
        return await self.login.answer(scope, receive, given) if self.login else None


def _is_local(scope: Scope) -> bool:
    """Whether the peer is a program on this machine; a peer without an address is a local socket."""
    client = scope.get("client")
    return client is None or is_loopback(client[0])


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return guarded


async def _serve(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """What goes wrong inside is told to the log, and to the visitor in one sentence."""
    begun = False

    async def watched(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        await app(scope, receive, watched)
    except Exception:  # noqa: BLE001 - the edge of the server: nothing may get past it
        _LOG.exception("A request for %r failed", scope["path"])
        if not begun:
            await PlainTextResponse(FAILED, 500)(scope, receive, send)
