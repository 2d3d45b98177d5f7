"""The two addresses Claude CLI workers send their telemetry to.

The guard has passed what comes here: it is for this server, from no other site's page, and shows the
token where one is set.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from ..otlp.bodies import Body
    from ..otlp.intake import Intake

RETRY_AFTER = "5"
"""Seconds until a worker should send again what could not be taken."""

PATIENCE = 10.0
"""Seconds a body waits for those before it: they are decoded one at a time, which bounds the memory."""

BUSY = "callmeter is taking in what others sent; send this again"


def add_routes(server: FastAPI, intake: Intake) -> None:
    """Let the server take telemetry."""
    turn = asyncio.Lock()
    for path, take in (("/v1/logs", intake.logs), ("/v1/metrics", intake.metrics)):
        server.add_route(path, _taking(intake, take, turn), methods=["POST"], include_in_schema=False)


def _taking(
    intake: Intake, take: Callable[[Body], bytes], turn: asyncio.Lock
) -> Callable[[Request], Awaitable[Response]]:
    from ..otlp.bodies import JSON, Body, BodyError, kind_of, said

    def taken(body: Body) -> bytes | BodyError:
        try:
            return take(body)
        except BodyError as error:
            # A new one: the one that was raised holds the decoded body until the garbage is collected.
            return BodyError(error.status, str(error))

    async def answer(request: Request) -> Response:
        """200 when all is on disk, else why not, in the encoding of the request."""
        kind = JSON
        try:
            kind = kind_of(request.headers.get("content-type"))
            body = Body(await _read(request), kind, request.headers.get("content-encoding", ""))
            async with _in_turn(turn):
                outcome = await run_in_threadpool(taken, body)
            if isinstance(outcome, BodyError):
                raise outcome
            return Response(outcome, media_type=kind)
        except BodyError as error:
            intake.refuse(error)
            again = {"Retry-After": RETRY_AFTER} if error.status == 503 else {}
            return Response(said(str(error), kind), error.status, again, media_type=kind)

    return answer


@asynccontextmanager
async def _in_turn(turn: asyncio.Lock) -> AsyncIterator[None]:
    """Raises BodyError when the turn does not come soon."""
    from ..otlp.bodies import BodyError

    try:
        async with asyncio.timeout(PATIENCE):
            await turn.acquire()
    except TimeoutError:
        raise BodyError(503, BUSY) from None
    try:
        yield
    finally:
        turn.release()


async def _read(request: Request) -> bytes:
    from ..otlp.bodies import too_large
    from ..otlp.bounds import MOST_BYTES

    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise too_large()
        parts.append(part)
    return b"".join(parts)
