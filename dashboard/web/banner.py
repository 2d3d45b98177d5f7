"""The banner: what is open now, on every view. The server tells; the browser shows (assets/banner.js), and
remembers which were put away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html

from ..errors import CallmeterError
from ..money.alerts import Alert
from ..money.desk import Desk
from . import ids

MOST = 50
"""Alerts told to a page; the worst come first."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What open pages are to hear of at once: the open alerts, and what else moves the money view."""

    alerts: tuple[Alert, ...] = ()
    basis: object = None


def look(desk: Desk) -> Seen:
    """What is so now; no alerts while they cannot be read, which the money view says."""
    rules = desk.rules()
    try:
        return Seen(desk.alerts.open(), (rules, desk.problems, desk.ledger.entries()))
    except CallmeterError:
        return Seen(basis=(rules, desk.problems))


def told(alerts: Sequence[Alert]) -> list[dict[str, str]]:
    """What the page is told of the open alerts, in their order: the worst first."""
    return [
        {"id": alert.id, "severity": alert.condition.severity, "sentence": alert.condition.sentence}
        for alert in alerts[:MOST]
    ]


def memory(alerts: Sequence[Alert]) -> Any:
    """Where the page keeps what it was told, and what it knows from the start."""
    return dcc.Store(id=ids.ALERTS, data=told(alerts))


def component() -> Any:
    """The banner, closed; the browser opens it. What appears in it is read out when there is time."""
    label: dict[str, Any] = {"aria-label": "Put this alert away"}
    link = dcc.Link(id=ids.BANNER_LINK, href="?view=money", refresh=False, className="banner-link")
    close = html.Button("✕", id=ids.BANNER_CLOSE, type="button", className="banner-close", **label)
    row = html.Div([html.Div(link, role="status", className="banner-said"), close], className="banner-row")
    return html.Div(html.Div(row, className="banner-fold"), id=ids.BANNER, className="banner")
