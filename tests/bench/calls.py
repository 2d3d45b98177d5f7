"""What a call costs the program that makes it: `start_call` + `end_call`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter_ns
from unittest.mock import patch

from logger import ClaudeAPILogger
from logger.in_flight import InFlight

from . import original
from .ground import Ground
from .row import Row, median, percentile, relative

PROMPT, RESPONSE = "Please fix the parser. " * 90, "Done: the parser takes empty lines. " * 60
_CALL = ("gh-000123", "w-0000a1", "claude-sonnet-4-5", "prompts/gh-000123.txt", PROMPT)
_END = (RESPONSE, 1200, 3400)

Pair = Callable[[], object]


def calls(ground: Ground) -> Iterator[Row]:
    """Rounds in turn with the original's way and a bare write; the figures are medians of the rounds."""
    folder = ground.folder / "calls"
    line = _line(folder / "line")
    descriptor = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    pairs = [
        _ours(folder / "ours"),
        _original(folder / "original"),
        lambda: os.write(descriptor, line),
        _unseen(folder / "unseen"),
        _unmapped(folder / "unmapped"),
    ]
    (p50, p99), (slow, _), (bare, _), (unseen, _), (unmapped, _) = measured(
        pairs, *((5, 500) if ground.quick else (15, 2000))
    )
    os.close(descriptor)
    yield relative("start_call + end_call, p50", p50, "the original's way", slow, 1 / 3)
    yield relative("start_call + end_call, p99", p99, "its own p50", p50, 3)
    yield relative(f"the same beside a bare os.write ({len(line)} B)", p50, "os.write", bare)
    for name, with_it in (("mapped", p50), ("written", unmapped)):
        yield relative(f"of it, the call in flight ({name})", with_it - unseen, "start + end without", unseen)


def measured(pairs: list[Pair], rounds: int, count: int) -> list[tuple[float, float]]:
    """(p50, p99) in seconds for each, taken in turns."""
    seen: list[list[list[float]]] = [[] for _ in pairs]
    for _ in range(rounds):
        for pair, taken in zip(pairs, seen, strict=True):
            taken.append(_timed(pair, count))
    return [
        (median([percentile(r, 0.5) for r in taken]), median([percentile(r, 0.99) for r in taken]))
        for taken in seen
    ]


def _timed(pair: Pair, count: int) -> list[float]:
    taken = []
    for _ in range(count):
        began = perf_counter_ns()
        pair()
        taken.append((perf_counter_ns() - began) / 1e9)
    return taken


def _ours(folder: Path) -> Pair:
    log = ClaudeAPILogger(folder)
    return lambda: log.end_call(log.start_call(*_CALL), *_END)


def _unseen(folder: Path) -> Pair:
    """Ours, but for the record of calls in flight."""
    log = ClaudeAPILogger(folder)
    log._writer.begin = lambda metrics: None  # type: ignore[method-assign]
    log._in_flight = InFlight(str(folder))
    return lambda: log.end_call(log.start_call(*_CALL), *_END)


def _unmapped(folder: Path) -> Pair:
    """Ours where the file of calls in flight cannot be mapped into memory."""
    log = ClaudeAPILogger(folder)
    with patch("logger.in_flight.never_refuses", lambda place: False):
        log.end_call(log.start_call(*_CALL), *_END)
    return lambda: log.end_call(log.start_call(*_CALL), *_END)


def _original(folder: Path) -> Pair:
    log = original.Logger(folder)
    return lambda: log.end_call(log.start_call(*_CALL), *_END)


def _line(folder: Path) -> bytes:
    """A line as our logger writes it."""
    _ours(folder)()
    return next(folder.glob("*.jsonl")).read_bytes()
