"""How long calls took: exact percentiles of durations, first tokens and speeds, by anything, over time. Pure.

Only calls that succeeded and whose time is known are measured. Left out, and counted in `Measured`: lines of
CLI runs and other lines that stand for several calls (their time is that of the run), failed calls (they
end early or wait long for nothing), lines without a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from . import buckets
from .sources import RUNS

Array = np.ndarray[Any, np.dtype[Any]]

MEASURES = {
    "duration_seconds": "duration",
    "time_to_first_token": "first_token",
    "tokens_per_second": "tokens_per_second",
}
"""What is measured: column of the rows -> name in frames, JSON and CSV."""

LEAST = {50: 1, 95: 20, 99: 100}
"""Of so many values at least a percentile is told: of fewer it would be the largest value, or nearly."""

COLUMNS = {"outcome", "source", "calls", *MEASURES}
"""What is read of the rows, besides `time` and what they are grouped by."""

Form = Callable[[float | None], str]


@dataclass(frozen=True, slots=True)
class Measured:
    """How many lines were measured, and why others were not. The five add up to all lines."""

    timed: int = 0
    runs: int = 0
    """Lines that stand for a run or for several calls."""
    failed: int = 0
    untimed: int = 0
    """Calls that succeeded without a known duration."""


@dataclass(frozen=True, slots=True)
class Course:
    """One measure over time. Tables: index the buckets' starts, columns models; NaN where not known."""

    median: pd.DataFrame
    high: pd.DataFrame
    """The 95th percentile, where there are enough values; of speeds the 5th: the slow ones."""
    timed: pd.DataFrame
    """How many values each stands for."""
    others: int = 0
    """Models beyond those shown that have values."""


def measured(rows: pd.DataFrame) -> Measured:
    """How many of the lines are measured."""
    single, ok, known = _single(rows), _ok(rows), _known(rows["duration_seconds"].to_numpy())
    return Measured(
        timed=int((single & ok & known).sum()),
        runs=int((~single).sum()),
        failed=int((single & ~ok).sum()),
        untimed=int((single & ok & ~known).sum()),
    )


def _single(rows: pd.DataFrame) -> Array:
    """Lines that are one call."""
    return np.asarray((rows["source"] != RUNS).to_numpy() & (rows["calls"].to_numpy() == 1))


def _ok(rows: pd.DataFrame) -> Array:
    return np.asarray((rows["outcome"] == "ok").to_numpy())


def _known(values: Array) -> Array:
    return np.asarray(values >= 0)  # also false for NaN


def by(rows: pd.DataFrame, key: str) -> pd.DataFrame:
    """One row per `key` (`day`, `hour` or a facet column) that has measured calls, most calls first.

    Columns: calls (with a duration), then `duration_p50`, `_p95`, `_p99`, the same of `first_token`, and
    `tokens_per_second` (the median); NaN where there are too few values. Days and hours are in order.
    """
    codes, names = buckets.groups(rows, key)
    usable = _single(rows) & _ok(rows)
    table: dict[str, Array] = {}
    for column, name in MEASURES.items():
        values, counts, of = _sorted(rows[column].to_numpy(), codes, usable, len(names))
        if column == "tokens_per_second":
            table[name] = _percentile(values, counts, 50)
        else:
            table |= {"calls": of} if column == "duration_seconds" else {}
            table |= {f"{name}_p{rank}": _percentile(values, counts, rank) for rank in LEAST}
    small = pd.DataFrame(table, index=names)
    small = small[small["calls"] > 0]
    return small if key in ("day", "hour") else small.sort_values("calls", ascending=False, kind="stable")


def whole(rows: pd.DataFrame) -> dict[str, float | None]:
    """`by`'s columns over all lines; None where not known."""
    nothing = np.zeros(len(rows), dtype=np.int64)
    told: dict[str, float | None] = {}
    for column, name in MEASURES.items():
        values, counts, of = _sorted(rows[column].to_numpy(), nothing, _single(rows) & _ok(rows), 1)
        if column == "duration_seconds":
            told["calls"] = int(of[0])
        ranks = (50,) if column == "tokens_per_second" else tuple(LEAST)
        found = {rank: float(_percentile(values, counts, rank)[0]) for rank in ranks}
        for rank, value in found.items():
            told[name if len(ranks) == 1 else f"{name}_p{rank}"] = None if value != value else value
    return told


def spread(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One measure by model, most values first, and over all models under the name "".

    Columns: values, median, high (as in `Course`); NaN where there are too few values.
    """
    names = [str(name) for name in rows["model"].cat.categories]
    codes, usable = rows["model"].cat.codes.to_numpy(), _single(rows) & _ok(rows)
    every = np.zeros(len(rows), dtype=np.int8)
    parts = []
    for groups, of in ((names, codes), ([""], every)):
        values, starts, counts = _sorted(rows[measure].to_numpy(), of, usable, len(groups))
        median, high = _percentile(values, starts, 50), _percentile(values, starts, far(measure))
        parts.append(pd.DataFrame({"values": counts, "median": median, "high": high}, index=groups))
    return pd.concat(parts).sort_values("values", ascending=False, kind="stable")


def far(measure: str) -> int:
    """The percentile of the slow ones: most seconds, or least tokens per second."""
    return 5 if measure == "tokens_per_second" else 95


def _sorted(values: Array, codes: Array, usable: Array, groups: int) -> tuple[Array, Array, Array]:
    """The usable values in order, group after group; where each group begins (one more at the end); how
    many it has.

    Group and value are sorted as one whole number: floats that are not negative are in the order of their
    bits, and such a sort takes a tenth of the time.
    """
    usable = usable & _known(values) & (codes >= 0)
    bits = np.ascontiguousarray(values[usable].astype(np.float32) + np.float32(0)).view(np.uint32)
    of = codes[usable].astype(np.uint64)
    packed = np.sort((of << np.uint64(32)) | bits)
    counts = np.bincount(of.astype(np.int64), minlength=groups)
    low = (packed & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return low.view(np.float32).astype(np.float64), np.concatenate([[0], np.cumsum(counts)]), counts


def _percentile(values: Array, starts: Array, rank: int) -> Array:
    """The percentile of each group, between two values in proportion; NaN where there are too few."""
    counts = np.diff(starts)
    told = counts >= LEAST.get(rank, LEAST[max(rank, 100 - rank)])
    place = (counts[told] - 1) * (rank / 100)
    below = np.floor(place).astype(np.int64)
    at = starts[:-1][told] + below
    above = np.minimum(at + 1, starts[1:][told] - 1)
    found = np.full(len(counts), np.nan)
    found[told] = values[at] + (values[above] - values[at]) * (place - below)
    return found


def course(rows: pd.DataFrame, grid: pd.DatetimeIndex, edges: Array, measure: str, most: int = 5) -> Course:
    """A measure per bucket (`buckets.grid`) and model, of the `most` models with most values."""
    names = [str(name) for name in rows["model"].cat.categories]
    usable = _single(rows) & _ok(rows) & _known(rows[measure].to_numpy())
    codes = rows["model"].cat.codes.to_numpy().astype(np.int64)
    place = buckets.place(rows["time"], edges)
    usable &= place >= 0
    totals = np.bincount(codes[usable], minlength=len(names))
    chosen = [at for at in np.argsort(-totals, kind="stable")[:most].tolist() if totals[at]]
    column = np.full(len(names) + 1, -1, dtype=np.int64)  # one more, for a code of -1
    column[chosen] = range(len(chosen))
    cell = np.where(column[codes] >= 0, place * len(chosen) + column[codes], -1)
    shape = (len(grid), len(chosen))
    values, starts, counts = _sorted(rows[measure].to_numpy(), cell, usable, shape[0] * shape[1])
    tables: Mapping[str, Array] = {
        "median": _percentile(values, starts, 50),
        "high": _percentile(values, starts, far(measure)),
        "timed": counts,
    }
    labels: Sequence[str] = [names[at] for at in chosen]
    made = {name: pd.DataFrame(t.reshape(shape), index=grid, columns=labels) for name, t in tables.items()}
    return Course(**made, others=int((totals > 0).sum()) - len(chosen))
