"""Sync: nothing partial counts, nothing is read twice for nothing, and in the end the folder holds the truth."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.billing.api_errors import (
    BetaMissing,
    ConnectionCut,
    Forbidden,
    NoAdminKey,
    RateLimited,
    Refused,
    ReportError,
    ServerTrouble,
    ShapeChanged,
)
from dashboard.billing.billed import load
from dashboard.billing.busy import BusyError, is_busy, only_one
from dashboard.billing.client import AnthropicReports, Names, Reports
from dashboard.billing.snapshots import BillingFolder, end_of
from dashboard.billing.sync import Done, sync
from dashboard.billing.sync_log import SyncLog, failures
from dashboard.errors import FolderError
from tests.admin_api import AdminServer, busy, changed, cut, serving, status
from tests.billed_org import ADMIN_KEY, BilledCall, Organisation
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


def test_newer_numbers_of_a_day_win(tmp_path: Path, reports: FakeReports, clock: Clock) -> None:
    reports.late = {1}
    sync(reports.open, tmp_path, clock=clock)
    yesterday = TODAY - timedelta(days=1)
    assert yesterday not in billed_calls(tmp_path)
    reports.late = set()
    done = sync(reports.open, tmp_path, clock=clock)
    assert billed_calls(tmp_path)[yesterday] == (1, 0.01)
    assert [(one.day, one.before, one.usd) for one in done.days if one.changed] == [(yesterday, 0, 0.01)]


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


# A clock that is wrong


@pytest.mark.parametrize("beta", [True, False])
def test_a_clock_that_was_ahead_leaves_no_day_to_come_and_no_day_too_early(
    tmp_path: Path, beta: bool
) -> None:
    org = organisation()
    org.beta = beta
    clock, theirs = Clock(NOW + timedelta(days=20)), Clock(NOW)
    with serving(org, theirs) as server:

        def opened() -> AnthropicReports:
            return AnthropicReports(ADMIN_KEY, base_url=server.url, now=clock)

        done = sync(opened, tmp_path, clock=clock)
        read = load(BillingFolder(tmp_path)).cost_days
        assert done.error is None and max(read) == TODAY and not read[TODAY].over
        assert "2026-11-23 has not begun at Anthropic: this machine's clock is ahead" in done.remarks[-1]
        org.calls.append(BilledCall(NOW + timedelta(hours=3), tokens_output=77))
        org.calls.append(BilledCall(NOW + timedelta(days=3), tokens_output=50))
        clock.time = theirs.time = NOW + timedelta(days=8)
        done = sync(opened, tmp_path, clock=clock)
    assert done.error is None and "clock" not in "".join(done.remarks)
    assert held(tmp_path) == truth(org, date(2026, 1, 1))
    assert max(load(BillingFolder(tmp_path)).days) == clock().date()


def test_days_read_by_a_clock_that_was_ahead_are_read_again(
    tmp_path: Path, reports: FakeReports, clock: Clock
) -> None:
    clock.move(days=200)
    known, reports.calls = reports.calls, []
    sync(reports.open, tmp_path, clock=clock, days=230)
    reports.calls = known
    clock.move(days=-200)
    assert sync(reports.open, tmp_path, clock=clock).error is None
    assert sum(calls for calls, _ in billed_calls(tmp_path).values()) == 30


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


# With the real client


def organisation(days: int = 12) -> Organisation:
    """A few calls on each of some days."""
    models = ("claude-opus-5-5", "claude-haiku-4-5")
    calls = [
        BilledCall(
            NOW - timedelta(days=day, hours=3 + n), model, tokens_input=1000 * n + day, tokens_output=300
        )
        for day in range(days)
        for n, model in enumerate(models)
    ]
    return Organisation(calls)


def opened(server: AdminServer, **more: Any) -> Callable[[], AnthropicReports]:
    """Opens the real client on the server."""
    return lambda: AnthropicReports(ADMIN_KEY, base_url=server.url, now=lambda: NOW, **more)


def truth(org: Organisation, since: date) -> tuple[int, float]:
    """Output tokens and USD of the books, since a day."""
    calls = sum(call.tokens_output for call in org.calls if call.time.date() >= since)
    return calls, round(sum(float(p.amount) / 100 for p in org.parts() if p.source.time.date() >= since), 6)


def held(folder: Path) -> tuple[int, float]:
    """Output tokens and USD of the folder."""
    billed = load(BillingFolder(folder))
    return int(billed.usage["tokens_output"].sum()), round(float(billed.cost["amount_usd"].sum()), 6)


@pytest.mark.parametrize("beta", [True, False])
def test_the_real_client_brings_the_truth_of_either_generation(tmp_path: Path, beta: bool) -> None:
    org = organisation()
    org.beta = beta
    with serving(org, NOW) as server:
        done = sync(opened(server, page_size=3), tmp_path, clock=lambda: NOW)
        before = files(tmp_path)
        again = sync(opened(server), tmp_path, clock=lambda: NOW)
    assert (done.error, again.error, files(tmp_path)) == (None, None, before)
    assert done.generations == ["analytics" if beta else "legacy"]
    assert held(tmp_path) == truth(org, date(2026, 1, 1))
    workspaces = set(load(BillingFolder(tmp_path)).usage["workspace"])
    assert workspaces == {"Default"}


FAULTS = {
    "429": [status(429, "slow down", retry_after="3600")],
    "cut": [cut()] * 9,
    "5xx": [busy(500)] * 9,
    "shape": [changed(lambda body: body.pop("data"))] * 30,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", [4, 6, 9])
def test_a_fault_in_any_page_leaves_only_whole_days_and_the_next_sync_goes_on(
    tmp_path: Path, fault: str, place: int
) -> None:
    org = organisation()
    with serving(org, NOW) as server:
        server.says(*[None] * place, *FAULTS[fault])
        done = sync(opened(server, page_size=4, max_retries=0), tmp_path, clock=lambda: NOW)
        assert done.error, "the fault was met"
        days = load(BillingFolder(tmp_path)).days
        assert len(days) == len(done.days)
        partial_truth = sum(call.tokens_output for call in org.calls if call.time.date() in days)
        assert held(tmp_path)[0] == partial_truth
        server.says()
        server._script.clear()
        assert sync(opened(server), tmp_path, clock=lambda: NOW).error is None
    assert held(tmp_path) == truth(org, date(2026, 1, 1))


KILLED = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from dashboard.billing.client import AnthropicReports
from dashboard.billing.sync import sync
url, folder = sys.argv[1:]
now = lambda: datetime(2026, 11, 22, 12, tzinfo=UTC)
sync(lambda: AnthropicReports("sk-ant-admin01-test-key-of-the-books", base_url=url, now=now),
     Path(folder), clock=now)
"""


def test_kill_9_in_the_middle_leaves_whole_days_and_a_start_without_an_end(tmp_path: Path) -> None:
    from tests.admin_api import held as never_answered

    org, forever = organisation(), threading.Event()
    with serving(org, NOW) as server:
        server.says(*[None] * 8, never_answered(forever))
        child = subprocess.Popen([sys.executable, "-c", KILLED, server.url, str(tmp_path)])
        try:
            while len(server.requests) < 9:
                assert child.poll() is None, "it ended by itself"
                threading.Event().wait(0.01)
            assert is_busy(tmp_path)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
            forever.set()
        (attempt,) = SyncLog(tmp_path).attempts()
        billed = load(BillingFolder(tmp_path))
        assert (attempt.outcome, attempt.ended, len(attempt.read)) == (None, None, len(billed.days))
        assert not is_busy(tmp_path) and 0 < len(billed.days) < 30 and billed.problems == ()
        assert sync(opened(server), tmp_path, clock=lambda: NOW).error is None
    assert held(tmp_path) == truth(org, date(2026, 1, 1))


# Whatever happens


_STEP = st.one_of(
    st.tuples(st.just("hours"), st.integers(1, 20)),
    st.tuples(st.just("calls"), st.integers(1, 5)),
    st.tuples(st.just("late"), st.integers(1, 3)),
    st.tuples(st.just("counted"), st.just(0)),
    st.tuples(st.just("sync"), st.integers(0, 5)),
    st.tuples(st.just("beta ends"), st.just(0)),
    st.tuples(st.just("stopped"), st.integers(0, 3)),
)
_FAULTS = (ConnectionCut("x"), RateLimited("x", None), ShapeChanged("x", "y", "z"), ServerTrouble("x", 500))


@settings(max_examples=20, deadline=None)
@given(st.lists(_STEP, max_size=12))
def test_whatever_happens_the_folder_holds_the_truth_of_all_settled_days(
    steps: list[tuple[str, int]],
) -> None:
    """Time passes, calls come and some are counted late, syncs meet faults or are stopped; then all is well."""
    clock = Clock(datetime(2026, 11, 1, 12, tzinfo=UTC))
    reports = FakeReports(clock)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, number in steps:
            _step(reports, clock, folder, what, number)
        reports.faults, reports.late = [], set()
        clock.move(days=4)
        assert sync(reports.open, folder, clock=clock, days=20).error is None
        before = files(folder)
        clock.move(minutes=1)
        sync(reports.open, folder, clock=clock, days=20)
        assert files(folder) == before
        billed = load(BillingFolder(folder))
        for day in billed.days:
            same = billed.usage_days[day].generation == billed.cost_days[day].generation
            assert same and billed.cost_days[day].over == (end_of(day) <= clock())
        found = {day: calls for day, (calls, _) in _counted(folder).items()}
        days = [clock().date() - timedelta(days=back) for back in range(20)]
        assert found == {day: reports.truth(day) for day in days if reports.truth(day)}


def _counted(folder: Path) -> dict[date, tuple[int, float]]:
    billed = load(BillingFolder(folder))
    tokens = billed.usage.groupby("day")["tokens_output"].sum()
    cents = billed.cost.groupby("day")["amount_usd"].sum() * 100
    assert {day: round(value) for day, value in cents.items()} == tokens.to_dict()
    return {day.date(): (int(value), value / 100) for day, value in tokens.items()}


def _step(reports: FakeReports, clock: Clock, folder: Path, what: str, number: int) -> None:
    if what == "hours":
        clock.move(hours=number)
    elif what == "calls":
        reports.calls += [clock()] * number
    elif what == "late" and reports.beta is None:
        reports.late |= set(range(len(reports.calls), len(reports.calls) + number))
        reports.calls += [clock()] * number
    elif what == "counted":
        reports.late = set()
    elif what == "beta ends":
        reports.late = set()
        _ = sync(reports.open, folder, clock=clock, days=20)
        reports.beta = BetaMissing("x", 404)
    else:
        _synced(reports, clock, folder, what, number)


def _synced(reports: FakeReports, clock: Clock, folder: Path, what: str, number: int) -> Done | None:
    reports.faults = [None] * number + [_FAULTS[number % len(_FAULTS)]] if what == "sync" else []
    left = [number]

    def tell(done: int, planned: int, rows: int) -> None:
        left[0] -= 1
        if what == "stopped" and left[0] < 0:
            raise KeyboardInterrupt

    try:
        return sync(reports.open, folder, clock=clock, days=20, tell=tell)
    except KeyboardInterrupt:
        return None
    finally:
        reports.faults = []
