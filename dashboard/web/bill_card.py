"""The verdict: is the bill right? One sentence, three numbers, and how fresh they are. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
from dash import html

from .. import numbers
from ..billing.reconcile import Reconciliation
from ..charts.billed import NOTHING, signed
from ..sheets.text import printable
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
        html.Div([_said(facts, now), *_mark(facts)], className="verdict-row"),
        *([] if _is_nothing(facts) else [figures(facts)]),
        html.P(freshness(facts, now), className="quiet wraps"),
        *_failed(facts, now),
        *_remarks(facts),
    ]


def _not_synced(facts: Facts, now: datetime) -> list[Any]:
    return [
        html.P(NOT_SYNCED, className="verdict uncompared unsynced"),
        figures(facts),
        *_failed(facts, now),
        html.Pre(html.Code(FIRST), tabIndex=0, className="begin"),
        html.P(KEY, className="advice"),
    ]


def _said(facts: Facts, now: datetime) -> Any:
    """The verdict, marked where there is no difference to tell: the panels of differences give way then."""
    kind = "verdict"
    if _is_nothing(facts):
        kind = "verdict nothing"
    elif facts.found is None or not facts.found.compared:
        kind = "verdict uncompared"
    elif not facts.found.findings:
        kind = "verdict even"
    return html.P(printable(_verdict(facts, now)), className=kind)


def _is_nothing(facts: Facts) -> bool:
    """Whether models were chosen of which there is neither a call nor a bill."""
    found = facts.found
    if not facts.models or found is None or not found.compared or facts.answers["models"].sheets[0].rows:
        return False
    return not (found.findings or found.logged_usd or found.billed_usd)


def _verdict(facts: Facts, now: datetime) -> str:
    """The verdict; without a day to compare, where there are such days."""
    if _is_nothing(facts):
        return f"No call and no bill of {', '.join(sorted(facts.models))} in these days."
    if facts.found and facts.found.compared:
        return facts.found.verdict
    today = now.astimezone(UTC).date()
    if facts.since >= today:
        return f"The bill of {days(facts)} is not whole yet. A longer range compares the days before."
    last = min(facts.until, today - timedelta(days=1))
    if _is_read(facts, last):
        return f"Of {days(facts)} no whole day of the bill can be compared."
    past = f"{_span(facts.since, last)} {'was' if last == facts.since else 'were'} not read to the end"
    if facts.until < today:
        return f"{past}: callmeter sync reads it."
    return f"{_span(today, facts.until)} is not over yet, and {past}: callmeter sync reads it."


def _is_read(facts: Facts, last: date) -> bool:
    """Whether any day up to `last` was read to its end; something else keeps it from being compared."""
    billed = facts.days.costs["billed"].dropna()
    return any(day not in facts.days.young for day in billed.index if day <= pd.Timestamp(last))


def _mark(facts: Facts) -> list[Any]:
    """How good it is; nothing where there was nothing."""
    found = facts.found
    if _is_nothing(facts):
        return []
    if found is None or not found.compared:
        return [mark("unknown", "not compared")]
    if found.within is None:
        whole = not found.unread and not found.not_over
        return [mark("unknown", "cannot be told" if whole else "not all compared")]
    return [mark("ok", "within tolerance") if found.within else mark("warning", "look closer")]


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
    usd = float(known.sum())
    return "Billed", f"≥ {numbers.usd(usd)}" if usd else numbers.UNKNOWN, "so far" if usd else "nothing yet"


def _list(found: Reconciliation) -> str:
    off = (found.list_usd or found.billed_usd) - found.billed_usd
    return f"after {numbers.usd(off)} discount" if off >= 0.005 else "by Anthropic"


def _share(found: Reconciliation) -> str:
    apart = abs(found.billed_usd - found.logged_usd)
    if apart < NOTHING:
        return "none at all"
    if found.billed_usd <= 0:
        return "nothing billed"
    return f"{numbers.share(apart, found.billed_usd)} of the bill"


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
    return _span(facts.since, facts.until)


def _span(first: date, last: date) -> str:
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
    every = [*([ALL_SHOWN] if facts.whole else []), *(found.remarks if found else ()), *facts.remarks]
    said = [one for one in every if not one.endswith(facts.problems)]  # those stand over the view
    if not said:
        return []
    shown = [html.Li(printable(one)) for one in said[:_REMARKS]]
    more = [html.Li(f"And {len(said) - _REMARKS} more: callmeter reconcile tells all.")]
    return [html.Ul([*shown, *(more if len(said) > _REMARKS else [])], className="remarks advice")]
