"""The thread that keeps a store current: told by the system where it tells, looking now and then anyway.

What the system tells is only where to look first. Looking gently never stops, so that symbolic links,
network file systems and lost events cost a few seconds at most.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Protocol

from .condition import day_of, folder_stamp
from .tail import Stamp
from .watch import Watch

_TOGETHER = 0.02
"""Seconds in which changes are taken together."""

_SHARE = 0.05
"""Seconds of reading old days after which news come first."""

_MISSING_POLL = 0.5
"""Seconds between looks for a folder that is not there."""

_FEW = 3
"""The newest days are looked at with every poll."""

_SELDOM = 15
"""All days are looked at with every so many polls."""

_log = logging.getLogger("callmeter")


class Followed(Protocol):
    """What is kept current."""

    folder: Path

    def look(self, names: Iterable[str] | None = None) -> None:
        """Bring days up to date; without names, learn which days there are."""

    def newest(self, count: int | None = None) -> list[str]:
        """The days that were read, newest first."""

    def read_older(self, seconds: float) -> bool:
        """Read days not read yet for about so long; whether there are more."""

    def save(self) -> None:
        """Put into the cache what is worth it."""


class Follower:
    """Follows a folder from `start` to `stop`; `how` says by which means."""

    def __init__(self, store: Followed, poll_seconds: float, *, events: bool) -> None:
        self._store = store
        self._poll_seconds = poll_seconds
        self._told: SimpleQueue[str] = SimpleQueue()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._watch = Watch(store.folder, self._tell) if events else None
        self._folder: Stamp | None = None
        self._polls = 0
        self._next_poll = 0.0

    @property
    def how(self) -> str:
        """`events`, `polling` or `off`."""
        if self._thread is None:
            return "off"
        return "events" if self._watch and self._watch.alive else "polling"

    def start(self) -> None:
        """Begin; a second time changes nothing."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="callmeter store", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, and wait until it ended."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._watch:
            self._watch.stop()

    def _tell(self, path: str) -> None:
        self._told.put(path)
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                more = self._turn(began)
            except Exception:  # noqa: BLE001 - the thread must live on, whatever it meets
                _log.exception("the log folder could not be looked at; trying again")
                more = False
                self._stop.wait(self._poll_seconds)
            if not more:
                self._rest(began)
            self._wake.clear()

    def _turn(self, now: float) -> bool:
        """One round: news, then what polling finds, then a share of the old days; whether there are more."""
        self._take_told()
        if now >= self._next_poll:
            self._poll(now)
        more = self._store.read_older(_SHARE)
        if not more and self._told.empty():
            self._store.save()
        return more

    def _rest(self, began: float) -> None:
        self._wake.wait(max(0.0, self._next_poll - time.monotonic()))
        self._stop.wait(max(0.0, began + _TOGETHER - time.monotonic()))

    def _take_told(self) -> None:
        paths: set[str] = set()
        while True:
            try:
                paths.add(Path(self._told.get_nowait()).name)
            except Empty:
                break
        names = {day for path in paths if (day := day_of(path))}
        if names:
            self._store.look(sorted(names, reverse=True))
        if self._store.folder.name in paths:
            self._next_poll = 0.0

    def _poll(self, now: float) -> None:
        if self._watch:
            self._watch.keep()
        folder = folder_stamp(self._store.folder)
        if folder is None or folder != self._folder:
            self._store.look()
        fresh = folder is not None and time.time_ns() - folder.mtime_ns < 2_000_000_000
        self._folder = None if fresh else folder  # a name that came in the same tick would go unseen
        self._store.look(self._store.newest(None if self._polls % _SELDOM == 0 else _FEW))
        self._polls += 1
        self._next_poll = now + (self._poll_seconds if folder else min(self._poll_seconds, _MISSING_POLL))
