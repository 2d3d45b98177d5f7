"""A limit of a `SpendGuard` beside what is spent of it, and the sentences that tell of both."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from .running import RunningCall
from .sent_batches import SentBatch
from .spent_sums import Spent


class Names(NamedTuple):
    """What a call is named; "" for what it is not."""

    task: str
    worker: str
    project: str


NAMED = {"per_task": "task", "per_worker": "worker", "per_project": "project"}
"""The limits that hold for the calls of one name, and what is named."""


class Looked(NamedTuple):
    """A limit beside what is spent of it at a moment."""

    name: str
    limit: float
    spent: Spent
    assumed: float
    """USD, for what is of unknown cost."""
    stamp: str
    at: int | None
    """Which of the `Names` it holds for; None for all calls."""

    @property
    def usd(self) -> float:
        """USD, what is assumed with it."""
        return self.spent.usd + self.assumed

    @property
    def at_least(self) -> bool:
        """Whether more was spent than is counted."""
        return self.spent.unpriced > 0 and not self.assumed

    @property
    def period(self) -> str:
        """As `BudgetExceeded` gives it."""
        if self.name == "per_hour":
            return f"{self.stamp[:13]}:00{self.stamp[26:]}"
        return "/".join(self.days)

    @property
    def days(self) -> tuple[str, ...]:
        """The local days it is about."""
        day = self.stamp[:10]
        return (before(day), day) if self.name == "per_task" else (day,)

    def scope(self, call: Names) -> str:
        """Whose limit it is."""
        return "all calls" if self.at is None else f"{NAMED[self.name]} {call[self.at]}"

    def holds_for(self, other: RunningCall | SentBatch, call: Names) -> bool:
        """Whether a call in flight, or a batch, is of the same name."""
        names = Names(other.task_id or "", other.worker_id or "", other.project or "")
        return self.at is None or names[self.at] == call[self.at]


class Aside(NamedTuple):
    """How many calls something is set aside for."""

    running: int = 0
    batched: int = 0
    """Requests of batches whose results are not logged."""
    own: int = 1
    """The call that is to begin, or the requests of a batch."""

    def __str__(self) -> str:
        own = "this one" if self.own == 1 else f"these {self.own}"
        if not self.running and not self.batched:
            return "this call" if self.own == 1 else f"the {self.own} calls of this batch"
        others = [f"{_counted(self.running, 'call')} in flight"] if self.running else []
        others += [f"{_counted(self.batched, 'request')} of batches"] if self.batched else []
        return f"{', '.join(others)} and {own}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@lru_cache(maxsize=4)
def before(day: str) -> str:
    """The day before a day."""
    return str(date.fromisoformat(day) - timedelta(days=1))


def sentence(one: Looked, reserved: float, aside: Aside, call: Names) -> str:
    """What is reached, how far, what was not done, and what to do."""
    whose = "" if one.at is None else f" for {one.scope(call)}"
    amount = f"{'at least ' if one.at_least else ''}{usd(one.spent.usd)}"
    if one.assumed:
        unknown = f"{_counted(one.spent.unpriced, 'call')} of unknown cost"
        amount = f"{usd(one.assumed)} assumed for {unknown}, and {amount}"
    if reserved:
        amount = f"{usd(reserved)} set aside for {aside}, and {amount}"
    which, since, until = {
        "per_hour": ("This hour's limit", f"since {one.stamp[11:13]}:00", "wait for the next hour"),
        "per_task": ("The limit", "yesterday and today", "end the task"),
    }.get(one.name, ("Today's limit", "since midnight", "wait until tomorrow"))
    return (
        f"{which} of {usd(one.limit)}{whose} is reached: {amount} logged {since}; "
        f"{what(call)} was not begun. Raise SpendGuard({one.name}=...) or {until}."
    )


def what(call: Names) -> str:
    """What was not begun."""
    named = [f"{kind} {name}" for kind, name in zip(call._fields, call, strict=True) if name]
    return f"the call of {named[0]}" if named else "the call"


def usd(amount: float) -> str:
    """Dollars for people: `$10`, `$10.03`, `$0.0042`."""
    if amount == round(amount) and amount < _MANY:
        return f"${amount:,.0f}"
    if amount >= 0.0995:
        return f"${amount:,.2f}"
    return f"${amount:.3f}" if amount >= 0.00995 else f"${amount:.4f}"


_MANY = 1e15
