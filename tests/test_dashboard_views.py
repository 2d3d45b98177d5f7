"""The views of the report: what each says of lines made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dashboard import filters
from dashboard.views.all import VIEWS, view
from dashboard.views.daily import average, billed_average
from tests.asking import UNKNOWN_COST, M, asked, call, column, made, sheet, text
from tests.frames import at


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


def test_all_time_holds_days_to_come_which_a_wrong_clock_writes() -> None:
    answer = made("summary", *LAST_MONTHS, call("2031-01-01", cost_usd=16.0))
    assert column(answer, "costs", "estimated_cost_usd") == [31.0, 1.0, 3.0, 7.0]
    assert column(answer, "costs", "until")[0] == "2031-01-02T00:00:00+00:00"
    assert answer.facts["days_tracked"] == 5


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


def test_the_first_hour_after_a_period_is_not_in_it() -> None:
    one = asked(call("2026-11-10"), {"time": at("2026-11-11 00:00"), "model": "opus", "cost_usd": 5.0})
    day = filters.days(date(2026, 11, 10), date(2026, 11, 10), one.store.zone)
    answer = view("summary").build(replace(one, view=day))
    assert column(answer, "costs", "period")[-1] == "2026-11-10"
    assert column(answer, "costs", "estimated_cost_usd")[-1] == 1.0


# daily


def test_daily_begins_where_the_log_does_and_ends_with_today_or_a_call_to_come() -> None:
    lines = (call("2026-11-18"), call("2026-11-20"), call("2031-01-01"))
    assert column(made("daily", *lines), "days", "day") == ["2026-11-18", "2026-11-19", "2026-11-20"]
    one = asked(*lines)
    longer = replace(one, view=replace(one.view, until=at("2032-01-01 00:00")))
    assert column(view("daily").build(longer), "days", "day")[-2:] == ["2026-11-20", "2031-01-01"]
    assert column(made("daily"), "days", "day") == []


def test_daily_has_every_day_those_without_calls_too() -> None:
    answer = made("daily", call("2026-11-18"), call("2026-11-20", cost_usd=3.0), since="2026-11-18")
    assert column(answer, "days", "day") == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert column(answer, "days", "estimated_cost_usd") == [1.0, 0.0, 3.0]
    assert sheet(answer, "days").sentence == "$4.00 in all; the dearest day was 20 November."


def test_the_average_is_over_the_7_days_that_end_there_and_null_before_there_were_7_and_today() -> None:
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
        "2026-11-20": None,  # today is not over
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
    assert column(answer, "days", "day")[:2] == ["2026-10-25", "2026-10-26"]
    assert column(answer, "days", "estimated_cost_usd")[:2] == [1.0, 0.0]


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


# what holds for all


def test_choices_narrow_every_number() -> None:
    one = asked(call(project="web", session_id="a"), call(project="site", session_id="b"))
    web = replace(one, view=replace(one.view, projects=frozenset(["web"])))
    for name, key in (("daily", "days"), ("models", "models"), ("projects", "projects")):
        answer = view(name).build(web)
        assert sum(column(answer, key, "calls")) == 1
    assert column(view("sessions").build(web), "sessions", "session_id") == ["a"]
    assert column(view("summary").build(web), "costs", "calls")[0] == 1


class Counting:
    """A store that counts how often lines are read."""

    def __init__(self, store: Any) -> None:
        self._store, self.reads = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def rows(self, *words: Any, **more: Any) -> Any:
        self.reads += 1
        return self._store.rows(*words, **more)


def test_views_of_one_question_add_up_the_same_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another question (`replace`) is made of lines of its own."""
    one = asked(call(project="web", session_id="a"), call("2026-11-10", project="web", session_id="b"))
    counting: Any = Counting(one.store)
    one = replace(one, store=counting)
    for name in ("projects", "sessions", "projects"):
        view(name).build(one)
    assert counting.reads == 1
    late = replace(one, view=replace(one.view, since=at("2026-11-20 00:00")))
    assert column(view("sessions").build(late), "sessions", "session_id") == ["a"]
