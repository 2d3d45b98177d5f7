"""The alerts kept in `logs/alerts/alerts.jsonl`: append-only, shared by processes.

A line is an event: `raised`, `cleared`, `delivered` or `failed`. Of a raised alert it says to whom it is to
be sent, so that any process can go on where another one died.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..jsonl import LinesFile
from . import alerts
from .alerts import SEVERITIES, Alert, Changes, Condition
from .notify import NOWHERE, Delivery

FILE = "alerts.jsonl"

PATIENCE = timedelta(days=1)
"""How long an alert is tried to be delivered."""

MOST = 50
"""So many of the newest alerts are delivered after an outage; of older ones nobody is told."""


@dataclass(frozen=True, slots=True)
class Told:
    """An alert as it was announced, and what became of it."""

    alert: Alert
    to: tuple[str, ...]
    """Names of the channels it is for."""
    delivered: Mapping[str, datetime] = field(default_factory=dict)
    """Channel -> when it was delivered there."""

    @property
    def key(self) -> tuple[str, datetime]:
        """What tells announcements apart: the same crossing may come again."""
        return self.alert.id, self.alert.raised


@dataclass(frozen=True, slots=True)
class Record:
    """How deliveries to a channel go. `failures`: one after another, 0 when the last one worked."""

    last: datetime | None = None
    """When something was delivered last."""
    failures: int = 0
    failed: datetime | None = None
    """When it failed last."""
    since: datetime | None = None
    """When the first of the failures was."""
    reason: str = ""


class AlertLog:
    """The alerts of a folder. `take` is one step for all processes: nothing is announced twice.

    For several threads. All methods raise FolderError when the file cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = LinesFile(folder / FILE)
        self._lock = threading.RLock()
        self._records: Sequence[dict[str, Any]] = ()
        self._begin()

    def take(self, conditions: Sequence[Condition], now: datetime, delivery: Delivery = NOWHERE) -> Changes:
        """Note what is new and what ended, and say what this process is to announce.

        delivery: where what is announced goes.
        """
        safe = [alerts.harmless(condition) for condition in conditions]
        with self._lock:
            if not self._differs(safe, now):
                return Changes()
            with self._file.locked():
                self._read()
                found = alerts.changes(tuple(self._noticed.values()), safe, now)
                self._append([_cleared(alert) for alert in found.cleared])
                self._append([_raised(alert, delivery.names(alert)) for alert in found.raised])
            self._read()
            return found

    def _differs(self, conditions: Sequence[Condition], now: datetime) -> bool:
        """Whether there is something to note; as a rule there is not, and no lock is needed to see it."""
        self._read()
        return alerts.changes(tuple(self._noticed.values()), conditions, now) != Changes()

    def open(self) -> tuple[Alert, ...]:
        """What is so now, of each crossing the highest level, the worst and newest first."""
        with self._lock:
            self._read()
            return alerts.worst(alert for alert in self._noticed.values() if alert.cleared is None)

    def history(self, limit: int) -> tuple[Alert, ...]:
        """The last ones announced, newest first."""
        with self._lock:
            self._read()
            latest = list(self._told.values())[::-1][:limit]
            return tuple(self._as_it_is(told.alert) for told in latest)

    def pending(self, channel: str, now: datetime) -> tuple[Told, ...]:
        """What is still to be delivered to a channel, oldest first; `MOST` of the last `PATIENCE`."""
        with self._lock:
            self._read()
            recent = [
                told
                for told in self._told.values()
                if channel in told.to and abs(now - told.alert.raised) <= PATIENCE
            ]
            return tuple(told for told in recent[-MOST:] if channel not in told.delivered)

    def given_up(self, channel: str, now: datetime) -> int:
        """How many alerts of the last week will not be delivered to a channel any more."""
        with self._lock:
            self._read()
            return sum(
                channel in told.to
                and channel not in told.delivered
                and PATIENCE < now - told.alert.raised < 7 * PATIENCE
                for told in self._told.values()
            )

    def record(self, channel: str) -> Record:
        """How deliveries to a channel go."""
        with self._lock:
            self._read()
            return self._channels.get(channel, Record())

    def delivered(self, told: Told, channel: str, now: datetime) -> None:
        """Note that an alert was delivered."""
        self._note(_event("delivered", told.alert, now, channel=channel))

    def failed(self, told: Told, channel: str, now: datetime, reason: str) -> None:
        """Note that an alert could not be delivered. reason: without anything secret."""
        self._note(_event("failed", told.alert, now, channel=channel, reason=reason))

    @contextmanager
    def sending(self, channel: str) -> Iterator[None]:
        """Keep other processes and threads from delivering to a channel. Ends with the process."""
        place = hashlib.sha256(channel.encode("utf-8", "replace")).hexdigest()[:12]
        with LinesFile(self._folder / f"sending-{place}.jsonl").locked():
            yield

    def problems(self) -> tuple[str, ...]:
        """A sentence for each line that could not be understood."""
        with self._lock:
            self._read()
            return tuple(map(str, self._file.bad))

    def _note(self, event: dict[str, Any]) -> None:
        with self._lock:
            self._append([event])
            self._read()

    def _append(self, events: Sequence[dict[str, Any]]) -> None:
        if events:
            self._file.append(events)

    # From events to what is known

    def _begin(self) -> None:
        self._count = 0
        self._noticed: dict[str, Alert] = {}
        self._told: dict[tuple[str, datetime], Told] = {}
        self._channels: dict[str, Record] = {}

    def _read(self) -> None:
        records = self._file.records()
        if records is not self._records:
            self._records = records
            self._begin()
        for event in records[self._count :]:
            self._take_in(event)
        self._count = len(records)

    def _take_in(self, event: Mapping[str, Any]) -> None:
        """What is no event of ours, or of a later version, says nothing."""
        when = _moment(event.get("timestamp"))
        kind = event.get("event")
        if when is None:
            return
        if kind == "raised" and (alert := _alert(event, when)):
            self._noticed[alert.id] = alert
            if alert.announced:
                told = Told(alert, _texts(event.get("to")))
                self._told[told.key] = told
        elif kind == "cleared" and (known := self._noticed.get(str(event.get("id")))):
            self._noticed[known.id] = replace(known, cleared=when)
            self._close(known, when)
        elif kind in ("delivered", "failed"):
            self._take_in_delivery(event, when)

    def _close(self, known: Alert, when: datetime) -> None:
        told = self._told.get((known.id, known.raised))
        if told:
            self._told[told.key] = replace(told, alert=replace(told.alert, cleared=when))

    def _take_in_delivery(self, event: Mapping[str, Any], when: datetime) -> None:
        channel = str(event.get("channel"))
        before = self._channels.get(channel, Record())
        if event["event"] == "failed":
            since = before.since if before.failures else when
            reason = alerts.plain(str(event.get("reason", "")), 200)
            self._channels[channel] = Record(before.last, before.failures + 1, when, since, reason)
            return
        self._channels[channel] = Record(last=when)
        raised = _moment(event.get("raised"))
        told = self._told.get((str(event.get("id")), raised)) if raised else None
        if told:
            self._told[told.key] = replace(told, delivered={**told.delivered, channel: when})

    def _as_it_is(self, alert: Alert) -> Alert:
        """An announced alert; open again, if it came back in its period."""
        latest = self._noticed[alert.id]
        return replace(alert, cleared=None) if latest.cleared is None else alert


def _raised(alert: Alert, to: Sequence[str]) -> dict[str, Any]:
    condition = alert.condition
    event: dict[str, Any] = {
        "id": alert.id,
        "event": "raised",
        "timestamp": alert.raised.isoformat(),
        "rule": condition.rule,
        "period": condition.period,
        "level": condition.level,
        "severity": condition.severity,
        "sentence": condition.sentence,
        "announced": alert.announced,
    }
    return event | ({"to": list(to)} if alert.announced and to else {})


def _cleared(alert: Alert) -> dict[str, Any]:
    return {"id": alert.id, "event": "cleared", "timestamp": (alert.cleared or alert.raised).isoformat()}


def _event(kind: str, alert: Alert, now: datetime, **more: str) -> dict[str, Any]:
    said = {"id": alert.id, "event": kind, "timestamp": now.isoformat(), "raised": alert.raised.isoformat()}
    return said | more


def _alert(event: Mapping[str, Any], when: datetime) -> Alert | None:
    texts = [event.get(name) for name in ("rule", "period", "severity", "sentence")]
    level = event.get("level")
    if not all(isinstance(one, str) for one in texts) or isinstance(level, bool):
        return None
    if not isinstance(level, int) or texts[2] not in SEVERITIES:
        return None
    rule, period, severity, sentence = map(str, texts)
    condition = alerts.harmless(Condition(rule, period, level, severity, sentence))
    return Alert(condition, when, announced=event.get("announced") is not False)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None
