"""Reading Claude Code's transcripts: months of history -> each call once -> lines in the log."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil  # type: ignore[import-untyped]

from . import sessions
from .ground import Ground
from .row import Row, light, relative, seconds, size

QUICK = (30_000_000,)
SIZES = (300_000_000, 1_000_000_000)
_SAMPLED = 0.02


def transcripts(ground: Ground) -> Iterator[Row]:
    """For each size: the best of two runs each, in turn, in fresh processes; then memory, then the lines."""
    for most in QUICK if ground.quick else SIZES:
        folder = ground.folder / f"transcripts-{most}" / "projects"
        calls = sessions.write(folder, most)
        yield from _rows(ground, str(folder), f"{most / 1e6:.0f} MB of transcripts", calls)


def _rows(ground: Ground, folder: str, what: str, calls: int) -> Iterator[Row]:
    bare, ours = [], []
    for _ in range(2):
        bare.append(ground.child("transcripts", "typed", folder=folder)["seconds"])
        ours.append(ground.child("transcripts", "scan", folder=folder))
    least = min(run["seconds"] for run in ours)
    assert all(run["calls"] == calls for run in ours), (ours, calls)
    yield relative(f"{what}: each of {calls:,} calls once", least, "bare msgspec", min(bare), 1.5)
    peak = _most_held(ground, "scan", folder=folder)
    yield light("its memory over the idle process, all processes", peak, 60e6)
    log = str(Path(folder).parent / "logs")
    whole = ground.child("transcripts", "lines", folder=folder, log=log)
    yield relative(f"{what}: lines in the log", whole["seconds"], "bare msgspec", min(bare))
    again = ground.child("transcripts", "lines", folder=folder, log=log)
    yield Row(f"{what}: imported again", seconds(again["seconds"]), f"{again['written']} lines new")
    log_bytes = sum(file.stat().st_size for file in Path(log).iterdir())
    yield Row("the log of these calls", size(log_bytes))


def _most_held(ground: Ground, function: str, **given: Any) -> int:
    """The most bytes a fresh process and its children held beyond what it held before it began."""
    words = [sys.executable, "-m", "tests.bench.child", "transcripts", function]
    words.append(json.dumps({**given, "wait": True}))
    child = subprocess.Popen(
        words,
        cwd=ground.folder,
        env=ground.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdin and child.stdout
        child.stdout.readline()  # it has imported what it needs
        idle = most = _held(child.pid)
        child.stdin.write("\n")
        child.stdin.flush()
        while child.poll() is None:
            most = max(most, _held(child.pid))
            time.sleep(_SAMPLED)
    return most - idle


def _held(process: int) -> int:
    """Bytes of a process and its children, what they share counted once where the system tells."""
    total = 0
    with suppress(psutil.Error):
        one = psutil.Process(process)
        for each in [one, *one.children(recursive=True)]:
            with suppress(psutil.Error):
                held = each.memory_full_info()
                total += int(getattr(held, "pss", held.rss))
    return total


# In fresh processes


def typed(folder: str) -> dict[str, float]:
    """Rows with a usage decoded with msgspec and dropped, line by line."""
    import msgspec

    from dashboard.commands.transcript_decoder import Row

    decoder = msgspec.json.Decoder(Row)
    began, rows = perf_counter(), 0
    for path in _files(folder):
        with path.open("rb") as file:
            for line in file:
                if b'"usage"' in line:
                    decoder.decode(line)
                    rows += 1
    return {"seconds": perf_counter() - began, "rows": rows}


def scan(folder: str, wait: bool = False) -> dict[str, float]:
    """Every call once, as an import reads them."""
    from dashboard.commands.transcript_decoder import row_decoder
    from logger.transcript_reading import projects

    if wait:
        print("ready", flush=True)
        sys.stdin.readline()
    began = perf_counter()
    found = projects(_files(folder), row_decoder(), processes=_processes())
    calls = sum(len(project.replies) for project in found)
    return {"seconds": perf_counter() - began, "calls": calls}


def lines(folder: str, log: str) -> dict[str, float]:
    """The whole import."""
    from dashboard.commands import transcripts as command
    from logger.transcript_folders import told_apart

    settings = _settings(Path(log))
    began = perf_counter()
    found = told_apart([Path(folder)])
    tally = command.take(found.transcripts, [Path(folder)], command.Wishes(settings))
    return {"seconds": perf_counter() - began, "written": tally.written}


def _settings(log: Path) -> Any:
    from dashboard.settings import load

    given = {"log_dir": str(log), "cache_dir": str(log.parent / "cache")}
    return load(given, {}, log.parent, log.parent)


def _processes() -> int:
    from dashboard.commands import transcripts as command

    return command.processes()


def _files(folder: str) -> list[Path]:
    return sorted(Path(folder).rglob("*.jsonl"))
