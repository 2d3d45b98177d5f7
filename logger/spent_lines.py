"""Lines taken in one by one, each call counted once: as `counted_once` says, without counting all anew.

Most lines share no id and no session with another: they are added, and nothing is kept of them. Of the
others it is kept where they stand, in groups of those that may tell of the same calls. Only a group in which
one line may stand for another is counted anew when a line comes to it, from the lines themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, Protocol

from .call_ids import DERIVED, derived_id
from .counted_line import PER_CALL, RUNS, as_name
from .counted_once import each_counted
from .spent_portion import Portion, Portions, told_by, whole_line
from .spent_sums import SpentSums

MOST_KEYS = 200_000
"""Ids and sessions by which lines are known again, below 500 bytes each; beyond that the older half is
forgotten. A line that tells of a forgotten call counts once more: the guard stops too early, never too late.
"""


class Origin(Protocol):
    """Where lines come from."""

    def line(self, place: Any) -> bytes:
        """A line again, by the place it was given with. Raises OSError."""


_At = tuple[int, Origin, Any]
"""The number of a line in order of arrival, where it comes from, and its place there."""


class _Group:
    """Lines joined by ids or by a session. The sums hold `alone` as they are, of `counted` the `portions`."""

    __slots__ = ("alone", "counted", "into", "joins", "portions", "sessions", "source", "twice")

    def __init__(self, source: str, sessions: tuple[int, ...], at: _At) -> None:
        self.into: _Group | None = None
        self.alone = [at]
        self.counted: Sequence[_At] = ()
        self.portions: Sequence[Portion] = ()
        self.sessions = sessions
        self.source: str | None = source
        self.joins = source in _JOINING
        self.twice = False

    @property
    def alike(self) -> bool:
        """Whether none of these lines can stand for another: they are of one source, their ids differ."""
        return self.source is not None and not self.twice

    @property
    def size(self) -> int:
        """How many lines it has."""
        return len(self.alone) + len(self.counted)

    def take(self, other: _Group) -> None:
        """Become one with another."""
        other.into = self
        self.alone += other.alone
        if other.counted:
            self.counted = [*self.counted, *other.counted]
            self.portions = [*self.portions, *other.portions]
        if other.sessions:
            self.sessions = tuple({*self.sessions, *other.sessions})
        self.source = self.source if self.source == other.source else None
        self.joins = self.joins or other.joins
        self.twice = self.twice or other.twice


_JOINING = frozenset({*PER_CALL, RUNS})
"""Sources whose lines a session joins, and with them the lines of the same requests."""


class SpentLines:
    """Puts into `sums` what counts of all lines taken so far, in whatever order they came."""

    def __init__(self, sums: SpentSums, portions: Portions) -> None:
        self._sums, self._portions = sums, portions
        self._groups: dict[int, _Group] = {}
        self._changed: set[_Group] = set()
        self._taken = 0

    def take(self, line: bytes, origin: Origin, place: Any) -> None:
        """Take in a line; bytes that are none are passed over. `origin` gives it again by its place."""
        given = told_by(line)
        if given is None:
            return
        self._taken += 1
        source, portion = str(given.get("source") or ""), self._portions.of(given)
        keys = _ids(given)
        session = as_name(given.get("session_id"))
        if not keys and not (session and source in _JOINING):
            self._sums.add(portion)
            return
        group = _Group(source, (hash(("session", session)),) if session else (), (self._taken, origin, place))
        self._sums.add(portion)
        self._join(group, keys)

    def _join(self, group: _Group, keys: list[tuple[str, str]]) -> None:
        """Put a new line into the group of those it has something in common with."""
        met: list[_Group] = []
        for key in keys:
            found = self._found(hash(key))
            if found is not None:
                met.append(found)
                found.twice = found.twice or key[0] == "call"
        for other in met:
            group = self._one(group, other)
        group = self._with_sessions(group)
        for key in keys:
            self._groups[hash(key)] = group
        if not group.alike and group.size > 1:
            self._changed.add(group)
        if len(self._groups) > MOST_KEYS:
            self._forget()

    def _with_sessions(self, group: _Group) -> _Group:
        """With all other groups of its sessions, if a session can join it."""
        known: set[int] = set()
        while group.joins and (more := set(group.sessions) - known):
            for session in more:
                other = self._found(session)
                if other is not None:
                    group = self._one(group, other)
            known |= more
        for session in known:
            self._groups[session] = group
        return group

    def _found(self, key: int) -> _Group | None:
        group = self._groups.get(key)
        while group is not None and group.into is not None:
            group = group.into
        return group

    def _one(self, group: _Group, other: _Group) -> _Group:
        """The one group of both; the larger takes the smaller."""
        while group.into is not None:
            group = group.into
        while other.into is not None:
            other = other.into
        if group is other:
            return group
        if group.size < other.size:
            group, other = other, group
        group.take(other)
        self._changed.discard(other)
        return group

    def settle(self) -> None:
        """Count anew the groups that have changed. Raises OSError; those that are left are tried again."""
        while self._changed:
            group = next(iter(self._changed))
            every = sorted([*group.counted, *group.alone], key=itemgetter(0))  # of equals the first counts
            lines = {at[0]: given for at in every if (given := whole_line(at[1].line(at[2]))) is not None}
            alone = [lines[at[0]] for at in group.alone if at[0] in lines]
            before = [*group.portions, *map(self._portions.of, alone)]
            after = [self._portions.of(one) for one in each_counted(lines.values()) if one is not None]
            for portion in before:
                self._sums.add(portion, -1)
            for portion in after:
                self._sums.add(portion)
            group.alone, group.counted, group.portions = [], every, after
            self._changed.discard(group)

    def _forget(self) -> None:
        for key in list(islice(self._groups, len(self._groups) // 2)):
            del self._groups[key]


def _ids(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What joins a line to others of the same call, as (kind, id)."""
    found = []
    call_id = given.get("call_id")
    if call_id.__class__ is str and len(call_id) == _DERIVED and DERIVED.fullmatch(call_id):
        found.append(("call", call_id))
    if request := as_name(given.get("request_id")):
        found.append(("request", request))
    if message := as_name(given.get("message_id")):
        found.append(("message", message))
    return found


_DERIVED = len(derived_id("msg", ""))
