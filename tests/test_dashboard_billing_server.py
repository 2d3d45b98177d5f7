"""The server of the billing tests is as strict as the Admin API's documentation: what holds of it, holds there."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.admin_legacy import legacy
from tests.admin_reports import Query, QueryError, analytics
from tests.billed_org import WORKSPACE, Organisation, call, moment

NOW = moment("2026-11-22T12:34")
ORG = Organisation(
    [
        call("2026-11-20T10:00:30", tokens_cache_read=50),
        call("2026-11-20T10:59:59", workspace_id=WORKSPACE, web_searches=1),
        call("2026-11-21T00:00", model="claude-haiku-4-5"),
    ],
    discount=0.25,
)
DAYS = "starting_at=2026-11-20T00:00:00Z&ending_at=2026-11-22T00:00:00Z"


def newer(kind: str, query: str) -> dict[str, Any]:
    return analytics(ORG, kind, parse_qs(query, keep_blank_values=True), NOW)


def older(kind: str, query: str) -> dict[str, Any]:
    return legacy(ORG, kind, parse_qs(query), NOW)


@pytest.mark.parametrize(
    "query",
    [
        "ending_at=2026-11-21T00:00:00Z",
        "starting_at=2026-11-20",
        "starting_at=2026-11-20T00:00:00&ending_at=2026-11-21T00:00:00Z",
        "starting_at=2025-12-31T00:00:00Z&ending_at=2026-01-02T00:00:00Z",
        "starting_at=2026-11-20T00:00:00Z&time_bucket_width=1d",
        "starting_at=2026-10-01T00:00:00Z&ending_at=2026-11-02T00:00:00Z",
        f"{DAYS}&time_bucket_width=1m",
        f"{DAYS}&time_bucket_width=1w",
        f"{DAYS}&limit=0",
        f"{DAYS}&limit=1001",
        f"{DAYS}&group_by[]=colour",
        f"{DAYS}&group_by[]=cost_type",
        f"{DAYS}&order_by=amount",
        f"{DAYS}&bucket_width=1d",
        f"{DAYS}&page=page_nonsense",
        f"{DAYS}&"
        + "&".join(
            f"group_by[]={n}" for n in ("model", "speed", "actor", "product", "session_id", "api_key_id")
        ),
    ],
)
def test_the_newer_api_refuses(query: str) -> None:
    with pytest.raises(QueryError):
        newer("usage", query)


def test_five_dimensions_and_the_two_of_costs_are_allowed() -> None:
    groups = ("model", "workspace_id", "api_key_id", "service_tier", "product", "cost_type", "token_type")
    query = f"{DAYS}&time_bucket_width=1d&limit=1&" + "&".join(f"group_by[]={name}" for name in groups)
    page = newer("cost", query)
    assert {row["group"]["token_type"] for row in page["data"]} > {"output_tokens"}
    assert page["has_more"] and {row["cost"]["requests"] for row in page["data"]} == {None}


def test_without_groups_and_buckets_a_row_tells_of_the_whole_hours() -> None:
    [row] = newer("cost", "starting_at=2026-11-20T10:30:00Z&ending_at=2026-11-20T11:30:00Z")["data"]
    assert (row["starting_at"], row["ending_at"]) == ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z")
    assert row["cost"]["requests"] == 2 and set(row["group"].values()) == {None}
    assert float(row["cost"]["amount"]) == pytest.approx(0.75 * float(row["cost"]["list_amount"]))


def test_only_combinations_with_usage_have_rows_dearest_first() -> None:
    rows = newer("usage", f"{DAYS}&time_bucket_width=1h&group_by[]=workspace_id")["data"]
    assert [row["usage"]["total_tokens"] for row in rows] == [1250, 1200, 1200]
    [row] = newer("usage", f"{DAYS}&time_bucket_width=1d&models[]=claude-haiku-4-5")["data"]
    assert row["starting_at"] == "2026-11-21T00:00:00Z" and row["group"]["model"] is None


def test_a_cursor_holds_only_for_its_own_question() -> None:
    query = f"{DAYS}&time_bucket_width=1d&group_by[]=model&order_by=time&limit=1"
    cursor = newer("usage", query)["next_page"]
    assert newer("usage", f"{query}&page={cursor}")["has_more"] is False
    for other in (query.replace("limit=1", "limit=2"), query.replace("model", "speed")):
        with pytest.raises(QueryError, match="cursor"):
            newer("usage", f"{other}&page={cursor}")
    with pytest.raises(QueryError, match="cursor"):
        newer("cost", f"{query}&page={cursor}")


def test_the_legacy_api_has_a_bucket_for_each_interval_seven_at_a_time() -> None:
    page = older("usage", "starting_at=2026-11-14T05:00:00Z&ending_at=2026-11-22T00:00:00Z")
    assert [bucket["starting_at"][8:10] for bucket in page["data"]] == [
        "14",
        "15",
        "16",
        "17",
        "18",
        "19",
        "20",
    ]
    assert [len(bucket["results"]) for bucket in page["data"]] == [0, 0, 0, 0, 0, 0, 1]
    again = f"starting_at=2026-11-14T05:00:00Z&ending_at=2026-11-22T00:00:00Z&page={page['next_page']}"
    assert [bucket["starting_at"][8:10] for bucket in older("usage", again)["data"]] == ["21"]


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("cost", f"{DAYS}&bucket_width=1h"),
        ("cost", f"{DAYS}&group_by[]=model"),
        ("cost", f"{DAYS}&limit=32"),
        ("usage", f"{DAYS}&group_by[]=product"),
        ("usage", f"{DAYS}&group_by[]=speed"),
        ("usage", f"{DAYS}&context_windows[]=0-200k"),
        ("usage", "ending_at=2026-11-22T00:00:00Z"),
    ],
)
def test_the_legacy_api_refuses(kind: str, query: str) -> None:
    with pytest.raises(QueryError):
        older(kind, query)


def test_the_legacy_api_calls_the_default_workspace_null() -> None:
    page = older("cost", f"{DAYS}&group_by[]=workspace_id&group_by[]=description")
    rows = [row for bucket in page["data"] for row in bucket["results"]]
    assert {row["workspace_id"] for row in rows} == {None, WORKSPACE}
    assert {row["cost_type"] for row in rows} == {"tokens", "web_search"}
    asked: Query = parse_qs(DAYS)
    [plain, _] = legacy(ORG, "cost", asked, NOW)["data"]
    assert [row["model"] for row in plain["results"]] == [None]
