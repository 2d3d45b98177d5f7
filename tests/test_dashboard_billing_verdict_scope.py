"""A name is meant before a pattern: of workspaces, API keys and models."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from dashboard.billing import scope
from dashboard.billing.billed import Billed
from dashboard.billing.books import within
from dashboard.billing.meant import meant
from dashboard.billing.rules import BillingRules
from dashboard.errors import UsageError
from tests.bill_frames import billed
from tests.test_dashboard_billing_reconcile_rules import call

NAMES = ["Team [EU]", "Team E", "Nights", ""]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("team [eu]", ["Team [EU]"]),
        ("Team [EF]", ["Team E"]),
        ("Team*", ["Team [EU]", "Team E"]),
        ("*", NAMES),
        ("Team", []),
    ],
)
def test_a_name_with_brackets_is_meant_before_the_pattern(pattern: str, names: list[str]) -> None:
    assert meant(NAMES, pattern) == names


def of_two() -> Billed:
    """One workspace was billed on 11 November, the other on 12 November; a third, `Idle`, never."""
    bill = billed([call("11T10:30"), call("12T10:30")])
    names = {"2026-11-11": "Research", "2026-11-12": "Nights"}
    used, paid = (
        frame.assign(workspace=frame["day"].astype(str).map(names)) for frame in (bill.usage, bill.cost)
    )
    return replace(bill, usage=used, cost=paid, called={("workspace", "wrkspc_3"): "Idle"})


@pytest.mark.parametrize("pattern", ["Idle", "wrkspc_3", "idl*"])
def test_a_name_that_was_never_billed_is_known(pattern: str) -> None:
    chosen, said = scope.narrowed(of_two(), BillingRules(workspaces=(pattern,)))
    assert chosen.usage.empty and chosen.cost.empty and chosen.part
    assert said and chosen.days == of_two().days


def test_a_name_that_nobody_has_is_refused() -> None:
    with pytest.raises(UsageError, match="none of that name; there are Idle, Nights, Research"):
        scope.narrowed(of_two(), BillingRules(workspaces=("Lab",)))


def test_a_bill_is_a_part_in_the_days_in_which_others_used_something() -> None:
    chosen, _ = scope.narrowed(of_two(), BillingRules(workspaces=("Research",)))
    assert [within(chosen, day, day).part for day in (date(2026, 11, 11), date(2026, 11, 12))] == [
        False,
        True,
    ]


def test_a_workspace_with_brackets_can_be_chosen() -> None:
    bill = billed([call("11T10:30")])
    names = {"workspace_id": "wrkspc_1", "workspace": "Team [EU]"}
    both = replace(bill, usage=bill.usage.assign(**names), cost=bill.cost.assign(**names))
    chosen, _ = scope.narrowed(both, BillingRules(workspaces=("Team [EU]",)))
    assert len(chosen.usage) == 1 and not chosen.part
    other, _ = scope.narrowed(both, BillingRules(workspaces=("wrkspc_*",)))
    assert len(other.cost) == len(both.cost)
