"""Days to come, drawn from days of the past: the habit of a spender, and paths that go on from it.

A habit is a level with a slow trend, fitted to the days by Poisson-like regression with newer days counting
more, and the days as multiples of that level. A path repeats runs of those days, as long as busy days come
in a row, at weekdays of their own where there are four weeks of history. How little is known of level and
trend is part of the paths: each has its own. Pure: the generator is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST_DAYS = 4
"""Complete days of history below which nothing is said."""

WEEKLY_FROM = 28
"""Days of history from which weekdays are told apart."""

PAUSE = 7
"""Days without any spending that make a pause: what was before it tells little of what is after."""

_UNUSUAL = 3.0
"""How many times the usual time from one day with spending to the next a pause is, at least."""

_OFTEN = 2
"""Pauses up to which they are no habit."""

HALF_LIFE = 30.0
"""Days after which a day counts half for the level."""

TREND = 0.014
"""How much spending may be expected to grow or shrink a day (one standard deviation, before looking)."""

DAMPING = 0.985
"""A trend goes on, but less every day."""

RUN = 4
"""Days drawn in one piece at least, so that busy days come in runs as they did."""

_DOUBTED = 0.35
"""Spread of a day around its level to believe in while there are few days."""

_LONGEST = 14
"""Days in one piece at most."""

_SPIKE = 2.0
"""Times its level that a day may be off to count for how alike days in a row are."""

_PHASES = 0.3
"""How much more doubt (a variance) each day makes by which runs are longer than `RUN`: another phase of
spending begins some day, and nobody knows which.
"""

_FEW = 9.0
"""Days of history at which the doubt about so few doubles."""

_LATELY = 3
"""The last days, which a path goes on from where busy days come in long runs."""

_LEAST = 4
_SHARE = 0.4
"""Past days that may follow: so many, and this share of all."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How somebody spends."""

    level: float
    """USD of a usual day now, weekdays averaged."""
    trend: float
    """Logarithm of its growth per day."""
    doubt: Floats
    """Covariance of the logarithm of `level` and of `trend`, 2 x 2."""
    ratios: Floats
    """Past days as multiples of their level, oldest first; whole weeks when `weekly`."""
    weekly: bool
    run: int = RUN
    """Days that are drawn in one piece."""

    def expected(self, days: int) -> Floats:
        """USD expected of each of the `days` after the last one, the first of them (today) included."""
        growth = np.exp(self.trend * _damped(days))
        return self.level * growth * (self._of_weekdays(days) if self.weekly else 1.0)

    def _of_weekdays(self, days: int) -> Floats:
        week = self.ratios.reshape(-1, 7).mean(axis=0)
        return np.resize(week, days)


def without_pause(history: Floats) -> Floats:
    """The days since the last long pause; where these are too few to say anything, those before it too,
    without the whole weeks of the pause. As it is for who pauses often, or still does.

    history: USD of complete days, oldest first.
    """
    busy = np.flatnonzero(history > 0)
    idle = np.diff(busy, prepend=-1) - 1
    long = np.flatnonzero((idle >= PAUSE) & (idle >= _UNUSUAL * (idle.sum() - idle + len(idle)) / len(idle)))
    if not len(long) or len(long) > _OFTEN:
        return history
    last = int(long[-1])
    weeks, since = int(idle[last]) // 7 * 7, int(busy[last])
    if len(busy) - last >= LEAST_DAYS:
        return history[since:]
    return np.delete(history, np.arange(since - weeks, since))


def habit(history: Floats) -> Habit | None:
    """The habit behind complete days, USD each, oldest first; None below `LEAST_DAYS` or without spending."""
    days = len(history)
    if days < LEAST_DAYS or not history.sum() > 0:
        return None
    age = np.arange(days - 1, -1, -1, dtype=np.float64)
    weights = 0.5 ** (age / HALF_LIFE)
    level, trend = _fitted(history, age, weights)
    usual = level * np.exp(-trend * age)
    weekly = days >= WEEKLY_FROM
    ratios = (history / usual)[-(days // 7 * 7) :] if weekly else history / usual
    mean = float(ratios.mean())
    ratios = ratios / mean if mean > 0 else np.ones_like(ratios)
    run = _run(history / usual - 1, weekly)
    doubt = _doubt(history, usual, age, weights, weekly, run)
    return Habit(level, trend, doubt, ratios, weekly, run)


def _run(off: Floats, weekly: bool) -> int:
    """Days to draw in one piece: twice as long as a busy day is followed by busy ones, by the autocorrelation
    of the days off their level.
    """
    off = off - (_by_weekday(off) if weekly else off.mean())
    off = np.clip(off, -_SPIKE, _SPIKE)
    days, spread = len(off), float((off**2).sum())
    if spread <= 0:
        return RUN
    together = 1.0
    for lag in range(1, days // 3 + 1):
        alike = float(off[lag:] @ off[:-lag]) / spread
        if alike < 1.5 / np.sqrt(days):
            break
        together += 2 * alike
    return int(np.clip(round(2 * together), RUN, max(RUN, min(_LONGEST, days // 3))))


def _fitted(history: Floats, age: Floats, weights: Floats) -> tuple[float, float]:
    """Level now and trend: iterated least squares for a logarithmic mean; `TREND` holds the trend."""
    mean = float(np.average(history, weights=weights))
    spread = float(np.average((history / mean - 1) ** 2, weights=weights)) + 1e-3
    held = spread / (TREND**2)
    level, trend = np.log(mean), 0.0
    for _ in range(12):
        usual = np.exp(np.clip(level - trend * age, -50, 50))
        design = weights * usual / mean
        gap = weights * (history - usual) / mean
        a, b, c = design.sum(), -(design * age).sum(), (design * age * age).sum() + held
        up, along = gap.sum(), -(gap * age).sum() - held * trend
        scale = a * c - b * b
        step = (c * up - b * along) / scale, (a * along - b * up) / scale
        level, trend = level + np.clip(step[0], -2, 2), float(np.clip(trend + step[1], -0.1, 0.1))
    return float(np.exp(level)), trend


def _doubt(history: Floats, usual: Floats, age: Floats, weights: Floats, weekly: bool, run: int) -> Floats:
    """Covariance of level and trend, allowing for busy days in runs (Newey and West's estimate)."""
    off = history / usual - 1
    if weekly:
        off = off - _by_weekday(off)
    days = len(off)
    spared = days - (8 if weekly else 2)
    spread = (float((off**2).sum()) + _DOUBTED**2) / (spared + 1)
    design = np.stack([np.ones(days), -age])
    share = usual / usual.mean()
    scores = design * weights * share * off * np.sqrt(days / spared)
    meat = scores @ scores.T
    lags = min(run + 1, days - 1)
    for lag in range(1, lags + 1):
        across = scores[:, lag:] @ scores[:, :-lag].T
        meat += (1 - lag / (lags + 1)) * (across + across.T)
    least = (design * weights**2 * share**2) @ design.T * spread
    bread = np.linalg.inv((design * weights * share) @ design.T + np.diag([0.0, spread / TREND**2]))
    prior = bread @ np.diag([0.0, spread**2 / TREND**2]) @ bread
    found = bread @ meat @ bread
    floor = bread @ least @ bread
    wider = 1 + _PHASES * (run - RUN) + ((_FEW / days) ** 2 if days < WEEKLY_FROM else 0.0)
    of_level = np.array([[wider, np.sqrt(wider)], [np.sqrt(wider), 1.0]])
    return np.asarray(of_level * _larger(found, floor) + prior)


def _larger(one: Floats, other: Floats) -> Floats:
    return one if np.trace(one * [[1, 0], [0, 400]]) > np.trace(other * [[1, 0], [0, 400]]) else other


def _by_weekday(off: Floats) -> Floats:
    place = np.arange(len(off)) % 7
    return np.asarray((np.bincount(place, off, 7) / np.bincount(place, minlength=7))[place])


def paths(habit: Habit, days: int, count: int, generator: np.random.Generator) -> Floats:
    """USD per day, `count` x `days`: the first is the day after the history."""
    root = _root(habit.doubt)
    shift = root @ _heavy(generator, count, len(habit.ratios))
    growth = np.clip(habit.trend + shift[1], -0.08, 0.08)
    level = habit.level * np.exp(shift[0] - 0.5 * habit.doubt[0, 0])
    drawn = habit.ratios[_places(habit, days, count, generator)]
    drawn *= np.exp(np.multiply.outer(growth, _damped(days)))
    drawn *= level[:, None]
    return np.asarray(drawn)


def _heavy(generator: np.random.Generator, count: int, days: int) -> Floats:
    """Two rows of standard draws, further out where there are few days."""
    freedom = max(3, days - 2)
    scale = np.sqrt(freedom / generator.chisquare(freedom, count))
    return np.asarray(generator.standard_normal((2, count)) * scale)


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _damped(days: int) -> Floats:
    """For how many full days a trend has gone on at the end of each day."""
    return np.asarray((1 - DAMPING ** np.arange(1, days + 1)) / (1 - DAMPING))


def _places(habit: Habit, days: int, count: int, generator: np.random.Generator) -> npt.NDArray[Any]:
    """Which past day each day of each path repeats: runs of days, each begun on its own weekday, the first
    after days like the last ones.
    """
    held = len(habit.ratios)
    run = min(habit.run, held)
    runs = -(-days // run)
    if habit.weekly:
        begun = generator.integers(0, held // 7, (count, runs)) * 7 + np.arange(runs) * run % 7
    else:
        begun = generator.integers(0, held, (count, runs))
    if habit.run > RUN:
        begun[:, 0] = generator.choice(_alike(habit), count)
    places = (begun[:, :, None] + np.arange(run)) % held
    return np.asarray(places.reshape(count, runs * run)[:, :days])


def _alike(habit: Habit) -> npt.NDArray[Any]:
    """Past days before which it was most like it is now."""
    off = habit.ratios - 1
    off = np.clip(off - _by_weekday(off) if habit.weekly else off, -_SPIKE, _SPIKE)
    lately = np.convolve(off, np.ones(_LATELY) / _LATELY, "valid")[:-1]
    now = off[-_LATELY:].mean()
    days = np.arange(_LATELY, len(off))
    fits = days % 7 == 0 if habit.weekly else np.ones(len(days), dtype=bool)
    days, away = days[fits], np.abs(lately - now)[fits]
    count = max(_LEAST, round(_SHARE * len(days)))
    return np.asarray(days[np.argsort(away)[:count]])
