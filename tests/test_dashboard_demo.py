"""The demo: believable calls, always the same for a seed, never among real ones."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dashboard.commands.demo import ours, write_history, write_live
from dashboard.demo import Live, history
from dashboard.errors import FolderError
from dashboard.settings import Settings, load
from logger.record import DAY_FILE_PATTERN, CallRecord, from_line

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def calls() -> list[CallRecord]:
    """A month of about 400 calls a day, up to 16:00 in Berlin."""
    return list(history(TODAY, 30, 400, 1, BERLIN, NOW.timestamp()))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"log_dir": tmp_path / "demo", "timezone": "Europe/Berlin"}, {}, tmp_path, tmp_path)


def share(calls: list[CallRecord], true: Callable[[CallRecord], object]) -> float:
    return sum(1 for call in calls if true(call)) / len(calls)


def test_every_call_says_it_is_the_demos_and_has_its_own_name(calls: list[CallRecord]) -> None:
    assert {call.source for call in calls} == {"demo"}
    assert len({call.call_id for call in calls}) == len(calls)


def test_thirty_days_and_about_as_many_calls_as_asked_for(calls: list[CallRecord]) -> None:
    per_day = Counter(call.timestamp[:10] for call in calls)
    assert len(per_day) == 30
    assert 300 <= len(calls) / 30 <= 450


def test_nothing_lies_in_the_future_and_every_line_in_its_own_day(calls: list[CallRecord]) -> None:
    for call in calls:
        assert call.end_time is not None
        assert call.start_time is not None
        assert call.end_time < NOW.timestamp()
        started = datetime.fromtimestamp(call.start_time, BERLIN)
        assert abs(call.started - started).total_seconds() < 2e-6
        assert call.timestamp[26:] == f"{started:%z}"[:3] + ":00"


def test_days_are_busier_than_nights_and_weekdays_than_weekends(calls: list[CallRecord]) -> None:
    hours = Counter(int(call.timestamp[11:13]) for call in calls)
    assert min(hours[hour] for hour in (10, 11, 14, 15)) > 3 * max(hours[hour] for hour in (2, 3, 4))
    weekdays = Counter(date.fromisoformat(call.timestamp[:10]).weekday() for call in calls)
    assert weekdays[1] > 2 * weekdays[6]


def test_there_is_something_of_everything(calls: list[CallRecord]) -> None:
    assert len({call.model for call in calls}) >= 5
    assert len({call.project for call in calls}) >= 4
    assert len({call.worker_id for call in calls}) >= 4
    assert len({call.error_type for call in calls}) >= 6
    assert 0.01 < share(calls, lambda call: not call.success) < 0.06
    assert 0.001 < share(calls, lambda call: call.tokens_final is False) < 0.02
    assert 0.002 < share(calls, lambda call: call.estimated_cost_usd is None) < 0.03
    assert any(call.web_searches for call in calls)
    tasks = Counter(call.task_id for call in calls)
    assert sum(count > 1 for count in tasks.values()) > len(tasks) / 2


def test_numbers_of_a_call_agree(calls: list[CallRecord]) -> None:
    for call in calls:
        parts = (call.tokens_input, call.tokens_output, call.tokens_cache_read, call.tokens_cache_write_5m)
        assert call.tokens_total == sum(part or 0 for part in parts)
        assert (call.tokens_thinking or 0) <= (call.tokens_output or 0)
        assert call.duration_seconds == pytest.approx((call.end_time or 0) - (call.start_time or 0), abs=1e-5)


def test_most_input_comes_from_the_cache(calls: list[CallRecord]) -> None:
    read = sum(call.tokens_cache_read or 0 for call in calls)
    fresh = sum((call.tokens_input or 0) + (call.tokens_cache_write_5m or 0) for call in calls)
    assert read > 2 * fresh


def test_the_same_seed_gives_the_same_days(calls: list[CallRecord]) -> None:
    again = list(history(date(2026, 11, 20), 3, 400, 1, BERLIN, NOW.timestamp()))
    assert again == [call for call in calls if "2026-11-18" <= call.timestamp[:10] <= "2026-11-20"]
    other = list(history(date(2026, 11, 20), 3, 400, 2, BERLIN, NOW.timestamp()))
    assert other != again


def test_a_day_of_25_hours_is_filled_without_a_line_of_another_day() -> None:
    calls = list(history(date(2026, 10, 25), 1, 2000, 1, BERLIN, NOW.timestamp()))
    assert {call.timestamp[:10] for call in calls} == {"2026-10-25"}
    assert {call.timestamp[26:] for call in calls} == {"+01:00", "+02:00"}


def test_history_is_a_private_file_per_day_in_the_order_calls_ended(settings: Settings) -> None:
    written = write_history(settings, NOW, 3, 50, 1)
    files = sorted(settings.log_dir.iterdir())
    assert [file.name for file in files] == [f"api-calls-2026-11-{day}.jsonl" for day in (20, 21, 22)]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert settings.log_dir.stat().st_mode & 0o777 == 0o700
    lines = [[from_line(line) for line in file.read_bytes().splitlines()] for file in files]
    assert sum(map(len, lines)) == written
    for day in lines:
        ends = [call.end_time or 0 for call in day]
        assert ends == sorted(ends)


def test_writing_again_replaces_the_demos_days(settings: Settings) -> None:
    written = write_history(settings, NOW, 3, 50, 1)
    closed = settings.log_dir / "api-calls-2026-11-20.jsonl"
    (settings.log_dir / f"{closed.name}.gz").write_bytes(gzip.compress(closed.read_bytes()))
    closed.unlink()
    ours(settings.log_dir)
    assert write_history(settings, NOW, 3, 50, 1) == written
    lines = [file.read_bytes().count(b"\n") for file in settings.log_dir.iterdir()]
    assert (len(lines), sum(lines)) == (3, written)


REAL = json.dumps({"timestamp": "2026-11-20T10:00:00+00:00", "source": "cli", "prompt": '"source":"demo"'})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("api-calls-2026-11-20.jsonl", f'{{"source":"demo"}}\n{REAL}\n'.encode()),
        ("api-calls-2026-11-20.jsonl", b'{"timestamp": "2025-11-02T21:30:45"}\n'),
        ("api-calls-2026-11-20.jsonl", b"garbage\n"),
        ("api-calls-2026-11-20.jsonl.gz", gzip.compress(f"{REAL}\n".encode(), mtime=0)),
        ("api-calls-2026-11-20.jsonl.gz", b"not gzip"),
    ],
)
def test_a_folder_with_other_calls_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FolderError, match="holds calls that are not the demo's"):
        ours(tmp_path)


def test_a_missing_or_empty_folder_and_one_with_other_files_is_taken(tmp_path: Path) -> None:
    ours(tmp_path / "missing")
    (tmp_path / "notes.txt").write_text(REAL)
    ours(tmp_path)


class StopError(Exception):
    pass


def test_live_goes_on_writing_calls_that_have_just_ended(settings: Settings) -> None:
    now, pauses = [NOW.timestamp()], []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds
        if len(pauses) == 200:
            raise StopError

    with pytest.raises(StopError):
        write_live(settings, Live(1, BERLIN), 4.0, lambda: now[0], wait)
    files = [file for file in settings.log_dir.iterdir() if DAY_FILE_PATTERN.fullmatch(file.name)]
    calls = [from_line(line) for file in files for line in file.read_bytes().splitlines()]
    assert len(calls) == 200
    assert len({call.call_id for call in calls}) == 200
    assert 2 < sum(pauses) / len(pauses) < 6
    assert all((call.end_time or 0) <= now[0] for call in calls)
    ours(settings.log_dir)


def test_live_in_a_folder_that_cannot_be_written_is_a_sentence(settings: Settings) -> None:
    settings.log_dir.write_text("a file in its place")
    with pytest.raises(FolderError, match="cannot be written to"):
        write_live(settings, Live(1, BERLIN), 4.0, NOW.timestamp, lambda _: None)
    with pytest.raises(FolderError, match="cannot be written to"):
        write_history(settings, NOW, 1, 5, 1)
