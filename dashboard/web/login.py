"""The login: who may see the page when it can be reached from other machines.

A visitor shows the token once, in the address (`?token=…`) or in the form of the login page, and gets a
cookie; programs send `Authorization: Bearer …`. The token is never kept in the browser, the address or
a log: the cookie is derived from it and from a secret of this installation.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope

PATH = "/_login"
"""Where the form of the login page is sent."""

MISSING = "This page needs the token that its owner chose."
WRONG = "This is not the right token."
LATER = "Too many wrong tokens came from your address. Try again in {seconds} seconds."

_SECRET_BYTES = 32
_COOKIE_DAYS = 90
_BODY_LIMIT = 4096

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="same-origin">
<meta name="robots" content="noindex">
<title>callmeter: log in</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
main {{ max-width: 24rem; margin: 15vh auto 0; padding: 0 1rem }}
h1 {{ font-size: 1.25rem }}
label {{ display: block }}
input, button {{ font: inherit; padding: .5rem .75rem; margin: .25rem 0 .75rem }}
input {{ width: 100%; box-sizing: border-box }}
</style>
</head>
<body>
<main>
<h1>callmeter</h1>
<p role="alert">{sentence}</p>
<form method="post" action="{path}">
<input type="hidden" name="next" value="{target}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Show the page</button>
</form>
<p><small>It is the setting <code>token</code> of the callmeter that runs here.</small></p>
</main>
</body>
</html>
"""
# The meta tag relaxes `Referrer-Policy: no-referrer`: under it browsers send forms with `Origin: null`,
# which the guard refuses.


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


@dataclass(slots=True)
class Throttle:
    """Slows an address down after wrong tokens; other addresses never notice.

    The first `free` failures cost nothing; then waits double from one second to `longest`. A failure is
    forgotten after `memory` seconds, and at most `size` addresses are remembered.
    """

    clock: Callable[[], float]
    free: int = 5
    longest: float = 60.0
    memory: float = 900.0
    size: int = 1024
    _known: dict[str, _Failures] = field(default_factory=dict)

    def wait(self, address: str) -> float:
        """Seconds until `address` may try again; 0 when it may now."""
        known = self._known.get(_network(address))
        if known is None or known.count < self.free:
            return 0.0
        pause = min(2.0 ** (known.count - self.free), self.longest)
        return max(0.0, known.last + pause - self.clock())

    def failed(self, address: str) -> None:
        """Remember a wrong token."""
        now = self.clock()
        known = self._known.pop(_network(address), None)
        count = known.count if known and now - known.last < self.memory else 0
        self._known[_network(address)] = _Failures(min(count + 1, self.free + 16), now)
        if len(self._known) > self.size:
            del self._known[next(iter(self._known))]

    def passed(self, address: str) -> None:
        """Forget an address that showed the right token."""
        self._known.pop(_network(address), None)


def _network(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: its owner has all of those addresses."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.IPv6Network((ip, 64), strict=False))
    return address


class Login:
    """Decides whether a request may pass; the same for HTTP and WebSocket handshakes."""

    def __init__(self, token: str, *, secret: bytes, clock: Callable[[], float]) -> None:
        self._token = _digest(token)
        self._value = hmac.new(secret, b"value" + self._token, hashlib.sha256).hexdigest()
        # Cookies are shared by all ports of a host: the name keeps two installations apart.
        self._name = "callmeter_" + hmac.new(secret, b"name" + self._token, hashlib.sha256).hexdigest()[:8]
        self._throttle = Throttle(clock)

    async def answer(self, scope: Scope, receive: Receive, asked: str | None) -> Response | None:
        """None lets the request pass; anything else is sent instead. `asked` is the query's token."""
        visit = HTTPConnection(scope)
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            return await self._form(Request(scope, receive))
        if self._known(visit):
            stays = asked is None and scope["path"] != PATH
            return None if stays else self._welcome(visit, _here(scope))
        bearer = _bearer(visit)
        refusal = self._try(visit, asked if bearer is None else bearer, _here(scope))
        if refusal is None and bearer is None and scope["type"] == "http":
            return self._welcome(visit, _here(scope))
        return refusal

    def _known(self, visit: HTTPConnection) -> bool:
        return _same(visit.cookies.get(self._name, ""), self._value)

    async def _form(self, request: Request) -> Response:
        fields = await _fields(request)
        target = "/" + fields.get("next", "").lstrip("/\\")  # "//name" would lead to another server
        return self._try(request, fields.get("token"), target) or self._welcome(request, target)

    def _try(self, visit: HTTPConnection, given: str | None, target: str) -> Response | None:
        """None when `given` is the token. While an address has to wait, nothing it gives is looked at."""
        if given is None:
            return _page(visit, 401, MISSING, target)
        address = visit.client.host if visit.client else ""
        if seconds := math.ceil(self._throttle.wait(address)):
            return _page(visit, 429, LATER.format(seconds=seconds), target, {"Retry-After": str(seconds)})
        if not hmac.compare_digest(_digest(given), self._token):
            self._throttle.failed(address)
            return _page(visit, 401, WRONG, target)
        self._throttle.passed(address)
        return None

    def _welcome(self, visit: HTTPConnection, target: str) -> Response:
        response = RedirectResponse(target, status_code=303, headers={"Cache-Control": "no-store"})
        response.set_cookie(
            self._name,
            self._value,
            max_age=_COOKIE_DAYS * 86400,
            httponly=True,
            samesite="strict",
            secure=visit.url.scheme == "https",
        )
        return response


def kept_secret(folder: Path | None) -> bytes:
    """This installation's secret, kept in `folder` so that logins outlive a restart.

    Made when missing or damaged; where it cannot be kept it lasts as long as the process.
    """
    fresh = secrets.token_bytes(_SECRET_BYTES)
    if folder is None:
        return fresh
    path = folder / "login-secret"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = _read_secret(path)
        return kept if kept is not None else _keep(path, fresh)
    except OSError:
        return fresh


def _read_secret(path: Path) -> bytes | None:
    """None unless it is whole and nobody else may read it."""
    if not path.exists() or path.stat().st_mode & 0o077:
        return None
    kept = path.read_bytes()
    return kept if len(kept) == _SECRET_BYTES else None


def _keep(path: Path, secret: bytes) -> bytes:
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    part.replace(path)
    return secret


def _digest(text: str) -> bytes:
    """Of one length whatever the text, so that comparing tells nothing, not even the token's length."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def take_token(scope: Scope) -> str | None:
    """The query's `token`; None when there is none.

    It is taken out of `scope["query_string"]` in place: the server's access log reads it there later.
    """
    query: str = scope["query_string"].decode("latin-1")
    pairs = parse_qsl(query, keep_blank_values=True)
    given = [value for name, value in pairs if name == "token"]
    if not given:
        return None
    scope["query_string"] = urlencode([pair for pair in pairs if pair[0] != "token"]).encode()
    return given[-1]


def _bearer(visit: HTTPConnection) -> str | None:
    header: str = visit.headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    token = token.strip().encode("latin-1").decode("utf-8", "replace")  # as shells and curl send it
    return token if scheme.lower() == "bearer" else None


async def _fields(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _BODY_LIMIT:
            return {}
    return dict(parse_qsl(body.decode("latin-1")))


def _here(scope: Scope) -> str:
    """The page that was asked for, as a path and query of this server."""
    path = "/" if scope["path"] == PATH else "/" + quote(scope["path"].lstrip("/\\"))
    query = scope["query_string"].decode("latin-1")
    return path + ("?" + query if query else "")


def _page(
    visit: HTTPConnection, status: int, sentence: str, target: str, headers: dict[str, str] | None = None
) -> Response:
    sent = {"WWW-Authenticate": 'Bearer realm="callmeter"', "Cache-Control": "no-store"} | (headers or {})
    if "text/html" in visit.headers.get("accept", ""):
        page = _PAGE.format(sentence=escape(sentence), path=PATH, target=escape(target))
        return HTMLResponse(page, status, sent)
    return PlainTextResponse(sentence + "\n", status, sent)
