"""The guard: which requests come through, what every answer carries, what a failure shows."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from urllib.request import urlopen

import dash
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from dashboard.web.security import FAILED, content_policy, guard

TOKEN = "sixteen letters or more"
HASH = "'sha256-AAAA'"


async def _inside(request: Request) -> Response:
    return PlainTextResponse("inside", headers={"X-Frame-Options": "ALLOWALL"})


async def _broken(request: Request) -> Response:
    raise ValueError("sk-ant-secret in /home/somebody/logs")


async def _talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("inside")
    await socket.close()


def _app(hosts: Iterable[str] = (), token: str | None = None) -> ASGIApp:
    """Guarded as the page is: as the outermost middleware inside the framework's own error handler."""
    every = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"]
    app = Starlette(
        routes=[
            Route("/broken", _broken),
            WebSocketRoute("/live", _talk),
            Route("/{rest:path}", _inside, methods=every),
        ]
    )
    app.add_middleware(guard, hosts=hosts, token=token, script_hashes=[HASH])
    return app


def _client(
    *hosts: str, host: str = "localhost:8050", token: str | None = None, peer: str = "127.0.0.1"
) -> TestClient:
    return TestClient(_app(hosts, token), base_url=f"http://{host}", client=(peer, 50000))


def _status(host: str, *hosts: str) -> int:
    return _client(*hosts, host="localhost").get("/", headers={"Host": host}).status_code


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8050", "LOCALHOST:9000", "127.0.0.1:1", "127.0.1.1", "[::1]", "[::1]:8050"],
)
def test_every_name_of_the_loopback_with_any_port_is_answered(host: str) -> None:
    assert _status(host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8050", "10.0.0.7", "pi.local"]
)
def test_a_name_that_is_not_this_server_is_misdirected(host: str) -> None:
    assert _status(host) == 421


@pytest.mark.parametrize(
    "host", ["", "a b", "user@localhost", "localhost:", "localhost:x", "[::1", "http://localhost"]
)
def test_a_host_that_is_no_host_is_a_bad_request(host: str) -> None:
    assert _status(host) == 400


def test_two_host_headers_are_a_bad_request() -> None:
    sent = [("Host", "localhost"), ("Host", "evil.example")]
    assert _client().get("/", headers=sent).status_code == 400


@pytest.mark.parametrize(
    ("own", "host"),
    [
        ("pi.local", "pi.local:8050"),
        ("pi.local", "PI.local."),
        ("Pi.Local:8050", "pi.local"),
        ("192.168.1.5", "192.168.1.5:8050"),
        ("fe80::5", "[fe80::5]:8050"),
        ("0.0.0.0", "192.168.1.5:8050"),
        ("::", "[fe80::5]:8050"),
    ],
)
def test_the_bound_address_and_the_allowed_names_are_answered(own: str, host: str) -> None:
    assert _status(host, own) == 200


def test_listening_on_all_addresses_does_not_allow_names() -> None:
    assert _status("evil.example", "0.0.0.0") == 421


def test_the_refusal_says_which_setting_adds_a_name() -> None:
    text = _client().get("/", headers={"Host": "pi.local"}).text
    assert "pi.local" in text
    assert "allowed_hosts" in text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_from_another_origin_is_refused(method: str) -> None:
    sent = {"Origin": "http://evil.example"}
    assert _client().request(method, "/", headers=sent).status_code == 403


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:9000", "http://localhost:9000", 200),
        ("LOCALHOST:9000", "http://localhost:9000", 200),
        ("localhost:80", "http://localhost", 200),
        ("pi.local", "https://pi.local", 200),
        ("pi.local", "https://pi.local:443", 200),
        ("[::1]:8050", "http://[::1]:8050", 200),
        ("localhost:8050", "http://localhost:3000", 403),
        ("localhost:8050", "http://localhost", 403),
        ("localhost:8050", "http://127.0.0.1:8050", 403),
        ("localhost:8050", "null", 403),
        ("localhost:8050", "", 403),
        ("127.0.0.1:8050", "https://pi.local", 200),
        ("127.0.0.1:8050", "https://pi.local:8443", 403),
        ("192.168.1.5:8050", "http://192.168.1.5", 403),
    ],
)
def test_a_write_needs_the_origin_of_the_host_or_an_allowed_name(host: str, origin: str, status: int) -> None:
    sent = {"Host": host, "Origin": origin}
    client = _client("pi.local", "192.168.1.5", "localhost")
    assert client.post("/", headers=sent).status_code == status


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-site", 403), ("none", 200)])
def test_a_write_without_origin_that_the_browser_calls_foreign_is_refused(site: str, status: int) -> None:
    assert _client().post("/", headers={"Sec-Fetch-Site": site}).status_code == status


def test_a_read_may_come_from_a_link_of_another_site() -> None:
    sent = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert _client().get("/", headers=sent).status_code == 200


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.0.0.9", 403)])
def test_without_origin_and_token_only_programs_of_this_machine_write(peer: str, status: int) -> None:
    assert _client(peer=peer).post("/").status_code == status


def _heard(client: TestClient, headers: dict[str, str], path: str = "/live") -> str | int:
    try:
        with client.websocket_connect(path, headers=headers) as live:
            return live.receive_text()
    except WebSocketDenialResponse as denial:
        return denial.status_code


@pytest.mark.parametrize(
    ("headers", "heard"),
    [
        ({"Host": "localhost:9000", "Origin": "http://localhost:9000"}, "inside"),
        ({"Host": "localhost:9000", "Origin": "http://localhost:9001"}, 403),
        ({"Host": "localhost:9000", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost:9000"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 421),
    ],
)
def test_a_websocket_must_come_from_the_page_of_this_server(
    headers: dict[str, str], heard: str | int
) -> None:
    assert _heard(_client(), headers) == heard


def test_a_websocket_without_origin_needs_the_token_itself_not_a_cookie() -> None:
    client = _client(token=TOKEN)
    cookie = client.get("/", params={"token": TOKEN}, follow_redirects=False).headers["Set-Cookie"]
    home, known = {"Host": "localhost:8050"}, {"Cookie": cookie.partition(";")[0]}
    assert _heard(client, home | known | {"Origin": "http://localhost:8050"}) == "inside"
    assert _heard(client, home | known) == 403
    assert _heard(_client(token=TOKEN), home | {"Authorization": f"Bearer {TOKEN}"}) == "inside"
    assert _heard(_client(token=TOKEN), home, f"/live?token={TOKEN}".replace(" ", "+")) == "inside"
    assert _heard(_client(token=TOKEN), home | {"Authorization": "Bearer wrong"}) == 401
    assert _heard(_client(token=TOKEN), home | {"Origin": "http://localhost:8050"}) == 401


@pytest.mark.parametrize("path", ["/", "/broken"])
@pytest.mark.parametrize("host", ["localhost:8050", "evil.example"])
def test_every_answer_carries_the_headers(path: str, host: str) -> None:
    headers = _client().get(path, headers={"Host": host}).headers
    assert headers["Content-Security-Policy"] == content_policy([HASH])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]


def test_the_policy_allows_this_server_the_hashed_scripts_and_nothing_else() -> None:
    policy = dict(part.split(" ", 1) for part in content_policy([HASH]).split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"'self' {HASH}"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe-eval" not in str(policy)
    assert "//" not in str(policy)
    assert [name for name, value in policy.items() if "unsafe-inline" in value] == ["style-src"]


def _dash_page() -> tuple[str, str]:
    """A page as Dash makes it, with a callback written in JavaScript, and the policy sent with it."""
    app = dash.Dash("guarded", backend="fastapi")
    app.layout = dash.html.Div([dash.dcc.Input(id="in"), dash.html.P(id="out")])
    app.clientside_callback("text => text", dash.Output("out", "children"), dash.Input("in", "value"))
    app.server.add_middleware(guard, hosts=[], token=None, script_hashes=app.csp_hashes())
    answer = TestClient(app.server, base_url="http://localhost").get("/")
    return answer.text, answer.headers["Content-Security-Policy"]


def test_the_policy_allows_every_script_and_file_of_a_page_that_dash_makes() -> None:
    page, policy = _dash_page()
    scripts = re.findall(
        r"<script(?: id=\"_dash-renderer\")?(?: type=\"application/javascript\")?>(.*?)</script>", page, re.S
    )
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    run = [digest for digest, text in zip(hashes, scripts, strict=True) if "Internet Explorer" not in text]
    assert len(run) == 2
    assert all(f"'sha256-{digest}'" in policy for digest in run)
    assert not re.search(r"<style|\son\w+=", page)
    assert all(re.match(r"/\w", address) for address in re.findall(r"(?:src|href)=\"([^\"]*)\"", page))


def test_a_failure_is_one_plain_sentence_and_the_log_has_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    answer = _client().get("/broken")
    assert (answer.status_code, answer.text) == (500, FAILED)
    assert "ValueError" in caplog.text


def test_a_failure_midway_ends_the_answer_and_adds_nothing() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise ValueError("sk-ant-secret")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(guard(app, hosts=[], token=None, script_hashes=[])(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


def test_start_and_stop_of_the_server_pass_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    guarded = guard(app, hosts=[], token=None, script_hashes=[])
    asyncio.run(guarded({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


@contextmanager
def _served(app: ASGIApp) -> Iterator[str]:
    """A real server on a free port; its address."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="info", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.mark.parametrize("given", [TOKEN, "a mistyped token"])
def test_the_servers_log_never_holds_what_was_given_as_token(
    given: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with _served(_app(token=TOKEN)) as address:
        word = given.replace(" ", "%20")
        for path in (f"/?range=7d&token={word}", f"/?token={word}&token={word}"):
            with suppress(OSError):
                urlopen(address + path, timeout=10).close()
    assert "/?range=7d HTTP" in caplog.text
    assert word not in caplog.text
    assert given not in caplog.text
