"""Alerts: from what is so now (conditions) to what is new and what has ended. Pure.

Each crossing is announced once per period and level. When several levels are crossed at once only the
highest is announced; the lower ones are noted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is so now and that a person should know."""

    rule: str
    """What noticed it: `budget:Daily spending`, `watch:session:1f2e…`, `credit:balance`, `credit:left`."""
    period: str
    """What it is announced once for: `2026-11-22`, `2026-W47`, `2026-11-22T14`; "": as long as it is so."""
    level: int
    """How far, comparable within a rule: percent of a budget, or how bad a status is."""
    severity: str
    """One of `SEVERITIES`."""
    sentence: str
    """What is so, with its numbers, for a person; safe to show (names from logs are in it)."""

    @property
    def id(self) -> str:
        """The same for as long as it is the same crossing."""
        return f"{self.rule}|{self.period}|{self.level}"


@dataclass(frozen=True, slots=True)
class Alert:
    """A crossing that was noticed. `cleared`: when it had ended; `announced` False: a lower level of one."""

    condition: Condition
    raised: datetime
    announced: bool = True
    cleared: datetime | None = None

    @property
    def id(self) -> str:
        """Its condition's."""
        return self.condition.id


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look found: alerts to raise, and alerts that ended."""

    raised: tuple[Alert, ...] = ()
    cleared: tuple[Alert, ...] = ()

    @property
    def announced(self) -> tuple[Alert, ...]:
        """Those a person is to be told of."""
        return tuple(alert for alert in self.raised if alert.announced)


def changes(open_alerts: Collection[Alert], conditions: Sequence[Condition], now: datetime) -> Changes:
    """What is new against the open alerts, and what has ended."""
    raise NotImplementedError
