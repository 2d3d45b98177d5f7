"""Whose usage something was: the key, workspace or product that used just that."""

from __future__ import annotations

from datetime import date

import pandas as pd

from .axes import Ints
from .kinds import USAGE_FIELDS

_COUNTS = list(USAGE_FIELDS)
_FACETS = {"api_key": "API key", "workspace": "workspace", "product": "product"}
"""The first that has it is named."""


class Whose:
    """Looks up usage by its counts; a day's usage that is all of one key is nobody's in particular."""

    def __init__(self, usage: pd.DataFrame) -> None:
        self._usage = usage
        self._places = usage.groupby(["day", "model"]).indices if len(usage) else {}
        self._known: dict[tuple[date, str], dict[tuple[int, ...], str]] = {}

    def said(self, day: date, model: str, counts: Ints) -> str:
        """Whose these counts (of `KINDS`) of a day and model were, as the end of a sentence; or ""."""
        words = self._of(day, model).get(tuple(counts.tolist())[: len(USAGE_FIELDS)])
        return f", all of it {words}" if words else ""

    def _of(self, day: date, model: str) -> dict[tuple[int, ...], str]:
        found = self._known.get((day, model))
        if found is None:
            here = self._places.get((pd.Timestamp(day), model), [])
            found = self._known[(day, model)] = _by_counts(self._usage.iloc[here])
        return found


def _by_counts(usage: pd.DataFrame) -> dict[tuple[int, ...], str]:
    """Counts -> words, of every facet that parts this usage."""
    found: dict[tuple[int, ...], str] = {}
    for facet, noun in _FACETS.items():
        names = _named(usage, facet)
        if names.nunique() > 1:
            sums = usage.groupby(names)[_COUNTS].sum()
            for name, row in zip(sums.index, sums.to_numpy(), strict=True):
                found.setdefault(tuple(row.tolist()), _words(facet, noun, str(name)))
    return found


def _named(usage: pd.DataFrame, facet: str) -> pd.Series:
    """The name, else the id, of each row."""
    names = usage[facet]
    return names.where(names != "", usage[f"{facet}_id"]) if f"{facet}_id" in usage else names


def _words(facet: str, noun: str, name: str) -> str:
    if name:
        return f"of {noun} {name}"
    return "without an API key, as from the Console" if facet == "api_key" else f"of no {noun}"
