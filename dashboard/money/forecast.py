"""When credit runs out, as a range: days of the past drawn again and again. Pure and repeatable.

The draws are seeded from what is asked, so the same numbers give the same dates.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from . import draws, words
from .draws import Floats, Habit

COVERAGE = 0.8
"""Share of cases the range should hold."""

HORIZON_DAYS = 730
"""A date beyond that is not told: "more than two years"."""

_LINES = 1000
"""How many futures are drawn, fewer where they reach far."""

_CELLS = 300_000
"""Days of all futures together."""

_HARDLY = 0.5
"""Share of the pace that a usual day is at least, so that a call on a quiet Sunday is no alarm."""

_FAR_MORE = 2.0
"""Times the day in the middle that the pace is where a few dear days make it."""

_FEW = 0.01
"""Share of the credit below which its expiry is not worth a word."""


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
    """What will probably expire unused at the end of `expires_on`."""
    expires_on: date | None = None
    """The first day at whose end some credit probably does."""
    expires_later_usd: float = 0.0
    """What will probably expire unused after that day."""
    median_usd: float | None = None
    """The day in the middle of the last four weeks, where a few dear days make `usd_per_day` far more."""
    times_usual: float | None = None
    """What was spent today so far, as a multiple of a usual day like it."""
    asked: date | None = None
    """The day it was asked on: its year is not told."""

    @property
    def sentence(self) -> str:
        """In words: "between 3 and 9 December, most likely the 5th"; "not enough history"."""
        if self.days_left == 0:
            return "nothing is left"
        if not self.enough:
            return "not enough history"
        when = words.between(self.earliest, self.likely, self.latest, self.asked)
        if self.usd_per_day == 0:
            when = "nothing is being spent"
        if not self.expires_on:
            return when
        lost = f"about {words.dollars(self.expires_unused_usd)} will probably expire unused"
        later = self.expires_later_usd
        more = f", and about {words.dollars(later)} later" if later else ""
        return f"{when}; {lost} on {words.day(self.expires_on, self.asked)}{more}"


@dataclass(frozen=True, slots=True)
class Burndown:
    """The balance day by day, for the picture. Index of both: days (naive midnights, end of day)."""

    past: pd.Series[float]
    """From the first entry to today."""
    ahead: pd.DataFrame
    """Columns `low`, `likely`, `high`: today to the latest date (or as far as is worth drawing)."""


Tranche = tuple[float, date | None]
"""USD left and the last day it can be used; in the order they are used."""


@dataclass(frozen=True, slots=True)
class _Futures:
    """Drawn futures. `used`: what is gone of the credit at the end of each day, by use or expiry."""

    used: Floats
    lost: Floats
    """Of it by expiry, per future and day of `expiries`."""
    expiries: tuple[date, ...]
    total: float

    @property
    def days(self) -> Floats:
        """The day each future ends on, 0 for today; as many as were drawn where it does not end."""
        return np.asarray((self.used < self.total * (1 - 1e-9)).sum(axis=1))


def run_out(
    daily: pd.Series[float], tranches: Sequence[Tranche], now: datetime, *, correction: float = 1.0
) -> RunOut:
    """When these tranches are used up.

    daily: USD per local day up to today (today so far), index naive midnights, see `spending.daily`.
    now: aware, in the zone of the days.
    """
    today, total = now.date(), _total(tranches)
    history, so_far = _split(daily, today, correction)
    habit = draws.habit(history)
    enough = len(history) >= draws.LEAST_DAYS
    if total <= 0:
        return RunOut(today, today, today, 0.0, enough, _rate(habit, enough), asked=today)
    if habit is None:
        return _without_spending(tranches, today, enough)
    return replace(_drawn(habit, tranches, now, so_far), median_usd=_median(habit, history))


def _median(habit: Habit, history: Floats) -> float | None:
    middle = float(np.median(history[-draws.WEEKLY_FROM :]))
    return middle if 0 < middle * _FAR_MORE < habit.expected(7).mean() else None


def _drawn(habit: Habit, tranches: Sequence[Tranche], now: datetime, so_far: float) -> RunOut:
    """The run-out of drawn futures. so_far: USD spent today."""
    today, rate = now.date(), float(habit.expected(7).mean())
    futures = _futures(habit, tranches, now)
    ends = futures.days
    first, last = window(ends)
    likely = int(np.median(ends))
    lost, on, later = _expiring(futures)
    return RunOut(
        likely=_date(today, likely),
        earliest=_date(today, min(first, likely)),
        latest=_date(today, max(last, likely)),
        days_left=_days_left(futures, _share_left(now)) if likely < HORIZON_DAYS else None,
        enough=True,
        usd_per_day=rate,
        expires_unused_usd=lost,
        expires_on=on,
        expires_later_usd=later,
        times_usual=so_far / max(float(habit.expected(1)[0]), _HARDLY * rate),
        asked=today,
    )


def pace(daily: pd.Series[float], now: datetime, *, correction: float = 1.0) -> Pace:
    """What a day and this month cost at this pace."""
    today = now.date()
    history, so_far = _split(daily, today, correction)
    habit = draws.habit(history)
    enough = len(history) >= draws.LEAST_DAYS
    month = daily[daily.index >= pd.Timestamp(today.replace(day=1))].sum() * correction
    until = (today.replace(day=1) + timedelta(days=32)).replace(day=1) - today
    if habit is not None:
        coming = habit.expected(until.days)
        month += coming[0] * _share_left(now) + coming[1:].sum()
    return Pace(
        usd_per_day=_rate(habit, enough),
        days=len(history),
        today_usd=so_far / correction,
        month_usd=float(month) if enough else None,
    )


def ahead(
    daily: pd.Series[float], tranches: Sequence[Tranche], now: datetime, *, correction: float = 1.0
) -> pd.DataFrame:
    """The balance at the end of each day to come: `low`, `likely`, `high`; for `Burndown`.

    The first row is today's, and holds what there is now. Empty without enough history.
    """
    today, total = now.date(), _total(tranches)
    habit = draws.habit(_split(daily, today, correction)[0])
    if habit is None or total <= 0:
        return pd.DataFrame({"low": [], "likely": [], "high": []}, index=pd.DatetimeIndex([]), dtype=float)
    futures = _futures(habit, tranches, now)
    shown = min(int(np.quantile(futures.days, 0.95)) + 1, futures.used.shape[1], _DRAWN_DAYS)
    left = np.maximum(total - futures.used[:, :shown], 0.0)
    low, likely, high = np.quantile(left, [(1 - COVERAGE) / 2, 0.5, (1 + COVERAGE) / 2], axis=0)
    low[0] = likely[0] = high[0] = total
    index = pd.date_range(today, periods=shown, freq="D")
    return pd.DataFrame({"low": low, "likely": likely, "high": high}, index=index)


_DRAWN_DAYS = 180
"""As far ahead as a picture is worth drawing."""


def window(ends: Floats) -> tuple[int, int]:
    """First and last of the days that hold about `COVERAGE` of these.

    Days are whole: of the quantiles' days and those one day narrower at either end, the ones that come
    nearest.
    """
    tail = (1 - COVERAGE) / 2
    low, high = (int(end) for end in np.quantile(ends, [tail, 1 - tail], method="inverted_cdf"))
    highs = (high,) if high >= HORIZON_DAYS else (high, high - 1)
    tried = [(a, b) for a in (low, low + 1) for b in highs if a <= b]
    return min(tried, key=lambda days: abs(_held(ends, *days) - COVERAGE))


def _held(ends: Floats, first: int, last: int) -> float:
    return float(((ends >= first) & (ends <= last)).mean())


def _split(daily: pd.Series[float], today: date, correction: float) -> tuple[Floats, float]:
    """What the complete days cost since the last long pause, oldest first, and what today did so far; both
    corrected.
    """
    before = daily.index < pd.Timestamp(today)
    values = daily.to_numpy(dtype=np.float64) * correction
    return draws.without_pause(np.maximum(values[before], 0.0)), float(values[~before].sum())


def days_known(daily: pd.Series[float], today: date) -> int:
    """Complete days of history that a forecast is taken from."""
    return len(_split(daily, today, 1.0)[0])


def _rate(habit: Habit | None, enough: bool) -> float | None:
    """USD per day over the week to come; None when it is not known."""
    return float(habit.expected(7).mean()) if habit else 0.0 if enough else None


def _total(tranches: Sequence[Tranche]) -> float:
    return sum(left for left, _ in tranches)


def _without_spending(tranches: Sequence[Tranche], today: date, enough: bool) -> RunOut:
    """Nothing is known to be spent: credit ends when it expires, if at all."""
    rate = 0.0 if enough else None
    expiring = [(left, day) for left, day in tranches if day is not None and left > 0]
    if not enough or not expiring:
        return RunOut(None, None, None, None, enough, rate, asked=today)
    first = min(day for _, day in expiring)
    lost = sum(left for left, day in expiring if day == first)
    later = sum(left for left, day in expiring if day > first)
    ends = max(day for _, day in expiring) if len(expiring) == len(tranches) else None
    days_left = (ends - today).days + 1.0 if ends else None
    return RunOut(ends, ends, ends, days_left, enough, rate, lost, first, later, asked=today)


def _futures(habit: Habit, tranches: Sequence[Tranche], now: datetime) -> _Futures:
    """Futures long enough for nine in ten to end, if they do within the horizon."""
    total, today = _total(tranches), now.date()
    days = _enough_days(habit, total)
    while True:
        count = max(300, min(_LINES, _CELLS // days))
        spent = draws.paths(habit, days, count, np.random.default_rng(_seed(habit, tranches, now)))
        spent[:, 0] *= _share_left(now)
        futures = _used(spent, tranches, today)
        if days >= HORIZON_DAYS or (futures.days < days).mean() > 0.95:
            return futures
        days = min(2 * days, HORIZON_DAYS)


def _enough_days(habit: Habit, total: float) -> int:
    return int(min(HORIZON_DAYS, 2.5 * total / max(_rate(habit, True) or 0.0, 1e-9) + 14))


def _seed(habit: Habit, tranches: Sequence[Tranche], now: datetime) -> int:
    """From the complete days and the date, so that a range moves with the balance and not with the draw."""
    return zlib.crc32(habit.ratios.tobytes() + now.date().isoformat().encode())


def _used(spent: Floats, tranches: Sequence[Tranche], today: date) -> _Futures:
    """What is gone of the credit, where what was not used of a tranche goes at the end of its last day."""
    used = spent.cumsum(axis=1)
    expiries = sorted({day for _, day in tranches if day is not None})
    lost = np.zeros((len(spent), len(expiries)))
    for place, day in enumerate(expiries):
        on = max((day - today).days, 0)
        if on < used.shape[1]:
            gone = sum(left for left, expires in tranches if expires is not None and expires <= day)
            lost[:, place] = np.maximum(gone - used[:, on], 0.0)
            used[:, on:] += lost[:, place, None]
    return _Futures(used, lost, tuple(expiries), _total(tranches))


def _expiring(futures: _Futures) -> tuple[float, date | None, float]:
    """What probably expires unused on the first day some of it does, that day, and what does later."""
    if not futures.expiries:
        return 0.0, None, 0.0
    lost = np.median(futures.lost, axis=0)
    least = max(_FEW * futures.total, 0.01)
    worth = np.flatnonzero(lost >= least)
    if not len(worth):
        return 0.0, None, 0.0
    first = int(worth[0])
    later = float(np.median(futures.lost[:, first + 1 :].sum(axis=1)))
    return float(lost[first]), futures.expiries[first], later if later >= least else 0.0


def _share_left(now: datetime) -> float:
    """Of the local day that holds `now`, 0 to 1."""
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    end = (begin + timedelta(days=1)).timestamp()
    return (end - now.timestamp()) / (end - begin.timestamp())


def _days_left(futures: _Futures, first: float) -> float:
    """The median of how long the futures last, in days; first: how much of today is left."""
    ends = futures.days
    inside = np.minimum(ends, futures.used.shape[1] - 1)
    rows = np.arange(len(ends))
    before = np.where(inside > 0, futures.used[rows, np.maximum(inside - 1, 0)], 0.0)
    gone = futures.used[rows, inside] - before
    part = np.clip((futures.total - before) / np.maximum(gone, 1e-12), 0.0, 1.0)
    lasting = np.where(inside == 0, part * first, first + inside - 1 + part)
    return float(np.median(lasting))


def _date(today: date, days: int) -> date | None:
    return today + timedelta(days=days) if days < HORIZON_DAYS else None
