"""Whether a call may be begun: the limits of a `SpendGuard` beside what is spent in the log folder."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from datetime import date, timedelta, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

from .call_line import text
from .clock import LocalClock
from .journal import Journal
from .running import RunningCall, running_calls
from .spend_guard import BudgetExceeded, SpendGuard
from .spending import Spending
from .spent_portion import QUARTER
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
    def at_least(self) -> bool:
        """Whether more was spent than is counted."""
        return self.spent.unpriced > 0 and not self.assumed

    @property
    def period(self) -> str:
        """As `BudgetExceeded` gives it."""
        day = self.stamp[:10]
        if self.name == "per_hour":
            return f"{self.stamp[:13]}:00{self.stamp[26:]}"
        return f"{_before(day)}/{day}" if self.name == "per_task" else day

    def scope(self, call: Names) -> str:
        """Whose limit it is."""
        return "all calls" if self.at is None else f"{NAMED[self.name]} {call[self.at]}"

    def holds_for(self, other: RunningCall, call: Names) -> bool:
        """Whether a call in flight counts to it."""
        names = Names(other.task_id or "", other.worker_id or "", other.project or "")
        return self.at is None or names[self.at] == call[self.at]


class Guarding:
    """Refuses calls of one logger. Safe for threads and forks; waits for no other process.

    A check and the beginning of a call are two steps: processes that check in the same moment may both begin
    one. So what is in flight when a limit is reached may go beyond it, unless `reserve` is set aside for it.

    journal: writes the logger's lines, and names their folder. project: of calls that name none.
    """

    def __init__(
        self, guard: SpendGuard, journal: Journal, zone: tzinfo | None = None, project: str | None = None
    ) -> None:
        if not isinstance(guard, SpendGuard):
            raise TypeError(f"guard is a SpendGuard, such as SpendGuard(per_day=10), not {guard!r}")
        self._guard = guard
        self._limits = [(name, limit, _at(name)) for name, limit in guard.limits.items()]
        self._journal, self._problems, self._project = journal, journal.problems, project
        self._folder, self._zone = journal._root, zone
        self._forget()
        _guardings.add(self)

    def _forget(self) -> None:
        """Begin with nothing read: when new, and in a child that was forked while another thread read."""
        self._spending = self._new_spending()
        self._lock = threading.RLock()
        self._busy = False
        self._said: set[tuple[str, str, str]] = set()

    def _new_spending(self) -> Spending:
        return Spending(self._folder, self._guard.limits, LocalClock(self._zone))

    def check(
        self, now: float, stamp: str, task: Any = None, worker: Any = None, project: Any = None
    ) -> None:
        """Raise BudgetExceeded if a call that begins now may not begin.

        now, stamp: Unix seconds, and how the logger's clock spells them. task, worker, project: names of the
        call, None where it has none; of the project the logger's then.
        """
        call = Names(text(task) or "", text(worker) or "", text(project) or self._project or "")
        with self._lock:
            unread = self._looked(now, stamp[:10])
            if unread:
                self._unreadable(unread, call, stamp[:10])
            for name, limit, at in self._limits:
                if at is None or call[at]:
                    spent = self._spent(name, "" if at is None else call[at], now, stamp)
                    assumed = spent.unpriced * self._guard.unpriced
                    if spent.usd + assumed >= limit or self._guard.reserve:
                        self._compare(Looked(name, limit, spent, assumed, stamp, at), now, call)

    def _looked(self, now: float, day: str) -> str:
        """Read what is new; why something cannot be read, or ""."""
        if self._busy:  # a signal handler interrupted our own reading
            return ""
        self._busy = True
        try:
            failed = self._spending.look(now, day)
            if failed is None and self._journal.waiting:
                return "calls of this program could not be written yet"
            return _reason(failed)
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._spending = self._new_spending()
            return _reason(error)
        finally:
            self._busy = False

    def _spent(self, limit: str, own: str, now: float, stamp: str) -> Spent:
        """What is spent of a limit; `own` is the name it holds for."""
        sums, day = self._spending.sums, stamp[:10]
        if limit == "per_hour":
            begin = int((now - int(stamp[14:16]) * 60 - int(stamp[17:19])) // QUARTER)
            return sums.within(range(begin, begin + 4))
        return sums.on(limit, (_before(day), day) if limit == "per_task" else (day,), own)

    def _compare(self, one: Looked, now: float, call: Names) -> None:
        spent, limit, others = one.spent.usd + one.assumed, one.limit, 0
        over = spent >= limit
        if self._guard.reserve and not over:
            running = running_calls(self._folder, now=now)
            others = sum(one.holds_for(other, call) for other in running if other.alive)
        reserved = self._guard.reserve * (others + 1)
        if not over and spent + reserved <= limit + _HAIR:
            return
        sentence = _sentence(one, 0.0 if over else reserved, others, call)
        scope, period = one.scope(call), one.period
        self._say(("over budget", one.name, f"{scope} {period}"), sentence)
        raise BudgetExceeded(sentence, one.name, limit, spent, reserved, one.at_least, scope, period)

    def _unreadable(self, reason: str, call: Names, day: str) -> None:
        """Go on, or refuse, as the guard says."""
        if self._guard.on_unreadable == "allow":
            what = f"the spend guard cannot read what was spent ({reason})"
            self._say(("guard", "", day), f"{what}; calls are begun all the same, by what is known")
            return
        sentence = (
            f"What was spent cannot be read ({reason}); {_what(call)} was not begun. "
            'Make the log folder readable, or set SpendGuard(on_unreadable="allow").'
        )
        self._say(("over budget", "on_unreadable", day), sentence)
        raise BudgetExceeded(sentence, "on_unreadable", scope="all calls", period=day)

    def _say(self, what: tuple[str, str, str], sentence: str) -> None:
        """Count it; say it once for each limit and period."""
        if what in self._said or len(self._said) >= _MOST_SAID:
            self._problems.counts[what[0]] += 1
            return
        self._said.add(what)
        self._problems.note(what[0], f"callmeter: {sentence}")

    def close(self) -> None:
        """Give the descriptors back; the next call reads anew."""
        with self._lock:
            if not self._busy:
                self._spending.close()

    def _in_child(self) -> None:
        if self._busy or not self._lock.acquire(blocking=False):
            self._forget()
        else:
            self._lock = threading.RLock()


_MOST_SAID = 10_000
_HAIR = 1e-9
"""USD: a limit that is a multiple of the reserve is not missed by how floats round."""


def _reason(error: Exception | None) -> str:
    if error is None:
        return ""
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    path = getattr(error, "filename", None)
    return f"{told}: {path}" if path and str(path) not in told else told


def _at(limit: str) -> int | None:
    """Which of the names a limit holds for."""
    return Names._fields.index(NAMED[limit]) if limit in NAMED else None


@lru_cache(maxsize=4)
def _before(day: str) -> str:
    return str(date.fromisoformat(day) - timedelta(days=1))


def _sentence(one: Looked, reserved: float, others: int, call: Names) -> str:
    """What is reached, how far, what was not done, and what to do."""
    whose = "" if one.at is None else f" for {one.scope(call)}"
    amount = f"{'at least ' if one.at_least else ''}{usd(one.spent.usd)}"
    if one.assumed:
        unknown = f"{one.spent.unpriced} call{'' if one.spent.unpriced == 1 else 's'} of unknown cost"
        amount = f"{usd(one.assumed)} assumed for {unknown}, and {amount}"
    if reserved:
        calls = f"{others} call{'' if others == 1 else 's'} in flight and this one"
        amount = f"{usd(reserved)} set aside for {calls if others else 'this call'}, and {amount}"
    which, since, until = {
        "per_hour": ("This hour's limit", f"since {one.stamp[11:13]}:00", "wait for the next hour"),
        "per_task": ("The limit", "yesterday and today", "end the task"),
    }.get(one.name, ("Today's limit", "since midnight", "wait until tomorrow"))
    return (
        f"{which} of {usd(one.limit)}{whose} is reached: {amount} logged {since}; "
        f"{_what(call)} was not begun. Raise SpendGuard({one.name}=...) or {until}."
    )


def _what(call: Names) -> str:
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

_guardings: weakref.WeakSet[Guarding] = weakref.WeakSet()


def _after_fork() -> None:
    for guarding in list(_guardings):
        with suppress(Exception):
            guarding._in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
