"""From what the store and the desk know to the answers of the REST addresses. Nothing is reckoned here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import pandas as pd

from .. import filters, metrics, numbers, report
from ..filters import Filter
from ..metrics import Totals
from ..money.alerts import Alert
from ..money.budgets import Standing
from ..money.forecast import HORIZON_DAYS, Pace, RunOut
from ..money.ledger import Reading
from ..money.position import Position
from ..store.base import Health, Store
from .usage_models import (
    AlertAnswer,
    BalanceAnswer,
    BudgetAnswer,
    BurnRate,
    HealthAnswer,
    RunOutAnswer,
    Spending,
    Spent,
    Usage,
)

RANGES = {"today": "today", "7d": "last_7_days", "30d": "last_30_days"}
"""Name of a range -> field of an answer."""

_CENTS = 6


def usage(position: Position, alerts: Iterable[Alert], problems: Iterable[str]) -> Usage:
    """The whole position."""
    balance, run_out = position.balance, position.run_out
    days, at_least = days_remaining(position)
    return Usage(
        at=position.at,
        remaining_budget=None if balance is None else round(balance.left_usd, _CENTS),
        at_most=bool(balance and balance.uncertain),
        days_remaining=days,
        days_remaining_is_at_least=at_least,
        health=position.status,
        why=position.why,
        run_out=None if run_out is None else _run_out(run_out),
        burn_rate=_burn_rate(position.pace),
        budgets=[_budget(standing) for standing in position.standings],
        spent=Spending(**{RANGES[name]: spent(found) for name, found in position.spent.items()}),
        alerts=[alert(one, position.at.tzinfo) for one in alerts],
        problems=list(problems),
    )


def incomplete(found: Health) -> tuple[str, ...]:
    """Why numbers may be too small at the moment, if they may."""
    if found.folder_problem:
        return (found.folder_problem,)
    if not found.loading:
        return ()
    read = f"{numbers.count(found.days_loaded)} of {numbers.plural(found.days_total, 'day')}"
    return (f"Older days are still being read: {read}; the numbers are not complete yet.",)


def days_remaining(position: Position) -> tuple[float | None, bool]:
    """(days until the likely end, whether it is at least so many)"""
    balance, run_out = position.balance, position.run_out
    if balance is None or run_out is None:
        return None, False
    if balance.left_usd <= 0:
        return 0.0, False
    if run_out.days_left is not None:
        return round(run_out.days_left, 2), False
    return (float(HORIZON_DAYS), True) if run_out.enough else (None, False)


def _run_out(found: RunOut) -> RunOutAnswer:
    return RunOutAnswer(
        sentence=found.sentence,
        likely=found.likely,
        earliest=found.earliest,
        latest=found.latest,
        expires_unused_usd=round(found.expires_unused_usd, _CENTS),
    )


def _burn_rate(pace: Pace) -> BurnRate:
    return BurnRate(
        usd_per_day=_rounded(pace.usd_per_day),
        days_of_history=pace.days,
        today_usd=round(pace.today_usd, _CENTS),
        month_usd=_rounded(pace.month_usd),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _CENTS)


def _budget(standing: Standing) -> BudgetAnswer:
    budget = standing.budget
    return BudgetAnswer(
        name=budget.name,
        period=budget.period,
        measure=budget.measure,
        scope=budget.scope.words,
        limit=budget.limit,
        current=round(standing.current, _CENTS),
        is_lower_bound=standing.lower_bound,
        share=round(standing.share, _CENTS),
        status=standing.status,
        projected=_rounded(standing.projected),
        since=standing.since,
        until=standing.until,
    )


def spent(totals: Totals) -> Spent:
    """A range in short."""
    return Spent(
        calls=totals.calls,
        failed=totals.failed,
        tokens_total=totals.tokens_total,
        estimated_cost_usd=report.known_cost(totals),
        unpriced_calls=totals.unpriced,
        cost_is_lower_bound=bool(totals.unpriced or totals.not_final),
        tokens_are_lower_bound=bool(totals.not_final),
        calls_are_lower_bound=bool(totals.of_runs),
    )


def alert(found: Alert, zone: tzinfo | None) -> AlertAnswer:
    """One alert, its time in a zone."""
    condition = found.condition
    return AlertAnswer(
        id=found.id,
        rule=condition.rule,
        severity=condition.severity,
        sentence=condition.sentence,
        raised=found.raised.astimezone(zone),
    )


def reading(entry: Reading, position: Position) -> BalanceAnswer:
    """The balance after a reading of it."""
    balance = position.balance
    drifts = balance.drifts if balance else ()
    drift = next((one for one in drifts if one.reading.id == entry.id), None)
    left = entry.balance_usd if balance is None else balance.left_usd
    return BalanceAnswer(
        id=entry.id,
        at=entry.at.astimezone(position.at.tzinfo),
        remaining_budget=round(left, _CENTS),
        expected_usd=_rounded(drift.expected_usd) if drift else None,
        drift_usd=_rounded(drift.usd) if drift else None,
        days_remaining=days_remaining(position)[0],
        health=position.status,
        sentence=_drift_words(drift.expected_usd, drift.usd) if drift else _FIRST,
    )


_FIRST = "This is the first that is known of the credit."


def _drift_words(expected: float | None, drift: float | None) -> str:
    if expected is None or drift is None:
        return _FIRST
    if abs(drift) < 0.005:
        return f"By our count it was {numbers.usd(expected)} too."
    direction = "more was spent than was logged" if drift > 0 else "less was spent than was logged"
    return f"By our count it was {numbers.usd(expected)}: {numbers.usd(abs(drift))} {direction}."


def summary(store: Store, now: datetime) -> dict[str, Any]:
    """Today, 7 and 30 days in full, as `callmeter report --json` has them."""
    here = now.astimezone(store.zone)
    longest = filters.last("30d", here, store.zone)
    sums = store.sums(longest)
    views = {"today": filters.days(here.date(), here.date(), store.zone), "30d": longest}
    views["7d"] = filters.last("7d", here, store.zone)
    found = {field: _range(_within(sums, views[name]), views[name]) for name, field in RANGES.items()}
    return {"timezone": str(store.zone), **found}


def _within(sums: pd.DataFrame, view: Filter) -> pd.DataFrame:
    return sums[(sums["hour"] >= view.since).to_numpy()]


def _range(sums: pd.DataFrame, view: Filter) -> dict[str, Any]:
    by_model = report.as_json(report.build(sums, view, "model"))
    by_project = report.as_json(report.build(sums, view, "project"))
    shown = {name: by_model[name] for name in ("since", "until", "totals", "completeness")}
    return {**shown, "models": by_model["groups"], "projects": by_project["groups"]}


def recent(store: Store, limit: int) -> dict[str, Any]:
    """The last calls, newest first; each once, without content."""
    view = _last_lines(store, limit)
    if view is None:
        return {"calls": []}
    rows = store.rows(view).tail(limit).iloc[::-1]
    return {"calls": list(report.details(rows))}


def _last_lines(store: Store, limit: int) -> Filter | None:
    """Days enough, back from the last one, to hold so many lines, or all of them; None without calls."""
    health = store.health()
    if health.first_day is None or health.last_day is None or health.last_call is None:
        return None
    first = date.fromisoformat(health.first_day) - timedelta(days=2)
    last = max(date.fromisoformat(health.last_day), health.last_call.date()) + timedelta(days=1)
    span = 2
    while True:
        since = max(first, last - timedelta(days=span))
        view = filters.days(since, last, store.zone)
        if since == first or int(store.sums(view)["lines"].sum()) >= limit:
            return view
        span *= 2


def health(found: Health, version: str, missing: bool, others: Sequence[str] = ()) -> HealthAnswer:
    """How the reading goes. missing: there is no log folder yet; others: what else is wrong, in sentences."""
    problems = [*([found.folder_problem] if found.folder_problem else []), *others]
    return HealthAnswer(
        status=_health_word(found, missing, bool(others)),
        version=version,
        days_loaded=found.days_loaded,
        days_total=found.days_total,
        lines=found.lines,
        bad_lines=found.bad_lines,
        last_call=found.last_call,
        problem=problems[0] if problems else None,
        problems=problems,
    )


def _health_word(found: Health, missing: bool, troubled: bool) -> str:
    if missing:
        return "waiting for the first call"
    if found.folder_problem is not None:
        return "cannot read the log folder"
    if found.loading:
        return "loading"
    return "trouble" if troubled else "ok"


def all_sums(store: Store) -> pd.DataFrame:
    """The hourly sums of the whole log."""
    zone = store.zone
    return store.sums(filters.days(date(1971, 1, 1), date(9000, 1, 1), zone))


def totals_by_model(sums: pd.DataFrame) -> dict[str, Totals]:
    """Totals by model, the dearest first."""
    return {str(name): found for name, found in metrics.group_totals(metrics.by(sums, "model")).items()}
