"""Whatever happens between syncs and in them: in the end the folder holds the truth of all settled days."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.billing import day_file
from dashboard.billing.api_errors import (
    BetaMissing,
    ConnectionCut,
    RateLimited,
    ServerTrouble,
    ShapeChanged,
)
from dashboard.billing.billed import load
from dashboard.billing.day_file import append
from dashboard.billing.snapshots import BillingFolder, end_of
from dashboard.billing.sync import Done, sync
from tests.reports_double import Clock, FakeReports


def files(folder: Path) -> dict[str, bytes]:
    """The day files and what is in them."""
    return {file.name: file.read_bytes() for file in folder.glob("*-2*.jsonl")}


_STEP = st.one_of(
    st.tuples(st.just("hours"), st.integers(1, 20)),
    st.tuples(st.just("calls"), st.integers(1, 5)),
    st.tuples(st.just("late"), st.integers(1, 3)),
    st.tuples(st.just("counted"), st.just(0)),
    st.tuples(st.just("sync"), st.integers(0, 5)),
    st.tuples(st.just("beta ends"), st.just(0)),
    st.tuples(st.just("stopped"), st.integers(0, 3)),
    st.tuples(st.just("killed"), st.integers(0, 9)),
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
            _one_reading_each(folder)
        reports.faults, reports.late = [], set()
        clock.move(days=4)
        assert sync(reports.open, folder, clock=clock, days=20).error is None
        before = files(folder)
        clock.move(minutes=1)
        sync(reports.open, folder, clock=clock, days=20)
        assert files(folder) == before
        billed = load(BillingFolder(folder))
        for day in billed.days:
            assert billed.cost_days[day].over == (end_of(day) <= clock())
        found = {day: calls for day, (calls, _) in _counted(folder).items()}
        days = [clock().date() - timedelta(days=back) for back in range(20)]
        assert found == {day: reports.truth(day) for day in days if reports.truth(day)}


def _one_reading_each(folder: Path) -> None:
    billed = load(BillingFolder(folder))
    assert all(billed.usage_days[day] == billed.cost_days[day] for day in billed.days)


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

    def killed(path: Path, text: bytes) -> None:
        left[0] -= 1
        if what == "killed" and left[0] < 0:
            raise KeyboardInterrupt
        append(path, text)

    try:
        with patch.object(day_file, "append", killed):
            return sync(reports.open, folder, clock=clock, days=20, tell=tell)
    except KeyboardInterrupt:
        return None
    finally:
        reports.faults = []
