"""The login: how the token is shown, what the browser keeps, how guessing is slowed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from dashboard.web.login import LATER, MISSING, WRONG, Throttle, kept_secret
from dashboard.web.security import guard

TOKEN = "päss/word & 16+ <letters>"
HTML = {"Accept": "text/html,*/*"}
HOME = {"Origin": "http://localhost:8050"}


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope)
    await PlainTextResponse(f"{request.method} {request.url.path}?{request.url.query}")(scope, receive, send)


def _client(peer: str = "10.0.0.9", clock: Clock | None = None, **more: object) -> TestClient:
    app = guard(_app, hosts=[], token=TOKEN, script_hashes=[], clock=clock or Clock(), **more)  # type: ignore[arg-type]
    return TestClient(app, base_url="http://localhost:8050", client=(peer, 5), follow_redirects=False)


@pytest.mark.parametrize(
    "path", ["/", "/assets/style.css", "/_dash-layout", "/_dash-component-suites/dash/x.js"]
)
def test_without_the_token_nothing_is_shown_not_even_files(path: str) -> None:
    answer = _client().get(path)
    assert (answer.status_code, answer.text) == (401, MISSING + "\n")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_person_gets_a_form_that_works_without_scripts() -> None:
    page = _client().get("/", headers=HTML)
    assert page.status_code == 401
    assert MISSING in page.text
    assert '<form method="post"' in page.text
    assert "<script" not in page.text


def test_the_form_sends_its_origin_although_pages_send_no_referrer() -> None:
    page = _client().get("/", headers=HTML)
    assert '<meta name="referrer" content="same-origin">' in page.text


def _hidden(page: str) -> str:
    found = re.search(r'name="next" value="([^"]*)"', page)
    assert found
    return found[1].replace("&amp;", "&")


def test_the_form_leads_back_to_the_page_that_was_asked_for() -> None:
    client = _client()
    target = _hidden(client.get("/calls?range=7d&model=a", headers=HTML).text)
    answer = client.post("/_login", data={"token": TOKEN, "next": target}, headers=HOME)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/calls?range=7d&model=a")
    assert client.get("/calls").text == "GET /calls?"


def test_a_wrong_token_in_the_form_shows_the_form_again_with_the_same_target() -> None:
    sent = {"token": "wrong", "next": "/calls?range=7d"}
    page = _client().post("/_login", data=sent, headers=HOME | HTML)
    assert page.status_code == 401
    assert WRONG in page.text
    assert _hidden(page.text) == "/calls?range=7d"


def test_nothing_of_an_address_is_run_in_the_form() -> None:
    page = _client().post("/_login", data={"token": "wrong", "next": '/"><script>x'}, headers=HOME | HTML)
    assert "<script" not in page.text


def test_the_form_of_another_site_is_refused() -> None:
    answer = _client().post("/_login", data={"token": TOKEN}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


def test_a_form_without_a_token_or_too_long_is_only_missing() -> None:
    assert MISSING in _client().post("/_login", data={}, headers=HOME).text
    assert MISSING in _client().post("/_login", data={"token": "x" * 5000}, headers=HOME).text


def test_the_token_in_the_address_is_exchanged_for_a_cookie_and_leaves_the_address() -> None:
    client = _client()
    answer = client.get("/calls", params={"range": "7d", "token": TOKEN, "model": "a b"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/calls?range=7d&model=a+b")
    cookie = answer.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie  # a plain http address: the browser would drop it
    assert client.get("/calls").text == "GET /calls?"


def test_over_https_the_cookie_stays_on_https() -> None:
    answer = _client().get("https://localhost/", params={"token": TOKEN})
    assert "secure" in answer.headers["Set-Cookie"].lower()


def test_the_cookie_is_not_the_token_and_another_installation_has_another() -> None:
    cookies = [
        _client().get("/", params={"token": TOKEN}).headers["Set-Cookie"].split(";")[0] for _ in range(2)
    ]
    assert TOKEN not in cookies[0]
    assert cookies[0] != cookies[1]


def test_a_known_browser_that_shows_a_token_again_only_loses_it_from_the_address() -> None:
    client = _client()
    client.get("/", params={"token": TOKEN})
    answer = client.get("/calls", params={"token": "an old one", "range": "7d"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/calls?range=7d")


def test_the_address_of_the_form_is_no_page() -> None:
    client = _client()
    assert _hidden(client.get("/_login", headers=HTML).text) == "/"
    client.get("/", params={"token": TOKEN})
    assert client.get("/_login").headers["Location"] == "/"


@pytest.mark.parametrize(
    "target", ["//evil.example/", "/\\evil.example", "https://evil.example", "\t//evil.example"]
)
def test_logging_in_never_leads_to_another_server(target: str) -> None:
    answer = _client().post("/_login", data={"token": TOKEN, "next": target}, headers=HOME)
    assert re.match(r"/[^/\\]|/$", answer.headers["Location"])
    start = _client().get("http://localhost:8050//evil.example/", params={"token": TOKEN})
    assert start.headers["Location"] == "/evil.example/"


def test_a_made_up_cookie_is_nothing() -> None:
    client = _client()
    name = client.get("/", params={"token": TOKEN}).headers["Set-Cookie"].split("=")[0]
    client.cookies.clear()
    for value in (b"", b"0" * 64, "ä".encode()):
        assert client.get("/", headers={"Cookie": name.encode() + b"=" + value}).status_code == 401


def test_programs_send_the_token_as_bearer_and_get_no_cookie() -> None:
    client = _client()
    answer = client.post("/x?a=1", headers={"Authorization": f"bearer {TOKEN}".encode()})
    assert answer.text == "POST /x?a=1"
    assert "Set-Cookie" not in answer.headers
    assert client.post("/x", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.post("/x", headers={"Authorization": "Basic eDp5"}).status_code == 401


def test_repeated_wrong_tokens_make_their_address_wait_and_no_other() -> None:
    clock = Clock()
    client = _client(clock=clock)
    wrong, right = {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {TOKEN}".encode()}
    assert [client.get("/", headers=wrong).status_code for _ in range(6)] == [401] * 5 + [429]
    waiting = client.get("/", headers=right)
    assert waiting.status_code == 429  # the right token is not looked at either: it could be a guess
    assert waiting.headers["Retry-After"] == "1"
    assert waiting.text == LATER.format(seconds=1) + "\n"
    other = TestClient(client.app, base_url="http://localhost:8050", client=("10.0.0.10", 5))
    assert other.get("/", headers=right).status_code == 200
    clock.now += 1
    assert client.get("/", headers=right).status_code == 200


def test_the_right_token_clears_the_account_of_wrong_ones() -> None:
    client = _client()
    wrong, right = {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {TOKEN}".encode()}
    for headers in [wrong] * 4 + [right] + [wrong] * 5:
        assert client.get("/", headers=headers).status_code == (200 if headers is right else 401)


def test_whoever_is_logged_in_does_not_wait() -> None:
    client = _client()
    client.get("/", params={"token": TOKEN})
    stranger = TestClient(client.app, base_url="http://localhost:8050", client=("10.0.0.9", 5))
    for _ in range(8):
        stranger.get("/", headers={"Authorization": "Bearer wrong"})
    assert stranger.get("/", params={"token": TOKEN}).status_code == 429
    assert client.get("/").status_code == 200


def test_looking_at_the_login_page_is_no_failure() -> None:
    client = _client()
    for _ in range(20):
        client.get("/")
    assert client.get("/", params={"token": TOKEN}).status_code == 303


def _failing(throttle: Throttle, clock: Clock, times: int, address: str = "a") -> list[float]:
    waits = []
    for _ in range(times):
        throttle.failed(address)
        waits.append(throttle.wait(address))
        clock.now += waits[-1]
    return waits


def test_waits_double_up_to_the_longest() -> None:
    clock = Clock()
    assert _failing(Throttle(clock, free=2), clock, 9) == [0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_failures_are_forgotten_after_a_while_and_after_success() -> None:
    clock = Clock()
    throttle = Throttle(clock, free=2, memory=100)
    _failing(throttle, clock, 5)
    clock.now += 101
    assert _failing(throttle, clock, 2) == [0, 1]
    throttle.passed("a")
    assert _failing(throttle, clock, 2) == [0, 1]


def test_all_addresses_of_one_ipv6_network_are_one() -> None:
    clock = Clock()
    throttle = Throttle(clock, free=1)
    throttle.failed("2001:db8::1")
    assert throttle.wait("2001:db8::ffff") == 1
    assert throttle.wait("2001:db8:0:1::1") == 0
    throttle.failed("::ffff:10.0.0.1")
    assert throttle.wait("10.0.0.1") == 1
    assert throttle.wait("10.0.0.2") == 0


def test_the_list_of_failures_does_not_grow_without_end() -> None:
    clock = Clock()
    throttle = Throttle(clock, free=1, size=3)
    for address in "abcd":
        throttle.failed(address)
    assert [throttle.wait(address) > 0 for address in "abcd"] == [False, True, True, True]


def test_logins_outlive_a_restart(tmp_path: Path) -> None:
    keep = tmp_path / "cache"
    first = _client(keep=keep)
    first.get("/", params={"token": TOKEN})
    second = _client(keep=keep)
    second.cookies = first.cookies
    assert second.get("/").status_code == 200


def test_a_new_token_ends_all_logins(tmp_path: Path) -> None:
    cookie = _client(keep=tmp_path).get("/", params={"token": TOKEN}).headers["Set-Cookie"].partition(";")[0]
    changed = guard(_app, hosts=[], token="another long token", script_hashes=[], keep=tmp_path)
    value = cookie.partition("=")[2]
    client = TestClient(changed, base_url="http://localhost", follow_redirects=False)
    name = client.get("/?token=another+long+token").headers["Set-Cookie"].partition("=")[0]
    for held in (cookie, f"{name}={value}"):
        answer = TestClient(changed, base_url="http://localhost").get("/", headers={"Cookie": held})
        assert answer.status_code == 401


def test_the_secret_is_private_and_a_damaged_or_open_one_is_replaced(tmp_path: Path) -> None:
    secret = kept_secret(tmp_path)
    file = tmp_path / "login-secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert kept_secret(tmp_path) == secret
    file.write_bytes(b"short")
    assert len(kept_secret(tmp_path)) == 32
    kept = file.read_bytes()
    file.chmod(0o644)
    assert kept_secret(tmp_path) != kept
    assert [path.name for path in tmp_path.iterdir()] == ["login-secret"]


def test_a_folder_that_cannot_be_made_costs_only_the_memory_of_logins(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert len(kept_secret(tmp_path / "file" / "cache")) == 32
