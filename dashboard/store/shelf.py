"""The rows in memory: those of the days last asked for, up to a number of rows.

Of a day with overlaps the rows that count are kept apart from those of its lines.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from .day import Day
from .overlaps import Overlap
from .table import Table


class Shelf:
    """Rows by day, least recently used first. Safe to use from any thread."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, bool], tuple[object, list[Table]]] = OrderedDict()
        self._rows = 0

    @property
    def rows(self) -> int:
        """Rows held now."""
        return self._rows

    def get(self, day: Day, overlap: Overlap | None = None) -> list[Table] | None:
        """The rows of just this state of the day; with an overlap those that count."""
        key, state = _place(day, overlap)
        with self._lock:
            held = self._held.get(key)
            if held is None or held[0] != state:
                return None
            self._held.move_to_end(key)
            return held[1]

    def put(
        self, day: Day, tables: list[Table], overlap: Overlap | None = None, *, old: bool = False
    ) -> None:
        """Keep the rows of a day; others go when there are too many, an `old` day only with room."""
        key, state = _place(day, overlap)
        size = sum(map(len, tables))
        with self._lock:
            self._drop(key)
            if old and self._rows + size > self._budget:
                return
            self._held[key] = state, tables
            self._rows += size
            while self._rows > self._budget and len(self._held) > 1:
                self._drop(next(iter(self._held)))

    def drop(self, date: str) -> None:
        """Forget a day."""
        with self._lock:
            self._drop((date, False))
            self._drop((date, True))

    def drop_lines(self, date: str) -> None:
        """Forget the rows of a day's lines, not those that count."""
        with self._lock:
            self._drop((date, False))

    def _drop(self, key: tuple[str, bool]) -> None:
        _, tables = self._held.pop(key, (None, []))
        self._rows -= sum(map(len, tables))


def _place(day: Day, overlap: Overlap | None) -> tuple[tuple[str, bool], object]:
    return (day.date, overlap is not None), (day.content, overlap)
