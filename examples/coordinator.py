"""A coordinator: gives each task to a worker of the Claude CLI, two at a time, and logs what they used.

    python examples/coordinator.py prompts/gh-456.txt prompts/gh-457.txt

A task is a file with a prompt; its name is the task's. What a worker prints is kept in outputs/. A task that
cannot be read is said and left out; the exit code is 1 then. Ctrl-C ends the workers; what they have used
until then is logged.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from logger import ClaudeAPILogger

MODEL = "claude-opus-5-5"
WORKERS = 2
CLAUDE = ("claude", "-p", "--model", MODEL, "--output-format", "stream-json", "--verbose")


async def run(log: ClaudeAPILogger, task: Path, output: Path, worker: str) -> int | None:
    """One task, from spawning its worker to its lines in the log; the worker's exit code."""
    output.parent.mkdir(parents=True, exist_ok=True)
    call = log.start_call(task.stem, worker, MODEL, task, task.read_text(encoding="utf-8"))
    process = None
    try:
        with task.open("rb") as prompt, output.open("wb") as printed:
            env = {**os.environ, **log.worker_env(task_id=task.stem, worker_id=worker)}
            process = await asyncio.create_subprocess_exec(*CLAUDE, stdin=prompt, stdout=printed, env=env)
        return await process.wait()
    except asyncio.CancelledError:  # Ctrl-C
        if process is not None:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
        raise
    finally:
        log.end_run(call, output, process.returncode if process else None)


async def work(log: ClaudeAPILogger, tasks: Iterator[tuple[Path, Path]], worker: str) -> int:
    """One task after the other, until none is left; how many could not be run."""
    failed = 0
    for task, output in tasks:
        print(f"{worker}: {task.stem}", flush=True)
        try:
            exit_code = await run(log, task, output, worker)
            print(f"{worker}: {task.stem} ended with {exit_code}", flush=True)
        except (OSError, UnicodeError) as error:  # the other tasks go on
            print(f"{worker}: {task} cannot be run: {error}", file=sys.stderr, flush=True)
            failed += 1
    return failed


def with_outputs(tasks: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Each task and a file for what its worker prints: its own, also when tasks have the same name."""
    seen: Counter[str] = Counter()
    for task in tasks:
        seen[task.stem] += 1
        folder = Path("outputs") if seen[task.stem] == 1 else Path("outputs", str(seen[task.stem]))
        yield task, folder / f"{task.stem}.jsonl"


async def main(paths: list[str]) -> int:
    """All tasks, `WORKERS` at a time; the exit code."""
    log = ClaudeAPILogger("logs/api", project="my-project")
    tasks = with_outputs([Path(path) for path in paths])
    failed = await asyncio.gather(*(work(log, tasks, f"w-{number}") for number in range(1, WORKERS + 1)))
    return min(1, sum(failed))


if __name__ == "__main__":
    if not sys.argv[1:] or shutil.which("claude") is None:
        sys.exit("usage: coordinator.py PROMPT_FILE...; `claude` must be on the PATH")
    with suppress(KeyboardInterrupt):
        sys.exit(asyncio.run(main(sys.argv[1:])))
