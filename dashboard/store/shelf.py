"""The rows in memory: those of the days last asked for, up to a number of rows."""

from __future__ import annotations

import threading
from collections import OrderedDict

from .day import Day
from .table import Table


class Shelf:
    """Rows by day, least recently used first. Safe to use from any thread."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[object, list[Table]]] = OrderedDict()
        self._rows = 0

    @property
    def rows(self) -> int:
        """Rows held now."""
        return self._rows

    def get(self, day: Day) -> list[Table] | None:
        """The rows of just this state of the day."""
        with self._lock:
            held = self._held.get(day.date)
            if held is None or held[0] != day.content:
                return None
            self._held.move_to_end(day.date)
            return held[1]

    def put(self, day: Day, tables: list[Table], *, old: bool = False) -> None:
        """Keep the rows of a day; others go when there are too many, an `old` day only with room."""
        size = sum(map(len, tables))
        with self._lock:
            self._drop(day.date)
            if old and self._rows + size > self._budget:
                return
            self._held[day.date] = day.content, tables
            self._rows += size
            while self._rows > self._budget and len(self._held) > 1:
                self._drop(next(iter(self._held)))

    def drop(self, date: str) -> None:
        """Forget a day."""
        with self._lock:
            self._drop(date)

    def _drop(self, date: str) -> None:
        _, tables = self._held.pop(date, (None, []))
        self._rows -= sum(map(len, tables))
