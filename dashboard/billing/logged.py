"""The lines of the log as the bill would see them: UTC day, billed model, counts and USD by kind. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from logger.pricing import PriceTable

from ..cost_kinds import Division, counts_by_kind, divided
from ..failures import class_of
from ..filters import NONE
from ..sources import RUNS
from .axes import DAY, KINDS, TOKENS, Axes, Bools, Floats, Ints
from .kinds import billed_name

COLUMNS = {
    *("time", "model", "model_served", "source", "outcome", "tokens_input", "tokens_output"),
    *("tokens_cache_read", "tokens_cache_write", "tokens_cache_write_1h", "cost_usd", "web_searches"),
    *("duration_seconds", "calls", "final", "tokens_total", "error", "day", "offset"),
}
"""What is read of the store's rows."""

_TYPICAL = np.array([1.0, 5.0, 0.1, 1.25, 2.0])
"""How the rates of the kinds stand to each other for most models, where nothing better is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Lines of models that Anthropic bills, oldest first; one entry each in every array."""

    day: Ints
    """Place among the axes' days; may be outside of them."""
    model: Ints
    counts: Ints
    """Lines x `KINDS`."""
    usd: Floats
    """Lines x `KINDS`; 0 where the cost is not known."""
    priced: Bools
    started: Ints
    """Microseconds since 1970."""
    ended: Ints
    calls: Ints
    final: Bools
    failed: Bools
    run: Bools
    """Lines of CLI runs, whose number of calls is a lower bound."""
    batch: Bools
    """Lines that cost half of the table's price: results of batches, as no column tells."""
    free: Bools
    """Lines of calls that were refused, or are counted elsewhere: nothing but their counts is billed."""
    source: Ints
    names: Ints
    """Positions in the rows frame, for `day` and `offset` of the line."""

    def __len__(self) -> int:
        return len(self.day)

    def take(self, where: Ints | Bools) -> Lines:
        """Some of the lines."""
        return Lines(*(getattr(self, name)[where] for name in self.__slots__))


def elsewhere(model: str) -> bool:
    """Whether a model's spelling says that another provider answered: Bedrock or Vertex."""
    name = model.lower()
    return "anthropic." in name or "@" in name


def billed_models(rows: pd.DataFrame, in_bill: Collection[str]) -> tuple[list[str], Ints]:
    """The distinct names that Anthropic can have billed, and each line's place among them, -1 for others.

    A line is another provider's when either the model asked for or the one that answered is spelled so.
    """
    asked = _names(rows["model"], in_bill)
    served = _names(rows["model_served"], in_bill)
    has_served = (rows["model_served"] != NONE).to_numpy()
    names = sorted({*asked[1], *served[1]} - {""})
    place = {name: number for number, name in enumerate(names)} | {"": -1}
    of_asked, of_served = (
        np.array([place[name] for name in found] or [-1])[codes] for codes, found in (asked, served)
    )
    place_of = np.where(has_served, of_served, of_asked)
    return names, np.where(of_others(rows), -1, place_of).astype("int64")


def of_others(rows: pd.DataFrame) -> Bools:
    """Lines that another provider answered."""
    columns = (rows["model"], rows["model_served"])
    found: Bools = np.any([_elsewhere(column) for column in columns], axis=0)
    return found


def _elsewhere(column: pd.Series) -> Bools:
    there = np.array([*(elsewhere(str(name)) for name in column.cat.categories), False])
    found: Bools = there[column.cat.codes.to_numpy()]
    return found


def _names(column: pd.Series, in_bill: Collection[str]) -> tuple[Ints, list[str]]:
    """Codes of a facet, and for each code the billed name, "" where Anthropic cannot have billed it."""
    found = [_billed(str(name), in_bill) for name in column.cat.categories]
    return column.cat.codes.to_numpy().astype("int64"), found


def _billed(model: str, in_bill: Collection[str]) -> str:
    if not model or elsewhere(model):
        return ""
    name = billed_name(model)
    return name if name.startswith("claude") or name in in_bill else ""


def lines_of(rows: pd.DataFrame, axes: Axes, prices: PriceTable, billed_rates: Floats) -> Lines:
    """The rows whose model is on the axes. billed_rates: USD per token in the bill, models x `KINDS`."""
    names, place = billed_models(rows, axes.models)
    on_axes = axes.model_places(pd.Series(names, dtype=object))
    model = np.where(place < 0, -1, np.append(on_axes, -1)[place])
    kept = np.flatnonzero(model >= 0)
    return _made(rows.iloc[kept], kept, model[kept], axes, prices, billed_rates)


def _made(
    rows: pd.DataFrame, names: Ints, model: Ints, axes: Axes, prices: PriceTable, billed_rates: Floats
) -> Lines:
    started = rows["time"].dt.as_unit("us").astype("int64").to_numpy()
    counts = np.vstack([counts_by_kind(rows).T, rows["web_searches"].to_numpy()]).T
    lasted = np.nan_to_num(rows["duration_seconds"].to_numpy().astype("float64"))
    parts = divided(rows, prices)
    return Lines(
        day=(started - axes.begin) // DAY,
        model=model,
        counts=counts.astype("int64", copy=False),
        usd=_usd(parts, model, counts, billed_rates),
        priced=rows["cost_usd"].notna().to_numpy(),
        started=started,
        ended=started + (lasted * 1e6).astype("int64"),
        calls=rows["calls"].to_numpy().astype("int64"),
        final=rows["final"].to_numpy().astype(bool),
        failed=(rows["outcome"] == "failed").to_numpy(),
        run=(rows["source"] == RUNS).to_numpy(),
        batch=np.abs(parts.factor - prices.batch) < 0.01 * prices.batch,
        free=_free(rows),
        source=rows["source"].cat.codes.to_numpy().astype("int64"),
        names=names,
    )


def _free(rows: pd.DataFrame) -> Bools:
    """Lines whose error says that Anthropic did no work, or that an earlier line counts it."""
    kinds = rows["error"].cat.categories
    free = [name == _COUNTED or class_of(str(name)) in _REFUSED for name in kinds]
    found: Bools = np.array([*free, False])[rows["error"].cat.codes.to_numpy()]
    return found


_REFUSED = ("rate_limit", "overloaded", "request")
_COUNTED = "already_counted"


def _usd(parts: Division, model: Ints, counts: Ints, billed_rates: Floats) -> Floats:
    """USD by kind; a cost in one piece is divided as the bill's rates stand to each other."""
    found: Floats = np.vstack([parts.usd.T, parts.searched]).T
    whole = parts.unsplit
    where = np.flatnonzero(whole)
    rate = billed_rates[model[where], TOKENS]
    rate = np.where(np.nansum(rate, axis=1)[:, None] > 0, np.nan_to_num(rate), _TYPICAL)
    weight = counts[where, TOKENS] * rate
    weight[weight.sum(axis=1) == 0, 1] = 1.0  # no tokens at all: it stands as output
    found[where, TOKENS] += whole[where, None] * weight / weight.sum(axis=1)[:, None]
    return found


def added(lines: Lines, values: Ints | Floats, axes: Axes) -> Floats:
    """Lines x `KINDS` added up over the axes."""
    days, models, kinds = axes.shape
    inside = (lines.day >= 0) & (lines.day < days)
    cell = lines.day[inside] * models + lines.model[inside]
    found = [
        np.bincount(cell, weights=values[inside, kind], minlength=days * models).astype("float64")
        for kind in range(len(KINDS))
    ]
    sums: Floats = np.stack(found, axis=-1)
    return sums.reshape(days, models, kinds)
