"""The credit ledger: what was granted and what the Console showed, as lines in `logs/credit/credit.jsonl`.

Only appended to: a slip is taken back by a further line.
"""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from ..errors import UsageError
from ..jsonl import LinesFile

FILE = "credit.jsonl"

_MOST = 1e9
"""USD that nobody has."""

_YEARS = (1970, 9000)
"""Years that a time or a day can be of."""

_AHEAD = timedelta(minutes=1)
"""By how much the clocks of two machines may differ."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Credit that was given or bought. `expires`: the last day it can be used, in local time."""

    id: str
    at: datetime
    amount_usd: float
    label: str = ""
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the Console showed as the balance at a moment."""

    id: str
    at: datetime
    balance_usd: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Void:
    """That an entry was a slip."""

    id: str
    entry: str


Entry = Grant | Reading

_E = TypeVar("_E")


@dataclass(frozen=True, slots=True)
class _State:
    """What the lines read so far come to."""

    entries: tuple[Entry, ...] = ()
    taken_back: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """The entries of a credit folder, oldest first by their own time; read on when the file grew.

    For several threads and processes. `clock` tells when a line was written, and what lies in the future.
    """

    def __init__(self, folder: Path, clock: Callable[[], datetime] = _now) -> None:
        self.path = folder / FILE
        self._file = LinesFile(self.path)
        self._clock = clock
        self._lock = threading.RLock()
        self._seen: tuple[Sequence[dict[str, Any]], int, int] | None = None
        self._state = _State()

    def entries(self) -> tuple[Entry, ...]:
        """Those that stand. Raises FolderError when the file cannot be read."""
        return self._current().entries

    def problems(self) -> tuple[str, ...]:
        """A sentence for each line that could not be understood."""
        return self._current().problems

    def grant(
        self, at: datetime, amount_usd: float, *, label: str = "", expires: date | None = None
    ) -> Grant:
        """Append a grant. Raises FolderError; UsageError for an amount that is none."""
        amount = _amount("A grant", amount_usd, least=0.000001)
        self._not_ahead("A grant", at)
        if expires is not None and expires < at.date():
            raise UsageError(f"The grant of {at.date()} cannot expire before it, on {expires}.")
        fields = {"amount_usd": amount, "label": label, "expires": expires and expires.isoformat()}
        return self._append("grant", at, fields, _grant)

    def read(self, at: datetime, balance_usd: float, *, note: str = "") -> Reading:
        """Append a reading of the Console's balance. Raises as `grant`."""
        balance = _amount("A balance", balance_usd, least=0)
        self._not_ahead("A reading", at)
        return self._append("reading", at, {"balance_usd": balance, "note": note}, _reading)

    def take_back(self, at: datetime, entry_id: str) -> Entry:
        """Append that an entry was a slip: it counts no more. Raises UsageError for an unknown id."""
        with self._lock, self._file.locked():
            state = self._current()
            found = next((entry for entry in state.entries if entry.id == entry_id), None)
            if found is None:
                taken = entry_id in state.taken_back
                what = "was taken back already" if taken else "is not in the ledger"
                raise UsageError(
                    f"Entry {entry_id} {what}; callmeter balance history lists those that count."
                )
            self._write("void", at, {"voids": entry_id}, state)
            return found

    def _append(
        self, kind: str, at: datetime, fields: Mapping[str, Any], read: Callable[[Mapping[str, Any]], _E]
    ) -> _E:
        with self._lock, self._file.locked():
            return read(self._write(kind, at, fields, self._current()))

    def _write(self, kind: str, at: datetime, fields: Mapping[str, Any], state: _State) -> dict[str, Any]:
        made = record(_fresh_id(state.ids), kind, at, self._clock(), fields)
        self._file.append([made])
        return made

    def _not_ahead(self, what: str, at: datetime) -> None:
        if at > self._clock() + _AHEAD:
            raise UsageError(f"{what} cannot be of the future: {at:%Y-%m-%d %H:%M} is yet to come.")

    def _current(self) -> _State:
        with self._lock:
            records = self._file.records()
            seen = (records, len(records), len(self._file.bad))
            if self._seen is None or seen[0] is not self._seen[0] or seen[1:] != self._seen[1:]:
                self._seen, self._state = seen, _understood(self._file, records)
            return self._state


def record(
    entry_id: str, kind: str, at: datetime, written: datetime, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """An entry as a line has it; fields that say nothing are left out."""
    given = {name: value for name, value in fields.items() if value not in (None, "")}
    return {"id": entry_id, "kind": kind, "timestamp": _spelled(written), "at": _spelled(at), **given}


def _fresh_id(taken: frozenset[str]) -> str:
    """Short enough to type."""
    while (fresh := secrets.token_hex(3)) in taken:
        pass
    return fresh


def _spelled(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _amount(what: str, value: float, *, least: float) -> float:
    """USD to the millionth, whole ones without a point. Raises UsageError."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not least <= round(value, 6) <= _MOST:
        bounds = f"{'of 0 or more' if least == 0 else 'above 0'}, at most {_MOST:,.0f}"
        given = f"{value:,.15g}" if good else value
        raise UsageError(f"{what} must be an amount in USD {bounds}, such as 876 or 15.50; not {given}.")
    amount = round(value, 6)
    return int(amount) if amount == int(amount) else amount


def _understood(file: LinesFile, records: Sequence[Mapping[str, Any]]) -> _State:
    """The entries that stand, and a sentence for each line that means nothing."""
    known: dict[str, Entry] = {}
    voids: dict[str, int] = {}
    problems = {bad.line: str(bad) for bad in file.bad}
    ids = set()
    for line, found in zip(file.places(), records, strict=True):
        try:
            entry = _entry(found)
            if entry.id in ids:
                raise ValueError(f"id {entry.id} is an earlier line's; the earlier one counts")
        except ValueError as error:
            problems[line] = f"{file.path}: line {line}: {error}"
            continue
        ids.add(entry.id)
        if isinstance(entry, _Void):
            voids[entry.entry] = line
        else:
            known[entry.id] = entry
    for void, line in voids.items():
        if void not in known:
            problems[line] = f"{file.path}: line {line}: voids: there is no entry {void}"
    standing = [entry for entry in known.values() if entry.id not in voids]
    return _State(
        entries=tuple(sorted(standing, key=lambda entry: entry.at)),
        taken_back=frozenset(voids) & frozenset(known),
        ids=frozenset(ids),
        problems=tuple(sentence for _, sentence in sorted(problems.items())),
    )


def _entry(record: Mapping[str, Any]) -> Entry | _Void:
    """What a line says. Raises ValueError saying what is wrong with it."""
    read = _KINDS.get(str(record.get("kind")))
    if read is None:
        raise ValueError(f"kind: must be one of {', '.join(_KINDS)}")
    return read(record)


def _grant(record: Mapping[str, Any]) -> Grant:
    at, expires = _moment(record), record.get("expires")
    return Grant(
        id=_text(record, "id"),
        at=at,
        amount_usd=_usd(record, "amount_usd"),
        label=str(record.get("label") or ""),
        expires=None if expires is None else _day(expires),
    )


def _reading(record: Mapping[str, Any]) -> Reading:
    note = str(record.get("note") or "")
    return Reading(_text(record, "id"), _moment(record), _usd(record, "balance_usd"), note)


def _void(record: Mapping[str, Any]) -> _Void:
    return _Void(_text(record, "id"), _text(record, "voids"))


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], Entry | _Void]] = {
    "grant": _grant,
    "reading": _reading,
    "void": _void,
}


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name}: must be a text")
    return value


def _usd(record: Mapping[str, Any], name: str) -> float:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise ValueError(f"{name}: must be a number of 0 or more")
    return float(value)


def _moment(record: Mapping[str, Any]) -> datetime:
    try:
        at = datetime.fromisoformat(_text(record, "at"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not _sensible(at):
        raise ValueError("at: must be a time with its offset, such as 2026-11-22T14:30:00+01:00")
    return at


def _day(value: Any) -> date:
    try:
        found = date.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or not _sensible(found):
        raise ValueError("expires: must be a day, such as 2026-12-31")
    return found


def _sensible(when: date) -> bool:
    """Whether it can be moved to any zone, and a day further."""
    return _YEARS[0] <= when.year <= _YEARS[1]
