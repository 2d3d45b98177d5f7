"""Fixtures of the logger's tests: a clock, and a log that follows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from logger_host import Clock, new_log

from logger import ClaudeAPILogger
from logger.parsed_output import recent_outputs


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path, clock: Clock) -> ClaudeAPILogger:
    return new_log(tmp_path, clock)


@pytest.fixture(autouse=True)
def no_waiting_outputs() -> None:
    """What one test parsed is not found again by the next."""
    recent_outputs.waiting.clear()
