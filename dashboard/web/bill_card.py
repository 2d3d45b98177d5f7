"""The verdict: is the bill right? One sentence, three numbers, and how fresh they are. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html

from .. import numbers
from ..billing.reconcile import Reconciliation
from ..charts.billed import signed
from .bill_facts import Facts
from .mark import mark

TITLE = "Is the bill right?"
NOT_SYNCED = "What Anthropic billed is not here yet."
FIRST = "callmeter sync"
KEY = (
    "It needs an Admin API key, which the Console makes under Settings, Admin keys: put it into a file .env "
    "beside callmeter.toml as ANTHROPIC_ADMIN_API_KEY. Until then this page shows what was logged."
)
ALL_SHOWN = "The bill knows models, but no projects, tasks or workers: here all calls are compared."
_REMARKS = 4


def render(facts: Facts, now: datetime) -> list[Any]:
    """The card's content."""
    if not facts.synced:
        return _not_synced(facts, now)
    return [
        html.Div([_said(facts), _mark(facts)], className="verdict-row"),
        figures(facts),
        html.P(freshness(facts, now), className="quiet wraps"),
        *_failed(facts, now),
        *_remarks(facts),
    ]


def _not_synced(facts: Facts, now: datetime) -> list[Any]:
    return [
        html.P(NOT_SYNCED, className="verdict uncompared"),
        figures(facts),
        *_failed(facts, now),
        html.Pre(html.Code(FIRST), tabIndex=0, className="begin"),
        html.P(KEY, className="advice"),
    ]


def _said(facts: Facts) -> Any:
    """The verdict, marked where there is nothing to compare: the panels of differences give way then."""
    compared = facts.found is not None and facts.found.compared
    return html.P(_verdict(facts), className="verdict" if compared else "verdict uncompared")


def _verdict(facts: Facts) -> str:
    """The verdict; without a day to compare, where there are such days."""
    if facts.found and facts.found.compared:
        return facts.found.verdict
    if facts.up_to is None or facts.since <= facts.up_to:
        return f"Of {days(facts)} no whole day of the bill is here: callmeter sync reads it."
    return f"The bill of {days(facts)} is not whole yet. A longer range compares the days before."


def _mark(facts: Facts) -> Any:
    found = facts.found
    if found is None or not found.compared:
        return mark("unknown", "not compared")
    return mark("ok", "within tolerance") if found.within else mark("warning", "look closer")


def figures(facts: Facts) -> Any:
    """Logged, billed, and the difference."""
    found = facts.found
    if found is None or not found.compared:
        logged = ("≥ " if facts.lower_bound else "") + numbers.usd(facts.logged_usd)
        return _figures([("Logged", logged, days(facts)), _so_far(facts)])
    compared = f"{numbers.plural(len(found.compared), 'day')} compared"
    return _figures(
        [
            ("Logged", numbers.usd(found.logged_usd), compared),
            ("Billed", numbers.usd(found.billed_usd), _list(found)),
            ("Difference", signed(found.billed_usd - found.logged_usd), _share(found)),
        ]
    )


def _so_far(facts: Facts) -> tuple[str, str, str]:
    """What is known of the bill of days that are not over."""
    known = facts.days.costs["billed"].dropna()
    if known.empty:
        return "Billed", numbers.UNKNOWN, "not known"
    return "Billed", f"≥ {numbers.usd(float(known.sum()))}", "so far"


def _list(found: Reconciliation) -> str:
    off = (found.list_usd or found.billed_usd) - found.billed_usd
    return f"after {numbers.usd(off)} discount" if off >= 0.005 else "by Anthropic"


def _share(found: Reconciliation) -> str:
    apart = abs(found.billed_usd - found.logged_usd)
    if apart < 0.005:
        return "to the cent"
    return f"{numbers.share(apart, found.billed_usd)} of the bill" if found.billed_usd else "nothing billed"


def _figures(shown: Sequence[tuple[str, str, str]]) -> Any:
    """Names with their numbers and a note each."""
    items = [
        html.Div(
            [html.Dt(name), html.Dd(value, className="big"), html.Dd(note, className="quiet")],
            className="figure",
        )
        for name, value, note in shown
    ]
    return html.Dl(items, className="figures")


def days(facts: Facts) -> str:
    """`16–22 November`, in UTC days."""
    first, last = facts.since, facts.until
    if first == last:
        return f"{first.day} {first:%B}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last.day} {last:%B}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{first.day} {first:%B}{year} – {last.day} {last:%B}" + (f" {last.year}" if year else "")


def freshness(facts: Facts, now: datetime) -> str:
    """When Anthropic's numbers were read, and up to which day they are whole."""
    if facts.read_at is None:
        return ""
    said = f"Anthropic's numbers were read {numbers.ago(facts.read_at, now)}"
    if facts.up_to is None:
        return said + "; no day was over then."
    return f"{said} and are whole up to {facts.up_to.day} {facts.up_to:%B}. Days are UTC days."


def _failed(facts: Facts, now: datetime) -> list[Any]:
    """That the last sync did not work, and why."""
    last = facts.failed
    if last is None:
        return []
    said = f"The last sync, {numbers.ago(last.started, now)}, failed: {last.error}"
    return [html.P(said, className="amiss")]


def _remarks(facts: Facts) -> list[Any]:
    found = facts.found
    said = [*([ALL_SHOWN] if facts.whole else []), *(found.remarks if found else ()), *facts.remarks]
    if not said:
        return []
    shown = [html.Li(one) for one in said[:_REMARKS]]
    more = [html.Li(f"And {len(said) - _REMARKS} more: callmeter reconcile tells all.")]
    return [html.Ul([*shown, *(more if len(said) > _REMARKS else [])], className="remarks advice")]
