"""The ring around the REST addresses: writes bring JSON of a bounded size, or a sentence why not.

Pages of other sites can send forms and plain text here without asking; JSON they cannot.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .refusals import refusal

MOST_BYTES = 64 * 1024

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class JsonBodies:
    """`app` behind the ring. HEAD is answered as GET without its body.

    writes: the addresses that take a body; what is sent elsewhere is the app's to refuse, unread.
    """

    app: ASGIApp
    writes: Collection[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self.app(dict(scope, method="GET"), receive, _without_body(send))
        elif scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self.writes:
            await self._post(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if (answer := _wrong_kind(headers)) is None:
            body = await _read(headers, receive)
            answer = _too_large() if body is None else _wrong_json(body)
        if answer is None:
            await self.app(scope, _again(body or b"{}", receive), send)
        else:
            await answer(scope, receive, send)


def _wrong_kind(headers: Headers) -> JSONResponse | None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _JSON:
        return None
    said = f", not {kind}" if kind and kind.isprintable() else ""
    return refusal(415, f"This address takes JSON{said}: send the header Content-Type: {_JSON}.")


def _too_large() -> JSONResponse:
    return refusal(413, f"The body may be {MOST_BYTES // 1024} KiB at most.", headers={"Connection": "close"})


async def _read(headers: Headers, receive: Receive) -> bytes | None:
    """The body; None when it is too large, of which no more is read then."""
    told = headers.get("content-length", "")
    if told.isdecimal() and int(told[:20]) > MOST_BYTES:
        return None
    body = bytearray()
    while True:
        message: Message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _wrong_json(body: bytes) -> JSONResponse | None:
    """Why a body cannot be read; an empty one is taken for an empty object."""
    if not body:
        return None
    try:
        json.loads(body.decode("utf-8"), parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        return refusal(422, f"The body is no JSON: {error.msg} in {where}.")
    except UnicodeDecodeError:
        return refusal(422, "The body is no JSON: it is not UTF-8.")
    except _NoNumberError as error:
        return refusal(422, f"The body is no JSON: {error} is no number.")
    except _TooLargeError:
        return refusal(422, "The body holds a number that is too large.")
    except RecursionError:
        return refusal(422, "The body is nested too deep.")
    except ValueError:  # Python reads no whole number of more than 4300 digits
        return refusal(422, "The body holds a number with too many digits.")
    return None


class _NoNumberError(ValueError):
    """NaN and its like, which Python reads and JSON does not know."""


def _no_number(name: str) -> NoReturn:
    raise _NoNumberError(name)


class _TooLargeError(ValueError):
    """A number such as 1e999, which would be taken for infinity."""


def _finite(written: str) -> float:
    value = float(written)
    if math.isinf(value):
        raise _TooLargeError
    return value


def _again(body: bytes, receive: Receive) -> Receive:
    """What the application reads: the body that was read already, then what comes."""
    sent = False

    async def read() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read


def _without_body(send: Send) -> Send:
    async def bare(message: Message) -> None:
        told: dict[str, Any] = dict(message)
        if told["type"] == "http.response.body":
            told["body"] = b""
        await send(told)

    return bare
