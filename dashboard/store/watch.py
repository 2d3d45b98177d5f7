"""The system's word that something in the log folder changed.

Only a hint of when to look: what changed is found by looking, so a lost or a needless event does no harm.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from watchdog.events import (
    DirDeletedEvent,
    DirModifiedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    DirDeletedEvent,
    DirModifiedEvent,
]
"""Without opened and closed: our own reading causes those."""

_log = logging.getLogger("callmeter")


class _Names(FileSystemEventHandler):
    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self._told(os.fsdecode(path))


class Watch:
    """Watches one folder, as long as it is the same folder. `told` is called with paths, in a thread."""

    def __init__(self, folder: Path, told: Callable[[str], None]) -> None:
        self._folder = folder
        self._told = told
        self._observer: BaseObserver | None = None
        self._identity: tuple[int, int] | None = None
        self._failed: tuple[int, int] | None = None

    @property
    def alive(self) -> bool:
        """Whether events are being received."""
        return self._observer is not None and self._observer.is_alive()

    def keep(self) -> None:
        """Watch the folder that is there now; call it now and then. Does not raise."""
        identity = self._present()
        if identity is not None and identity == self._identity and self.alive:
            return
        if self._observer is not None:
            self.stop()
        if identity is not None and identity != self._failed:
            self._start(identity)

    def stop(self) -> None:
        """End watching."""
        observer, self._observer, self._identity = self._observer, None, None
        if observer is None:
            return
        with suppress(Exception):
            observer.stop()
            if observer.is_alive():
                observer.join(2)

    def _present(self) -> tuple[int, int] | None:
        try:
            status = self._folder.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _start(self, identity: tuple[int, int]) -> None:
        observer = Observer()
        try:
            observer.schedule(_Names(self._told), os.fspath(self._folder), event_filter=_EVENTS)
            observer.start()
        except Exception as error:  # noqa: BLE001 - whatever keeps the system from telling, polling does not need it
            self._failed = identity
            _log.info("%s: no change events (%s); looking every few seconds instead", self._folder, error)
            return
        self._observer, self._identity = observer, identity
