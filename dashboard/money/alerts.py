"""Alerts: from what is so now (conditions) to what is new and what has ended. Pure.

Each crossing is announced once per period and level. When several levels are crossed at once only the
highest is announced; the lower ones are noted.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

SEVERITIES = ("info", "warning", "critical")

CALM = timedelta(hours=1)
"""What has no period and comes again is announced again when a person was told of it so long ago."""

LONGEST_SENTENCE = 400
LONGEST_RULE = 160


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
    """A crossing that was noticed. `cleared`: when it had ended; `announced` False: a lower level of one, or
    one that came again, and `told_before` is when a person was told of it.
    """

    condition: Condition
    raised: datetime
    announced: bool = True
    cleared: datetime | None = None
    told_before: datetime | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        """Its condition's."""
        return self.condition.id

    @property
    def told(self) -> datetime | None:
        """When a person was told of this crossing last."""
        return self.raised if self.announced else self.told_before


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look found: alerts to raise, and alerts that ended."""

    raised: tuple[Alert, ...] = ()
    cleared: tuple[Alert, ...] = ()

    @property
    def announced(self) -> tuple[Alert, ...]:
        """Those a person is to be told of."""
        return tuple(alert for alert in self.raised if alert.announced)


def _none(alert: Alert) -> bool:
    return False


def changes(
    known: Collection[Alert],
    conditions: Sequence[Condition],
    now: datetime,
    kept: Callable[[Alert], bool] = _none,
) -> Changes:
    """What is new against the alerts noticed so far, open or cleared, and what has ended.

    An alert is open until its condition is gone. One that comes again in its period is open again, but was
    announced already; without a period it is announced again `CALM` after a person was told of it last.

    kept: which open alerts stay open although their conditions are not seen.
    """
    so = {condition.id: condition for condition in conditions}
    held = {alert.id for alert in known if alert.cleared is None}
    ended = [alert for alert in known if alert.cleared is None and alert.id not in so and not kept(alert)]
    before = {alert.id: alert.told for alert in known}
    told = _told(known, now)
    best = _highest(so.values())
    return Changes(
        raised=tuple(
            Alert(
                condition,
                now,
                announced=best[_crossing(condition)] == condition.level > told(condition),
                told_before=before.get(condition.id),
            )
            for condition in so.values()
            if condition.id not in held
        ),
        cleared=tuple(replace(alert, cleared=now) for alert in ended),
    )


def worst(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Of each crossing the highest level, the most severe and newest first."""
    listed = list(alerts)
    best = _highest(alert.condition for alert in listed)
    kept = [alert for alert in listed if best[_crossing(alert.condition)] == alert.condition.level]
    return tuple(
        sorted(kept, key=lambda one: (SEVERITIES.index(one.condition.severity), one.raised), reverse=True)
    )


def harmless(condition: Condition) -> Condition:
    """The same with texts that may be shown anywhere: printable, on one line, of bounded length."""
    return replace(
        condition,
        rule=_short(plain(condition.rule), LONGEST_RULE),
        period=plain(condition.period)[:LONGEST_RULE],
        severity=condition.severity if condition.severity in SEVERITIES else "warning",
        sentence=plain(condition.sentence, LONGEST_SENTENCE),
    )


def plain(text: str, most: int | None = None) -> str:
    """A text on one line without what a terminal or a mail program would obey; cut to `most` characters."""
    kept = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return kept if most is None or len(kept) <= most else kept[: most - 1].rstrip() + "…"


def _short(text: str, most: int) -> str:
    """A text cut so that long ones stay apart."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    return text if len(text) <= most else f"{text[: most - 13]}…{digest}"


def _crossing(condition: Condition) -> tuple[str, str]:
    return condition.rule, condition.period


def _highest(conditions: Iterable[Condition]) -> dict[tuple[str, str], int]:
    best: dict[tuple[str, str], int] = {}
    for one in conditions:
        best[_crossing(one)] = max(one.level, best.get(_crossing(one), one.level))
    return best


def _told(known: Iterable[Alert], now: datetime) -> Callable[[Condition], float]:
    """Up to which level the crossing of a condition was noticed before."""
    best = _highest(
        alert.condition
        for alert in known
        if alert.condition.period or alert.cleared is None or (alert.told and abs(now - alert.told) < CALM)
    )
    return lambda condition: best.get(_crossing(condition), -math.inf)
