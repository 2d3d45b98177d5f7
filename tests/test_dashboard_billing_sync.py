"""Sync: nothing partial counts, nothing is read twice for nothing, and in the end the folder holds the truth."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard.billing import day_file
from dashboard.billing.api_errors import (
    BetaMissing,
    ConnectionCut,
    Forbidden,
    KeepsChanging,
    NoAdminKey,
    RateLimited,
    Refused,
    ReportError,
    ServerTrouble,
    ShapeChanged,
)
from dashboard.billing.billed import load
from dashboard.billing.busy import BusyError, is_busy, only_one
from dashboard.billing.client import Names, Reports
from dashboard.billing.day_file import append
from dashboard.billing.grid import young
from dashboard.billing.plan import Held
from dashboard.billing.snapshots import KINDS, BillingFolder, Kind, Snapshot
from dashboard.billing.sync import held_of, sync
from dashboard.billing.sync_log import SyncLog, failures
from dashboard.errors import FolderError
from tests.reports_double import Clock, FakeReports

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOW.date()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def reports(clock: Clock) -> FakeReports:
    """A call at 10:00 (UTC) of each of 40 days."""
    return FakeReports(clock, [NOW - timedelta(days=back, hours=2) for back in range(40)])


def files(folder: Path) -> dict[str, bytes]:
    """The day files and what is in them."""
    return {file.name: file.read_bytes() for file in folder.glob("*-2*.jsonl")}


def billed_calls(folder: Path) -> dict[date, tuple[int, float]]:
    """Day -> calls and USD, of days with calls."""
    billed = load(BillingFolder(folder))
    usage, cost = (
        billed.usage.groupby("day")["requests"].sum(),
        billed.cost.groupby("day")["amount_usd"].sum(),
    )
    assert list(usage.index) == list(cost.index)
    return {day.date(): (int(calls), round(cost[day], 4)) for day, calls in usage.items()}


def test_every_day_is_there_afterwards(tmp_path: Path, reports: FakeReports, clock: Clock) -> None:
    done = sync(reports.open, tmp_path, clock=clock)
    assert (done.outcome, len(done.days), done.rows, round(done.usd, 2)) == ("ok", 30, 60, 0.30)
    assert len(load(BillingFolder(tmp_path)).days) == 30
    usage = load(BillingFolder(tmp_path)).usage
    assert set(usage["workspace"]) == {"Night"} and set(usage["api_key"]) == {"pi"}


def test_a_second_sync_adds_no_byte_and_asks_for_four_days(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    sync(reports.open, tmp_path, clock=clock)
    before = files(tmp_path)
    reports.asked.clear()
    clock.move(minutes=30)
    done = sync(reports.open, tmp_path, clock=clock)
    assert files(tmp_path) == before
    assert [one[1:3] for one in reports.asked] == [(TODAY - timedelta(days=3), TODAY)] * 2
    assert not any(one.changed for one in done.days) and done.snapshots == 0


def test_a_day_is_young_until_it_was_read_a_day_after_its_end_also_with_the_same_numbers(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    days = [TODAY - timedelta(days=1), TODAY]
    sync(reports.open, tmp_path, clock=clock)
    assert young(load(BillingFolder(tmp_path)), days[0])
    clock.move(hours=12)
    sync(reports.open, tmp_path, clock=clock)
    assert [young(load(BillingFolder(tmp_path)), day) for day in days] == [False, True]


def test_newer_numbers_of_a_day_win(tmp_path: Path, reports: FakeReports, clock: Clock) -> None:
    reports.late = {1}
    sync(reports.open, tmp_path, clock=clock)
    yesterday = TODAY - timedelta(days=1)
    assert yesterday not in billed_calls(tmp_path)
    reports.late = set()
    done = sync(reports.open, tmp_path, clock=clock)
    assert billed_calls(tmp_path)[yesterday] == (1, 0.01)
    assert [(one.day, one.before, one.usd) for one in done.days if one.changed] == [(yesterday, 0, 0.01)]


@pytest.mark.parametrize("behind", [KINDS, KINDS[:1], KINDS[1:]])
def test_numbers_that_are_older_than_those_held_replace_none(
    tmp_path: Path, reports: FakeReports, clock: Clock, behind: tuple[Kind, ...]
) -> None:
    reports.refreshed = dict.fromkeys(KINDS, NOW - timedelta(hours=1))
    sync(reports.open, tmp_path, clock=clock)
    before = files(tmp_path)
    clock.move(minutes=30)
    known, reports.calls = reports.calls, []
    reports.refreshed |= dict.fromkeys(behind, NOW - timedelta(hours=50))
    done = sync(reports.open, tmp_path, clock=clock)
    assert (files(tmp_path), done.outcome, done.days, done.kept) == (before, "ok", (), 4)
    assert done.remarks == (
        "Of 4 days from 2026-11-19 to 2026-11-22 Anthropic told older numbers than are here, which stay: "
        "sync again later.",
    )
    reports.calls = [*known, NOW + timedelta(minutes=10)]
    reports.refreshed = dict.fromkeys(KINDS, NOW + timedelta(minutes=20))
    done = sync(reports.open, tmp_path, clock=clock)
    assert (done.kept, done.remarks, len(done.days)) == (0, (), 4)
    assert billed_calls(tmp_path)[TODAY] == (2, 0.02)


def test_only_the_days_that_are_held_newer_stay(tmp_path: Path, reports: FakeReports, clock: Clock) -> None:
    reports.refreshed = dict.fromkeys(KINDS, NOW)
    sync(reports.open, tmp_path, clock=clock, days=1)
    reports.refreshed = dict.fromkeys(KINDS, NOW - timedelta(hours=1))
    told: list[tuple[int, int]] = []
    done = sync(reports.open, tmp_path, clock=clock, days=3, tell=lambda *at: told.append(at[:2]))
    assert (len(done.days), done.kept, told[-1]) == (2, 1, (3, 3))
    assert done.remarks[0].startswith("Of 2026-11-22 Anthropic told older numbers")


@pytest.mark.parametrize("moments", [(None, NOW), (NOW, None), (NOW + timedelta(days=300), NOW)])
def test_numbers_count_where_no_moment_tells_that_they_are_older(
    tmp_path: Path, reports: FakeReports, clock: Clock, moments: tuple[datetime | None, ...]
) -> None:
    """Not told, or told of times to come."""
    for at in moments:
        reports.refreshed = dict.fromkeys(KINDS, at) if at else {}
        reports.calls.append(NOW)
        done = sync(reports.open, tmp_path, clock=clock)
    assert done.kept == 0 and billed_calls(tmp_path)[TODAY] == (3, 0.03)


@pytest.mark.parametrize("place", range(6))
def test_what_breaks_off_leaves_no_half_day_and_goes_on_there(
    tmp_path: Path, reports: FakeReports, clock: Clock, place: int
) -> None:
    """Three chunks of ten days are read, usage and cost of each; the fault comes after a first page."""
    reports.faults = [None] * place + [ConnectionCut("there")]
    done = sync(reports.open, tmp_path, clock=clock)
    whole = place // 2 * 10
    assert isinstance(done.error, ConnectionCut)
    assert (done.outcome, len(done.days)) == ("partial" if whole else "failed", whole)
    assert len(files(tmp_path)) == 2 * whole == 2 * len(load(BillingFolder(tmp_path)).days)
    reports.asked.clear()
    sync(reports.open, tmp_path, clock=clock)
    assert len(load(BillingFolder(tmp_path)).days) == 30
    days_again = sum((until - since).days + 1 for kind, since, until, _ in reports.asked if kind == "cost")
    assert days_again == 30 - whole + (4 if whole else 0), "what was read whole is not read again"


def test_days_that_are_in_trouble_themselves_do_not_keep_others_from_being_read(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    reports.faults = [ShapeChanged("there", "data", "is null")]
    done = sync(reports.open, tmp_path, clock=clock)
    assert isinstance(done.error, ShapeChanged) and len(done.days) == 20
    assert min(load(BillingFolder(tmp_path)).days) == TODAY - timedelta(days=29)


def test_numbers_that_keep_changing_do_not_keep_other_days_from_being_read(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    reports.faults = [KeepsChanging("there", 4)]
    done = sync(reports.open, tmp_path, clock=clock)
    assert isinstance(done.error, KeepsChanging) and len(done.days) == 20


def test_a_key_that_is_refused_is_not_tried_again_and_again(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    reports.faults = [Refused("there")] * 9
    assert isinstance(sync(reports.open, tmp_path, clock=clock).error, Refused)
    assert len(reports.asked) == 1


def test_without_the_newer_reports_the_older_ones_are_read(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    reports.beta = BetaMissing("there", 404)
    done = sync(reports.open, tmp_path, clock=clock)
    billed = load(BillingFolder(tmp_path))
    assert (done.outcome, done.generations, len(done.days)) == ("ok", ["legacy"], 30)
    assert {one.generation for one in billed.cost_days.values()} == {"legacy"}
    assert set(billed.usage["workspace_id"]) == {"w1"}, "null is the default workspace"
    assert len(reports.asked) == 1 + 2 * 3, "the newer ones are asked for once"


def test_the_beta_that_ends_between_usage_and_cost_writes_no_day_of_both(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    reports.faults = [None, BetaMissing("there", 404)]
    done = sync(reports.open, tmp_path, clock=clock)
    billed = load(BillingFolder(tmp_path))
    assert done.generations == ["legacy"]
    assert {one.generation for one in billed.usage_days.values()} == {"legacy"}


def test_days_held_whole_from_the_newer_reports_stay_when_these_end(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    sync(reports.open, tmp_path, clock=clock, days=5)
    reports.beta = BetaMissing("there", 404)
    clock.move(days=1)
    done = sync(reports.open, tmp_path, clock=clock, days=6)
    read = load(BillingFolder(tmp_path)).cost_days
    assert [one.generation for _, one in sorted(read.items())] == [*["analytics"] * 4, "legacy", "legacy"]
    assert (done.outcome, done.kept) == ("ok", 4)


def test_names_that_may_not_be_read_leave_ids_and_a_remark(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    reports.no_names = Forbidden("the names")
    done = sync(reports.open, tmp_path, clock=clock)
    usage = load(BillingFolder(tmp_path)).usage
    assert done.outcome == "ok" and "go by their ids" in done.remarks[0]
    assert (set(usage["workspace_id"]), set(usage["workspace"])) == ({"w1"}, {""})


@pytest.mark.parametrize("trouble", [Refused("the names"), ServerTrouble("the names", 500)])
def test_names_that_another_try_may_bring_end_the_sync(
    tmp_path: Path, reports: FakeReports, clock: Clock, trouble: ReportError
) -> None:
    reports.no_names = trouble
    assert sync(reports.open, tmp_path, clock=clock).error is trouble
    assert reports.asked == []


def test_a_name_once_known_outlasts_names_that_cannot_be_read(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    sync(reports.open, tmp_path, clock=clock)
    before = files(tmp_path)
    reports.no_names = Forbidden("the names")
    sync(reports.open, tmp_path, clock=clock)
    assert files(tmp_path) == before


def test_a_renamed_key_has_its_new_name_on_all_days(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    sync(reports.open, tmp_path, clock=clock)
    reports.called = Names({"w1": "Night"}, {"k1": "raspberry"}, "w1")
    sync(reports.open, tmp_path, clock=clock)
    assert set(load(BillingFolder(tmp_path)).usage["api_key"]) == {"raspberry"}


def test_a_renamed_key_is_no_changed_bill(tmp_path: Path, reports: FakeReports, clock: Clock) -> None:
    sync(reports.open, tmp_path, clock=clock)
    reports.called = Names({"w1": "Night"}, {"k1": "raspberry"}, "w1")
    done = sync(reports.open, tmp_path, clock=clock)
    assert done.days and not any(one.changed for one in done.days)


def test_sentences_about_names_end_once(tmp_path: Path, reports: FakeReports, clock: Clock) -> None:
    reports.no_names = ShapeChanged("there", "data", "is null")
    (remark,) = sync(reports.open, tmp_path, clock=clock).remarks
    assert "?." not in remark and remark.endswith("shape. New keys and workspaces go by their ids.")


def test_days_read_by_a_clock_that_was_ahead_are_read_again(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    clock.move(days=200)
    known, reports.calls = reports.calls, []
    sync(reports.open, tmp_path, clock=clock, days=260)
    reports.calls = known
    clock.move(days=-200)
    assert sync(reports.open, tmp_path, clock=clock, days=40).error is None
    assert sum(calls for calls, _ in billed_calls(tmp_path).values()) == 40


def test_a_key_of_another_organisation_is_told(tmp_path: Path, reports: FakeReports, clock: Clock) -> None:
    assert sync(reports.open, tmp_path, clock=clock).remarks == ()
    reports.name = "Day Works"
    (remark,) = sync(reports.open, tmp_path, clock=clock).remarks
    assert "were of the organisation Night Works, the key is of Day Works" in remark
    assert sync(reports.open, tmp_path, clock=clock).remarks == (), "once"


# The log of attempts


def test_every_attempt_is_noted(tmp_path: Path, reports: FakeReports, clock: Clock) -> None:
    reports.faults = [None, None, RateLimited("there", 90.0)]
    sync(reports.open, tmp_path, clock=clock)
    clock.move(minutes=2)
    sync(reports.open, tmp_path, clock=clock, by="server")
    first, second = SyncLog(tmp_path).attempts()
    assert (first.by, first.outcome, first.planned, len(first.read)) == ("command", "partial", 30, 10)
    assert (first.error_type, first.retry_after, first.generations) == ("RateLimited", 90.0, ("analytics",))
    assert (first.rows, first.snapshots, first.pages, first.usd) == (20, 20, 3, 0.1)
    assert (second.by, second.outcome, len(second.read), second.error) == ("server", "ok", 24, "")
    assert failures([first]) == 1 and failures([first, second]) == 0


def test_without_a_key_nothing_is_asked_and_the_attempt_is_noted(tmp_path: Path, clock: Clock) -> None:
    def no_key() -> AbstractContextManager[Reports]:
        raise NoAdminKey

    done = sync(no_key, tmp_path, clock=clock)
    assert isinstance(done.error, NoAdminKey) and done.outcome == "failed"
    assert [one.error_type for one in SyncLog(tmp_path).attempts()] == ["NoAdminKey"]


def test_what_ends_a_sync_from_outside_is_noted_and_goes_on(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    def interrupt(done: int, planned: int, rows: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(reports.open, tmp_path, clock=clock, tell=interrupt)
    (attempt,) = SyncLog(tmp_path).attempts()
    assert (attempt.outcome, attempt.error_type, len(attempt.read)) == ("stopped", "KeyboardInterrupt", 10)
    assert len(load(BillingFolder(tmp_path)).days) == 10


def test_a_disk_that_is_full_is_an_error_and_costs_no_day_that_was_there(
    tmp_path: Path, reports: FakeReports, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(reports.open, tmp_path, clock=clock)
    reports.calls.append(NOW + timedelta(hours=1))
    clock.move(hours=2)
    real = os.write

    def full(file: int, text: bytes) -> int:
        return real(file, text if b'"event"' in text else text[:9])

    monkeypatch.setattr(os, "write", full)
    done = sync(reports.open, tmp_path, clock=clock)
    assert isinstance(done.error, FolderError) and "No space left" in str(done.error)
    monkeypatch.undo()
    assert billed_calls(tmp_path)[TODAY] == (1, 0.01)
    assert SyncLog(tmp_path).attempts()[-1].outcome == "failed"
    assert sync(reports.open, tmp_path, clock=clock).outcome == "ok"
    assert billed_calls(tmp_path)[TODAY] == (2, 0.02)


def _torn(path: Path, text: bytes) -> None:
    """A process that is killed before a cost is written."""
    if path.name.startswith("cost-"):
        raise KeyboardInterrupt
    append(path, text)


def _full(path: Path, text: bytes) -> None:
    """A disk that is full when a cost is written."""
    if path.name.startswith("cost-"):
        raise FolderError(path, "cannot be written: No space left on device")
    append(path, text)


@pytest.mark.parametrize("torn", [_torn, _full])
def test_a_day_whose_cost_was_not_written_counts_as_read_before_and_is_read_again(
    tmp_path: Path, reports: FakeReports, clock: Clock, monkeypatch: pytest.MonkeyPatch, torn: Any
) -> None:
    sync(reports.open, tmp_path, clock=clock)
    clock.move(hours=2)
    reports.calls.append(NOW + timedelta(hours=1))
    monkeypatch.setattr(day_file, "append", torn)
    with suppress(KeyboardInterrupt):
        assert sync(reports.open, tmp_path, clock=clock).outcome == "failed"
    monkeypatch.undo()
    assert billed_calls(tmp_path)[TODAY] == (1, 0.01)
    clock.move(hours=1)
    (day,) = (one for one in sync(reports.open, tmp_path, clock=clock).days if one.changed)
    assert (day.day, day.before, day.usd) == (TODAY, 0.01, 0.02)
    assert billed_calls(tmp_path)[TODAY] == (2, 0.02)


def test_a_day_without_a_common_reading_is_not_held(tmp_path: Path) -> None:
    folder, day = BillingFolder(tmp_path), TODAY - timedelta(days=9)
    usage, cost = (Snapshot(kind, day, [], NOW, "analytics") for kind in KINDS)
    folder.add(usage)
    assert held_of(folder, day, NOW) is None
    folder.add(replace(cost, read_at=NOW - timedelta(hours=1)))
    assert held_of(folder, day, NOW) is None
    folder.add(usage, cost)
    assert held_of(folder, day, NOW) == Held("analytics", over=True, settled=True)


def test_an_end_that_cannot_be_noted_is_what_went_wrong(
    tmp_path: Path, reports: FakeReports, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, text: real(file, text[:9] if b'"ended"' in text else text))
    done = sync(reports.open, tmp_path, clock=clock)
    assert isinstance(done.error, FolderError) and "sync.jsonl: cannot be written" in str(done.error)
    assert (done.outcome, len(done.days)) == ("partial", 30)
    monkeypatch.undo()
    log = SyncLog(tmp_path)
    assert [one.outcome for one in log.attempts()] == [None]
    assert sync(reports.open, tmp_path, clock=clock).error is None
    assert [one.outcome for one in log.attempts()] == [None, "ok"]
    assert log.problems() == [], "a sync that worked makes up for the piece before it"


def test_a_disk_that_takes_nothing_is_said_before_anything_is_asked(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    (tmp_path / "billing").write_text("")
    with pytest.raises(FolderError, match="billing: cannot be written"):
        sync(reports.open, tmp_path / "billing", clock=clock)
    assert reports.asked == []


def test_only_one_sync_at_a_time(tmp_path: Path, reports: FakeReports, clock: Clock) -> None:
    assert not is_busy(tmp_path)
    with only_one(tmp_path):
        assert is_busy(tmp_path)
        with pytest.raises(BusyError, match="another sync is at work"):
            sync(reports.open, tmp_path, clock=clock)
    assert not is_busy(tmp_path) and not SyncLog(tmp_path).attempts()


def test_lines_of_the_log_that_mean_nothing_cost_no_attempt(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    sync(reports.open, tmp_path, clock=clock)
    with (tmp_path / "sync.jsonl").open("a") as file:
        file.write('?\n{"event":"started"}\n{"event":"ended","attempt":"x","at":"2026-11-22T12:00:00Z"}\n')
        file.write('{"event":"read","attempt":"x","at":"never","since":"0001-01-01","until":"9999-01-01"}\n')
    log = SyncLog(tmp_path)
    assert [one.outcome for one in log.attempts()] == ["ok"]
    assert log.problems() == [f"{tmp_path / 'sync.jsonl'}: line 6: is no JSON object"]
