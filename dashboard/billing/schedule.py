"""The server's own syncing: a thread that looks each minute whether one is due. Off unless it is set."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ..errors import CallmeterError
from . import plan
from .busy import BusyError
from .sync import Done, Tell
from .sync_log import Attempt, SyncLog, failures

FIRST_LOOK = 10.0
"""Seconds after the start: the page comes first."""

LOOK = 30.0
"""Seconds between two looks."""

GOODBYE = 2.0
"""Seconds that a sync at work has to end when the server stops; it ends after the page it reads."""

_log = logging.getLogger("callmeter")


class StoppedError(CallmeterError):
    """The server ends, and the sync with it."""

    def __init__(self) -> None:
        super().__init__("the server was stopped")


def due(attempts: Sequence[Attempt], hours: float, now: datetime) -> datetime:
    """When the next sync is due, after whatever was tried last, by whomever."""
    if not attempts:
        return now
    last = attempts[-1]
    ended = min(last.ended or last.started, now)
    return ended + timedelta(seconds=plan.wait(hours, failures(attempts), last.retry_after))


class Schedule:
    """Syncs from `start` to `stop` whenever it is due. `problem`: what went wrong the last time.

    hours: how often, None for never; asked each time, so that a changed file counts. Raises SettingError.
    attempt: one sync, which calls what it is given after each page. Raises CallmeterError.
    """

    def __init__(
        self,
        folder: Path,
        hours: Callable[[], float | None],
        attempt: Callable[[Tell], Done],
        clock: Callable[[], datetime],
        *,
        first_look: float = FIRST_LOOK,
    ) -> None:
        self.problem: str | None = None
        self._log_file = SyncLog(folder)
        self._hours, self._attempt, self._clock = hours, attempt, clock
        self._first_look = first_look
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Schedule:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin; a second time changes nothing."""
        if self._thread is None:
            self._ended.clear()
            self._thread = threading.Thread(target=self._run, name="callmeter sync", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End; a sync at work is left after its page, and not waited for long."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(GOODBYE)
            self._thread = None

    def look(self) -> None:
        """Sync if it is due; never raises."""
        try:
            said = self._look()
        except BusyError:
            return
        except StoppedError:
            return
        except CallmeterError as error:
            said = str(error)
        except Exception as error:  # noqa: BLE001 - the thread must live on, whatever it meets
            said = f"it failed with {type(error).__name__}"
            _log.debug("Sync by the server", exc_info=True)
        if said and said != self.problem:
            _log.warning("Anthropic's numbers are not synced: %s", said)
        self.problem = said

    def _look(self) -> str | None:
        hours = self._hours()
        if hours is None:
            return None
        now = self._clock()
        if due(self._log_file.attempts(), hours, now) > now:
            return self.problem
        done = self._attempt(self._tell)
        return str(done.error) if done.error else None

    def _tell(self, done: int, planned: int, rows: int) -> None:
        if self._ended.is_set():
            raise StoppedError

    def _run(self) -> None:
        wait = self._first_look
        while not self._ended.wait(wait):
            self.look()
            wait = LOOK
