"""Tokens by the metrics against tokens by the events: what the one has more was lost to the other.

The CLI counts the same tokens twice and sends both ways. The metrics never become lines; they only show
that events are missing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite

from logger.record import CallRecord

from .events import Point
from .status import Gap

PATIENCE = 30.0
"""Seconds metrics may be ahead of events, which come on a way of their own."""

MOST_SESSIONS = 500
MOST_SERIES = 200
"""What is remembered: the sessions last heard of, and the series of each."""

_KINDS = {"input": 0, "output": 1, "cacheRead": 2, "cacheCreation": 3}
_Counts = list[float]
_Series = tuple[tuple[tuple[str, object], ...], float]


def _nothing() -> _Counts:
    return [0.0] * len(_KINDS)


@dataclass(slots=True)
class _Model:
    """A model of a session; the counts are in the order of `_KINDS`."""

    events: _Counts = field(default_factory=_nothing)
    metrics: _Counts = field(default_factory=_nothing)
    ahead_since: float | None = None

    def look(self, now: float) -> None:
        """Note whether the metrics are ahead."""
        ahead = any(more > 0.5 for more in self.gap())
        self.ahead_since = (self.ahead_since or now) if ahead else None

    def gap(self) -> _Counts:
        return [max(0.0, m - e) for m, e in zip(self.metrics, self.events, strict=True)]


@dataclass(slots=True)
class _Session:
    models: dict[str, _Model] = field(default_factory=dict)
    series: dict[_Series, tuple[float, float]] = field(default_factory=dict)
    """Of each series of a process: the time of its last point, and its last cumulative count."""


class Tally:
    """Adds up both ways, from a moment on (Unix s): what was counted before it cannot be compared."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def events(self, records: Iterable[CallRecord], now: float) -> None:
        """Take in calls that are new in the log."""
        for record in records:
            if record.success and record.session_id and (record.end_time or 0.0) >= self._since:
                model = self._session(record.session_id).models.setdefault(record.model, _Model())
                for place, tokens in enumerate(_tokens(record)):
                    model.events[place] += tokens
                model.look(now)

    def metrics(self, points: Iterable[Point], now: float) -> None:
        """Take in points; one that was there already adds nothing."""
        for point in points:
            told = dict(point.attributes)
            session_id, model, kind = told.get("session.id"), told.get("model"), told.get("type")
            place = _KINDS.get(kind) if isinstance(kind, str) else None
            if place is None or not isinstance(session_id, str) or not isinstance(model, str):
                continue
            session = self._session(session_id)
            tokens = self._tokens_of(session, point)
            counted = session.models.setdefault(model, _Model())
            counted.metrics[place] += tokens
            counted.look(now)

    def gaps(self, now: float) -> tuple[Gap, ...]:
        """Sessions and models whose metrics have been ahead for a while, by the tokens they are ahead."""
        found = [
            Gap(session_id, name, *map(round, model.gap()))
            for session_id, session in self._sessions.items()
            for name, model in session.models.items()
            if model.ahead_since is not None and now - model.ahead_since >= PATIENCE
        ]
        return tuple(found)

    def _tokens_of(self, session: _Session, point: Point) -> float:
        """What a point adds: points of one series come in order, so an older one is a repetition."""
        if not isfinite(point.tokens) or point.tokens < 0 or point.start < self._since:
            return 0.0
        series = (point.attributes, point.start if point.cumulative else 0.0)
        if series not in session.series and len(session.series) >= MOST_SERIES:
            return 0.0
        last, counted = session.series.get(series, (0.0, 0.0))
        if point.time <= last:
            return 0.0
        session.series[series] = (point.time, max(counted, point.tokens))
        return max(0.0, point.tokens - counted) if point.cumulative else point.tokens

    def _session(self, session_id: str) -> _Session:
        session = self._sessions.setdefault(session_id, _Session())
        self._sessions.move_to_end(session_id)
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session


def _tokens(record: CallRecord) -> tuple[int, ...]:
    writes = (record.tokens_cache_write_5m or 0) + (record.tokens_cache_write_1h or 0)
    return record.tokens_input or 0, record.tokens_output or 0, record.tokens_cache_read or 0, writes
