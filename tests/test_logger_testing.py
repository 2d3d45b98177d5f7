"""capture_calls: what a user's tests see of their program's calls."""

from __future__ import annotations

import asyncio
import itertools
import re
import textwrap
import threading
from pathlib import Path

import pytest
from logger_host import CLI_OUTPUTS, Clock, new_log, one_call, written

import logger.testing
from logger import CallRecord, ClaudeAPILogger
from logger.testing import capture_calls

pytest_plugins = ("logger_fixtures",)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_example_of_its_docstring_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    doc = logger.testing.__doc__ or ""
    example = textwrap.dedent(doc.partition("\n\n")[2].partition("\n\nAs a pytest")[0])
    assert example.startswith("from logger.testing import capture_calls")
    scope: dict[str, object] = {"ClaudeAPILogger": ClaudeAPILogger}
    exec(example + "\ntest_the_coordinator_names_its_task()", scope)
    assert files(tmp_path) == []


def test_loggers_made_before_and_in_the_block_are_captured(tmp_path: Path, clock: Clock) -> None:
    early = new_log(tmp_path / "early", clock)
    with capture_calls() as calls:
        late = new_log(tmp_path / "late", clock, project="website")
        early.end_call(early.start_call("1", None, "claude-sonnet-4-5"), "Hi", 12500, 3200)
        late.end_run(late.start_call("2", None, "m"), CLI_OUTPUTS / "tools" / "stream.jsonl")
        late.end_call(late.start_call("3", None, "m", agent="a"), success=False, error_message="no")
    assert all(isinstance(call, CallRecord) for call in calls)
    assert [(call.task_id, call.source, call.success) for call in calls if call.tokens_output != 0] == [
        ("1", "manual", True),
        ("2", "cli", True),
        ("3", "manual", False),
    ]
    assert (calls[0].tokens_total, calls[0].estimated_cost_usd) == (15700, 0.0855)
    assert files(tmp_path) == [] and not (tmp_path / "late").exists()


def test_threads_and_tasks_are_captured(log: ClaudeAPILogger) -> None:
    async def task(name: str) -> None:
        async with log.call(task_id=name, model="m"):
            await asyncio.sleep(0)

    async def tasks() -> None:
        await asyncio.gather(task("a"), task("b"))

    with capture_calls() as calls:
        thread = threading.Thread(target=lambda: log.end_call(log.start_call("thread", None, "m")))
        thread.start()
        thread.join()
        asyncio.run(tasks())
    assert sorted(call.task_id or "" for call in calls) == ["a", "b", "thread"]


def test_a_watched_client_is_captured(log: ClaudeAPILogger) -> None:
    httpx, anthropic = pytest.importorskip("httpx2"), pytest.importorskip("anthropic")
    reply = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 2}}  # fmt: skip
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=reply))
    client = log.watch(anthropic.Anthropic(api_key="k", http_client=httpx.Client(transport=transport)))
    with capture_calls() as calls:
        client.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
    assert [(call.source, call.message_id, call.tokens_total) for call in calls] == [("sdk", "msg_1", 3)]


def test_after_the_block_calls_are_written_again_whatever_happened_in_it(log: ClaudeAPILogger) -> None:
    with pytest.raises(KeyError), capture_calls():
        raise KeyError
    over = log.start_call("over the end", None, "m")
    with capture_calls() as calls:
        begun = log.start_call("begun in it", None, "m")
        with capture_calls() as inner:
            log.end_call(over)
    log.end_call(begun)
    assert calls == [] and [call.task_id for call in inner] == ["over the end"]
    assert one_call(log)["task_id"] == "t" and len(files(log.log_dir)) == 2


def end_one(log: ClaudeAPILogger, task: str) -> None:
    log.end_call(log.start_call(task, None, "m"))


def names(calls: list[CallRecord]) -> list[str | None]:
    return [call.task_id for call in calls]


@pytest.mark.parametrize("first", ["a", "b"])
def test_blocks_of_interleaved_tasks_have_their_own_calls(log: ClaudeAPILogger, first: str) -> None:
    """Both are open at once; whichever is left first, each has what its task and the task's threads end."""

    async def block(name: str, leave: asyncio.Event) -> list[str | None]:
        with capture_calls() as calls:
            await leave.wait()
            end_one(log, name)
            await asyncio.to_thread(end_one, log, f"{name}'s thread")
        return names(calls)

    async def both() -> dict[str, list[str | None]]:
        leave = {name: asyncio.Event() for name in "ab"}
        tasks = {name: asyncio.create_task(block(name, leave[name])) for name in leave}
        await asyncio.sleep(0)  # both are open now
        for name in sorted(leave, key=lambda name: name != first):
            leave[name].set()
            await tasks[name]
        return {name: task.result() for name, task in tasks.items()}

    assert asyncio.run(both()) == {name: [name, f"{name}'s thread"] for name in "ab"}
    assert files(log.log_dir) == []
    end_one(log, "after")
    assert [line["task_id"] for line in written(log)] == ["after"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_blocks_may_be_left_in_any_order(log: ClaudeAPILogger, order: tuple[int, ...]) -> None:
    """As fixtures may be: a call is the newest's that is open, and afterwards all is written again."""
    blocks = [capture_calls() for _ in range(3)]
    calls = [block.__enter__() for block in blocks]
    still = [0, 1, 2]
    for left in order:
        end_one(log, f"{still[-1]}")
        blocks[left].__exit__(None, None, None)
        still.remove(left)
    assert all(set(names(some)) <= {str(number)} for number, some in enumerate(calls))
    assert sum(map(len, calls)) == 3 and files(log.log_dir) == []
    end_one(log, "after")
    assert [line["task_id"] for line in written(log)] == ["after"]


def test_blocks_of_several_threads_do_not_wait_for_each_other(log: ClaudeAPILogger) -> None:
    together = threading.Barrier(3, timeout=30)
    seen: dict[str, list[str | None]] = {}

    def block(name: str) -> None:
        with capture_calls() as calls:
            together.wait()
            end_one(log, name)
            together.wait()
        seen[name] = names(calls)

    threads = [threading.Thread(target=block, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {name: [name] for name in "abc"} and files(log.log_dir) == []


def test_nothing_of_it_is_imported_otherwise() -> None:
    package = Path(logger.testing.__file__).parent
    assert not [
        path
        for path in package.glob("*.py")
        if re.search(r"^\s*(from|import) \.?testing", path.read_text(), re.M)
    ]
