"""Each call of a view as a row: what `callmeter report --detail` says of it, and more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .. import metrics
from ..filters import NONE, Filter, midnight
from ..store.base import Store
from . import Extract

_Read = Callable[[pd.DataFrame], Any]
_AT_ONCE = 20_000
_DIGITS = 6
"""Of seconds and speeds, which are kept in single precision."""


def _text(name: str) -> _Read:
    return lambda rows: texts(rows[name])


def texts(values: pd.Series) -> pa.Array:
    """A facet as text; null where it is not given."""
    names = pa.array(values.cat.categories, pa.string())
    known = pc.if_else(pc.equal(names, NONE), pa.scalar(None, pa.string()), names)
    return known.take(pa.array(values.cat.codes.to_numpy().astype("int32")))


def _whole(name: str) -> _Read:
    return lambda rows: pa.array(rows[name].to_numpy(), pa.int64())


def _counted(name: str) -> _Read:
    return lambda rows: _if_counted(rows, rows[name].to_numpy())


def _if_counted(rows: pd.DataFrame, tokens: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(tokens.astype("int64"), pa.int64(), mask=~rows["counted"].to_numpy())


def _written_5m(rows: pd.DataFrame) -> pa.Array:
    hour = rows["tokens_cache_write_1h"].to_numpy()
    return _if_counted(rows, rows["tokens_cache_write"].to_numpy() - hour)


def _timed(name: str) -> _Read:
    return lambda rows: numbers(np.round(rows[name].to_numpy().astype("float64"), _DIGITS))


def numbers(values: np.ndarray[Any, Any]) -> pa.Array:
    """Numbers; null where they are not finite."""
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))


def _line(rows: pd.DataFrame) -> pa.Array:
    days, offsets = rows["day"].astype("str"), rows["offset"].astype("str")
    return pa.array(days + "/" + offsets, pa.string())


TEXT, WHOLE, NUMBER, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()

COLUMNS: tuple[tuple[str, pa.DataType, _Read], ...] = (
    *((name, TEXT, _text(name)) for name in ("model", "project", "task_id", "worker_id", "session_id")),
    ("source", TEXT, _text("source")),
    ("success", FLAG, lambda rows: pa.array((rows["outcome"] == "ok").to_numpy())),
    ("error", TEXT, _text("error")),
    ("tokens_input", WHOLE, _counted("tokens_input")),
    ("tokens_output", WHOLE, _counted("tokens_output")),
    ("tokens_total", WHOLE, _counted("tokens_total")),
    ("tokens_cache_read", WHOLE, _counted("tokens_cache_read")),
    ("tokens_cache_write", WHOLE, _counted("tokens_cache_write")),
    ("tokens_cache_write_5m", WHOLE, _written_5m),
    ("tokens_cache_write_1h", WHOLE, _counted("tokens_cache_write_1h")),
    ("tokens_thinking", WHOLE, _counted("tokens_thinking")),
    ("tokens_final", FLAG, lambda rows: pa.array(rows["final"].to_numpy())),
    ("estimated_cost_usd", NUMBER, lambda rows: numbers(rows["cost_usd"].to_numpy())),
    ("duration_seconds", NUMBER, _timed("duration_seconds")),
    ("time_to_first_token", NUMBER, _timed("time_to_first_token")),
    ("tokens_per_second", NUMBER, _timed("tokens_per_second")),
    ("calls", WHOLE, _whole("calls")),
    ("retries", WHOLE, _whole("retries")),
    ("web_searches", WHOLE, _whole("web_searches")),
    ("model_served", TEXT, _text("model_served")),
    ("line", TEXT, _line),
)
"""After `timestamp`: name, type, how it is read of the rows frame. `model_served` is null when it is the
model asked for; `line` names the line in the log: day of the file and byte offset.
"""


def schema(zone: ZoneInfo) -> pa.Schema:
    """`timestamp` in a zone, and `COLUMNS`."""
    time = pa.field("timestamp", pa.timestamp("us", str(zone)))
    return pa.schema([time, *(pa.field(name, kind) for name, kind, _ in COLUMNS)])


def calls(store: Store, view: Filter) -> Extract:
    """The calls of a view, oldest first; a local day at a time."""
    shape = schema(store.zone)
    found = (store.rows(day) for day in single_days(store, view))
    return Extract("Calls", shape, (_part(rows, shape) for rows in found if len(rows)))


def ordered(store: Store, view: Filter, column: str, *, ascending: bool) -> Extract:
    """The calls of a view in the order of one of `metrics.SORTABLE`, as the page lists them; all are read at
    once.
    """
    shape = schema(store.zone)

    def parts() -> Iterator[pa.Table]:
        rows = store.rows(view)
        rows = metrics.page(rows, 0, len(rows), column, ascending=ascending)
        for start in range(0, len(rows), _AT_ONCE):
            yield _part(rows.iloc[start : start + _AT_ONCE], shape)

    return Extract("Calls", shape, parts())


def _part(rows: pd.DataFrame, shape: pa.Schema) -> pa.Table:
    time = pa.Array.from_pandas(rows["time"], type=shape.field("timestamp").type)
    return pa.Table.from_arrays([time, *(read(rows) for _, _, read in COLUMNS)], schema=shape)


def single_days(store: Store, view: Filter) -> Iterator[Filter]:
    """The view cut into the local days that have calls, in order."""
    for day in days_with_calls(store, view):
        since, until = (midnight(day + timedelta(days=more), store.zone) for more in (0, 1))
        yield replace(view, since=max(view.since, since), until=min(view.until, until))


def days_with_calls(store: Store, view: Filter) -> list[date]:
    """The local days of a view that have calls, also such as its choice of tasks leaves out."""
    hours = store.sums(replace(view, tasks=frozenset()))["hour"]
    return sorted(set(hours.dt.tz_localize(None).dt.date))
