"""A host of the logger for tests: a clock that is told to go on, a log, and what is written in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from logger import ClaudeAPILogger

CLI_OUTPUTS = Path(__file__).parent / "data" / "claude-cli"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


class Clock:
    """Time that stands still until it is told to go on; the wall clock may jump by itself."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now
        self.monotonic = 1000.0

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        self.monotonic += seconds


def new_log(folder: Path, clock: Clock, **options: Any) -> ClaudeAPILogger:
    options = {"host": "", "zone": UTC, **options}
    return ClaudeAPILogger(folder, now=lambda: clock.now, monotonic=lambda: clock.monotonic, **options)


def written(log: ClaudeAPILogger) -> list[dict[str, Any]]:
    """Every line of the log, oldest day first."""
    lines = [line for path in sorted(log.log_dir.glob("*.jsonl")) for line in path.open("rb")]
    return [json.loads(line) for line in lines]


def only(log: ClaudeAPILogger) -> dict[str, Any]:
    (line,) = written(log)
    return line


def one_call(log: ClaudeAPILogger, model: str = "claude-sonnet-4-5", **ended: Any) -> dict[str, Any]:
    """The line of a call that ended so."""
    log.end_call(log.start_call("t", "w", model), **ended)
    return written(log)[-1]


ANTHROPIC = {
    "input_tokens": 4,
    "output_tokens": 174,
    "cache_read_input_tokens": 4105,
    "cache_creation_input_tokens": 4208,
    "cache_creation": {"ephemeral_1h_input_tokens": 4208},
    "service_tier": "standard",
}
"""A usage as the API gives it; on Opus 5.5 it costs $0.037981."""
