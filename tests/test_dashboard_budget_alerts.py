"""Alerts of budgets: what makes a crossing, and what is told anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboard.money.alert_log import AlertLog
from dashboard.money.alerts import Condition
from dashboard.money.budgets import Budget, Standing, conditions
from dashboard.money.periods import current_period
from dashboard.money.scope import Scope

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=BERLIN)


def stands(budget: Budget, used: float) -> Standing:
    """At noon, with so much used."""
    period = current_period(budget.period, NOON, BERLIN)
    return Standing(budget, period.since, period.until, used, lower_bound=False, projected=None)


def daily(limit: float = 10.0, **differs: Any) -> Budget:
    return Budget("Daily spending", "day", limit, **differs)


def announced(log: AlertLog, budget: Budget, used: float, hours: int) -> list[int]:
    """The levels announced when a look, so many hours after noon, finds so much used of a budget."""
    found = conditions([stands(budget, used)])
    return [alert.condition.level for alert in log.take(found, NOON + timedelta(hours=hours)).announced]


def test_a_raised_limit_is_a_new_crossing_with_all_its_levels(tmp_path: Path) -> None:
    log, low, high = AlertLog(tmp_path), Budget("M", "month", 200.0), Budget("M", "month", 400.0)
    assert announced(log, low, 210.0, 0) == [100]
    later = enumerate((210.0, 330.0, 399.0, 450.0), 1)
    assert [announced(log, high, used, hours) for hours, used in later] == [[50], [80], [90], [100]]
    assert announced(log, high, 460.0, 9) == []


@pytest.mark.parametrize(
    "differs",
    [
        {"limit": 20.0},
        {"measure": "calls"},
        {"period": "week"},
        {"scope": Scope(project=("web",))},
        {"scope": Scope(model=("*",))},
    ],
)
def test_what_a_budget_limits_makes_its_crossing(differs: dict[str, Any]) -> None:
    def periods(budget: Budget) -> set[str]:
        return {one.period for one in conditions([stands(budget, 99.0)])}

    assert periods(daily(warn=(10.0,))) == periods(daily())
    assert periods(replace(daily(), **differs)).isdisjoint(periods(daily()))


def test_the_order_of_patterns_makes_no_other_crossing() -> None:
    one, other = (daily(0.5, scope=Scope(model=names)) for names in (("a*", "c*"), ("c*", "a*")))
    assert conditions([stands(one, 1.0)])[-1].id == conditions([stands(other, 1.0)])[-1].id


def test_an_alert_kept_before_limits_made_the_crossing_is_an_older_one(tmp_path: Path) -> None:
    log = AlertLog(tmp_path)
    old = Condition(
        "budget:M", "2026-11", 100, "critical", "Budget M: $210.00 of $200.00 this month (105 %)."
    )
    log.take([old], NOON)
    assert announced(log, Budget("M", "month", 200.0), 210.0, 1) == [100]
    assert [alert.condition.period.partition("#")[0] for alert in log.open()] == ["2026-11"]
    assert [alert.cleared is None for alert in log.history(9)] == [True, False]
