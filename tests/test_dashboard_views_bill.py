"""Anthropic's numbers in the views of the report: beside the logged ones, and alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dashboard import filters
from dashboard.billing.rules import BillingRules
from dashboard.sheets.data import as_json
from dashboard.views import bill
from dashboard.views.all import VIEWS, view
from tests.asking import asked, call, column, made, sheet, text
from tests.bills import billed
from tests.frames import UTC, at

DAY = date(2026, 11, 18)

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
        "2026-11-20": [
            {"model": "claude-haiku-5-5", "amount_usd": 2.0, "workspace": "Other", "workspace_id": "wrkspc_2"}
        ],
        "2026-08-01": [{"amount_usd": 100.0}],
    }
)

LAST_MONTHS = (
    call("2026-09-01", cost_usd=8.0),
    call("2026-11-01", cost_usd=4.0),
    call("2026-11-15", cost_usd=2.0, tokens_input=300, tokens_cache_read=500, tokens_cache_write=200),
    call("2026-11-20", cost_usd=1.0),
)


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


def test_what_was_billed_in_days_of_which_one_was_not_read_is_a_lower_bound() -> None:
    known = billed({"2026-11-18": [{"amount_usd": 2.0}], "2026-11-19": []})
    both = [date(2026, 11, 18), date(2026, 11, 19)]
    assert bill.amount(known, both) == bill.Amount(2.0, bound=False)
    assert bill.amount(known, [*both, date(2026, 11, 20)]) == bill.Amount(2.0, bound=True)
    assert bill.amount(known, [date(2026, 11, 20)]) == bill.Amount(None)


def test_a_day_that_was_never_read_of_the_bill_is_a_gap_not_a_zero() -> None:
    theirs = billed({"2026-11-18": [{"amount_usd": 2.0}], "2026-11-20": []}, early=["2026-11-20"])
    answer = made("daily", call("2026-11-18"), since="2026-11-18", billed=theirs)
    assert column(answer, "days", "billed_usd") == [2.0, None, 0.0]
    assert [row[-1] for row in sheet(answer, "days").text()] == ["$2.00", "–", "≥ $0"]
    assert "Anthropic's numbers of 1 day are not here (19 November): callmeter sync." in answer.remarks


def test_daily_begins_with_the_first_billed_day_where_the_bill_goes_further_back() -> None:
    theirs = billed({"2026-11-17": [{"amount_usd": 2.0}]})
    answer = made("daily", call("2026-11-19"), billed=theirs)
    assert column(answer, "days", "day")[0] == "2026-11-17"
    assert column(answer, "days", "billed_usd") == [2.0, None, None, None]


def test_the_averages_of_the_bill_are_null_where_a_day_of_the_7_was_not_read() -> None:
    theirs = billed({f"2026-11-{day:02}": [{"amount_usd": 7.0}] for day in range(8, 21) if day != 10})
    answer = made("daily", since="2026-11-14", billed=theirs, only_billed=True)
    assert column(answer, "days", "average_7_days_usd") == [None, None, None, 7.0, 7.0, 7.0, 7.0]


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


def test_the_cache_as_billed_is_by_workspace_and_model() -> None:
    """Where nothing was used, as of code execution alone, there is no cache to tell of."""
    answer = made("cache", billed=BILL, only_billed=True, since="2026-11-19")
    (main,) = sheet(answer, "by_workspace").rows
    assert (main["workspace"], main["read"], main["input"], main["mark"]) == ("Main", 20, 40, "good")


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


# what is known in part


HALF = billed({"2026-11-19": [{"amount_usd": 2.0, "tokens_input": 10}]})
"""Of 19 and 20 November only the first was read."""


@pytest.mark.parametrize(("name", "table"), [("models", "models"), ("projects", "api_keys")])
def test_what_was_billed_in_days_that_were_not_all_read_is_a_lower_bound_in_every_row(
    name: str, table: str
) -> None:
    answer = made(name, billed=HALF, only_billed=True, since="2026-11-19")
    cells = text(answer, table).splitlines()[1].split(" | ")
    assert cells[1:3] == ["≥ 1", "≥ 10"]
    assert "≥ $2.00" in cells
    whole = replace(asked(billed=HALF, only_billed=True), view=filters.days(DAY, DAY, UTC))
    assert "≥" not in text(view(name).build(whole), table)


def test_data_says_which_amounts_are_lower_bounds() -> None:
    early = billed({"2026-11-20": [{"amount_usd": 2.0}]}, early=["2026-11-20"])
    known = {"billed": early, "since": "2026-11-20"}
    for name, more in (("models", True), ("daily", True), ("daily", False), ("summary", False)):
        record = as_json(made(name, call(), only_billed=more, **known))
        rows = next(rows for rows in record.values() if isinstance(rows, list))
        assert {row["billed_bound"] for row in rows if row["billed_usd"] == 2.0} == {True}


def test_the_days_of_the_bill_in_all_are_a_lower_bound_where_one_was_not_read() -> None:
    answer = made("daily", billed=HALF, only_billed=True, since="2026-11-19")
    assert sheet(answer, "days").sentence == "≥ $2.00 in all; the dearest day was 19 November."
    assert column(answer, "days", "billed_usd") == [2.0, None]


def test_the_cache_as_billed_is_a_lower_bound_too() -> None:
    answer = made("cache", billed=HALF, only_billed=True, since="2026-11-19")
    assert "≥ 10" in text(answer, "by_model")


def test_the_average_of_the_bill_ends_with_the_last_day_that_was_over() -> None:
    theirs = billed(
        {f"2026-11-{day}": [{"amount_usd": 7.0}] for day in range(10, 21)}, early=["2026-11-18", "2026-11-20"]
    )
    answer = made("daily", billed=theirs, only_billed=True, since="2026-11-16")
    averages = [row[-1] for row in sheet(answer, "days").text()]
    assert averages == ["$7.00", "$7.00", "–", "≥ $7.00", "–"]


def test_costs_of_the_older_reports_are_in_no_keys_row() -> None:
    """They tell usage by key, costs by workspace."""
    rows = [{"tokens_input": 10, "amount_usd": 0.0}, {"amount_usd": 3.0, "api_key": "", "api_key_id": ""}]
    theirs = billed({"2026-11-18": rows, "2026-11-19": [{"tokens_input": 10, "amount_usd": 2.0}]})
    read = theirs.cost_days | {DAY: replace(theirs.cost_days[DAY], generation="legacy")}
    answer = made("projects", billed=replace(theirs, cost_days=read), only_billed=True, since="2026-11-18")
    cells = text(answer, "api_keys").splitlines()[1].split(" | ")
    assert (cells[0], cells[2], cells[8]) == ("coordinator", "≥ 20", "≥ $2.00")
    assert column(answer, "workspaces", "billed_usd") == [5.0]
    said = "The older reports tell no costs by API key: $3.00 of 1 day is in no key's row."
    assert answer.remarks[0] == said


def test_the_bill_of_some_workspaces_is_told_as_theirs() -> None:
    rows = [{"amount_usd": 2.0}, {"amount_usd": 9.0, "workspace": "Lab", "workspace_id": "w2"}]
    every = billed({"2026-11-20": rows})
    theirs, said = bill.narrowed(every, BillingRules(workspaces=("Lab",)))
    answer = made("summary", call(), billed=theirs, of_bill=said)
    assert column(answer, "costs", "billed_usd")[1] == 9.0
    assert any("Only the bill of workspace Lab" in one for one in answer.remarks)
    whole, said = bill.narrowed(every, BillingRules(workspaces=("Nobody",)))
    assert (whole, len(said)) == (every, 1)
    assert said[0].endswith("All of the bill is shown.")
