"""The hard stop: `ClaudeAPILogger(..., guard=SpendGuard(...))` begins no call once a limit is reached."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from logger_host import NOON, Clock, new_log, written

from logger import BudgetExceeded, ClaudeAPILogger, SpendGuard, running_calls
from logger.guarding import usd
from tests.bench import guarding

pytest_plugins = ("logger_fixtures",)

MODEL = "claude-sonnet-4-5"
CENTS_3 = {"tokens_input": 10_000, "tokens_output": 0}
"""Costs $0.03."""


def spend(log: ClaudeAPILogger, task: str | None = "gh-1", worker: str | None = "w-1", **named: Any) -> None:
    log.end_call(log.start_call(task, worker, MODEL, **named), **CENTS_3)


def refused(log: ClaudeAPILogger, *names: str | None, **named: Any) -> BudgetExceeded:
    """What a call of these names (task, worker) is refused with."""
    task, worker = names or ("gh-1", "w-1")
    before = written(log)
    with pytest.raises(BudgetExceeded) as told:
        log.start_call(task, worker, MODEL, **named)
    assert written(log) == before
    return told.value


def test_a_call_is_refused_once_a_limit_is_reached(tmp_path: Path, clock: Clock) -> None:
    """$0.03 + $0.03 is below $0.07, three of them are not."""
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.07))
    for _ in range(3):
        spend(log)
    error = refused(log, "gh-456", "w-1")
    assert str(error) == (
        "Today's limit of $0.070 is reached: $0.090 logged since midnight; the call of task gh-456 was not "
        "begun. Raise SpendGuard(per_day=...) or wait until tomorrow."
    )
    assert (error.limit_name, error.limit, error.spent) == ("per_day", 0.07, 0.09)
    assert (error.scope, error.period, error.at_least, error.reserved) == (
        "all calls",
        "2026-11-22",
        False,
        0,
    )


def test_nothing_is_left_of_a_refused_call(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0))
    refused(log)
    assert running_calls(tmp_path, now=clock.now) == () and not list(tmp_path.glob("api-calls-*"))


LIMITED = [
    ("per_hour", {}, "2026-11-22T12:00+00:00", "all calls"),
    ("per_day", {}, "2026-11-22", "all calls"),
    ("per_task", {"task": "gh-2"}, "2026-11-21/2026-11-22", "task gh-1"),
    ("per_worker", {"worker": "w-2"}, "2026-11-22", "worker w-1"),
    ("per_project", {"project": "other"}, "2026-11-22", "project site"),
]


@pytest.mark.parametrize(("limit", "other", "period", "scope"), LIMITED)
def test_each_limit_holds_for_its_own_calls(
    limit: str, other: dict[str, str], period: str, scope: str, tmp_path: Path, clock: Clock
) -> None:
    log = new_log(tmp_path, clock, project="site", guard=SpendGuard(**{limit: 0.05}))
    spend(log)
    spend(log, **other)
    if other:  # of another name
        spend(log)
    error = refused(log)
    assert (error.limit_name, error.scope, error.period, error.spent) == (limit, scope, period, 0.06)
    if other:
        spend(log, **other)


def test_calls_without_a_name_have_no_limit_of_that_name(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_task=0.01, per_worker=0.01, per_project=0.01))
    for _ in range(3):
        spend(log, None, None)
    assert len(written(log)) == 3


def test_the_first_of_several_limits_is_told(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_task=0.02, per_day=0.02))
    spend(log)
    assert refused(log).limit_name == "per_day"


def test_a_new_hour_begins_anew(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_hour=0.03))
    clock.pass_(59 * 60 + 59)
    spend(log)
    assert "This hour's limit of $0.030 is reached: $0.030 logged since 12:00" in str(refused(log))
    clock.pass_(1)
    spend(log)


def test_an_hour_of_a_half_hour_zone_begins_on_its_own_clock(tmp_path: Path, clock: Clock) -> None:
    """Noon in London is 17:30 in Kolkata: at 12:30 it is a new hour there."""
    log = new_log(tmp_path, clock, zone=ZoneInfo("Asia/Kolkata"), guard=SpendGuard(per_hour=0.03))
    clock.pass_(29 * 60)
    spend(log)
    assert refused(log).period == "2026-11-22T17:00+05:30"
    clock.pass_(60)
    spend(log)


def test_the_hour_that_comes_twice_is_two(tmp_path: Path) -> None:
    """On 25 October the clocks of Berlin go from 02:59 back to 02:00."""
    clock = Clock(datetime(2026, 10, 25, 0, 59, tzinfo=UTC).timestamp())
    log = new_log(tmp_path, clock, zone=ZoneInfo("Europe/Berlin"), guard=SpendGuard(per_hour=0.03))
    spend(log)
    assert refused(log).period == "2026-10-25T02:00+02:00"
    clock.pass_(60)
    spend(log)
    assert refused(log).period == "2026-10-25T02:00+01:00"


def test_midnight_begins_the_day_anew_but_not_the_task(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.03, per_task=0.06))
    spend(log)
    refused(log)
    clock.pass_(12 * 3600)
    spend(log)
    assert refused(log).limit_name == "per_day"
    clock.pass_(24 * 3600)
    spend(log)
    assert log.log_file.name == "api-calls-2026-11-24.jsonl"


def test_a_task_is_stopped_on_the_second_day_too(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_task=0.06))
    spend(log)
    clock.pass_(24 * 3600)
    spend(log)
    assert refused(log).spent == 0.06
    spend(log, "gh-2")


def test_a_call_of_yesterday_that_ends_today_counts_to_yesterday(tmp_path: Path) -> None:
    clock = Clock(NOON + 12 * 3600 - 1)
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.03, per_task=0.03))
    call = log.start_call("gh-1", "w-1", MODEL)
    clock.pass_(2)
    spend(log, None)
    log.end_call(call, **CENTS_3)
    clock.pass_(2)
    assert refused(log, None, None).spent == 0.03
    assert refused(log, "gh-1", None).limit_name == "per_day"
    clock.pass_(24 * 3600)
    spend(log, "gh-1")


def test_what_other_programs_and_earlier_runs_wrote_counts(tmp_path: Path, clock: Clock) -> None:
    spend(new_log(tmp_path, clock))
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.05))
    other = new_log(tmp_path, clock)
    log.check_budget()
    spend(other)
    refused(log)


def test_a_call_that_two_lines_tell_of_counts_once(tmp_path: Path, clock: Clock) -> None:
    """A watched call, and the telemetry of the same request."""
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.05))
    for source in ("sdk", "otel"):
        spend(log, source=source, request_id="req_1")
    spend(log)
    assert refused(log).spent == 0.06


def test_a_cost_that_is_not_known_is_said(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.03))
    log.end_call(log.start_call("t", "w", "a-model-without-a-price"), **CENTS_3)
    spend(log)
    error = refused(log)
    assert error.at_least and "at least $0.030 logged since midnight" in str(error)


def test_calls_of_unknown_cost_reach_a_limit_by_what_is_assumed_for_them(
    tmp_path: Path, clock: Clock
) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=1.03, unpriced=0.5))
    for _ in range(2):
        log.end_call(log.start_call("t", "w", "a-model-without-a-price"), **CENTS_3)
    spend(log)
    error = refused(log)
    assert "$1 assumed for 2 calls of unknown cost, and $0.030 logged since midnight" in str(error)
    assert (error.spent, error.at_least) == (1.03, False)


def test_the_names_of_a_context_are_those_of_its_calls(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_task=0.03, per_project=0.05))
    with log.context(task_id="gh-1", project="site"):
        spend(log, None)
        assert refused(log, None, None).scope == "task gh-1"
        with pytest.raises(BudgetExceeded, match="for task gh-1"):
            log.check_budget()
        spend(log, "gh-2")
        assert refused(log, "gh-3", None).scope == "project site"
    log.check_budget()


def test_a_block_is_not_entered(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.03))
    with log.call(model=MODEL) as call:
        call.usage({"input_tokens": 10_000, "output_tokens": 0})
    with pytest.raises(BudgetExceeded), log.call(model=MODEL):
        pytest.fail("the block ran")

    async def asynchronous() -> None:
        async with log.call(model=MODEL):
            pytest.fail("the block ran")

    with pytest.raises(BudgetExceeded):
        asyncio.run(asynchronous())


def test_a_call_that_was_begun_ends_as_ever(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.03))
    call = log.start_call("gh-1", "w-1", MODEL)
    spend(log)
    refused(log)
    assert log.end_call(call, **CENTS_3) and len(written(log)) == 2


def test_a_budget_can_be_looked_at_before_a_task_is_taken_up(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_worker=0.03))
    spend(log)
    log.check_budget(worker_id="w-2")
    with pytest.raises(BudgetExceeded, match="the call of worker w-1 was not begun"):
        log.check_budget(worker_id="w-1")
    new_log(tmp_path, clock).check_budget(worker_id="w-1")


def test_refusals_are_counted_and_said_once_for_each_limit_and_period(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_task=0.03, per_day=0.09))
    with caplog.at_level(logging.WARNING, "callmeter"):
        for task in ("a", "b", "c"):
            spend(log, task)
            refused(log, task, None) if task != "c" else None
            refused(log, task, None)
    told = [record.getMessage() for record in caplog.records]
    assert [sentence.partition(" is reached")[0] for sentence in told] == [
        "callmeter: The limit of $0.030 for task a",
        "callmeter: The limit of $0.030 for task b",
        "callmeter: Today's limit of $0.090",
    ]
    assert log.problems.counts["over budget"] == 5


def test_what_is_set_aside_stops_before_the_limit(tmp_path: Path, clock: Clock) -> None:
    """$0.03 is logged and two calls are in flight: $0.02 each, and the next one's, are more than $0.08."""
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.08, reserve=0.02))
    spend(log)
    calls = [log.start_call("gh-1", "w-1", MODEL) for _ in range(2)]
    error = refused(log)
    assert "$0.060 set aside for 2 calls in flight and this one, and $0.030 logged since" in str(error)
    assert (error.spent, round(error.reserved, 9)) == (0.03, 0.06)
    log.end_call(calls[0], success=False, error_message="no answer", estimated_cost_usd=0.0)
    log.start_call("gh-1", "w-1", MODEL)


def test_only_calls_of_the_same_name_are_set_aside_for(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_task=0.02, reserve=0.02))
    log.start_call("gh-1", "w-1", MODEL)
    assert "for 1 call in flight and this one" in str(refused(log))
    log.start_call("gh-2", "w-1", MODEL)


def test_reserves_that_fill_a_limit_exactly_do_fit(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.3, reserve=0.1))
    for _ in range(3):
        log.start_call("gh-1", "w-1", MODEL)
    refused(log)


@pytest.mark.parametrize(
    ("options", "kind", "told"),
    [
        ({}, ValueError, "SpendGuard without a limit stops nothing"),
        ({"per_day": "10"}, TypeError, "per_day is an amount in USD, such as 10 or 0.5, not '10'"),
        ({"per_day": True}, TypeError, "per_day"),
        ({"per_task": -1}, ValueError, "per_task is 0 or more USD, not -1"),
        ({"per_hour": float("nan")}, ValueError, "per_hour"),
        ({"per_day": 1, "reserve": None}, TypeError, "reserve"),
        ({"per_day": 1, "on_unreadable": "ignore"}, ValueError, "on_unreadable is 'allow' or 'refuse'"),
    ],
)
def test_wrong_arguments_are_said_at_once(options: dict[str, Any], kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        SpendGuard(**options)


def test_what_is_no_guard_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="guard is a SpendGuard"):
        ClaudeAPILogger(tmp_path, guard=10)  # type: ignore[arg-type]


def test_a_refusal_goes_from_one_process_to_another(tmp_path: Path, clock: Clock) -> None:
    error = refused(new_log(tmp_path, clock, guard=SpendGuard(per_day=0)))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.limit_name, again.period) == (str(error), "per_day", "2026-11-22")


@pytest.mark.parametrize(
    ("amount", "told"),
    [(10, "$10"), (10.034, "$10.03"), (1234.5, "$1,234.50"), (0, "$0"), (0.0042, "$0.0042"), (0.5, "$0.50")],
)
def test_amounts_are_written_with_the_digits_that_matter(amount: float, told: str) -> None:
    assert usd(amount) == told


def unreadable(folder: Path) -> None:
    """The day's file is a folder; nobody can write there either."""
    (folder / "api-calls-2026-11-22.jsonl").mkdir(parents=True)


def test_where_nothing_can_be_read_calls_are_begun_and_it_is_said(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    unreadable(tmp_path)
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=1))
    with caplog.at_level(logging.WARNING, "callmeter"):
        log.start_call("gh-1", "w-1", MODEL)
        log.start_call("gh-1", "w-1", MODEL)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("callmeter: the spend guard cannot read what was spent (Is a directory: /")
    assert told.endswith("; calls are begun all the same, by what is known")
    assert log.problems.counts["guard"] == 2


def test_where_nothing_can_be_read_calls_are_refused_if_so_wanted(tmp_path: Path, clock: Clock) -> None:
    unreadable(tmp_path)
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=1, on_unreadable="refuse"))
    for _ in range(2):
        with pytest.raises(BudgetExceeded, match="What was spent cannot be read") as told:
            log.start_call("gh-1", "w-1", MODEL)
        assert (told.value.limit_name, told.value.spent) == ("on_unreadable", None)
    assert "; the call of task gh-1 was not begun. Make the log folder readable, or set SpendGuard(" in str(
        told.value
    )


def test_a_folder_that_is_a_file_is_unreadable(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "log").write_text("no folder")
    log = new_log(tmp_path / "log", clock, guard=SpendGuard(per_day=1, on_unreadable="refuse"))
    with pytest.raises(BudgetExceeded, match="Not a directory"):
        log.start_call("gh-1", "w-1", MODEL)


def test_what_is_known_counts_where_something_else_cannot_be_read(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "api-calls-2026-11-21.jsonl").mkdir()
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.03))
    spend(log)
    with pytest.raises(BudgetExceeded, match="Today's limit"):
        log.start_call("gh-1", "w-1", MODEL)


def test_calls_that_could_not_be_written_are_unread_spending(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=1, on_unreadable="refuse"))
    call = log.start_call("gh-1", "w-1", MODEL)
    unreadable(tmp_path)
    assert not log.end_call(call, **CENTS_3)
    (tmp_path / "api-calls-2026-11-22.jsonl").rmdir()
    with pytest.raises(BudgetExceeded, match="could not be written yet"):
        log.start_call("gh-1", "w-1", MODEL)
    assert log.flush()
    spend(log)


def test_a_mistake_of_ours_is_as_if_nothing_could_be_read(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> None:
        raise KeyError("a mistake")

    for policy in ("refuse", "allow"):
        log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.05, on_unreadable=policy))
        spend(log)
        with monkeypatch.context() as broken:
            broken.setattr("logger.spent_lines.SpentLines.take", breaks)
            if policy == "refuse":
                assert refused(log).limit_name == "on_unreadable"
            else:
                log.start_call("gh-1", "w-1", MODEL)
        assert refused(log).spent == 0.06 if policy == "allow" else log.start_call("t", "w", MODEL)


def test_threads_share_a_limit(tmp_path: Path, clock: Clock) -> None:
    """Of 4 threads each may have a call in flight when the limit is reached."""
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.9))

    def work() -> None:
        try:
            while True:
                spend(log)
        except BudgetExceeded:
            return

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 30 <= len(written(log)) <= 33


WORKER = """
import sys
from logger import BudgetExceeded, ClaudeAPILogger, SpendGuard
log = ClaudeAPILogger(sys.argv[1], guard=SpendGuard(per_day=float(sys.argv[2]), reserve=float(sys.argv[3])))
print("ready", flush=True)
sys.stdin.readline()
begun = 0
try:
    while True:
        call = log.start_call("gh-1", f"w-{sys.argv[4]}", "claude-sonnet-4-5")
        begun += 1
        log.end_call(call, tokens_input=10_000, tokens_output=0)
except BudgetExceeded as error:
    print(begun, error.limit_name)
"""


def workers(folder: Path, count: int, limit: float, reserve: float) -> list[list[str]]:
    """What processes print that spend $0.03 with each call until they are refused: [begun, limit]."""
    words = [sys.executable, "-c", WORKER, str(folder), str(limit), str(reserve)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([*words, str(n)], **pipes) for n in range(count)]  # type: ignore[call-overload]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=120)[0].split() for process in running]


@pytest.mark.parametrize(("reserve", "most"), [(0.0, 203), (0.03, 203)])
def test_processes_share_a_limit(tmp_path: Path, reserve: float, most: int) -> None:
    """$6 are 200 calls; of 4 processes 3 may have one in flight when the last of them is begun."""
    told = workers(tmp_path, 4, 6.0, reserve)
    lines = [json.loads(line) for path in tmp_path.glob("*.jsonl") for line in path.open() if line.strip()]
    assert {limit for _, limit in told} == {"per_day"}
    assert 197 <= len(lines) == sum(int(begun) for begun, _ in told) <= most


def test_a_writer_killed_in_the_middle_of_a_line_hides_nothing(tmp_path: Path) -> None:
    """The torn line waits for its end, and is passed over once the next writer has closed it."""
    code = """
import os, signal, sys
from logger import ClaudeAPILogger
log = ClaudeAPILogger(sys.argv[1])
log.end_call(log.start_call("gh-1", "w-1", "claude-sonnet-4-5"), tokens_input=10_000, tokens_output=0)
call = log.start_call("gh-1", "w-1", "claude-sonnet-4-5")
fd = os.open(log.log_file, os.O_WRONLY | os.O_APPEND)
os.write(fd, b'{"timestamp":"2026-')
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60)
    assert done.returncode == -signal.SIGKILL
    log = ClaudeAPILogger(tmp_path, guard=SpendGuard(per_day=0.06))
    spend(log)
    with pytest.raises(BudgetExceeded, match="at least"):  # the call that died in flight has no cost
        log.start_call("gh-1", "w-1", MODEL)


def _spend_in_child(log: ClaudeAPILogger, answers: Any) -> None:
    try:
        while True:
            spend(log)
    except BudgetExceeded as error:
        answers.put(error.spent)


def test_a_forked_child_counts_on(tmp_path: Path) -> None:
    log = ClaudeAPILogger(tmp_path, guard=SpendGuard(per_day=0.09))
    spend(log)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_spend_in_child, args=(log, answers))
    child.start()
    assert answers.get(timeout=60) == 0.09
    child.join(60)
    refused(log)


def test_a_child_forked_while_another_thread_reads_is_not_stuck(tmp_path: Path) -> None:
    log = ClaudeAPILogger(tmp_path, guard=SpendGuard(per_day=0.03))
    spend(log)
    assert log._guard is not None
    held, done = threading.Event(), threading.Event()

    def read(guarding: Any = log._guard) -> None:
        with guarding._lock:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=read)
    thread.start()
    held.wait(60)
    child = os.fork()
    if child == 0:
        try:
            log.start_call("gh-1", "w-1", MODEL)
        except BudgetExceeded:
            os._exit(7)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    done.set()
    thread.join(60)
    assert os.waitstatus_to_exitcode(status) == 7


def test_a_signal_handler_that_begins_a_call_while_the_guard_reads_is_answered_by_what_is_known(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.05))
    spend(log)
    from logger.spending import Spending

    look, inner = Spending.look, []

    def interrupted(self: Spending, now: float, day: str) -> Any:
        if not inner:
            inner.append(log.start_call("handler", "w", MODEL))
        return look(self, now, day)

    monkeypatch.setattr(Spending, "look", interrupted)
    log.start_call("gh-1", "w-1", MODEL)
    assert inner[0].task_id == "handler"


def test_a_closed_log_goes_on(tmp_path: Path, clock: Clock) -> None:
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.03))
    spend(log)
    log.close()
    assert refused(log).spent == 0.03


def test_a_program_without_a_guard_reads_nothing_and_loads_nothing(tmp_path: Path) -> None:
    code = """
import sys
from logger import ClaudeAPILogger, SpendGuard
log = ClaudeAPILogger(sys.argv[1])
log.end_call(log.start_call("gh-1", "w-1", "claude-sonnet-4-5"))
log.check_budget()
print(*[name for name in sys.modules if name.startswith(("logger.spent", "logger.spending", "logger.guarding"))])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_bench_measures_days_that_the_guard_reads_whole(tmp_path: Path) -> None:
    """Ten calls of 1,200 and 3,400 tokens cost $0.546; the writers of the bench do write."""
    _, day = guarding.a_day(tmp_path / "day", 10)
    log = ClaudeAPILogger(tmp_path / "day")
    summary = log.get_daily_summary(day)
    assert (summary["total_calls"], round(summary["total_cost_usd"], 9)) == (10, 0.546)
    process = guarding.writer(tmp_path / "beside")
    beside = ClaudeAPILogger(tmp_path / "beside", guard=SpendGuard(per_day=0.5))
    with pytest.raises(BudgetExceeded):
        while process.poll() is None:
            beside.check_budget()
    process.kill()
    process.communicate()
