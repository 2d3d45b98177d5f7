"""What a store is to the rest of the dashboard: two frames for a filter, one whole line on demand.

Two frames, both already filtered, both with facets as pandas categoricals of str in which a missing
value is `filters.NONE` (never NaN), both with times in the store's zone:

**sums** - one row per local hour and combination of `SUM_FACETS`, with the additive `MEASURES`.
**rows** - one row per line, `ROW_COLUMNS`, oldest first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pandas as pd

from ..filters import Filter

SUM_FACETS = ("model", "project", "worker_id", "source", "outcome")
"""Facets of the hourly sums. Tasks are not one of them: they are nearly as many as calls."""

MEASURES = {
    "calls": "int64",  # API calls: the line's `calls`, else 1
    "retries": "int64",  # attempts beyond the first
    "lines": "int64",
    "tokens_input": "int64",
    "tokens_output": "int64",
    "tokens_cache_read": "int64",
    "tokens_cache_write": "int64",  # 5m + 1h
    "tokens_cache_write_1h": "int64",  # part of cache write
    "tokens_thinking": "int64",  # part of output
    "tokens_total": "int64",  # input + output + cache read + cache write
    "cost_usd": "float64",  # sum of the known costs
    "unpriced": "int64",  # calls whose cost is not known
    "not_final": "int64",  # calls whose token counts are a lower bound
    "duration_seconds": "float64",  # sum over `timed` lines
    "timed": "int64",  # lines with a duration
    "tokens_per_second": "float64",  # sum over `rated` lines
    "rated": "int64",  # lines with tokens_per_second
    "web_searches": "int64",
}
"""Columns that add up, with their dtype; the sums frame also has `hour` (datetime64[s, zone])."""

ROW_COLUMNS = {
    "time": "datetime64[us, zone]",
    "model": "category",
    "model_served": "category",  # NONE when it is the one asked for
    "project": "category",
    "task_id": "category",
    "worker_id": "category",
    "session_id": "category",
    "source": "category",
    "outcome": "category",  # filters.OUTCOMES
    "error": "category",  # error_type, else the first 120 characters of error_message, else NONE
    "tokens_input": "int",  # 0 when not known, see `counted`; int32 or int64, whatever holds it
    "tokens_output": "int",
    "tokens_cache_read": "int",
    "tokens_cache_write": "int",  # 5m + 1h
    "tokens_cache_write_1h": "int",  # part of cache write
    "tokens_thinking": "int",
    "tokens_total": "int",
    "counted": "bool",  # the line knew its token counts
    "final": "bool",  # False: the counts are a lower bound
    "cost_usd": "float64",  # NaN when not known
    "duration_seconds": "float32",  # NaN when not known
    "time_to_first_token": "float32",
    "tokens_per_second": "float32",
    "calls": "int32",
    "retries": "int32",  # attempts beyond the first; 0 when not known
    "web_searches": "int32",
    "day": "category",  # the file's date, "2026-11-22"
    "offset": "int64",  # byte offset of the line in that day's file; see Store.line
}
"""Columns of the rows frame. `day` and `offset` name the line for `Store.line`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line (or a file, with `line` 0) that could not be counted, and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Health:
    """How the reading goes. Counts are exact; `problems` holds the first ones of each file."""

    lines: int = 0
    bad_lines: int = 0
    problems: tuple[Problem, ...] = ()
    days: int = 0
    days_loaded: int = 0
    days_total: int = 0
    first_day: str | None = None
    last_day: str | None = None
    last_call: datetime | None = None
    """Start (plus duration, when known) of the newest call."""
    last_change: datetime | None = None
    """When this process last took in a new line; None before the first."""
    watching: str = "off"
    """`events` (the system tells of changes), `polling`, or `off`."""
    folder_problem: str | None = None
    """A sentence when the folder is missing or may not be read."""
    extra: Mapping[str, int] = field(default_factory=dict)

    @property
    def loading(self) -> bool:
        """Whether older days are still being read."""
        return self.days_loaded < self.days_total


class Store(Protocol):
    """Frames for a filter; everything returned is the caller's to keep and never changes under it."""

    zone: ZoneInfo

    @property
    def version(self) -> int:
        """Grows by at least 1 when, and only when, data or health changed."""

    def wait(self, version: int, timeout: float) -> int:
        """Block until `self.version != version` or `timeout` seconds are over; the version then."""

    def sums(self, view: Filter, *, tasks: bool = False) -> pd.DataFrame:
        """Hourly sums of the view. With `tasks` also per `task_id` (made from the rows)."""

    def rows(self, view: Filter, *, columns: Collection[str] | None = None) -> pd.DataFrame:
        """The lines of the view, oldest first; with `columns` no others but `time`, which is quicker."""

    def line(self, day: str, offset: int) -> dict[str, Any] | None:
        """The whole record of a line named by `rows`; None when it is no longer there."""

    def note(self, day: str, offset: int) -> str | None:
        """A sentence where what is counted of a line is not what its record says; else None."""

    def health(self) -> Health:
        """How the reading goes."""
