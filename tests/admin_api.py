"""Anthropic's Admin API on a real socket, over an `Organisation`'s books: both generations of reports.

    with serving(Organisation(calls=[...]), now=moment("2026-11-22T12:00")) as server:
        AnthropicReports(ADMIN_KEY, base_url=server.url)

`server.says(fault, ...)` scripts the next requests; None answers as the books say.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.admin_legacy import legacy
from tests.admin_reports import QueryError, analytics, known, number, one, stamp
from tests.billed_org import ADMIN_KEY, Organisation

BETA = "analytics-usage-cost-2026-08-24"
ANALYTICS_USAGE = "/v1/organizations/analytics/usage"
ANALYTICS_COST = "/v1/organizations/analytics/cost"
LEGACY_USAGE = "/v1/organizations/usage_report/messages"
LEGACY_COST = "/v1/organizations/cost_report"
API_KEYS = "/v1/organizations/api_keys"
WORKSPACES = "/v1/organizations/workspaces"
ME = "/v1/organizations/me"

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    change: Callable[[dict[str, Any]], Any] | None = None
    cut: bool = False
    hold: threading.Event | None = None


def status(code: int, message: str = "No.", **headers: str) -> Fault:
    """An error as the API words it; `retry_after="2"` is a header."""
    return Fault(
        code, {name.replace("_", "-"): value for name, value in headers.items()}, told(code, message)
    )


def busy(code: int = 529) -> Fault:
    """An error after which the library tries again at once."""
    return status(code, "Overloaded", retry_after_ms="1")


def cut() -> Fault:
    """The connection breaks in the middle of the reply."""
    return Fault(cut=True)


def held(event: threading.Event) -> Fault:
    """No reply until the event is set."""
    return Fault(hold=event)


def text(body: bytes) -> Fault:
    """A reply that is something else."""
    return Fault(body=body)


def changed(change: Callable[[dict[str, Any]], Any]) -> Fault:
    """The reply of the books after `change(body)`, which may change it in place or give another."""
    return Fault(change=change)


def told(code: int, message: str, n: int = 0) -> bytes:
    """The body of an error."""
    error = {"type": KINDS.get(code, "api_error"), "message": message}
    return json.dumps({"type": "error", "error": error, "request_id": f"req_{n:03}"}).encode()


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    """Names in lower case."""


class AdminServer:
    """Answers as the books say; keeps all requests."""

    def __init__(
        self, org: Organisation, now: datetime | Callable[[], datetime], keys: Mapping[str, bool] | None
    ) -> None:
        self.org = org
        self.keys = keys if keys is not None else {ADMIN_KEY: True}
        self.requests: list[Request] = []
        self.now = now if callable(now) else lambda: now
        self._script: deque[Fault | None] = deque()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def says(self, *faults: Fault | None) -> None:
        """Script the next requests; None: as it should be."""
        with self._lock:
            self._script.extend(faults)

    def forget(self) -> None:
        """Unscript what is left."""
        with self._lock:
            self._script.clear()

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()

    def next(self, request: Request) -> tuple[int, Fault | None]:
        """The number of this request, from 1, and what goes wrong with it."""
        with self._lock:
            self.requests.append(request)
            return len(self.requests), self._script.popleft() if self._script else None

    def body(self, request: Request) -> dict[str, Any]:
        """What the API says to it. Raises QueryError."""
        self._allowed(request.headers)
        if request.path.startswith("/v1/organizations/analytics/"):
            return self._analytics(request)
        if request.path in (LEGACY_USAGE, LEGACY_COST):
            kind = "usage" if request.path == LEGACY_USAGE else "cost"
            return legacy(
                self.org, kind, request.query, self.now(), request.headers.get("anthropic-beta", "")
            )
        if request.path in (API_KEYS, WORKSPACES):
            return _listed(self.org, request)
        if request.path == ME:
            return {"id": "org_01Books", "type": "organization", "name": self.org.name}
        raise QueryError("Not found", 404, "not_found_error")

    def _analytics(self, request: Request) -> dict[str, Any]:
        if not self.org.beta or BETA not in request.headers.get("anthropic-beta", ""):
            raise QueryError("Not found", 404, "not_found_error")
        if request.path not in (ANALYTICS_USAGE, ANALYTICS_COST):
            raise QueryError("Not found", 404, "not_found_error")
        return analytics(self.org, request.path.rpartition("/")[2], request.query, self.now())

    def _allowed(self, headers: Mapping[str, str]) -> None:
        key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if key.startswith("sk-ant-api"):
            raise QueryError("This endpoint requires an Admin API key", 403, "permission_error")
        if key not in self.keys:
            raise QueryError("invalid x-api-key", 401, "authentication_error")
        if not self.keys[key]:
            raise QueryError("The API key lacks the scope read:analytics", 403, "permission_error")
        if "anthropic-version" not in headers:
            raise QueryError("anthropic-version: header is required")


@contextmanager
def serving(
    org: Organisation, now: datetime | Callable[[], datetime], keys: Mapping[str, bool] | None = None
) -> Iterator[AdminServer]:
    """A running server. `keys`: key -> whether it may read (False: 403); others are 401."""
    server = AdminServer(org, now, keys)
    try:
        yield server
    finally:
        server.close()


def _listed(org: Organisation, request: Request) -> dict[str, Any]:
    query = request.query
    keys = request.path == API_KEYS
    own = {"status", "workspace_id"} if keys else {"include_archived", "include_default", "ids[]"}
    known(query, {"after_id", "before_id", "limit"} | own)
    items = _keys(org, request.headers) if keys else _workspaces(org, query)
    after = one(query, "after_id")
    ids = [item["id"] for item in items]
    if after is not None and after not in ids:
        raise QueryError("after_id: not found")
    start = ids.index(after) + 1 if after else 0
    limit = number(query, "limit", 20, 1000)
    part = items[start : start + limit]
    return {
        "data": part,
        "first_id": part[0]["id"] if part else None,
        "has_more": start + limit < len(items),
        "last_id": part[-1]["id"] if part else None,
    }


def _keys(org: Organisation, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    scoped = headers["anthropic-version"] >= "2026-10-21"
    found = []
    for id, (name, workspace) in org.api_keys.items():
        plain = None if workspace == org.default_workspace else workspace
        scope = {"scope": {"type": "workspace", "workspace_id": workspace}}
        found.append(
            {
                "id": id,
                "type": "api_key",
                "name": name,
                "status": "active",
                "created_at": "2025-10-30T23:58:27.427722Z",
                "expires_at": None,
                "created_by": {"id": "user_01WCz1FkmYMm4gnmykNKUu3Q", "type": "user"},
                "principal": None,
                "partial_key_hint": "sk-ant-api03-R2D...igAA",
                **(scope if scoped else {"workspace_id": plain}),
            }
        )
    return found


def _workspaces(org: Organisation, query: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    default = one(query, "include_default") == "true"
    archived = one(query, "include_archived") == "true"
    return [
        {
            "id": id,
            "type": "workspace",
            "name": name,
            "created_at": "2025-10-30T23:58:27.427722Z",
            "archived_at": stamp(datetime(2026, 3, 1)) if id in org.archived_workspaces else None,
            "display_color": "#6C5BB9",
            "compartment_id": "cmpt_01",
            "data_residency": {"workspace_geo": "us", "default_inference_geo": "global"},
            "external_key_id": None,
            "tags": {},
        }
        for id, name in org.workspaces.items()
        if (default or id != org.default_workspace) and (archived or id not in org.archived_workspaces)
    ]


def _handler(server: AdminServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one piece: two would wait for each other

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(server.now().timestamp() if timestamp is None else timestamp, usegmt=True)

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qs(address.query, keep_blank_values=True)
            request = Request(address.path, query, headers)
            n, fault = server.next(request)
            with suppress(OSError):
                self.reply(n, request, fault or Fault())

        def reply(self, n: int, request: Request, fault: Fault) -> None:
            if fault.hold is not None:
                fault.hold.wait(20)
            code, body = self.answer(n, request, fault)
            self.send_response(code)
            for name, value in {"request-id": f"req_{n:03}", **fault.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if fault.cut else body)
            if fault.cut:
                self.close_connection = True
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)

        def answer(self, n: int, request: Request, fault: Fault) -> tuple[int, bytes]:
            if fault.body is not None:
                return fault.status, fault.body
            try:
                body: Any = server.body(request)
            except QueryError as wrong:
                error = {"type": wrong.kind, "message": wrong.message}
                whole = {"type": "error", "error": error, "request_id": f"req_{n:03}"}
                return wrong.status, json.dumps(whole).encode()
            if fault.change is not None:
                other = fault.change(body)
                body = body if other is None else other
            return 200, json.dumps(body).encode()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
