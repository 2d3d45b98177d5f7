"""Anthropic's reports through the real client, over a socket, against a server that speaks as Anthropic does."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import anthropic._base_client
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.billing import api_errors
from dashboard.billing.client import ADDRESS, AnthropicReports, DayRows, in_analytics
from dashboard.billing.kinds import USAGE_FIELDS
from tests.admin_api import (
    ANALYTICS_COST,
    ANALYTICS_USAGE,
    LEGACY_COST,
    LEGACY_USAGE,
    AdminServer,
    Fault,
    busy,
    changed,
    cut,
    held,
    serving,
    status,
    text,
)
from tests.billed_org import (
    ADMIN_KEY,
    API_KEY,
    DEFAULT_WORKSPACE,
    OTHER_KEY,
    WORKSPACE,
    WORKSPACE_KEY,
    BilledCall,
    ExtraCost,
    Organisation,
    call,
    moment,
)

NOW = moment("2026-11-22T12:34")
GENERATIONS = ("analytics", "legacy")


def books() -> Organisation:
    return Organisation(
        [
            call("2026-11-20T10:00", tokens_cache_read=5000, tokens_cache_write_5m=700),
            call("2026-11-20T23:59", web_searches=2, workspace_id=WORKSPACE, api_key_id=OTHER_KEY),
            call("2026-11-21T00:00", model="claude-haiku-4-5", tokens_cache_write_1h=90),
            call("2026-11-21T11:00", service_tier="batch", product="message_batches_api", api_key_id=None),
            call("2026-11-22T11:00", speed="fast"),
            call("2026-11-22T11:05", inference_geo="us"),
        ],
        [ExtraCost(moment("2026-11-20T12:00"), "code_execution", 0.5)],
        discount=0.1,
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off without waiting."""
    monkeypatch.setattr(anthropic._base_client, "INITIAL_RETRY_DELAY", 0.001)


@pytest.fixture(scope="module")
def running() -> Iterator[AdminServer]:
    with serving(books(), NOW) as server:
        yield server


@pytest.fixture
def server(running: AdminServer) -> AdminServer:
    """The server, its books and script as new."""
    running.org = books()
    running.requests.clear()
    running.forget()
    return running


@contextmanager
def reports(server: AdminServer, **options: Any) -> Iterator[AnthropicReports]:
    given = {"key": ADMIN_KEY, "base_url": server.url, "now": lambda: NOW, "max_retries": 0, **options}
    with AnthropicReports(**given) as one:
        yield one


def days(one: AnthropicReports, kind: Any, generation: Any, since: str = "2026-11-19") -> list[DayRows]:
    return one.days(kind, date.fromisoformat(since), date(2026, 11, 22), generation, lambda rows: None)


def total(read: list[DayRows], name: str) -> Any:
    return sum(row[name] for day in read for row in day.rows)


# What is read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_day_asked_for_is_told_also_without_rows(server: AdminServer, generation: Any) -> None:
    with reports(server) as one:
        for kind in ("usage", "cost"):
            read = days(one, kind, generation)
            assert [day.day.isoformat() for day in read] == [
                "2026-11-19",
                "2026-11-20",
                "2026-11-21",
                "2026-11-22",
            ]
            assert [bool(day.rows) for day in read] == [False, True, True, True]
            assert {(day.kind, day.generation) for day in read} == {(kind, generation)}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_tokens_and_money_add_up_to_the_books(server: AdminServer, generation: Any) -> None:
    with reports(server) as one:
        usage, cost = days(one, "usage", generation), days(one, "cost", generation)
    for name in (*USAGE_FIELDS, "web_searches"):
        assert total(usage, name) == server.org.tokens(name)
    assert total(cost, "amount_usd") == pytest.approx(server.org.usd(), abs=1e-9)


def test_the_newer_reports_tell_list_prices_products_and_requests(server: AdminServer) -> None:
    with reports(server) as one:
        usage, cost = days(one, "usage", "analytics"), days(one, "cost", "analytics")
    assert total(cost, "list_usd") == pytest.approx(server.org.list_usd(), abs=1e-9)
    assert total(usage, "requests") == 6
    [batch] = [row for row in usage[2].rows if row["service_tier"] == "batch"]
    assert batch["product"] == "message_batches_api" and batch["api_key_id"] is None
    assert usage[0].refreshed_at == moment("2026-11-22T12:00")


def test_the_legacy_reports_do_not_tell_them(server: AdminServer) -> None:
    with reports(server) as one:
        usage, cost = days(one, "usage", "legacy"), days(one, "cost", "legacy")
    rows = [row for day in (*usage, *cost) for row in day.rows]
    assert {row["product"] for row in rows} == {None}
    assert {row.get("requests", row.get("list_usd")) for row in rows} == {None}
    assert {row["workspace_id"] for row in rows} == {None, WORKSPACE}
    assert {day.refreshed_at for day in usage} == {None}


def test_calls_of_a_second_and_a_minute_apart_stand_in_their_own_utc_days(server: AdminServer) -> None:
    with reports(server) as one:
        [before, after] = days(one, "usage", "analytics")[1:3]
    assert WORKSPACE in {row["workspace_id"] for row in before.rows}
    assert "claude-haiku-4-5" in {row["model"] for row in after.rows}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_code_execution_is_only_in_the_costs(server: AdminServer, generation: Any) -> None:
    with reports(server) as one:
        [_, day, *_] = days(one, "cost", generation)
    [row] = [row for row in day.rows if row["cost_type"] == "code_execution"]
    assert (row["kind"], row["model"], row["amount_usd"]) == (None, None, 0.45)


CALLS = st.builds(
    BilledCall,
    time=st.integers(0, 34 * 24 * 60 - 1).map(lambda n: moment("2026-10-20T00:00") + timedelta(minutes=n)),
    model=st.sampled_from(["claude-opus-5-5", "claude-haiku-4-5", "claude-sonnet-4-5"]),
    tokens_input=st.integers(0, 300_000),
    tokens_output=st.integers(1, 9_999),
    tokens_cache_read=st.integers(0, 9_999),
    tokens_cache_write_1h=st.integers(0, 99),
    web_searches=st.integers(0, 2),
    workspace_id=st.sampled_from([DEFAULT_WORKSPACE, WORKSPACE]),
    api_key_id=st.sampled_from([API_KEY, OTHER_KEY, None]),
    service_tier=st.sampled_from(["standard", "batch"]),
    product=st.sampled_from(["messages_api", "claude_code", None]),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calls=st.lists(CALLS, max_size=12),
    size=st.sampled_from([2, 3, 11, 1000]),
    discount=st.sampled_from([0, 0.15]),
)
def test_all_pages_of_any_size_add_up_to_the_books(
    running: AdminServer, calls: list[BilledCall], size: int, discount: float
) -> None:
    running.org = Organisation(calls, discount=discount)
    with reports(running, page_size=size) as one:
        for generation in GENERATIONS:
            usage = days(one, "usage", generation, "2026-10-20")
            cost = days(one, "cost", generation, "2026-10-20")
            assert len(usage) == len(cost) == 34
            for name in (*USAGE_FIELDS, "web_searches"):
                assert total(usage, name) == running.org.tokens(name)
            assert total(cost, "amount_usd") == pytest.approx(running.org.usd(), abs=1e-8)
            for day in usage:
                mine = [made for made in calls if made.time.date() == day.day]
                assert total([day], "tokens_output") == sum(made.tokens_output for made in mine)


def test_progress_is_told_after_each_page(server: AdminServer) -> None:
    told: list[int] = []
    with reports(server, page_size=2) as one:
        one.days("usage", date(2026, 10, 1), date(2026, 11, 22), "analytics", told.append)
    assert told == [0, 2, 4, 5]  # October has none


# What is asked -----------------------------------------------------------------------------------------


def test_spans_are_asked_in_parts_of_31_days(server: AdminServer) -> None:
    with reports(server) as one:
        read = one.days("usage", date(2026, 9, 1), date(2026, 11, 22), "analytics", lambda rows: None)
    assert [
        (one.query["starting_at"][0][:10], one.query["ending_at"][0][:10]) for one in server.requests
    ] == [
        ("2026-09-01", "2026-10-02"),
        ("2026-10-02", "2026-11-02"),
        ("2026-11-02", "2026-11-23"),
    ]
    assert [day.day for day in read] == [date(2026, 9, 1) + timedelta(days=n) for n in range(83)]


def test_each_request_says_its_version_its_beta_and_who_asks(server: AdminServer) -> None:
    with reports(server) as one:
        for generation in GENERATIONS:
            days(one, "usage", generation)
            days(one, "cost", generation)
        one.names()
        one.organization()
    assert {one.headers["anthropic-version"] for one in server.requests} == {"2023-06-01"}
    assert {one.headers["user-agent"].partition("/")[0] for one in server.requests} == {"callmeter"}
    newer = [one for one in server.requests if "/analytics/" in one.path]
    assert {one.headers["anthropic-beta"] for one in newer} == {"analytics-usage-cost-2026-08-24"}
    assert [one.path for one in server.requests][:4] == [
        ANALYTICS_USAGE,
        ANALYTICS_COST,
        LEGACY_USAGE,
        LEGACY_COST,
    ]


def test_nothing_of_the_environment_is_sent(server: AdminServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-api03-mine")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-of-a-proxy")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "Authorization: Bearer other\nX-Proxy: secret")
    with reports(server) as one:
        one.organization()
    [request] = server.requests
    assert request.headers["authorization"] == f"Bearer {ADMIN_KEY}"
    assert not {"x-proxy", "x-api-key"} & request.headers.keys()


def test_the_address_of_a_proxy_for_calls_does_not_get_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://proxy.example")
    with AnthropicReports(ADMIN_KEY) as one:
        assert str(one._client.base_url).rstrip("/") == ADDRESS == "https://api.anthropic.com"


@pytest.mark.parametrize("url", ["http://proxy.example", "ftp://127.0.0.1", "api.anthropic.com", "https://"])
def test_the_key_is_not_sent_in_the_clear(url: str) -> None:
    with pytest.raises(api_errors.UnsafeAddress):
        AnthropicReports(ADMIN_KEY, base_url=url)


@pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1", "https://proxy.example/admin"])
def test_this_machine_and_https_are_safe(url: str) -> None:
    AnthropicReports(ADMIN_KEY, base_url=url).close()


# Names -------------------------------------------------------------------------------------------------


def test_names_of_keys_and_workspaces_and_which_is_the_default(server: AdminServer) -> None:
    server.org.archived_workspaces.add(WORKSPACE)
    with reports(server, page_size=1) as one:
        names = one.names()
        assert names.workspaces == {DEFAULT_WORKSPACE: "Default", WORKSPACE: "Research"}
        assert names.api_keys == {API_KEY: "coordinator", OTHER_KEY: "notebook"}
        assert names.default_workspace == DEFAULT_WORKSPACE
        assert one.organization() == "Night Works"


def test_an_api_that_does_not_list_the_default_workspace(server: AdminServer) -> None:
    server.says(None, status(400, "include_default: Extra inputs are not permitted"))
    with reports(server) as one:
        names = one.names()
    assert names.workspaces == {WORKSPACE: "Research"} and names.default_workspace is None


def test_an_organisation_without_a_name(server: AdminServer) -> None:
    server.says(status(404))
    with reports(server) as one:
        assert one.organization() is None


# What goes wrong ---------------------------------------------------------------------------------------


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


# Trying again ------------------------------------------------------------------------------------------


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


def test_the_newer_reports_tell_of_a_year_and_not_of_before_2026() -> None:
    now = datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert in_analytics(date(2026, 3, 2), now) and not in_analytics(date(2026, 3, 1), now)
    assert in_analytics(date(2026, 1, 1), NOW) and not in_analytics(date(2025, 12, 31), NOW)
