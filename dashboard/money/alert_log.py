"""The alerts kept in `logs/alerts/alerts.jsonl`: append-only, shared by processes.

A line is an event: `raised`, `cleared`, `delivered` or `failed`. What was announced is to be sent to every
address of whoever delivers, and any process can go on where another one died. Addresses are known by a
digest of their own, with a salt kept beside the file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..jsonl import LinesFile, moment
from . import alerts
from .alerts import SEVERITIES, Alert, Changes, Condition
from .notify import NOWHERE, Address, Delivery
from .salt import Salt

FILE = "alerts.jsonl"
SALT = ".salt"

PATIENCE = timedelta(days=1)
"""How long an alert is tried to be delivered."""

REPEATS = (600.0, 3600.0, 6 * 3600.0)
"""Seconds until an alert is sent again that may have arrived, by how often it was sent; not more often."""


@dataclass(frozen=True, slots=True)
class Told:
    """An alert as it was announced, and what became of it."""

    alert: Alert
    to: Mapping[str, str] = field(default_factory=dict)
    """Digest -> name of the addresses it was for when it was announced."""
    not_to: Mapping[str, str] = field(default_factory=dict)
    """Those it was not severe enough for."""
    delivered: Mapping[str, datetime] = field(default_factory=dict)
    """Digest -> when it was delivered there."""
    unsure: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    """Digest -> when it was sent without an answer: it may have arrived."""

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
        self._salt = Salt(folder / SALT)
        self._lock = threading.RLock()
        self._records: Sequence[dict[str, Any]] = ()
        self._begin()

    def take(
        self,
        conditions: Sequence[Condition],
        now: datetime,
        delivery: Delivery = NOWHERE,
        kept: Callable[[Alert], bool] = lambda alert: False,
    ) -> Changes:
        """Note what is new and what ended, and say what this process is to announce.

        delivery: where what is announced goes. kept: see `alerts.changes`.
        """
        safe = [alerts.harmless(condition) for condition in conditions]
        with self._lock:
            if self._found(safe, now, kept) == Changes():
                return Changes()  # as a rule, and no lock is needed to see it
            with self._file.locked():
                found = self._found(safe, now, kept)
                self._append([_cleared(alert) for alert in found.cleared])
                self._append([self._raised(alert, delivery) for alert in found.raised])
            self._read()
            return found

    def _found(
        self, conditions: Sequence[Condition], now: datetime, kept: Callable[[Alert], bool]
    ) -> Changes:
        self._read()
        return alerts.changes(tuple(self._noticed.values()), conditions, now, kept)

    def _raised(self, alert: Alert, delivery: Delivery) -> dict[str, Any]:
        event = _raised(alert)
        if alert.announced and delivery.to:
            known = {self._salt.digest(one.url): one for one in delivery.addresses}
            event["to"] = {key: one.name for key, one in known.items() if one.wants(alert)}
            event["not_to"] = {key: one.name for key, one in known.items() if not one.wants(alert)}
        return event

    def open(self) -> tuple[Alert, ...]:
        """What is so now, of each crossing the highest level, the worst and newest first."""
        with self._lock:
            self._read()
            return self._worst()

    def history(self, limit: int) -> tuple[Alert, ...]:
        """The last ones announced, newest first."""
        with self._lock:
            self._read()
            return tuple(told.alert for told in list(self._told.values())[::-1][:limit])

    def pending(self, address: Address, now: datetime) -> tuple[Told, ...]:
        """What was announced in the last `PATIENCE`, is severe enough, and is not delivered to an address
        yet: the most severe first, of those the newest.

        An address that is new is told of what is open still, and of what nobody was told of.
        """
        with self._lock:
            self._read()
            key = self._key(address)
            still = {alert.id for alert in self._worst()}
            due = [
                told
                for told in self._told.values()
                if abs(now - told.alert.raised) <= PATIENCE
                and address.wants(told.alert)
                and self._is_for(told, key, still)
                and len(told.unsure.get(key, ())) <= len(REPEATS)
            ]
        return tuple(sorted(due, key=_urgency, reverse=True))

    def _is_for(self, told: Told, key: str, still: Collection[str]) -> bool:
        if key in told.delivered or key in told.not_to:
            return False
        if self._since.get(key, told.alert.raised + PATIENCE) <= told.alert.raised:
            return True
        latest = told.alert.id in still and self._latest[told.alert.id] == told.key
        return latest or bool(told.to and not told.delivered)

    def wait(self, told: Told, address: Address, now: datetime) -> float:
        """Seconds until an alert that may have arrived at an address is to be sent there again."""
        sent = told.unsure.get(self._key(address), ())
        if not sent:
            return 0.0
        after = REPEATS[min(len(sent), len(REPEATS)) - 1]
        return min(after, max(0.0, (sent[-1] + timedelta(seconds=after) - now).total_seconds()))

    def given_up(self, address: Address, now: datetime) -> int:
        """How many alerts of the last week will not be delivered to an address any more."""
        with self._lock:
            self._read()
            key = self._key(address)
            return sum(
                key in told.to
                and key not in told.delivered
                and PATIENCE < now - told.alert.raised < 7 * PATIENCE
                for told in self._told.values()
            )

    def record(self, address: Address) -> Record:
        """How deliveries to an address go."""
        with self._lock:
            self._read()
            return self._channels.get(self._key(address), Record())

    def delivered(self, batch: Sequence[Told], address: Address, now: datetime) -> None:
        """Note that alerts were delivered."""
        self._note("delivered", batch, address, now)

    def failed(
        self, batch: Sequence[Told], address: Address, now: datetime, reason: str, *, unsure: bool = False
    ) -> None:
        """Note that alerts could not be delivered. reason: without anything secret. unsure: they may have
        arrived all the same.
        """
        more: dict[str, Any] = {"unsure": True} if unsure else {}
        self._note("failed", batch, address, now, reason=reason, **more)

    @contextmanager
    def sending(self, address: Address) -> Iterator[None]:
        """Keep other processes and threads from delivering to an address. Ends with the process."""
        with LinesFile(self._folder / f"sending-{self._salt.digest(address.url)}.jsonl").locked():
            yield

    def problems(self) -> tuple[str, ...]:
        """A sentence for each line that could not be understood."""
        with self._lock:
            self._read()
            return tuple(map(str, self._file.bad))

    def _note(self, kind: str, batch: Sequence[Told], address: Address, now: datetime, **more: Any) -> None:
        key = self._salt.digest(address.url)
        with self._lock:
            said = {"channel": address.name, "key": key} | more
            self._append([_event(kind, told.alert, now) | said for told in batch])
            self._read()

    def _key(self, address: Address) -> str:
        return self._salt.digest(address.url, make=False)

    def _worst(self) -> tuple[Alert, ...]:
        return alerts.worst(alert for alert in self._noticed.values() if alert.cleared is None)

    def _append(self, events: Sequence[dict[str, Any]]) -> None:
        if events:
            self._file.append(events)

    # From events to what is known

    def _begin(self) -> None:
        self._count = 0
        self._noticed: dict[str, Alert] = {}
        self._told: dict[tuple[str, datetime], Told] = {}
        self._latest: dict[str, tuple[str, datetime]] = {}  # of each crossing, the last that was announced
        self._channels: dict[str, Record] = {}
        self._since: dict[str, datetime] = {}  # when an address was first heard of

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
        when = moment(event.get("timestamp"))
        kind = event.get("event")
        if when is None:
            return
        if kind == "raised" and (alert := _alert(event, when)):
            self._raise(alert, event)
        elif kind == "cleared" and (known := self._noticed.get(str(event.get("id")))):
            self._noticed[known.id] = replace(known, cleared=when)
            self._end(known.id, when)
        elif kind in ("delivered", "failed"):
            self._take_in_delivery(event, when)

    def _raise(self, alert: Alert, event: Mapping[str, Any]) -> None:
        before = self._noticed.get(alert.id)
        self._noticed[alert.id] = replace(alert, told_before=before.told if before else None)
        if not alert.announced:
            self._end(alert.id, None)
            return
        told = Told(alert, _names(event.get("to")), _names(event.get("not_to")))
        self._told[told.key] = told
        self._latest[alert.id] = told.key
        for key in (*told.to, *told.not_to):
            self._since.setdefault(key, alert.raised)

    def _end(self, crossing: str, when: datetime | None) -> None:
        """What was announced of it is over since then; None: it came again."""
        if crossing in self._latest:
            told = self._told[self._latest[crossing]]
            self._told[told.key] = replace(told, alert=replace(told.alert, cleared=when))

    def _take_in_delivery(self, event: Mapping[str, Any], when: datetime) -> None:
        key, failed = str(event.get("key")), event["event"] == "failed"
        self._since.setdefault(key, when)
        before = self._channels.get(key, Record())
        self._channels[key] = _failed(before, event, when) if failed else Record(last=when)
        raised = moment(event.get("raised"))
        told = self._told.get((str(event.get("id")), raised)) if raised else None
        if told is None:
            return
        if not failed:
            self._told[told.key] = replace(told, delivered={**told.delivered, key: when})
        elif event.get("unsure") is True:
            sent = (*told.unsure.get(key, ()), when)
            self._told[told.key] = replace(told, unsure={**told.unsure, key: sent})


def _failed(before: Record, event: Mapping[str, Any], when: datetime) -> Record:
    """A batch that failed counts as one failure."""
    if before.failures and before.failed == when:
        return before
    since = before.since if before.failures else when
    reason = alerts.plain(str(event.get("reason", "")), 200)
    return Record(before.last, before.failures + 1, when, since, reason)


def _urgency(told: Told) -> tuple[int, datetime]:
    return SEVERITIES.index(told.alert.condition.severity), told.alert.raised


def _raised(alert: Alert) -> dict[str, Any]:
    condition = alert.condition
    return {
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


def _cleared(alert: Alert) -> dict[str, Any]:
    return {"id": alert.id, "event": "cleared", "timestamp": (alert.cleared or alert.raised).isoformat()}


def _event(kind: str, alert: Alert, now: datetime) -> dict[str, Any]:
    return {"id": alert.id, "event": kind, "timestamp": now.isoformat(), "raised": alert.raised.isoformat()}


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


def _names(value: Any) -> dict[str, str]:
    return {key: str(name) for key, name in value.items()} if isinstance(value, dict) else {}
