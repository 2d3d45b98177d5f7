"""Calls in flight: shown while they run, and written as abandoned, once, when their process died."""

from __future__ import annotations

import copy
import json
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from logger_host import CLI_OUTPUTS, NOON, Clock, new_log, only, written

from logger import ClaudeAPILogger, RunningCall, running_calls
from logger.in_flight import LOOK_AGAIN, MOST_CALLS
from logger.running import RUNNING, SLOT

pytest_plugins = ("logger_fixtures",)

ROOT = Path(__file__).parents[1]


def shown(folder: Path) -> tuple[RunningCall, ...]:
    return running_calls(folder, now=time.time() + 10**9)


def tasks(folder: Path) -> list[str | None]:
    return [call.task_id for call in shown(folder)]


def kept(folder: Path) -> list[Path]:
    return list((folder / RUNNING).iterdir()) if (folder / RUNNING).exists() else []


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.open("rb")]


def in_a_process(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A program with a log in `folder`, killed by itself or by whoever waits for its `print`."""
    program = textwrap.dedent(
        """
        import os, signal, sys, time
        sys.path.insert(0, sys.argv[1])
        from logger import ClaudeAPILogger, running_calls
        folder = sys.argv[2]
        def die(*_): os.kill(os.getpid(), signal.SIGKILL)
        """
    ) + textwrap.dedent(code)
    command = [sys.executable, "-I", "-S", "-c", program, str(ROOT), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


def killed(code: str, *arguments: object) -> None:
    """A process that ends by SIGKILL."""
    with in_a_process(code, *arguments) as process:
        assert process.wait(30) == -9


ONE_CALL = """
log = ClaudeAPILogger(folder, project="website", host="pi")
call = log.start_call("gh-1", "w-1", "claude-opus-5-5", "/p/gh-1.txt", "Fix it")
"""


def test_a_call_is_shown_from_its_begin_to_its_end(log: ClaudeAPILogger, clock: Clock) -> None:
    assert shown(log.log_dir) == ()
    call = log.start_call(
        "gh-1", "w-1", "claude-opus-5-5", "/p/gh-1.txt", "Fix it", project="website", session_id="s"
    )
    (seen,) = shown(log.log_dir)
    assert seen == RunningCall(
        call_id=seen.call_id,
        task_id="gh-1",
        worker_id="w-1",
        model="claude-opus-5-5",
        project="website",
        session_id="s",
        prompt_file="/p/gh-1.txt",
        started=NOON,
        pid=os.getpid(),
        alive=True,
    )
    log.end_call(call, "Done", 10, 20)
    assert shown(log.log_dir) == () and only(log)["call_id"] == seen.call_id


def test_the_oldest_comes_first_and_none_begins_in_the_future(log: ClaudeAPILogger, clock: Clock) -> None:
    clock.pass_(60)
    log.start_call("later", None, "m")
    clock.pass_(-60)
    log.start_call("earlier", None, "m")
    seen = running_calls(log.log_dir, now=NOON + 5)
    assert [(call.task_id, call.started) for call in seen] == [("earlier", NOON), ("later", NOON + 5)]


@pytest.mark.parametrize(
    "name",
    [None, "", "日本 \ud800 \u2028", '"\\\n\0', "x" * 5000, "\0" * 5000, "t sk-ant-api03-abcdefgh", 5],
)
def test_names_may_hold_anything(log: ClaudeAPILogger, name: Any) -> None:
    """What does not fit is shortened; a key is not shown."""
    log.start_call(name, name, name, name, None, agent=name)
    (seen,) = shown(log.log_dir)
    assert (seen.task_id or "")[:12] == (
        "" if name is None else str(name).replace("\ud800", "\ufffd").replace("api03-abcdefgh", "***")
    )[:12]
    assert b"abcdefgh" not in kept(log.log_dir)[0].read_bytes()


def test_a_block_a_run_and_a_call_that_is_broken_end_too(
    log: ClaudeAPILogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with log.call(model="m", task_id="block"):
        assert tasks(log.log_dir) == ["block"]
    log.end_run(log.start_call("run", None, "m"), CLI_OUTPUTS / "tools" / "stream.jsonl")
    log.end_run(log.start_call("no run", None, "m"), "/no/file")
    log.end_call(log.start_call("own id", None, "m"), call_id="mine")
    monkeypatch.setattr("logger.call_writer.plain_line", None)
    log.end_call(log.start_call("broken", None, "m"))
    assert shown(log.log_dir) == () and log.problems.counts == {"end_call": 1}


@pytest.mark.parametrize("again", [copy.deepcopy, lambda call: pickle.loads(pickle.dumps(call))])
def test_a_call_that_was_stored_ends_as_well(log: ClaudeAPILogger, again: Any) -> None:
    log.end_call(again(log.start_call("t", None, "m")))
    assert shown(log.log_dir) == ()


def test_another_logger_may_end_a_call(log: ClaudeAPILogger, tmp_path: Path, clock: Clock) -> None:
    call = log.start_call("t", None, "m")
    del log
    new_log(tmp_path / "elsewhere", clock).end_call(call)
    assert shown(tmp_path) == ()


def test_the_files_are_private_and_go_when_nothing_is_in_flight(log: ClaudeAPILogger) -> None:
    call = log.start_call("t", None, "m")
    (path,) = kept(log.log_dir)
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    log.close()
    assert tasks(log.log_dir) == ["t"], "it is still running"
    log.end_call(call)
    log.close()
    assert kept(log.log_dir) == []
    log.start_call("again", None, "m")
    assert tasks(log.log_dir) == ["again"]


def test_loggers_of_a_folder_share_a_file(tmp_path: Path, clock: Clock) -> None:
    logs = [new_log(tmp_path, clock) for _ in range(20)]
    calls = [log.start_call(str(number), None, "m") for number, log in enumerate(logs)]
    assert len(kept(tmp_path)) == 1 and len(shown(tmp_path)) == 20
    for log, call in zip(logs, calls, strict=True):
        log.end_call(call)
    del log, logs
    assert kept(tmp_path) == []


def test_a_slot_is_used_again(log: ClaudeAPILogger) -> None:
    for _ in range(100):
        log.end_call(log.start_call("t", None, "m"))
    assert kept(log.log_dir)[0].stat().st_size <= 32 * SLOT


def test_beyond_the_most_calls_are_written_but_not_shown(log: ClaudeAPILogger) -> None:
    calls = [log.start_call(str(number), None, "m") for number in range(MOST_CALLS + 3)]
    assert len(shown(log.log_dir)) == MOST_CALLS and log.problems.counts == {"in flight": 1}
    for call in calls:
        log.end_call(call)
    assert shown(log.log_dir) == () and len(written(log)) == MOST_CALLS + 3


def test_threads_share_the_slots(log: ClaudeAPILogger) -> None:
    def work(name: str) -> None:
        for number in range(200):
            call = log.start_call(f"{name}-{number}", None, "m")
            assert call.task_id in tasks(log.log_dir) or number % 50
            log.end_call(call)

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shown(log.log_dir) == () and len({line["call_id"] for line in written(log)}) == 1600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 5000,
        b"{" * 5000,
        b"[" * 5000,
        b'{"call_id": 5, "start_time": 1}\n',
        b'{"call_id": "x", "start_time": true}\n',
        b'{"call_id": "x", "start_time": "y"}\n',
        b'{"call_id": "x", "start_time": 5}',
        b"{\xff\xfe\n",
        b'{"call_id": "x", "timestamp": "../..", "start_time": "z"}\n',
        b'{"call_id": "x", "start_time": -1%s}\n' % (b"0" * 400),
    ],
)
def test_a_file_that_says_nothing_is_left_out_and_removed(
    tmp_path: Path, clock: Clock, content: bytes
) -> None:
    (tmp_path / RUNNING).mkdir()
    (tmp_path / RUNNING / "12-ab.calls").write_bytes(content)
    (tmp_path / RUNNING / "notes.txt").write_bytes(b"not ours")
    assert shown(tmp_path) == ()
    log = new_log(tmp_path, clock)
    assert [path.name for path in kept(tmp_path)] == ["notes.txt"]
    assert written(log) == [] and log.problems.total == 0


def test_no_folder_no_calls(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert shown(tmp_path / "none") == shown(tmp_path / "file") == ()


def test_a_folder_removed_under_our_feet_is_made_again(log: ClaudeAPILogger, clock: Clock) -> None:
    """Within a minute."""
    call = log.start_call("t", None, "m")
    shutil.rmtree(log.log_dir)
    log.end_call(call)
    clock.pass_(LOOK_AGAIN + 1)
    log.start_call("t2", None, "m")
    assert tasks(log.log_dir) == ["t2"] and log.problems.total == 0


def test_a_place_that_cannot_be_written_costs_no_line_and_no_word(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / RUNNING).write_text("a file in the place of the folder")
    log = new_log(tmp_path, clock)
    for _ in range(3):
        assert log.end_call(log.start_call("t", None, "m"))
    assert log.problems.counts == {"in flight": 1} and caplog.text == ""
    (tmp_path / RUNNING).unlink()
    clock.pass_(LOOK_AGAIN + 1)
    log.start_call("now", None, "m")
    assert tasks(tmp_path) == ["now"]


def test_a_system_without_locks_has_no_calls_in_flight(
    log: ClaudeAPILogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("running", "in_flight", "abandoned"):
        monkeypatch.setattr(f"logger.{module}.SUPPORTED", False)
    assert log.end_call(log.start_call("t", None, "m"))
    assert kept(log.log_dir) == [] and log.problems.counts == {"in flight": 1}


def test_the_calls_of_a_killed_process_are_written_as_abandoned(tmp_path: Path) -> None:
    killed(ONE_CALL + "die()", tmp_path)
    (seen,) = shown(tmp_path)
    assert (seen.task_id, seen.alive) == ("gh-1", False)
    ClaudeAPILogger(tmp_path)
    (line,) = lines(tmp_path)
    assert line["call_id"] == seen.call_id and line["start_time"] == pytest.approx(seen.started)
    assert (line["task_id"], line["worker_id"], line["model"]) == ("gh-1", "w-1", "claude-opus-5-5")
    assert (line["prompt_file"], line["prompt_length"]) == ("/p/gh-1.txt", 6)
    assert (line["project"], line["host"], line["source"]) == ("website", "pi", "manual")
    assert (line["success"], line["error_type"]) == (False, "abandoned")
    assert line["error_message"] == "the process ended before the call did"
    unknown = (
        "tokens_input",
        "tokens_output",
        "tokens_total",
        "duration_seconds",
        "end_time",
        "estimated_cost_usd",
    )
    assert [line[name] for name in unknown] == [None] * 6 and line["tokens_final"] is False
    assert shown(tmp_path) == () and kept(tmp_path) == []
    ClaudeAPILogger(tmp_path)
    assert len(lines(tmp_path)) == 1


def test_an_abandoned_call_stands_in_the_day_it_began(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / RUNNING).mkdir()
    slot = {
        "timestamp": "2026-11-20T23:59:59.000000+00:00",
        "model": "m",
        "call_id": "x-1",
        "start_time": 5.0,
    }
    (tmp_path / RUNNING / "12-ab.calls").write_text(json.dumps(slot) + "\n")
    new_log(tmp_path, clock)
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["api-calls-2026-11-20.jsonl"]


@pytest.mark.parametrize("last", ["9999-12-31", "0001-01-01"])
@pytest.mark.parametrize("field", ["timestamp", "written_on"])
def test_the_ends_of_the_calendar_keep_no_logger_from_starting(
    tmp_path: Path, clock: Clock, field: str, last: str
) -> None:
    slot = {"timestamp": "2026-11-20T23:59:59+00:00", "model": "m", "call_id": "x-1", "start_time": 5.0}
    (tmp_path / RUNNING).mkdir()
    (tmp_path / RUNNING / "12-ab.calls").write_text(json.dumps({**slot, field: last}) + "\n")
    log = new_log(tmp_path, clock)
    assert kept(tmp_path) == [] and log.problems.total == 0
    assert [line["error_type"] for line in lines(tmp_path)] == ["abandoned"]


def test_whatever_goes_wrong_with_what_others_left_is_said_and_not_raised(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("sk-ant-api03-abcdef")

    monkeypatch.setattr("logger.abandoned._written", broken)
    (tmp_path / RUNNING).mkdir()
    (tmp_path / RUNNING / "12-ab.calls").write_text('{"call_id": "x-1"}\n')
    assert new_log(tmp_path, clock).problems.counts == {"abandoned": 1}


def test_a_process_that_ends_without_ending_its_calls_abandons_them(tmp_path: Path) -> None:
    """As well as one that is killed."""
    with in_a_process(ONE_CALL + "log.end_call(log.start_call('t', None, 'm'))", tmp_path) as process:
        assert process.wait(30) == 0
    ClaudeAPILogger(tmp_path)
    assert [(line["task_id"], line.get("error_type")) for line in lines(tmp_path)] == [
        ("t", None),
        ("gh-1", "abandoned"),
    ]


def test_a_process_that_ends_well_leaves_nothing(tmp_path: Path) -> None:
    with in_a_process(ONE_CALL + "log.end_call(call)", tmp_path) as process:
        assert process.wait(30) == 0
    assert kept(tmp_path) == [] and len(lines(tmp_path)) == 1


KILLED_AFTER_THE_LINE = {
    "a call": "log.end_call(call, 'Done', 1, 2)",
    "a call with more": "log.end_call(call, 'Done', 1, 2, agent='a')",
    "a call under another id": "log.end_call(call, call_id='mine')",
    "a call of another day": "call.timestamp = '2025-11-02T21:30:45+00:00'; log.end_call(call, agent='a')",
    "a plain call of another day": "call.timestamp = '2025-11-02T21:30:45+00:00'; log.end_call(call)",
    "a run": "log.end_run(call, sys.argv[3])",
    "a run without output": "log.end_run(call, '/no/file')",
    "a parsed run": "log.end_call(call, usage=log.parse_stream_json_output(sys.argv[3]))",
}


@pytest.mark.parametrize("way", KILLED_AFTER_THE_LINE)
def test_a_call_whose_line_was_written_just_before_the_kill_is_not_abandoned(
    tmp_path: Path, way: str
) -> None:
    """SIGKILL between the write of the line and the free slot, however the line is written."""
    code = f"{ONE_CALL}\nlog._journal.landed = die\n{KILLED_AFTER_THE_LINE[way]}"
    killed(code, tmp_path, CLI_OUTPUTS / "tools" / "stream.jsonl")
    before = lines(tmp_path)
    assert len(before) >= 1 and len(shown(tmp_path)) == 1
    ClaudeAPILogger(tmp_path)
    assert lines(tmp_path) == before and kept(tmp_path) == []


@pytest.mark.parametrize("way", KILLED_AFTER_THE_LINE)
def test_a_call_killed_just_before_its_line_is_abandoned(tmp_path: Path, way: str) -> None:
    """And what its line would have said is not taken for known: the run can still be counted."""
    code = f"{ONE_CALL}\nlog._journal.append = die\n{KILLED_AFTER_THE_LINE[way]}"
    killed(code, tmp_path, CLI_OUTPUTS / "tools" / "stream.jsonl")
    log = ClaudeAPILogger(tmp_path)
    (line,) = lines(tmp_path)
    assert line["error_type"] == "abandoned" and kept(tmp_path) == []
    log.end_run(log.start_call("again", None, "m"), CLI_OUTPUTS / "tools" / "stream.jsonl")
    assert sum(line["tokens_input"] or 0 for line in lines(tmp_path)) > 0


@pytest.mark.parametrize("way", KILLED_AFTER_THE_LINE)
def test_a_call_killed_while_its_line_waits_is_abandoned(tmp_path: Path, way: str) -> None:
    """It has ended, but its line is in memory only: the call stays in flight until it is in the file."""
    code = f"{ONE_CALL}\nlog._journal._write = lambda *_: False\n{KILLED_AFTER_THE_LINE[way]}\ndie()"
    killed(code, tmp_path, CLI_OUTPUTS / "tools" / "stream.jsonl")
    assert lines(tmp_path) == [] and [call.task_id for call in shown(tmp_path)] == ["gh-1"]
    ClaudeAPILogger(tmp_path)
    assert [line["error_type"] for line in lines(tmp_path)] == ["abandoned"] and kept(tmp_path) == []


@pytest.mark.parametrize("way", KILLED_AFTER_THE_LINE)
def test_a_call_is_in_flight_until_its_waiting_line_is_in_the_file(tmp_path: Path, way: str) -> None:
    """The end of the process is late enough, and leaves nothing behind."""
    code = f"""
log._journal._write, write = lambda *_: False, log._journal._write
{KILLED_AFTER_THE_LINE[way]}
print(log.waiting, len(running_calls(folder, now=0)), flush=True)
log._journal._write = write"""
    arguments = (tmp_path, CLI_OUTPUTS / "tools" / "stream.jsonl")
    with in_a_process(ONE_CALL + code, *arguments) as process:
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out.split()[1]) == (0, "1")
    assert len(lines(tmp_path)) == int(out.split()[0]) and shown(tmp_path) == ()
    before = lines(tmp_path)
    ClaudeAPILogger(tmp_path)
    assert lines(tmp_path) == before and kept(tmp_path) == []


def test_a_waiting_line_that_is_dropped_frees_its_slot(
    log: ClaudeAPILogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logger.journal.MOST_LINES", 1)
    monkeypatch.setattr("logger.journal.Journal._write", lambda *_: False)
    for task in ("dropped", "waiting"):
        log.end_call(log.start_call(task, None, "m"))
    assert tasks(log.log_dir) == ["waiting"] and log.problems.counts["dropped"] == 1
    monkeypatch.undo()
    assert log.flush() and tasks(log.log_dir) == []


def test_a_torn_line_is_no_line(tmp_path: Path) -> None:
    """Killed in the middle of the write: the call is abandoned."""
    killed(ONE_CALL + "die()", tmp_path)
    (seen,) = shown(tmp_path)
    day = tmp_path / f"api-calls-{time.strftime('%Y-%m-%d', time.localtime(seen.started))}.jsonl"
    day.write_text(f'{{"timestamp":"2026-11-22T12:00:00","call_id":"{seen.call_id}","sou')
    ClaudeAPILogger(tmp_path)
    torn, line = day.read_bytes().splitlines()
    assert json.loads(line)["error_type"] == "abandoned" and torn.endswith(b'"sou')


def test_one_that_takes_over_may_be_killed_in_the_middle(tmp_path: Path) -> None:
    """After the line of the second of four calls, before its slot is free: the next one goes on from there."""
    killed(ONE_CALL + "for n in (2, 3, 4): log.start_call(f'gh-{n}', None, 'm')\ndie()", tmp_path)
    killed(
        """
        from logger import abandoned
        free, os.pwrite = os.pwrite, lambda *given: die() if len(running_calls(folder, now=0)) < 4 else free(*given)
        ClaudeAPILogger(folder)
        """,
        tmp_path,
    )
    assert len(lines(tmp_path)) == 2 and len(shown(tmp_path)) == 3
    ClaudeAPILogger(tmp_path)
    assert sorted(line["task_id"] for line in lines(tmp_path)) == ["gh-1", "gh-2", "gh-3", "gh-4"]
    assert kept(tmp_path) == []


def test_loggers_that_start_at_the_same_moment_write_each_call_once(tmp_path: Path) -> None:
    """Twelve processes take over thirty calls of three killed ones, while others only look."""
    for number in range(3):
        killed(
            f"log = ClaudeAPILogger(folder)\nfor n in range(10): log.start_call(f'{number}-{{n}}', None, 'm')\ndie()",
            tmp_path / str(number),
        )
        (tmp_path / "all" / RUNNING).mkdir(parents=True, exist_ok=True)
        for path in kept(tmp_path / str(number)):
            path.rename(tmp_path / "all" / RUNNING / path.name)
    starting = [
        in_a_process(
            """
            print("ready", flush=True)
            sys.stdin.readline()
            for _ in range(5): running_calls(folder, now=0); ClaudeAPILogger(folder)
            """,
            tmp_path / "all",
        )
        for _ in range(12)
    ]
    for process in starting:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in starting:
        process.communicate("go\n", timeout=60)
        assert process.returncode == 0
    found = [line["task_id"] for line in lines(tmp_path / "all")]
    assert sorted(found) == sorted(f"{number}-{n}" for number in range(3) for n in range(10))
    assert kept(tmp_path / "all") == []


def test_who_only_looks_does_not_keep_anybody_from_taking_over(tmp_path: Path, clock: Clock) -> None:
    """All the time while ten killed processes' calls are taken over, somebody asks what is running."""
    for _ in range(10):
        killed(ONE_CALL + "die()", tmp_path)
    asking, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            asking.append(len(shown(tmp_path)))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        while len(asking) < 10:
            time.sleep(0)
        log = new_log(tmp_path, clock)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(written(log)) == 10 and kept(tmp_path) == []


def test_a_living_process_keeps_its_calls(tmp_path: Path) -> None:
    with in_a_process(
        ONE_CALL + "print('begun', flush=True)\nsys.stdin.readline()\ndie()", tmp_path
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        ClaudeAPILogger(tmp_path)
        (seen,) = shown(tmp_path)
        assert seen.alive and seen.pid == process.pid and lines(tmp_path) == []
        process.communicate("go\n", timeout=30)
    assert [call.alive for call in shown(tmp_path)] == [False]


def test_own_calls_are_not_taken_over_by_the_next_logger_of_the_process(tmp_path: Path, clock: Clock) -> None:
    """Also not when the logger that began them is gone."""
    call = new_log(tmp_path, clock).start_call("t", None, "m")
    log = new_log(tmp_path, clock)
    assert written(log) == [] and [seen.alive for seen in shown(tmp_path)] == [True]
    log.end_call(call)
    assert len(written(log)) == 1 and shown(tmp_path) == ()


@pytest.fixture(params=["mapped", "written"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to keep the slots: mapped into memory where that is safe, written elsewhere."""
    monkeypatch.setattr("logger.in_flight.never_refuses", lambda _: request.param == "mapped")
    return str(request.param)


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an abandoned call in which no line can be written."""
    killed(ONE_CALL + "die()", tmp_path)
    monkeypatch.setattr("logger.journal.Journal._write", lambda *_: False)
    yield tmp_path


def test_what_cannot_be_written_waits_and_is_written_once(
    full: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = new_log(full, clock)
    assert log.waiting == 1 and [call.alive for call in shown(full)] == [False]
    other = new_log(full, clock)
    assert other.waiting == 0, "the first one has taken it over"
    monkeypatch.undo()
    assert log.flush() and len(lines(full)) == 1
    assert shown(full) == () and kept(full) == []


def test_what_waits_when_its_process_is_killed_too_is_written_by_the_next(tmp_path: Path) -> None:
    killed(ONE_CALL + "die()", tmp_path)
    killed(
        "from logger.journal import Journal\nJournal._write = lambda *_: False\nClaudeAPILogger(folder)\ndie()",
        tmp_path,
    )
    assert lines(tmp_path) == [] and [call.alive for call in shown(tmp_path)] == [False]
    ClaudeAPILogger(tmp_path)
    assert len(lines(tmp_path)) == 1 and kept(tmp_path) == []


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_calls_of_its_own_and_may_end_those_of_its_parent(log: ClaudeAPILogger) -> None:
    """The child's death abandons its calls, not its parent's; the parent's death is noticed beside a living child."""
    ended, ours = log.start_call("ended by the child", None, "m"), log.start_call("ours", None, "m")
    pid = os.fork()
    if pid == 0:
        log.start_call("of the child", None, "m")
        log.end_call(ended)
        os._exit(0)
    os.waitpid(pid, 0)
    assert {(call.task_id, call.alive) for call in shown(log.log_dir)} == {
        ("ours", True),
        ("of the child", False),
    }
    log.end_call(ours)
    assert tasks(log.log_dir) == ["of the child"]


def test_a_killed_parent_is_noticed_though_its_child_lives(tmp_path: Path) -> None:
    code = (
        ONE_CALL
        + "\nif os.fork() == 0: print(os.getpid(), flush=True); sys.stdin.readline(); os._exit(0)\nos.kill(os.getpid(), 9)"
    )
    process = in_a_process(code, tmp_path)
    assert process.stdout is not None and process.stdin is not None
    child = int(process.stdout.readline())
    assert process.wait(30) == -9
    os.kill(child, 0)
    assert [call.alive for call in shown(tmp_path)] == [False]
    ClaudeAPILogger(tmp_path)
    assert len(lines(tmp_path)) == 1
    process.stdin.close()
    process.stdout.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_slots_that_children_freed_are_used_again(
    log: ClaudeAPILogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logger.in_flight.MOST_CALLS", 2)
    calls = [log.start_call(str(number), None, "m") for number in range(2)]
    pid = os.fork()
    if pid == 0:
        for call in calls:
            log.end_call(call)
        os._exit(0)
    os.waitpid(pid, 0)
    log.start_call("next", None, "m")
    assert tasks(log.log_dir) == ["next"] and log.problems.total == 0
