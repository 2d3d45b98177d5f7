"""What makes a look unsure: alerts whose numbers are not all there must not be taken for ended. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from ..store.base import Health
from .alerts import Alert
from .ledger import Entry, Reading
from .periods import PERIODS, current_period, period_id

_PERIOD = re.compile(r"\d{4}-(?:W\d\d|\d\d(?:-\d\d(?:T\d\db?)?)?)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

Unread = tuple[tuple[date, str], ...]
"""Days whose files cannot be read, each with a sentence."""


def unread(health: Health) -> Unread:
    """The days of which calls are missing, for a file of theirs cannot be read."""
    told = []
    for problem in health.problems:
        day = _DAY.search(problem.file)
        if day and not problem.line:
            said = f"{problem.file}: {problem.reason}; alerts of what it may hold do not end meanwhile."
            told.append((date.fromisoformat(day[0]), said))
    return tuple(told)


def missing(days: Unread, entries: Sequence[Entry], here: datetime) -> tuple[str, ...]:
    """The sentences of those that matter now."""
    since = min(_since(kind, entries, here) for kind in ("budget", "watch", "credit"))
    return tuple(said for day, said in days if since <= day <= here.date())


def unset(opened: Sequence[Alert], here: datetime) -> tuple[str, ...]:
    """What to say where no settings file was found: open alerts of budgets are somebody's."""
    rules = dict.fromkeys(
        alert.condition.rule for alert in opened if _of_budget(alert) and not over(alert, here)
    )
    if not rules:
        return ()
    names = ", ".join(rule.partition(":")[2] for rule in rules)
    return (
        f"Alerts of budgets are open ({names}), but no callmeter.toml was found from here: they stay open."
        " Start it in the folder of that file.",
    )


def keeps(
    days: Unread, entries: Sequence[Entry], here: datetime, *, has_file: bool
) -> Callable[[Alert], bool]:
    """Which open alerts stay open although their conditions are not seen at a moment in the log's zone.

    has_file: whether there is a settings file; without one nothing is known of budgets.
    """

    def keep(alert: Alert) -> bool:
        if _of_budget(alert) and over(alert, here):
            return False
        if _of_budget(alert) and not has_file:
            return True
        since = _since(alert.condition.rule.partition(":")[0], entries, here)
        return any(since <= day <= here.date() for day, _ in days)

    return keep


def over(alert: Alert, here: datetime) -> bool:
    """Whether the period of a budget's alert has ended."""
    found = _PERIOD.match(alert.condition.period)
    zone = cast(ZoneInfo, here.tzinfo)
    now = {period_id(period, current_period(period, here, zone).since) for period in PERIODS}
    return found is not None and found[0] not in now


def _of_budget(alert: Alert) -> bool:
    return alert.condition.rule.startswith("budget:")


def _since(kind: str, entries: Sequence[Entry], here: datetime) -> date:
    """The first day whose calls decide whether an alert of this kind has ended."""
    if kind == "watch":
        return here.date() - timedelta(days=1)
    if kind == "credit":
        readings = [entry.at for entry in entries if isinstance(entry, Reading)]
        first = max(readings) if readings else min((entry.at for entry in entries), default=here)
        return first.astimezone(here.tzinfo).date()
    zone = cast(ZoneInfo, here.tzinfo)
    return min(current_period(period, here, zone).since.date() for period in PERIODS)
