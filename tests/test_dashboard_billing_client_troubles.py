"""What goes wrong between us and Anthropic: each trouble its sentence, and what may pass is tried again."""

from __future__ import annotations

import builtins
import threading
from datetime import date
from typing import Any

import pytest

from dashboard.billing import api_errors
from dashboard.billing.admin_client import retry_after
from dashboard.billing.client import AnthropicReports
from tests.admin_api import (
    ANALYTICS_USAGE,
    LEGACY_USAGE,
    AdminServer,
    Fault,
    busy,
    changed,
    cut,
    held,
    status,
    text,
)
from tests.admin_reading import GENERATIONS, NOW, days, quick, reports, running, server, total
from tests.billed_org import ADMIN_KEY, WORKSPACE_KEY

__all__ = ["quick", "running", "server"]  # fixtures


def to_nowhere(body: dict[str, Any]) -> None:
    body |= {"has_more": True, "next_page": None}


def in_a_circle(body: dict[str, Any]) -> None:
    body |= {"has_more": True, "next_page": "page_again"}


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        (status(401), api_errors.Refused, "does not know the Admin key (401)"),
        (status(403), api_errors.Forbidden, "may not read this (403)"),
        (status(400, "bad  sk-ant-admin01-x"), api_errors.Rejected, "(400): bad sk-ant-...;"),
        (status(400, "bad SK-ANT-admin01-x"), api_errors.Rejected, "(400): bad sk-ant-...;"),
        (status(429), api_errors.RateLimited, "(429); try again in a few minutes"),
        (status(429, retry_after="2"), api_errors.RateLimited, "(429); try again in 2 s"),
        (status(429, retry_after="3600"), api_errors.RateLimited, "(429); try again in 60 min"),
        (status(500), api_errors.ServerTrouble, "has trouble of its own (500)"),
        (status(529), api_errors.ServerTrouble, "is overloaded (529)"),
        (Fault(502, body=b"<html>Bad gateway</html>"), api_errors.ServerTrouble, "(502)"),
        (cut(), api_errors.ConnectionCut, "broke in the middle"),
        (text(b"<html>Hello</html>"), api_errors.ShapeChanged, "it is no JSON"),
        (text(b"[" * 100_000), api_errors.ShapeChanged, "it is no JSON"),
        (text(b""), api_errors.ShapeChanged, "it is no JSON"),
        (changed(lambda body: body.pop("data")), api_errors.ShapeChanged, "not an object"),
        (changed(to_nowhere), api_errors.ShapeChanged, "next_page is missing"),
    ],
)
def test_each_fault_has_its_sentence(server: AdminServer, fault: Fault, error: type, told: str) -> None:
    server.says(fault)
    with reports(server) as one, pytest.raises(error) as found:
        days(one, "usage", "legacy")
    assert told in str(found.value)
    assert f"{server.url.removeprefix('http://')}{LEGACY_USAGE}" in str(found.value)
    assert found.value.exit_code == 1 and ADMIN_KEY not in str(found.value)
    assert found.value.retryable == isinstance(
        found.value, api_errors.RateLimited | api_errors.ServerTrouble | api_errors.ConnectionCut
    )


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_cursor_that_comes_again_ends_the_reading(server: AdminServer, generation: Any) -> None:
    again = changed(in_a_circle)
    whole = Fault(body=b'{"data": [], "has_more": true, "next_page": "page_again"}')
    server.says(again, whole)
    with reports(server) as one, pytest.raises(api_errors.ShapeChanged, match="round in a circle"):
        days(one, "usage", generation)
    assert len(server.requests) == 2


def test_a_fault_on_a_later_page_leaves_nothing(server: AdminServer) -> None:
    server.says(None, None, status(500))
    with reports(server, page_size=1) as one, pytest.raises(api_errors.ServerTrouble):
        days(one, "usage", "analytics")


def test_a_cursor_of_another_question_is_refused_as_anthropic_does(server: AdminServer) -> None:
    with reports(server, page_size=1) as one:
        days(one, "usage", "analytics")
        cursor = server.requests[1].query["page"][0]
        other = {"page": cursor, "starting_at": "2026-11-20T00:00:00Z", "ending_at": "2026-11-21T00:00:00Z"}
        with pytest.raises(api_errors.Rejected, match="cursor does not match"):
            one._client.read(ANALYTICS_USAGE, lambda: one._client.plain(LEGACY_USAGE, **other))


@pytest.mark.parametrize(
    "fault", [status(404), status(403), status(400, "Unexpected value(s) for the `anthropic-beta` header")]
)
def test_an_organisation_without_the_newer_reports_is_told_apart(server: AdminServer, fault: Fault) -> None:
    server.says(fault)
    with reports(server) as one, pytest.raises(api_errors.BetaMissing):
        days(one, "cost", "analytics")


def test_what_is_wrong_with_the_question_is_no_missing_beta(server: AdminServer) -> None:
    with reports(server) as one, pytest.raises(api_errors.Rejected, match="2026-01-01"):
        one.days("usage", date(2025, 12, 1), date(2025, 12, 2), "analytics", lambda rows: None)


def test_without_the_beta_the_legacy_reports_are_there(server: AdminServer) -> None:
    server.org.beta = False
    with reports(server) as one:
        with pytest.raises(api_errors.BetaMissing):
            days(one, "usage", "analytics")
        assert total(days(one, "usage", "legacy"), "tokens_output") == 1200


def test_a_key_for_calls_never_reaches_the_server(server: AdminServer) -> None:
    with pytest.raises(api_errors.NormalKey), reports(server, key=WORKSPACE_KEY):
        pass
    assert server.requests == []


def test_no_reply_in_time(server: AdminServer) -> None:
    release = threading.Event()
    server.says(held(release))
    try:
        with reports(server, timeout=0.05) as one, pytest.raises(api_errors.Unreachable) as found:
            days(one, "usage", "legacy")
        assert "no reply in time" in str(found.value) and found.value.retryable
    finally:
        release.set()


@pytest.mark.parametrize(
    ("variable", "value"), [("ALL_PROXY", "nonsense://user:secret@x"), ("SSL_CERT_FILE", "/nowhere/at/all")]
)
def test_a_proxy_or_certificate_that_cannot_be_used(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(api_errors.ReportError, match=variable) as found:
        AnthropicReports(ADMIN_KEY)
    assert "secret" not in str(found.value)


def test_the_key_does_not_follow_to_another_address(server: AdminServer) -> None:
    server.says(Fault(302, {"location": f"{server.url}/elsewhere"}, b"{}"))
    with reports(server) as one, pytest.raises(api_errors.Rejected, match="302"):
        days(one, "usage", "legacy")
    assert len(server.requests) == 1


def test_nobody_there() -> None:
    refused = pytest.raises(api_errors.Unreachable, match=r"127\.0\.0\.1:9/.*no connection")
    with AnthropicReports(ADMIN_KEY, base_url="http://127.0.0.1:9", max_retries=0) as one, refused:
        one.organization()


def test_without_the_library_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **named: Any) -> Any:
        if "admin_client" in name:
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(api_errors.NoLibrary, match=r"pip install 'callmeter\[anthropic\]'"):
        AnthropicReports(ADMIN_KEY)


def test_what_may_pass_is_tried_again_and_told(server: AdminServer) -> None:
    told: list[str] = []
    server.says(busy(529), cut(), busy(429))
    with reports(server, max_retries=4, on_retry=told.append) as one:
        assert total(days(one, "usage", "analytics"), "tokens_output") == 1200
    where = f"{server.url.removeprefix('http://')}{ANALYTICS_USAGE}"
    assert told == [
        f"{where}: Anthropic is overloaded (529): trying again (1 of 4)",
        f"{where}: the connection broke in the middle of the reply: trying again (2 of 4)",
        f"{where}: too many requests for now (429): trying again (3 of 4)",
    ]
    assert len(server.requests) == 4


def test_the_last_attempt_is_not_told_as_tried_again(server: AdminServer) -> None:
    told: list[str] = []
    server.says(busy(), busy(), busy())
    trouble = pytest.raises(api_errors.ServerTrouble)
    with reports(server, max_retries=2, on_retry=told.append) as one, trouble:
        days(one, "usage", "legacy")
    assert len(told) == 2 and len(server.requests) == 3


@pytest.mark.parametrize("fault", [status(401), status(403), status(400), status(404)])
def test_what_will_not_pass_is_asked_once(server: AdminServer, fault: Fault) -> None:
    server.says(fault)
    with reports(server, max_retries=4) as one, pytest.raises(api_errors.ReportError):
        days(one, "usage", "legacy")
    assert len(server.requests) == 1


def test_retry_after_is_kept_to(server: AdminServer, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("anthropic._base_client.time.sleep", slept.append)
    server.says(status(429, retry_after="7"), status(529, retry_after="30"))
    with reports(server, max_retries=4) as one:
        days(one, "usage", "legacy")
    assert slept == [7, 30]


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [("900", 900), ("Sun, 22 Nov 2026 13:04:00 GMT", 1800), ("inf", None)],
)
def test_a_long_wait_is_not_waited_for_but_told(
    server: AdminServer, wait: str, seconds: float | None
) -> None:
    server.says(status(429, retry_after=wait))
    with reports(server, max_retries=4) as one, pytest.raises(api_errors.RateLimited) as found:
        days(one, "usage", "analytics")
    assert found.value.retry_after == seconds and len(server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "9"}, 9),
        ({"retry-after": "Sun, 22 Nov 2026 12:35:00 GMT"}, 60),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_a_key_of_a_gateway_is_not_repeated_either(server: AdminServer) -> None:
    server.keys = {"gateway-key-123": True}
    server.says(status(400, "the key gateway-key-123 is not for this"))
    with reports(server, key="gateway-key-123") as one, pytest.raises(api_errors.Rejected) as found:
        days(one, "usage", "legacy")
    server.keys = {ADMIN_KEY: True}
    assert "the key ... is not for this" in str(found.value)
