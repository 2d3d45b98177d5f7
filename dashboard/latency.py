"""How long calls took: exact percentiles of durations, first tokens and speeds, by anything, over time. Pure.

Only calls that succeeded and whose time is known are measured. Left out, and counted in `Measured`: lines of
CLI runs and other lines that stand for several calls (their time is that of the run), failed calls (they
end early or wait long for nothing), lines without a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
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
    whole: pd.DataFrame
    """The same over all buckets: a row per model shown, and one of all models under the name "". Columns:
    median, high, timed.
    """
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
    told = counts >= _least(rank)
    place = (counts[told] - 1) * (rank / 100)
    below = np.floor(place).astype(np.int64)
    at = starts[:-1][told] + below
    above = np.minimum(at + 1, starts[1:][told] - 1)
    found = np.full(len(counts), np.nan)
    found[told] = values[at] + (values[above] - values[at]) * (place - below)
    return found


def course(rows: pd.DataFrame, grid: pd.DatetimeIndex, edges: Array, measure: str, most: int = 5) -> Course:
    """A measure per bucket (`buckets.grid`) and model, of the `most` models with most values."""
    seconds, place = rows[measure].to_numpy(), buckets.place(rows["time"], edges)
    usable = _single(rows) & _ok(rows) & _known(seconds) & (place >= 0)
    codes, names = rows["model"].cat.codes.to_numpy(), [str(name) for name in rows["model"].cat.categories]
    totals = np.bincount(codes[usable], minlength=len(names))
    chosen = [at for at in np.argsort(-totals, kind="stable")[:most].tolist() if totals[at]]
    line = np.full(len(names) + 1, -1, dtype=np.int64)  # one more, for a code of -1
    line[chosen] = range(len(chosen))
    drawn = usable & (line[codes] >= 0)
    cell = line[codes] * len(grid) + place  # model after model, so that the values of each lie together
    values, starts, counts = _sorted(seconds, cell, drawn, len(chosen) * len(grid))
    labels = [names[at] for at in chosen]

    def table(cells: Array) -> pd.DataFrame:
        return pd.DataFrame(cells.reshape(len(labels), len(grid)).T, index=grid, columns=labels)

    bounds = starts[:: len(grid)]
    by_model = [values[first:end] for first, end in pairwise(bounds.tolist())]
    return Course(
        median=table(_percentile(values, starts, 50)),
        high=table(_percentile(values, starts, far(measure))),
        timed=table(counts),
        whole=_whole([*by_model, seconds[usable]], [*labels, ""], measure),
        others=int((totals > 0).sum()) - len(chosen),
    )


def _whole(groups: Sequence[Array], names: Sequence[str], measure: str) -> pd.DataFrame:
    """Median, slow ones and number of each group of values, in any order."""
    high = far(measure)
    told = [(_middle(values, 50), _middle(values, high), len(values)) for values in groups]
    return pd.DataFrame(told, index=pd.Index(names), columns=["median", "high", "timed"])


def _middle(values: Array, rank: int) -> float:
    """The percentile of values in any order; NaN where there are too few."""
    return float(np.percentile(values.astype(np.float64), rank)) if len(values) >= _least(rank) else np.nan


def _least(rank: int) -> int:
    return LEAST[max(rank, 100 - rank)]
