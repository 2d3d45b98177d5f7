"""For the tests of a program that logs: `capture_calls` keeps its calls in a list, off the disk.

    from logger.testing import capture_calls

    def test_the_coordinator_names_its_task():
        log = ClaudeAPILogger("logs/api")
        with capture_calls() as calls:
            with log.call(task_id="gh-456", model="claude-sonnet-4-5") as call:
                call.usage({"input_tokens": 1000, "output_tokens": 200})
        assert [(call.task_id, call.tokens_total) for call in calls] == [("gh-456", 1200)]

As a pytest fixture, in conftest.py:

    @pytest.fixture
    def calls():
        with capture_calls() as calls:
            yield calls
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .abandoned import Abandoned
from .in_flight import InFlight
from .journal import Journal
from .record import CallRecord, from_line


@contextmanager
def capture_calls() -> Iterator[list[CallRecord]]:
    """The calls that are ended in the block, in that order; nothing is written to disk.

    It holds for every logger of the process, whether made before or in the block, and for all its threads
    and tasks. Child processes are not seen. Blocks may nest, and be open in several tasks or threads at
    once: the innermost of its own task or thread has a call, else the one that was begun last.
    """
    block = _Block(_here.get())
    block.enter()
    _here.set(block)
    try:
        yield block.calls
    finally:
        block.leave()
        if _here.get() is block:  # else it is left elsewhere than entered, as fixtures may be
            _here.set(block.outer)


class _Block:
    """A block, within the one it was begun in."""

    def __init__(self, outer: _Block | None) -> None:
        self.outer = outer
        self.calls: list[CallRecord] = []

    def enter(self) -> None:
        """The first open block puts the methods in place that capture."""
        with _lock:
            if not _open:
                _before.extend(_replaced(*_CAPTURING))
            _open.append(self)

    def leave(self) -> None:
        """The last one takes them away again, in whatever order the blocks are left."""
        with _lock:
            if _open == [self]:
                _replaced(*_before)
                _before.clear()
            _open.remove(self)


_here: ContextVar[_Block | None] = ContextVar("callmeter_capture", default=None)
_open: list[_Block] = []
_before: list[tuple[type, str, Callable[..., Any]]] = []
"""The methods that were there before, while blocks are open."""

_lock = threading.RLock()


def _block() -> _Block | None:
    """The open block that has a call made here."""
    with _lock:
        block = _here.get()
        while block is not None and block not in _open:
            block = block.outer
        return block or (_open[-1] if _open else None)


def _append(journal: Journal, day: str, line: bytes, call: str = "") -> bool:
    block = _block()
    if block is None:  # the last one was left this very moment
        return journal.append(day, line, call)
    block.calls.append(from_line(line))
    if call:  # begun before the block, it is in flight no more
        journal.landed(call)
    return True


_CAPTURING: tuple[tuple[type, str, Callable[..., Any]], ...] = (
    (Journal, "append", _append),
    (Journal, "prepare", lambda _: None),
    (InFlight, "begin", lambda *_: True),
    (InFlight, "mark", lambda *_: None),
    (Abandoned, "take_over", lambda _: None),
)


def _replaced(*methods: tuple[type, str, Callable[..., Any]]) -> list[tuple[type, str, Callable[..., Any]]]:
    """Put these methods in place; what was there before."""
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in methods]
    for owner, name, method in methods:
        setattr(owner, name, method)
    return before
