"""How all budgets stand, asked of a store: only the days they need, tasks only where they are chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from .. import filters
from ..filters import Filter
from ..store.base import Store
from .budgets import Budget, Standing, standing
from .periods import current_period
from .projection import HISTORY


def view(budgets: Sequence[Budget], now: datetime, zone: ZoneInfo) -> Filter:
    """The days these budgets are reckoned with: their periods', and four weeks for what is usual."""
    here = now.astimezone(zone)
    begins = [current_period(period, here, zone).since for period in {one.period for one in budgets}]
    first = min([(here - HISTORY).date(), *(since.date() for since in begins)])
    return filters.days(first, here.date() + timedelta(days=1), zone)


def look(store: Store, budgets: Sequence[Budget], now: datetime) -> tuple[Standing, ...]:
    """How each budget stands at `now`."""
    if not budgets:
        return ()
    here, range_ = now.astimezone(store.zone), view(budgets, now, store.zone)
    frames: dict[bool, pd.DataFrame] = {}
    for by_task in {one.scope.by_task for one in budgets}:
        frames[by_task] = store.sums(range_, tasks=by_task)
    return tuple(standing(one, frames[one.scope.by_task], here) for one in budgets)


def periods(standings: Sequence[Standing]) -> Filter:
    """From the first beginning to the last end of their periods. standings: at least one."""
    return Filter(min(one.since for one in standings), max(one.until for one in standings))
