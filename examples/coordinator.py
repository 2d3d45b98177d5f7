"""A coordinator: gives each task to a worker of the Claude CLI, two at a time, and logs what they used.

    python examples/coordinator.py prompts/gh-456.txt prompts/gh-457.txt

A task is a file with a prompt; its name is the task's. What a worker prints is kept in outputs/. Ctrl-C ends
the workers; what they have used until then is logged.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from logger import ClaudeAPILogger

MODEL = "claude-opus-5-5"
WORKERS = 2
CLAUDE = ("claude", "-p", "--model", MODEL, "--output-format", "stream-json", "--verbose")


async def run(log: ClaudeAPILogger, task: Path, worker: str) -> int | None:
    """One task, from spawning its worker to its lines in the log; the worker's exit code."""
    output = Path("outputs", f"{task.stem}.jsonl")
    output.parent.mkdir(exist_ok=True)
    call = log.start_call(task.stem, worker, MODEL, task, task.read_text())
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


async def work(log: ClaudeAPILogger, tasks: Iterator[Path], worker: str) -> None:
    """One task after the other, until none is left."""
    for task in tasks:
        print(f"{worker}: {task.stem}", flush=True)
        print(f"{worker}: {task.stem} ended with {await run(log, task, worker)}", flush=True)


async def main(paths: list[str]) -> None:
    """All tasks, `WORKERS` at a time."""
    log = ClaudeAPILogger("logs/api", project="my-project")
    tasks = iter([Path(path) for path in paths])
    await asyncio.gather(*(work(log, tasks, f"w-{number}") for number in range(1, WORKERS + 1)))


if __name__ == "__main__":
    if not sys.argv[1:] or shutil.which("claude") is None:
        sys.exit("usage: coordinator.py PROMPT_FILE...; `claude` must be on the PATH")
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1:]))
