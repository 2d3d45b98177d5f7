"""Anthropic's reports through the real client, over a socket, against a server that speaks as Anthropic does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.billing import api_errors
from dashboard.billing.client import ADDRESS, AnthropicReports, in_analytics
from dashboard.billing.kinds import USAGE_FIELDS
from tests.admin_api import (
    ANALYTICS_COST,
    ANALYTICS_USAGE,
    LEGACY_COST,
    LEGACY_USAGE,
    AdminServer,
    changed,
    status,
)
from tests.admin_reading import GENERATIONS, NOW, days, quick, reports, running, server, total
from tests.billed_org import (
    ADMIN_KEY,
    API_KEY,
    DEFAULT_WORKSPACE,
    OTHER_KEY,
    WORKSPACE,
    BilledCall,
    Organisation,
    moment,
)

__all__ = ["quick", "running", "server"]  # fixtures

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


@pytest.mark.parametrize("generation", GENERATIONS)
def test_days_that_have_not_begun_at_anthropic_are_left_out_when_this_clock_is_ahead(
    server: AdminServer, generation: Any
) -> None:
    ahead = NOW + timedelta(days=20)
    with reports(server, now=lambda: ahead) as one:
        read = one.days("usage", date(2026, 11, 21), date(2026, 12, 5), generation, lambda rows: None)
    assert [day.day for day in read] == [date(2026, 11, 21), date(2026, 11, 22)]
    assert all(day.refreshed_at and day.refreshed_at <= NOW for day in read), "so the last is not over"


@pytest.mark.parametrize("kind", ["usage", "cost"])
def test_a_row_that_is_told_twice_is_not_added_up(server: AdminServer, kind: Any) -> None:
    server.says(changed(lambda body: body["data"].append(body["data"][0])))
    with reports(server) as one, pytest.raises(api_errors.ShapeChanged, match="of 2026-11-20 twice"):
        days(one, kind, "analytics")


@pytest.mark.parametrize("kind", ["usage", "cost"])
def test_a_day_that_the_older_reports_pass_over_is_not_a_day_without_rows(
    server: AdminServer, kind: Any
) -> None:
    server.says(changed(lambda body: body.update(data=body["data"][:1] + body["data"][2:])))
    with reports(server) as one, pytest.raises(api_errors.ShapeChanged, match="tells nothing of 2026-11-20"):
        days(one, kind, "legacy")


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


def test_the_newer_reports_tell_of_a_year_and_not_of_before_2026() -> None:
    now = datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert in_analytics(date(2026, 3, 2), now) and not in_analytics(date(2026, 3, 1), now)
    assert in_analytics(date(2026, 1, 1), NOW) and not in_analytics(date(2025, 12, 31), NOW)
