"""The REST addresses: what is left, what was spent, and a way to tell of readings and calls.

They are an application of their own behind the page's guard, so that their refusals and their description
are theirs alone. Handlers are plain functions: the framework runs them on threads, for frames are slow.
GETs change nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import metadata
from typing import Annotated, Any, cast

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from logger.record import CallRecord

from .. import filters, numbers
from ..errors import CallmeterError, UsageError
from ..money.alerts import Alert
from ..money.desk import Desk
from ..money.open_alerts import OpenAlerts
from ..money.position import Position
from ..settings import Settings
from ..store.base import Health, Store
from . import usage_answers as answers
from .exposition import Scene, Steady, exposition
from .json_bodies import JsonBodies
from .openapi import ABOUT, add_docs
from .refusals import invalid, refusal, unwritten
from .usage_examples import METRICS, WRONG
from .usage_gaps import Gaps, being_read, gaps
from .usage_models import (
    AlertsAnswer,
    BalanceAnswer,
    BalanceBody,
    Body,
    CallAnswer,
    CallBody,
    HealthAnswer,
    NoBody,
    Problem,
    Recent,
    RecentQuery,
    Summary,
    Usage,
)

PATHS = ("/usage", "/healthz", "/metrics", "/openapi.json", "/docs")
"""What is theirs, with all below it."""

ASK, TELL = "Ask", "Tell"

FAILED = "Something went wrong inside callmeter. Its log says what."

Write = Callable[[Mapping[str, Any]], CallRecord]
"""Writes the line of a call, see `logger.rest_log.RestLog.take`. Raises OSError."""

_BODIES: dict[str, type[Body]] = {
    "/usage/update_budget": BalanceBody,
    "/usage/record": CallBody,
    "/usage/alert": NoBody,
}

WRITES = tuple(_BODIES)
"""The addresses that take a body."""

AHEAD = timedelta(minutes=5)
"""How far the clock of who tells of a call may be before ours."""


def speaks_json(path: str) -> bool:
    """Whether an address is one of programs, to be refused in JSON."""
    return any(path == own or path.startswith(own + "/") for own in PATHS)


def add_routes(
    server: FastAPI,
    settings: Settings,
    store: Store,
    desk: Desk,
    clock: Callable[[], datetime],
    write: Write | None,
) -> None:
    """Let the server answer programs. write: None, and calls cannot be told."""
    ring = JsonBodies(_Late(Service(settings, store, desk, clock, write)), WRITES)
    for path in PATHS:
        for whole in (path, path + "/{rest:path}"):
            server.add_route(whole, cast("Any", ring), include_in_schema=False)


@dataclass(slots=True)
class Service:
    """What the addresses do."""

    settings: Settings
    store: Store
    desk: Desk
    clock: Callable[[], datetime]
    write: Write | None
    steady: Steady = field(default_factory=Steady)

    def usage(self) -> Usage:
        """Credit, budgets and spending now."""
        now, lacking = self.clock(), self._gaps()
        found, opened = self.desk.position(now), self.desk.open_alerts(now)
        return answers.usage(found, opened.alerts, self._problems(opened), lacking)

    def _problems(self, opened: OpenAlerts) -> tuple[str, ...]:
        log = (opened.problem,) if opened.problem else self.desk.alerts.problems()
        return (*self.desk.problems, *self.desk.ledger.problems(), *log)

    def _gaps(self) -> Gaps:
        found, today = self.store.health(), self.clock().astimezone(self.store.zone).date()
        return gaps(found, today, missing=self._missing(found))

    def _missing(self, found: Health) -> bool:
        """Whether there is no log folder yet."""
        return found.folder_problem is not None and not self.settings.log_dir.exists()

    def update_budget(self, body: BalanceBody) -> BalanceAnswer:
        """Note a reading of the Console's balance."""
        entry = self.desk.ledger.read(self.clock(), body.remaining_budget, note=body.note or "")
        lacking = self._gaps()
        return answers.reading(entry, self.desk.position(self.clock()), lacking)

    def record(self, body: CallBody) -> CallAnswer | Response:
        """Write the line of a call."""
        if self.write is None:
            return refusal(503, "This server writes no calls; callmeter serve does.")
        if body.timestamp is not None and body.timestamp > self.clock() + AHEAD:
            return self._not_yet()
        try:
            line = self.write(body.model_dump(exclude_none=True))
        except OSError as error:
            return unwritten("The call is not in the log", error)
        return CallAnswer(
            call_id=str(line.call_id),
            timestamp=line.timestamp,
            model=line.model,
            tokens_total=line.tokens_total,
            estimated_cost_usd=line.estimated_cost_usd,
            sentence=_recorded(line),
        )

    def _not_yet(self) -> Response:
        shown = self.clock().astimezone(self.store.zone).isoformat(timespec="seconds")
        problem = f"lies ahead of this machine's clock, which shows {shown}: is its offset from UTC right?"
        return refusal(409, f"timestamp {problem}", [("timestamp", problem)])

    def summary(self) -> dict[str, Any]:
        """Today, 7 and 30 days."""
        lacking = self._gaps()
        return answers.summary(self.store, self.clock(), lacking)

    def recent(self, query: Annotated[RecentQuery, Query()]) -> dict[str, Any]:
        """The last calls."""
        lacking = self._gaps()
        return answers.recent(self.store, query.limit, lacking)

    def alert(self, body: NoBody) -> AlertsAnswer:
        """Look at everything now, and have what is new delivered."""
        now, zone, lacking = self.clock(), self.store.zone, self._gaps()
        changes = self.desk.look(now)
        return AlertsAnswer(
            complete=lacking.complete,
            problems=list(dict.fromkeys((*lacking.reasons, *self.desk.problems))),
            open=[answers.alert(one, zone) for one in self.desk.open_alerts(now).alerts],
            announced=[answers.alert(one, zone) for one in changes.announced],
            cleared=[answers.alert(one, zone) for one in changes.cleared],
        )

    def healthz(self, response: Response) -> HealthAnswer:
        """How the reading goes; 503 while the log folder cannot be read. Other trouble is only said: who
        starts a server again for a wrong setting starts it for ever.
        """
        self.desk.rules()
        health = self.store.health()
        missing = self._missing(health)
        found = answers.health(health, version(), missing, self.desk.problems)
        if health.folder_problem is not None and not missing:
            response.status_code = 503
        return found

    def metrics(self, request: Request) -> Response:
        """The same for Prometheus."""
        text, kind = exposition(self._scene(), self.steady, request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": kind})

    def _scene(self) -> Scene:
        now, health = self.clock(), self.store.health()  # first: days are read meanwhile
        sums = answers.all_sums(self.store)
        midnight = filters.midnight(now.astimezone(self.store.zone).date(), self.store.zone)
        position, alerts = (None, None) if being_read(health) else self._money(now)
        return Scene(
            now=now,
            version=version(),
            health=health,
            ever=answers.totals_by_model(sums),
            today=answers.totals_by_model(sums[(sums["hour"] >= midnight).to_numpy()]),
            position=position,
            alerts=alerts,
        )

    def _money(self, now: datetime) -> tuple[Position | None, tuple[Alert, ...] | None]:
        """Position and open alerts; None where their files cannot be read."""
        opened = self.desk.open_alerts(now)
        alerts = None if opened.problem else opened.alerts
        try:
            return self.desk.position(now), alerts
        except CallmeterError:
            return None, alerts


@dataclass(slots=True)
class _Late:
    """The application of a service, made with the first request: the page's start does not wait for it."""

    service: Service
    made: FastAPI | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        async with self.turn:
            if self.made is None:
                self.made = await run_in_threadpool(application, self.service)
        await self.made(scope, receive, send)


def _recorded(line: CallRecord) -> str:
    if line.estimated_cost_usd is not None:
        return f"Logged; it cost {numbers.usd(line.estimated_cost_usd)}."
    if line.tokens_total is None:
        return "Logged; its cost is not known, for tokens_input and tokens_output are not both given."
    return f"Logged; its cost is not known, for {line.model} has no price."


def version() -> str:
    """Of this callmeter."""
    try:
        return metadata.version("callmeter")
    except metadata.PackageNotFoundError:
        return "unknown"


def application(service: Service) -> FastAPI:
    """The REST addresses as an application, without the ring that keeps other bodies than JSON off."""
    api = FastAPI(
        title="callmeter",
        version=version(),
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        exception_handlers=cast("Any", _HANDLERS),
    )
    _add_reads(api, service)
    _add_writes(api, service)
    add_docs(api)
    return api


def _answer(words: str) -> dict[str, Any]:
    content = {"application/json": {"example": {"detail": words, "fields": []}}}
    return {"model": Problem, "description": words, "content": content}


_REFUSED: dict[int | str, dict[str, Any]] = {
    400: _answer("The request does not name a host."),
    401: _answer("A token is set, and it was not shown."),
    403: _answer("The request comes from the page of another site."),
    405: _answer("The address is not for this method."),
    421: _answer("The server does not answer to this name."),
    429: _answer("Too many wrong tokens."),
    500: _answer("Something went wrong inside callmeter."),
    503: _answer("A file cannot be read or written."),
}
_WRONG: dict[int | str, dict[str, Any]] = {
    422: {
        "model": Problem,
        "description": "What was sent cannot be taken, and why.",
        "content": {"application/json": {"example": WRONG}},
    }
}
_BODY: dict[int | str, dict[str, Any]] = {
    **_REFUSED,
    **_WRONG,
    413: _answer("The body is too large."),
    415: _answer("The body is not announced as JSON."),
}
_WRITE: dict[int | str, dict[str, Any]] = {**_BODY, 507: _answer("There is no room on the disk.")}
_TOLD: dict[int | str, dict[str, Any]] = {
    **_WRITE,
    409: _answer("The time of the call lies ahead of this machine's clock."),
}
_HEALTH: dict[int | str, dict[str, Any]] = {
    **_REFUSED,
    503: {"model": HealthAnswer, "description": "The log folder cannot be read."},
}
_TEXT: dict[int | str, dict[str, Any]] = {
    **_REFUSED,
    200: {
        "description": "Prometheus' text format.",
        "content": {
            kind: {"schema": {"type": "string"}, "example": METRICS}
            for kind in ("text/plain", "application/openmetrics-text")
        },
    },
}


def _add_reads(api: FastAPI, service: Service) -> None:
    _add(api.get, "/usage", service.usage, "What is left, and what was spent", Usage, _REFUSED)
    _add(api.get, "/usage/summary", service.summary, "Today, 7 and 30 days", Summary, _REFUSED)
    asked = {**_REFUSED, **_WRONG}
    _add(api.get, "/usage/recent", service.recent, "The last calls, newest first", Recent, asked)
    _add(api.get, "/healthz", service.healthz, "Whether it works", HealthAnswer, _HEALTH)
    metrics = api.get(
        "/metrics", summary="For Prometheus", tags=[ASK], response_class=Response, responses=_TEXT
    )
    metrics(service.metrics)


def _add_writes(api: FastAPI, service: Service) -> None:
    words = "Tell what the Console shows as the balance"
    _add(api.post, "/usage/update_budget", service.update_budget, words, BalanceAnswer, _WRITE)
    _add(api.post, "/usage/record", service.record, "Log a call: one line", CallAnswer, _TOLD)
    words = "Look for alerts now, and have new ones delivered"
    _add(api.post, "/usage/alert", service.alert, words, AlertsAnswer, _WRITE)


def _add(
    method: Callable[..., Any],
    path: str,
    does: Callable[..., Any],
    words: str,
    model: type[BaseModel],
    refused: dict[int | str, dict[str, Any]],
) -> None:
    """An address that answers JSON."""
    tag = TELL if path in WRITES else ASK
    responses = {**refused, 200: {"description": "Done."}}
    method(path, summary=words, tags=[tag], response_model=model, responses=responses)(does)


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    model = _BODIES.get(request.url.path, RecentQuery)
    return invalid(error.errors(), tuple(model.model_fields))


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    """An address or a method that there is not."""
    path = request.url.path
    if error.status_code == 404:
        return refusal(404, f"There is nothing at {path}; /docs shows what there is.")
    if error.status_code == 405:
        return refusal(405, f"{path} is not for {request.method}; /docs shows what is.", (), error.headers)
    return refusal(error.status_code, f"{error.detail}", (), error.headers)


async def _known(request: Request, error: CallmeterError) -> JSONResponse:
    """A failure that owns its sentence: of a file that cannot be read or written."""
    if isinstance(error, UsageError):
        return refusal(422, str(error))
    if request.method == "POST":
        return unwritten("It is not done", error)
    return refusal(503, str(error))


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    return refusal(500, FAILED)


_HANDLERS = {
    RequestValidationError: _invalid,
    HTTPException: _http,
    CallmeterError: _known,
    Exception: _unknown,
}
