"""The money view: balance, burn-down, budgets, what-if, what failures cost, alerts.

`layout` stands once; `parts` fills it, and only what changed is sent. Its frame keeps still, so that a
refresh takes nothing from the reader's hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
from dash import html

from .. import numbers
from ..charts import burndown
from ..charts.burndown import Course, Granted
from ..charts.picture import Table
from ..errors import CallmeterError
from ..money import position as positions
from ..money.alerts import Alert
from ..money.desk import Desk
from ..money.ledger import Entry, Grant, Reading
from ..money.open_alerts import OpenAlerts
from ..money.position import RANGES, Position
from ..money.watches import Lost
from . import alert_list, balance, budget_bars, ids, plot, what_if
from .tables import table

PARTS: tuple[tuple[str, str], ...] = (
    (ids.MONEY_TROUBLE, "children"),
    (ids.BALANCE, "children"),
    (ids.fresh(burndown.ID), "data"),
    (ids.sentence(burndown.ID), "children"),
    (ids.BUDGETS, "children"),
    (ids.PACE, "children"),
    (ids.WHAT_IF, "placeholder"),
    (ids.LOST, "children"),
    (ids.ALERT_LIST, "children"),
)
"""Component and property of everything the view fills."""

RETRIES = "Refused attempts are not billed; what one cost that broke off is not known."

_LAST = 500
"""Of so many alerts announced last those are listed that ended: open ones may be many."""

RANGE_WORDS = {"today": "Today", "7d": "7 days", "30d": "30 days"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the view shows."""

    position: Position
    course: Course | None = None
    opened: OpenAlerts = field(default_factory=OpenAlerts)
    past: tuple[Alert, ...] = ()
    problems: tuple[str, ...] = ()
    """What is wrong with callmeter.toml, the watching or the delivery of alerts, in sentences."""
    loading: bool = False
    """Whether older days are still being read."""


def gather(desk: Desk, now: datetime) -> Facts:
    """The facts at `now`. Raises FolderError when the ledger cannot be read."""
    position, opened = desk.position(now), desk.open_alerts(now)
    return Facts(
        position=position,
        course=_course(position, desk.ledger.entries()),
        opened=opened,
        past=() if opened.problem else desk.alerts.history(_LAST),
        problems=desk.problems,
        loading=desk.store.health().loading,
    )


def _course(position: Position, entries: Sequence[Entry]) -> Course | None:
    found, ends, zone = positions.burndown(position, entries), position.run_out, position.at.tzinfo
    if found is None:
        return None
    past = [entry for entry in entries if entry.at <= position.at]
    return Course(
        now=position.at,
        past=found.past,
        ahead=found.ahead.iloc[1:],  # the first row is today's, which the past tells
        readings=tuple((e.at.astimezone(zone), e.balance_usd) for e in past if isinstance(e, Reading)),
        grants=tuple(
            Granted(e.at.astimezone(zone), e.amount_usd, e.label) for e in past if isinstance(e, Grant)
        ),
        earliest=ends.earliest if ends else None,
        likely=ends.likely if ends else None,
        latest=ends.latest if ends else None,
    )


def parts(desk: Desk, now: datetime) -> list[Any]:
    """What `PARTS` show, in their order; a sentence and nothing else when something cannot be read."""
    try:
        return render(gather(desk, now))
    except CallmeterError as error:
        return [str(error), *[None] * (len(PARTS) - 1)]


def render(facts: Facts) -> list[Any]:
    """The parts of known facts."""
    position, picture = facts.position, burndown.draw(facts.course)
    return [
        _troubles(facts),
        balance.render(position),
        picture.figure,
        picture.sentence,
        budget_bars.render(position.standings, troubled=bool(facts.problems)),
        what_if.pace(position),
        what_if.placeholder(position),
        lost(position),
        alert_list.render(facts.opened, facts.past, position.at),
    ]


def _troubles(facts: Facts) -> list[Any] | None:
    said = list(dict.fromkeys([*facts.problems, *([facts.opened.problem] if facts.opened.problem else [])]))
    if facts.loading:
        said.append("Older days are still being read: these figures are not complete yet.")
    return [html.Div(one) for one in said] or None


def lost(position: Position) -> list[Any]:
    """What failures cost today, in 7 and in 30 days."""
    rows = [[RANGE_WORDS[name], *_lost_cells(position.lost[name])] for name in RANGES]
    return [
        html.P(_lost_words(position), className="ends"),
        table(["", "Failed calls", "Cost", "Retries"], rows),
        html.P(RETRIES, className="advice"),
    ]


def _lost_cells(of: Lost) -> list[str]:
    cost = ("≥ " if of.lower_bound else "") + numbers.usd(of.cost_usd)
    known = of.failed > of.unpriced or not of.failed
    return [numbers.count(of.failed), cost if known else "not known", numbers.count(of.retries)]


def _lost_words(position: Position) -> str:
    """What was lost in 30 days, of what was spent."""
    of, spent = position.lost["30d"], position.spent["30d"].cost_usd
    if not of.failed:
        return "No call failed in 30 days."
    cost = _lost_cells(of)[1]
    share = f", {numbers.share(of.cost_usd, spent)} of what was spent" if of.cost_usd and spent else ""
    return f"{numbers.plural(of.failed, 'failed call')} in 30 days cost {cost}{share}."


def suppose(desk: Desk, now: datetime, usd_per_day: Any) -> str:
    """Until when the credit lasts at another pace; why that is not known when the ledger cannot be read."""
    try:
        return what_if.said(desk.position(now), usd_per_day)
    except CallmeterError as error:
        return str(error)


def course_table(desk: Desk, now: datetime) -> Table:
    """The burn-down in words and numbers; empty when the ledger cannot be read, which the view says."""
    try:
        return burndown.table(_course(desk.position(now), desk.ledger.entries()))
    except CallmeterError:
        return burndown.table(None)


def layout() -> list[Any]:
    """The view's frame."""
    said = html.P(what_if.ASK, id=ids.WHAT_IF_SAID, className="ends", role="status")
    return [
        html.P(id=ids.MONEY_TROUBLE, className="trouble", role="alert"),
        html.Div(
            [
                _panel("Balance", "money-balance", html.Div(id=ids.BALANCE, className="card-body")),
                plot.picture(burndown.ID, burndown.TITLE),
                html.Div(
                    [
                        _panel("Budgets", "money-budgets", html.Div(id=ids.BUDGETS)),
                        _panel("Lost to failed calls", "money-lost", html.Div(id=ids.LOST)),
                    ],
                    className="column broad",
                ),
                html.Div(
                    [
                        _panel("Alerts", "money-alerts", html.Div(id=ids.ALERT_LIST), alert_list.more()),
                        _panel("If this goes on", "money-pace", html.Div(id=ids.PACE), _ask(), said),
                    ],
                    className="column narrow",
                ),
            ],
            className="pictures",
        ),
    ]


def _ask() -> Any:
    return dmc.NumberInput(
        id=ids.WHAT_IF,
        label="What if a day costs",
        prefix="$",
        min=0,
        max=1_000_000,
        step=1,
        decimalScale=2,
        debounce=300,
        size="sm",
        className="what-if",
    )


def _panel(title: str, name: str, *content: Any) -> Any:
    return html.Section(
        [html.Div(html.H2(title), className="card-head"), *content], className=f"panel {name}"
    )
