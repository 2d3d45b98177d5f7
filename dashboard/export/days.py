"""A view added up: per local day, model and project, or per any facet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby

import numpy as np
import pandas as pd
import pyarrow as pa

from ..filters import Filter, midnight
from ..store.base import MEASURES, Store
from . import Extract
from .calls import NUMBER, TEXT, WHOLE, days_with_calls, numbers

DAY = pa.date32()

FIELDS = (
    *((name, WHOLE) for name in ("calls", "successful", "failed", "retries")),
    ("tokens_input", WHOLE),
    ("tokens_output", WHOLE),
    ("tokens_total", WHOLE),
    ("tokens_cache_read", WHOLE),
    ("tokens_cache_write", WHOLE),
    ("tokens_cache_write_5m", WHOLE),
    ("tokens_cache_write_1h", WHOLE),
    ("tokens_thinking", WHOLE),
    ("web_searches", WHOLE),
    ("estimated_cost_usd", NUMBER),
    ("unpriced_calls", WHOLE),
    ("not_final_calls", WHOLE),
    ("duration_seconds", NUMBER),
)
"""What is said of each group: name and type. The cost is the sum of the known ones, null when none is known;
the duration adds up those that are known.
"""


def days(store: Store, view: Filter) -> Extract:
    """The view per local day, model and project, days in order, dearest first in each; read by the month."""
    shape = pa.schema([("day", DAY), ("model", TEXT), ("project", TEXT), *FIELDS])
    parts = (by_day(store.sums(month)) for month in _months(store, view))
    return Extract("Days", shape, (_table(part, shape) for part in parts if len(part)))


def facet(store: Store, view: Filter, name: str, title: str) -> Extract:
    """The view per value of a facet, dearest first."""
    shape = pa.schema([(name, TEXT), *FIELDS])
    return Extract(title, shape, (_table(added(store.sums(view), [name]), shape),))


def summed(extract: Extract, sums: pd.DataFrame) -> Extract:
    """A table of these sums with its total, which knows no keys and says as each row what is not known in it;
    none where there are no calls.
    """
    whole = added(sums.assign(all=0), ["all"])
    if whole.empty:
        return extract
    arrays = [
        column(whole[field.name], field.type) if field.name in whole else pa.nulls(1, field.type)
        for field in extract.schema
    ]
    return replace(extract, total=pa.Table.from_arrays(arrays, schema=extract.schema))


def _months(store: Store, view: Filter) -> Iterator[Filter]:
    """The view cut into the months that have calls."""
    for _, held in groupby(days_with_calls(store, view), key=lambda day: (day.year, day.month)):
        found = list(held)
        since = midnight(found[0], store.zone)
        until = midnight(found[-1] + timedelta(days=1), store.zone)
        yield replace(view, since=max(view.since, since), until=min(view.until, until))


def by_day(sums: pd.DataFrame) -> pd.DataFrame:
    """`added` per local day (a date), model and project."""
    local = sums.assign(day=sums["hour"].dt.tz_localize(None).dt.floor("D"))
    return added(local, ["day", "model", "project"]).sort_values("day", kind="stable")


def added(sums: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """A sums frame per combination of `keys`, dearest first: the keys and `FIELDS`."""
    failed = np.where((sums["outcome"] == "failed").to_numpy(), sums["calls"].to_numpy(), 0)
    full = sums[[*keys, *MEASURES]].assign(failed=failed)
    small = full.groupby(list(keys), observed=True).sum().reset_index()
    small = small.sort_values(["cost_usd", "tokens_total", "calls"], ascending=False, kind="stable")
    priced, timed = small["calls"] > small["unpriced"], small["timed"] > 0
    known = priced | (small["calls"] == 0)
    return small.assign(
        successful=small["calls"] - small["failed"],
        tokens_cache_write_5m=small["tokens_cache_write"] - small["tokens_cache_write_1h"],
        estimated_cost_usd=small["cost_usd"].round(10).where(known),
        unpriced_calls=small["unpriced"],
        not_final_calls=small["not_final"],
        duration_seconds=small["duration_seconds"].round(6).where(timed),
    )


def _table(frame: pd.DataFrame, shape: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays([column(frame[field.name], field.type) for field in shape], schema=shape)


def column(values: pd.Series, kind: pa.DataType) -> pa.Array:
    """A column of a frame: no text where it is "", no number where it is not finite."""
    if kind == TEXT:
        return pa.array([value or None for value in values.tolist()], TEXT)
    if kind == NUMBER:
        return numbers(values.to_numpy(dtype="float64"))
    if kind == DAY:
        return pa.array(values.dt.date, DAY)
    return pa.array(values.to_numpy(), kind)
