"""A name is meant before a pattern: of workspaces, API keys and models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.billing import scope
from dashboard.billing.meant import meant
from dashboard.billing.rules import BillingRules
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


def test_a_workspace_with_brackets_can_be_chosen() -> None:
    bill = billed([call("11T10:30")])
    names = {"workspace_id": "wrkspc_1", "workspace": "Team [EU]"}
    both = replace(bill, usage=bill.usage.assign(**names), cost=bill.cost.assign(**names))
    chosen, _ = scope.narrowed(both, BillingRules(workspaces=("Team [EU]",)))
    assert len(chosen.usage) == 1 and not chosen.part
    other, _ = scope.narrowed(both, BillingRules(workspaces=("wrkspc_*",)))
    assert len(other.cost) == len(both.cost)
