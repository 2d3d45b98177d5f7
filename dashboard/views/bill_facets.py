"""What was used and billed per model, workspace or API key in the days of a view."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from ..billing.billed import Billed
from ..billing.kinds import KIND_NAMES
from ..numbers import plural
from ..numbers import usd as usd_words
from ..sheets import Cell
from . import Asked, bill
from .columns import facet

_KEY = "api_key"


def by_facet(asked: Asked, key: str) -> list[dict[str, Cell]]:
    """Used and billed per value of a facet in the view's days, dearest first.

    What each API key cost the older reports do not tell (`untold`): the costs of keys are of the other days.
    """
    assert asked.billed is not None
    days = bill.days_of(asked.view, asked.now)
    told = [day for day in days if key != _KEY or not _legacy(asked.billed, day)]
    usage, cost = _narrow(asked, days, told)
    more = _bounds(asked.billed, days, told)
    used, paid = _labels(usage, key), _labels(cost, key)
    rows = [
        {key: facet(value), **bill.cells(usage[used == value], cost[paid == value]), **more}
        for value in sorted({*used, *paid})
    ]
    return sorted(rows, key=lambda row: -float(row["billed_usd"] or 0))


def _narrow(asked: Asked, used: Sequence[date], paid: Sequence[date]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Usage and cost of the view's models in some days."""
    assert asked.billed is not None
    models = asked.view.models
    usage, cost = bill.of_models(asked.billed.usage, models), bill.of_models(asked.billed.cost, models)
    return bill.within(usage, used), bill.within(cost, paid)


def _bounds(billed: Billed, days: Sequence[date], told: Sequence[date]) -> dict[str, Cell]:
    """Which numbers are lower bounds, and null for costs when they are told of no day."""
    tokens_bound, billed_bound = bill.bounds(billed, days)
    known = any(day in billed.cost_days for day in told)
    unknown: dict[str, Cell] = {} if known else {"billed_usd": None, "list_usd": None}
    return unknown | {"tokens_bound": tokens_bound, "billed_bound": billed_bound or len(told) < len(days)}


def _legacy(billed: Billed, day: date) -> bool:
    return day in billed.cost_days and billed.cost_days[day].generation == "legacy"


def untold(asked: Asked) -> str:
    """That what was billed in days of the older reports is in no API key's row; "" without such days."""
    assert asked.billed is not None
    days = [day for day in bill.days_of(asked.view, asked.now) if _legacy(asked.billed, day)]
    if not days:
        return ""
    usd = usd_words(float(_narrow(asked, days, days)[1]["amount_usd"].sum()))
    of = f"{usd} of {plural(len(days), 'day')}"
    return f"The older reports tell no costs by API key: {of} is in no key's row."


def without_model(asked: Asked) -> str:
    """What was billed in the view's days for no model, in a sentence; "" for nothing."""
    assert asked.billed is not None
    days = bill.days_of(asked.view, asked.now)
    cost = _narrow(asked, days, days)[1]
    other = cost[(cost["model"] == "").to_numpy()]
    amounts = other.groupby("cost_type")["amount_usd"].sum().items()
    least = "≥ " if bill.bounds(asked.billed, days)[1] else ""
    known = [(usd_words(float(usd)), KIND_NAMES.get(str(kind), str(kind))) for kind, usd in amounts]
    said = [f"{least}{usd} for {kind}" for usd, kind in known]
    return f"Billed for no model: {', '.join(said)}." if said else ""


def _labels(frame: pd.DataFrame, key: str) -> pd.Series:
    """What each row's facet is called: its name, else its id. No two ids have one name in `Billed`."""
    names, ids = frame[key], f"{key}_id"
    return names.where(names != "", frame[ids]) if ids in frame else names
