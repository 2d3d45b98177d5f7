"""Many rows added up by facets, several times faster than `DataFrame.groupby`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import pandas as pd

_SPARSE = 4
"""With more possible groups than so many a row, most of them empty, pandas is faster."""

Array = np.ndarray[Any, np.dtype[Any]]


def added(rows: pd.DataFrame, keys: Sequence[str], measures: Sequence[str]) -> pd.DataFrame:
    """What `rows.groupby(keys, observed=True)[measures].sum()` gives: one row per group that occurs, in the
    order of the categories; index `keys`, columns `measures`.

    keys: categorical columns without missing values. Sums of whole numbers are int64, exact up to 2**53.
    """
    columns = [rows[key].cat for key in keys]
    sizes = [len(column.categories) for column in columns]
    if not len(rows) or prod(sizes) > _SPARSE * len(rows):
        wide = {name: "int64" for name in measures if rows[name].dtype.kind in "iu"}
        found: pd.DataFrame = rows.astype(wide).groupby(list(keys), observed=True)[list(measures)].sum()
        return found
    place = np.ravel_multi_index([column.codes.to_numpy() for column in columns], sizes)
    there = np.flatnonzero(np.bincount(place, minlength=prod(sizes)))
    sums = {name: _sums(place, rows[name].to_numpy(), prod(sizes))[there] for name in measures}
    names = np.unravel_index(there, sizes)
    return pd.DataFrame(sums, index=_index(rows, keys, names), columns=list(measures))


def _sums(place: Array, values: Array, groups: int) -> Array:
    whole = "int64" if values.dtype.kind in "iu" else "float64"
    return np.bincount(place, weights=values, minlength=groups).astype(whole)


def _index(rows: pd.DataFrame, keys: Sequence[str], codes: Sequence[Array]) -> pd.Index:
    facets = [
        pd.Categorical.from_codes(code, dtype=rows[key].dtype) for key, code in zip(keys, codes, strict=True)
    ]
    if len(facets) == 1:
        return pd.CategoricalIndex(facets[0], name=keys[0])
    return pd.MultiIndex.from_arrays(facets, names=list(keys))
