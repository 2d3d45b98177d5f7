"""Telemetry events into the log: each call once, however often its event is delivered."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .call_line import line_within
from .clock import LocalClock
from .journal import Journal
from .logged_ids import ids_of_day, near
from .price_table import PriceTable
from .pricing import built_in
from .record import CallRecord, values_of
from .telemetry import Event, Reading, records_of

MOST_DAYS = 8
"""Days whose ids are kept in memory; each is read from its file once, the first time it is asked for."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a delivery: the calls that are new, how many were known, how many say nothing.

    safe: whether the lines of all its calls are in their files. If not, it must be delivered again.
    """

    new: tuple[CallRecord, ...] = ()
    repeated: int = 0
    refused: int = 0
    safe: bool = True


class TelemetryLog:
    """Writes the calls that telemetry events tell of. Safe for threads; never raises.

    After a restart the files say what is known, so a delivery may be repeated at any time. Two processes
    that take in the same delivery at the same moment may both write it: readers count an id once.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        prices: PriceTable | None = None,
        clock: LocalClock | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._prices = prices if prices is not None else built_in()
        self._clock = clock or LocalClock()
        self._now = now
        self._days: OrderedDict[str, set[str]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, events: Iterable[Event]) -> Taken:
        """Write the lines of the calls that are not in the log yet."""
        with self._lock:
            if not self._journal.flush():  # while nothing can be written, nothing more is taken on
                return Taken(safe=False)
            reading = Reading(self._prices, self._clock, self._now())
            records = records_of(events, reading)
            told = [record for record in records if record is not None]
            new = tuple(record for record in told if self._take(record))
            refused = len(records) - len(told)
            return Taken(new, len(told) - len(new), refused, safe=not self._journal.waiting)

    def _take(self, record: CallRecord) -> bool:
        """Whether the call is new. Its line is in the file then, or waits in the journal."""
        day, call_id = record.timestamp[:10], record.call_id or ""
        if any(call_id in self._ids(one) for one in near(day)):
            return False
        self._journal.append(day, line_within(values_of(record)))
        self._ids(day).add(call_id)
        return True

    def _ids(self, day: str) -> set[str]:
        if day not in self._days:
            self._days[day] = ids_of_day(self._journal.folder, day)
        self._days.move_to_end(day)
        while len(self._days) > MOST_DAYS:
            self._days.popitem(last=False)
        return self._days[day]
