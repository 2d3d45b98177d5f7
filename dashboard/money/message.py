"""What a person is sent: plain text."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from .alerts import Alert, plain

SUBJECTS = {"budget": "budget", "watch": "runaway", "credit": "credit"}
"""What a rule is about, by how its name begins."""


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


def trial(machine: str) -> Message:
    """A message that tells of nothing but that it arrives."""
    said = f"This is a test from {plain(machine, 80)}: alerts of callmeter arrive here."
    return Message("callmeter: test", said, f"callmeter: {said}")
