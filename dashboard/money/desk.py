"""The desk: what is known of money for one log folder, kept current. The page, REST and commands ask it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from ..errors import CallmeterError
from ..settings import Settings, find_file
from ..store.base import Store
from . import position, rules, spending
from .ledger import Ledger
from .position import Position
from .rules import Rules
from .spending import Spent, SpentBetween

_CLOSED = 300.0
"""Seconds for which what was spent between two moments of the past is not asked again."""


class Desk:
    """Rules, ledger and position of a log folder. For several threads; starts none.

    The settings file is read again when it changes; while it is wrong the rules before stand, and `problem`
    says why.
    """

    def __init__(self, store: Store, settings: Settings, environ: Mapping[str, str], home: Path) -> None:
        self.store = store
        self.problem: str | None = None
        self._settings, self._environ, self._home = settings, environ, home
        self._lock = threading.RLock()
        self._rules = Rules()
        self._read: object = None
        self._position: tuple[object, Position] | None = None
        self._closed: dict[tuple[datetime, datetime], Spent] = {}
        self._closed_until = 0.0

    @cached_property
    def ledger(self) -> Ledger:
        """The credit ledger of the log folder."""
        return Ledger(self._settings.credit_dir)

    def rules(self) -> Rules:
        """What is set now."""
        with self._lock:
            file = self._settings.file or find_file(self._environ, Path.cwd(), self._home)
            stamp = (file, _stamp(file))
            if stamp != self._read:
                self._read = stamp
                self._take_in(file)
            return self._rules

    def _take_in(self, file: Path | None) -> None:
        try:
            self._rules = rules.read(file, self._environ)
            self.problem = None
        except CallmeterError as error:
            self.problem = str(error)

    def position(self, now: datetime) -> Position:
        """The position at `now`, reckoned again when data, rules, ledger or the minute changed."""
        with self._lock:
            known = self.rules()
            entries = self.ledger.entries()
            minute = now.replace(second=0, microsecond=0)
            key = (self.store.version, known, entries, minute)
            if self._position is None or self._position[0] != key:
                spent = self._remembering(spending.spent_between(self.store, known.credit.scope), now)
                self._position = key, position.look(self.store, known, entries, now, spent)
            return self._position[1]

    def _remembering(self, between: SpentBetween, now: datetime) -> SpentBetween:
        """Spans that ended two days ago are asked for every few minutes only: days of the past may still
        get lines by an import.
        """
        if time.monotonic() > self._closed_until:
            self._closed.clear()
            self._closed_until = time.monotonic() + _CLOSED

        def answer(since: datetime, until: datetime) -> Spent:
            if until > now - timedelta(days=2):
                return between(since, until)
            if (since, until) not in self._closed:
                self._closed[since, until] = between(since, until)
            return self._closed[since, until]

        return answer


def _stamp(file: Path | None) -> tuple[int, int] | None:
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found else None
