"""Which lines tell of calls that other lines tell of, in all days, and what counts of them.

Kept current as days come, grow and go: only the lines that share an id or a session with what changed are
looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import MEASURES
from .identities import KEYS
from .links import Index, Links, distinct, in_both, sessions_of, within
from .once import settled
from .sums import added, summed
from .table import Table, concat, in_order, inserted
from .verdict import COUNTS, REST_COUNTS, Settled

Array = NDArray[Any]

RowsOf = Callable[[str], list[Table]]
"""The rows of a day, as they stand in its files."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """The lines of a day that do not count as they stand, and the rows that count in their place."""

    lines: Table
    """With `why`, see `verdict`."""
    rows: Table
    change: Table
    """What this changes in the day's sums: sums of `rows` less those of `lines`."""

    @property
    def superseded(self) -> int:
        """Lines that do not count, or of which only a rest counts; taking names from others is neither."""
        return int((self.lines.numbers["why"] != COUNTS).sum())

    def counted(self, rows: Iterable[Table]) -> list[Table]:
        """The rows of the day that count, of those that stand in its files."""
        gone = self.lines.numbers["offset"]
        left = [part.take(~np.isin(part.numbers["offset"], gone)) for part in rows]
        return inserted(left, [self.rows], "time")

    def sums(self, sums: Table) -> Table:
        """The sums of the day that count, of those of its lines."""
        whole = added([sums, self.change])
        return whole.take(whole.numbers["lines"] != 0)


class Overlaps:
    """The overlaps of all days held. `days` maps a date to its overlap, where it has one."""

    def __init__(self) -> None:
        self.days: Mapping[str, Overlap] = {}
        self._links: dict[str, Links] = {}
        self._ids, self._runs, self._calls = Index(), Index(), Index()
        self._due_ids: list[Array] = []
        self._due_sessions: list[Array] = []

    def grown(self, day: str, links: Links) -> None:
        """A day has these further links."""
        self._links[day] = self._links[day].with_(links) if day in self._links else links
        number = _number(day)
        self._ids.add(links.ids, number)
        self._runs.add(links.runs, number)
        self._calls.add(links.calls, number)
        self._note(links)

    def replaced(self, day: str, links: Links) -> None:
        """A day has these links and no others; its lines stand at other places."""
        self.gone(day)
        self.grown(day, links)

    def gone(self, day: str) -> None:
        """A day has no lines any more."""
        before = self._links.pop(day, None)
        if before is not None:
            self._note(before)
            for index in (self._ids, self._runs, self._calls):
                index.drop(_number(day))
        self.days = {name: overlap for name, overlap in self.days.items() if name != day}

    def _note(self, links: Links) -> None:
        """What of these links others have too is to be looked at."""
        several = self._ids.several(links.ids)
        if len(several):
            self._due_ids.append(several)
        mixed = self._mixed(_all([links.runs, links.calls]))
        if len(mixed):
            self._due_sessions.append(mixed)

    def _mixed(self, sessions: Array) -> Array:
        """Those of these sessions that have both runs and calls."""
        runs, calls = (distinct(index.found(sessions)[0]) for index in (self._runs, self._calls))
        return in_both(runs, calls)

    @property
    def superseded(self) -> int:
        """Lines that do not count, or of which only a rest counts."""
        return sum(overlap.superseded for overlap in self.days.values())

    @property
    def due(self) -> bool:
        """Whether there is something to look at."""
        return bool(self._due_ids or self._due_sessions)

    def settle(self, rows_of: RowsOf) -> bool:
        """Look at what is due; whether anything counts otherwise than before."""
        if not self.due:
            return False
        ids, sessions = _all(self._due_ids), _all(self._due_sessions)
        self._due_ids, self._due_sessions = [], []
        found = self._gathered(ids, sessions, rows_of)
        if not found:
            return False
        rows = concat(
            [_with(part, "day", np.full(len(part), _number(day))) for day, part in sorted(found.items())]
        )
        self._publish(rows, settled(rows), found)
        return True

    def _gathered(self, ids: Array, sessions: Array, rows_of: RowsOf) -> dict[str, Table]:
        """By day the rows with any of these ids or sessions, and with those that such rows have too."""
        held: dict[str, tuple[Table, Array]] = {}
        while True:
            for day in self._days_of(ids, sessions) - held.keys():
                rows = in_order(rows_of(day), "time")
                held[day] = rows, sessions_of(rows)
            found = {day: rows.take(_having(rows, own, ids, sessions)) for day, (rows, own) in held.items()}
            more_ids, more_sessions = self._further(found.values())
            if within(more_ids, ids).all() and within(more_sessions, sessions).all():
                return {day: rows for day, rows in found.items() if len(rows)}
            ids, sessions = _all([ids, more_ids]), _all([sessions, more_sessions])

    def _days_of(self, ids: Array, sessions: Array) -> set[str]:
        numbers = self._ids.days(ids) | self._runs.days(sessions) | self._calls.days(sessions)
        return {date.fromordinal(number).isoformat() for number in numbers}

    def _further(self, parts: Iterable[Table]) -> tuple[Array, Array]:
        """The ids that rows share with others, and the sessions of theirs that have runs and calls."""
        ids = [rows.numbers[key] for rows in parts for key in KEYS]
        sessions = [sessions_of(rows) for rows in parts]
        return self._ids.several(_all(ids)), self._mixed(_all(sessions))

    def _publish(self, rows: Table, now: Settled, found: Mapping[str, Table]) -> None:
        days = dict(self.days)
        for day, looked_at in found.items():
            number = _number(day)
            own = rows.numbers["day"][now.touched] == number
            inside = rows.numbers["day"][now.place] == number
            lines = [_with(_bare(rows.take(now.touched[own])), "why", now.why[own])]
            instead = [_bare(now.rows.take(inside))]
            before = days.pop(day, None)
            if before is not None:
                lines.append(_without(before.lines, looked_at))
                instead.append(_without(before.rows, looked_at))
            overlap = _overlap(concat(lines), concat(instead))
            if len(overlap.lines):
                days[day] = overlap
        self.days = days


def _number(day: str) -> int:
    return date.fromisoformat(day).toordinal()


def _all(parts: Iterable[Array]) -> Array:
    """The distinct values of all, without 0."""
    return distinct(np.concatenate([np.empty(0, dtype=np.int64), *parts]))


def _having(rows: Table, own: Array, ids: Array, sessions: Array) -> Array:
    """Which rows have any of these ids or sessions."""
    found = within(own, sessions)
    for key in KEYS:
        found |= within(rows.numbers[key], ids)
    return found


def _with(rows: Table, name: str, values: Array) -> Table:
    return replace(rows, numbers={**rows.numbers, name: values})


def _bare(rows: Table) -> Table:
    return replace(rows, numbers={name: values for name, values in rows.numbers.items() if name != "day"})


def _without(rows: Table, others: Table) -> Table:
    """The rows that do not stand where one of the others does."""
    return rows.take(~np.isin(rows.numbers["offset"], others.numbers["offset"]))


def _overlap(lines: Table, rows: Table) -> Overlap:
    less = summed(lines)
    numbers = {name: -values if name in MEASURES else values for name, values in less.numbers.items()}
    return Overlap(lines, in_order([rows], "time"), added([summed(rows), replace(less, numbers=numbers)]))


def note_of(overlap: Overlap, offset: int) -> str | None:
    """What to say of a line that counts otherwise than it stands; None when there is nothing to say."""
    here = overlap.lines.numbers["offset"] == offset
    if (overlap.lines.numbers["why"][here] == REST_COUNTS).any():
        return (
            "The calls of this run were logged one by one as well, and count there. "
            "Here counts only what the run used beyond them."
        )
    return None
