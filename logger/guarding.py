"""Whether a call may be begun: the limits of a `SpendGuard` beside what is spent in the log folder."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from typing import Any

from .call_line import text
from .clock import LocalClock
from .journal import Journal
from .running import RunningCall, running_calls
from .spend_guard import BudgetExceeded, SpendGuard
from .spending import Spending
from .spent_portion import QUARTER
from .spent_sums import Spent

NAMED = {"per_task": "task", "per_worker": "worker", "per_project": "project"}
"""The limits that hold for the calls of one name, and what is named."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A limit beside what is spent of it."""

    name: str
    limit: float
    spent: Spent
    since: str
    """The local start of the hour; "" for days."""
    days: tuple[str, ...]
    scope: str

    @property
    def period(self) -> str:
        """As `BudgetExceeded` gives it."""
        return self.since or "/".join(self.days)


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
        self._guard, self._limits = guard, guard.limits
        self._journal, self._problems, self._project = journal, journal.problems, project
        self._folder, self._zone, self._clock = journal._root, zone, LocalClock(zone)
        self._forget()
        _guardings.add(self)

    def _forget(self) -> None:
        """Begin with nothing read: when new, and in a child that was forked while another thread read."""
        self._spending = self._new_spending()
        self._lock = threading.RLock()
        self._busy = False
        self._said: set[tuple[str, str, str]] = set()

    def _new_spending(self) -> Spending:
        return Spending(self._folder, self._limits, LocalClock(self._zone))

    def check(self, now: float, task: Any = None, worker: Any = None, project: Any = None) -> None:
        """Raise BudgetExceeded if a call that begins now (Unix seconds) may not begin.

        task, worker, project: names of the call, None where it has none; of the project the logger's then.
        """
        told = {
            "task": text(task) or "",
            "worker": text(worker) or "",
            "project": text(project) or self._project or "",
        }
        with self._lock:
            stamp, day = self._clock.spell(now)
            unread = self._looked(now, day)
            if unread:
                self._unreadable(unread, told, day)
            for one in self._each(now, stamp, day, told):
                self._compare(one, now, told)

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

    def _each(self, now: float, stamp: str, day: str, told: Mapping[str, str]) -> Iterator[Looked]:
        """Every limit that holds for a call."""
        sums, days = self._spending.sums, (day,)
        for name, limit in self._limits.items():
            if name == "per_hour":
                begin = now - int(stamp[14:16]) * 60 - int(stamp[17:19])
                quarters = range(int(begin // QUARTER), int(begin // QUARTER) + 4)
                yield Looked(name, limit, sums.within(quarters), _hour(stamp), days, "all calls")
            elif name == "per_day":
                yield Looked(name, limit, sums.on(name, days), "", days, "all calls")
            elif own := told.get(NAMED[name]):
                held = (_before(day), day) if name == "per_task" else days
                yield Looked(name, limit, sums.on(name, held, own), "", held, f"{NAMED[name]} {own}")

    def _compare(self, one: Looked, now: float, told: Mapping[str, str]) -> None:
        reserve, others = self._guard.reserve, 0
        if reserve and one.spent.usd < one.limit:
            others = sum(_of(call, one, told) for call in running_calls(self._folder, now=now) if call.alive)
        reserved = reserve * (others + 1)
        if one.spent.usd >= one.limit or (reserve and one.spent.usd + reserved > one.limit + _HAIR):
            sentence = _sentence(one, reserved if one.spent.usd < one.limit else 0.0, others, told)
            self._say(("over budget", one.name, f"{one.scope} {one.period}"), sentence)
            spent = one.spent
            raise BudgetExceeded(
                sentence, one.name, one.limit, spent.usd, reserved, spent.unpriced > 0, one.scope, one.period
            )

    def _unreadable(self, reason: str, told: Mapping[str, str], day: str) -> None:
        """Go on, or refuse, as the guard says."""
        if self._guard.on_unreadable == "allow":
            what = f"the spend guard cannot read what was spent ({reason})"
            self._say(("guard", "", day), f"{what}; calls are begun all the same, by what is known")
            return
        sentence = (
            f"What was spent cannot be read ({reason}); {_call(told)} was not begun. "
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


def _of(call: RunningCall, one: Looked, told: Mapping[str, str]) -> bool:
    """Whether a call in flight counts to a limit."""
    kind = NAMED.get(one.name)
    own = {"task": call.task_id, "worker": call.worker_id, "project": call.project}
    return kind is None or own[kind] == told.get(kind)


def _reason(error: Exception | None) -> str:
    if error is None:
        return ""
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    path = getattr(error, "filename", None)
    return f"{told}: {path}" if path else told


def _before(day: str) -> str:
    return str(date.fromisoformat(day) - timedelta(days=1))


def _hour(stamp: str) -> str:
    """The local hour of a timestamp: `2026-11-22T14:00+00:00`."""
    return f"{stamp[:13]}:00{stamp[26:]}"


def _sentence(one: Looked, reserved: float, others: int, told: Mapping[str, str]) -> str:
    """What is reached, how far, what was not done, and what to do."""
    whose = "" if one.scope == "all calls" else f" for {one.scope}"
    amount = f"{'at least ' if one.spent.unpriced else ''}{usd(one.spent.usd)}"
    if reserved:
        calls = f"{others} call{'' if others == 1 else 's'} in flight and this one"
        amount = f"{usd(reserved)} set aside for {calls if others else 'this call'}, and {amount}"
    which, since, until = {
        "per_hour": ("This hour's limit", f"since {one.since[11:16]}", "wait for the next hour"),
        "per_task": ("The limit", "yesterday and today", "end the task"),
    }.get(one.name, ("Today's limit", "since midnight", "wait until tomorrow"))
    return (
        f"{which} of {usd(one.limit)}{whose} is reached: {amount} logged {since}; "
        f"{_call(told)} was not begun. Raise SpendGuard({one.name}=...) or {until}."
    )


def _call(told: Mapping[str, str]) -> str:
    named = [f"{kind} {told[kind]}" for kind in ("task", "worker", "project") if told.get(kind)]
    return f"the call of {named[0]}" if named else "the call"


def usd(amount: float) -> str:
    """Dollars for people: `$10`, `$10.03`, `$0.0042`."""
    if amount == round(amount) and amount < _MANY:
        return f"${amount:,.0f}"
    return f"${amount:,.2f}" if amount >= 0.0995 else f"${amount:.4f}"


_MANY = 1e15

_guardings: weakref.WeakSet[Guarding] = weakref.WeakSet()


def _after_fork() -> None:
    for guarding in list(_guardings):
        with suppress(Exception):
            guarding._in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
