"""Whether a call may be begun: the limits of a `SpendGuard` beside what is spent in the log folder."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import tzinfo
from errno import EACCES
from typing import Any

from .call_line import text
from .clock import LocalClock
from .journal import Journal
from .running import RUNNING, RunningCall, kept_files, running_calls
from .sent_batches import SentBatch, SentBatches
from .spend_guard import BudgetExceeded, SpendGuard
from .spending import Spending, bytes_beside
from .spent_limit import NAMED, Aside, Looked, Names, before, sentence, usd, what
from .spent_portion import QUARTER
from .spent_sums import Spent, SpentSums

__all__ = ["Guarding", "usd"]

PATIENCE = 15.0
"""Seconds a call waits while another thread reads what was spent; then it is as if it could not be read."""

AHEAD = 2_000_000
"""Bytes of the day's files from which on they are read beforehand, in a thread of their own."""


class Guarding:
    """Refuses calls of one logger. Safe for threads and forks; waits for no other process.

    A check and the beginning of a call are two steps: processes that check in the same moment may both begin
    one. So what is in flight when a limit is reached may go beyond it, unless `reserve` is set aside for it.

    A call is begun when even the most that may be spent is below its limits, and refused on exact sums:
    only then lines that tell of the same calls are counted together (see `SpentLines`). What was logged on a
    day stays spent on it when its file is moved away or emptied, as long as this logger is open.

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
        self._folder, self._clock = journal._root, LocalClock(zone)
        self.batches = SentBatches(self._folder)
        self._forget()
        _guardings.add(self)

    def _forget(self) -> None:
        """Begin with nothing read: when new, and in a child that was forked while another thread read."""
        self._spending = self._new_spending()
        self._lock = threading.RLock()
        self._busy = False
        self._unsettled = ""
        self._said: set[tuple[str, str, str]] = set()

    def _new_spending(self) -> Spending:
        return Spending(self._folder, self._guard.limits, self._clock)

    def _renewed(self) -> Spending:
        """After a mistake of ours: with nothing but what was known of lost files."""
        spending = self._new_spending()
        spending.remember(self._spending.lost)
        return spending

    def read_ahead(self, clock: Callable[[], float]) -> None:
        """Read a long day from now on, in another thread, so that the first call need not. Never raises."""
        with suppress(Exception):  # a clock of the host's
            now = clock()
            day = self._clock.spell(now)[1]
            if bytes_beside(self._folder, day) >= AHEAD:
                held = threading.Event()
                thread = threading.Thread(target=self._read_ahead, args=(now, day, held), daemon=True)
                thread.start()
                held.wait(PATIENCE)

    def _read_ahead(self, now: float, day: str, held: threading.Event) -> None:
        with self._lock:
            held.set()
            self._looked(now, day)

    def check(
        self,
        now: float,
        stamp: str,
        task: Any = None,
        worker: Any = None,
        project: Any = None,
        calls: int = 1,
    ) -> None:
        """Raise BudgetExceeded if so many calls that begin now may not begin.

        now, stamp: Unix seconds, and how the logger's clock spells them. task, worker, project: names of the
        call, None where it has none; of the project the logger's then.
        """
        call = self._names(task, worker, project)
        lock = self._lock
        if not lock.acquire(timeout=PATIENCE):
            self._unreadable("the files of the day are still being read", call, stamp[:10])
            return
        try:
            unread = self._looked(now, stamp[:10])
            if unread or not self._is_clear(now, stamp, call):
                self._check(unread, now, stamp, call, calls)
        finally:
            lock.release()

    def _is_clear(self, now: float, stamp: str, call: Names) -> bool:
        """Whether even the most that may be spent is below every limit, and nothing is set aside."""
        guard, spending = self._guard, self._spending
        if guard.reserve:
            return False
        more = spending.open_usd + spending.open_unpriced * guard.unpriced
        for sums in spending.known:
            for name, limit, at in self._limits:
                if at is None or call[at]:
                    spent = _sum(sums, name, "" if at is None else call[at], now, stamp)
                    if spent.usd + spent.unpriced * guard.unpriced + more >= limit:
                        return False
        return True

    def _check(self, unread: str, now: float, stamp: str, call: Names, calls: int) -> None:
        aside: list[Any] = []
        if self._guard.reserve:
            aside, unseen = self._set_aside(now)
            unread = unread or unseen
        limits = [self._beside(one, now, stamp, call, len_of(aside) + calls) for one in self._of(call)]
        unread = unread or self._unsettled
        if unread:
            self._unreadable(unread, call, stamp[:10])
        for one in limits:
            if one.usd >= one.limit or self._guard.reserve:
                self._compare(one, aside, calls, call)

    def ask(self, clock: Callable[[], float], task: Any, worker: Any, project: Any, calls: int = 1) -> None:
        """`check` at the time of a clock."""
        try:
            now = clock()
            stamp = self._clock.spell(now)[0]
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._problems.note("check_budget", f"callmeter: check_budget: {type(error).__name__}: {error}")
            self.blind(task, worker, project)
        else:
            self.check(now, stamp, task, worker, project, calls)

    def blind(self, task: Any, worker: Any, project: Any) -> None:
        """What holds where not even the time is known: as if nothing could be read."""
        self._unreadable("the time is not known", self._names(task, worker, project), "")

    def look_ahead(self, clock: Callable[[], float], names: Mapping[str, Any]) -> None:
        """Read what a call of these names will be checked by, and say nothing. Never raises.

        For a thread beside an event loop, which a long file would stop.
        """
        with suppress(Exception), self._held() as held:
            if not held:
                return
            now = clock()
            stamp = self._clock.spell(now)[0]
            call = self._names(*(names.get(name) for name in ("task_id", "worker_id", "project")))
            self._looked(now, stamp[:10])
            calls = len_of(self._set_aside(now)[0]) + 1 if self._guard.reserve else 1
            for one in self._of(call):
                self._beside(one, now, stamp, call, calls)

    def _names(self, task: Any, worker: Any, project: Any) -> Names:
        return Names(text(task) or "", text(worker) or "", text(project) or self._project or "")

    @contextmanager
    def _held(self) -> Iterator[bool]:
        """Whether we have the lock, which another thread may hold for as long as it reads."""
        lock = self._lock
        held = lock.acquire(timeout=PATIENCE)
        try:
            yield held
        finally:
            if held:
                lock.release()

    def _of(self, call: Names) -> list[tuple[str, float, int | None]]:
        """The limits that hold for a call."""
        return [one for one in self._limits if one[2] is None or call[one[2]]]

    def _looked(self, now: float, day: str) -> str:
        """Read what is new; why something cannot be read, or ""."""
        self._unsettled = ""
        if self._busy:  # a signal handler interrupted our own reading
            return ""
        self._busy = True
        try:
            failed = self._spending.look(now, day)
            if failed is None and self._journal.waiting:
                return "calls of this program could not be written yet"
            return _reason(failed)
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._spending = self._renewed()
            return _reason(error)
        finally:
            self._busy = False

    def _beside(
        self, one: tuple[str, float, int | None], now: float, stamp: str, call: Names, calls: int
    ) -> Looked:
        """A limit beside what is spent of it: exactly, if it could be reached by so many calls at once."""
        looked = self._spent(*one, now, stamp, call)
        open_ = Spent(self._spending.open_usd, self._spending.open_unpriced)
        if not any(open_):
            return looked
        most = looked.usd + open_.usd + open_.unpriced * self._guard.unpriced
        if most + self._guard.reserve * calls < looked.limit:
            return looked
        if not self._busy and self._settled():
            return self._spent(*one, now, stamp, call)
        spent = Spent(looked.spent.usd + open_.usd, looked.spent.unpriced + open_.unpriced)
        return looked._replace(spent=spent) if self._busy else looked

    def _settled(self) -> bool:
        """Make the sums exact; whether they are."""
        self._busy = True
        try:
            self._unsettled = _reason(self._spending.settle())
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._spending = self._renewed()
            self._unsettled = _reason(error)
        finally:
            self._busy = False
        return not self._unsettled

    def _spent(self, limit: str, usd: float, at: int | None, now: float, stamp: str, call: Names) -> Looked:
        """By the sums as they are, or as they were before a file was lost."""
        own = "" if at is None else call[at]
        found = [_sum(sums, limit, own, now, stamp) for sums in self._spending.known]
        assumed = [spent.unpriced * self._guard.unpriced for spent in found]
        best = max(range(len(found)), key=lambda at: found[at].usd + assumed[at])
        return Looked(limit, usd, found[best], assumed[best], stamp, at)

    def _set_aside(self, now: float) -> tuple[list[RunningCall | SentBatch], str]:
        """(calls in flight, and batches whose results are not logged; why some cannot be read, or "")"""
        found: list[RunningCall | SentBatch] = []
        try:
            _check_running(self._folder)
            found += [call for call in running_calls(self._folder, now=now) if call.alive]
            found += self.batches.read()
        except OSError as error:
            return found, _reason(error)
        return found, ""

    def _compare(self, one: Looked, aside: list[Any], calls: int, call: Names) -> None:
        over = one.usd >= one.limit
        own = [] if over else [other for other in aside if self._counts(one, other, call)]
        batched = sum(other.requests for other in own if isinstance(other, SentBatch))
        running = sum(isinstance(other, RunningCall) for other in own)
        kept = Aside(running, batched, calls)
        reserved = self._guard.reserve * sum(kept)
        if not over and one.usd + reserved <= one.limit + _HAIR:
            return
        told = sentence(one, 0.0 if over else reserved, kept, call)
        scope, period = one.scope(call), one.period
        self._say(("over budget", one.name, f"{scope} {period}"), told)
        raise BudgetExceeded(told, one.name, one.limit, one.usd, reserved, one.at_least, scope, period)

    def _counts(self, one: Looked, other: RunningCall | SentBatch, call: Names) -> bool:
        """Whether what is set aside for another call or batch is so in this limit."""
        if not one.holds_for(other, call):
            return False
        if isinstance(other, RunningCall):
            return True
        stamp, day = self._clock.spell(other.sent)
        return day in one.days and (one.name != "per_hour" or _hour(stamp) == _hour(one.stamp))

    def _unreadable(self, reason: str, call: Names, day: str) -> None:
        """Go on, or refuse, as the guard says."""
        if self._guard.on_unreadable == "allow":
            told = f"the spend guard cannot read what was spent ({reason})"
            self._say(("guard", "", day), f"{told}; calls are begun all the same, by what is known")
            return
        told = (
            f"What was spent cannot be read ({reason}); {what(call)} was not begun. "
            'Make the log folder readable, or set SpendGuard(on_unreadable="allow").'
        )
        self._say(("over budget", "on_unreadable", day), told)
        raise BudgetExceeded(told, "on_unreadable", scope="all calls", period=day)

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


def _sum(sums: SpentSums, limit: str, own: str, now: float, stamp: str) -> Spent:
    """What is spent of a limit; `own` is the name it holds for."""
    day = stamp[:10]
    if limit == "per_hour":
        begin = int((now - int(stamp[14:16]) * 60 - int(stamp[17:19])) // QUARTER)
        return sums.within(range(begin, begin + 4))
    return sums.on(limit, (before(day), day) if limit == "per_task" else (day,), own)


def _hour(stamp: str) -> str:
    """The clock hour of a moment, with its offset from UTC."""
    return stamp[:13] + stamp[26:]


def len_of(aside: list[Any]) -> int:
    """How many calls something is set aside for."""
    return sum(getattr(one, "requests", 1) for one in aside)


def _check_running(folder: str) -> None:
    """Raise OSError if calls in flight cannot be read; none are there where their folder is not."""
    with suppress(FileNotFoundError):
        os.listdir(os.path.join(folder, RUNNING))  # noqa: PTH118, PTH208
    for path, _, _ in kept_files(folder):
        if not os.access(path, os.R_OK) and os.path.exists(path):  # noqa: PTH110
            raise PermissionError(EACCES, os.strerror(EACCES), path)


_guardings: weakref.WeakSet[Guarding] = weakref.WeakSet()


def _after_fork() -> None:
    for guarding in list(_guardings):
        with suppress(Exception):
            guarding._in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
