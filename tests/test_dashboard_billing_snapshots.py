"""Snapshots on disk: whole or not at all, the newest counts, and a reading that says nothing new adds nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard.billing import snapshots
from dashboard.billing.snapshots import BillingFolder, Snapshot, end_of
from dashboard.errors import FolderError

DAY = date(2026, 11, 20)
OVER = datetime(2026, 11, 21, 4, tzinfo=UTC)
REPORTED = datetime(2026, 11, 22, tzinfo=UTC)
SETTLED = datetime(2026, 11, 24, 4, tzinfo=UTC)


def usage(*tokens: int, read_at: datetime = OVER, **more: Any) -> Snapshot:
    """A snapshot of `DAY` with a row for each number of input tokens."""
    rows = [{"model": "claude-opus-5-5", "tokens_input": one} for one in tokens]
    return Snapshot("usage", DAY, rows, read_at, more.pop("generation", "analytics"), **more)


def inputs(folder: BillingFolder) -> list[int] | None:
    """The input tokens of the newest snapshot."""
    newest = folder.newest("usage", DAY)
    return None if newest is None else [row["tokens_input"] for row in newest.rows]


@pytest.fixture
def folder(tmp_path: Path) -> BillingFolder:
    return BillingFolder(tmp_path / "billing")


def test_a_folder_that_is_not_there_has_no_days(folder: BillingFolder) -> None:
    assert (folder.days("usage"), folder.newest("usage", DAY), list(folder.problems())) == ([], None, [])


def test_what_was_added_is_read_back(folder: BillingFolder) -> None:
    row = {
        "model": "m",
        "cost_type": "tokens",
        "kind": "tokens_output",
        "amount_usd": 6.02444,
        "list_usd": 7.0,
    }
    refreshed = datetime(2026, 11, 21, 3, tzinfo=UTC)
    assert folder.add(Snapshot("cost", DAY, [row], OVER, "analytics", refreshed))
    found = folder.newest("cost", DAY)
    assert found is not None
    assert (found.day, found.read_at, found.refreshed_at, found.over) == (DAY, OVER, refreshed, True)
    assert {name: value for name, value in found.rows[0].items() if value is not None} == row
    assert folder.days("cost") == [DAY] and folder.days("usage") == []


def test_a_day_without_rows_is_known_too(folder: BillingFolder) -> None:
    assert folder.add(usage())
    assert inputs(folder) == []


def test_the_newest_snapshot_wins_and_the_older_one_stays_in_the_file(folder: BillingFolder) -> None:
    folder.add(usage(1, 2))
    folder.add(usage(1, 3))
    assert inputs(folder) == [1, 3]
    assert len(folder.path("usage", DAY).read_text().splitlines()) == 6


def test_the_same_again_adds_no_byte(folder: BillingFolder) -> None:
    folder.add(usage(1, 2))
    before = folder.path("usage", DAY).read_bytes()
    assert not folder.add(usage(2, 1, read_at=OVER + timedelta(hours=3)))
    assert folder.path("usage", DAY).read_bytes() == before


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (usage(1, read_at=OVER - timedelta(hours=9)), usage(1)),
        (usage(1), usage(1, read_at=REPORTED)),
        (usage(1, read_at=REPORTED), usage(1, read_at=SETTLED)),
        (usage(1, generation="legacy"), usage(1)),
    ],
    ids=["over now", "reported now", "settled now", "other generation"],
)
def test_the_same_at_another_stage_is_kept(folder: BillingFolder, first: Snapshot, then: Snapshot) -> None:
    assert folder.add(first) and folder.add(then)
    assert not folder.add(then)


def cost(usd: float, read_at: datetime = OVER, **more: Any) -> Snapshot:
    """A snapshot of `DAY` with one row of cost."""
    row = {"model": "claude-opus-5-5", "amount_usd": usd}
    return Snapshot("cost", DAY, [row], read_at, more.pop("generation", "analytics"), **more)


def test_a_reading_is_written_whole_when_either_report_says_something_new(folder: BillingFolder) -> None:
    assert folder.add(usage(1), cost(1.0))
    for hour, tokens, usd in ((1, 2, 1.0), (2, 2, 2.0)):
        read_at = OVER + timedelta(hours=hour)
        assert folder.add(usage(tokens, read_at=read_at), cost(usd, read_at))
        pair = folder.pair(DAY)
        assert pair and [one.read_at for one in pair] == [read_at, read_at]
    before = [folder.path(kind, DAY).read_bytes() for kind in snapshots.KINDS]
    read_at = OVER + timedelta(hours=3)
    assert not folder.add(usage(2, read_at=read_at), cost(2.0, read_at))
    assert [folder.path(kind, DAY).read_bytes() for kind in snapshots.KINDS] == before


def test_a_reading_that_lost_its_cost_is_followed_by_one_that_says_the_same_as_the_pair_before(
    folder: BillingFolder,
) -> None:
    later = [OVER + timedelta(hours=hour) for hour in range(3)]
    folder.add(usage(1), cost(1.0))
    folder.add(usage(2, read_at=later[1]))
    pair = folder.pair(DAY)
    assert pair and pair[0].rows[0]["tokens_input"] == 1 and pair[0].read_at == pair[1].read_at == OVER
    assert folder.add(usage(2, read_at=later[2]), cost(1.0, later[2]))
    pair = folder.pair(DAY)
    assert pair and pair[0].rows[0]["tokens_input"] == 2 and pair[1].read_at == later[2]
    assert inputs(folder) == [2]


@pytest.mark.parametrize(
    "other", [cost(1.0, OVER + timedelta(seconds=1)), cost(1.0, generation="legacy")], ids=["time", "reports"]
)
def test_usage_and_cost_of_different_readings_are_no_pair(folder: BillingFolder, other: Snapshot) -> None:
    folder.add(usage(1))
    assert folder.pair(DAY) is None
    folder.add(other)
    assert folder.pair(DAY) is None


def test_a_day_is_over_when_anthropics_own_numbers_go_beyond_it() -> None:
    late = end_of(DAY) - timedelta(minutes=1)
    assert usage(1).over
    assert not usage(1, refreshed_at=late).over
    assert usage(1, read_at=SETTLED).settled and not usage(1).settled
    assert usage(1, read_at=REPORTED).reported and not usage(1).reported
    assert not usage(1, read_at=SETTLED, refreshed_at=REPORTED - timedelta(seconds=1)).reported


@pytest.mark.parametrize("lost", [1, 30, 200, 10_000])
def test_a_snapshot_that_lost_its_end_never_counts(folder: BillingFolder, lost: int) -> None:
    folder.add(usage(1))
    size = folder.path("usage", DAY).stat().st_size
    folder.add(usage(5, 6, 7, 8))
    with folder.path("usage", DAY).open("rb+") as file:
        file.truncate(max(size, file.seek(0, os.SEEK_END) - lost))
    assert inputs(folder) == [1]
    broken = folder.path("usage", DAY).read_bytes()
    assert folder.add(usage(9, 10))
    assert inputs(folder) == [9, 10]
    assert folder.path("usage", DAY).read_bytes().startswith(broken), "what was written is never changed"
    assert list(folder.problems()) == [], "a later reading makes up for a piece"


def test_a_whole_last_line_without_a_newline_is_kept(folder: BillingFolder) -> None:
    folder.add(usage(1))
    path = folder.path("usage", DAY)
    path.write_bytes(path.read_bytes()[:-1])
    folder.add(usage(2))
    assert len(path.read_text().splitlines()) == 4 and inputs(folder) == [2]


def test_a_snapshot_that_lacks_a_row_does_not_count_and_is_told(folder: BillingFolder) -> None:
    folder.add(usage(1))
    folder.add(usage(5, 6))
    path = folder.path("usage", DAY)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:3], *lines[4:]]))
    assert inputs(folder) == [1]
    assert [str(bad) for bad in folder.problems()] == [
        f"{path}: line 4: says 2 rows, which do not stand above it: the reading does not count"
    ]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"tokens_input": "12"}, "a row's tokens_input is no such number"),
        ({"tokens_input": -1}, "a row's tokens_input is no such number"),
        ({"tokens_input": 1.5}, "a row's tokens_input is no such number"),
        ({"model": 3}, "a row's model is no text"),
    ],
)
def test_a_row_that_is_wrong_does_not_count(folder: BillingFolder, wrong: dict[str, Any], why: str) -> None:
    folder.add(usage(1))
    folder.add(Snapshot("usage", DAY, [{"model": "m", "tokens_input": 5} | wrong], OVER, "analytics"))
    assert inputs(folder) == [1]
    (bad,) = folder.problems()
    assert bad.reason == f"{why}: the reading does not count"


@pytest.mark.parametrize("line", [b"\x00\x00\x00", b"no json", b'{"day": "2026-11-', b'["complete"]'])
def test_a_line_that_is_no_object_is_told_and_costs_no_neighbour(folder: BillingFolder, line: bytes) -> None:
    folder.add(usage(1))
    path = folder.path("usage", DAY)
    path.write_bytes(path.read_bytes() + line + b"\n")
    assert inputs(folder) == [1]
    assert [(bad.line, bad.reason) for bad in folder.problems()] == [(3, "is no JSON object")]


def test_files_of_others_are_left_alone(folder: BillingFolder) -> None:
    folder.add(usage(1))
    for name in ("usage-2026-13-45.jsonl", "usage.jsonl", "usage-2026-11-20.jsonl.bak", "sync.jsonl"):
        (folder.folder / name).write_text("?")
    assert folder.days("usage") == [DAY]


def test_the_version_changes_with_every_snapshot_and_only_then(folder: BillingFolder) -> None:
    seen = [folder.version]
    folder.add(usage(1))
    seen += [folder.version, folder.version]
    folder.add(usage(2))
    seen.append(folder.version)
    assert len(set(seen)) == 3 and seen[1] == seen[2]


def test_many_at_once_leave_only_whole_snapshots(folder: BillingFolder) -> None:
    def work(number: int) -> None:
        own = BillingFolder(folder.folder)
        for turn in range(5):
            own.add(usage(*[number * 100 + turn] * 50))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = inputs(folder)
    assert found is not None and len(found) == 50 and len(set(found)) == 1
    assert list(folder.problems()) == []


def test_a_full_disk_leaves_a_piece_that_never_counts_and_stays(
    folder: BillingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.add(usage(1))
    path = folder.path("usage", DAY)
    before = path.read_bytes()
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, text: real(file, text[:50]))
    with pytest.raises(FolderError, match=r"cannot be written: No space left on device"):
        folder.add(usage(2, 3))
    monkeypatch.undo()
    torn = path.read_bytes()
    assert torn.startswith(before) and len(torn) == len(before) + 50 and inputs(folder) == [1]
    assert folder.add(usage(2, 3)) and inputs(folder) == [2, 3]
    assert path.read_bytes().startswith(torn + b"\n") and list(folder.problems()) == []


def test_a_piece_that_nothing_followed_but_a_newline_is_told(folder: BillingFolder) -> None:
    folder.add(usage(1))
    path = folder.path("usage", DAY)
    path.write_bytes(path.read_bytes() + b'{"day": "2026-11-20", "snaps\n')
    assert inputs(folder) == [1]
    assert [bad.line for bad in folder.problems()] == [3]
    folder.add(usage(2))
    assert inputs(folder) == [2] and list(folder.problems()) == []


def test_a_reading_by_a_clock_that_was_ahead_is_followed_by_one_that_says_the_same(
    folder: BillingFolder,
) -> None:
    folder.add(usage(1, read_at=SETTLED + timedelta(days=300)))
    assert folder.add(usage(1, read_at=SETTLED)) and not folder.add(usage(1, read_at=SETTLED))


def test_a_folder_that_is_a_file_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "billing").write_text("")
    with pytest.raises(FolderError, match="billing: cannot be read: Not a directory"):
        BillingFolder(tmp_path / "billing").days("usage")


def test_the_recipe_of_the_docstring_gives_the_newest_rows(folder: BillingFolder) -> None:
    if not shutil.which("jq"):
        pytest.skip("jq is not installed")
    folder.add(usage(1, 2))
    with folder.path("usage", DAY).open("a") as file:
        file.write('{"day": "2026-11-20", "snaps')
    folder.add(usage(3, 4))
    recipe = snapshots.__doc__.split("jq -nR '")[1].split("'")[0]
    done = subprocess.run(
        ["jq", "-nR", recipe, str(folder.path("usage", DAY))], capture_output=True, text=True, check=True
    )
    assert [row["tokens_input"] for row in json.loads(done.stdout)] == [3, 4]
