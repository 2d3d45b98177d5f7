"""What a person is sent: plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from .alerts import SEVERITIES, Alert, plain

SUBJECTS = {"budget": "budget", "watch": "runaway", "credit": "credit"}
"""What a rule is about, by how its name begins."""


_LISTED = 20
"""So many of a bundle are told with their sentences."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `short` is all of it where little fits, as in an SMS."""

    title: str
    body: str
    short: str
    severity: str = "info"


def message_of(alert: Alert, machine: str, zone: ZoneInfo) -> Message:
    """The message that tells of an alert. machine: whose log it is about."""
    condition = alert.condition
    subject = SUBJECTS.get(condition.rule.partition(":")[0], "alert")
    title = f"callmeter: {condition.severity}, {subject}"
    noticed = f"Noticed on {plain(machine, 80)} at {alert.raised.astimezone(zone):%Y-%m-%d %H:%M}."
    body = f"{condition.sentence}\n\n{noticed}"
    return Message(title, body, f"callmeter: {condition.sentence}", condition.severity)


def bundle(alerts: Sequence[Alert], machine: str) -> Message:
    """One message that tells of several alerts, the most severe first; of very many it gives the number."""
    number = Counter(alert.condition.severity for alert in alerts)
    kinds = ", ".join(f"{number[kind]} {kind}" for kind in reversed(SEVERITIES) if number[kind])
    rest = len(alerts) - _LISTED
    more = [f"… and {rest} more."] if rest > 0 else []
    told = [f"- {alert.condition.severity}: {alert.condition.sentence}" for alert in alerts[:_LISTED]]
    end = f"Noticed on {plain(machine, 80)}; callmeter alerts shows them all."
    return Message(
        title=f"callmeter: {len(alerts)} more alerts",
        body="\n".join([f"{len(alerts)} more alerts: {kinds}.", "", *told, *more, "", end]),
        short=f"callmeter: {len(alerts)} more alerts: {kinds}.",
        severity=max((alert.condition.severity for alert in alerts), key=SEVERITIES.index),
    )


def trial(machine: str) -> Message:
    """A message that tells of nothing but that it arrives."""
    said = f"This is a test from {plain(machine, 80)}: alerts of callmeter arrive here."
    return Message("callmeter: test", said, f"callmeter: {said}")
