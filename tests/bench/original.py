"""The way of the program that callmeter replaces: what every figure is compared with.

It wrote a line by `asdict`, `json.dumps` and opening the day's file anew; it read by `json.loads` of every
line into a list of dictionaries and a DataFrame of that, at each refresh.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

PRICES = {"claude-sonnet-4-5": (3.0, 15.0), "claude-opus-4": (15.0, 75.0), "claude-haiku-4": (0.8, 4.0)}


@dataclass
class Metrics:
    """The twenty fields."""

    timestamp: str
    task_id: str
    worker_id: str
    model: str
    prompt_file: str
    prompt_length: int
    response_length: int | None = None
    tokens_input: int | None = None
    tokens_output: int | None = None
    tokens_total: int | None = None
    start_time: float = 0.0
    end_time: float | None = None
    duration_seconds: float | None = None
    time_to_first_token: float | None = None
    tokens_per_second: float | None = None
    success: bool = False
    error_message: str | None = None
    exit_code: int | None = None
    settings: dict[str, Any] | None = None
    estimated_cost_usd: float | None = None


class Logger:
    """Writes one line per call, opening the file of the day it was made on."""

    def __init__(self, log_dir: Path) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self.log_file = log_dir / f"api-calls-{datetime.now():%Y-%m-%d}.jsonl"

    def start_call(self, task_id: str, worker_id: str, model: str, file: str, prompt: str) -> Metrics:
        """Begin a call."""
        now = datetime.now().isoformat()
        return Metrics(now, task_id, worker_id, model, file, len(prompt), start_time=time.time())

    def end_call(self, metrics: Metrics, response: str, tokens_input: int, tokens_output: int) -> None:
        """End it and write its line."""
        metrics.end_time = time.time()
        metrics.duration_seconds = metrics.end_time - metrics.start_time
        metrics.response_length = len(response)
        metrics.tokens_input, metrics.tokens_output = tokens_input, tokens_output
        metrics.tokens_total = tokens_input + tokens_output
        if metrics.duration_seconds > 0:
            metrics.tokens_per_second = tokens_output / metrics.duration_seconds
        metrics.success = True
        price_in, price_out = PRICES.get(metrics.model, (0.0, 0.0))
        metrics.estimated_cost_usd = (tokens_input * price_in + tokens_output * price_out) / 1_000_000
        with open(self.log_file, "a") as file:
            file.write(json.dumps(asdict(metrics)) + "\n")


def frame(files: Iterable[Path]) -> pd.DataFrame:
    """All lines of the files as a DataFrame."""
    import pandas as pd

    records = []
    for path in files:
        with open(path) as file:
            records += [json.loads(line) for line in file if line.strip()]
    calls = pd.DataFrame(records)
    calls["timestamp"] = pd.to_datetime(calls["timestamp"], format="ISO8601", utc=True)
    return calls
