"""What is not proved is told as likely: at the edges of what was read, beside midnight, of reports that lag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import frames
import numpy as np
import pytest

from dashboard.billing.billed import Billed
from dashboard.billing.reconcile import Reconciliation, reconcile
from dashboard.billing.rules import BillingRules
from logger.pricing import built_in
from tests.bill_frames import FIRST, LAST, NOW, billed, compared, line
from tests.test_dashboard_billing_reconcile_rules import LINES, OPUS, WORK, call, later, told

HAIKU = "claude-haiku-4-5"


def together(lines: list[dict[str, Any]], bill: Billed) -> Reconciliation:
    return compared(frames.rows([*LINES, *lines]), bill)


def without_the_day_before(bill: Billed) -> Billed:
    """As after a sync that began with the first day."""
    days = {day: read for day, read in bill.usage_days.items() if day >= FIRST}
    first = np.datetime64(FIRST, "s")
    usage, cost = (one[(one["day"] >= first).to_numpy()] for one in (bill.usage, bill.cost))
    return replace(bill, usage=usage, cost=cost, usage_days=days, cost_days=days)


def test_a_call_just_before_the_first_day_that_was_read_is_likely_what_is_billed_on_it() -> None:
    edge = call("09T23:58", tokens_input=3000)
    found = together([line(edge)], without_the_day_before(billed([*WORK, later(edge, minutes=3)])))
    assert told(list(found.findings)) == [("day_edge", 10, 3200, 1, False)]
    assert "as far as can be told" in found.verdict
    assert "of the bill was likely logged beyond its first or last midnight" in found.verdict
    assert found.within is True


def test_a_call_of_the_first_minutes_may_be_billed_on_a_day_that_was_not_read() -> None:
    edge = call("10T00:01", tokens_input=3000)
    found = together([line(edge)], without_the_day_before(billed(WORK)))
    assert told(list(found.findings)) == [("day_edge", 10, -3200, 1, False)]
    assert "of the log was likely billed beyond its first or last midnight" in found.verdict


def test_what_is_missing_beside_midnight_is_likely_where_the_day_beside_differs_too() -> None:
    """One lost on the 10th, one over midnight, one of the 11th not billed: the sums fit two and two."""
    lost, unbilled = call("10T10:00", tokens_input=3000), call("11T13:00", tokens_input=9000)
    edge = call("11T00:02", tokens_input=5000)
    found = together([line(edge), line(unbilled)], billed([*WORK, lost, later(edge, minutes=-7)]))
    assert [one.certain for one in found.findings] == [False] * len(found.findings)
    assert {one.reason for one in found.findings} == {"not_logged", "not_billed"}


def test_what_is_missing_far_from_a_day_that_differs_is_certain() -> None:
    lost, unbilled = call("10T10:00", tokens_input=3000), call("12T13:00", tokens_input=9000)
    found = together([line(unbilled)], billed([*WORK, lost]))
    assert sorted((one.reason, one.certain) for one in found.findings) == [
        ("not_billed", True),
        ("not_logged", True),
    ]


RUN = line(call("10T23:30", tokens_input=900_000), source="cli", calls=40, duration_seconds=3600.0)


def test_a_run_over_midnight_takes_nothing_from_a_call_told_twice() -> None:
    twice, lost = call("10T12:30", tokens_input=50_000), call("11T15:30", tokens_input=50_000)
    run = call("10T23:30", tokens_input=900_000)
    found = together(
        [RUN, line(twice, source="sdk"), line(twice, source="otel")], billed([*WORK, run, twice, lost])
    )
    assert {(one.reason, one.day.day, one.tokens) for one in found.findings} == {
        ("logged_twice", 10, -50_200),
        ("not_logged", 11, 50_200),
    }
    assert found.within is False


def test_what_hangs_on_a_run_over_the_first_midnight_cannot_be_known() -> None:
    run = line(call("09T23:30", tokens_input=900_000), source="cli", calls=40, duration_seconds=3600.0)
    lost = call("10T10:00", tokens_input=80_000)
    found = together([run], without_the_day_before(billed([*WORK, lost])))
    assert told(list(found.findings)) == [("day_edge", 10, 80_200, None, False)]
    assert found.within is None
    assert "all of it in the log" not in found.verdict


def priced(bill: Billed, change: Callable[[Any], Any]) -> Billed:
    """The bill with other costs."""
    usd = change(bill.cost)
    return replace(bill, cost=bill.cost.assign(list_usd=usd, amount_usd=usd))


def test_prices_that_differ_in_both_directions_do_not_cancel_out() -> None:
    bill = billed(WORK)
    more = {"tokens_input": 0.5, "tokens_output": -0.5}
    found = together(
        [], priced(bill, lambda cost: cost["list_usd"] * (1 + cost["kind"].map(more).fillna(0.0)))
    )
    usual = bill.cost.groupby("kind")["list_usd"].sum()
    assert {one.reason for one in found.findings} == {"price"}
    assert found.missing_usd == pytest.approx(0.5 * usual["tokens_input"])
    assert found.surplus_usd == pytest.approx(0.5 * usual["tokens_output"])
    assert "more of some kinds and" in found.findings[0].sentence
    assert found.within is False


def test_a_little_that_adds_up_in_one_direction_is_no_rounding() -> None:
    """$0.0036 a day is less than half a cent and than a hundredth; over four days it is not."""
    large = [call(f"{day}T12:30", tokens_input=100_000) for day in (10, 11, 12, 13)]
    found = together(
        list(map(line, large)), priced(billed([*WORK, *large]), lambda cost: cost["list_usd"] * 1.009)
    )
    assert {one.day for one in found.findings if one.reason == "price"} == {
        FIRST + timedelta(n) for n in range(4)
    }
    tiny = together([], priced(billed(WORK), lambda cost: cost["list_usd"] + 1e-7))
    assert {one.reason for one in tiny.findings} <= {"rounding"}


def test_without_a_list_price_a_discount_looks_like_another_price() -> None:
    bill = billed(WORK, generation="legacy", discount=0.2)
    found = together([], replace(bill, cost=bill.cost.assign(list_usd=np.nan)))
    assert {(one.reason, one.certain) for one in found.findings} == {("price", False)}
    assert "Likely another price" in found.findings[0].sentence
    assert "a discount looks like that too" in found.findings[0].sentence
    assert found.list_usd is None


def test_the_list_price_of_days_of_which_some_have_none_is_not_told() -> None:
    bill = billed(WORK, discount=0.2)
    assert together([], bill).list_usd is not None
    older = bill.cost["list_usd"].mask(bill.cost["day"] == np.datetime64(FIRST, "s"))
    assert together([], replace(bill, cost=bill.cost.assign(list_usd=older))).list_usd is None


def test_costs_that_lag_behind_usage_are_not_another_price() -> None:
    bill = billed(WORK, read_at=datetime(2026, 11, 14, 9, tzinfo=UTC))
    late = {
        day: replace(read, refreshed_at=read.read_at - timedelta(hours=9))
        for day, read in bill.cost_days.items()
    }
    last = np.datetime64(LAST, "s")
    bill = priced(bill, lambda cost: cost["list_usd"] * np.where(cost["day"] == last, 0.5, 1.0))
    found = together([], replace(bill, cost_days=late))
    assert {(one.reason, one.day, one.certain) for one in found.findings} == {
        ("not_reported_yet", LAST, False)
    }
    assert found.within is True


def test_costs_without_usage_are_compared_by_their_sum_alone() -> None:
    bill = billed(WORK)
    kept = (bill.usage["day"] != np.datetime64(LAST, "s")).to_numpy()
    found = together([], replace(bill, usage=bill.usage[kept].reset_index(drop=True)))
    assert {(one.reason, one.day, one.certain) for one in found.findings} == {("no_usage", LAST, False)}
    assert found.missing_usd == found.surplus_usd == 0
    assert found.within is True


def test_a_run_over_midnight_explains_nothing_where_usage_is_not_told() -> None:
    """Else the run would be put to the next day, which lacks a call."""
    run, lost = call("12T23:30", tokens_input=900_000), call("13T15:30", tokens_input=50_000)
    logged = line(run, source="cli", calls=40, duration_seconds=3600.0)
    bill = billed([*WORK, run, lost])
    kept = (bill.usage["day"] != np.datetime64(LAST - timedelta(days=1), "s")).to_numpy()
    found = together([logged], replace(bill, usage=bill.usage[kept].reset_index(drop=True)))
    assert {(one.reason, one.day.day) for one in found.findings} == {("no_usage", 12), ("not_logged", 13)}


def test_usage_that_names_no_model_makes_nothing_of_its_day_certain() -> None:
    lost, unnamed = call("11T10:30", tokens_input=3000), call("11T12:30", model=HAIKU)
    bill = billed([*WORK, lost, unnamed])
    frames_ = (
        one.assign(model=one["model"].mask(one["model"] == HAIKU, "")) for one in (bill.usage, bill.cost)
    )
    usage, cost = frames_
    found = together([line(unnamed)], replace(bill, usage=usage, cost=cost))
    assert {(one.model, one.reason, one.certain) for one in found.findings} == {
        (OPUS, "not_logged", False),
        ("", "not_logged", False),
        (HAIKU, "not_billed", False),
    }


@pytest.mark.parametrize("dated", ["claude-opus-4-20250514", "claude-opus-4"])
def test_a_model_meets_its_dated_name_whether_its_version_has_a_zero_or_not(dated: str) -> None:
    one = call("11T10:30", model="claude-opus-4-0")
    bill = billed([one])
    named = (frame.assign(model="claude-opus-4") for frame in (bill.usage, bill.cost))
    usage, cost = named
    rows = frames.rows([line(one | {"model": dated}), line(one)])
    both = replace(bill, usage=usage, cost=cost)
    found = reconcile(rows, both, FIRST, LAST, prices=built_in(), rules=BillingRules(), now=NOW)
    assert {finding.model for finding in found.findings} == {"claude-opus-4"}
