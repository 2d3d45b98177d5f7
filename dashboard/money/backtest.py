"""How the forecast would have done: asked on each day of the past, with only what was known then. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from .draws import WEEKLY_FROM, Floats
from .forecast import RunOut, run_out

BALANCES = (3, 7, 14, 30)
"""The balances it is asked about, in usual days."""

HISTORY = 120
"""Days a forecast looks back at most."""

LEAST_KNOWN = 7
"""Complete days from which it is asked."""

MOST_DAYS = 90
"""On how many days it is asked at most."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """How the forecast would have done on the past."""

    cases: int
    held: int
    """Cases in which the range held the day."""
    median_days_off: float | None
    """Of the likely date, without sign."""
    worst_days_off: float | None
    """At least: where the credit was not yet used up, the days until now count."""

    @property
    def coverage(self) -> float | None:
        """Share of cases held."""
        return self.held / self.cases if self.cases else None


@dataclass(frozen=True, slots=True)
class _Case:
    held: bool
    days_off: int


def backtest(daily: pd.Series[float]) -> Backtest:
    """Run-outs forecast from days of the past with balances of 3 to 30 usual days, each time with only what
    was known then. Only ranges that are over by now: else early ends would be known and late ones not.

    daily: USD per day, index naive midnights; the last day is today and does not count.
    """
    complete = daily.iloc[:-1]
    days = range(LEAST_KNOWN, len(complete))
    chosen = days[:: max(1, -(-len(days) // MOST_DAYS))]
    cases = [case for day in chosen for times in BALANCES if (case := _case(complete, day, times))]
    off = np.array([case.days_off for case in cases])
    return Backtest(
        cases=len(cases),
        held=sum(case.held for case in cases),
        median_days_off=float(np.median(off)) if cases else None,
        worst_days_off=float(off.max()) if cases else None,
    )


def _case(daily: pd.Series[float], day: int, times: int) -> _Case | None:
    """Asked at the beginning of a day, with a balance of some usual days; None when it cannot be told yet."""
    known, after = daily.iloc[max(0, day - HISTORY) : day], daily.iloc[day:].to_numpy(dtype=np.float64)
    balance = times * float(known.iloc[-WEEKLY_FROM:].mean())
    if times > len(after) or not balance > 0:
        return None
    asked = daily.index[day].date()
    found = run_out(known, [(balance, None)], datetime.combine(asked, time(), ZoneInfo("UTC")))
    if found.latest is None or (found.latest - asked).days >= len(after):
        return None
    return _judged(found, after, balance)


def _judged(found: RunOut, after: Floats, balance: float) -> _Case:
    assert found.asked and found.earliest and found.likely and found.latest
    real = int((after.cumsum() < balance).sum())
    first, likely, last = ((day - found.asked).days for day in (found.earliest, found.likely, found.latest))
    return _Case(held=first <= real <= last, days_off=abs(real - likely))
