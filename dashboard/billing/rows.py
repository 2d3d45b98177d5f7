"""Rows of a snapshot, kept small: a year of them stays in memory while the server runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, overload

Row = Mapping[str, Any]


class Rows(Sequence[Row]):
    """Rows of the same fields. Each is made when it is asked for; texts are one object for all."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: tuple[str, ...], values: Iterable[Sequence[Any]]) -> None:
        self._names = names
        self._values = tuple(tuple(map(_shared, row)) for row in values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Row]:
        return (dict(zip(self._names, values, strict=True)) for values in self._values)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        if isinstance(place, slice):
            return list(self)[place]
        return dict(zip(self._names, self._values[place], strict=True))


def small(rows: Sequence[Row], without: Iterable[str]) -> Sequence[Row]:
    """The rows less some fields."""
    left = set(without)
    every = tuple(rows[0]) if rows else ()
    names = tuple(sys.intern(name) for name in every if name not in left)
    if len(names) > 1 and all(tuple(row) == every for row in rows):
        return Rows(_NAMES.setdefault(names, names), map(itemgetter(*names), rows))
    return [{name: value for name, value in row.items() if name not in left} for row in rows]


_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {}
"""The few sets of fields there are, each once."""


def _shared(value: Any) -> Any:
    return sys.intern(value) if isinstance(value, str) else value
