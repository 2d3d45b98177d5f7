"""Two faults on one day and model, and usual work that looks like a fault: what is told as certain is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from dashboard.billing.findings import Finding
from dashboard.billing.reconcile import Reconciliation
from tests.admin_api import AdminServer, serving
from tests.billed_org import Organisation
from tests.simulated_organisation import FIRST, LAST, MODELS, NOW, Simulation, tokens

OPUS, HAIKU = MODELS


@pytest.fixture(scope="module")
def server() -> Iterator[AdminServer]:
    with serving(Organisation(), now=NOW) as server:
        yield server


@pytest.fixture
def org() -> Simulation:
    org = Simulation()
    org.work(FIRST, LAST, calls=3)
    return org


Made = tuple[str, int]
"""The reason a fault has, and its tokens, billed less logged."""


def lost(org: Simulation, day: date, model: str, number: int) -> Made:
    return "not_logged", tokens(org.call(f"{day}T1{number}:00", model=model, logged=False))


def twice(org: Simulation, day: date, model: str, number: int) -> Made:
    call = org.call(f"{day}T1{number}:00", model=model)
    org.lines.append(replace(org.lines[-1], call_id=f"again-{day}-{number}", source="manual"))
    return "logged_twice", -tokens(call)


def killed(org: Simulation, day: date, model: str, number: int) -> Made:
    line = {"tokens_output": 3, "tokens_final": False}
    return "lower_bound", org.call(f"{day}T1{number}:00", model=model, line=line).tokens_output - 3


def unbilled(org: Simulation, day: date, model: str, number: int) -> Made:
    return "not_billed", -tokens(org.call(f"{day}T1{number}:00", model=model, billed=False))


def edge(org: Simulation, day: date, model: str, number: int) -> Made:
    after = f"{day + timedelta(days=1)}T00:00:2{number}"
    line = {"duration_seconds": 30.0}
    return "day_edge", -tokens(org.call(f"{day}T23:59:5{number}", model=model, billed_at=after, line=line))


FAULTS: tuple[Callable[[Simulation, date, str, int], Made], ...] = (lost, twice, killed, unbilled, edge)

NOT_TOLD_APART = {
    ("lost", "killed"): "not_logged",
    ("lost", "unbilled"): "several",
}
"""Pairs that no data tells apart -> what is said of both, as likely."""


def test_of_two_faults_on_one_day_and_model_each_is_named_or_both_are_likely(
    org: Simulation, server: AdminServer, tmp_path: Path
) -> None:
    """Each pair has a day, one model after the other, so that midnight carries nothing into the next pair."""
    made = {}
    for place, pair in enumerate(combinations_with_replacement(FAULTS, 2)):
        day, model = FIRST + timedelta(days=1 + place), MODELS[place % 2]
        faults = [fault(org, day, model, number) for number, fault in enumerate(pair)]
        made[day, model] = tuple(fault.__name__ for fault in pair), faults
    found = org.compared(server, tmp_path)
    for (day, model), (names, faults) in made.items():
        here = [one for one in found.findings if (one.day, one.model) == (day, model)]
        assert _added((one.reason, one.tokens) for one in here) == _wanted(names, faults), names
        if names in NOT_TOLD_APART:
            assert not any(one.certain for one in here), names
    rest = [one for one in found.findings if (one.day, one.model) not in made]
    assert {one.reason for one in rest} == {"day_edge"}


def _wanted(names: tuple[str, ...], faults: list[Made]) -> dict[str, int]:
    told_as = NOT_TOLD_APART.get(names)
    return _added((told_as or reason, count) for reason, count in faults)


def _added(parts: Iterator[Made]) -> dict[str, int]:
    found: dict[str, int] = {}
    for reason, count in parts:
        found[reason] = found.get(reason, 0) + count
    return found


def on(found: Reconciliation, day: int) -> list[Finding]:
    """The findings of a day of November."""
    return [one for one in found.findings if one.day.day == day]


PING = {"tokens_input": 8, "tokens_output": 1, "tokens_cache_read": 0, "tokens_cache_write_5m": 0}
"""A call that is made again and again."""


def test_usual_work_that_looks_like_a_fault_is_none(
    org: Simulation, server: AdminServer, tmp_path: Path
) -> None:
    for minute in range(10):
        org.call(f"2026-11-03T10:{minute:02}", model=HAIKU, **PING)
    served = {"model_served": OPUS, "estimated_cost_usd": 0.5}
    org.call("2026-11-05T10:00", model="us.anthropic.claude-opus-5-5", billed=False, line=served)
    org.run_over_midnight(date(2026, 11, 7), OPUS)
    org.call("2026-11-10T10:00", model=HAIKU, billed=False, line=_nothing("overloaded_error"))
    org.call("2026-11-12T10:00", model=HAIKU, line=_nothing("killed"))
    found = org.compared(server, tmp_path)
    assert [(one.day.day, one.reason, one.certain) for one in found.findings if one.day.day < 12] == [
        (7, "day_edge", False),
        (8, "day_edge", False),
    ]
    assert [(one.reason, one.calls, one.certain) for one in on(found, 12)] == [("no_counts", 1, False)]
    assert not any(one.certain for one in found.findings)
    assert any("us.anthropic.claude-opus-5-5 is not Anthropic's" in remark for remark in found.remarks)


def _nothing(error: str) -> dict[str, object]:
    """What the line of a call says that failed before it had any counts."""
    counts = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write_5m", "tokens_total")
    said = dict.fromkeys(counts) | {"estimated_cost_usd": None}
    return said | {"success": False, "error_type": error, "tokens_final": False}


def test_a_lost_call_at_a_discount_beside_a_credit(
    org: Simulation, server: AdminServer, tmp_path: Path
) -> None:
    org.org.discount = 0.25
    gone = org.call("2026-11-04T10:00", model=OPUS, logged=False)
    org.extra("2026-11-09T10:00", "code_execution", -4.0)
    found = org.compared(server, tmp_path)
    told = [(one.reason, one.tokens, one.day.day) for one in found.findings if one.reason != "discount"]
    assert sorted(told) == [("credit", 0, 9), ("not_logged", tokens(gone), 4)]
    assert sum(one.usd for one in found.findings) == pytest.approx(found.billed_usd - found.logged_usd)
