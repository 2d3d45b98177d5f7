"""Lines that do not say which of Anthropic's models answered: no name, or the alias of a family."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..numbers import plural
from .axes import DAY, NAMELESS, Ints
from .grid import Grid
from .logged import billed_models

_FAMILIES = frozenset({"opus", "sonnet", "haiku"})
_ANY = frozenset({NAMELESS, "best", "default", "opusplan"})
"""Spellings that may stand for any model."""


@dataclass(frozen=True, slots=True)
class Left:
    """Lines with tokens, of the days asked for, that stand for no model of the bill."""

    days: Ints
    """Place on the axes of each."""
    names: tuple[str, ...]
    """Its spelling."""

    @property
    def others(self) -> list[str]:
        """The spelling of each line of another provider, in order of time."""
        return [name for name in self.names if not is_vague(name)]

    @property
    def vague(self) -> list[str]:
        """The spelling of each line that may be of one of Anthropic's models."""
        return [name for name in self.names if is_vague(name)]

    def doubt(self, day: int, model: str) -> str:
        """Which of them may be calls of this day and model, as the end of a sentence; or ""."""
        here = Counter(self.names[place] for place in np.flatnonzero(self.days == day))
        may_be = {name: number for name, number in here.items() if _may_be(name, model)}
        if not may_be:
            return ""
        lines, names = plural(sum(may_be.values()), "line"), " or ".join(map(words, sorted(may_be)))
        return f"; {lines} of {names} on that day may be of it"


def left_of(rows: pd.DataFrame, grid: Grid) -> Left:
    """Lines that `billed_models` has no place for."""
    _, place = billed_models(rows, grid.axes.models)
    days = (rows["time"].dt.as_unit("us").astype("int64").to_numpy() - grid.axes.begin) // DAY
    inside = (days >= 0) & (days < grid.axes.days) & (place < 0) & (rows["tokens_total"] > 0).to_numpy()
    where = np.flatnonzero(inside)
    where = where[grid.asked[days[where]]]
    names = rows["model"].cat.categories
    codes = rows["model"].cat.codes.to_numpy()[where]
    return Left(days[where], tuple(str(names[code]) for code in codes))


def is_vague(name: str) -> bool:
    """Whether a spelling names no model, but may mean one of Anthropic's."""
    return _plain(name) in _FAMILIES | _ANY


def _may_be(name: str, model: str) -> bool:
    plain = _plain(name)
    return plain in _ANY or (plain in _FAMILIES and plain in model)


def _plain(name: str) -> str:
    return name.casefold().removesuffix("[1m]")


def words(name: str) -> str:
    """A spelling for people."""
    return name or "an unnamed model"
