"""What counts of days: their sums and rows, less what other lines tell of as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from .day import Day
from .links import Links, joined, links_of
from .overlaps import Overlap, Overlaps, note_of
from .shelf import Shelf
from .table import Table

RowsOf = Callable[[Day], list[Table]]
"""The rows of a day in order of time, as they stand in its files."""


class Counted:
    """The overlaps of the days held, and what they leave of each, kept until one of the two changes."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._overlaps = Overlaps()
        self._sums: dict[str, tuple[Table, Overlap, Table]] = {}  # of days with overlaps: those that count

    @property
    def superseded(self) -> int:
        """Lines that do not count, or of which only a rest counts."""
        return self._overlaps.superseded

    @property
    def overlaps(self) -> Mapping[str, Overlap]:
        """By date what of a day's lines does not count as it stands, where there is any."""
        return self._overlaps.days

    def days(self, days: Iterable[Day]) -> list[Day]:
        """The days with the sums that count."""
        overlaps = self.overlaps
        return [self._with_sums(day, overlaps.get(day.date)) for day in days]

    def _with_sums(self, day: Day, overlap: Overlap | None) -> Day:
        if overlap is None or day.sums is None:
            return day
        held = self._sums.get(day.date)
        if held is None or held[0] is not day.sums or held[1] is not overlap:
            held = self._sums[day.date] = day.sums, overlap, overlap.sums(day.sums)
        return replace(day, sums=held[2])

    def rows(self, day: Day, rows_of: RowsOf, grows: Callable[[Day], bool]) -> list[Table]:
        """The rows of a day that count, in order of time.

        grows: whether a day's lines will be needed again, with every one that comes.
        """
        overlap = self.overlaps.get(day.date)
        if overlap is None:
            return rows_of(day)
        held = self._shelf.get(day, overlap)
        if held is None:
            held = overlap.counted(rows_of(day))
            self._shelf.put(day, held, overlap)
            if not grows(day):
                self._shelf.drop_lines(day.date)
        return held

    def note(self, day: str, offset: int) -> str | None:
        """A sentence when a line counts otherwise than its record says."""
        overlap = self.overlaps.get(day)
        return None if overlap is None else note_of(overlap, offset)

    def came(self, day: str, links: Links) -> None:
        """A day is there that was not, with these links."""
        self._overlaps.grown(day, links)

    def changed(self, before: Day, after: Day, fresh: list[Table]) -> None:
        """A day has other content; `fresh` are the rows that came."""
        if before.lines + sum(map(len, fresh)) == after.lines:
            self._overlaps.grown(after.date, joined(map(links_of, fresh)))
        else:
            self._overlaps.replaced(after.date, after.links)

    def gone(self, day: str) -> None:
        """A day is there no more."""
        self._sums.pop(day, None)
        self._overlaps.gone(day)

    def settle(self, rows_of: Callable[[str], list[Table]]) -> None:
        """See to it that calls of which several lines tell count once."""
        self._overlaps.settle(rows_of)
