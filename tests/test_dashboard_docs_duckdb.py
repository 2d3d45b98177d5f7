"""The README's DuckDB queries run, and answer what the report answers."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import docs_tables
import duckdb
import pytest

from dashboard import filters
from dashboard.billing.snapshots import BillingFolder, Snapshot
from dashboard.commands.demo import write_history
from dashboard.settings import load
from dashboard.sheets import Sheet
from dashboard.store.files import FileStore
from dashboard.views import Asked
from dashboard.views.all import view
from logger.pricing import built_in

README = Path(__file__).parent.parent / "README.md"
TITLES = ("sessions", "cache", "daily", "months", "latency", "billed")

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of calls up to now, the first day compressed, and a day of the bill that was read twice."""
    machine = tmp_path_factory.mktemp("duckdb")
    settings = load({"log_dir": machine / "logs/api", "timezone": "UTC"}, os.environ, machine, machine)
    write_history(settings, datetime.now(UTC), 14, 60, 2)
    first = min(settings.log_dir.iterdir())
    first.with_name(f"{first.name}.gz").write_bytes(gzip.compress(first.read_bytes()))
    first.unlink()
    bill = BillingFolder(settings.billing_dir)
    for hour, usd in ((6, 1.0), (12, 2.5)):
        bill.add(_snapshot(date(2026, 11, 2), hour, [_row(usd), _row(0.25)]))
    bill.add(_snapshot(date(2026, 11, 3), 6, []))
    return machine


def _snapshot(day: date, hour: int, rows: Rows) -> Snapshot:
    return Snapshot("cost", day, rows, datetime(2026, 11, 4, hour, tzinfo=UTC), "analytics")


def _row(usd: float) -> dict[str, Any]:
    facets = dict.fromkeys(("workspace_id", "workspace", "api_key_id", "api_key", "service_tier", "product"))
    known = {"model": "claude-opus-5-5", "cost_type": "tokens", "kind": "tokens_output"}
    return facets | known | {"amount_usd": usd, "list_usd": usd}


@pytest.fixture(scope="module")
def answers(folder: Path) -> Iterator[dict[str, Rows]]:
    """What each query of the README answers, in the order of `TITLES`; the first block makes the table."""
    section = docs_tables.between(README.read_text("utf-8"), "duckdb")
    assert section, "the README has no <!-- duckdb --> section"
    first, *queries = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    before = Path.cwd()
    os.chdir(folder)
    try:
        with duckdb.connect() as base:
            base.execute(first)
            yield {title: _rows(base, query) for title, query in zip(TITLES, queries, strict=True)}
    finally:
        os.chdir(before)


def _rows(base: duckdb.DuckDBPyConnection, query: str) -> Rows:
    found = base.execute(query)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture(scope="module")
def sheets(folder: Path) -> dict[str, Sheet]:
    """The first table of the views that answer the same."""
    with FileStore(folder / "logs/api", filters.ZoneInfo("UTC")) as store:
        store.load()
        now = datetime.now(UTC)
        month = filters.last("30d", now, store.zone)
        asked = Asked(store=store, view=month, now=now, prices=built_in())
        return {name: view(name).build(asked).sheets[0] for name in ("sessions", "cache", "daily", "latency")}


def test_every_query_answers_something(answers: dict[str, Rows]) -> None:
    assert {title: bool(rows) for title, rows in answers.items()} == dict.fromkeys(TITLES, True)


def test_sessions_are_those_of_the_report(answers: dict[str, Rows], sheets: dict[str, Sheet]) -> None:
    theirs = [(row["session_id"], str(row["day"]), row["tokens"]) for row in answers["sessions"]]
    ours = [(row["session_id"], row["day"], row["tokens_total"]) for row in sheets["sessions"].rows]
    assert theirs == ours


def test_cache_efficiency_is_that_of_the_report(answers: dict[str, Rows], sheets: dict[str, Sheet]) -> None:
    theirs = {row["project"]: (row["cached"], row["total_input"]) for row in answers["cache"]}
    assert theirs == {row["project"]: (row["read"], row["input"]) for row in sheets["cache"].rows}


def test_daily_cost_and_average_are_those_of_the_report(
    answers: dict[str, Rows], sheets: dict[str, Sheet]
) -> None:
    ours = {row["day"]: row for row in sheets["daily"].rows}
    for row in answers["daily"]:
        same = ours[str(row["day"])]
        assert row["usd"] == pytest.approx(same["estimated_cost_usd"], abs=0.006)
        assert row["average_7_days"] == pytest.approx(same["average_7_days_usd"], abs=0.006)


def test_p95_is_that_of_the_report(answers: dict[str, Rows], sheets: dict[str, Sheet]) -> None:
    theirs = {row["model"]: row for row in answers["latency"]}
    for row in sheets["latency"].rows:
        assert theirs[row["model"]]["calls"] == row["calls"]
        if row["duration_p95"] is not None:
            assert theirs[row["model"]]["p95"] == pytest.approx(row["duration_p95"], abs=0.02)


def test_months_add_up_to_all(answers: dict[str, Rows]) -> None:
    months = sum(row["usd"] or 0 for row in answers["months"])
    assert months == pytest.approx(sum(row["usd"] or 0 for row in answers["daily"]), abs=0.2)


def test_of_a_day_of_the_bill_the_newest_complete_reading_holds(answers: dict[str, Rows]) -> None:
    """Read twice: 1.25 USD, then 2.75; a day without any cost is 0."""
    assert [(str(row["day"]), row["billed_usd"]) for row in answers["billed"]] == [
        ("2026-11-03", 0.0),
        ("2026-11-02", 2.75),
    ]
