"""What was billed as frames: the newest of each day, one generation per day, ids under their newest names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dashboard.billing import names
from dashboard.billing.billed import COST_COLUMNS, USAGE_COLUMNS, load
from dashboard.billing.client import Names
from dashboard.billing.snapshots import BillingFolder, Generation, Kind, Snapshot

DAY = date(2026, 11, 20)
READ = datetime(2026, 11, 24, 4, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> BillingFolder:
    return BillingFolder(tmp_path)


def put(
    folder: BillingFolder,
    kind: Kind,
    *rows: dict[str, Any],
    day: date = DAY,
    generation: Generation = "analytics",
    read_at: datetime = READ,
) -> None:
    """Add a snapshot of a day."""
    folder.add(Snapshot(kind, day, rows, read_at, generation))


def sums(folder: BillingFolder) -> tuple[int, float, list[date]]:
    """Input tokens, USD, and the days of which both are known."""
    billed = load(folder)
    return int(billed.usage["tokens_input"].sum()), float(billed.cost["amount_usd"].sum()), billed.days


def test_nothing_read_is_empty_frames_of_all_columns(folder: BillingFolder) -> None:
    billed = load(folder)
    assert billed.empty and billed.days == []
    assert list(billed.usage) == list(USAGE_COLUMNS) and list(billed.cost) == list(COST_COLUMNS)
    assert billed.usage.dtypes.map(str).to_dict() == USAGE_COLUMNS
    assert billed.cost.dtypes.map(str).to_dict() == COST_COLUMNS


def test_rows_become_columns_with_models_under_one_name(folder: BillingFolder) -> None:
    put(folder, "usage", {"model": "claude-haiku-4-5-20251001", "tokens_input": 12, "requests": None})
    put(folder, "cost", {"model": None, "cost_type": "code_execution", "amount_usd": 0.5})
    billed = load(folder)
    (usage,), (cost,) = billed.usage.to_dict("records"), billed.cost.to_dict("records")
    assert (usage["day"], usage["model"]) == (pd.Timestamp(2026, 11, 20), "claude-haiku-4-5")
    assert (usage["tokens_input"], usage["tokens_output"], usage["api_key"]) == (12, 0, "")
    assert pd.isna(usage["requests"])
    assert (cost["model"], cost["kind"], cost["amount_usd"]) == ("", "", 0.5) and pd.isna(cost["list_usd"])
    assert billed.usage.dtypes.map(str).to_dict() == USAGE_COLUMNS


def test_days_are_those_of_both_reports_within_the_bounds(folder: BillingFolder) -> None:
    for past in range(4):
        put(folder, "usage", {"tokens_input": past}, day=DAY - timedelta(days=past))
    put(folder, "cost", day=DAY)
    put(folder, "cost", day=DAY - timedelta(days=3))
    billed = load(folder, DAY - timedelta(days=2), DAY)
    assert list(billed.usage["tokens_input"]) == [2, 1, 0]
    assert len(billed.usage_days) == 3 and billed.days == [DAY]
    assert billed.cost_days[DAY].over and billed.cost_days[DAY].read_at == READ
    assert (load(folder).since, load(folder).until) == (DAY - timedelta(days=3), DAY)


def test_a_sync_that_died_between_the_reports_mixes_no_generations(folder: BillingFolder) -> None:
    put(folder, "usage", {"tokens_input": 1}, generation="legacy")
    put(folder, "cost", {"amount_usd": 1.0}, generation="legacy")
    put(folder, "usage", {"tokens_input": 2})
    billed = load(folder)
    assert (billed.usage["tokens_input"].sum(), billed.cost["amount_usd"].sum()) == (1, 1.0)
    put(folder, "cost", {"amount_usd": 2.0})
    billed = load(folder)
    assert (billed.usage["tokens_input"].sum(), billed.cost["amount_usd"].sum()) == (2, 2.0)
    assert billed.usage_days[DAY].generation == "analytics"


def test_usage_and_cost_of_different_readings_are_no_bill_the_older_pair_is(folder: BillingFolder) -> None:
    put(folder, "usage", {"tokens_input": 1})
    put(folder, "cost", {"amount_usd": 1.0})
    later = READ + timedelta(hours=1)
    put(folder, "usage", {"tokens_input": 2}, read_at=later)
    assert sums(folder) == (1, 1.0, [DAY])
    put(folder, "cost", {"amount_usd": 2.0}, read_at=later)
    assert sums(folder) == (2, 2.0, [DAY])
    put(folder, "cost", {"amount_usd": 3.0}, read_at=later + timedelta(hours=1))
    assert sums(folder) == (2, 2.0, [DAY])


def test_a_damaged_line_in_one_of_a_pair_leaves_the_pair_before_it(folder: BillingFolder) -> None:
    for number in (1, 2):
        read_at = READ + timedelta(hours=number)
        put(folder, "usage", {"tokens_input": number}, read_at=read_at)
        put(folder, "cost", {"amount_usd": 1.0 * number}, read_at=read_at)
    path = folder.path("cost", DAY)
    path.write_text(path.read_text().replace('"amount_usd": 2.0', '"amount_usx": 2.0'))
    assert sums(folder) == (1, 1.0, [DAY])
    assert load(folder).usage_days[DAY].read_at == load(folder).cost_days[DAY].read_at
    assert "a row has no amount_usd" in "".join(load(folder).problems)


def test_a_day_without_a_common_reading_is_no_day_of_both(folder: BillingFolder) -> None:
    put(folder, "usage", {"tokens_input": 1})
    put(folder, "cost", {"amount_usd": 1.0}, read_at=READ + timedelta(hours=1))
    assert sums(folder) == (1, 0.0, [])


def test_an_id_has_its_newest_name_on_all_days(folder: BillingFolder) -> None:
    put(folder, "usage", {"workspace_id": "wrkspc_1", "workspace": "Old", "tokens_input": 1})
    names.keep(folder.folder, Names({"wrkspc_1": "Old"}, {}), READ)
    names.keep(folder.folder, Names({"wrkspc_1": "New"}, {"apikey_1": "laptop"}), READ)
    assert list(load(folder).usage["workspace"]) == ["New"]
    assert names.keep(folder.folder, Names({"wrkspc_1": "New"}, {}), READ) == 0


def test_a_choice_of_keys_and_workspaces_is_by_name_id_or_pattern(folder: BillingFolder) -> None:
    def row(workspace: str, key: str, tokens: int) -> dict[str, Any]:
        return {"workspace": workspace, "api_key_id": key, "api_key": f"key {key}", "tokens_input": tokens}

    put(folder, "usage", row("Night", "k1", 1), row("Night", "k2", 2), row("Day", "k1", 4))
    billed = load(folder)
    nothing: frozenset[str] = frozenset()
    chosen = [(frozenset(["night"]), nothing), (nothing, frozenset(["k1"])), (frozenset(["D*"]), nothing)]
    sums = [int(billed.narrowed(*one).usage["tokens_input"].sum()) for one in [*chosen, (nothing, nothing)]]
    assert sums == [3, 5, 4, 7]
    assert billed.narrowed(frozenset(["none"]), nothing).usage.empty


def keys(folder: BillingFolder, *rows: tuple[str, str, str]) -> None:
    """Usage of keys: id, name, workspace."""
    used = [{"api_key_id": i, "api_key": n, "workspace": w, "tokens_input": 1} for i, n, w in rows]
    put(folder, "usage", *used)
    put(folder, "cost", *({**row, "amount_usd": 1.0} for row in used))


def test_keys_of_one_name_are_told_apart_by_their_workspaces(folder: BillingFolder) -> None:
    keys(folder, ("k1", "prod", "Research"), ("k2", "prod", "Sales"), ("k3", "test", "Sales"))
    billed = load(folder)
    for frame in (billed.usage, billed.cost):
        assert list(frame["api_key"]) == ["prod (Research)", "prod (Sales)", "test"]
    assert billed.usage.dtypes.map(str).to_dict() == USAGE_COLUMNS
    nothing: frozenset[str] = frozenset()
    chosen = [len(billed.narrowed(nothing, frozenset([one])).usage) for one in ("PROD", "prod (sales)", "k1")]
    assert chosen == [2, 1, 1]


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ([("key_aa3fA9", "prod", "Lab"), ("key_ab3fA0", "prod", "Lab")], ["prod (…3fA9)", "prod (…3fA0)"]),
        ([("key_a_3fA9", "prod", "Lab"), ("key_b_3fA9", "prod", "")], ["prod (…a_3fA9)", "prod (…b_3fA9)"]),
        (
            [("k1", "prod", "Lab"), ("k2", "prod", "Bar"), ("k3", "prod (Lab)", "Lab")],
            ["prod (…k1)", "prod (…k2)", "prod (Lab)"],
        ),
        ([("k1", "prod", "Lab"), ("", "prod", "Lab"), ("k1", "prod", "Bar")], ["prod"] * 3),
    ],
    ids=["one workspace", "no workspace", "name taken", "one key"],
)
def test_keys_of_one_name_are_told_apart_by_the_ends_of_their_ids(
    folder: BillingFolder, rows: list[tuple[str, str, str]], shown: list[str]
) -> None:
    keys(folder, *rows)
    assert list(load(folder).usage["api_key"]) == shown


def test_workspaces_of_one_name_are_told_apart(folder: BillingFolder) -> None:
    rows = [{"workspace_id": f"w_000{n}", "workspace": "Lab", "tokens_input": n} for n in (1, 2)]
    put(folder, "usage", *rows)
    assert list(load(folder).usage["workspace"]) == ["Lab (…0001)", "Lab (…0002)"]


def test_a_choice_of_keys_leaves_the_legacy_cost_out(folder: BillingFolder) -> None:
    before = DAY - timedelta(days=1)
    put(folder, "cost", {"api_key_id": "k1", "amount_usd": 1.0})
    put(folder, "cost", {"amount_usd": 5.0}, day=before, generation="legacy")
    assert set(load(folder).narrowed(frozenset(), frozenset()).cost_days) == {DAY, before}
    narrowed = load(folder).narrowed(frozenset(), frozenset(["k1"]))
    assert (set(narrowed.cost_days), list(narrowed.cost["amount_usd"])) == ({DAY}, [1.0])


def test_what_cannot_be_read_is_told_and_costs_no_other_day(folder: BillingFolder) -> None:
    put(folder, "usage", {"tokens_input": 1})
    (folder.folder / "usage-2026-11-19.jsonl").mkdir()
    path = folder.path("usage", DAY)
    path.write_text("?\n" + path.read_text())
    billed = load(folder)
    assert list(billed.usage["tokens_input"]) == [1]
    assert billed.problems == (
        f"{folder.folder / 'usage-2026-11-19.jsonl'}: cannot be read: Is a directory",
        f"{path}: line 1: is no JSON object",
    )
