"""What a `SpendGuard` costs a call, and how long the first call waits for a day that is there already."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from time import perf_counter

from logger import ClaudeAPILogger, SpendGuard, day_file_name
from logger.clock import LocalClock
from logger.spending import Spending

from .calls import _CALL, _END, Pair, measured
from .ground import Ground
from .row import Row, limited, median, relative

MOST = 25e-6
"""Seconds a call may take longer because it is guarded."""

OTHERS = 2
"""Processes that write meanwhile."""

PAUSE = 0.001
"""Seconds between two of their calls: more than any Claude API answers."""

_GUARD = SpendGuard(per_day=1e9, per_task=1e9)


def guarding(ground: Ground) -> Iterator[Row]:
    """Rounds in turn, guarded and not, alone and beside other processes; then a day read at once."""
    rounds = (5, 500) if ground.quick else (15, 2000)
    yield _on_top(
        "start_call + end_call, guarded: on top of it", ground.folder / "guarding", rounds, others=0
    )
    name = f"the same while {OTHERS} processes write a call every {PAUSE * 1e3:.0f} ms"
    yield _on_top(name, ground.folder / "guarding-beside", rounds, others=OTHERS)
    yield _first(ground, ground.lines // 10 if ground.quick else ground.lines)


def _on_top(name: str, folder: Path, rounds: tuple[int, int], others: int) -> Row:
    pairs = [_pair(folder, None), _pair(folder, _GUARD)]
    running = [writer(folder) for _ in range(others)]
    try:
        (bare, _), (guarded, _) = measured(pairs, *rounds)
    finally:
        for process in running:
            process.kill()
            process.wait()
    return limited(name, guarded - bare, MOST, told="the same without a guard", baseline=bare)


def _pair(folder: Path, guard: SpendGuard | None) -> Pair:
    log = ClaudeAPILogger(folder, guard=guard)
    return lambda: log.end_call(log.start_call(*_CALL), *_END)


def writer(folder: Path) -> subprocess.Popen[bytes]:
    """A process that makes calls until it is killed; it has begun to."""
    code = f"""
import sys, time
from logger import ClaudeAPILogger
log = ClaudeAPILogger(sys.argv[1])
print(flush=True)
while log.end_call(log.start_call("gh-1", "w-1", "claude-sonnet-4-5"), "", 1200, 3400):
    time.sleep({PAUSE})
"""
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _first(ground: Ground, lines: int) -> Row:
    """The first look at a day of so many lines, beside reading its bytes and splitting them."""
    folder = ground.folder / "guarding-first"
    path, day = a_day(folder, lines)
    began = perf_counter()
    path.read_bytes().split(b"\n")
    bare = perf_counter() - began
    taken = []
    for _ in range(3):
        spending = Spending(str(folder), _GUARD.limits, LocalClock())
        began = perf_counter()
        spending.look(datetime.fromisoformat(f"{day}T23:59:59").timestamp(), day)
        taken.append(perf_counter() - began)
        spending.close()
    path.unlink()
    return relative(
        f"the first guarded call, {lines:,} lines of today", median(taken), "read and split", bare
    )


def a_day(folder: Path, lines: int) -> tuple[Path, str]:
    """(file, day) of as many calls as our logger writes them, of 500 tasks, spread over the day."""
    log = ClaudeAPILogger(folder)
    log.end_call(log.start_call(*_CALL), *_END)
    day, line = log.log_file.stem[-10:], log.log_file.read_bytes()
    stamp, task = line[25:33], _CALL[0].encode()
    path = folder / day_file_name(day)
    with path.open("wb") as file:
        for at in range(lines):
            second = at * 86_400 // lines
            clock = b"%02d:%02d:%02d" % (second // 3600, second // 60 % 60, second % 60)
            file.write(line.replace(stamp, clock, 1).replace(task, b"gh-%06d" % (at % 500), 1))
    return path, day
