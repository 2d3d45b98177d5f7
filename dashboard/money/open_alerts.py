"""The open alerts as things are now: raised when they were, with the sentences of the present conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from . import alerts
from .alerts import Alert, Condition


@dataclass(frozen=True, slots=True)
class OpenAlerts:
    """What is open, the worst and newest first. `problem`: why it cannot be told, in a sentence."""

    alerts: tuple[Alert, ...] = ()
    problem: str | None = None


def as_now(opened: Sequence[Alert], conditions: Iterable[Condition]) -> tuple[Alert, ...]:
    """Each alert with the present condition of its id; one that has none keeps what it was raised with."""
    safe = map(alerts.harmless, conditions)
    present = {condition.id: condition for condition in safe}
    found = [replace(alert, condition=present.get(alert.id, alert.condition)) for alert in opened]
    return alerts.worst(found)
