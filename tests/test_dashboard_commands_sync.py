"""`callmeter sync` as it is typed: its sentences, its exit codes, its status, and that no key is ever shown."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.billing import client, rules
from dashboard.billing.api_errors import ConnectionCut, KeepsChanging, RateLimited, Refused
from dashboard.billing.busy import BusyError
from dashboard.billing.snapshots import BillingFolder
from dashboard.billing.sync import DayDone, Done
from dashboard.billing.sync_log import SyncLog
from dashboard.commands import main, sync_source, sync_words
from dashboard.commands.sync import go_on
from dashboard.commands.sync_bar import bar
from dashboard.errors import FolderError, SettingError
from dashboard.settings import load
from tests.admin_api import AdminServer, serving, status
from tests.billed_org import ADMIN_KEY, WORKSPACE_KEY, BilledCall, Organisation

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = NOW.date() - timedelta(days=2)


@pytest.fixture(scope="module")
def running() -> Iterator[AdminServer]:
    """An organisation that made a call at 10:00 (UTC) on each of 35 days."""
    calls = [BilledCall(NOW - timedelta(days=day, hours=2), tokens_output=4000) for day in range(35)]
    with serving(Organisation(calls), NOW) as server:
        yield server


@pytest.fixture
def server(running: AdminServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AdminServer:
    """The organisation, where the command looks for Anthropic, and its key in the environment."""
    running._script.clear()
    running.requests.clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ANTHROPIC_ADMIN_API_KEY", ADMIN_KEY)
    monkeypatch.setattr(client, "ADDRESS", running.url)
    monkeypatch.setattr(sync_source, "now", lambda: NOW)
    return running


def test_a_first_sync_and_a_second_one(server: AdminServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync"]) == 0
    first = capsys.readouterr()
    lines = first.out.splitlines()
    assert (
        lines[0].startswith("Read 30 days (UTC), ")
        and "from Anthropic's newer reports: 60 rows, $" in lines[0]
    )
    assert lines[1].startswith("New: 30 days, $") and len(lines) == 2
    assert first.err == ""
    assert main(["sync"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["Nothing changed since last time."]
    assert len(BillingFolder(Path("logs/billing")).days("cost")) == 30


def test_json_of_a_sync_and_of_its_status(server: AdminServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", "--days", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["outcome"], said["days_read"], said["rows"], said["generations"]) == (
        "ok",
        3,
        6,
        ["analytics"],
    )
    assert len(said["days_new"]) == 3 and said["error"] is None and said["usd"] > 0
    assert main(["sync", "status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["days"], told["gaps"], told["last_outcome"]) == (3, [], "ok")
    assert told["attempts"][0]["new_snapshots"] == 6


def test_what_fails_exits_with_1_and_says_what_was_kept(
    server: AdminServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.says(*[None] * 6, status(429, "slow", retry_after="3600"))
    assert main(["sync"]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "Read whole and kept: 10 of 30 days."
    assert said.err.splitlines()[-1].endswith("too many requests for now (429); try again in 60 min")
    assert main(["sync", "status"]) == 0
    told = capsys.readouterr().out
    assert "No sync has worked yet." in told and "partial" in told and "rate limited" in told


def test_retries_are_told_on_stderr(server: AdminServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.says(None, status(529, "busy", retry_after_ms="1"))
    assert main(["sync", "--days", "1"]) == 0
    assert "is overloaded (529): trying again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("", "no Admin API key: set ANTHROPIC_ADMIN_API_KEY"),
        (WORKSPACE_KEY, "ANTHROPIC_ADMIN_API_KEY: this key is for calling Claude (sk-ant-api...)"),
        ("sk-ant-oat01-of-claude-code", "ANTHROPIC_ADMIN_API_KEY: this is the token of a login"),
        ("nonsense", "ANTHROPIC_ADMIN_API_KEY: this is no key of Anthropic's"),
        ("sk-ant-admin01-of-another", "Anthropic does not know the Admin key (401)"),
    ],
)
def test_a_key_that_is_none_is_one_sentence_and_never_shown(
    server: AdminServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    key: str,
    sentence: str,
) -> None:
    monkeypatch.setenv("ANTHROPIC_ADMIN_API_KEY", key)
    assert main(["sync"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and sentence in said.err and len(said.err.splitlines()) == 1
    asked = len(server.requests)
    assert asked == (1 if key.endswith("another") else 0)
    main(["sync", "status", "--json"])
    shown = capsys.readouterr().out + Path("logs/billing/sync.jsonl").read_text()
    assert not key or key not in shown + said.err


def test_the_key_may_stand_in_an_env_file_and_status_says_where(
    server: AdminServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ANTHROPIC_ADMIN_API_KEY")
    Path(".env").write_text(f"ANTHROPIC_ADMIN_API_KEY={ADMIN_KEY}\n")
    Path(".env").chmod(0o644)
    assert main(["sync", "--days", "1"]) == 0
    assert "others on this machine may read the Admin key" in capsys.readouterr().err
    main(["sync", "status"])
    told = capsys.readouterr().out
    assert ".env: ANTHROPIC_ADMIN_API_KEY." in told and ADMIN_KEY not in told


def test_words_that_do_not_fit(server: AdminServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", "--days", "0"]) == 1
    assert main(["sync", "--follow", "--every", "0.01"]) == 1
    assert main(["sync", "--days", "3", "status"]) == 1
    assert "flags come after it" in capsys.readouterr().err
    assert server.requests == []


def test_every_without_follow_is_no_sync(server: AdminServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", "--every", "5"]) == 1
    said = capsys.readouterr()
    assert said.err == "--every says how often --follow syncs: give both, or leave --every out.\n"
    assert (said.out, server.requests) == ("", [])


def test_status_without_a_folder(server: AdminServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", "status"]) == 0
    assert (
        capsys.readouterr().out.splitlines()[0]
        == "Nothing was synced yet: callmeter sync reads the last 30 days."
    )
    assert not Path("logs").exists()


# By the server


def test_the_server_syncs_as_the_settings_say_at_that_moment(server: AdminServer, tmp_path: Path) -> None:
    syncing = sync_source.schedule(load({}, os.environ, tmp_path, tmp_path), os.environ, tmp_path)
    syncing.look()
    assert server.requests == [], "off unless it is set"
    Path("callmeter.toml").write_text("[billing]\nsync_hours = 6\n")
    syncing.look()
    asked = len(server.requests)
    syncing.look()
    assert (syncing.problem, len(server.requests)) == (None, asked)
    (attempt,) = SyncLog(Path("logs/billing")).attempts()
    assert (attempt.by, attempt.outcome, len(attempt.read)) == ("server", "ok", 30)


def test_a_server_without_a_key_says_so_once_and_goes_on(
    server: AdminServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("ANTHROPIC_ADMIN_API_KEY")
    Path("callmeter.toml").write_text("[billing]\nsync_hours = 6\n")
    syncing = sync_source.schedule(load({}, os.environ, tmp_path, tmp_path), os.environ, tmp_path)
    syncing.look()
    syncing.look()
    assert [record.message[:58] for record in caplog.records] == [
        "Anthropic's numbers are not synced: no Admin API key: set "
    ]


# --follow


class WokenError(Exception):
    """Enough of following."""


def followed(*errors: Exception | None, hours: float = 2) -> tuple[list[float], BaseException | None]:
    """The seconds between syncs that end with these errors, and what ended it."""
    left, waits = list(errors), []

    def attempt(by: str) -> Done:
        assert by == "follow"
        error = left.pop(0)
        if isinstance(error, BusyError):
            raise error
        return Done(1, error=error)  # type: ignore[arg-type]

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if not left:
            raise WokenError

    try:
        go_on(attempt, hours, sleep)
    except Exception as error:
        return waits, None if isinstance(error, WokenError) else error
    return waits, None


def test_follow_syncs_every_so_often_and_sooner_after_what_time_may_mend() -> None:
    cut, busy = ConnectionCut("there"), BusyError(Path("x"))
    assert followed(KeepsChanging("there", 4), None) == ([120, 7200], None)
    assert followed(None, None) == ([7200, 7200], None)
    assert followed(cut, cut, None, cut) == ([120, 240, 7200, 120], None)
    assert followed(busy, None) == ([120, 7200], None)
    assert followed(RateLimited("there", 9000.0)) == ([9000], None)


@pytest.mark.parametrize(
    "error", [Refused("there"), FolderError(Path("x"), "cannot be written: No space left")]
)
def test_follow_ends_with_what_no_waiting_mends(error: Exception) -> None:
    assert followed(None, error) == ([7200], error)


def test_ctrl_c_while_following_ends_cleanly(server: AdminServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        assert seconds == 21600
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    assert main(["sync", "--days", "1", "--follow", "--every", "6"]) == 130
    assert json.loads(Path("logs/billing/sync.jsonl").read_text().splitlines()[-1])["outcome"] == "ok"


# Sentences


def test_sentences_name_the_days_that_changed() -> None:
    days = [DayDone(DAY + timedelta(days=n), "analytics", 3, 1.0 + n, 1.0, n > 0, 2) for n in range(3)]
    assert sync_words.sentences(Done(3, tuple(days))) == [
        "Read 3 days (UTC), 20 to 22 November 2026, from Anthropic's newer reports: 9 rows, $6.00 billed.",
        "Changed since last time: 21 November ($1.00 to $2.00), 22 November ($1.00 to $3.00).",
    ]


def test_days_with_gaps_are_not_told_as_a_row() -> None:
    days = [DayDone(DAY + timedelta(days=n), "analytics", 1, 1.0, 1.0, False, 0) for n in (0, 2)]
    assert sync_words.sentences(Done(2, tuple(days)))[0].startswith(
        "Read 2 days (UTC), within 20 to 22 November 2026, from"
    )


def test_many_days_are_not_named_one_by_one() -> None:
    days = [DayDone(DAY + timedelta(days=n), "legacy", 1, 2.0, 1.0, True, 2) for n in range(8)]
    said = sync_words.sentences(Done(8, tuple(days), kept=1))
    assert said[1].endswith("27 November ($1.00 to $2.00), and 3 days before.")
    assert said[2] == "1 day stays as the newer reports had told of it."


def test_a_span_has_each_month_and_year_once() -> None:
    last = DAY + timedelta(days=1)
    spans = [sync_words.span(DAY - timedelta(days=back), last) for back in (-1, 0, 30, 400)]
    assert spans == [
        "21 November 2026",
        "20 to 21 November 2026",
        "21 October to 21 November 2026",
        "16 October 2025 to 21 November 2026",
    ]


def test_the_bar_draws_on_terminals_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")  # one that can draw
    for shown in (False, True):
        with bar(shown=shown) as drawn:
            drawn.tell(4, 30, 1200)
            drawn.say("trying again")
        said = capsys.readouterr()
        assert "trying again" in said.err and said.out == ""
        assert ("1,200 rows" in said.err) is shown


# What is set


def test_the_settings_of_the_bill(tmp_path: Path) -> None:
    file = tmp_path / "callmeter.toml"
    file.write_text('[billing]\nsync_hours = 6\nworkspace = "Night*"\napi_key = ["a", "b"]\ntolerance = 2\n')
    read = rules.read(file)
    assert (read.sync_hours, read.workspaces, read.api_keys, read.tolerance) == (
        6.0,
        ("Night*",),
        ("a", "b"),
        2.0,
    )
    assert rules.read(None) == rules.BillingRules()
    file.write_text("[billing]\nsync_hours = false\n")
    assert rules.read(file) == rules.BillingRules()


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("sync_hours = 0.1", "[billing]: sync_hours: must be hours from 0.25 to 744, or false, not 0.1"),
        ("sync_hour = 1", "[billing]: sync_hour: no such key; did you mean sync_hours?"),
        ("tolerance = 101", "[billing]: tolerance: must be a percentage from 0 to 100, not 101"),
        ('workspace = ""', "[billing]: workspace: must be a text or a list of texts"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_sentence(tmp_path: Path, line: str, wrong: str) -> None:
    file = tmp_path / "callmeter.toml"
    file.write_text(f"[billing]\n{line}\n")
    with pytest.raises(SettingError) as caught:
        rules.read(file)
    assert wrong in str(caught.value) and str(file) in str(caught.value)
