"""The alerts on the money view: what is so now and what was. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html

from ..money.alerts import Alert
from .balance import when
from .mark import mark

SHOWN = 20
"""How many of the past are listed; `callmeter alerts` lists them all."""


def render(opened: Sequence[Alert], past: Sequence[Alert], now: datetime) -> list[Any]:
    """Open ones first, then those that ended, newest first. now: in the zone of the page."""
    ended = [alert for alert in past if alert.cleared is not None][:SHOWN]
    if not opened and not ended:
        return [html.P("Nothing to be told of, now or before.", className="advice")]
    current: Any = _list(opened, now, "alerts") if opened else _calm()
    return [current, html.H3("Before"), _list(ended, now, "alerts over")] if ended else [current]


def _list(alerts: Sequence[Alert], now: datetime, name: str) -> Any:
    return html.Ul([_item(alert, now) for alert in alerts], className=name)


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
