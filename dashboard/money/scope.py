"""Whose calls: a choice by patterns of project, task, worker and model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import Any

import numpy as np
import pandas as pd

from logger.price_table import spellings

from ..filters import NONE
from ..keys import Key, patterns

COLUMNS = {"project": "project", "task": "task_id", "worker": "worker_id", "model": "model"}
"""Name of a choice -> column of the frames."""

KEYS = tuple(
    Key(name, "pattern or list", (), f"Only calls of this {name}; * stands for anything.", patterns)
    for name in COLUMNS
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Patterns as in a shell (`claude-opus-*`), upper and lower case apart; no patterns mean all calls.

    A model is meant under any of its names, with its date, `[1m]` or provider or without, and in any case.
    A pattern never matches calls that have no such name, but `*` alone does.
    """

    project: tuple[str, ...] = ()
    task: tuple[str, ...] = ()
    worker: tuple[str, ...] = ()
    model: tuple[str, ...] = ()

    @property
    def by_task(self) -> bool:
        """Whether a frame must have tasks to be chosen from."""
        return bool(self.task)

    @property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """Name of a choice -> its patterns, for those that are narrowed."""
        return {name: patterns for name in COLUMNS if (patterns := getattr(self, name))}

    @property
    def everything(self) -> bool:
        """Whether it leaves nothing out."""
        return not self.choices

    @property
    def words(self) -> str:
        """`project website, model claude-opus-*`; empty for all calls."""
        return ", ".join(f"{name} {' or '.join(patterns)}" for name, patterns in self.choices.items())

    def chosen(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of a sums or rows frame that are meant; with a task choice it must have `task_id`."""
        kept = np.ones(len(frame), dtype=bool)
        for name, meant in self.choices.items():
            kept &= _matches(frame[COLUMNS[name]], _fits(name, meant))
        return frame if kept.all() else frame[kept]

    def holds(self, name: str, value: str) -> bool:
        """Whether one value (`NONE`: not given) of a facet is meant."""
        patterns = getattr(self, name)
        return not patterns or _fits(name, patterns)(value)


ALL = Scope()
"""Every call."""


def scope_of(values: Mapping[str, Any]) -> Scope:
    """The choice among the checked values of a table that has `KEYS`."""
    return Scope(**{name: values[name] for name in COLUMNS})


Fits = Callable[[str], bool]
"""Whether a name is meant."""


def _matches(values: pd.Series[str], fits: Fits) -> np.ndarray[Any, Any]:
    names = values.cat.categories
    chosen = np.array([fits(str(name)) for name in names], dtype=bool)
    return np.asarray(chosen[values.cat.codes.to_numpy()])


def _fits(choice: str, patterns: tuple[str, ...]) -> Fits:
    if choice != "model":
        return _any_of(patterns)
    fits = _any_of(tuple(pattern.lower() for pattern in patterns))
    return lambda model: any(map(fits, spellings(model)))


def _any_of(patterns: tuple[str, ...]) -> Fits:
    """A name that is the pattern to the letter is meant too: `claude-opus-5-5[1m]`."""
    expression = re.compile("|".join(translate(pattern) for pattern in patterns))
    return lambda name: "*" in patterns if name == NONE else name in patterns or bool(expression.match(name))
