"""Synthetic spenders: USD per day of somebody who spends steadily, by weekday, in bursts, or more and more."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Spender = Callable[[np.random.Generator, int], Floats]


def steady(chance: np.random.Generator, days: int) -> Floats:
    """About $10 a day."""
    return 10 * chance.lognormal(0, 0.25, days)


def weekly(chance: np.random.Generator, days: int) -> Floats:
    """Busy on weekdays, nearly idle on weekends; the first day may be any."""
    week = np.array([1.3, 1.4, 1.3, 1.2, 1.1, 0.4, 0.3])
    places = (np.arange(days) + chance.integers(7)) % 7
    return 10 * week[places] * chance.lognormal(0, 0.25, days)


def bursty(chance: np.random.Generator, days: int) -> Floats:
    """Now and then a few days in a row of ten times as much."""
    busy, now = np.zeros(days, dtype=bool), False
    for day in range(days):
        now = chance.random() < (0.5 if now else 0.12)
        busy[day] = now
    return np.where(busy, 40 * chance.lognormal(0, 0.4, days), 4 * chance.lognormal(0, 0.5, days))


def growing(chance: np.random.Generator, days: int) -> Floats:
    """0.5 to 2 % more each day."""
    growth = chance.uniform(0.005, 0.02)
    return 3 * np.exp(growth * np.arange(days)) * chance.lognormal(0, 0.3, days)


SPENDERS: Mapping[str, Spender] = {
    "steady": steady,
    "weekly": weekly,
    "bursty": bursty,
    "growing": growing,
}
