"""The financial position at a moment: one look that the page, the terminal, REST and the alerts all show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pandas as pd

from .. import filters, metrics
from ..filters import Filter
from ..metrics import Totals
from ..store.base import MEASURES, Store
from . import budgets, credit, forecast, spending, watches
from .alerts import Condition
from .budgets import Standing
from .credit import Balance
from .forecast import Burndown, Pace, RunOut
from .ledger import Entry
from .rules import Rules
from .scope import Scope
from .spending import Parts, SpentBetween
from .watches import Lost

HISTORY = timedelta(days=120)
"""How far back pace, projections and what is usual look."""

_NEAR = timedelta(days=60)
"""How far back what is usual of an hour or a budget looks: eight weeks, or the longest month and four."""

RANGES = ("today", "7d", "30d")


@dataclass(frozen=True, slots=True)
class Position:
    """What there is to say of money at `at`, an aware moment in the store's zone."""

    at: datetime
    spent: dict[str, Totals]
    """By `RANGES`: all calls, whoever's."""
    lost: dict[str, Lost]
    """By `RANGES`: what failures cost."""
    standings: tuple[Standing, ...]
    pace: Pace
    balance: Balance | None
    """None while the ledger is empty."""
    run_out: RunOut | None
    status: str
    """Of the credit: `unknown`, `ok`, `caution`, `warning`, `critical`."""
    why: str
    """The status in a sentence."""
    daily: pd.Series[float]
    """USD per day that uses the credit, up to today."""
    conditions: tuple[Condition, ...]


def look(
    store: Store, rules: Rules, entries: Sequence[Entry], now: datetime, parts: Parts | None = None
) -> Position:
    """The position at `now`. parts: what looks before remember of the credit's calls."""
    here = now.astimezone(store.zone)
    past = store.sums(_view(HISTORY, here, store))
    near = _within(past, filters.midnight((here - _NEAR).date(), store.zone))
    standings = _standings(store, rules, near, here)
    daily, known = _credit(store, rules.credit.scope, entries, past, here, parts)
    odd = _odd(store, rules, near, here)
    correction = known[0].correction if known else 1.0
    ranges = {name: _within(near, _since(name, here, store)) for name in RANGES}
    told = credit.conditions(*known, rules.credit) if known else []
    status, why = credit.status(*known, rules.credit) if known else ("unknown", "No credit is on record.")
    return Position(
        at=here,
        spent={name: metrics.totals(sums) for name, sums in ranges.items()},
        lost={name: watches.lost(sums) for name, sums in ranges.items()},
        standings=standings,
        pace=forecast.pace(daily, here, correction=correction),
        balance=known[0] if known else None,
        run_out=known[1] if known else None,
        status=status,
        why=why,
        daily=daily,
        conditions=(*budgets.conditions(standings), *odd, *told),
    )


def _since(name: str, here: datetime, store: Store) -> datetime:
    if name == "today":
        return filters.midnight(here.date(), store.zone)
    return filters.last(name, here, store.zone).since


def _within(sums: pd.DataFrame, since: datetime) -> pd.DataFrame:
    """The hours from a moment on; sums are in order of hour."""
    return sums.iloc[sums["hour"].searchsorted(pd.Timestamp(since)) :]


def _view(back: timedelta, here: datetime, store: Store) -> Filter:
    return filters.days((here - back).date(), here.date(), store.zone)


def _standings(store: Store, rules: Rules, past: pd.DataFrame, here: datetime) -> tuple[Standing, ...]:
    tasks: pd.DataFrame | None = None
    found = []
    for budget in rules.budgets:
        if budget.scope.by_task and tasks is None:
            tasks = store.sums(_view(_NEAR, here, store), tasks=True)
        frame = tasks if budget.scope.by_task and tasks is not None else past
        found.append(budgets.standing(budget, frame, here))
    return tuple(found)


Held = tuple[Balance, RunOut]


def held(
    store: Store, scope: Scope, entries: Sequence[Entry], now: datetime
) -> tuple[pd.Series[float], Held | None]:
    """Of a position only what its credit is reckoned from and comes to: `daily`, balance and run-out."""
    here = now.astimezone(store.zone)
    return _credit(store, scope, entries, store.sums(_view(HISTORY, here, store)), here, None)


def _credit(
    store: Store,
    scope: Scope,
    entries: Sequence[Entry],
    past: pd.DataFrame,
    here: datetime,
    parts: Parts | None,
) -> tuple[pd.Series[float], Held | None]:
    if scope.by_task:
        past = store.sums(_view(HISTORY, here, store), tasks=True)
    chosen = scope.chosen(past)
    daily = _daily(chosen, here)
    spent = _spent(store, scope, entries, chosen, here, parts or Parts())
    balance = credit.balance(entries, spent, here, store.zone)
    if balance is None:
        return daily, None
    tranches = [(lot.left_usd, lot.expires) for lot in balance.lots]
    return daily, (balance, forecast.run_out(daily, tranches, here, correction=balance.correction))


def _spent(
    store: Store,
    scope: Scope,
    entries: Sequence[Entry],
    chosen: pd.DataFrame,
    here: datetime,
    parts: Parts,
) -> SpentBetween:
    """What the credit's calls cost since the first entry, which may be older than the history."""
    begin = (here - HISTORY).date()
    first = min((entry.at.astimezone(store.zone).date() for entry in entries), default=begin)
    if first < begin:
        older = parts.sums(store, scope, filters.days(first, begin - timedelta(days=1), store.zone))
        columns = ["hour", *MEASURES]
        chosen = pd.concat([older[columns], chosen[columns]], ignore_index=True)
    return spending.spent_between(store, scope, chosen, here, parts)


def _daily(chosen: pd.DataFrame, here: datetime) -> pd.Series[float]:
    """What the credit's calls cost, from the first day on which one did."""
    costly = chosen["hour"][chosen["cost_usd"] > 0]
    first = costly.iloc[0].date() if len(costly) else here.date()
    return spending.daily(chosen, first, here.date())


def burndown(position: Position, entries: Sequence[Entry]) -> Burndown | None:
    """The balance of past days and of those to come; None without credit.

    The past begins with the first entry, or with the first day of `Position.daily` if that is later. Within
    a day its cost is taken to be spent evenly. Both parts hold today, at what there is now.
    """
    balance, zone = position.balance, cast(ZoneInfo, position.at.tzinfo)
    if balance is None:
        return None
    first = min(entry.at.astimezone(UTC) for entry in entries).astimezone(zone).date()
    begin = max(first, (position.at - HISTORY).date())
    days = pd.date_range(begin, position.at.date(), freq="D")
    ends = [filters.midnight(day.date() + timedelta(days=1), zone) for day in days[:-1]]
    known = [entry for entry in entries if entry.at.astimezone(UTC) <= position.at]
    left = credit.history(known, spending.spread(position.daily, position.at), [*ends, position.at], zone)
    past = pd.Series(_anchored(left, [*ends, position.at], balance), index=days)
    tranches = [(lot.left_usd, lot.expires) for lot in balance.lots]
    ahead = forecast.ahead(position.daily, tranches, position.at, correction=balance.correction)
    return Burndown(past, ahead)


def _anchored(left: list[float], moments: list[datetime], balance: Balance) -> list[float]:
    """Since the last reading moved so that it ends at what is left: days are exact, their hours are not."""
    off = balance.left_usd - left[-1]
    return [usd + off if at >= balance.since else usd for usd, at in zip(left, moments, strict=True)]


def _odd(store: Store, rules: Rules, past: pd.DataFrame, here: datetime) -> list[Condition]:
    day = filters.last("24h", here, store.zone)
    rows = store.rows(replace(day), columns=watches.ROWS)
    return watches.conditions(rules.watches, past, rows, here)
