"""A new line on its way into a running store: another process writes it, the watching thread takes it in."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from .ground import Ground, add
from .row import Row, limited, median, percentile, relative

_PAUSE = (0.03, 0.12)
"""Seconds between lines, from and to: they must find the store at rest, and at no fixed rhythm."""

_PATIENCE = 10


def arriving(ground: Ground) -> Iterator[Row]:
    """From before the write until a reader of the store sees the line, at a small and at the full history."""
    small, large = (arrivals(ground, lines) for lines in (ground.sizes[0], ground.sizes[-1]))
    found = ground.child("decoding", "in_a_frame", folder=str(ground.history(ground.lines)), days=2)
    for lines, taken in ((ground.sizes[0], small), (ground.lines, large)):
        name = f"one new line -> in the store, {lines:,} lines before it"
        slow = found["seconds"]
        yield limited(name, median(taken), 0.05, told="reading 2 days anew", baseline=slow)
        yield limited("    95 of 100 lines", percentile(taken, 0.95), 0.05)
    name = "    the same, after " + " and ".join(f"{n:,}" for n in (ground.lines, ground.sizes[0])) + " lines"
    yield relative(name, median(large), f"after {ground.sizes[0]:,}", median(small), 1.5)


@cache
def arrivals(ground: Ground, lines: int) -> list[float]:
    """Seconds of each of a number of lines."""
    ground.warm(lines)
    count = 20 if ground.quick else 60
    found = ground.child("arriving", "watched", **ground.place(lines), count=count)
    seconds: list[float] = found["seconds"]
    return seconds


# In fresh processes


def watched(folder: str, cache: str, zone: str, count: int) -> dict[str, Any]:
    """Lines written by another process, as this one's store comes to know them."""
    from dashboard.store import FileStore

    with (
        FileStore(Path(folder), ZoneInfo(zone), cache_dir=Path(cache)) as store,
        _writer(folder, zone) as ask,
    ):
        store.start()
        _until(store, lambda health: health.days_total and not health.loading)
        _one(store, ask)  # the first line reads the rows of today; it does not count
        return {"seconds": [_one(store, ask) for _ in range(count)]}


def _one(store: Any, ask: Any) -> float:
    time.sleep(random.uniform(*_PAUSE))
    lines = store.health().lines
    began = ask()
    _until(store, lambda health: health.lines > lines)
    return float(time.monotonic_ns() - began) / 1e9


def _until(store: Any, holds: Any) -> None:
    deadline = time.monotonic() + _PATIENCE
    version = store.version
    while not holds(store.health()):
        version = store.wait(version, 1)
        if time.monotonic() > deadline:
            raise TimeoutError("the store did not take the line in")


@contextmanager
def _writer(folder: str, zone: str) -> Iterator[Any]:
    """Another process that writes one line whenever it is asked."""
    given = json.dumps({"folder": folder, "zone": zone})
    words = [sys.executable, "-m", "tests.bench.child", "arriving", "write", given]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        to, of = process.stdin, process.stdout

        def ask() -> int:
            print(file=to, flush=True)
            return int(of.readline())

        yield ask
        to.close()


def write(folder: str, zone: str) -> None:
    """A line for each line of stdin; the monotonic nanoseconds before each on stdout."""
    for _ in sys.stdin:
        print(add(Path(folder), ZoneInfo(zone)), flush=True)
