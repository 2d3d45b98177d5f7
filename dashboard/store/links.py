"""By what the lines of a day may tell of calls that other lines tell of, and an index of it over all days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logger.counted_line import RUNS

from .digests import digests
from .identities import KEYS
from .table import Table

Array = NDArray[Any]


def _nothing() -> Array:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Digests, each array in order: of all ids of all lines, of sessions with runs, of those with calls."""

    ids: Array = field(default_factory=_nothing)
    runs: Array = field(default_factory=_nothing)
    calls: Array = field(default_factory=_nothing)

    def with_(self, other: Links) -> Links:
        """Those of both."""
        return Links(
            np.sort(np.concatenate([self.ids, other.ids])),
            distinct(np.concatenate([self.runs, other.runs])),
            distinct(np.concatenate([self.calls, other.calls])),
        )


def links_of(rows: Table) -> Links:
    """The links of rows."""
    ids = [rows.numbers[key] for key in KEYS]
    sessions, sources = sessions_of(rows), sources_of(rows)
    return Links(
        np.sort(np.concatenate([values[values != 0] for values in ids])),
        distinct(sessions[sources == RUNS]),
        distinct(sessions[sources != RUNS]),
    )


def sessions_of(rows: Table) -> Array:
    """The digest of each row's session, 0 without."""
    names = digests(rows.names["session_id"].to_pylist(), "session")
    found: Array = names[rows.codes["session_id"]]
    return found


def sources_of(rows: Table) -> Array:
    """The source of each row, as objects."""
    names = np.array([*rows.names["source"].to_pylist(), None], dtype=object)[:-1]
    found: Array = names[rows.codes["source"]]
    return found


def distinct(values: Array) -> Array:
    """The values in order, each once, without 0. Of long arrays quicker than `np.unique`, which hashes."""
    ordered = np.sort(values)
    new = ordered != 0
    new[1:] &= ordered[1:] != ordered[:-1]
    found: Array = ordered[new]
    return found


def within(values: Array, ordered: Array) -> Array:
    """Which of the values stand among others that are in order."""
    if not len(ordered):
        return np.zeros(len(values), dtype=bool)
    place = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    found: Array = ordered[place] == values
    return found


def in_both(one: Array, other: Array) -> Array:
    """What two arrays in order have in common."""
    found: Array = one[within(one, other)]
    return found


class Index:
    """In which days digests occur. What is added goes into few sorted arrays that grow by doubling."""

    def __init__(self) -> None:
        self._parts: list[tuple[Array, Array]] = []

    def add(self, values: Array, day: int) -> None:
        """Add digests, in order, of a day."""
        if len(values):
            self._parts.append((values, np.full(len(values), day, dtype=np.int32)))
        while len(self._parts) > 1 and len(self._parts[-2][0]) < 2 * len(self._parts[-1][0]):
            self._parts[-2:] = [_merged(self._parts[-2], self._parts[-1])]

    def drop(self, day: int) -> None:
        """Forget a day."""
        kept = [(values[days != day], days[days != day]) for values, days in self._parts]
        self._parts = [part for part in kept if len(part[0])]

    def found(self, values: Array) -> tuple[Array, Array]:
        """Which of these digests occur and where: (digests, days), one of each for each time."""
        digests_, days = [_nothing()], [np.empty(0, dtype=np.int32)]
        for held, of_day in self._parts:
            first, last = np.searchsorted(held, values, "left"), np.searchsorted(held, values, "right")
            counts = last - first
            if counts.any():
                digests_.append(np.repeat(values, counts))
                days.append(of_day[_ranges(first[counts > 0], counts[counts > 0])])
        return np.concatenate(digests_), np.concatenate(days)

    def several(self, values: Array) -> Array:
        """Those of these digests, each named once, that occur more than once."""
        met = np.sort(self.found(distinct(values))[0])
        return distinct(met[1:][met[1:] == met[:-1]])

    def days(self, values: Array) -> set[int]:
        """The days in which any of these digests occurs."""
        return set(distinct(self.found(values)[1]).tolist())


def _merged(one: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
    values, days = np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])
    order = np.argsort(values, kind="stable")  # of two sorted runs: it merges
    return values[order], days[order]


def _ranges(starts: Array, counts: Array) -> Array:
    """The positions of ranges, one after the other."""
    ends = np.cumsum(counts)
    found: Array = np.arange(ends[-1]) + np.repeat(starts - (ends - counts), counts)
    return found


def joined(parts: Iterable[Links]) -> Links:
    """The links of several parts."""
    found = Links()
    for part in parts:
        found = found.with_(part)
    return found
