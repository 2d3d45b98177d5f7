"""Anthropic's replies as documented become rows in our words; anything else is an error that names the field."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest

from dashboard.billing.api_errors import ShapeChanged
from dashboard.billing.shapes import Page, added, listed, report, whole_days
from dashboard.billing.snapshots import Generation, Kind

WHERE = "api.anthropic.com/v1/organizations/analytics/usage"
DAY = date(2026, 11, 20)
BOUNDS = {"starting_at": "2026-11-20T00:00:00Z", "ending_at": "2026-11-21T00:00:00Z"}
GROUP = {
    "model": "claude-opus-5-5",
    "workspace_id": "wrkspc_1",
    "api_key_id": "apikey_1",
    "service_tier": "standard",
    "product": "messages_api",
    "speed": None,
}
TOKENS = {
    "uncached_input_tokens": 812_345,
    "cache_creation": {"ephemeral_1h_input_tokens": 120_000, "ephemeral_5m_input_tokens": 45_000},
    "cache_read_input_tokens": 9_120_334,
    "output_tokens": 301_222,
    "server_tool_use": {"web_search_requests": 17},
}
OURS = {
    "tokens_input": 812_345,
    "tokens_output": 301_222,
    "tokens_cache_read": 9_120_334,
    "tokens_cache_write_5m": 45_000,
    "tokens_cache_write_1h": 120_000,
    "web_searches": 17,
}
FACETS = {
    "model": "claude-opus-5-5",
    "workspace_id": "wrkspc_1",
    "workspace": None,
    "api_key_id": "apikey_1",
    "api_key": None,
    "service_tier": "standard",
    "product": "messages_api",
}
USAGE: dict[str, Any] = {
    "data": [{**BOUNDS, "group": GROUP, "usage": {**TOKENS, "requests": 1432, "total_tokens": 10_398_901}}],
    "has_more": True,
    "next_page": "page_2",
    "data_refreshed_at": "2026-11-21T08:00:00Z",
}
COST: dict[str, Any] = {
    "data": [
        {
            **BOUNDS,
            "group": {**GROUP, "cost_type": "tokens", "token_type": "output_tokens"},
            "cost": {"amount": "602.444", "list_amount": "669.382", "currency": "USD", "requests": None},
        }
    ],
    "has_more": False,
    "next_page": None,
    "data_refreshed_at": "2026-11-21T08:00:00Z",
}
LEGACY_USAGE: dict[str, Any] = {
    "data": [
        {**BOUNDS, "results": [{**GROUP, **TOKENS, "account_id": None}]},
        {"starting_at": "2026-11-21T00:00:00Z", "ending_at": "2026-11-22T00:00:00Z", "results": []},
    ],
    "has_more": False,
    "next_page": None,
}
LEGACY_COST: dict[str, Any] = {
    "data": [
        {
            **BOUNDS,
            "results": [
                {
                    "amount": "123.78912",
                    "currency": "USD",
                    "cost_type": "tokens",
                    "token_type": "uncached_input_tokens",
                    "description": "Claude Sonnet 4 Usage - Input Tokens",
                    "model": "claude-opus-4-6",
                    "service_tier": "batch",
                    "workspace_id": None,
                    "context_window": "0-200k",
                    "inference_geo": "global",
                }
            ],
        }
    ],
    "has_more": False,
    "next_page": None,
}


def read(body: Any, kind: Kind = "usage", generation: Generation = "analytics") -> Page:
    return report(body, kind, generation, (DAY, date(2026, 11, 21)), WHERE)


def test_a_page_of_usage() -> None:
    page = read(USAGE)
    assert page.rows == [(DAY, {**FACETS, **OURS, "requests": 1432})]
    assert page.after == "page_2"
    assert page.refreshed_at == datetime(2026, 11, 21, 8, tzinfo=UTC)


def test_a_page_of_costs_is_in_cents_and_ours_in_usd() -> None:
    [(day, row)] = read(COST, "cost").rows
    [finished] = added([row])
    assert day == DAY
    assert finished == {
        **FACETS,
        "cost_type": "tokens",
        "kind": "tokens_output",
        "amount_usd": 6.02444,
        "list_usd": 6.69382,
    }


def test_the_legacy_usage_knows_no_products_and_no_requests() -> None:
    page = read(LEGACY_USAGE, generation="legacy")
    assert page.rows == [(DAY, {**FACETS, "product": None, **OURS, "requests": None})]
    assert page.after is None and page.refreshed_at is None


def test_the_legacy_cost_is_read_by_its_fields_never_by_its_description() -> None:
    [(_, row)] = read(LEGACY_COST, "cost", "legacy").rows
    [finished] = added([row])
    assert finished == {
        **dict.fromkeys(FACETS),
        "model": "claude-opus-4-6",
        "service_tier": "batch",
        "cost_type": "tokens",
        "kind": "tokens_input",
        "amount_usd": 1.2378912,
        "list_usd": None,
    }


def test_rows_of_the_same_facets_are_added_and_what_one_does_not_know_the_sum_does_not() -> None:
    [(_, row)] = read(USAGE).rows
    [both] = added([row, {**row, "requests": None}])
    assert both["tokens_output"] == 602_444 and both["requests"] is None


def test_money_is_added_in_cents_not_in_floats() -> None:
    body = copy.deepcopy(COST)
    body["data"][0]["cost"] |= {"amount": "0.0000001", "list_amount": "10"}
    rows = [row for _, row in read(body, "cost").rows] * 3
    assert added(rows)[0]["amount_usd"] == 0.000000003
    assert added(rows)[0]["list_usd"] == 0.3


def test_the_order_of_rows_does_not_depend_on_the_order_of_the_reply() -> None:
    [(_, row)] = read(USAGE).rows
    rows = [{**row, "model": model} for model in ("claude-opus-5-5", None, "claude-haiku-4-5")]
    assert added(rows) == added(rows[::-1])
    assert [one["model"] for one in added(rows)] == [None, "claude-haiku-4-5", "claude-opus-5-5"]


def test_types_that_are_new_keep_their_own_names() -> None:
    body = copy.deepcopy(COST)
    body["data"][0]["group"] |= {"cost_type": "storage", "token_type": "thinking_tokens"}
    [(_, row)] = read(body, "cost").rows
    assert (row["cost_type"], row["kind"]) == ("storage", "thinking_tokens")


def test_a_cost_that_is_not_about_tokens() -> None:
    body = copy.deepcopy(COST)
    body["data"][0]["group"] |= {"cost_type": "code_execution", "token_type": None, "model": None}
    [(_, row)] = read(body, "cost").rows
    assert (row["cost_type"], row["kind"], row["model"]) == ("code_execution", None, None)


def test_a_credit_is_a_negative_amount() -> None:
    body = copy.deepcopy(COST)
    body["data"][0]["cost"]["amount"] = "-50"
    [(_, row)] = read(body, "cost").rows
    assert added([row])[0]["amount_usd"] == -0.5


@pytest.mark.parametrize(
    ("cents", "usd"), [("-0", 0.0), ("0E-10", 0.0), ("1E+2", 1.0), ("-0.0000000001", 0.0)]
)
def test_amounts_as_decimals_are_spelled_and_nothing_is_zero(cents: str, usd: float) -> None:
    body = copy.deepcopy(COST)
    body["data"][0]["cost"]["amount"] = cents
    [(_, row)] = read(body, "cost").rows
    assert repr(added([row])[0]["amount_usd"]) == repr(usd)


NEXT = date(2026, 11, 21)
SPAN = (DAY, NEXT)
AFTER = datetime(2026, 11, 22, 0, 0, 1, tzinfo=UTC)
RUNNING = datetime(2026, 11, 21, 12, tzinfo=UTC)


def days(bodies: list[Any], generation: Generation, now: datetime) -> list[date]:
    """The days that pages of usage tell of."""
    pages = [read(body, generation=generation) for body in bodies]
    return whole_days(pages, generation, SPAN, now, WHERE)


def test_the_newer_reports_tell_of_days_without_rows_too() -> None:
    assert days([USAGE], "analytics", AFTER) == [DAY, NEXT]


def test_the_same_day_and_group_twice_is_no_bill_also_on_two_pages() -> None:
    for bodies in ([{**USAGE, "data": USAGE["data"] * 2}], [USAGE, USAGE]):
        with pytest.raises(ShapeChanged, match="data tells the same of 2026-11-20 twice"):
            days(bodies, "analytics", AFTER)
    fast = copy.deepcopy(USAGE)
    fast["data"][0]["group"]["speed"] = "fast"
    assert days([USAGE, fast], "analytics", AFTER) == [DAY, NEXT], "another group"


def test_a_day_twice_in_the_older_reports_is_no_bill() -> None:
    with pytest.raises(ShapeChanged, match="data tells the same of 2026-11-20 twice"):
        days([LEGACY_USAGE, LEGACY_USAGE], "legacy", AFTER)


def test_a_day_that_is_over_and_missing_in_the_older_reports_is_no_day_without_usage() -> None:
    assert days([LEGACY_USAGE], "legacy", AFTER) == [DAY, NEXT]
    first, second = ({**LEGACY_USAGE, "data": [one]} for one in LEGACY_USAGE["data"])
    with pytest.raises(ShapeChanged, match="data tells nothing of 2026-11-21"):
        days([first], "legacy", AFTER)
    with pytest.raises(ShapeChanged, match="data tells nothing of 2026-11-20"):
        days([second], "legacy", AFTER)


def test_a_day_that_runs_may_be_missing_and_one_to_come_is_left_out() -> None:
    [first] = [{**LEGACY_USAGE, "data": LEGACY_USAGE["data"][:1]}]
    assert days([first], "legacy", RUNNING) == [DAY]
    for generation, body in (("legacy", LEGACY_USAGE), ("analytics", USAGE)):
        before = RUNNING.replace(day=20)
        assert days([body], cast(Generation, generation), before) == [DAY]


def test_the_part_of_a_day_that_runs_may_end_earlier() -> None:
    body = copy.deepcopy(USAGE)
    body["data"][0]["ending_at"] = "2026-11-20T12:00:00Z"
    assert read(body) == read(USAGE)


def test_fields_nobody_asked_about_are_passed_over() -> None:
    body = copy.deepcopy(USAGE)
    body["data"][0]["usage"] |= {"images": 3, "server_tool_use": {"web_search_requests": 17, "web_fetch": 1}}
    body["note"] = {"more": ["to", "come"]}
    assert read(body) == read(USAGE)


Change = Callable[[dict[str, Any]], Any]


def without(*path: Any) -> Change:
    def change(body: Any) -> None:
        for name in path[:-1]:
            body = body[name]
        del body[path[-1]]

    return change


def put(value: Any, *path: Any) -> Change:
    def change(body: Any) -> None:
        for name in path[:-1]:
            body = body[name]
        body[path[-1]] = value

    return change


ROW = ("data", 0)


@pytest.mark.parametrize(
    ("body", "change", "told"),
    [
        (USAGE, without("data"), "data is missing"),
        (USAGE, put({}, "data"), "data is an object, not a list"),
        (USAGE, put([3], "data"), "data[0] is 3, not an object"),
        (USAGE, without("has_more"), "has_more is missing"),
        (USAGE, put("no", "has_more"), 'has_more is "no", not true or false'),
        (USAGE, put(None, "next_page"), "next_page is missing, though there is more"),
        (USAGE, put("yesterday", "data_refreshed_at"), 'data_refreshed_at is "yesterday", not a moment'),
        (USAGE, without(*ROW, "starting_at"), "data[0].starting_at is missing"),
        (USAGE, put("2026-11-20T00:00:00", *ROW, "starting_at"), "a moment without its zone"),
        (USAGE, put("2026-11-20T01:00:00Z", *ROW, "starting_at"), "not the beginning of a day in UTC"),
        (USAGE, put("2026-10-20T00:00:00Z", *ROW, "starting_at"), "2026-10-20, which was not asked for"),
        (USAGE, without(*ROW, "ending_at"), "data[0].ending_at is missing"),
        (USAGE, put(None, *ROW, "ending_at"), "data[0].ending_at is missing"),
        (USAGE, put("2026-11-21", *ROW, "ending_at"), 'ending_at is "2026-11-21", a moment without its zone'),
        (USAGE, put("2026-11-20T00:00:00Z", *ROW, "ending_at"), "which does not end 2026-11-20"),
        (COST, put("2026-11-22T00:00:00Z", *ROW, "ending_at"), "which does not end 2026-11-20"),
        (LEGACY_USAGE, put("2026-11-21T00:00:01Z", *ROW, "ending_at"), "which does not end 2026-11-20"),
        (LEGACY_COST, without(*ROW, "ending_at"), "data[0].ending_at is missing"),
        (USAGE, without(*ROW, "group"), "data[0].group is missing"),
        (USAGE, without(*ROW, "group", "model"), "data[0].group.model is missing"),
        (USAGE, put(7, *ROW, "group", "model"), "data[0].group.model is 7, not text or null"),
        (USAGE, without(*ROW, "usage", "output_tokens"), "data[0].usage.output_tokens is missing"),
        (USAGE, put("12", *ROW, "usage", "output_tokens"), 'output_tokens is "12", not a whole number'),
        (USAGE, put(1.5, *ROW, "usage", "output_tokens"), "output_tokens is 1.5, not a whole number"),
        (USAGE, put(-1, *ROW, "usage", "output_tokens"), "output_tokens is -1, not a whole number"),
        (USAGE, put(True, *ROW, "usage", "output_tokens"), "output_tokens is true or false, not a whole"),
        (USAGE, put(9, *ROW, "usage", "cache_creation"), "cache_creation is 9, not an object"),
        (COST, put("EUR", *ROW, "cost", "currency"), 'is "EUR", and callmeter only knows USD'),
        (COST, without(*ROW, "cost", "currency"), "data[0].cost.currency is missing"),
        (COST, put(602.4, *ROW, "cost", "amount"), "data[0].cost.amount is 602.4, not text"),
        (COST, put("6,02", *ROW, "cost", "amount"), 'data[0].cost.amount is "6,02", not an amount in cents'),
        (COST, put("NaN", *ROW, "cost", "amount"), 'data[0].cost.amount is "NaN", not an amount in cents'),
        (COST, put("1e400", *ROW, "cost", "amount"), 'amount is "1e400", not an amount in cents'),
        (COST, put("1e99", *ROW, "cost", "amount"), 'amount is "1e99", not an amount in cents'),
        (COST, put("1e999999999", *ROW, "cost", "amount"), "not an amount in cents"),
        (COST, put("1_000", *ROW, "cost", "amount"), 'amount is "1_000", not an amount in cents'),
        (COST, put("\u0661\u0662", *ROW, "cost", "amount"), "not an amount in cents"),
        (COST, put(" 12", *ROW, "cost", "amount"), "not an amount in cents"),
        (USAGE, put(2**63, *ROW, "usage", "output_tokens"), "output_tokens is 9223372036854775808, not a"),
        (COST, without(*ROW, "cost", "list_amount"), "data[0].cost.list_amount is missing"),
        (COST, without(*ROW, "group", "token_type"), "data[0].group.token_type is missing"),
        (LEGACY_USAGE, without(*ROW, "results"), "data[0].results is missing"),
        (LEGACY_USAGE, without(*ROW, "results", 0, "model"), "data[0].results[0].model is missing"),
        (LEGACY_COST, put("GBP", *ROW, "results", 0, "currency"), 'results[0].currency is "GBP"'),
    ],
)
def test_a_reply_of_another_shape_names_the_field(body: dict[str, Any], change: Change, told: str) -> None:
    other = copy.deepcopy(body)
    change(other)
    kind: Kind = "cost" if body in (COST, LEGACY_COST) else "usage"
    generation: Generation = "legacy" if body in (LEGACY_USAGE, LEGACY_COST) else "analytics"
    with pytest.raises(ShapeChanged) as error:
        read(other, kind, generation)
    assert str(error.value).startswith(f"{WHERE}: the reply is not as documented: ")
    assert told in str(error.value)


@pytest.mark.parametrize("body", [None, [], "text", 3])
def test_a_reply_that_is_no_object(body: Any) -> None:
    with pytest.raises(ShapeChanged, match="not an object"):
        read(body)


def test_a_key_in_a_wrong_field_is_not_repeated() -> None:
    body = copy.deepcopy(COST)
    body["data"][0]["cost"]["currency"] = "sk-ant-admin01-abcdefgh"
    with pytest.raises(ShapeChanged) as error:
        read(body, "cost")
    assert "abcdefgh" not in str(error.value)


def test_a_list_of_names_goes_on_after_its_last_id() -> None:
    item = {"id": "apikey_1", "type": "api_key", "name": "coordinator", "workspace_id": None}
    page = {"data": [item], "first_id": "apikey_1", "has_more": True, "last_id": "apikey_1"}
    assert listed(page, WHERE).names == {"apikey_1": "coordinator"}
    assert listed(page, WHERE).after == "apikey_1"
    assert listed({**page, "has_more": False}, WHERE).after is None
    with pytest.raises(ShapeChanged, match="last_id"):
        listed({**page, "last_id": None}, WHERE)
