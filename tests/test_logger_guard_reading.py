"""What a `SpendGuard` reads: exact where it refuses, little where it need not, and nothing forgotten."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logger_host import NOON, Clock, new_log

from logger import BudgetExceeded, ClaudeAPILogger, SpendGuard
from logger.counted_once import each_counted
from logger.record import day_file_name
from logger.spending import Spending
from logger.spent_lines import SpentLines
from tests.doubles import doubles

pytest_plugins = ("logger_fixtures",)

TODAY = day_file_name("2026-11-22")
MODEL = "claude-sonnet-4-5"


def line(cost: float | None = 1.0, **fields: Any) -> dict[str, Any]:
    at = "2026-11-22T12:00:00+00:00"
    return {"timestamp": at, "model": "m", "source": "manual", "estimated_cost_usd": cost, **fields}


def write(folder: Path, *lines: dict[str, Any], name: str = TODAY) -> Path:
    path = folder / name
    with path.open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in lines)
    return path


def spent(log: ClaudeAPILogger) -> float | None:
    """USD with which a call is refused; None if it is not."""
    try:
        log.check_budget()
    except BudgetExceeded as error:
        return error.spent
    return None


def both_sources(number: int, **fields: Any) -> list[dict[str, Any]]:
    """A call of a CLI run as its transcript and its telemetry tell of it."""
    shared = {"session_id": "s", "tokens_input": 10 + number, "tokens_output": 1, **fields}
    return [line(source=source, **shared) for source in ("transcript", "otel")]


@settings(max_examples=150, deadline=None)
@given(
    lines=st.lists(doubles(), max_size=12),
    limit=st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.25, 3.0, 5.0]),
    unpriced=st.sampled_from([0.0, 0.25]),
    name=st.sampled_from([None, "v", "w"]),
)
def test_a_call_is_refused_exactly_when_counting_all_lines_anew_says_so(
    lines: list[dict[str, Any]],
    limit: float,
    unpriced: float,
    name: str | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """After every line, however little was counted together until then."""
    folder, clock = tmp_path_factory.mktemp("log"), Clock(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
    kind = "per_day" if name is None else "per_worker"
    log = new_log(folder, clock, guard=SpendGuard(**{kind: limit, "unpriced": unpriced}))
    for at, one in enumerate(lines):
        write(folder, one, name=day_file_name("2026-11-20"))
        exact = amount_of(lines[: at + 1], name, unpriced)
        try:
            log.check_budget(worker_id=name)
        except BudgetExceeded as error:
            assert error.spent == pytest.approx(exact) and exact > limit - 1e-9
        else:
            assert exact < limit + 1e-9
    log.close()


def amount_of(lines: list[dict[str, Any]], worker: str | None, unpriced: float) -> float:
    """USD of the day, of a worker if one is named, by counting all."""
    counted = [one for one in each_counted(lines) if one and one["timestamp"][:10] == "2026-11-20"]
    mine = [one for one in counted if worker is None or one.get("worker_id") == worker]
    costs = [one.get("estimated_cost_usd") for one in mine]
    return sum(unpriced if cost is None else cost for cost in costs)


def test_far_from_a_limit_nothing_is_counted_together(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 lines are $300 at the most: no limit of $301 is reached, whichever of them tell of one call."""
    monkeypatch.setattr("logger.spent_lines.each_counted", lambda lines: pytest.fail("counted together"))
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=301))
    for number in range(100):
        write(tmp_path, *both_sources(number, request_id=f"r{number}"), line(source="cli", session_id="s"))
        assert spent(log) is None


@pytest.mark.parametrize("ids", [True, False])
def test_near_a_limit_only_the_lines_of_the_same_call_are_counted_together(
    ids: bool, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a session without a run a new line is counted with the one other of its call, not with all 400."""
    counted: list[int] = []

    def count(lines: list[Any]) -> Any:
        counted.append(len(lines))
        return each_counted(lines)

    monkeypatch.setattr("logger.spent_lines.each_counted", count)
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=200))
    for number in range(200):
        write(tmp_path, *both_sources(number, request_id=f"r{number}" if ids else None))
        assert spent(log) == (200 if number == 199 else None)
    assert max(counted) == 2 and len(counted) <= 200


def test_a_run_joins_the_calls_of_its_session_that_came_before_it(tmp_path: Path, clock: Clock) -> None:
    """Three calls of $1 are in the $4 of the run, which was logged last."""
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=4))
    write(tmp_path, *[one for number in range(3) for one in both_sources(number, start_time=NOON)])
    assert spent(log) is None
    write(tmp_path, line(4.0, source="cli", session_id="s", tokens_input=100, success=True))
    assert spent(log) == 4


def test_a_day_of_which_a_gzipped_copy_is_there_too_counts_once(tmp_path: Path, clock: Clock) -> None:
    """While gzip runs; also when the copy comes, and when the plain file goes, later."""
    path = write(tmp_path, *[line()] * 3)
    packed = path.with_name(path.name + ".gz")
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=0.5))
    assert spent(log) == 3
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for change in (lambda: None, path.unlink):
        change()
        clock.pass_(5)
        assert spent(log) == 3
        assert spent(new_log(tmp_path, clock, guard=SpendGuard(per_day=0.5))) == 3


def test_a_plain_and_a_gzipped_file_of_different_calls_count_both(tmp_path: Path, clock: Clock) -> None:
    """A day that was gzipped, and to which a call was added."""
    (tmp_path / (TODAY + ".gz")).write_bytes(gzip.compress(json.dumps(line(2.0)).encode() + b"\n"))
    write(tmp_path, line(0.5))
    assert spent(new_log(tmp_path, clock, guard=SpendGuard(per_day=0.5))) == 2.5


def moved(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def smaller(path: Path) -> None:
    moved(path)
    write(path.parent, line(0.25))


@pytest.mark.parametrize("lose", [moved, Path.unlink, a_folder, smaller, lambda path: path.write_bytes(b"")])
def test_what_was_spent_stays_spent_when_its_file_is_lost(
    lose: Callable[[Path], Any], tmp_path: Path, clock: Clock
) -> None:
    """Two lines of one call and another: $2. The day after begins with nothing."""
    path = write(tmp_path, *both_sources(1), line())
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=2))
    assert spent(log) == 2
    lose(path)
    for _ in range(3):
        clock.pass_(5)
        assert spent(log) == 2
    clock.pass_(86_400)
    assert spent(log) is None


def test_a_logger_that_is_closed_begins_with_what_the_files_say(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path, line())
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=1))
    assert spent(log) == 1
    path.write_bytes(b"")
    assert spent(log) == 1
    log.close()
    assert spent(log) is None


@pytest.mark.parametrize("folder", [".running", ".batches"])
def test_calls_in_flight_that_cannot_be_read_are_unread_spending(
    folder: str, tmp_path: Path, clock: Clock
) -> None:
    for policy in ("allow", "refuse"):
        log = new_log(tmp_path / policy, clock, guard=SpendGuard(per_day=9, reserve=1, on_unreadable=policy))
        assert spent(log) is None
        (tmp_path / policy).mkdir(exist_ok=True)
        (tmp_path / policy / folder).write_text("no folder")
        if policy == "allow":
            assert spent(log) is None and log.problems.counts["guard"] == 1
            continue
        with pytest.raises(BudgetExceeded, match="Not a directory") as told:
            log.start_call("t", "w", MODEL)
        assert told.value.limit_name == "on_unreadable"


@pytest.mark.parametrize("moment", [1e12, float("nan"), float("inf")])
def test_an_impossible_clock_is_as_if_nothing_could_be_read(moment: float, tmp_path: Path) -> None:
    for policy in ("allow", "refuse"):
        log = new_log(tmp_path, Clock(moment), guard=SpendGuard(per_day=9, on_unreadable=policy))
        for ask in (log.check_budget, lambda log=log: log.start_call("t", "w", MODEL)):
            if policy == "allow":
                ask()
            else:
                with pytest.raises(BudgetExceeded, match="the time is not known"):
                    ask()
        assert log.problems.total


def test_a_long_day_is_read_in_a_thread_from_the_making_of_the_logger_on(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logger.guarding.AHEAD", 10)
    threads: list[str] = []
    take = SpentLines.take

    def taking(self: SpentLines, *told: Any) -> None:
        threads.append(threading.current_thread().name)
        take(self, *told)

    monkeypatch.setattr(SpentLines, "take", taking)
    write(tmp_path, line())
    assert spent(new_log(tmp_path, clock, guard=SpendGuard(per_day=1))) == 1
    assert threads and threading.current_thread().name not in threads


@pytest.mark.parametrize("policy", ["allow", "refuse"])
def test_a_call_waits_for_another_threads_reading_only_so_long(
    policy: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logger.guarding.PATIENCE", 0.01)
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=1, on_unreadable=policy))
    held, done = threading.Event(), threading.Event()

    def read(guarding: Any = log._guard) -> None:
        with guarding._lock:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=read)
    thread.start()
    held.wait(60)
    try:
        if policy == "refuse":
            with pytest.raises(BudgetExceeded, match="are still being read"):
                log.check_budget()
        else:
            log.check_budget()
            assert log.problems.counts["guard"] == 1
    finally:
        done.set()
        thread.join(60)


def test_a_signal_handler_that_begins_a_call_while_a_line_is_taken_counts_nothing_twice(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three lines of $1 in a gzipped file, and a limit of $4: read again from within, they were $6."""
    lines = "".join(json.dumps(line()) + "\n" for _ in range(3))
    (tmp_path / (TODAY + ".gz")).write_bytes(gzip.compress(lines.encode()))
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=4))
    take, inner = SpentLines.take, []

    def interrupted(self: SpentLines, *told: Any) -> None:
        if not inner:
            inner.append(True)
            clock.pass_(5)
            log.check_budget()
        take(self, *told)

    monkeypatch.setattr(SpentLines, "take", interrupted)
    assert spent(log) is None and inner
    write(tmp_path, line(task_id="another"))
    assert spent(log) == 4


def exit_code_of_child(body: Callable[[], int]) -> int:
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = body()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_child_may_ask_in_a_thread_of_its_own(tmp_path: Path, clock: Clock) -> None:
    """The lock of the parent is not left taken in the child."""
    write(tmp_path, line())
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=1))
    assert spent(log) == 1

    def body() -> int:
        told: list[Any] = []
        thread = threading.Thread(target=lambda: told.append(spent(log)))
        thread.start()
        thread.join(60)
        return 7 if told == [1] and log.problems.counts["guard"] == 0 else 1

    assert exit_code_of_child(body) == 7


def test_a_child_that_was_forked_in_the_middle_of_a_look_reads_anew(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own stack is that of the reading, which is none of its own any more."""
    write(tmp_path, line())
    log = new_log(tmp_path, clock, guard=SpendGuard(per_day=1))
    look, codes = Spending.look, []

    def forking(self: Spending, now: float, day: str) -> Any:
        if not codes:
            codes.append(-1)
            codes[0] = exit_code_of_child(lambda: 7 if spent(log) == 1 else 1)
        return look(self, now, day)

    monkeypatch.setattr(Spending, "look", forking)
    assert spent(log) == 1 and codes == [7]
