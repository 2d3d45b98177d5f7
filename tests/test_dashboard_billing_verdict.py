"""What the verdict, the findings and the remarks say, on a few days of calls made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import frames
import pandas as pd
import pytest

from dashboard.billing.billed import Billed
from dashboard.billing.gaps import ranges
from dashboard.billing.reconcile import Reconciliation, reconcile
from dashboard.billing.reconcile_sheets import days_sheet
from dashboard.billing.rules import BillingRules
from logger.pricing import built_in
from tests.bill_frames import FIRST, LAST, NOW, billed, compared, line
from tests.test_dashboard_billing_reconcile_rules import LINES, OPUS, WORK, call

LOGGED = sum(one["cost_usd"] for one in LINES)
LOST = call("11T10:30", tokens_input=1_000_000)


def rows(*lines: dict[str, Any]) -> pd.DataFrame:
    """A frame of these lines and those of the work that both sides know."""
    return frames.rows([*LINES, *lines])


def adds_up(found: Reconciliation) -> bool:
    return sum(one.usd for one in found.findings) == pytest.approx(found.billed_usd - found.logged_usd)


def charged(bill: Billed, cost_type: str, paid: float, listed: float | None = None) -> Billed:
    """The bill with one more cost on 11 November."""
    named = dict.fromkeys(("model", "kind", "workspace", "workspace_id", "api_key", "api_key_id"), "")
    row = named | {"day": pd.Timestamp(2026, 11, 11), "cost_type": cost_type}
    row |= {"amount_usd": paid, "list_usd": paid if listed is None else listed}
    cost = pd.concat([bill.cost, pd.DataFrame([row])], ignore_index=True)
    return replace(bill, cost=cost.astype({"day": "datetime64[s]"}))


def test_what_is_missing_costs_what_was_paid_for_it() -> None:
    found = compared(rows(), billed([*WORK, LOST], discount=0.2))
    (gone, *others) = found.findings
    assert (gone.reason, gone.usd) == ("not_logged", pytest.approx(4.004 * 0.8))
    assert "1,000,200 tokens, $3.20" in gone.sentence
    assert {one.reason for one in others} == {"discount"}
    assert sum(one.usd for one in others) == pytest.approx(-0.2 * LOGGED)
    assert "; $3.20 is missing, all of it on 11 November" in found.verdict
    assert found.missing_usd == pytest.approx(3.2032)
    assert found.covered == pytest.approx(LOGGED / (LOGGED + 4.004))
    assert adds_up(found)


def test_the_tolerance_compares_what_was_paid_with_what_was_paid() -> None:
    bill = billed([*WORK, LOST], discount=0.5)
    share = 100 * 4.004 / (4.004 + LOGGED)
    for tolerance, inside in ((share * 1.001, True), (share * 0.999, False)):
        rules = BillingRules(tolerance=tolerance, tolerance_usd=0)
        found = reconcile(rows(), bill, FIRST, LAST, prices=built_in(), rules=rules, now=NOW)
        assert found.within is inside


def test_what_was_logged_without_a_price_costs_what_was_paid() -> None:
    free = line(LOST, cost_usd=float("nan"))
    found = compared(rows(free), billed([*WORK, LOST], discount=0.5))
    assert found.findings[0].sentence.endswith("for claude-opus-5-5: $2.00 was billed for it.")
    assert adds_up(found)


def test_another_price_under_a_discount_is_told_at_list() -> None:
    dearer = [one | {"factor": 1.1} for one in WORK]
    found = compared(rows(), billed(dearer, discount=0.5))
    prices = [one for one in found.findings if one.reason == "price"]
    assert sum(one.usd for one in prices) == pytest.approx(0.05 * LOGGED)
    assert "billed at a list price of $22.00 per million tokens (output)" in prices[0].sentence
    assert adds_up(found)


def test_code_execution_is_told_as_it_was_paid() -> None:
    found = compared(rows(), charged(billed(WORK), "code_execution", 0.18, 0.36))
    (one,) = found.findings
    assert one.sentence == "Code execution on 11 November was billed: $0.18. No line of the log tells of it."
    assert "$0.18 is missing" in found.verdict and found.list_usd == pytest.approx(LOGGED + 0.36)
    assert adds_up(found)


def test_a_credit_is_neither_missing_nor_too_much() -> None:
    found = compared(rows(), charged(billed(WORK), "code_execution", -5.0))
    (one,) = found.findings
    assert (one.reason, one.usd, one.sentence) == ("credit", -5.0, "A credit of $5.00 on 11 November.")
    assert found.within and found.covered == 1 and adds_up(found)
    assert found.verdict == (
        "Nothing was billed that we did not log: $0.38, all of it in the log; $5.00 of credit came off."
    )


def test_a_credit_larger_than_the_bill_leaves_a_share_within_bounds() -> None:
    found = compared(rows(), charged(billed([*WORK, LOST]), "tokens", -12.5))
    assert found.billed_usd < 0 and found.covered == pytest.approx(LOGGED / (LOGGED + 4.004))
    assert found.verdict.startswith("We logged 8.7 % of what was billed; $4.00 is missing, all of it on 11 ")
    assert not found.within and adds_up(found)


def test_a_credit_beside_nothing_is_no_difference() -> None:
    found = compared(frames.rows([]), charged(billed([]), "session_usage", -5.0))
    assert found.verdict == "Nothing was billed, and nothing was logged; $5.00 of credit came off."
    assert found.within and found.surplus_usd == 0


def test_a_cost_of_an_unknown_type_is_told_by_its_name() -> None:
    found = compared(rows(), charged(billed(WORK), "surcharge_eu", 0.04))
    (one,) = found.findings
    assert one.sentence == "$0.040 of surcharge_eu on 11 November was billed; no line of the log tells of it."


def test_what_is_charged_above_the_list_price_is_no_discount() -> None:
    found = compared(rows(), billed(WORK, discount=-0.1))
    assert {one.reason for one in found.findings} == {"surcharge"} and found.within is False
    assert found.missing_usd == pytest.approx(0.1 * LOGGED)
    assert "was charged above the list price." in found.findings[0].sentence
    assert compared(rows(), billed(WORK, discount=-0.005)).within  # a ten-thousandth of a dollar a day


def test_where_all_is_free_nothing_is_said_to_be_billed() -> None:
    found = compared(rows(), billed(WORK, discount=1.0))
    assert found.verdict == "Nothing was billed for the $0.38 that was logged." and found.covered is None


def two_workspaces(*others: dict[str, Any]) -> Billed:
    """A bill of two workspaces narrowed to the first; the other has these calls."""
    bill = billed([*WORK, *(one | {"api_key": "other"} for one in others)])
    return bill.narrowed(frozenset(), frozenset({"coordinator"}))


def test_calls_of_another_workspace_say_nothing_against_the_log() -> None:
    others = [LOST, call("12T10:30"), call("12T10:31")]
    found = compared(rows(*map(line, others)), two_workspaces(*others))
    assert [(one.reason, one.certain, one.day.day, one.tokens) for one in found.findings] == [
        ("other_part", False, 11, -1_000_200),
        ("other_part", False, 12, -2_400),
    ]
    assert found.within and found.surplus_usd == 0 and adds_up(found)
    assert found.verdict == (
        "Nothing was billed, as far as can be told, that we did not log: $0.38, all of it in the log; "
        "$4.02 of the log is perhaps of another workspace or key."
    )
    assert found.findings[0].sentence == (
        "1,000,200 tokens, $4.00 on 11 November for claude-opus-5-5 are not in this part of the bill: "
        "perhaps of another workspace or key."
    )


def test_what_is_missing_beside_calls_of_another_workspace_is_likely() -> None:
    gone = call("11T10:45", tokens_input=0, tokens_output=9_000)
    bill = billed([*WORK, gone, LOST | {"api_key": "other"}]).narrowed(frozenset(), frozenset({"coord*"}))
    found = compared(rows(line(LOST)), bill)
    assert {(one.reason, one.certain, one.tokens) for one in found.findings} == {
        ("other_part", False, -1_000_000),
        ("not_logged", False, 8_800),
    }
    assert found.within is False and adds_up(found)


def test_a_part_that_is_all_there_is_hides_nothing() -> None:
    bill = billed(WORK).narrowed(frozenset(), frozenset({"coordinator"}))
    (one,) = compared(rows(line(LOST)), bill).findings
    assert one.reason != "other_part"


def unread(bill: Billed, days: Sequence[date]) -> Billed:
    read = {day: one for day, one in bill.usage_days.items() if day not in days}
    return replace(bill, usage_days=read, cost_days=read)


def test_a_verdict_over_a_part_of_the_days_says_so() -> None:
    found = compared(rows(), unread(billed(WORK), [FIRST, LAST]))
    assert found.verdict == (
        "On 2 of 4 days nothing was billed that we did not log: $0.19, all of it in the log."
    )
    assert found.within is None and found.unread == [FIRST, LAST]
    assert found.remarks[-1] == "callmeter sync reads the days that are missing."
    lost = compared(rows(), unread(billed([*WORK, LOST]), [LAST]))
    assert lost.verdict.startswith("On 3 of 4 days we logged ") and lost.within is False


def test_days_that_are_not_over_are_missed_by_nobody() -> None:
    now = datetime.combine(LAST, datetime.min.time(), UTC) + timedelta(hours=3)
    bill = unread(billed([one for one in WORK if one["time"].date() < LAST]), [LAST])
    lines = frames.rows([one for one in LINES if one["time"].date() < LAST])
    found = reconcile(lines, bill, FIRST, LAST, prices=built_in(), rules=BillingRules(), now=now)
    assert found.within is True and found.verdict.startswith("Nothing was billed that we did not log")
    assert found.remarks == ("Not compared: 13 November (not read yet).",)


def test_days_long_gone_are_read_by_a_longer_sync() -> None:
    bill = unread(billed(WORK), [LAST])
    later = NOW + timedelta(days=60)
    found = reconcile(rows(), bill, FIRST, LAST, prices=built_in(), rules=BillingRules(), now=later)
    assert found.remarks[-1] == "callmeter sync --days 68 reads the day that is missing."


def test_days_whose_costs_name_no_keys_are_not_said_to_be_unread() -> None:
    bill = billed(WORK, generation="legacy").narrowed(frozenset(), frozenset({"coordinator"}))
    found = compared(rows(), bill)
    assert found.unread == [] and len(found.keyless) == 4 and found.compared == []
    assert found.remarks[0].startswith(
        "Not compared: 10 to 13 November (the older cost report names no API keys): 32 lines of the log"
    )
    assert "sync" not in " ".join(found.remarks)


@pytest.mark.parametrize(
    ("spelled", "said"), [("sonnet", "sonnet"), ("Sonnet[1m]", "Sonnet[1m]"), ("", "an unnamed model")]
)
def test_lines_that_name_no_model_may_be_what_is_missing(spelled: str, said: str) -> None:
    gone = call("11T10:30", model="claude-sonnet-5-5")
    found = compared(rows(line(gone) | {"model": spelled}), billed([*WORK, gone]))
    (one,) = found.findings
    assert (one.reason, one.certain) == ("not_logged", False)
    assert one.sentence.endswith(f"; 1 line of {said} on that day may be of it.")
    assert found.remarks == (f"1 line of {said} does not say which model answered, and is not compared.",)


def test_lines_of_another_family_or_day_are_no_doubt() -> None:
    gone = call("11T10:30")
    vague = [line(gone) | {"model": "haiku"}, line(call("12T10:30")) | {"model": "opus"}]
    found = compared(rows(*vague), billed([*WORK, gone]))
    (one,) = found.findings
    assert "may be of it" not in one.sentence
    assert found.remarks == ("2 lines of haiku, opus do not say which model answered, and are not compared.",)


def test_days_of_several_years_are_told_with_them() -> None:
    days = [date(2025, 12, 30) + timedelta(days=number) for number in range(4)]
    assert ranges(days) == "30 December 2025 to 2 January 2026"
    assert ranges([date(2025, 1, 3), *days[2:3]]) == "3 January 2025 and 1 January 2026"
    assert ranges(days[:2]) == "30 to 31 December"
    assert ranges(days[:2], year=True) == "30 to 31 December 2025"
    assert ranges([date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 1)]) == "30 October to 1 November"


def test_a_finding_names_the_year_where_there_are_several() -> None:
    bill = billed([*WORK, LOST])
    since = date(2025, 11, 1)
    found = reconcile(rows(), bill, since, LAST, prices=built_in(), rules=BillingRules(), now=NOW)
    assert " on 11 November 2026 for " in found.findings[0].sentence
    assert "all of it on 11 November 2026 from" in found.verdict
    (day, *_), (first, *_) = days_sheet(found).columns, days_sheet(found).rows
    assert day.show(first["day"]) == "9 November 2026"


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("us.anthropic.claude-opus-5-5-v1:0", OPUS),
        ("claude-opus-5-5@20260801", "claude-opus-5-5-20260801"),
        (OPUS, "us.anthropic.claude-opus-5-5"),
    ],
)
def test_what_another_provider_answered_is_not_compared(asked: str, served: str) -> None:
    other = line(call("11T10:30"), model=asked, model_served=served)
    every = compared(frames.rows([*LINES, other]), billed(WORK))
    assert not every.findings and every.within
    assert every.remarks == (f"1 line of {asked} is not Anthropic's.",)
