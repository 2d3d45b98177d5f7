"""Reading a history for the first time: bytes on disk -> days in the store."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from . import original
from .ground import SAMPLE, Ground, newest
from .process import own_peak
from .row import Row, light, relative


def decoding(ground: Ground) -> Iterator[Row]:
    """The best of two runs each, in turn, in fresh processes, the files in the system's memory."""
    place = ground.place(ground.lines)
    ours, bare = [], []
    for _ in range(2):
        bare.append(ground.child("decoding", "typed", folder=place["folder"]))
        ours.append(ground.child("decoding", "load", folder=place["folder"], zone=place["zone"]))
    best = min(ours, key=lambda run: run["seconds"])
    name = f"cold: {ground.lines:,} lines ({best['bytes'] / 1e6:.0f} MB) into the store"
    yield relative(name, best["seconds"], "bare msgspec", min(run["seconds"] for run in bare), 3)
    slow, told = original_reading(ground, ground.lines)
    yield relative("the same beside the original's way", best["seconds"], told, slow["seconds"])
    peak = min(run["peak"] for run in ours)
    yield light("peak memory of that process", peak, 350e6, told=told, baseline=slow["peak"])


@cache
def original_reading(ground: Ground, lines: int) -> tuple[dict[str, float], str]:
    """(seconds and peak bytes of the original's way over so many lines, what to call it)"""
    days = ground.days(min(SAMPLE, lines))
    found = ground.child("decoding", "in_a_frame", folder=str(ground.history(lines)), days=days)
    if lines <= SAMPLE:
        return found, "json.loads, DataFrame"
    scale = lines / found["lines"]
    grown = found["base"] + (found["peak"] - found["base"]) * scale
    told = f"json.loads, DataFrame (from {SAMPLE // 1000} k lines)"
    return {"seconds": found["seconds"] * scale, "peak": grown}, told


# In fresh processes


def load(folder: str, zone: str, cache: str | None = None) -> dict[str, float]:
    """Everything into the store; with a cache also into that."""
    from dashboard.store import FileStore

    began = perf_counter()
    store = FileStore(Path(folder), ZoneInfo(zone), cache_dir=Path(cache) if cache else None)
    store.load()
    taken = perf_counter() - began
    return {"seconds": taken, "bytes": _bytes(folder), "lines": store.health().lines, "peak": own_peak()}


def typed(folder: str) -> dict[str, float]:
    """The fields that the store needs, decoded with msgspec and dropped."""
    import msgspec

    fields: list[tuple[str, Any, Any]] = [
        ("timestamp", str, ""),
        ("model", str, ""),
        ("success", bool, False),
    ]
    fields += [(name, kind | None, None) for kind, names in _NEEDED.items() for name in names.split()]
    decoder = msgspec.json.Decoder(msgspec.defstruct("Line", fields, gc=False))
    began, lines = perf_counter(), 0
    for path in sorted(Path(folder).glob("*.jsonl")):
        lines += len(decoder.decode_lines(path.read_bytes()))
    return {"seconds": perf_counter() - began, "lines": lines}


_NEEDED: dict[Any, str] = {
    str: "task_id worker_id project session_id source error_type error_message",
    int: "tokens_input tokens_output tokens_total tokens_cache_read tokens_cache_write_5m "
    "tokens_cache_write_1h tokens_thinking calls attempts web_searches",
    float: "estimated_cost_usd duration_seconds time_to_first_token tokens_per_second",
    bool: "tokens_final",
}


def in_a_frame(folder: str, days: int) -> dict[str, float]:
    """The newest days by the original's way."""
    import pandas as pd

    pd.to_datetime(["2026-01-01T00:00:00+00:00"], format="ISO8601", utc=True)
    base, began = own_peak(), perf_counter()
    calls = original.frame(newest(Path(folder), days))
    return {"seconds": perf_counter() - began, "lines": len(calls), "base": base, "peak": own_peak()}


def _bytes(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).glob("*.jsonl"))
