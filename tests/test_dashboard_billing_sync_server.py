"""Sync with the real client, on a server: either generation, any fault, kill -9, and a clock that is ahead."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard.billing.billed import load
from dashboard.billing.busy import is_busy
from dashboard.billing.client import AnthropicReports
from dashboard.billing.snapshots import BillingFolder
from dashboard.billing.sync import sync
from dashboard.billing.sync_log import SyncLog
from tests.admin_api import AdminServer, busy, changed, cut, serving, status
from tests.billed_org import ADMIN_KEY, BilledCall, Organisation
from tests.reports_double import Clock

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOW.date()


def files(folder: Path) -> dict[str, bytes]:
    """The day files and what is in them."""
    return {file.name: file.read_bytes() for file in folder.glob("*-2*.jsonl")}


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
