"""Budgets: a limit for what is used in an hour, a day, a week or a month, of all calls or of some. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from .. import numbers, sources
from ..filters import Filter
from ..keys import REQUIRED, Key, amount, one_of, percents, read_table, text
from .alerts import Condition
from .periods import PERIODS as PERIODS
from .periods import current_period as current_period
from .periods import end_words as end_words
from .periods import period_id
from .periods import running as running
from .projection import projected, window
from .scope import ALL, Scope, scope_of
from .scope import KEYS as SCOPE_KEYS

MEASURES = {"cost": "cost_usd", "tokens": "tokens_total", "calls": "calls"}
"""What can be limited -> column of the sums. Tokens are of all kinds, those of the cache too."""

KEYS = (
    Key("name", "text", REQUIRED, "What it is called; each budget its own.", text),
    Key("period", "text", REQUIRED, "hour, day, week (from Monday) or month.", one_of(*PERIODS)),
    Key("measure", "text", "cost", "cost (USD), tokens (all kinds, cache too) or calls.", one_of(*MEASURES)),
    Key("limit", "number", REQUIRED, "How much is allowed in a period.", amount),
    Key("warn", "list", (50.0, 80.0, 90.0), "Percentages of the limit at which to warn.", percents),
    *SCOPE_KEYS,
)
"""The keys of a `[[budget]]` table in callmeter.toml."""

_LIMIT = 100.0
_SERIOUS = 80.0
"""Percent from which a warning is more than a remark."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget. `limit` in USD, tokens or API calls; `warn` in percent, ascending."""

    name: str
    period: str
    limit: float
    measure: str = "cost"
    warn: tuple[float, ...] = (50.0, 80.0, 90.0)
    scope: Scope = ALL

    def severity(self, level: float) -> str:
        """How bad it is that this percentage is reached; one of `alerts.SEVERITIES`.

        A warning below 80 % is a remark, unless it is the last one before the limit.
        """
        if level >= _LIMIT:
            return "critical"
        return "warning" if level >= min(_SERIOUS, max(self.warn, default=_SERIOUS)) else "info"

    @property
    def terms(self) -> str:
        """A short digest of what is limited and how far; warnings and the name are not part of it."""
        choices = {name: sorted(patterns) for name, patterns in self.scope.choices.items()}
        said = json.dumps([self.period, self.measure, float(self.limit), choices], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:8]


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
    unknown: bool = False
    """Whether there were calls, and of none of them it is known what it used."""

    @property
    def share(self) -> float:
        """Of the limit; 1 is all of it."""
        return self.current / self.budget.limit

    @property
    def reached(self) -> tuple[float, ...]:
        """The warnings that are reached, in percent, ascending, 100 for the limit itself."""
        levels = sorted({*self.budget.warn, _LIMIT})
        return tuple(level for level in levels if self.current >= self.budget.limit * level / 100)

    @property
    def level(self) -> float | None:
        """The highest warning that is reached, in percent, 100 for the limit itself; None below all."""
        return self.reached[-1] if self.reached else None

    @property
    def exceeded(self) -> bool:
        """Whether the limit is reached."""
        return self.current >= self.budget.limit

    @property
    def status(self) -> str:
        """`ok`, `warning` or `exceeded`."""
        if self.exceeded:
            return "exceeded"
        serious = self.level is not None and self.budget.severity(self.level) == "warning"
        return "warning" if serious else "ok"

    @property
    def sentence(self) -> str:
        """`$4.10 of $10.00 today (41 %), at this pace about $9.80 by midnight`."""
        return f"{self._so_far}, {self._ahead}" if self._ahead else self._so_far

    @property
    def _so_far(self) -> str:
        measure, mark = self.budget.measure, "≥ " if self.lower_bound else ""
        used, limit = amount_words(measure, self.current), amount_words(measure, self.budget.limit)
        noun = "" if measure == "cost" else f" {measure}"
        when = running(self.budget.period)
        return f"{mark}{used} of {limit}{noun} {when} ({mark}{share_words(self.share)})"

    @property
    def _ahead(self) -> str:
        if self.projected is None:
            return ""
        about = amount_words(self.budget.measure, self.projected)
        return f"at this pace about {about} {end_words(self.budget.period, self.until)}"


def amount_words(measure: str, value: float) -> str:
    """An amount for people: `$4.10`, `1.20 M`, `1,284`."""
    return numbers.usd(value) if measure == "cost" else numbers.short(value)


def share_words(share: float) -> str:
    """A share of a limit: `41 %`, `123 %`; 100 % is reached, and never rounded up to."""
    percent = 100 * share
    if 0 < percent < 1:
        return "<1 %"
    return ">99 %" if 99.5 <= percent < 100 else f"{percent:,.0f} %"


def as_data(standing: Standing) -> dict[str, Any]:
    """A standing as plain data: amounts in USD, tokens or API calls, times in ISO-8601."""
    budget = standing.budget
    return {
        "name": budget.name,
        "period": budget.period,
        "measure": budget.measure,
        "scope": {name: list(patterns) for name, patterns in budget.scope.choices.items()},
        "since": standing.since.isoformat(),
        "until": standing.until.isoformat(),
        "current": _amount(budget.measure, standing.current),
        "current_is_a_lower_bound": standing.lower_bound,
        "limit": budget.limit,
        "share": round(standing.share, 10),
        "status": standing.status,
        "level_percent": standing.level,
        "projected": None if standing.projected is None else _amount(budget.measure, standing.projected),
    }


def _amount(measure: str, value: float) -> float:
    """Dollars as one would write them, tokens and calls whole."""
    return round(value, 10) if measure == "cost" else round(value)


def budget_of(table: Mapping[str, Any], file: str, number: int) -> Budget:
    """The budget of a `[[budget]]` table, the `number`-th of its file. Raises SettingError."""
    values = read_table(KEYS, table, file, f"[[budget]] {number}")
    return Budget(
        name=values["name"],
        period=values["period"],
        limit=values["limit"],
        measure=values["measure"],
        warn=values["warn"],
        scope=scope_of(values),
    )


def standing(budget: Budget, sums: pd.DataFrame, now: datetime) -> Standing:
    """How it stands; calls of days to come are left out. now: aware, in the zone of the sums.

    sums: of all calls of `projection.window` at least (by task when the scope asks for it).
    """
    period = current_period(budget.period, now, cast(ZoneInfo, now.tzinfo))
    chosen = budget.scope.chosen(_within(sums, window(period.since, now)))
    hours = chosen["hour"]
    inside = _within(chosen, period)
    values = chosen[MEASURES[budget.measure]].to_numpy().astype("float64")
    return Standing(
        budget=budget,
        since=period.since,
        until=period.until,
        current=float(inside[MEASURES[budget.measure]].sum()),
        lower_bound=_lower_bound(budget.measure, inside),
        projected=projected(hours, values, period.since, period.until, now),
        unknown=_unknown(budget.measure, inside),
    )


def _within(sums: pd.DataFrame, range_: Filter) -> pd.DataFrame:
    hours = sums["hour"]
    return sums[((hours >= range_.since) & (hours < range_.until)).to_numpy()]


def _lower_bound(measure: str, sums: pd.DataFrame) -> bool:
    """Whether something of what these hours used is not known."""
    if measure == "calls":
        return bool(np.any((sums["source"] == sources.RUNS).to_numpy() & (sums["calls"].to_numpy() > 0)))
    unpriced, not_final = sums["unpriced"].to_numpy() > 0, sums["not_final"].to_numpy() > 0
    if measure == "cost":
        return bool(np.any(unpriced | not_final))
    return bool(np.any(not_final | (unpriced & (sums["tokens_total"].to_numpy() == 0))))


def _unknown(measure: str, sums: pd.DataFrame) -> bool:
    calls = sums["calls"].sum()
    if measure == "calls" or not calls or sums["unpriced"].sum() < calls:
        return False
    return measure == "cost" or not sums["tokens_total"].any()


def conditions(standings: Sequence[Standing]) -> list[Condition]:
    """What to be told of: for each budget every level that is reached, the highest one last."""
    return [_condition(one, level) for one in standings for level in one.reached]


def _condition(one: Standing, level: float) -> Condition:
    """With other terms it is another crossing: of a raised limit every level is told anew."""
    said = f"Budget {one.budget.name}: {one.sentence}."
    return Condition(
        rule=f"budget:{one.budget.name}",
        period=f"{period_id(one.budget.period, one.since)}#{one.budget.terms}",
        level=int(level),
        severity=one.budget.severity(level),
        sentence=f"{said} The limit is reached." if level >= _LIMIT else said,
    )
