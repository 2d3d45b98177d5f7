"""The sums of one day's lines, with the keys the original program had."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from .counted_line import RUNS, as_number
from .counted_once import each_counted
from .day_lines import day_lines, logged_days
from .logged_ids import near
from .usage import count


def summary_of(folder: str | os.PathLike[str], date: str) -> dict[str, Any]:
    """Sums over a day (`2026-11-22`); lines that cannot be read are passed over. Raises OSError.

    `total_calls` counts API calls: a line of a CLI run may stand for several. A call that several lines
    tell of counts once, see `counted_once`. `total_cost_usd` is the sum of the known costs,
    `unpriced_calls` says how many calls are missing from it. The means are taken over the lines that have
    the value; 0.0 when there is none. `models` has calls, tokens and cost per model.
    """
    totals = _Totals()
    records = list(_records(day_lines(folder, date)))
    for record in _counted(records, folder, date):
        totals.add(record)
    return totals.summary(date)


def empty_summary(date: str) -> dict[str, Any]:
    """The summary of a day without lines."""
    return _Totals().summary(date)


def _records(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _counted(
    records: list[dict[str, Any]], folder: str | os.PathLike[str], date: str
) -> Iterator[dict[str, Any]]:
    """What counts of a day's records, by what other days tell of the same calls."""
    beside = [day for day in _beside(records, folder, date) if day != date]
    others = [record for day in beside for record in _records(day_lines(folder, day))]
    for record, _ in zip(each_counted([*records, *others]), records, strict=False):
        if record is not None:
            yield record


def _beside(records: list[dict[str, Any]], folder: str | os.PathLike[str], date: str) -> list[str]:
    """The days that may tell of the calls of these records: those beside, those their runs reach into, and
    all when a run is of unknown time.
    """
    if not any(record.get(name) for record in records for name in _JOINING):
        return []
    runs = [record for record in records if record.get("source") == RUNS and record.get("session_id")]
    if any(as_number(run.get("start_time")) is None for run in runs):
        return logged_days(folder)
    last = max((end for run in runs if (end := as_number(run.get("end_time"))) is not None), default=0.0)
    until = str(datetime.fromtimestamp(min(max(last, 0.0), _FAR), UTC).date())
    return sorted({*near(date), *(day for day in logged_days(folder) if date < day <= until)})


_JOINING = ("session_id", "request_id", "message_id")
_FAR = 4e9


class _Totals:
    def __init__(self) -> None:
        self.calls = self.successful = self.unpriced = 0
        self.tokens = dict.fromkeys(_TOKENS, 0)
        self.cost = 0.0
        self.durations: list[float] = []
        self.rates: list[float] = []
        self.models: dict[str, dict[str, Any]] = {}

    def add(self, record: dict[str, Any]) -> None:
        """Take in one line of the day, as parsed JSON."""
        calls = count(record.get("calls"))
        calls = 1 if calls is None else calls
        cost = _number(record.get("estimated_cost_usd"))
        self.calls += calls
        self.successful += calls if record.get("success") is True else 0
        self.unpriced += calls if cost is None else 0
        self.cost += cost or 0.0
        for name in _TOKENS:
            self.tokens[name] += count(record.get(name)) or 0
        self.durations += _listed(record.get("duration_seconds"))
        self.rates += _listed(record.get("tokens_per_second"))
        self._add_model(str(record.get("model") or "unknown"), calls, record, cost or 0.0)

    def _add_model(self, model: str, calls: int, record: dict[str, Any], cost: float) -> None:
        known = self.models.setdefault(model, {"calls": 0, "tokens": 0, "cost": 0.0})
        known["calls"] += calls
        known["tokens"] += count(record.get("tokens_total")) or 0
        known["cost"] += cost

    def summary(self, date: str) -> dict[str, Any]:
        """What was taken in, under the keys of the original's summary."""
        tokens = self.tokens
        return {
            "date": date,
            "total_calls": self.calls,
            "successful_calls": self.successful,
            "failed_calls": self.calls - self.successful,
            "total_tokens": tokens["tokens_total"],
            "total_tokens_input": tokens["tokens_input"],
            "total_tokens_output": tokens["tokens_output"],
            "total_tokens_cache_read": tokens["tokens_cache_read"],
            "total_tokens_cache_write": tokens["tokens_cache_write_5m"] + tokens["tokens_cache_write_1h"],
            "total_cost_usd": round(self.cost, 6),
            "unpriced_calls": self.unpriced,
            "avg_duration_seconds": _mean(self.durations),
            "avg_tokens_per_second": _mean(self.rates),
            "models": self.models,
        }


_TOKENS = (
    "tokens_total",
    "tokens_input",
    "tokens_output",
    "tokens_cache_read",
    "tokens_cache_write_5m",
    "tokens_cache_write_1h",
)


def _number(value: Any) -> float | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
    return float(value) if good else None


def _listed(value: Any) -> list[float]:
    number = _number(value)
    return [] if number is None else [number]


def _mean(values: list[float]) -> float:
    return round(sum(values) / len(values), 2) if values else 0.0
