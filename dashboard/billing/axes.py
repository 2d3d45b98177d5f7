"""What the comparison is laid out over: UTC days, models and the kinds that are counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .kinds import USAGE_FIELDS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SEARCH = "web_search"
KINDS = (*USAGE_FIELDS, SEARCH)
"""What lines and bill both count: tokens of five kinds, and web searches."""

TOKENS = slice(0, len(USAGE_FIELDS))
"""The kinds that are tokens."""

OUTPUT = KINDS.index("tokens_output")

NAMELESS = ""
"""The name of usage and costs that name no model."""

DAY = 86_400_000_000
"""Microseconds of a UTC day."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Days in a row from `first` on, and models by `kinds.billed_name`.

    Arrays over them are days x models x `KINDS`.
    """

    first: date
    days: int
    models: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an array over all three axes."""
        return self.days, len(self.models), len(KINDS)

    def day(self, place: int) -> date:
        """The day at a place."""
        return self.first + timedelta(days=place)

    def place(self, day: date) -> int:
        """Where a day stands; outside of 0 to `days` when it is not there."""
        return (day - self.first).days

    @property
    def begin(self) -> int:
        """The first day's midnight, microseconds since 1970."""
        return int(np.datetime64(self.first, "us").astype("int64"))

    def day_places(self, days: pd.Series) -> Ints:
        """The places of naive midnights."""
        at: Ints = days.astype("datetime64[s]").astype("int64").to_numpy()
        found: Ints = (at - self.begin // 1_000_000) // 86_400
        return found

    def model_places(self, models: pd.Series) -> Ints:
        """The places of names; -1 for those that are not there."""
        known = pd.Index(self.models)
        found: Ints = known.get_indexer(pd.Index(models.astype(object))).astype("int64")
        return found
