"""The lookout: a thread that looks at the money whenever data changes, and now and then anyway."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from ..errors import CallmeterError
from ..store.base import Health

PATIENCE = 60.0
"""Seconds after which there is a look although nothing changed: hours and days end, credit runs out."""

SHARE = 10.0
"""A look is followed by a pause this many times as long as it took."""

_PAUSE = 1.0
"""Seconds between two looks, at least."""

_STEP = 1.0
"""Seconds after which a waiting thread notices that it should end."""

_log = logging.getLogger("callmeter")


class Watched(Protocol):
    """What tells of changes: a store."""

    @property
    def version(self) -> int:
        """Another one when data changed."""

    def wait(self, version: int, timeout: float) -> int:
        """Wait for another version, for so many seconds at most."""

    def health(self) -> Health:
        """How the reading goes."""


class Lookout:
    """Calls `look` from `start` to `stop`. `problem` says what went wrong the last time."""

    def __init__(self, store: Watched, look: Callable[[], object]) -> None:
        self.problem: str | None = None
        self._store, self._look = store, look
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._thread is not None

    def start(self) -> None:
        """Begin; a second time changes nothing."""
        if self._thread is None:
            self._ended.clear()
            self._thread = threading.Thread(target=self._run, name="callmeter lookout", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, and wait for it: a look that goes on is ended first."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._ended.is_set() and not ready(self._store.health()):
            self._store.wait(self._store.version, _STEP)
        while not self._ended.is_set():
            version, began = self._store.version, time.monotonic()
            self._look_once()
            self._ended.wait(max(_PAUSE, SHARE * (time.monotonic() - began)))
            self._await_news(version, began + PATIENCE)

    def _await_news(self, version: int, until: float) -> None:
        while not self._ended.is_set() and self._store.version == version and time.monotonic() < until:
            self._store.wait(version, _STEP)

    def _look_once(self) -> None:
        try:
            self._look()
            self.problem = None
        except Exception as error:  # noqa: BLE001 - the thread must live on, whatever it meets
            said = str(error) if isinstance(error, CallmeterError) else f"{type(error).__name__}: {error}"
            if said != self.problem:
                unexpected = not isinstance(error, CallmeterError)
                _log.error("Budgets and credit cannot be looked at: %s", said, exc_info=unexpected)
            self.problem = said


def ready(health: Health) -> bool:
    """Whether the log was read: before, calls of the past would be missing."""
    listed = health.days_total > 0 or health.watching != "off"
    return listed and not health.loading and health.folder_problem is None
