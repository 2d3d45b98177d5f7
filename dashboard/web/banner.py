"""The banner: what is open now, on every view. The server tells; the browser shows (assets/banner.js), and
remembers which were put away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dash import dcc, html

from ..errors import CallmeterError
from ..money.alerts import Alert
from ..money.desk import Desk
from ..money.open_alerts import OpenAlerts
from . import ids

MOST = 50
"""Alerts told to a page; the worst come first."""

PACE = 10.0
"""Seconds between two looks at the numbers of known alerts: their words shall not change with every cent."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What open pages are to hear of at once: the open alerts, and what else moves the money view."""

    alerts: tuple[Alert, ...] = ()
    basis: object = None


class Watcher:
    """Looks on behalf of all open pages. What is new or over is seen at once, other numbers at `PACE`.

    For several threads. timer: seconds that only grow.
    """

    def __init__(
        self, desk: Desk, clock: Callable[[], datetime], timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._desk, self._clock, self._timer = desk, clock, timer
        self._last: tuple[object, float, OpenAlerts] | None = None

    def look(self) -> Seen:
        """What is so now; no alerts while they cannot be read, which the money view says."""
        rules, opened = self._desk.rules(), self._open()
        return Seen(opened.alerts, (rules, self._desk.problems, opened.problem, self._entries()))

    def _open(self) -> OpenAlerts:
        try:
            known = tuple((alert.id, alert.raised) for alert in self._desk.alerts.open())
        except CallmeterError as error:
            return OpenAlerts(problem=str(error))
        now, last = self._timer(), self._last
        if last and last[0] == known and now - last[1] < PACE:
            return last[2]
        told = self._desk.open_alerts(self._clock())
        self._last = known, now, told
        return told

    def _entries(self) -> object:
        try:
            return self._desk.ledger.entries()
        except CallmeterError as error:
            return str(error)


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
    """The banner, closed; the browser opens it. An alert that appears in it is read out once, when there is
    time; its words may change after that without being read out anew.
    """
    label: dict[str, Any] = {"aria-label": "Put this alert away"}
    link = dcc.Link(id=ids.BANNER_LINK, href="?view=money", refresh=False, className="banner-link")
    close = html.Button("✕", id=ids.BANNER_CLOSE, type="button", className="banner-close", **label)
    row = html.Div([html.Div(link, className="banner-said"), close], className="banner-row")
    aloud = html.Div(id=ids.BANNER_ALOUD, role="status", className="aloud")
    return html.Div([html.Div(row, className="banner-fold"), aloud], id=ids.BANNER, className="banner")
