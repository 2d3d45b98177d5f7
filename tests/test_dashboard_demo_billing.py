"""The demo's bill: what Anthropic would have billed for its calls, and differences there to be found."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboard.billing import demo as bills
from dashboard.billing.billed import load as load_billed
from dashboard.billing.demo import bill
from dashboard.billing.snapshots import BillingFolder, Snapshot
from dashboard.commands import demo_billing
from dashboard.demo import history
from dashboard.settings import Settings, load
from logger.record import CallRecord

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
TODAY = NOW.date()


@pytest.fixture(scope="module")
def calls() -> list[CallRecord]:
    """A month of about 100 calls a day."""
    return list(history(TODAY, 30, 100, 1, ZoneInfo("UTC"), NOW.timestamp()))


@pytest.fixture(scope="module")
def snapshots(calls: list[CallRecord]) -> list[Snapshot]:
    return bill(calls, NOW)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"log_dir": tmp_path / "demo", "timezone": "UTC"}, {}, tmp_path, tmp_path)


def rows(snapshots: list[Snapshot], kind: str) -> list[tuple[date, dict[str, Any]]]:
    return [(shot.day, dict(row)) for shot in snapshots if shot.kind == kind for row in shot.rows]


def test_both_reports_of_each_day_and_only_today_is_not_over(snapshots: list[Snapshot]) -> None:
    days = [TODAY - timedelta(days=back) for back in range(29, -1, -1)]
    for kind in ("usage", "cost"):
        assert [shot.day for shot in snapshots if shot.kind == kind] == days
    assert {shot.day for shot in snapshots if not shot.over} == {TODAY}
    assert max(shot.read_at for shot in snapshots) == NOW - bills.READ


def test_what_is_logged_is_nearly_all_that_is_billed(
    calls: list[CallRecord], snapshots: list[Snapshot]
) -> None:
    logged = sum(c.estimated_cost_usd or 0 for c in calls if (c.start_time or 0) < NOW.timestamp() - 2400)
    listed = sum(row["list_usd"] for _, row in rows(snapshots, "cost"))
    assert 0.94 < logged / listed < 0.999


def test_the_differences_are_the_consoles_calls_killed_workers_and_code(
    calls: list[CallRecord], snapshots: list[Snapshot]
) -> None:
    console = [(day, row) for day, row in rows(snapshots, "usage") if row["product"] == "claude_console"]
    assert [(TODAY - day).days for day, _ in console] == sorted(bills.PLAYGROUND, reverse=True)
    assert sum(row["requests"] for _, row in console) == sum(bills.PLAYGROUND.values())
    logged = sum(c.tokens_output or 0 for c in calls if c.model.startswith("claude"))
    output = sum(
        row["tokens_output"] for _, row in rows(snapshots, "usage") if row not in dict(console).values()
    )
    assert output > logged  # of killed workers
    code = [row for _, row in rows(snapshots, "cost") if row["cost_type"] == "code_execution"]
    assert code
    assert all(row["amount_usd"] < row["list_usd"] for row in code)
    tokens = [row for _, row in rows(snapshots, "cost") if row["cost_type"] != "code_execution"]
    assert all(row["amount_usd"] == row["list_usd"] for row in tokens)


def test_a_model_of_another_maker_is_not_billed(snapshots: list[Snapshot]) -> None:
    models = {row["model"] for _, row in rows(snapshots, "usage")}
    assert models == {"claude-sonnet-5-5", "claude-opus-5-5", "claude-sonnet-4-5", "claude-haiku-5-5"}


def test_the_files_hold_it_and_are_written_anew(settings: Settings, calls: list[CallRecord]) -> None:
    assert demo_billing.write(settings, NOW, calls) == []
    assert demo_billing.write(settings, NOW, calls) == []
    known = load_billed(BillingFolder(settings.billing_dir))
    assert len(known.days) == 30
    assert known.problems == ()
    text = (settings.billing_dir / f"cost-{TODAY - timedelta(days=3)}.jsonl").read_text()
    assert [json.loads(line).get("complete") for line in text.splitlines()].count(True) == 1


def test_numbers_that_anthropic_told_stay_as_they_are(settings: Settings, calls: list[CallRecord]) -> None:
    mine = Snapshot("usage", TODAY, [{"model": "claude-opus-5-5", "tokens_input": 1}], NOW, "analytics")
    folder = BillingFolder(settings.billing_dir)
    folder.add(mine)
    (said,) = demo_billing.write(settings, NOW, calls)
    assert "are not the demo's; it stays as it is" in said
    assert [(kind, str(day)) for kind, day in folder.named()] == [("usage", "2026-11-22")]
