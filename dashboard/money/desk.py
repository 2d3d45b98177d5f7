"""The desk: what is known of money for one log folder, kept current. The page, REST and commands ask it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from ..errors import CallmeterError
from ..settings import Settings, find_file, stamp
from ..store.base import Health, Store
from . import doubt, position, rules
from .alert_log import AlertLog, Told
from .alerts import Changes, Condition
from .channel import Open, open_channel
from .courier import Courier
from .ledger import Ledger
from .lookout import Lookout, ready
from .message import Message, bundle, message_of
from .open_alerts import OpenAlerts, as_now
from .position import Position
from .rules import Rules
from .spending import Parts

_SPAN = 300
"""Seconds for which a position is kept. Hours of all time zones begin with such a span."""


def _now() -> datetime:
    return datetime.now(UTC)


class Desk:
    """Rules, ledger, position and alerts of a log folder. For several threads; `start` looks by itself.

    The settings file is read again when it changes; while it is wrong the rules before stand, and `problem`
    says why. Before they were ever read correctly, nothing is noted of alerts.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        environ: Mapping[str, str],
        home: Path,
        *,
        clock: Callable[[], datetime] = _now,
        opened: Open = open_channel,
    ) -> None:
        self.store = store
        self.ledger = Ledger(settings.credit_dir)
        self.alerts = AlertLog(settings.alerts_dir)
        self._wrong: str | None = None
        self._courier = Courier(self.alerts, self.message, lambda: clock().astimezone(store.zone), opened)
        self._lookout = Lookout(store, lambda: self.look(clock()))
        self._settings, self._environ, self._home = settings, environ, home
        self._lock = threading.RLock()
        self._rules = Rules()
        self._understood = False
        self._clock = clock
        self._read: object = None
        self._position: tuple[object, Position] | None = None
        self._parts = Parts()

    def rules(self) -> Rules:
        """What is set now."""
        with self._lock:
            file = self._settings.file or find_file(self._environ, Path.cwd(), self._home)
            seen = (file, stamp(file))
            if seen != self._read:
                self._read = seen
                self._take_in(file)
            return self._rules

    def _take_in(self, file: Path | None) -> None:
        try:
            self._rules = rules.read(file, self._environ)
            self._wrong, self._understood = None, True
        except CallmeterError as error:
            self._wrong = str(error)

    @property
    def problem(self) -> str | None:
        """What is wrong with the settings, or with looking; None: nothing."""
        return self._wrong or self._lookout.problem

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for all that is wrong: settings, looking, files, channels that do not deliver."""
        try:
            found = (*self.doubts(self._clock()), *self._courier.problems())
        except CallmeterError as error:
            found = (str(error),)
        return tuple(dict.fromkeys(said for said in (self._wrong, self._lookout.problem, *found) if said))

    def doubts(self, now: datetime) -> tuple[str, ...]:
        """Why it is not sure at `now` which alerts have ended: unreadable files, no settings file where
        alerts of budgets are open. Raises FolderError.
        """
        here = now.astimezone(self.store.zone)
        days = doubt.unread(self.store.health())
        files = doubt.missing(days, self.ledger.entries(), here) if days else ()
        return files if self.rules().file else (*files, *doubt.unset(self.alerts.open(), here))

    def __enter__(self) -> Desk:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Look and deliver from now on, whenever data changes."""
        self._lookout.start()

    def stop(self) -> None:
        """End that. What is not delivered yet is left to the next one who starts."""
        self._lookout.stop()
        self._courier.stop()

    def look(self, now: datetime) -> Changes:
        """Note what is new at `now`, and have it delivered, without waiting for that. Raises FolderError."""
        found = self.note(now)
        self._courier.send_to(self.rules().delivery.addresses)
        return found

    def note(self, now: datetime) -> Changes:
        """Note what is new at `now`, and leave the delivery to whoever delivers. Raises FolderError.

        While the log folder cannot be read, or no rules were ever understood, nothing is new and nothing has
        ended; likewise while the log is still being read. What is unsure, see `doubts`, has not ended either.
        """
        known, health = self.rules(), self.store.health()
        if not self._understood or not self._was_read(health):
            return Changes()
        days = doubt.unread(health)
        here = now.astimezone(self.store.zone)
        found = self.position(now).conditions
        kept = doubt.keeps(days, self.ledger.entries(), here, has_file=known.file is not None)
        return self.alerts.take(found, here, known.delivery, kept)

    def _was_read(self, health: Health) -> bool:
        """Whether nothing of the log is missing. One that is followed was listed before it is read."""
        whole = not health.loading and health.folder_problem is None
        return whole and (ready(health) or not self._lookout.running)

    def open_alerts(self, now: datetime) -> OpenAlerts:
        """The open alerts with the numbers of `now`; none and a sentence when they cannot be read."""
        try:
            opened = self.alerts.open()
        except CallmeterError as error:
            return OpenAlerts(problem=str(error))
        return OpenAlerts(as_now(opened, self._conditions(now) if opened else ()))

    def _conditions(self, now: datetime) -> tuple[Condition, ...]:
        """What is so now; nothing while that is not known to the end."""
        health = self.store.health()
        if health.loading or health.folder_problem is not None:
            return ()
        try:
            return self.position(now).conditions
        except CallmeterError:
            return ()

    def message(self, told: Sequence[Told]) -> Message:
        """What is sent of an alert, or of several at once."""
        if len(told) > 1:
            return bundle([one.alert for one in told], socket.gethostname())
        return message_of(told[0].alert, socket.gethostname(), self.store.zone)

    def position(self, now: datetime) -> Position:
        """The position at `now`, or up to `_SPAN` before when nothing has changed since: neither data, rules
        and ledger, nor the hour of any time zone, nor has an entry come that counts by `now`.
        """
        with self._lock:
            known = self.rules()
            entries = tuple(entry for entry in self.ledger.entries() if entry.at <= now)
            key = (self.store.version, known, entries, int(now.timestamp() // _SPAN))
            if self._position is None or self._position[0] != key:
                self._position = key, position.look(self.store, known, entries, now, self._parts)
            return self._position[1]
