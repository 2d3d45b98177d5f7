"""From a store's frame to a small frame or a few totals. Pure; every face of the numbers reads these.

`sums` and `rows` are the frames of `store/base.py`. Nothing here knows where they came from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from .filters import Filter, hour_of
from .sources import RUNS
from .store.base import MEASURES

KEYS = {
    "day": "day",
    "hour": "hour",
    "model": "model",
    "project": "project",
    "task": "task_id",
    "worker": "worker_id",
}
"""What numbers can be grouped by -> the key in JSON and CSV, and the frame's column."""

KINDS = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write")
"""The four kinds of token that add up to `tokens_total`."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a frame adds up to. Counts add; ratios are properties and None where there is nothing."""

    calls: int = 0
    retries: int = 0
    lines: int = 0
    tokens_input: int = 0
    tokens_output: int = 0
    tokens_cache_read: int = 0
    tokens_cache_write: int = 0
    tokens_cache_write_1h: int = 0
    """Part of `tokens_cache_write`."""
    tokens_thinking: int = 0
    tokens_total: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    not_final: int = 0
    duration_seconds: float = 0.0
    timed: int = 0
    tokens_per_second: float = 0.0
    rated: int = 0
    web_searches: int = 0
    failed: int = 0
    of_runs: int = 0
    """Calls of CLI runs, which may have made more."""

    @property
    def successful(self) -> int:
        """Calls that did not fail."""
        return self.calls - self.failed

    @property
    def success_rate(self) -> float | None:
        """Share of calls that succeeded, 0 to 1."""
        return self.successful / self.calls if self.calls else None

    @property
    def prompt_tokens(self) -> int:
        """All input: uncached, read from cache, written to cache."""
        return self.tokens_input + self.tokens_cache_read + self.tokens_cache_write

    @property
    def cache_hit_rate(self) -> float | None:
        """Share of input tokens that the cache served, 0 to 1."""
        return self.tokens_cache_read / self.prompt_tokens if self.prompt_tokens else None

    @property
    def average_duration_seconds(self) -> float | None:
        """Mean over the lines whose duration is known."""
        return self.duration_seconds / self.timed if self.timed else None

    @property
    def average_tokens_per_second(self) -> float | None:
        """Mean over the lines that have a speed."""
        return self.tokens_per_second / self.rated if self.rated else None

    @property
    def priced(self) -> int:
        """Calls whose cost is known."""
        return self.calls - self.unpriced


def totals(sums: pd.DataFrame) -> Totals:
    """Add up a sums frame."""
    added = {name: _plain(sums[name].to_numpy().sum(), dtype) for name, dtype in MEASURES.items()}
    return Totals(**added, failed=int(_failed(sums).sum()), of_runs=int(_of_runs(sums).sum()))


def _plain(value: Any, dtype: str) -> Any:
    return int(value) if dtype == "int64" else float(value)


def _failed(sums: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Calls of failed lines, row by row."""
    return np.where((sums["outcome"] == "failed").to_numpy(), sums["calls"].to_numpy(), 0)


def _of_runs(sums: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Calls of CLI runs, row by row."""
    return np.where((sums["source"] == RUNS).to_numpy(), sums["calls"].to_numpy(), 0)


def by(sums: pd.DataFrame, key: str) -> pd.DataFrame:
    """One row per `key` (`day`, `hour` or a facet column) with every measure, `failed` and `of_runs`.

    Index: the key's values; days as naive midnights, hours as aware starts. Times are in order, facets
    dearest first, then by tokens.
    """
    frame = sums[list(MEASURES)].assign(failed=_failed(sums), of_runs=_of_runs(sums))
    groups = _group_key(sums, key)
    small = frame.groupby(groups, observed=True).sum()
    if key in ("day", "hour"):
        return small.sort_index()
    return small.sort_values(["cost_usd", "tokens_total", "calls"], ascending=False, kind="stable")


def _group_key(sums: pd.DataFrame, key: str) -> pd.Series[Any]:
    if key == "hour":
        return sums["hour"]
    if key == "day":
        return sums["hour"].dt.tz_localize(None).dt.floor("D").rename("day")
    return sums[key]


def group_totals(small: pd.DataFrame) -> dict[Any, Totals]:
    """The rows of `by` as totals."""
    names = [field.name for field in fields(Totals)]
    columns = {name: small[name].tolist() for name in names}
    return {key: Totals(**{name: columns[name][i] for name in names}) for i, key in enumerate(small.index)}


def hours(view: Filter, now: datetime) -> pd.DatetimeIndex:
    """Every whole hour of the view up to the one that holds `now`, in the view's zone."""
    zone = view.since.tzinfo
    running = hour_of(now.astimezone(zone)).astimezone(UTC)
    last = min(view.until.astimezone(UTC) - timedelta(hours=1), running)
    first = view.since.astimezone(UTC)
    return pd.date_range(first, max(last, first), freq="h").tz_convert(zone)


def _hour_places(sums: pd.DataFrame, view: Filter) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many whole hours after the view's start each row is."""
    first = int(view.since.timestamp())
    return np.asarray((sums["hour"].dt.as_unit("s").astype("int64").to_numpy() - first) // 3600)


def timeline(sums: pd.DataFrame, view: Filter, now: datetime, columns: Sequence[str] = KINDS) -> pd.DataFrame:
    """Hour by hour, empty hours as 0. Index: start of the hour in the view's zone; one column per measure."""
    grid = hours(view, now)
    place = _hour_places(sums, view)
    inside = (place >= 0) & (place < len(grid))
    place = place[inside]
    added = {
        name: np.bincount(place, weights=sums[name].to_numpy()[inside], minlength=len(grid))
        for name in columns
    }
    return pd.DataFrame(added, index=grid).astype({n: MEASURES[n] for n in columns})


def local_days(view: Filter, now: datetime) -> pd.DatetimeIndex:
    """Every local day the view touches, up to today, as naive midnights."""
    here = now.astimezone(view.since.tzinfo)
    last = min((view.until - timedelta(microseconds=1)).date(), here.date())
    return pd.date_range(view.since.date(), max(last, view.since.date()), freq="D")


def cost_by_day(sums: pd.DataFrame, view: Filter, now: datetime) -> pd.DataFrame:
    """Cost per local day and model, USD. Index: naive midnights; columns: models that cost something, dearest
    first.
    """
    grid = local_days(view, now)
    days = sums["hour"].dt.tz_localize(None).dt.floor("D")
    return _cost_by_model(sums, (days - grid[0]).dt.days.to_numpy(), grid)


def cost_by_hour(sums: pd.DataFrame, view: Filter, now: datetime) -> pd.DataFrame:
    """Like `cost_by_day`, per hour. Index: hours in the view's zone."""
    return _cost_by_model(sums, _hour_places(sums, view), hours(view, now))


def _cost_by_model(sums: pd.DataFrame, place: np.ndarray[Any, Any], grid: pd.DatetimeIndex) -> pd.DataFrame:
    """USD by place in the grid and model; models without any cost have no column."""
    models = [str(model) for model in sums["model"].cat.categories]
    inside = (place >= 0) & (place < len(grid))
    cell = place * len(models) + sums["model"].cat.codes.to_numpy()
    added = np.bincount(
        cell[inside], weights=sums["cost_usd"].to_numpy()[inside], minlength=len(grid) * len(models)
    )
    table = pd.DataFrame(added.reshape(len(grid), len(models)), index=grid, columns=models)
    dearest = table.sum().sort_values(ascending=False, kind="stable")
    return table[[model for model, cost in dearest.items() if cost]]


def activity(sums: pd.DataFrame, view: Filter, now: datetime) -> pd.DataFrame:
    """Calls per hour of the day (index 0 to 23) and local day (columns: naive midnights)."""
    grid = local_days(view, now)
    local = sums["hour"].dt.tz_localize(None)
    day = ((local.dt.floor("D") - grid[0]).dt.days).to_numpy()
    hour = local.dt.hour.to_numpy()
    inside = (day >= 0) & (day < len(grid))
    cells = np.zeros((24, len(grid)), dtype="int64")
    np.add.at(cells, (hour[inside], day[inside]), sums["calls"].to_numpy()[inside])
    return pd.DataFrame(cells, index=range(24), columns=grid)


@dataclass(frozen=True, slots=True)
class Sample:
    """Some of `total` lines: every failure and outlier, and an even share of the rest."""

    rows: pd.DataFrame
    total: int
    untimed: int
    """Lines without a known duration: they have no place in the picture."""

    @property
    def complete(self) -> bool:
        """Whether every line is there."""
        return len(self.rows) == self.total


OUTLIERS = 50
"""How many of the longest, the largest and the dearest calls a sample always keeps."""

SPOTS_PER_DECADE = (32, 12)
"""Duration and token steps of a factor of ten that can be told apart in a picture (about 4 pixels)."""


def sample(rows: pd.DataFrame, limit: int) -> Sample:
    """The lines with a duration; of more than `limit`, all failures and outliers and a share of the rest.

    Failures are thinned only where they would be drawn on the same spot. The rest is taken at even steps
    in time, so the same lines give the same sample.
    """
    timed = rows["duration_seconds"].to_numpy() > 0
    at = np.flatnonzero(timed)
    untimed = len(rows) - len(at)
    if len(at) <= limit:
        return Sample(_small(rows, at), len(at), untimed)
    failed = (rows["outcome"] == "failed").to_numpy()
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[_one_per_spot(rows, np.flatnonzero(timed & failed))] = True
    chosen[_outliers(rows, at)] = True
    rest = np.flatnonzero(timed & ~failed & ~chosen)
    chosen[_evenly(rest, max(limit - int(chosen.sum()), limit // 2))] = True
    return Sample(_small(rows, np.flatnonzero(chosen)), len(at), untimed)


def _small(rows: pd.DataFrame, at: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Some rows, with only the names that occur in them: going through rows goes through all names."""
    small = rows.iloc[at]
    facets = [name for name in small if isinstance(small[name].dtype, pd.CategoricalDtype)]
    return small.assign(**{name: small[name].cat.remove_unused_categories() for name in facets})


def _evenly(places: np.ndarray[Any, Any], most: int) -> np.ndarray[Any, Any]:
    if len(places) <= most:
        return places
    return np.asarray(places[np.linspace(0, len(places) - 1, most).astype("int64")])


def _one_per_spot(rows: pd.DataFrame, at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    across, up = SPOTS_PER_DECADE
    x = np.log10(rows["duration_seconds"].to_numpy()[at].astype("float64")) * across
    y = np.log10(np.maximum(rows["tokens_total"].to_numpy()[at], 1)) * up
    spots = np.floor(x).astype("int64") * 10_000 + np.floor(y).astype("int64")  # y is far below 10,000
    _, first = np.unique(spots, return_index=True)
    return np.asarray(at[first])


def _outliers(rows: pd.DataFrame, at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    chosen = []
    for column in ("duration_seconds", "tokens_total", "cost_usd"):
        known = np.nan_to_num(rows[column].to_numpy()[at].astype("float64"), nan=-math.inf)
        chosen.append(at[np.argpartition(known, -OUTLIERS)[-OUTLIERS:]])
    return np.unique(np.concatenate(chosen))


def dearest(rows: pd.DataFrame) -> dict[str, Any] | None:
    """The line that cost most by column, or None when nothing is priced."""
    costs = rows["cost_usd"].to_numpy()
    if not len(costs) or np.isnan(costs).all():
        return None
    at = int(np.nanargmax(costs))
    return {str(name): rows[name].iat[at] for name in rows}  # a row as a Series would hash every name


def values(frame: pd.DataFrame, facet: str, most: int = 1000) -> list[tuple[str, int]]:
    """The values a facet takes and their calls, most calls first, at most `most` of them."""
    codes = frame[facet].cat.codes.to_numpy()
    names = frame[facet].cat.categories
    calls = np.bincount(codes, weights=frame["calls"].to_numpy(), minlength=len(names))
    order = np.argsort(-calls, kind="stable")[:most]
    return [(str(names[i]), int(calls[i])) for i in order if calls[i] > 0]


SORTABLE = frozenset(
    {"time", "model", "project", "task_id", "worker_id", "source", "outcome", "error", "calls"}
    | {"tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write", "tokens_total"}
    | {"cost_usd", "duration_seconds", "tokens_per_second"}
)
"""Columns of the rows frame that `page` can order by."""


def page(
    rows: pd.DataFrame, start: int, end: int, sort: str = "time", *, ascending: bool = False
) -> pd.DataFrame:
    """Rows `start` to `end` of the lines in the order of one column; unknown values stand last."""
    if sort not in SORTABLE or sort == "time":
        return (rows if ascending else rows.iloc[::-1]).iloc[start:end]
    order = rows[sort].astype(str) if isinstance(rows[sort].dtype, pd.CategoricalDtype) else rows[sort]
    return rows.loc[order.sort_values(ascending=ascending, kind="stable").index[start:end]]


def spenders(rows: pd.DataFrame, facet: str, most: int | None = None) -> pd.DataFrame:
    """What each value of a facet used, dearest first, then by tokens. Index: the value.

    Columns: cost_usd, tokens_total, calls, failed, unpriced (calls without a known cost).
    most: after so many the order does not matter, which saves sorting tens of thousands.
    """
    codes = rows[facet].cat.codes.to_numpy()
    names = rows[facet].cat.categories
    calls, costs = rows["calls"].to_numpy(), rows["cost_usd"].to_numpy()
    known = ~np.isnan(costs)
    measures = {
        "cost_usd": np.where(known, costs, 0.0),
        "tokens_total": rows["tokens_total"].to_numpy(),
        "calls": calls,
        "failed": np.where((rows["outcome"] == "failed").to_numpy(), calls, 0),
        "unpriced": np.where(known, 0, calls),
    }
    added = {name: np.bincount(codes, weights=m, minlength=len(names)) for name, m in measures.items()}
    places = _dearest_first(added, most)
    small = pd.DataFrame({name: values[places] for name, values in added.items()}).astype(
        {"tokens_total": "int64", "calls": "int64", "failed": "int64", "unpriced": "int64"}
    )
    small.index = pd.Index(names.take(places), name=facet)
    return small


def _dearest_first(added: Mapping[str, np.ndarray[Any, Any]], most: int | None) -> np.ndarray[Any, Any]:
    """The places with any calls, or the rest of a run, the first `most` of them in order."""
    at = np.flatnonzero((added["calls"] > 0) | (added["tokens_total"] > 0))
    cost, tokens = added["cost_usd"][at], added["tokens_total"][at]
    if most is None or most >= len(at):
        return np.asarray(at[np.lexsort((-tokens, -cost))])
    front = cost >= np.partition(cost, -most)[-most]
    order = np.lexsort((-tokens[front], -cost[front]))
    return np.concatenate([at[front][order], at[~front]])
