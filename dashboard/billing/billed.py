"""What was billed in some days, as frames: the newest reading of each, made for adding up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ..errors import FolderError
from . import names, namesakes
from .kinds import billed_name
from .meant import meant
from .names import Called
from .snapshots import BillingFolder, Kind, Snapshot, one_reading

USAGE_COLUMNS = {
    "day": "datetime64[s]",  # naive midnight of the UTC day
    "model": "object",  # `kinds.billed_name`; "" when Anthropic names none
    "workspace_id": "object",  # facets: "" when not known
    "workspace": "object",
    "api_key_id": "object",
    "api_key": "object",
    "service_tier": "object",
    "product": "object",
    "tokens_input": "int64",
    "tokens_output": "int64",
    "tokens_cache_read": "int64",
    "tokens_cache_write_5m": "int64",
    "tokens_cache_write_1h": "int64",
    "web_searches": "int64",
    "requests": "float64",  # NaN when not known
}
"""Columns of `Billed.usage`."""

COST_COLUMNS = {
    "day": "datetime64[s]",
    "model": "object",
    "workspace_id": "object",
    "workspace": "object",
    "api_key_id": "object",
    "api_key": "object",
    "service_tier": "object",
    "product": "object",
    "cost_type": "object",  # `kinds.COST_TYPES`
    "kind": "object",  # of `kinds.USAGE_FIELDS`, "" when it is not about tokens
    "amount_usd": "float64",  # after discounts, before credit
    "list_usd": "float64",  # NaN when not told
}
"""Columns of `Billed.cost`."""


@dataclass(frozen=True, slots=True)
class DayRead:
    """When a day was read, of both reports the earlier."""

    read_at: datetime
    over: bool
    """Whether the day was over then."""
    generation: str
    refreshed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Billed:
    """Usage and cost of the days from `since` to `until`, both included."""

    since: date
    until: date
    usage: pd.DataFrame
    cost: pd.DataFrame
    usage_days: Mapping[date, DayRead] = field(default_factory=dict)
    """The days of which usage is known, also when there was none."""
    cost_days: Mapping[date, DayRead] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """What could not be read, in sentences."""
    shared: namesakes.Shared = field(default_factory=dict)
    """Names that several workspaces or keys have, by those under which they are told apart here."""
    called: Called = field(default_factory=dict)
    """The names that are known of ids, also of those that were never billed."""
    others: frozenset[date] = frozenset()
    """Days of which usage of other workspaces or keys was left out."""
    keyless: frozenset[date] = frozenset()
    """Days left out because their costs name no keys."""

    @property
    def days(self) -> list[date]:
        """Days of which both usage and cost are known."""
        return sorted(self.usage_days.keys() & self.cost_days.keys())

    @property
    def empty(self) -> bool:
        """Whether nothing was ever read of these days."""
        return not self.usage_days and not self.cost_days

    @property
    def part(self) -> bool:
        """Whether usage of other workspaces or keys was left out."""
        return bool(self.others)

    def narrowed(self, workspaces: frozenset[str], api_keys: frozenset[str]) -> Billed:
        """Only rows of these workspaces and keys, by name or id; an empty choice means all.

        A name that several have means all of them, their names here each one.
        The legacy cost report knows no keys: with a choice of keys its rows are left out, and `cost_days`
        of such days with them. `*` stands for anything; upper and lower case are the same.
        """
        usage, cost, cost_days = self.usage, self.cost, self.cost_days
        keyless: frozenset[date] = frozenset()
        if workspaces:
            usage, cost = _only((usage, cost), "workspace", workspaces, self.shared)
        if api_keys:
            usage, cost = _only((usage, cost), "api_key", api_keys, self.shared)
            keyless = frozenset(day for day, read in cost_days.items() if read.generation == "legacy")
            cost_days = {day: read for day, read in cost_days.items() if day not in keyless}
            cost = cost[~cost["day"].isin(np.array(sorted(keyless), dtype="datetime64[s]"))]
        left_out = self.usage.loc[self.usage.index.difference(usage.index), "day"]
        others = self.others | frozenset(day.date() for day in pd.DatetimeIndex(left_out.unique()))
        usage, cost = (frame.reset_index(drop=True) for frame in (usage, cost))
        return replace(self, usage=usage, cost=cost, cost_days=cost_days, others=others, keyless=keyless)


def load(folder: BillingFolder, since: date | None = None, until: date | None = None) -> Billed:
    """The newest usage and cost of one reading, of each of these days; without bounds of all there are.

    A day of which one is there alone, or both but of no common reading, is none of `Billed.days`.
    Raises FolderError.
    """
    found, problems = _read(folder, since, until)
    usage, cost = found["usage"], found["cost"]
    known = sorted(usage.keys() | cost.keys())
    first, last = (known[0], known[-1]) if known else (date.max, date.min)
    called = names.newest(folder.folder)
    frames = namesakes.apart([_frame(usage, USAGE_COLUMNS, called), _frame(cost, COST_COLUMNS, called)])
    return Billed(
        since=since or first,
        until=until or last,
        usage=frames.frames[0],
        cost=frames.frames[1],
        shared=frames.shared,
        called=called,
        usage_days=_days(usage),
        cost_days=_days(cost),
        problems=(*problems, *_bad(folder, since, until)),
    )


_Snapshots = dict[date, Snapshot]


def _read(
    folder: BillingFolder, since: date | None, until: date | None
) -> tuple[dict[Kind, _Snapshots], list[str]]:
    """Day -> snapshot of both kinds, and a sentence for each that cannot be read."""
    found: dict[Kind, _Snapshots] = {"usage": {}, "cost": {}}
    problems: list[str] = []
    for kind, day in folder.named():
        if _within(day, since, until):
            try:
                snapshot = folder.newest(kind, day)
            except FolderError as error:
                problems.append(str(error))
                continue
            if snapshot is not None:
                found[kind][day] = snapshot
    for day in found["usage"].keys() & found["cost"].keys():
        _one_bill(folder, found, day)
    return found, problems


def _one_bill(folder: BillingFolder, found: Mapping[Kind, _Snapshots], day: date) -> None:
    """Where the newest two are of different readings, take the pair of one; without any drop the cost."""
    if one_reading(found["usage"][day], found["cost"][day]):
        return
    pair = folder.pair(day)
    if pair:
        found["usage"][day], found["cost"][day] = pair
    else:
        del found["cost"][day]


def _bad(folder: BillingFolder, since: date | None, until: date | None) -> list[str]:
    """What is wrong with lines of these days."""
    wanted = {folder.path(kind, day) for kind, day in folder.named() if _within(day, since, until)}
    return [str(bad) for bad in folder.problems() if bad.file in wanted]


def _within(day: date, since: date | None, until: date | None) -> bool:
    return (since or day) <= day <= (until or day)


def _days(snapshots: _Snapshots) -> dict[date, DayRead]:
    return {
        day: DayRead(one.read_at, one.over, one.generation, one.refreshed_at)
        for day, one in sorted(snapshots.items())
    }


def _frame(snapshots: _Snapshots, columns: Mapping[str, str], called: Called) -> pd.DataFrame:
    """The rows of all days as a frame of these columns."""
    days = sorted(snapshots)
    rows = [row for day in days for row in snapshots[day].rows]
    made = {name: _column(name, rows, dtype, called) for name, dtype in columns.items() if name != "day"}
    lengths = [len(snapshots[day].rows) for day in days]
    made["day"] = np.repeat(np.array(days, dtype="datetime64[s]"), lengths)
    return pd.DataFrame(made, columns=list(columns))


def _column(name: str, rows: Sequence[Mapping[str, Any]], dtype: str, called: Called) -> Any:
    values = [row.get(name) for row in rows]
    if dtype == "float64":
        return np.array([math.nan if value is None else value for value in values], dtype="float64")
    if dtype == "int64":
        return np.array([value or 0 for value in values], dtype="int64")
    if name == "model":
        return pd.Series([_model(value) for value in values], dtype=object)
    if name in _IDS:
        ids = (row.get(_IDS[name]) for row in rows)
        values = [called.get((name, id_ or ""), value) for id_, value in zip(ids, values, strict=True)]
    return pd.Series([value or "" for value in values], dtype=object)


_IDS = {"workspace": "workspace_id", "api_key": "api_key_id"}
"""A name -> the id it belongs to."""


@lru_cache(maxsize=4096)
def _model(name: str | None) -> str:
    return billed_name(name) if name else ""


def _only(
    frames: Sequence[pd.DataFrame], facet: str, wanted: frozenset[str], shared: namesakes.Shared
) -> list[pd.DataFrame]:
    """The rows whose id or name is meant by one of the patterns."""
    columns = [f"{facet}_id", facet]
    texts = sorted({text for frame in frames for column in columns for text in frame[column].unique()})
    names = {text: shared.get((facet, text), text) for text in texts}
    good = {text for pattern in wanted for text in meant({*texts, *names.values()}, pattern)}
    good |= {text for text, name in names.items() if name in good}
    return [frame[frame[columns].isin(good).any(axis=1)] for frame in frames]
