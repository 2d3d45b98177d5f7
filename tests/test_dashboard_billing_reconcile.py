"""Is the bill right? A simulated organisation's faults are found: which, when, of which model, how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from dashboard.billing.findings import Finding
from dashboard.billing.reconcile import Reconciliation
from dashboard.billing.rules import BillingRules
from tests.admin_api import AdminServer, serving
from tests.billed_org import Organisation
from tests.simulated_organisation import FIRST, LAST, NOW, Simulation, tokens, usd

OPUS, HAIKU = "claude-opus-5-5", "claude-haiku-4-5"


@pytest.fixture(scope="module")
def server() -> Iterator[AdminServer]:
    with serving(Organisation(), now=NOW) as server:
        yield server


@pytest.fixture
def org() -> Simulation:
    """Days of work on which log and bill agree."""
    org = Simulation()
    org.work(FIRST, LAST, calls=3)
    return org


def told(found: Reconciliation) -> set[tuple[str, str, str, int, float, int | None]]:
    """The findings without their sentences."""
    return {_told(one) for one in found.findings}


def _told(one: Finding) -> tuple[str, str, str, int, float, int | None]:
    return one.reason, f"{one.day:%d}", one.model, one.tokens, round(one.usd, 9), one.calls


def cost(*calls: object) -> float:
    return round(sum(usd(call) or 0.0 for call in calls), 9)  # type: ignore[arg-type]


def test_without_faults_there_is_nothing_to_find(
    org: Simulation, server: AdminServer, tmp_path: Path
) -> None:
    found = org.compared(server, tmp_path)
    assert not found.findings and found.within and found.covered == 1
    assert found.verdict.startswith("Nothing was billed that we did not log: $")
    assert len(found.compared) == 21 and not found.remarks


def test_every_fault_is_named_with_its_day_model_counts_and_usd(
    org: Simulation, server: AdminServer, tmp_path: Path
) -> None:
    gone = [org.call(f"2026-11-03T1{n}:00", model=HAIKU, logged=False) for n in range(2)]
    twice = org.call("2026-11-05T10:00", model=OPUS)
    org.lines.append(replace(org.lines[-1], call_id="again", source="manual"))
    failed = org.call("2026-11-07T10:00", model=OPUS, billed=False, line={"success": False})
    late = {"duration_seconds": 30.0}
    edge = org.call("2026-11-09T23:59:50", model=OPUS, billed_at="2026-11-10T00:00:20", line=late)
    cut = org.call("2026-11-11T10:00", model=OPUS, line={"tokens_output": 3, "tokens_final": False})
    free = org.call("2026-11-12T10:00", model=OPUS, line={"estimated_cost_usd": None})
    org.call(
        "2026-11-13T10:00", model=OPUS, web_searches=3, line={"web_searches": 1, "estimated_cost_usd": 0.1}
    )
    org.call("2026-11-14T10:00", model=OPUS, service_tier="batch")
    org.extra("2026-11-15T10:00", "code_execution", 0.36)
    unpaid = org.call("2026-11-16T10:00", model=HAIKU, billed=False)
    young = org.call("2026-11-21T10:00", model=HAIKU, billed=False)

    lost = (cut.tokens_output - 3) * 20e-6
    found = org.compared(server, tmp_path)
    searched = [one for one in found.findings if one.day.day == 13]
    assert {_told(one) for one in found.findings if one not in searched} == {
        ("not_logged", "03", HAIKU, sum(map(tokens, gone)), cost(*gone), 2),
        ("logged_twice", "05", OPUS, -tokens(twice), -cost(twice), 1),
        ("failed", "07", OPUS, -tokens(failed), -cost(failed), 1),
        ("day_edge", "09", OPUS, -tokens(edge), -cost(edge), 1),
        ("day_edge", "10", OPUS, tokens(edge), cost(edge), 1),
        ("lower_bound", "11", OPUS, cut.tokens_output - 3, round(lost, 9), 1),
        ("unpriced", "12", OPUS, 0, cost(free), None),
        ("code_execution", "15", "", 0, 0.36, None),
        ("not_billed", "16", HAIKU, -tokens(unpaid), -cost(unpaid), 1),
        ("not_reported_yet", "21", HAIKU, -tokens(young), -cost(young), None),
    }
    assert ("web_search", "web_search", 2) in {(one.reason, one.kind, one.tokens) for one in searched}
    assert not found.within


def test_findings_name_the_lines_they_are_about(org: Simulation, server: AdminServer, tmp_path: Path) -> None:
    org.call("2026-11-05T10:00", model=OPUS)
    org.lines.append(replace(org.lines[-1], call_id="again", source="manual"))
    (one,) = org.compared(server, tmp_path).findings
    ((day, offset),) = one.lines
    line = (tmp_path / f"api-calls-{day}.jsonl").read_bytes()[offset:].split(b"\n")[0]
    assert (day, b'"call_id": "again"' in line or b'"call_id":"again"' in line) == ("2026-11-05", True)


def test_the_verdict_names_day_model_and_reason(org: Simulation, server: AdminServer, tmp_path: Path) -> None:
    org.call("2026-11-03T10:00", model=HAIKU, logged=False, tokens_output=50_000)
    verdict = org.compared(server, tmp_path).verdict
    assert verdict.startswith("We logged ") and " % of what was billed; $1.33 " in verdict
    assert verdict.endswith(
        "is missing, all of it on 3 November from claude-haiku-4-5 (billed, but not logged)."
    )


def test_a_discount_is_no_missing_money(org: Simulation, server: AdminServer, tmp_path: Path) -> None:
    org.org.discount = 0.1
    found = org.compared(server, tmp_path)
    assert {one.reason for one in found.findings} == {"discount"} and found.within
    assert found.list_usd == pytest.approx(found.logged_usd) == pytest.approx(found.billed_usd / 0.9)
    assert found.verdict.startswith("Nothing was billed that we did not log")


def test_faults_of_one_day_and_model_are_told_apart(
    org: Simulation, server: AdminServer, tmp_path: Path
) -> None:
    failed = org.call("2026-11-05T10:00", model=OPUS, billed=False, line={"success": False})
    twice = org.call("2026-11-05T11:00", model=OPUS)
    org.lines.append(replace(org.lines[-1], call_id="again"))
    assert told(org.compared(server, tmp_path)) == {
        ("failed", "05", OPUS, -tokens(failed), -cost(failed), 1),
        ("logged_twice", "05", OPUS, -tokens(twice), -cost(twice), 1),
    }


def test_a_call_lost_and_another_told_twice_on_one_day(
    org: Simulation, server: AdminServer, tmp_path: Path
) -> None:
    gone = org.call("2026-11-05T10:00", model=OPUS, logged=False, tokens_input=100, tokens_output=9_000)
    twice = org.call("2026-11-05T11:00", model=OPUS, tokens_input=80_000)
    org.lines.append(replace(org.lines[-1], call_id="again"))
    found = org.compared(server, tmp_path)
    assert told(found) == {
        ("not_logged", "05", OPUS, tokens(gone), cost(gone), 1),
        ("logged_twice", "05", OPUS, -tokens(twice), -cost(twice), 1),
    }
    assert [one.certain for one in found.findings if one.reason == "logged_twice"] == [False]


def test_the_log_may_be_written_in_any_zone(server: AdminServer, tmp_path: Path) -> None:
    org = Simulation(offset=timedelta(hours=-11))
    org.work(FIRST, LAST, calls=3)
    org.call("2026-11-03T02:00", model=HAIKU, logged=False)
    found = org.compared(server, tmp_path)
    assert [(one.reason, one.day) for one in found.findings] == [("not_logged", date(2026, 11, 3))]


def test_another_price_is_told_with_both_rates(org: Simulation, server: AdminServer, tmp_path: Path) -> None:
    for number, line in enumerate(org.lines):
        if line.model == OPUS:
            org.lines[number] = replace(line, estimated_cost_usd=(line.estimated_cost_usd or 0) * 2)
    found = org.compared(server, tmp_path)
    assert {(one.reason, one.model) for one in found.findings} == {("price", OPUS)}
    assert found.missing_usd == 0 and found.surplus_usd == pytest.approx(found.logged_usd - found.billed_usd)
    assert (
        "$4.00 per million tokens (input), logged at $8.00; batches logged at the plain price look like that"
        in found.findings[0].sentence
    )
    assert "all of what was billed" in found.verdict and "another price than ours" in found.verdict


def test_lines_of_other_providers_are_left_out_and_said(
    org: Simulation, server: AdminServer, tmp_path: Path
) -> None:
    for model in ("qwen3-coder-local", "us.anthropic.claude-opus-5-5"):
        org.call("2026-11-05T10:00", model=model, billed=False, line={"estimated_cost_usd": 0.01})
    found = org.compared(server, tmp_path)
    assert not found.findings
    assert found.remarks == (
        "2 lines of qwen3-coder-local, us.anthropic.claude-opus-5-5 are not Anthropic's.",
    )


def test_days_that_were_not_over_or_not_read_are_left_out_and_said(
    org: Simulation, server: AdminServer, tmp_path: Path
) -> None:
    org.call("2026-11-22T10:00", model=OPUS)
    found = org.compared(server, tmp_path, since=date(2026, 10, 20), until=date(2026, 11, 22))
    assert (found.not_over, found.unread) == (
        [date(2026, 11, 22)],
        [date(2026, 10, day) for day in (20, 21, 22, 23)],
    )
    assert found.remarks[0].startswith(
        "Not compared: 22 November (not over when Anthropic's numbers were read)"
    )
    assert found.remarks[1] == "Not compared: 20 to 23 October (not read yet)."


def test_an_empty_log_and_an_empty_bill_have_true_verdicts(server: AdminServer, tmp_path: Path) -> None:
    org = Simulation()
    assert org.compared(server, tmp_path / "a").verdict == "Nothing was billed, and nothing was logged."
    org.call("2026-11-03T10:00", logged=False, tokens_output=50_000)
    verdict = org.compared(server, tmp_path / "b").verdict
    assert (
        verdict.startswith("None of the $1.0") and "billed is in the log, all of it on 3 November" in verdict
    )
    org = Simulation()
    org.call("2026-11-03T10:00", billed=False, tokens_output=50_000)
    found = org.compared(server, tmp_path / "c")
    assert "was logged and nothing was billed, all of it on 3 November" in found.verdict
    assert found.covered is None and not found.within


def test_what_differs_is_within_the_tolerance_or_beyond(
    org: Simulation, server: AdminServer, tmp_path: Path
) -> None:
    gone = org.call("2026-11-03T10:00", model=OPUS, logged=False)
    found = org.compared(server, tmp_path, rules=BillingRules(tolerance=0, tolerance_usd=cost(gone) + 1e-6))
    assert found.within
    percent = 100 * cost(gone) / found.billed_usd
    for tolerance, within in ((percent * 1.01, True), (percent * 0.99, False)):
        rules = BillingRules(tolerance=tolerance, tolerance_usd=1e-6)
        assert org.compared(server, tmp_path, rules=rules).within is within
