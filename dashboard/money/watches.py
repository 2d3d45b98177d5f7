"""Watches for runaways: a session too long, an hour too dear, a model not to be used, a burst of failures.

Pure: frames and moments in, conditions out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from .alerts import Condition
from .keys import Key, amount, amount_or_off, texts

KEYS = (
    Key("session_tokens", "number or false", 20_000_000.0, "Tokens one session may use.", amount_or_off),
    Key("dear_hour", "number or false", 5.0, "An hour this many times dearer than usual.", amount_or_off),
    Key("dear_hour_from", "USD", 2.0, "But never an hour cheaper than this.", amount),
    Key("not_models", "pattern or list", (), "Models that should not be used.", texts),
    Key("failures", "number or false", 20.0, "Failed calls and retries within `minutes`.", amount_or_off),
    Key("minutes", "number", 10.0, "The time `failures` looks at.", amount),
)
"""The keys of the `[watch]` table in callmeter.toml."""


@dataclass(frozen=True, slots=True)
class Watches:
    """What is watched for; None: not."""

    session_tokens: float | None = 20_000_000.0
    dear_hour: float | None = 5.0
    dear_hour_from: float = 2.0
    not_models: tuple[str, ...] = ()
    failures: float | None = 20.0
    minutes: float = 10.0


@dataclass(frozen=True, slots=True)
class Lost:
    """What failures cost in a range."""

    failed: int
    """Failed API calls."""
    cost_usd: float
    """The known cost of failed calls: tokens used, and nothing to show for it."""
    unpriced: int
    """Failed calls without a known cost."""
    retries: int
    """Attempts beyond the first. Refused ones are not billed; of one that broke off it is not known."""

    @property
    def lower_bound(self) -> bool:
        """Whether it may be more."""
        return bool(self.unpriced)


def watches_of(table: Mapping[str, Any], file: str) -> Watches:
    """The `[watch]` table. Raises SettingError."""
    raise NotImplementedError


def lost(sums: pd.DataFrame) -> Lost:
    """Money lost to failed and retried calls in a sums frame."""
    raise NotImplementedError


def usual_cost(sums: pd.DataFrame, now: datetime) -> float | None:
    """The median cost in USD of the running hour's like (same weekday, same hour) in past weeks, hours
    without calls as 0; None with fewer than three weeks of history.
    """
    raise NotImplementedError


def conditions(watches: Watches, sums: pd.DataFrame, rows: pd.DataFrame, now: datetime) -> list[Condition]:
    """What is odd now. sums: of the last eight weeks. rows: of the last 24 hours, with `ROWS`."""
    raise NotImplementedError


ROWS = ("model", "session_id", "task_id", "outcome", "tokens_total", "calls", "cost_usd", "retries")
"""Columns of the rows frame that `conditions` reads."""
