"""Budgets: a limit for what is used in an hour, a day, a week or a month, of all calls or of some. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from ..filters import Filter
from .alerts import Condition
from .keys import REQUIRED, Key, amount, one_of, percents, text
from .scope import ALL, Scope
from .scope import KEYS as SCOPE_KEYS

PERIODS = ("hour", "day", "week", "month")
MEASURES = ("cost", "tokens", "calls")

KEYS = (
    Key("name", "text", REQUIRED, "What it is called; each budget its own.", text),
    Key("period", "text", REQUIRED, "hour, day, week (from Monday) or month.", one_of(*PERIODS)),
    Key("measure", "text", "cost", "cost (USD), tokens or calls.", one_of(*MEASURES)),
    Key("limit", "number", REQUIRED, "How much is allowed in a period.", amount),
    Key("warn", "list", (50.0, 80.0, 90.0), "Percentages of the limit at which to warn.", percents),
    *SCOPE_KEYS,
)
"""The keys of a `[[budget]]` table in callmeter.toml."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget. `limit` in USD, tokens or API calls; `warn` in percent, ascending."""

    name: str
    period: str
    limit: float
    measure: str = "cost"
    warn: tuple[float, ...] = (50.0, 80.0, 90.0)
    scope: Scope = ALL


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands in the period that runs now."""

    budget: Budget
    since: datetime
    until: datetime
    current: float
    lower_bound: bool
    """Whether it is at least so much: calls without a known cost, or not counted to the end."""
    projected: float | None
    """An estimate of `current` at the end of the period; None without enough to go by."""

    @property
    def share(self) -> float:
        """Of the limit; 1 is all of it."""
        return self.current / self.budget.limit

    @property
    def level(self) -> float | None:
        """The highest warning that is reached, in percent, 100 for the limit itself; None below all."""
        raise NotImplementedError

    @property
    def exceeded(self) -> bool:
        """Whether the limit is reached."""
        return self.current >= self.budget.limit

    @property
    def status(self) -> str:
        """`ok`, `warning` or `exceeded`."""
        raise NotImplementedError


def budget_of(table: Mapping[str, Any], file: str, number: int) -> Budget:
    """The budget of a `[[budget]]` table, the `number`-th of its file. Raises SettingError."""
    raise NotImplementedError


def current_period(period: str, now: datetime, zone: Any) -> Filter:
    """The running hour, day, week (from Monday) or month in a zone, as a view without choices."""
    raise NotImplementedError


def standing(budget: Budget, sums: pd.DataFrame, now: datetime) -> Standing:
    """How it stands. sums: of all calls from 28 days before the period on (for the projection) to its end
    (by task when the scope asks for it).
    """
    raise NotImplementedError


def conditions(standings: Sequence[Standing]) -> list[Condition]:
    """What to be told of: for each budget every level that is reached, the highest one last."""
    raise NotImplementedError
