"""When credit runs out, as a range: days of the past drawn again and again. Pure and repeatable.

The draws are seeded from what is asked, so the same numbers give the same dates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

COVERAGE = 0.8
"""Share of cases the range should hold."""

HORIZON_DAYS = 730
"""A date beyond that is not told: "more than two years"."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is spent."""

    usd_per_day: float | None
    """The corrected burn rate; None without enough history."""
    days: int
    """Days of history it is taken from, today not included."""
    today_usd: float
    month_usd: float | None
    """What this calendar month costs if the pace goes on: an estimate."""


@dataclass(frozen=True, slots=True)
class RunOut:
    """When credit is used up. Dates are None where they lie beyond the horizon, or are not known."""

    likely: date | None
    earliest: date | None
    latest: date | None
    """The range holds the date in 80 % of cases."""
    days_left: float | None
    """Until the likely date, in days from now, fractions included; 0 when nothing is left."""
    enough: bool
    """Whether there is enough history to say anything."""
    usd_per_day: float | None
    expires_unused_usd: float = 0.0
    """What will probably expire before it is used."""

    @property
    def sentence(self) -> str:
        """In words: "between 3 and 9 December, most likely the 5th"; "not enough history"."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Burndown:
    """The balance day by day, for the picture. Index of both: days (naive midnights, end of day)."""

    past: pd.Series[float]
    """From the first entry to today."""
    ahead: pd.DataFrame
    """Columns `low`, `likely`, `high`: today to the latest date (or as far as is worth drawing)."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """How the forecast would have done on the past."""

    cases: int
    held: int
    """Cases in which the range held the day."""
    median_days_off: float | None
    """Of the likely date, without sign."""
    worst_days_off: float | None

    @property
    def coverage(self) -> float | None:
        """Share of cases held."""
        return self.held / self.cases if self.cases else None


Tranche = tuple[float, date | None]
"""USD left and the last day it can be used; in the order they are used."""


def run_out(
    daily: pd.Series[float], tranches: Sequence[Tranche], now: datetime, *, correction: float = 1.0
) -> RunOut:
    """When these tranches are used up.

    daily: USD per local day up to today (today so far), index naive midnights, see `spending.daily`.
    now: aware, in the zone of the days.
    """
    raise NotImplementedError


def pace(daily: pd.Series[float], now: datetime, *, correction: float = 1.0) -> Pace:
    """What a day and this month cost at this pace."""
    raise NotImplementedError


def ahead(
    daily: pd.Series[float], tranches: Sequence[Tranche], now: datetime, *, correction: float = 1.0
) -> pd.DataFrame:
    """The balance at the end of each day to come: `low`, `likely`, `high`; for `Burndown`."""
    raise NotImplementedError


def backtest(daily: pd.Series[float]) -> Backtest:
    """Run-outs that can be known by now, forecast from each day of the past with balances of 3 to 30 usual
    days, each time with only what was known then.
    """
    raise NotImplementedError
