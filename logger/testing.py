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
from typing import Any

from .abandoned import Abandoned
from .in_flight import InFlight
from .journal import Journal
from .record import CallRecord, from_line

_one_at_a_time = threading.RLock()


@contextmanager
def capture_calls() -> Iterator[list[CallRecord]]:
    """The calls that are ended in the block, in that order; nothing is written to disk.

    It holds for every logger of the process, whether made before or in the block, and for all its threads
    and tasks. Child processes are not seen. Blocks may nest: the inner one has the calls.
    """
    calls: list[CallRecord] = []

    def append(_: Journal, day: str, line: bytes) -> bool:
        calls.append(from_line(line))
        return True

    with _one_at_a_time:
        before = _replaced(
            (Journal, "append", append),
            (Journal, "prepare", lambda _: None),
            (InFlight, "begin", lambda *_: True),
            (InFlight, "mark", lambda *_: None),
            (Abandoned, "take_over", lambda _: None),
        )
        try:
            yield calls
        finally:
            _replaced(*before)


def _replaced(*methods: tuple[type, str, Callable[..., Any]]) -> list[tuple[type, str, Callable[..., Any]]]:
    """Put these methods in place; what was there before."""
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in methods]
    for owner, name, method in methods:
        setattr(owner, name, method)
    return before
