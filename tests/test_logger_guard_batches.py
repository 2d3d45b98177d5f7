"""Message batches and a `SpendGuard`: what is set aside for one from before it is sent until it is logged."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from logger_host import Clock, new_log, written
from sdk_server import Answer, Server, async_client, overloaded, serving, sync_client
from test_logger_sdk import ASK
from test_logger_sdk_batches import batch, results, succeeded

from logger import BudgetExceeded, ClaudeAPILogger, SpendGuard
from logger.sent_batches import KEPT, SentBatch, SentBatches, sent_now
from logger.spending import Spending

pytest_plugins = ("logger_fixtures",)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def guarded(folder: Path, clock: Clock, **limits: Any) -> ClaudeAPILogger:
    return new_log(folder, clock, guard=SpendGuard(**{"per_day": 1, "reserve": 0.1, **limits}))


def of(requests: int) -> dict[str, Any]:
    return {"requests": [{"custom_id": str(number), "params": ASK} for number in range(requests)]}


def kept(folder: Path) -> list[int]:
    """Of how many requests batches are kept."""
    return sorted(one.requests for one in SentBatches(folder).read())


def test_a_batch_for_which_too_much_is_set_aside_is_not_sent(
    server: Server, tmp_path: Path, clock: Clock
) -> None:
    """$0.10 for each of 11 requests is more than $1."""
    with sync_client(server.url) as client:
        watched = guarded(tmp_path, clock).watch(client)
        with pytest.raises(BudgetExceeded) as told:
            watched.messages.batches.create(**of(11))
    assert "$1.10 set aside for the 11 calls of this batch, and $0 logged since midnight" in str(told.value)
    assert not server.requests and kept(tmp_path) == []


def test_a_sent_batch_is_set_aside_for_in_every_process_until_its_results_are_logged(
    server: Server, tmp_path: Path, clock: Clock
) -> None:
    """10 requests fill the limit, for calls and batches; then their results cost what they cost."""
    server.says(batch(server), batch(server), results(succeeded(1)))
    log, other = guarded(tmp_path, clock), guarded(tmp_path, clock)
    with sync_client(server.url) as client:
        log.watch(client).messages.batches.create(**of(10))
        assert kept(tmp_path) == [10] and (tmp_path / ".batches" / "msgbatch_1.json").exists()
        for one in (log, other):
            with pytest.raises(BudgetExceeded, match=r"\$1\.10 set aside for 10 requests of batches and th"):
                one.check_budget()
            with pytest.raises(BudgetExceeded, match="10 requests of batches and these 2"):
                one.watch(client).messages.batches.create(**of(2))
        assert len(server.requests) == 1
        list(other.watch(client).messages.batches.results("msgbatch_1"))
    assert kept(tmp_path) == [] and len(written(log)) == 1
    log.check_budget()


def test_a_batch_of_an_async_client_is_kept_too(server: Server, tmp_path: Path, clock: Clock) -> None:
    server.says(batch(server))
    log = guarded(tmp_path, clock)

    async def make() -> None:
        async with async_client(server.url) as client:
            await log.watch(client).messages.batches.create(**of(10))
            with pytest.raises(BudgetExceeded):
                await log.watch(client).messages.batches.create(**of(1))

    asyncio.run(make())
    assert len(server.requests) == 1 and kept(tmp_path) == [10]


def test_a_batch_counts_for_its_names_and_its_hour(server: Server, tmp_path: Path, clock: Clock) -> None:
    server.says(batch(server), batch(server))
    log = guarded(tmp_path, clock, per_day=None, per_task=1, per_hour=3)
    with sync_client(server.url) as client, log.context(task_id="gh-1"):
        log.watch(client).messages.batches.create(**of(10))
    log.check_budget(task_id="gh-2")
    log.check_budget(task_id="gh-2", calls=10)
    with pytest.raises(BudgetExceeded, match="for task gh-1"):
        log.check_budget(task_id="gh-1")
    with pytest.raises(BudgetExceeded, match="This hour's limit"):
        log.check_budget(calls=21)
    clock.pass_(3600)
    log.check_budget(calls=21)
    with pytest.raises(BudgetExceeded, match="for task gh-1"):
        log.check_budget(task_id="gh-1")
    clock.pass_(48 * 3600)
    log.check_budget(task_id="gh-1")


def test_a_batch_that_is_tried_again_is_asked_for_once_and_kept_once(
    server: Server, tmp_path: Path, clock: Clock
) -> None:
    """Its own reserve, kept since the first attempt, does not refuse the second."""
    server.says(overloaded(), batch(server))
    with sync_client(server.url) as client:
        guarded(tmp_path, clock).watch(client).messages.batches.create(**of(10))
    assert len(server.requests) == 2 and kept(tmp_path) == [10]


def test_another_attempt_of_a_batch_is_not_refused_by_what_was_spent_meanwhile(
    server: Server, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, other = Server.next, new_log(tmp_path, clock)

    def next_(self: Server, method: str, path: str) -> Any:
        call = other.start_call(None, None, "claude-sonnet-4-5")
        other.end_call(call, tokens_input=1_000_000, tokens_output=0)
        return answer(self, method, path)

    monkeypatch.setattr(Server, "next", next_)
    server.says(overloaded(), batch(server))
    with sync_client(server.url) as client:
        watched = guarded(tmp_path, clock).watch(client)
        watched.messages.batches.create(**of(1))
        assert len(server.requests) == 2
        with pytest.raises(BudgetExceeded):
            watched.messages.batches.create(**of(1))


def refused_batch() -> Answer:
    answer = overloaded()
    return replace(answer, status=400)


def test_a_batch_that_the_api_refuses_is_not_kept(server: Server, tmp_path: Path, clock: Clock) -> None:
    server.says(refused_batch())
    with sync_client(server.url) as client, pytest.raises(Exception, match="400"):
        guarded(tmp_path, clock).watch(client).messages.batches.create(**of(5))
    assert kept(tmp_path) == []


def test_a_batch_that_never_left_is_not_kept(tmp_path: Path, clock: Clock) -> None:
    with serving() as server:
        url = server.url
    with sync_client(url, max_retries=0) as client, pytest.raises(Exception, match="Connection error"):
        guarded(tmp_path, clock).watch(client).messages.batches.create(**of(5))
    assert kept(tmp_path) == []


def test_without_a_guard_nothing_is_kept(server: Server, tmp_path: Path, clock: Clock) -> None:
    server.says(batch(server))
    with sync_client(server.url) as client:
        new_log(tmp_path, clock).watch(client).messages.batches.create(**of(5))
    assert not (tmp_path / ".batches").exists()


def test_kept_batches_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Torn and foreign files are none; those that no limit counts any more are removed."""
    batches = SentBatches(tmp_path)
    told = sent_now(3, 1.5, {"task_id": "t", "worker_id": 7, "model": "m"})
    name = batches.begin("key", told)
    assert batches.begin("key", told) == name
    batches.made(name, "../msgbatch")
    for content in ("", "[]", '{"requests":"3","sent":1}', '{"requests":-1,"sent":1}'):
        (tmp_path / ".batches" / f"x{len(content)}.json").write_text(content)
    assert batches.read() == [SentBatch(requests=3, sent=1.5, task_id="t", worker_id="7")]
    os.utime(tmp_path / ".batches" / f"{name}.json", (0, os.stat(tmp_path).st_mtime - KEPT - 60))
    batches.begin("other", replace(told, requests=4))
    assert [one.requests for one in batches.read()] == [4]
    batches.done("../x0")
    batches.done("never there")


def test_calls_of_a_process_that_died_are_not_set_aside_for(tmp_path: Path, clock: Clock) -> None:
    """Its calls are shown as dead until the next logger writes them as failed."""
    log = guarded(tmp_path, clock, per_day=0.15)
    (tmp_path / ".running").mkdir(exist_ok=True)
    slot = {"call_id": "c-1", "start_time": clock.now, "model": "m"}
    dead = tmp_path / ".running" / "1-abc.calls"
    dead.write_bytes((json.dumps(slot).encode() + b"\n").ljust(1024, b"\0"))
    log.check_budget()
    call = log.start_call("t", "w", "m")
    with pytest.raises(BudgetExceeded, match="for 1 call in flight and this one"):
        log.check_budget()
    log.end_call(call, success=False, estimated_cost_usd=0.0)


def test_the_event_loop_goes_on_while_the_guard_reads(
    server: Server, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is new is read in another thread before the call is asked for on the loop."""
    threads: list[threading.Thread] = []
    read = Spending._read

    def reading(self: Spending, files: Any) -> Any:
        if any(file.path.endswith(".jsonl") and Path(file.path).exists() for file in files):
            threads.append(threading.current_thread())
        return read(self, files)

    new = new_log(tmp_path, clock)
    new.end_call(new.start_call("t", "w", "claude-sonnet-4-5"), tokens_input=10_000, tokens_output=0)
    log = guarded(tmp_path, clock)
    monkeypatch.setattr(Spending, "_read", reading)

    async def ask() -> None:
        async with async_client(server.url) as client:
            await log.watch(client).messages.create(**ASK)

    asyncio.run(ask())
    assert threads and threads[0] is not threading.main_thread()
