"""A table: columns of equal length, numbers as arrays, facets as codes into lists of names.

Tables never change once made, so that threads share them without a lock. Joining, choosing and summing
work on whole arrays; only `frame` makes pandas of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """`codes[facet]` are int32 positions in `names[facet]`, an Arrow array of str without nulls."""

    numbers: Mapping[str, Array]
    codes: Mapping[str, Array] = field(default_factory=dict)
    names: Mapping[str, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.numbers.values()), ()))

    def take(self, where: Array | slice) -> Table:
        """The rows a mask, positions or a slice choose; a slice copies nothing."""
        return Table(
            {name: values[where] for name, values in self.numbers.items()},
            {name: values[where] for name, values in self.codes.items()},
            self.names,
        )

    def only(self, columns: Collection[str] | None) -> Table:
        """The same with no other columns; None keeps all."""
        if columns is None:
            return self
        return Table(
            {name: values for name, values in self.numbers.items() if name in columns},
            {name: values for name, values in self.codes.items() if name in columns},
            {name: values for name, values in self.names.items() if name in columns},
        )

    def owned(self) -> Table:
        """The same with number columns of its own."""
        return Table({name: values.copy() for name, values in self.numbers.items()}, self.codes, self.names)

    def chosen(self, choices: Mapping[str, frozenset[str]]) -> Table:
        """The rows whose facets are all among their choices; facets not named are free."""
        if not choices:
            return self
        keep = np.ones(len(self), dtype=bool)
        for facet, values in choices.items():
            wanted = pc.is_in(self.names[facet], pa.array(sorted(values), pa.string()))
            keep &= wanted.to_numpy(zero_copy_only=False)[self.codes[facet]]
        return self if keep.all() else self.take(keep)


def encoded(values: Sequence[str | int | None]) -> tuple[Array, pa.Array]:
    """Codes and names of a column; None becomes "", a whole number its digits."""
    try:
        column = pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        column = pa.array([None if value is None else str(value) for value in values], pa.string())
    if column.null_count:
        column = column.fill_null("")
    coded = column.dictionary_encode()
    return coded.indices.to_numpy(zero_copy_only=False), coded.dictionary


def narrowed(values: Array) -> Array:
    """Whole numbers as int32 when they all fit."""
    if values.dtype == np.int64 and (not len(values) or (values.max() < 2**31 and values.min() >= -(2**31))):
        return values.astype(np.int32)
    return values


def concat(tables: Sequence[Table]) -> Table:
    """The rows of all, in order, with one list of names per facet. At least one table is needed."""
    if len(tables) == 1:
        return tables[0]
    first = tables[0]
    numbers = {name: np.concatenate([table.numbers[name] for table in tables]) for name in first.numbers}
    codes, names = {}, {}
    for facet in first.codes:
        codes[facet], names[facet] = _one_list(
            [table.codes[facet] for table in tables], [table.names[facet] for table in tables]
        )
    return Table(numbers, codes, names)


def _one_list(codes: list[Array], names: list[pa.Array]) -> tuple[Array, pa.Array]:
    """Codes into one common list. Lists shared by several tables are looked at once."""
    distinct = {id(array): array for array in names}
    if len(distinct) == 1:
        return np.concatenate(codes), names[0]
    common = pa.concat_arrays(list(distinct.values())).dictionary_encode()
    place = common.indices.to_numpy(zero_copy_only=False)
    places: dict[int, Array] = {}
    start = 0
    for key, array in distinct.items():
        places[key] = place[start : start + len(array)]
        start += len(array)
    found = np.empty(sum(map(len, codes)), dtype=np.int32)
    start = 0
    for part, array in zip(codes, names, strict=True):
        stop = start + len(part)
        np.take(places[id(array)], part, out=found[start:stop], mode="clip")  # "raise" would copy twice
        start = stop
    return found, common.dictionary


def grouped(table: Table, facets: Iterable[str], measures: Iterable[str]) -> Table:
    """The sums of `measures` per `hour` and combination of `facets`, in order of hour."""
    facets = tuple(facets)
    order, starts = _groups(table, facets)
    heads = order[starts]
    numbers: dict[str, Array] = {"hour": table.numbers["hour"][heads]}
    for name in measures:
        values = table.numbers[name]
        wide = values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
        numbers[name] = narrowed(np.add.reduceat(wide[order], starts) if len(starts) else wide)
    codes = {facet: table.codes[facet][heads] for facet in facets}
    return Table(numbers, codes, {facet: table.names[facet] for facet in facets})


def _groups(table: Table, facets: tuple[str, ...]) -> tuple[Array, Array]:
    """Positions sorted by group, and where in them each group starts."""
    hours = table.numbers["hour"]
    key = (hours - hours.min()) // 60 if len(hours) else hours
    high = int(key.max()) + 1 if len(key) else 1
    for facet in facets:
        size = max(1, len(table.names[facet]))
        if high * size >= 2**62:  # would not fit: number the combinations met so far
            met, key = np.unique(key, return_inverse=True)
            high = len(met)
        key = key * size + table.codes[facet]
        high *= size
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1]))) if len(key) else order
    return order, starts


def in_order(tables: Sequence[Table], by: str) -> Table:
    """The rows of all, sorted by a number column; rows already in order are not moved."""
    table = concat(tables)
    values = table.numbers[by]
    if bool((values[1:] >= values[:-1]).all()):
        return table
    return table.take(np.argsort(values, kind="stable"))


def inserted(pieces: Sequence[Table], fresh: Sequence[Table], by: str) -> list[Table]:
    """Pieces that follow each other in order of `by`, after rows of any order were put among them.

    What lies before the fresh rows is not moved; pieces are joined so that there are few of them.
    """
    found = [piece for piece in pieces if len(piece)]
    moved = [in_order(fresh, by)] if sum(map(len, fresh)) else []
    while moved and found and found[-1].numbers[by][-1] > moved[-1].numbers[by][0]:
        piece = found.pop()
        stays = int(np.searchsorted(piece.numbers[by], moved[-1].numbers[by][0], side="right"))
        moved = [in_order([piece.take(slice(stays, None)), *moved], by)]
        if stays:
            found.append(piece.take(slice(stays)))
    for piece in moved:
        found.append(piece)
        while len(found) > 1 and len(found[-2]) < 2 * len(found[-1]):
            found[-2:] = [concat(found[-2:])]
    return found


def categorical(codes: Array, names: pa.Array) -> pd.Categorical:
    """A pandas categorical whose categories are just the names that occur."""
    used = np.bincount(codes, minlength=len(names)) > 0
    if not used.all():
        codes = (np.cumsum(used, dtype=np.int32) - 1)[codes]
        names = names.filter(pa.array(used))
    kind = next(kind for kind in (np.int8, np.int16, np.int32) if len(names) <= np.iinfo(kind).max)
    return pd.Categorical.from_codes(codes.astype(kind), dtype=_categories(names), validate=False)


def _categories(names: pa.Array) -> pd.CategoricalDtype:
    """The dtype of names that are known to be distinct.

    The public way makes sure of that once more, which for the tasks of 300,000 calls is a third of the
    time the whole frame takes.
    """
    index = pd.Index(names.to_pandas(), dtype="str")
    fast: Any = getattr(pd.CategoricalDtype, "_from_fastpath", None)
    return cast(pd.CategoricalDtype, fast(index, ordered=False)) if fast else pd.CategoricalDtype(index)


def frame(table: Table, columns: Mapping[str, str], times: Mapping[str, pd.Series]) -> pd.DataFrame:
    """A frame with `columns` (name -> dtype as in the store's contract); `times` are ready-made."""
    made: dict[str, Any] = dict(times)
    for name, kind in columns.items():
        if name in made:
            continue
        if name in table.codes:
            made[name] = categorical(table.codes[name], table.names[name])
        else:
            values = table.numbers[name]
            made[name] = values if kind == "int" else values.astype(kind, copy=False)
    order = [*(name for name in times if name not in columns), *columns]
    return pd.DataFrame({name: made[name] for name in order}, copy=False)
