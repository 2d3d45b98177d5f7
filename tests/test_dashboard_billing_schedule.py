"""The server's own syncing: when it is due, that it breaks nothing, and how its state is told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dashboard.billing import schedule as scheduling
from dashboard.billing import status
from dashboard.billing.api_errors import ConnectionCut, RateLimited
from dashboard.billing.busy import only_one
from dashboard.billing.schedule import Schedule
from dashboard.billing.sync import Done, Tell, sync
from dashboard.billing.sync_log import SyncLog
from dashboard.errors import SettingError
from tests.reports_double import Clock, FakeReports

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Server:
    """A schedule over fake reports, every 6 hours, and the syncs it made."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, Clock(NOW)
        self.reports = FakeReports(self.clock, [NOW - timedelta(days=1)])
        self.hours: Callable[[], float | None] = lambda: 6.0
        self.made = 0
        self.schedule = Schedule(folder, lambda: self.hours(), self.attempt, self.clock, first_look=0.0)

    def attempt(self, tell: Tell) -> Done:
        """One sync."""
        self.made += 1
        return sync(self.reports.open, self.folder, clock=self.clock, by="server", tell=tell)

    def look(self, **later: float) -> int:
        """Syncs made by a look some time later."""
        self.clock.move(**later)
        self.schedule.look()
        return self.made


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_it_syncs_at_once_and_then_every_so_many_hours(server: Server) -> None:
    assert [server.look(), server.look(hours=5.9), server.look(hours=0.2), server.look()] == [1, 1, 2, 2]


def test_it_never_syncs_where_it_is_not_set_and_begins_when_it_is(server: Server) -> None:
    server.hours = lambda: None
    assert server.look(days=3) == 0
    server.hours = lambda: 6.0
    assert server.look() == 1


def test_a_sync_by_a_person_or_cron_counts(server: Server) -> None:
    sync(server.reports.open, server.folder, clock=server.clock)
    assert [server.look(hours=5), server.look(hours=1.1)] == [0, 1]


def test_after_a_failure_it_tries_again_soon_and_then_less_often(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.reports.faults = [ConnectionCut("there")] * 9
    with caplog.at_level(logging.WARNING, "callmeter"):
        made = [server.look(minutes=minutes) for minutes in (0, 1, 1.1, 2, 2.1)]
    assert made == [1, 1, 2, 2, 3]
    assert server.schedule.problem == str(ConnectionCut("there"))
    assert [record.message for record in caplog.records] == [
        f"Anthropic's numbers are not synced: {ConnectionCut('there')}"
    ], "once, not at each try"
    server.reports.faults = []
    server.look(minutes=60)
    assert server.schedule.problem is None


def test_it_waits_as_long_as_anthropic_says(server: Server) -> None:
    server.reports.faults = [RateLimited("there", 3600.0)]
    assert [server.look(), server.look(minutes=59), server.look(minutes=2)] == [1, 1, 2]


def test_another_sync_at_work_is_left_alone(server: Server) -> None:
    with only_one(server.folder):
        server.look()
    assert server.schedule.problem is None and SyncLog(server.folder).attempts() == []


@pytest.mark.parametrize("error", [SettingError("callmeter.toml", "[billing]", "no such key"), OSError("?")])
def test_nothing_that_goes_wrong_leaves_the_thread(server: Server, error: Exception) -> None:
    def fail() -> float | None:
        raise error

    server.hours = fail
    server.look()
    assert server.schedule.problem in (str(error), "it failed with OSError")
    server.hours = lambda: 6.0
    assert server.look() == 1 and server.schedule.problem is None


def test_a_server_that_stops_leaves_a_sync_after_its_page(server: Server) -> None:
    asked, go_on = threading.Event(), threading.Event()
    real = server.reports.truth

    def slow(day: object) -> int:
        asked.set()
        go_on.wait()
        return real(day)  # type: ignore[arg-type]

    server.reports.truth = slow  # type: ignore[method-assign]
    with server.schedule:
        server.schedule.start()
        asked.wait()
        stopping = threading.Thread(target=server.schedule.stop)
        stopping.start()
        assert server.schedule._ended.wait(5)
        go_on.set()
        stopping.join()
    (attempt,) = SyncLog(server.folder).attempts()
    assert (attempt.outcome, attempt.error_type, attempt.by) == ("stopped", "StoppedError", "server")


def test_it_looks_again_and_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "LOOK", 0.0)
    twice = threading.Event()

    def hours() -> float | None:
        server.clock.move(hours=7)
        if server.made >= 2:
            twice.set()
        return 6.0

    server.hours = hours
    with server.schedule:
        assert twice.wait(20)


# Status

TOKYO = ZoneInfo("Asia/Tokyo")


def looked(server: Server, hours: float | None = None) -> status.Status:
    """The status now, in Tokyo."""
    return status.look(
        server.folder, server.clock().astimezone(TOKYO), hours, "found, .env: ANTHROPIC_ADMIN_API_KEY"
    )


def test_before_the_first_sync_the_status_says_what_to_do(server: Server) -> None:
    assert status.sentences(looked(server)) == [
        "Nothing was synced yet: callmeter sync reads the last 30 days.",
        "No day is here.",
        "The server does not sync by itself: sync_hours in callmeter.toml is not set.",
        "Key: found, .env: ANTHROPIC_ADMIN_API_KEY.",
    ]


def test_the_status_tells_what_worked_what_did_not_and_which_days_there_are(server: Server) -> None:
    server.look()
    server.clock.move(hours=3)
    server.reports.faults = [ConnectionCut("there")]
    sync(server.reports.open, server.folder, clock=server.clock)
    server.clock.move(minutes=1)
    for day in ("2026-11-05", "2026-11-06", "2026-11-09"):
        (server.folder / f"cost-{day}.jsonl").unlink()
    found = looked(server, 6)
    assert status.sentences(found)[:4] == [
        "Last complete sync: 2026-11-22 21:00, 3 h ago.",
        f"Last attempt: 2026-11-23 00:00, failed: {ConnectionCut('there')}.",
        "Days (UTC): 27, 24 October to 22 November 2026, from the newer reports of Night Works.",
        "Not here: 5 to 6 November 2026, 9 November 2026.",
    ]
    assert (
        status.sentences(found)[4]
        == "callmeter serve syncs every 6 h; the next time, if it runs, at 2026-11-23 00:02."
    )
    facts = status.answer(found).facts
    assert (facts["days"], facts["gaps"]) == (27, ["2026-11-05", "2026-11-06", "2026-11-09"])
    assert (facts["last_success"], facts["last_outcome"]) == ("2026-11-22T21:00:00+09:00", "failed")
    rows = status.answer(found).sheets[0].rows
    assert [(row["by"], row["outcome"], row["days_read"], row["error_type"]) for row in rows] == [
        ("command", "failed", 0, "ConnectionCut"),
        ("server", "ok", 30, None),
    ]


def test_an_attempt_without_an_end_is_at_work_or_broke_off(server: Server) -> None:
    SyncLog(server.folder).started(NOW, "command", [NOW.date()])
    assert [row["outcome"] for row in status.answer(looked(server)).sheets[0].rows] == ["broke off"]
    with only_one(server.folder):
        assert [row["outcome"] for row in status.answer(looked(server)).sheets[0].rows] == ["at work"]
        assert looked(server).busy


def test_the_last_ten_attempts_are_shown_the_newest_first(server: Server) -> None:
    for _ in range(12):
        sync(server.reports.open, server.folder, clock=server.clock, days=1)
        server.clock.move(hours=1)
    shown = status.answer(looked(server)).sheets[0].text()
    assert len(shown) == 10 and shown[0][0] == "2026-11-23 08:00"
