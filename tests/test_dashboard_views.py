"""The views of the report: what each says of lines made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboard import filters
from dashboard.sheets import Answer, Sheet
from dashboard.views import Asked, bill
from dashboard.views.all import VIEWS, view
from dashboard.views.daily import average, billed_average
from logger.price_table import ModelPrice, Period, PriceTable, Rates, Tariff
from tests.bills import billed
from tests.frames import FrameStore, at

NOW = at("2026-11-20 12:00")
PRICES = PriceTable({"opus": ModelPrice((Period(0, Tariff(Rates(4.0, 20.0, 0.4, 5.0, 8.0))),))})
M = 1_000_000
UNKNOWN_COST = float("nan")


def call(day: str = "2026-11-20", **differs: Any) -> dict[str, Any]:
    return {"time": at(f"{day} 09:00"), "model": "opus", "tokens_output": 100, "cost_usd": 1.0} | differs


def asked(*lines: dict[str, Any], since: str = "2026-10-22", zone: str = "UTC", **more: Any) -> Asked:
    here = ZoneInfo(zone)
    store = FrameStore(lines, here)
    days = filters.days(date.fromisoformat(since), NOW.astimezone(here).date(), here)
    return Asked(store=store, view=days, now=NOW, prices=PRICES, **more)


def made(name: str, *lines: dict[str, Any], **more: Any) -> Answer:
    return view(name).build(asked(*lines, **more))


def sheet(answer: Answer, name: str) -> Sheet:
    return next(one for one in answer.sheets if one.name == name)


def column(answer: Answer, name: str, key: str) -> list[Any]:
    return [row[key] for row in sheet(answer, name).rows]


def text(answer: Answer, name: str) -> str:
    one = sheet(answer, name)
    return "\n".join(" | ".join(cells) for cells in [one.heads, *one.text()])


@pytest.mark.parametrize("one", VIEWS, ids=lambda one: one.name)
def test_a_view_of_nothing_holds_plain_data(one: Any) -> None:
    """No calls, no bill: every cell of every column is there and can be shown."""
    answer = one.build(asked(call(day="2020-01-01"), since="2026-11-18"))
    for each in answer.sheets:
        assert all(isinstance(cell, str) for row in each.text() for cell in row)
        assert all(
            type(row[key]) in (str, int, float, bool, type(None)) for row in each.rows for key in each.keys
        )


# summary

LAST_MONTHS = (
    call("2026-09-01", cost_usd=8.0),
    call("2026-11-01", cost_usd=4.0),
    call("2026-11-15", cost_usd=2.0, tokens_input=300, tokens_cache_read=500, tokens_cache_write=200),
    call("2026-11-20", cost_usd=1.0),
)


def test_summary_adds_up_all_time_today_7_and_30_days() -> None:
    answer = made("summary", *LAST_MONTHS)
    assert column(answer, "costs", "period") == ["All time", "Today", "Last 7 days", "Last 30 days"]
    assert column(answer, "costs", "estimated_cost_usd") == [15.0, 1.0, 3.0, 7.0]
    assert column(answer, "costs", "calls") == [4, 1, 2, 3]
    assert answer.facts["days_tracked"] == 4
    assert answer.facts["tracking_since"] == "2026-09-01"
    assert sheet(answer, "costs").sentence == "4 days with calls, the first on Tue 2026-09-01."


def test_summary_says_the_tokens_of_the_period_by_kind_and_the_hit_rate() -> None:
    answer = made("summary", *LAST_MONTHS)
    kinds = dict(
        zip(column(answer, "tokens", "kind"), column(answer, "tokens", "tokens"), strict=True),
    )
    assert kinds == {
        "Uncached input": 300,
        "Cache read": 500,
        "Cache write": 200,
        "Output": 300,
        "Total": 1300,
    }
    assert sheet(answer, "tokens").sentence == "3 calls; the cache served 50.0 % of the input (good)."
    assert answer.facts["cache_hit_rate"] == 0.5


def test_summary_of_another_period_has_a_row_for_it() -> None:
    answer = made("summary", *LAST_MONTHS, since="2026-11-10")
    assert column(answer, "costs", "period")[-1] == "2026-11-10 – 2026-11-20"
    assert column(answer, "costs", "estimated_cost_usd")[-1] == 3.0


def test_summary_has_the_bill_beside_the_log_and_marks_what_is_not_known_to_the_end() -> None:
    theirs = billed(
        {
            "2026-11-19": [{"amount_usd": 2.0, "tokens_input": 10}],
            "2026-11-20": [{"amount_usd": 0.5, "tokens_input": 5}],
        },
        early=["2026-11-20"],
    )
    answer = made("summary", *LAST_MONTHS, billed=theirs)
    assert column(answer, "costs", "billed_usd") == [2.5, 0.5, 2.5, 2.5]
    assert "Today | 1 | 100 | $1.00 | ≥ $0.50" in text(answer, "costs")
    assert "Uncached input | 300 | 23.1 % | ≥ 15" in text(answer, "tokens")
    assert "20 November was read before the day was over: more will come." in answer.remarks


def test_the_first_hour_after_a_period_is_not_in_it() -> None:
    one = asked(call("2026-11-10"), {"time": at("2026-11-11 00:00"), "model": "opus", "cost_usd": 5.0})
    day = filters.days(date(2026, 11, 10), date(2026, 11, 10), one.store.zone)
    answer = view("summary").build(replace(one, view=day))
    assert column(answer, "costs", "period")[-1] == "2026-11-10"
    assert column(answer, "costs", "estimated_cost_usd")[-1] == 1.0


def test_what_was_billed_in_days_of_which_one_was_not_read_is_a_lower_bound() -> None:
    known = billed({"2026-11-18": [{"amount_usd": 2.0}], "2026-11-19": []})
    both = [date(2026, 11, 18), date(2026, 11, 19)]
    assert bill.amount(known, both) == bill.Amount(2.0, bound=False)
    assert bill.amount(known, [*both, date(2026, 11, 20)]) == bill.Amount(2.0, bound=True)
    assert bill.amount(known, [date(2026, 11, 20)]) == bill.Amount(None)


# daily


def test_daily_has_every_day_those_without_calls_too() -> None:
    answer = made("daily", call("2026-11-18"), call("2026-11-20", cost_usd=3.0), since="2026-11-18")
    assert column(answer, "days", "day") == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert column(answer, "days", "estimated_cost_usd") == [1.0, 0.0, 3.0]
    assert sheet(answer, "days").sentence == "$4.00 in all; the dearest day was 20 November."


def test_the_average_is_over_the_7_days_that_end_there_and_null_before_there_were_7() -> None:
    """The first call was on 10 November: the 16th ends the first 7 days. Days without calls are 0."""
    answer = made(
        "daily", call("2026-11-10", cost_usd=7.0), call("2026-11-17", cost_usd=14.0), since="2026-11-15"
    )
    known = dict(
        zip(column(answer, "days", "day"), column(answer, "days", "average_7_days_usd"), strict=True)
    )
    assert known == {
        "2026-11-15": None,
        "2026-11-16": 1.0,
        "2026-11-17": 2.0,
        "2026-11-18": 2.0,
        "2026-11-19": 2.0,
        "2026-11-20": 2.0,
    }


def test_an_average_over_a_day_of_unknown_cost_is_a_lower_bound() -> None:
    lines = [call(f"2026-11-{day:02}", cost_usd=UNKNOWN_COST if day == 10 else 1.0) for day in range(1, 21)]
    answer = made("daily", *lines, since="2026-11-10")
    rows = text(answer, "days").splitlines()
    assert rows[1].startswith("Tue 2026-11-10 | 1 | 100 | – | – | ≥ $0.86")
    assert rows[7].startswith("Mon 2026-11-16 | 1 | 100 | – | $1.00 | ≥ $0.86")
    assert rows[8].startswith("Tue 2026-11-17 | 1 | 100 | – | $1.00 | $1.00")


def test_days_are_those_of_the_zone_across_a_change_of_the_clock() -> None:
    """25 October 2026 has 25 hours in Berlin; 23:30 there is 22:30 UTC."""
    late = {"time": at("2026-10-25 22:30"), "model": "opus", "cost_usd": 1.0}
    answer = made("daily", late, since="2026-10-24", zone="Europe/Berlin")
    assert column(answer, "days", "estimated_cost_usd")[:3] == [0.0, 1.0, 0.0]


def test_a_day_that_was_never_read_of_the_bill_is_a_gap_not_a_zero() -> None:
    theirs = billed({"2026-11-18": [{"amount_usd": 2.0}], "2026-11-20": []}, early=["2026-11-20"])
    answer = made("daily", call("2026-11-18"), since="2026-11-18", billed=theirs)
    assert column(answer, "days", "billed_usd") == [2.0, None, 0.0]
    assert [row[-1] for row in sheet(answer, "days").text()] == ["$2.00", "–", "≥ $0"]
    assert "Anthropic's numbers of 1 day are not here (19 November): callmeter sync." in answer.remarks


def test_the_averages_of_the_bill_are_null_where_a_day_of_the_7_was_not_read() -> None:
    theirs = billed({f"2026-11-{day:02}": [{"amount_usd": 7.0}] for day in range(8, 21) if day != 10})
    answer = made("daily", since="2026-11-14", billed=theirs, only_billed=True)
    assert column(answer, "days", "average_7_days_usd") == [None, None, None, 7.0, 7.0, 7.0, 7.0]


def test_averages_of_few_days() -> None:
    first, day = date(2026, 11, 1), date(2026, 11, 7)
    assert average({first: 7.0}, day, first) == 1.0
    assert average({first: 7.0}, date(2026, 11, 6), first) is None
    assert average({}, day, None) is None
    assert billed_average({first: 7.0}, day) is None


# models


def test_models_have_their_share_and_unknown_costs_are_null_or_a_lower_bound() -> None:
    answer = made(
        "models",
        call(cost_usd=3.0, tokens_cache_read=300, tokens_input=100),
        call(cost_usd=1.0, model="haiku"),
        call(cost_usd=UNKNOWN_COST, model="haiku"),
        call(cost_usd=UNKNOWN_COST, model="local"),
    )
    assert column(answer, "models", "model") == ["opus", "haiku", "local"]
    assert column(answer, "models", "share") == [0.75, 0.25, None]
    assert column(answer, "models", "cache_hit_rate") == [0.75, None, None]
    assert column(answer, "models", "estimated_cost_usd") == [3.0, 1.0, None]
    assert column(answer, "models", "unpriced_calls") == [0, 1, 1]
    assert "haiku | 2 | 0 | 0 | 0 | 200 | 200 | – | ≥ $1.00 | 25.0 %" in text(answer, "models")
    assert "local | 1 | 0 | 0 | 0 | 100 | 100 | – | – | –" in text(answer, "models")
    assert any("Cost not known: 1 call of a model without a price (local)" in one for one in answer.remarks)


def test_calls_of_runs_and_cut_calls_are_lower_bounds() -> None:
    answer = made("models", call(source="cli"), call(final=False))
    (row,) = sheet(answer, "models").text()
    assert row[1] == "≥ 2"
    assert row[5] == "≥ 200"
    assert row[-2] == "≥ $2.00"


BILL = billed(
    {
        "2026-11-19": [
            {
                "model": "claude-opus-5-5",
                "amount_usd": 3.0,
                "list_usd": 4.0,
                "requests": 2,
                "tokens_input": 10,
            }
            | {"tokens_cache_read": 20, "tokens_cache_write_5m": 5, "tokens_cache_write_1h": 5},
            {"model": "", "cost_type": "code_execution", "amount_usd": 1.0, "list_usd": 1.0, "requests": 0}
            | {"api_key": "", "api_key_id": ""},
        ],
        "2026-11-20": [{"model": "claude-haiku-5-5", "amount_usd": 2.0, "workspace": "Other"}],
        "2026-08-01": [{"amount_usd": 100.0}],
    }
)


def test_models_as_billed_have_requests_amount_and_list_price() -> None:
    answer = made("models", billed=BILL, only_billed=True, since="2026-11-19")
    assert column(answer, "models", "model") == ["claude-opus-5-5", "claude-haiku-5-5", None]
    assert column(answer, "models", "billed_usd") == [3.0, 2.0, 1.0]
    assert column(answer, "models", "list_usd") == [4.0, None, 1.0]
    assert column(answer, "models", "requests") == [2, 1, 0]
    assert column(answer, "models", "cache_hit_rate") == [0.5, None, None]
    assert column(answer, "models", "tokens_cache_write") == [10, 0, 0]
    assert answer.remarks[0] == "Billed for no model: $1.00 for code execution."


def test_the_bill_of_some_models_is_theirs_under_any_of_their_names() -> None:
    one = asked(billed=BILL, only_billed=True, since="2026-11-19")
    chosen = replace(one, view=replace(one.view, models=frozenset(["claude-opus-5-5-20260101"])))
    answer = view("models").build(chosen)
    assert column(answer, "models", "model") == ["claude-opus-5-5"]


@pytest.mark.parametrize("facet", [{"projects": frozenset(["web"])}, {"outcome": "failed"}])
def test_beside_a_part_of_the_log_that_the_bill_does_not_know_it_is_not_shown(facet: dict[str, Any]) -> None:
    one = asked(call(project="web"), billed=BILL)
    answer = view("daily").build(replace(one, view=replace(one.view, **facet)))
    assert "billed_usd" not in sheet(answer, "days").keys
    assert answer.remarks[-1].startswith("Anthropic's bill knows models, but no projects")


# projects


def test_projects_average_over_sessions_and_count_calls_without_one_apart() -> None:
    answer = made(
        "projects",
        call(project="web", session_id="a", cost_usd=4.0),
        call(project="web", session_id="a", cost_usd=2.0),
        call(project="web", session_id="b", cost_usd=UNKNOWN_COST),
        call(project="web", session_id="", cost_usd=5.0),
        call(project="", session_id="", cost_usd=1.0),
    )
    web, none = sheet(answer, "projects").rows
    assert (web["project"], web["sessions"], web["calls"], web["calls_without_session"]) == ("web", 2, 4, 1)
    assert (web["tokens_per_session"], web["cost_per_session_usd"]) == (150, 3.0)
    assert (none["project"], none["sessions"], none["cost_per_session_usd"]) == (None, 0, None)
    assert "web | 2 | 4 | 400 | 150 | ≥ $3.00 | ≥ $11.00 | 1" in text(answer, "projects")
    assert "(none) | 0 | 1 | 100 | – | – | $1.00 | 1" in text(answer, "projects")
    assert sheet(answer, "projects").sentence == "Averages leave out 2 calls without a session."


def test_of_the_bill_projects_are_workspaces_and_keys() -> None:
    answer = made("projects", billed=BILL, only_billed=True, since="2026-11-19")
    assert column(answer, "workspaces", "workspace") == ["Main", "Other"]
    assert column(answer, "workspaces", "billed_usd") == [4.0, 2.0]
    assert column(answer, "api_keys", "api_key") == ["coordinator", None]
    assert column(answer, "api_keys", "billed_usd") == [5.0, 1.0]


def test_a_key_without_a_known_name_goes_by_its_id() -> None:
    theirs = billed({"2026-11-19": [{"api_key": "", "api_key_id": "apikey_9", "amount_usd": 1.0}]})
    answer = made("projects", billed=theirs, only_billed=True, since="2026-11-19")
    assert column(answer, "api_keys", "api_key") == ["apikey_9"]


# sessions


def test_the_dearest_sessions_come_first_with_all_their_projects_and_models() -> None:
    answer = made(
        "sessions",
        call("2026-11-18", session_id="s1", project="web", model="haiku"),
        call("2026-11-19", session_id="s1", project="web", cost_usd=2.0),
        call("2026-11-19", session_id="s2", cost_usd=UNKNOWN_COST),
        call("2026-11-19", session_id=""),
    )
    first, second = sheet(answer, "sessions").rows
    assert (first["session_id"], first["day"], first["project"]) == ("s1", "2026-11-18", "web")
    assert (first["models"], first["calls"], first["estimated_cost_usd"]) == ("opus, haiku", 2, 3.0)
    assert (second["project"], second["estimated_cost_usd"]) == (None, None)
    assert answer.remarks[-1] == "1 call (25.0 %) names no session."


def test_there_are_twenty_sessions_at_most() -> None:
    lines = [call(session_id=f"s{number}", cost_usd=float(number)) for number in range(30)]
    answer = made("sessions", *lines)
    assert column(answer, "sessions", "session_id") == [f"s{number}" for number in range(29, 9, -1)]
    assert sheet(answer, "sessions").title == "Dearest sessions (20 of 30)"
    assert answer.facts["sessions_in_all"] == 30


# cache

CACHED = (
    call(project="web", session_id="warm", tokens_cache_read=3 * M, tokens_input=M, cost_usd=UNKNOWN_COST),
    call(project="web", session_id="cold", tokens_cache_write=M, cost_usd=UNKNOWN_COST),
    call(project="site", tokens_input=2 * M, cost_usd=UNKNOWN_COST),
    call(project="lab", model="local", tokens_cache_read=M, cost_usd=UNKNOWN_COST),
)


def test_cache_says_what_was_saved_by_project_with_the_marks_of_the_notes() -> None:
    answer = made("cache", *CACHED)
    rows = {row["project"]: row for row in sheet(answer, "by_project").rows}
    web = rows["web"]
    assert (web["read"], web["input"], web["cache_hit_rate"], web["mark"]) == (3 * M, 5 * M, 0.6, "excellent")
    assert (web["saved_usd"], web["extra_usd"], web["net_usd"]) == (10.8, 1.0, 9.8)
    assert (rows["site"]["cache_hit_rate"], rows["site"]["mark"], rows["site"]["net_usd"]) == (
        0.0,
        "low",
        0.0,
    )
    assert (rows["lab"]["saved_usd"], rows["lab"]["unpriced_tokens"]) == (None, M)
    assert answer.remarks == (
        "Caching saved $9.80: reads saved $10.80, writes cost $1.00 more than plain input.",
        "Not reckoned with: 1.00 M tokens read or written whose rates are not known.",
    )


def test_cache_shows_where_it_was_paid_for_in_vain_and_where_it_is_not_used() -> None:
    answer = made("cache", *CACHED)
    assert column(answer, "cold", "session_id") == ["cold"]
    assert column(answer, "cold", "lost_usd") == [1.0]
    said = (
        "1 session wrote to the cache and read too little of it: $1.00 lost, unless other sessions read it."
    )
    assert sheet(answer, "cold").sentence == said
    assert column(answer, "uncached", "project") == ["site"]
    assert column(answer, "uncached", "input_usd") == [8.0]
    said = "1 call sent 4,096 input tokens or more without caching, for $8.00."
    assert sheet(answer, "uncached").sentence == said


def test_large_inputs_at_unknown_rates_make_their_cost_a_lower_bound() -> None:
    answer = made("cache", call(tokens_input=M, cost_usd=4.002), call(tokens_input=M, model="local"))
    assert sheet(answer, "uncached").sentence.endswith("for ≥ $4.00.")
    assert column(answer, "uncached", "input_usd") == [4.0, None]
    assert sheet(answer, "cold").sentence == "Nothing was written to the cache."


def test_cut_calls_make_what_caching_saved_a_lower_bound() -> None:
    answer = made("cache", call(tokens_cache_read=M, final=False))
    assert answer.remarks[-1] == "Tokens are a lower bound: 1 call not counted to the end."


def test_the_cache_as_billed_is_by_workspace_and_model() -> None:
    answer = made("cache", billed=BILL, only_billed=True, since="2026-11-19")
    main, other = sheet(answer, "by_workspace").rows
    assert (main["workspace"], main["read"], main["input"], main["mark"]) == ("Main", 20, 40, "good")
    assert (other["cache_hit_rate"], other["mark"]) == (None, None)


# what holds for all


def test_a_zone_other_than_utc_is_said_beside_the_bill() -> None:
    answer = made("daily", call(), zone="Europe/Berlin", billed=BILL)
    assert "Anthropic's days are UTC days, the logged ones are those of Europe/Berlin." in answer.remarks


@pytest.mark.parametrize("name", ["daily", "summary"])
def test_beside_a_period_of_hours_stands_no_bill(name: str) -> None:
    one = asked(call("2026-11-19"), billed=BILL)
    hours = replace(one, view=replace(one.view, since=at("2026-11-19 08:00")))
    answer = view(name).build(hours)
    assert column(answer, "days" if name == "daily" else "costs", "billed_usd")[-1] is None
    assert "Anthropic's bill is told by whole days, not by hours." in answer.remarks


def test_without_a_bill_nothing_is_said_of_it() -> None:
    answer = made("daily", call())
    assert answer.remarks == ()
    assert "billed_usd" not in sheet(answer, "days").keys


@pytest.mark.parametrize("one", [one for one in VIEWS if one.has_bill], ids=lambda one: one.name)
def test_days_of_the_bill_outside_of_the_period_do_not_count(one: Any) -> None:
    """The 100 USD of August are nobody's in November."""
    answer = one.build(asked(billed=BILL, only_billed=True, since="2026-11-19"))
    amounts = [row.get("billed_usd") for each in answer.sheets for row in each.rows]
    assert 100.0 not in amounts


def test_choices_narrow_every_number() -> None:
    one = asked(call(project="web", session_id="a"), call(project="site", session_id="b"))
    web = replace(one, view=replace(one.view, projects=frozenset(["web"])))
    for name, key in (("daily", "days"), ("models", "models"), ("projects", "projects")):
        answer = view(name).build(web)
        assert sum(column(answer, key, "calls")) == 1
    assert column(view("sessions").build(web), "sessions", "session_id") == ["a"]
    assert column(view("summary").build(web), "costs", "calls")[0] == 1


def test_views_of_one_question_add_up_the_same_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another question (`replace`) is made of lines of its own."""
    one = asked(call(project="web", session_id="a"), call("2026-11-10", project="web", session_id="b"))
    reads = []
    rows = one.store.rows
    monkeypatch.setattr(one.store, "rows", lambda *words, **more: reads.append(words) or rows(*words, **more))
    for name in ("projects", "sessions", "projects"):
        view(name).build(one)
    assert len(reads) == 1
    late = replace(one, view=replace(one.view, since=at("2026-11-20 00:00")))
    assert column(view("sessions").build(late), "sessions", "session_id") == ["a"]
