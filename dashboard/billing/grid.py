"""Both sides on the same axes: what was logged and what was billed, per UTC day, model and kind. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from logger.pricing import PriceTable

from .axes import KINDS, SEARCH, Axes, Bools, Floats, Ints
from .billed import Billed, DayRead
from .kinds import USAGE_FIELDS
from .logged import Lines, added, billed_models, lines_of
from .snapshots import REPORTED, end_of

CREDIT = "credit"
"""The kind of negative amounts."""


@dataclass(frozen=True, slots=True, eq=False)
class Bill:
    """Anthropic's side. Arrays are days x models x `KINDS`."""

    counts: Ints
    usd: Floats
    """After discounts."""
    list_usd: Floats
    """Before; the same as `usd` where it is not told."""
    listed: Bools
    """Days x models: whether list prices are told."""
    requests: Floats
    """Days x models; NaN where they are not told."""
    other: pd.DataFrame
    """Costs that no line can tell of, and credits: day, model, kind, usd, list_usd; one row each."""

    @property
    def rates(self) -> Floats:
        """USD per token or search at list price, over all days: models x `KINDS`; NaN without any."""
        counts, usd = self.counts.sum(axis=0), self.list_usd.sum(axis=0)
        found: Floats = np.divide(usd, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """What is compared."""

    axes: Axes
    lines: Lines
    logged: Ints
    logged_usd: Floats
    unpriced: Ints
    """Part of `logged` whose cost is not known."""
    bill: Bill
    known: Bools
    """Days of which the whole bill is here."""
    young: Bools
    """Days that Anthropic may not have reported to the end when they were read."""
    cost_behind: Bools
    """Young days whose costs are as of an earlier moment than their usage."""
    asked: Bools
    """Days that were asked for; the others only explain."""

    @property
    def compared(self) -> Bools:
        """Days whose differences are told."""
        return self.known & self.asked

    @property
    def other(self) -> pd.DataFrame:
        """`Bill.other` of these days."""
        return self.bill.other.loc[self.compared[self.axes.day_places(self.bill.other["day"])]]


def models_of(rows: pd.DataFrame, billed: Billed) -> tuple[str, ...]:
    """Every model on either side."""
    in_bill = {*billed.usage["model"].unique(), *billed.cost["model"].unique()}
    logged, _ = billed_models(rows, in_bill)
    return tuple(sorted({*in_bill, *logged}))


def grid_of(rows: pd.DataFrame, billed: Billed, since: date, until: date, prices: PriceTable) -> Grid:
    """The asked days and one more on either side."""
    first = since - timedelta(days=1)
    axes = Axes(first, (until - first).days + 2, models_of(rows, billed))
    bill = bill_of(billed, axes)
    lines = lines_of(rows, axes, prices, bill.rates)
    unpriced = lines.take(~lines.priced)
    asked = np.zeros(axes.days, dtype=bool)
    asked[1:-1] = True
    return Grid(
        axes=axes,
        lines=lines,
        logged=added(lines, lines.counts, axes).round().astype("int64"),
        logged_usd=added(lines, lines.usd, axes),
        unpriced=added(unpriced, unpriced.counts, axes).round().astype("int64"),
        bill=bill,
        known=_flags(axes, over(billed)),
        young=_flags(axes, [day for day in billed.days if young(billed, day)]),
        cost_behind=_flags(axes, [day for day in billed.days if _cost_behind(billed, day)]),
        asked=asked,
    )


def _flags(axes: Axes, days: Sequence[date]) -> Bools:
    found = np.zeros(axes.days, dtype=bool)
    places = [axes.place(day) for day in days]
    found[[place for place in places if 0 <= place < axes.days]] = True
    return found


def over(billed: Billed) -> list[date]:
    """Days of which usage and cost are known, both read after their end."""
    return [day for day in billed.days if billed.usage_days[day].over and billed.cost_days[day].over]


def young(billed: Billed, day: date) -> bool:
    """Whether a day was read, or Anthropic's own numbers were made, less than a day after its end."""
    reported = end_of(day) + REPORTED
    reads = (billed.usage_days[day], billed.cost_days[day])
    return any(_current(read) < reported for read in reads)


def _cost_behind(billed: Billed, day: date) -> bool:
    usage, cost = (_current(read) for read in (billed.usage_days[day], billed.cost_days[day]))
    return cost < usage and young(billed, day)


def _current(read: DayRead) -> datetime:
    """Up to when a reading can tell of anything."""
    return min(read.read_at, read.refreshed_at or read.read_at)


def bill_of(billed: Billed, axes: Axes) -> Bill:
    """The bill's frames on the axes."""
    usage, cost = _inside(billed.usage, axes), _inside(billed.cost, axes)
    counts = np.zeros(axes.shape, dtype="int64")
    places = axes.day_places(usage["day"]), axes.model_places(usage["model"])
    np.add.at(counts, places, usage[[*USAGE_FIELDS, "web_searches"]].to_numpy().astype("int64"))
    requests = np.zeros(axes.shape[:2])
    np.add.at(requests, places, usage["requests"].to_numpy().astype("float64"))
    requests[_flags(axes, [d for d, read in billed.usage_days.items() if read.generation == "legacy"])] = (
        np.nan
    )
    cost = _searches_by_model(_with_credits(cost), counts, axes)
    cost = cost.assign(listed=cost["list_usd"].notna(), list_usd=cost["list_usd"].fillna(cost["amount_usd"]))
    kind = _places_of_kinds(cost)
    ours, other = cost[kind >= 0], cost[kind < 0]
    at = axes.day_places(ours["day"]), axes.model_places(ours["model"]), kind[kind >= 0]
    usd, list_usd = np.zeros(axes.shape), np.zeros(axes.shape)
    np.add.at(usd, at, ours["amount_usd"].to_numpy())
    np.add.at(list_usd, at, ours["list_usd"].to_numpy())
    listed = np.zeros(axes.shape[:2], dtype=bool)
    listed[at[0][ours["listed"].to_numpy()], at[1][ours["listed"].to_numpy()]] = True
    return Bill(counts, usd, list_usd, listed, requests, _other(other))


def _inside(frame: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    place = axes.day_places(frame["day"])
    return frame[(place >= 0) & (place < axes.days)]


def _with_credits(cost: pd.DataFrame) -> pd.DataFrame:
    """What comes off the bill under a type of its own: it is the price of no tokens."""
    off = (cost["amount_usd"] < 0).to_numpy()
    return cost.assign(cost_type=cost["cost_type"].mask(off, CREDIT)) if off.any() else cost


def _places_of_kinds(cost: pd.DataFrame) -> Ints:
    """The place in `KINDS` a row of costs is about, -1 for others."""
    place = {name: number for number, name in enumerate(KINDS)}
    named = np.where(
        cost["cost_type"] == SEARCH, SEARCH, np.where(cost["cost_type"] == "tokens", cost["kind"], "")
    )
    return np.array([place.get(str(name), -1) for name in named], dtype="int64")


def _searches_by_model(cost: pd.DataFrame, counts: Ints, axes: Axes) -> pd.DataFrame:
    """Costs of web searches that name no model, given to the models that searched on that day."""
    nameless = ((cost["cost_type"] == SEARCH) & (cost["model"] == "")).to_numpy()
    if not nameless.any():
        return cost
    parts = [cost[~nameless]]
    for row in cost[nameless].to_dict("records"):
        searched = counts[axes.place(row["day"].date()), :, KINDS.index(SEARCH)]
        shares = searched / searched.sum() if searched.sum() else np.zeros(len(searched))
        given = [
            {
                **row,
                "model": axes.models[m],
                "amount_usd": row["amount_usd"] * s,
                "list_usd": row["list_usd"] * s,
            }
            for m, s in enumerate(shares)
            if s
        ]
        parts.append(pd.DataFrame(given or [row], columns=cost.columns))
    return pd.concat(parts, ignore_index=True)


def _other(cost: pd.DataFrame) -> pd.DataFrame:
    """Costs that are neither of tokens of a known kind nor of searches, by day, model and cost type."""
    named = cost.rename(columns={"amount_usd": "usd"}).assign(kind=cost["cost_type"])
    columns = ["day", "model", "kind"]
    return (
        named.groupby(columns, as_index=False)[["usd", "list_usd"]].sum()
        if len(named)
        else named.reindex(columns=[*columns, "usd", "list_usd"])
    )
