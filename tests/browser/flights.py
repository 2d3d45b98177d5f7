"""Calls in flight as a logger keeps them beside the log, made by hand; `logger.running` tells the format."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from logger.record import CallRecord, to_line
from logger.running import RUNNING, SLOT


@contextmanager
def in_flight(folder: Path, tasks: list[str], *, seconds: float = 0) -> Iterator[None]:
    """Calls of a living program, one for each task, begun so many seconds ago."""
    with _file(folder) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _fill(file, tasks, time.time() - seconds)
        yield
        Path(file.name).unlink()


def left_behind(folder: Path, *tasks: str) -> None:
    """Calls of a program that ended without them."""
    with _file(folder) as file:
        _fill(file, list(tasks), time.time())


def _file(folder: Path) -> IO[bytes]:
    place = folder / RUNNING
    place.mkdir(exist_ok=True)
    return (place / f"{os.getpid()}-{secrets.token_hex(4)}.calls").open("w+b")


def _fill(file: IO[bytes], tasks: list[str], started: float) -> None:
    for number, task in enumerate(tasks):
        call = {"call_id": f"x-{number}", "task_id": task, "model": "claude-opus-5-5"}
        line = json.dumps(call | {"start_time": started}) + "\n"
        file.write(line.encode().ljust(SLOT, b"\0"))
    file.flush()


def write_line(folder: Path) -> None:
    """A call in the log, written by a program that keeps nothing beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    now = time.time()
    line = CallRecord(model="m", timestamp=time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now)))
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    (folder / f"api-calls-{day}.jsonl").write_bytes(to_line(line))
