"""What each day cost, with the average of the 7 days that end there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pandas as pd

from .. import filters, metrics
from ..billing.billed import Billed
from ..numbers import usd as usd_words
from ..sheets import Answer, Cell, Column, Sheet
from . import Asked, View, bill
from .columns import (
    CALLS,
    COST,
    HIT_RATE,
    INCOMPLETE,
    MEASURES,
    TOKENS,
    data_column,
    day_words,
    long_day,
    usage,
    usd,
)
from .remarks import facts, incomplete

SPAN = 7
"""Days of the average."""

_DAY = Column("day", "Day", day_words)
_AVERAGE = Column("average_7_days_usd", "7-day avg", usd_words, bound="average_bound")
_AVERAGE_BOUND = data_column(_AVERAGE.bound)
_NOTHING = dict.fromkeys(MEASURES, 0)


def build(asked: Asked) -> Answer:
    """A row per local day since the log, or the bill beside it, began; or with `only_billed` per UTC day of
    Anthropic's.
    """
    return _billed(asked) if asked.only_billed else _logged(asked)


def average(amounts: Mapping[date, float], day: date, first: date | None) -> float | None:
    """The mean of the 7 days that end with `day`, days without an amount being 0; None when the log began
    (`first`) less than 7 days before the end of `day`.
    """
    begin = day - timedelta(days=SPAN - 1)
    if first is None or first > begin:
        return None
    return sum(amounts.get(begin + timedelta(days=number), 0.0) for number in range(SPAN)) / SPAN


def billed_average(amounts: Mapping[date, float], day: date) -> float | None:
    """The mean of the 7 days that end with `day`; None when one of them was never read."""
    days = [day - timedelta(days=number) for number in range(SPAN)]
    return sum(amounts[one] for one in days) / SPAN if all(one in amounts for one in days) else None


def _logged(asked: Asked) -> Answer:
    zone = asked.store.zone
    view = asked.view
    earlier = filters.midnight(view.since.date() - timedelta(days=SPAN - 1), zone)
    wide = asked.store.sums(replace(view, since=earlier))
    inside = asked.store.sums(view)
    billed = bill.beside(asked) if bill.whole_days(view) else None
    amounts = bill.by_day(billed, view.models) if billed else {}
    first = _first(asked, wide)
    days = _days(asked, inside, min(filter(None, (first, *amounts)), default=None))
    rows = [
        row | _bill_of(asked, row, amounts)
        for row in _with_averages(_rows(days, inside), _by_day(wide), first, _today(asked))
    ]
    beside = (bill.BILLED, bill.BILLED_BOUND) if billed else ()
    columns = (_DAY, CALLS, TOKENS, HIT_RATE, COST, _AVERAGE, *beside, *INCOMPLETE, _AVERAGE_BOUND)
    sheet = Sheet("days", "Day by day", columns, rows, _sentence(rows, COST))
    remarks = (*incomplete(inside, asked), *bill.remarks(asked))
    return Answer((sheet,), facts(asked), remarks)


def _today(asked: Asked) -> date:
    """The day that is not over, in the view's zone."""
    return asked.now.astimezone(asked.store.zone).date()


def _by_day(sums: pd.DataFrame) -> dict[date, Mapping[Any, Any]]:
    small = metrics.by(sums, "day")
    records = small.to_dict("records")
    return {day.date(): row for day, row in zip(small.index, records, strict=True)}


def _first(asked: Asked, sums: pd.DataFrame) -> date | None:
    """The first day of the log."""
    named = asked.store.health().first_day
    if named is not None:
        return date.fromisoformat(named)
    return min(_by_day(sums), default=None)


def _days(asked: Asked, sums: pd.DataFrame, first: date | None) -> list[date]:
    """The days of the view from the first that anything is known of up to today, and those to come that have
    calls.
    """
    if first is None:
        return []
    days = [day.date() for day in metrics.local_days(asked.view, asked.now)]
    ahead = [day for day in _by_day(sums) if day > days[-1]]
    return [day for day in (*days, *ahead) if day >= first]


def _rows(days: Sequence[date], sums: pd.DataFrame) -> list[dict[str, Cell]]:
    """The cells of each day, also of those without calls."""
    known = _by_day(sums)
    return [{"day": day.isoformat(), **usage(known.get(day, _NOTHING))} for day in days]


def _with_averages(
    rows: Sequence[dict[str, Cell]], known: Mapping[date, Mapping[Any, Any]], first: date | None, today: date
) -> list[dict[str, Cell]]:
    """The rows with the average of each day that is over."""
    amounts = {day: float(row["cost_usd"]) for day, row in known.items()}
    doubtful = {day for day, row in known.items() if row["unpriced"] or row["not_final"]}
    found: list[dict[str, Cell]] = []
    for row in rows:
        day = date.fromisoformat(str(row["day"]))
        span = {day - timedelta(days=number) for number in range(SPAN)}
        mean: dict[str, Cell] = {
            _AVERAGE.key: usd(average(amounts, day, first)) if day < today else None,
            "average_bound": bool(span & doubtful),
        }
        found.append(row | mean)
    return found


def _bill_of(asked: Asked, row: Mapping[str, Cell], amounts: Mapping[date, float]) -> dict[str, Cell]:
    day = date.fromisoformat(str(row["day"]))
    read = asked.billed.cost_days.get(day) if asked.billed else None
    return {"billed_usd": usd(amounts.get(day)), "billed_bound": read is not None and not read.over}


def _sentence(rows: Sequence[Mapping[str, Cell]], column: Column) -> str:
    costs = [(float(row[column.key] or 0), str(row["day"])) for row in rows]
    most, day = max(costs, default=(0.0, ""))
    if not most:
        return ""
    total = sum(cost for cost, _ in costs)
    least = "≥ " if any(row[column.bound] or row[column.key] is None for row in rows) else ""
    return f"{least}{usd_words(total)} in all; the dearest day was {long_day(date.fromisoformat(day))}."


def _billed(asked: Asked) -> Answer:
    assert asked.billed is not None
    days = bill.days_of(asked.view, asked.now)
    narrow = replace(
        asked.billed,
        usage=bill.of_models(asked.billed.usage, asked.view.models),
        cost=bill.of_models(asked.billed.cost, asked.view.models),
    )
    amounts = bill.by_day(asked.billed, asked.view.models)
    rows = [_billed_row(narrow, day, amounts) for day in days]
    told = (bill.REQUESTS, TOKENS, HIT_RATE, bill.BILLED, bill.LIST)
    bounds = (bill.TOKENS_BOUND, bill.BILLED_BOUND, _AVERAGE_BOUND)
    columns = (_DAY, *told, _AVERAGE, *bounds)
    sheet = Sheet("days", "Billed day by day (UTC)", columns, rows, _sentence(rows, bill.BILLED))
    return Answer((sheet,), facts(asked), bill.remarks(asked))


def _billed_row(billed: Billed, day: date, amounts: Mapping[date, float]) -> dict[str, Cell]:
    """Null for what was never read, and for the average of a day that was not over when it was read."""
    used, paid = (bill.within(frame, [day]) for frame in (billed.usage, billed.cost))
    tokens_bound, billed_bound = bill.bounds(billed, [day])
    span = [day - timedelta(days=number) for number in range(SPAN)]
    row: dict[str, Cell] = {
        "day": day.isoformat(),
        _AVERAGE.key: None if billed_bound else usd(billed_average(amounts, day)),
        "average_bound": bill.bounds(billed, span)[1],
        "tokens_bound": tokens_bound,
        "billed_bound": billed_bound,
    }
    row |= bill.cells(used, paid)
    unknown = () if day in billed.cost_days else ("billed_usd", "list_usd")
    unused = () if day in billed.usage_days else ("requests", "tokens_total", "cache_hit_rate")
    return row | dict.fromkeys((*unknown, *unused))


VIEW = View("daily", "day by day, with a 7-day average", build, grouped=False, has_bill=True)
