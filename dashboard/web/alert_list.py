"""The alerts on the money view: what is so now and what was. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html

from ..money.alerts import Alert
from ..money.open_alerts import OpenAlerts
from .balance import when
from .mark import mark

SHOWN = 20
"""How many of the past are listed; `callmeter alerts` lists them all."""

FIRST = 5
"""So many of a list stand there before the reader asks for all; money.css counts to it too."""

UNKNOWN = "The alerts cannot be told; what is wrong is said above."


def render(opened: OpenAlerts, past: Sequence[Alert], now: datetime) -> list[Any]:
    """Open ones first, then those that ended, newest first. now: in the zone of the page."""
    if opened.problem:
        return [html.P(UNKNOWN, className="advice")]
    ended = [alert for alert in past if alert.cleared is not None][:SHOWN]
    if not opened.alerts and not ended:
        return [html.P("Nothing to be told of, now or before.", className="advice")]
    current = _list(opened.alerts, now, "alerts", "open, the worst first") if opened.alerts else [_calm()]
    before = [html.H3("Before"), *_list(ended, now, "alerts over", "that ended last")] if ended else []
    return [*current, *before]


def more() -> Any:
    """What shows all of the lists. It stands in the frame, so that a refresh does not close it."""
    words = [html.Span("Show all", className="more"), html.Span("Show fewer", className="fewer")]
    return html.Details(html.Summary(words), className="rest")


def _list(alerts: Sequence[Alert], now: datetime, name: str, words: str) -> list[Any]:
    """A list; how long it is, when it is longer than what is shown of it at first."""
    items = html.Ul([_item(alert, now) for alert in alerts], className=name)
    if len(alerts) <= FIRST:
        return [items]
    return [html.P(f"{len(alerts)} {words}", className="quiet many"), items]


def _calm() -> Any:
    return html.P("Nothing to be told of now.", className="advice")


def _item(alert: Alert, now: datetime) -> Any:
    grade = alert.condition.severity
    times = html.Span(_times(alert, now), className="quiet")
    head = html.Div([mark(grade, grade), times], className="alert-head")
    return html.Li([head, html.P(alert.condition.sentence)])


def _times(alert: Alert, now: datetime) -> str:
    """`since Sun 22 Nov, 14:35`, or from and to."""
    since = when(alert.raised.astimezone(now.tzinfo))
    if alert.cleared is None:
        return f"since {since}"
    cleared = alert.cleared.astimezone(now.tzinfo)
    same = cleared.date() == alert.raised.astimezone(now.tzinfo).date()
    return f"{since} – {cleared:%H:%M}" if same else f"{since} – {when(cleared)}"
