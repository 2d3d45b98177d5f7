"""From what the store and the desk know to the answers of the REST addresses. Nothing is reckoned here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import pandas as pd

from .. import filters, metrics, report
from ..filters import Filter
from ..metrics import Totals
from ..money.alerts import Alert
from ..money.budgets import Standing
from ..money.drift_words import drift_words
from ..money.forecast import HORIZON_DAYS, Pace, RunOut
from ..money.ledger import Reading
from ..money.position import Position
from ..store.base import Health, Store
from .usage_gaps import NONE, Gaps, being_read
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


def usage(position: Position, alerts: Iterable[Alert], problems: Iterable[str], gaps: Gaps = NONE) -> Usage:
    """The whole position; while days are still read without its estimates."""
    balance, ranges = position.balance, position.spent.items()
    run_out = None if gaps.loading else position.run_out
    days, at_least = _days(position, gaps)
    health, why = _health(position, gaps)
    return Usage(
        at=position.at,
        complete=gaps.complete,
        remaining_budget=None if balance is None else round(balance.left_usd, _CENTS),
        at_most=_at_most(position, gaps),
        days_remaining=days,
        days_remaining_is_at_least=at_least,
        health=health,
        why=why,
        run_out=None if run_out is None else _run_out(run_out),
        burn_rate=_burn_rate(position.pace, gaps),
        budgets=[_budget(standing, gaps) for standing in position.standings],
        spent=Spending(**{RANGES[name]: spent(found, gaps) for name, found in ranges}),
        alerts=[alert(one, position.at.tzinfo) for one in alerts],
        problems=list(dict.fromkeys((*gaps.reasons, *problems))),
    )


def _at_most(position: Position, gaps: Gaps) -> bool:
    return position.balance is not None and bool(position.balance.uncertain or not gaps.complete)


def _health(position: Position, gaps: Gaps) -> tuple[str, str]:
    return ("unknown", " ".join(gaps.reasons)) if gaps.loading else (position.status, position.why)


def _days(position: Position, gaps: Gaps) -> tuple[float | None, bool]:
    return (None, False) if gaps.loading else days_remaining(position)


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
        expires_later_usd=round(found.expires_later_usd, _CENTS),
    )


def _burn_rate(pace: Pace, gaps: Gaps) -> BurnRate:
    return BurnRate(
        usd_per_day=_estimate(pace.usd_per_day, gaps),
        days_of_history=pace.days,
        today_usd=round(pace.today_usd, _CENTS),
        month_usd=_estimate(pace.month_usd, gaps),
    )


def _estimate(value: float | None, gaps: Gaps) -> float | None:
    return None if gaps.loading else _rounded(value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _CENTS)


def _budget(standing: Standing, gaps: Gaps) -> BudgetAnswer:
    budget = standing.budget
    return BudgetAnswer(
        name=budget.name,
        period=budget.period,
        measure=budget.measure,
        scope=budget.scope.words,
        limit=budget.limit,
        current=round(standing.current, _CENTS),
        is_lower_bound=standing.lower_bound or not gaps.complete,
        share=round(standing.share, _CENTS),
        status=standing.status,
        projected=_estimate(standing.projected, gaps),
        since=standing.since,
        until=standing.until,
    )


def spent(totals: Totals, gaps: Gaps = NONE) -> Spent:
    """A range in short."""
    lacking = not gaps.complete
    return Spent(
        calls=totals.calls,
        failed=totals.failed,
        tokens_total=totals.tokens_total,
        estimated_cost_usd=report.known_cost(totals),
        unpriced_calls=totals.unpriced,
        cost_is_lower_bound=lacking or bool(totals.unpriced or totals.not_final),
        tokens_are_lower_bound=lacking or bool(totals.not_final),
        calls_are_lower_bound=lacking or bool(totals.of_runs),
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


def reading(entry: Reading, position: Position, gaps: Gaps = NONE) -> BalanceAnswer:
    """The balance after a reading of it. While days are still read its drift is not known."""
    balance = position.balance
    drifts = balance.drifts if balance and not gaps.loading else ()
    drift = next((one for one in drifts if one.reading.id == entry.id), None)
    left = entry.balance_usd if balance is None else balance.left_usd
    said = f"{drift_words(drift)}." if drift else "The reading is noted."
    return BalanceAnswer(
        id=entry.id,
        at=entry.at.astimezone(position.at.tzinfo),
        complete=gaps.complete,
        remaining_budget=round(left, _CENTS),
        at_most=bool(balance and balance.uncertain),
        expected_usd=_rounded(drift.expected_usd) if drift else None,
        drift_usd=_rounded(drift.usd) if drift else None,
        days_remaining=_days(position, gaps)[0],
        health=_health(position, gaps)[0],
        sentence=" ".join((said, *(() if gaps.complete else gaps.reasons))),
    )


def summary(store: Store, now: datetime, gaps: Gaps = NONE) -> dict[str, Any]:
    """Today, 7 and 30 days in full, as `callmeter report --json` has them."""
    here = now.astimezone(store.zone)
    longest = filters.last("30d", here, store.zone)
    sums = store.sums(longest)
    views = {"today": filters.days(here.date(), here.date(), store.zone), "30d": longest}
    views["7d"] = filters.last("7d", here, store.zone)
    found = {field: _range(_within(sums, views[name]), views[name]) for name, field in RANGES.items()}
    lacking = {"complete": gaps.complete, "problems": list(gaps.reasons)}
    return {"timezone": str(store.zone), **lacking, **found}


def _within(sums: pd.DataFrame, view: Filter) -> pd.DataFrame:
    return sums[(sums["hour"] >= view.since).to_numpy()]


def _range(sums: pd.DataFrame, view: Filter) -> dict[str, Any]:
    by_model = report.as_json(report.build(sums, view, "model"))
    by_project = report.as_json(report.build(sums, view, "project"))
    shown = {name: by_model[name] for name in ("since", "until", "totals", "completeness")}
    return {**shown, "models": by_model["groups"], "projects": by_project["groups"]}


def recent(store: Store, limit: int, gaps: Gaps = NONE) -> dict[str, Any]:
    """The last calls, newest first; each once, without content."""
    view = _last_lines(store, limit)
    if view is None:
        return {"complete": gaps.complete, "calls": []}
    rows = store.rows(view).tail(limit).iloc[::-1]
    return {"complete": gaps.complete, "calls": list(report.details(rows))}


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
    if being_read(found):
        return "loading"
    return "trouble" if troubled else "ok"


def all_sums(store: Store) -> pd.DataFrame:
    """The hourly sums of the whole log."""
    zone = store.zone
    return store.sums(filters.days(date(1971, 1, 1), date(9000, 1, 1), zone))


def totals_by_model(sums: pd.DataFrame) -> dict[str, Totals]:
    """Totals by model, the dearest first."""
    return {str(name): found for name, found in metrics.group_totals(metrics.by(sums, "model")).items()}
