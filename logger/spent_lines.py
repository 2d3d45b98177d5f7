"""Lines taken in one by one, each call counted once: as `counted_once` says, without counting all anew.

Most lines share no id and no session with another: they are added, and nothing is kept of them. Of the
others it is kept where they stand, in groups of those that may tell of the same calls: by ids, telemetry and
transcript lines without ids by session and tokens, and a session as a whole once a run of it is known.

A group in which one line may stand for another is counted from the lines themselves, but only by `settle`:
until then the sums hold nothing of it, and `open_usd` and `open_unpriced` are the most it can add to any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, Protocol

from .call_ids import DERIVED, derived_id
from .counted_line import PER_CALL, RUNS, as_name, line_of
from .counted_once import each_counted
from .spent_portion import PICO, Portion, Portions, told_by, whole_line
from .spent_sums import SpentSums

MOST_KEYS = 100_000
"""Ids and sessions by which lines are known again, about 1,000 bytes each; beyond that the older half is
forgotten. A line that tells of a forgotten call counts once more: the guard stops too early, never too late.
"""


class Origin(Protocol):
    """Where lines come from."""

    def line(self, place: Any) -> bytes:
        """A line again, by the place it was given with. Raises OSError."""


_At = tuple[int, Origin, Any]
"""The number of a line in order of arrival, where it comes from, and its place there."""


class _Group:
    """Lines that may tell of the same calls. `portions` of them are in the sums, none while it is open."""

    __slots__ = (
        "into",
        "joins",
        "lines",
        "most",
        "open",
        "portions",
        "runs",
        "sessions",
        "source",
        "twice",
        "unknown",
    )

    def __init__(self, source: str, sessions: tuple[int, ...], at: _At, portion: Portion) -> None:
        self.into: _Group | None = None
        self.lines = [at]
        self.portions: Sequence[Portion] = (portion,)
        self.open = False
        self.sessions = sessions
        self.source: str | None = source
        self.runs = source == RUNS
        self.joins = source in _JOINING
        self.twice = False
        cost = portion.cost
        self.most = abs(cost or 0) + (_ROUNDED if self.runs else 0)
        self.unknown = int(cost is None or self.runs)

    @property
    def alike(self) -> bool:
        """Whether none of these lines can stand for another: they are of one source, their ids differ."""
        return self.source is not None and not self.twice

    def take(self, other: _Group) -> None:
        """Become one with another; both are open, or neither."""
        other.into = self
        self.lines += other.lines
        if other.portions:
            self.portions = _longer(self.portions, other.portions)
        if other.sessions:
            self.sessions = tuple({*self.sessions, *other.sessions})
        self.source = self.source if self.source == other.source else None
        self.runs, self.joins = self.runs or other.runs, self.joins or other.joins
        self.twice = self.twice or other.twice
        self.most, self.unknown = self.most + other.most, self.unknown + other.unknown


def _longer(some: Sequence[Portion], more: Sequence[Portion]) -> list[Portion]:
    """Both; a list grows in place, for a group may take in one line after the other."""
    portions = some if isinstance(some, list) else list(some)
    portions.extend(more)
    return portions


_JOINING = frozenset({*PER_CALL, RUNS})
"""Sources whose lines a session joins, and with them the lines of the same requests."""

_ROUNDED = 1000
"""In `1 / PICO` USD: the rest of a run is rounded, by less than this."""


class SpentLines:
    """Puts into `sums` what counts of all lines taken so far, in whatever order they came.

    Exact after `settle`. Before it a sum is at most what it holds, `open_usd` and `open_unpriced` more:
    of a call that several lines tell of all of them are in these. So they allow a call, and refuse none.
    """

    def __init__(self, sums: SpentSums, portions: Portions) -> None:
        self._sums, self._portions = sums, portions
        self._groups: dict[int, _Group] = {}
        self._sessions: dict[int, list[_Group]] = {}
        self._with_runs: set[int] = set()
        self._open: set[_Group] = set()
        self._most = self.open_unpriced = 0
        self._taken = 0

    @property
    def open_usd(self) -> float:
        """The most that the groups not settled yet can add to any sum."""
        return self._most / PICO

    def take(self, line: bytes, origin: Origin, place: Any) -> None:
        """Take in a line; bytes that are none are passed over. `origin` gives it again by its place."""
        given = told_by(line)
        if given is None:
            return
        self._taken += 1
        source, portion = str(given.get("source") or ""), self._portions.of(given)
        self._sums.add(portion)
        keys = _ids(given)
        session = as_name(given.get("session_id"))
        joins = bool(session) and source in _JOINING
        if not keys and not joins:
            return
        sessions = (hash(("session", session)),) if session else ()
        if joins and source in PER_CALL and not as_name(given.get("request_id")):
            keys += _by_tokens(session, line)
        group = _Group(source, sessions, (self._taken, origin, place), portion)
        self._join(group, keys or [("own", str(self._taken))])

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
        if not group.alike and len(group.lines) > 1:
            self._reopen(group)
        if len(self._groups) > MOST_KEYS:
            self._forget()

    def _with_sessions(self, group: _Group) -> _Group:
        """With all other groups of those of its sessions in which there is a run, if it can be of one."""
        known: set[tuple[bool, int]] = set()
        while group.joins and (more := [one for one in group.sessions if (group.runs, one) not in known]):
            for session in more:
                known.add((group.runs, session))
                if group.runs:
                    self._with_runs.add(session)
                group = self._in_session(group, session)
        return group

    def _in_session(self, group: _Group, session: int) -> _Group:
        others = self._sessions.setdefault(session, [])
        if session in self._with_runs:
            for other in others:
                group = self._one(group, other)
            self._sessions[session] = [group]
        elif not others or others[-1] is not group:
            others.append(group)
        return group

    def _found(self, key: int) -> _Group | None:
        group = self._groups.get(key)
        return None if group is None else _root(group)

    def _one(self, group: _Group, other: _Group) -> _Group:
        """The one group of both; the larger takes the smaller."""
        group, other = _root(group), _root(other)
        if group is other:
            return group
        if len(group.lines) < len(other.lines):
            group, other = other, group
        if group.open or other.open:
            self._reopen(group)
            self._reopen(other)
            self._open.discard(other)
        group.take(other)
        return group

    def _reopen(self, group: _Group) -> None:
        """Take a group out of the sums until it is settled."""
        if group.open:
            return
        for portion in group.portions:
            self._sums.add(portion, -1)
        group.portions, group.open = (), True
        self._most += group.most
        self.open_unpriced += group.unknown
        self._open.add(group)

    def settle(self) -> None:
        """Count the open groups. Raises OSError; those that are left are tried again."""
        while self._open:
            group = next(iter(self._open))
            at = sorted(group.lines, key=itemgetter(0))  # of equal lines the first counts
            lines = [given for one in at if (given := whole_line(one[1].line(one[2]))) is not None]
            group.portions = [self._portions.of(one) for one in each_counted(lines) if one is not None]
            for portion in group.portions:
                self._sums.add(portion)
            group.open = False
            self._most -= group.most
            self.open_unpriced -= group.unknown
            self._open.discard(group)

    def _forget(self) -> None:
        for key in list(islice(self._groups, len(self._groups) // 2)):
            del self._groups[key]
        kept = set(map(_root, self._groups.values()))
        for session, groups in list(self._sessions.items()):
            self._sessions[session] = [one for one in set(map(_root, groups)) if one in kept]
            if not self._sessions[session]:
                del self._sessions[session]
                self._with_runs.discard(session)


def _root(group: _Group) -> _Group:
    while group.into is not None:
        group = group.into
    return group


def _by_tokens(session: str, line: bytes) -> list[tuple[str, str]]:
    """What joins telemetry and transcript lines without ids: their session, and all tokens but the output."""
    given = whole_line(line)
    if given is None:
        return []
    told = line_of(given)
    plain, _, *cached = told.kinds
    return [("tokens", f"{session} {plain} {cached}")] if told.tokens > 0 else []


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
