"""The courier: delivers what was announced, each channel on its own, again and again until it works.

What is still to be delivered stands in the alert log, so that nothing is lost when a process dies, and what
another process delivers is not delivered again.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from ..errors import CallmeterError
from .alert_log import PATIENCE, REPEATS, AlertLog, Record, Told
from .channel import NO_ANSWER, Channel, ChannelError, Open, open_channel
from .message import Message
from .notify import Address

BACK_OFF = (5.0, 30.0, 120.0, 600.0)
"""Seconds until the next try, by how many failed before; the last one from then on."""

SINGLY = 20
"""So many alerts are sent as messages of their own, the worst first; what waits besides is one message."""

_LOOK = 60.0
"""Seconds after which a waiting channel looks by itself: another process may have left it something."""

_LEAST = 0.05
"""Seconds between two tries in any case."""

_log = logging.getLogger("callmeter")

Tell = Callable[[Sequence[Told]], Message]
"""The message that tells of one alert, or of several."""


def _never() -> bool:
    return False


class Round:
    """One channel: what is due is delivered, under a lock that ends with the process."""

    def __init__(
        self,
        log: AlertLog,
        address: Address,
        tell: Tell,
        opened: Open = open_channel,
    ) -> None:
        self.address = address
        self.problem: str | None = None
        self._log, self._tell, self._open = log, tell, opened
        self._channel: Channel | None = None
        self._sent: set[tuple[str, datetime]] = set()
        self._tries: Counter[tuple[str, datetime]] = Counter()

    def deliver(self, clock: Callable[[], datetime], late: Callable[[], bool] = _never) -> float | None:
        """Deliver what is pending; seconds until the next try, None when nothing is left to do.

        Not before the time that a failure before asks to wait. late: whether to begin with no more.
        Raises FolderError.
        """
        if not self._log.pending(self.address, clock()):
            return None
        with self._log.sending(self.address):
            wait = self._due(clock())
            if wait > 0:
                return wait
            for batch in self._batches(clock()):
                if late() or not self._deliver(batch, clock):
                    return self._due(clock())
            return self._next(clock())

    def _batches(self, now: datetime) -> Iterator[list[Told]]:
        """Those that failed least come first: one that is never taken must not keep others back."""
        due = [told for told in self._log.pending(self.address, now) if not self._wait(told, now)]
        first, rest = due[:SINGLY], due[SINGLY:]
        yield from ([told] for told in sorted(first, key=lambda told: self._tries[told.key]))
        if rest:
            yield rest

    def _deliver(self, batch: Sequence[Told], clock: Callable[[], datetime]) -> bool:
        unsent = [told for told in batch if told.key not in self._sent]
        why = self._send(self._tell(unsent)) if unsent else ""
        if why:
            self._tries.update(told.key for told in unsent)
            self._log.failed(unsent, self.address, clock(), why, unsure=why == NO_ANSWER)
            return False
        self._sent.update(told.key for told in unsent)
        self._log.delivered(batch, self.address, clock())
        return True

    def _next(self, now: datetime) -> float | None:
        """Seconds until the first of what may have arrived is sent again."""
        return min((self._wait(told, now) for told in self._log.pending(self.address, now)), default=None)

    def _wait(self, told: Told, now: datetime) -> float:
        return self._log.wait(told, self.address, now)

    def opened(self) -> Channel | None:
        """The channel; None when its address cannot be used, and `problem` says why."""
        try:
            self._channel = self._channel or self._open(self.address)
            self.problem = None
        except ChannelError as error:
            self.problem = str(error)
        return self._channel

    def trouble(self) -> str | None:
        """A sentence while nothing is delivered, else None."""
        return self.problem or trouble(self._log.record(self.address), self.address.name)

    def _send(self, message: Message) -> str:
        channel = self.opened()
        return "the address cannot be used" if channel is None else channel.send(message)

    def _due(self, now: datetime) -> float:
        """Seconds until the channel may be tried."""
        record = self._log.record(self.address)
        if not record.failures or record.failed is None:
            return 0.0
        wait = BACK_OFF[min(record.failures, len(BACK_OFF)) - 1]
        left = (record.failed + timedelta(seconds=wait) - now).total_seconds()
        return min(left, wait)


class Courier:
    """Delivers in a thread per channel, which never holds up who calls. Addresses may change any time."""

    def __init__(
        self,
        log: AlertLog,
        tell: Tell,
        clock: Callable[[], datetime],
        opened: Open = open_channel,
    ) -> None:
        self._log, self._tell, self._clock, self._open = log, tell, clock, opened
        self._lock = threading.Lock()
        self._posts: dict[Address, _Post] = {}

    def send_to(self, addresses: Sequence[Address]) -> None:
        """Deliver what is pending to these, and to no others any more. Returns at once."""
        with self._lock:
            for gone in self._posts.keys() - set(addresses):
                self._posts.pop(gone).end()
            for address in addresses:
                if address not in self._posts:
                    turn = Round(self._log, address, self._tell, self._open)
                    self._posts[address] = _Post(turn, self._clock)
                self._posts[address].wake()

    def stop(self) -> None:
        """End the threads; a delivery that goes on is not waited for."""
        self.send_to(())

    def problems(self) -> tuple[str, ...]:
        """A sentence for each channel that does not deliver. Raises FolderError."""
        with self._lock:
            rounds = [post.round for post in self._posts.values()]
        return tuple(said for one in rounds if (said := one.trouble()))


class _Post:
    """The thread of a channel."""

    def __init__(self, turn: Round, clock: Callable[[], datetime]) -> None:
        self.round = turn
        self._clock = clock
        self._woken = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        self._woken.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="callmeter courier", daemon=True)
            self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._woken.set()

    def _run(self) -> None:
        self.round.opened()
        said: str | None = None
        while not self._ended.is_set():
            self._woken.clear()
            wait, trouble = self._turn()
            if trouble and not said:
                _log.warning("%s", trouble)
            said = trouble
            if not self._ended.is_set():
                self._woken.wait(_LOOK if wait is None else max(_LEAST, wait))

    def _turn(self) -> tuple[float | None, str | None]:
        """Seconds until the next try, and what is wrong."""
        try:
            return self.round.deliver(self._clock), self.round.trouble()
        except CallmeterError as error:
            return _LOOK, f"Alerts to {self.round.address.name} are not delivered: {error}"
        except Exception as error:  # noqa: BLE001 - the thread must live on, whatever it meets
            name = type(error).__name__  # its text may hold an address
            return _LOOK, f"Alerts to {self.round.address.name} are not delivered: it failed with {name}"


def trouble(record: Record, name: str) -> str | None:
    """A sentence while a channel does not deliver, else None."""
    if not record.failures or record.since is None:
        return None
    since = f"{record.since:%Y-%m-%d %H:%M}"
    if record.reason == NO_ANSWER:
        again = f"Each is sent again {len(REPEATS)} times at most."
        return f"Alerts to {name} are not confirmed since {since}: {record.reason}. {again}"
    hours = PATIENCE.total_seconds() / 3600
    return (
        f"Alerts to {name} do not arrive since {since}: {record.reason}."
        f" Each is tried again for {hours:.0f} hours."
    )
