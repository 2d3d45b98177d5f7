"""The store while things happen: other processes write, the folder comes and goes, readers read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dashboard.filters import Filter
from dashboard.store import FileStore, watch

ZONE = ZoneInfo("UTC")
EVER = Filter(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
NAME = "api-calls-2026-11-22.jsonl"
LONG = 20.0  # seconds after which something that should have happened is taken not to happen

WRITER = """
import os, sys
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
line = '{"timestamp":"2026-11-22T10:00:00.000000+00:00","model":"m","task_id":"%s-%d","success":true,"tokens_output":1}'
descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
for number in range(count):
    os.write(descriptor, (line % (name, number)).encode() + b"\\n")
"""


def line(task: str = "t") -> bytes:
    record = {"timestamp": "2026-11-22T10:00:00.000000+00:00", "model": "m", "task_id": task, "success": True}
    return json.dumps(record).encode() + b"\n"


@contextmanager
def running(folder: Path, *, events: bool = True, poll_seconds: float = 0.05) -> Iterator[FileStore]:
    with FileStore(folder, ZONE, events=events, poll_seconds=poll_seconds) as store:
        store.start()
        yield store


def until(store: FileStore, met: Callable[[], bool]) -> None:
    """Wait for a condition, woken by the store alone."""
    deadline = time.monotonic() + LONG
    version = store.version
    while not met():
        left = deadline - time.monotonic()
        assert left > 0, store.health()
        version = store.wait(version, left)


def append(folder: Path, content: bytes, name: str = NAME) -> None:
    with (folder / name).open("ab") as file:
        file.write(content)


@pytest.mark.parametrize("events", [True, False])
def test_new_lines_new_files_and_deleted_files_are_taken_in(tmp_path: Path, events: bool) -> None:
    append(tmp_path, line())
    with running(tmp_path, events=events, poll_seconds=600 if events else 0.02) as store:
        until(store, lambda: store.health().lines == 1)
        until(store, lambda: store.health().watching == ("events" if events else "polling"))
        append(tmp_path, line()[:20])
        append(tmp_path, line()[20:])
        until(store, lambda: store.health().lines == 2)
        append(tmp_path, line(), "api-calls-2026-11-23.jsonl")
        until(store, lambda: store.health().lines == 3)
        (tmp_path / "new").write_bytes(line() * 5)
        (tmp_path / "new").replace(tmp_path / "api-calls-2026-11-20.jsonl")
        until(store, lambda: store.health().lines == 8)
        (tmp_path / NAME).unlink()
        until(store, lambda: store.health().lines == 6)
        assert len(store.rows(EVER)) == 6
    assert store.health().lines == 6


def test_polling_alone_finds_what_events_do_not_tell(tmp_path: Path) -> None:
    """The system says nothing of changes behind a symbolic link."""
    folder = tmp_path / "logs"
    folder.mkdir()
    append(tmp_path, line(), "elsewhere")
    (folder / NAME).symlink_to(tmp_path / "elsewhere")
    with running(folder) as store:
        until(store, lambda: store.health().lines == 1)
        append(tmp_path, line(), "elsewhere")
        until(store, lambda: store.health().lines == 2)


def test_where_the_system_does_not_tell_of_changes_polling_does_and_health_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unwilling:
        def schedule(self, *given: object, **more: object) -> None:
            raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(watch, "Observer", Unwilling)
    with running(tmp_path) as store:
        append(tmp_path, line())
        until(store, lambda: store.health().lines == 1)
        assert store.health().watching == "polling"


def test_a_folder_that_comes_goes_and_is_something_else_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "logs"
    with running(folder) as store:
        until(store, lambda: store.health().folder_problem is not None)
        for _ in range(2):
            folder.mkdir(parents=True)
            append(folder, line() * 2)
            until(store, lambda: store.health().lines == 2)
            until(store, lambda: store.health().watching == "events")
            assert store.health().folder_problem is None
            (folder / NAME).unlink()
            folder.rmdir()
            until(store, lambda: store.health().folder_problem is not None)
            folder.write_bytes(b"")
            until(store, lambda: "not a folder" in (store.health().folder_problem or ""))
            folder.unlink()
            folder.parent.rmdir()


def test_a_failure_of_any_kind_does_not_end_the_following(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path) as store:
        usual, failed = store._reader.seen, threading.Event()

        def failing(self: object, day: str) -> object:
            if not failed.is_set():
                failed.set()
                raise RuntimeError("something nobody thought of")
            return usual(day)

        monkeypatch.setattr(type(store._reader), "seen", failing)
        append(tmp_path, line())
        until(store, lambda: store.health().lines == 1)
        assert failed.is_set()


def test_no_line_is_lost_or_doubled_while_processes_append_and_readers_read(tmp_path: Path) -> None:
    """Three writers, a reading thread; at every moment the lines counted are whole and never go back."""
    writers, count = 3, 3000
    wrong: list[str] = []
    over = threading.Event()

    def reading(store: FileStore) -> None:
        before = 0
        while not over.is_set():
            rows = store.rows(EVER)
            if len(rows) < before or rows["task_id"].duplicated().any():
                wrong.append(f"{before} rows, then {len(rows)}")
            before = len(rows)
            if store.sums(EVER)["lines"].sum() < before:
                wrong.append("sums older than rows read before them")

    with running(tmp_path) as store:
        readers = [threading.Thread(target=reading, args=(store,)) for _ in range(2)]
        for thread in readers:
            thread.start()
        command = [sys.executable, "-c", WRITER, os.fspath(tmp_path / NAME)]
        started = [subprocess.Popen([*command, f"w{number}", str(count)]) for number in range(writers)]
        assert [process.wait(60) for process in started] == [0] * writers
        until(store, lambda: store.health().lines == writers * count)
        over.set()
        for thread in readers:
            thread.join()
        assert wrong == []
        assert store.health().bad_lines == 0
        expected = {f"w{number}-{at}" for number in range(writers) for at in range(count)}
        assert set(store.rows(EVER)["task_id"]) == expected
        assert store.sums(EVER)["tokens_output"].sum() == writers * count


def test_reading_our_own_files_causes_no_events(tmp_path: Path) -> None:
    """Else the store would wake itself for ever."""
    append(tmp_path, line())
    told: list[str] = []
    seen = threading.Event()

    def tell(path: str) -> None:
        told.append(Path(path).name)
        if path.endswith("marker"):
            seen.set()

    watching = watch.Watch(tmp_path, tell)
    watching.keep()
    try:
        with FileStore(tmp_path, ZONE) as store:
            store.load()
            assert len(store.rows(EVER)) == 1
        (tmp_path / "marker").write_bytes(b"")
        assert seen.wait(LONG)
    finally:
        watching.stop()
    assert set(told) <= {"marker", tmp_path.name}


def test_start_and_close_may_come_twice_and_leave_no_thread(tmp_path: Path) -> None:
    store = FileStore(tmp_path, ZONE)
    store.start()
    store.start()
    until(store, lambda: store.health().watching == "events")
    store.close()
    store.close()
    assert not any(thread.name == "callmeter store" for thread in threading.enumerate())


def test_the_newest_day_is_there_before_older_ones_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [f"2026-11-{day:02d}" for day in range(1, 21)]
    for day in days:
        append(tmp_path, line(), f"api-calls-{day}.jsonl")
    taken: list[str] = []
    usual = FileStore._take_in
    monkeypatch.setattr(FileStore, "_take_in", lambda self, name: (taken.append(name), usual(self, name))[1])
    with running(tmp_path) as store:
        until(store, lambda: store.health().days_loaded == len(days))
    assert list(dict.fromkeys(taken)) == sorted(days, reverse=True)  # the newest is looked at again meanwhile
