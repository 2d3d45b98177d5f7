"""The files of Anthropic's numbers: `logs/billing/{usage,cost}-YYYY-MM-DD.jsonl`, one per UTC day.

A snapshot is what Anthropic said of one day at one reading: a line per row, then one line that says it is
complete. Files are only appended to. The newest complete snapshot of a day is what holds; lines of one that
broke off never count, nor does half a line that a full disk left. Usage and cost are one bill only when they
are of one reading, told by `read_at` and generation: where the newest two are not, an older pair holds. A
reading is written whole, and adds nothing when it says the same as the newest one. With jq:

    jq -nR '[inputs | fromjson?] | (map(select(.complete)) | last.snapshot) as $s
      | map(select(.snapshot == $s and (.complete | not)))' logs/billing/usage-2026-11-20.jsonl

Row of usage: day, snapshot, model, workspace_id, workspace, api_key_id, api_key, service_tier, product, the
five `kinds.USAGE_FIELDS`, web_searches, requests (null in the legacy report).
Row of cost: day, snapshot, model, workspace_id, workspace, api_key_id, api_key, service_tier, product,
cost_type, kind (one of `kinds.USAGE_FIELDS`, null when it is not about tokens), amount_usd, list_usd (null in
the legacy report).
Last line: day, snapshot, complete (true), rows, generation, read_at, refreshed_at.
Facets that are not known are null. USD are numbers: cents / 100, rounded to 10 digits.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, cast, get_args

from ..errors import FolderError
from ..jsonl import BadLine, moment
from . import day_file
from .day_file import Block, Blocks
from .kinds import USAGE_FIELDS
from .rows import small

Kind = Literal["usage", "cost"]
Generation = Literal["analytics", "legacy"]

KINDS: tuple[Kind, Kind] = ("usage", "cost")
FACETS = ("model", "workspace_id", "workspace", "api_key_id", "api_key", "service_tier", "product")
NAMES = ("workspace", "api_key")
"""Facets that are what an id is called now."""

_COUNTS = (*USAGE_FIELDS, "web_searches", "requests")
_TEXTS = {"usage": FACETS, "cost": (*FACETS, "cost_type", "kind")}
_NUMBERS = {"usage": _COUNTS, "cost": ("amount_usd", "list_usd")}
_OWN = ("day", "snapshot")
"""What a line has beside its row."""
_FILE = re.compile(r"(usage|cost)-(\d{4}-\d\d-\d\d)\.jsonl")

REPORTED = timedelta(hours=24)
"""How long after its end calls of a day may still be missing: Anthropic's reports may be that late."""

SETTLED = timedelta(days=3)
"""How long after its end the numbers of a day are still expected to change."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Anthropic said of a UTC day at one reading. `rows` are without `day` and `snapshot`."""

    kind: Kind
    day: date
    rows: Sequence[Mapping[str, Any]]
    read_at: datetime
    generation: Generation
    refreshed_at: datetime | None = None
    """Up to when Anthropic's own numbers were current, when it said so."""

    @property
    def over(self) -> bool:
        """Whether the day was over when it was read: else more will come."""
        return self.current_at >= end_of(self.day)

    @property
    def reported(self) -> bool:
        """Whether it was read so long after the day that no call should be missing."""
        return self.current_at >= end_of(self.day) + REPORTED

    @property
    def settled(self) -> bool:
        """Whether it was read so long after the day that it will hardly change."""
        return self.current_at >= end_of(self.day) + SETTLED

    @property
    def current_at(self) -> datetime:
        """Up to when it can tell of anything."""
        return min(self.read_at, self.refreshed_at or self.read_at)


Pair = tuple[Snapshot, Snapshot]
"""Usage and cost of a day, of one reading."""


def end_of(day: date) -> datetime:
    """The moment at which a UTC day ends."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


class BillingFolder:
    """The folder of the snapshots. Reads on; for several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._read: dict[Path, tuple[_Stamp, Snapshot | None]] = {}
        self._bad: dict[Path, tuple[BadLine, ...]] = {}

    @property
    def version(self) -> object:
        """Another value when any file changed, cheaply told (names, sizes, times)."""
        return frozenset(self._files())

    def days(self, kind: Kind) -> list[date]:
        """The days of which there is a complete snapshot, in order."""
        return [day for found, day in self.named() if found == kind and self.newest(kind, day)]

    def named(self) -> list[tuple[Kind, date]]:
        """Kind and day of every file, in the order of days. Raises FolderError."""
        every = [one for name, _ in self._files() for one in _named(name)]
        return sorted(every, key=lambda one: one[1])

    def newest(self, kind: Kind, day: date) -> Snapshot | None:
        """The newest complete snapshot of a day; None when there is none. Raises FolderError."""
        path = self.path(kind, day)
        with self._lock:
            try:
                stamp = _stamp(path.stat())
                if path not in self._read or self._read[path][0] != stamp:
                    self._read[path] = stamp, self._newest(kind, day, path.read_bytes())
                return self._read[path][1]
            except FileNotFoundError:
                self._read.pop(path, None)
                self._bad.pop(path, None)
                return None
            except OSError as error:
                raise FolderError(path, f"cannot be read: {error.strerror or error}") from error

    def pair(self, day: date) -> Pair | None:
        """The newest usage and cost of a day that are of one reading, if any are. Raises FolderError."""
        usage, cost = (self.newest(kind, day) for kind in KINDS)
        if usage is None or cost is None:
            return None
        return (usage, cost) if one_reading(usage, cost) else self._older_pair(day)

    def _older_pair(self, day: date) -> Pair | None:
        usages, costs = (self._every(kind, day) for kind in KINDS)
        by_reading = {_reading(cost): cost for cost in reversed([*costs])}
        found = ((usage, by_reading.get(_reading(usage))) for usage in usages)
        return next(((usage, cost) for usage, cost in found if cost is not None), None)

    def _every(self, kind: Kind, day: date) -> Iterator[Snapshot]:
        """The complete snapshots of a day, newest first."""
        path = self.path(kind, day)
        try:
            return _whole(kind, day, Blocks(path.read_bytes()))
        except OSError as error:
            raise FolderError(path, f"cannot be read: {error.strerror or error}") from error

    def add(self, *reading: Snapshot) -> bool:
        """Append what one reading told of a day: all of it, or nothing and False when it says nothing new.

        It says nothing new when the newest of each kind says the same, they are of one reading too, and the
        day was as much over then: the first one read after the day was over, reported or settled is kept; so
        is one that follows a reading of a clock that was ahead. Raises FolderError.
        """
        before = [self.newest(one.kind, one.day) for one in reading]
        known = [old for old, one in zip(before, reading, strict=True) if old is not None and _same(old, one)]
        if len(known) == len(reading) and one_reading(*known):
            return False
        for one in reading:
            day_file.append(self.path(one.kind, one.day), _text(one))
        return True

    def problems(self) -> Iterator[BadLine]:
        """Lines of the files read so far that could not be understood."""
        with self._lock:
            every = dict(self._bad)
        for path in sorted(every):
            yield from every[path]

    def path(self, kind: Kind, day: date) -> Path:
        """The file of a day."""
        return self.folder / f"{kind}-{day}.jsonl"

    def _newest(self, kind: Kind, day: date, data: bytes) -> Snapshot | None:
        blocks = Blocks(data)
        found = next(_whole(kind, day, blocks), None)
        blocks.look_at_all()
        path = self.path(kind, day)
        self._bad[path] = tuple(BadLine(path, line, why) for line, why in sorted(blocks.bad.items()))
        return found

    def _files(self) -> list[tuple[str, _Stamp]]:
        """The day files there are, and what tells that one changed. Raises FolderError."""
        try:
            with os.scandir(self.folder) as entries:
                return [(one.name, _stamp(one.stat())) for one in entries if _FILE.fullmatch(one.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FolderError(self.folder, f"cannot be read: {error.strerror or error}") from error


_Stamp = tuple[int, int, int]


def _stamp(found: os.stat_result) -> _Stamp:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _named(name: str) -> Iterator[tuple[Kind, date]]:
    """Kind and day of a file's name; nothing when there is no such day."""
    match = _FILE.fullmatch(name)
    try:
        if match:
            yield cast(Kind, match[1]), date.fromisoformat(match[2])
    except ValueError:
        return


def _whole(kind: Kind, day: date, blocks: Blocks) -> Iterator[Snapshot]:
    """The snapshots of a file, newest first; what does not count is noted in `blocks.bad`."""
    for line, block in blocks.numbered():
        why = _why_not(kind, day, block)
        if why:
            blocks.bad[line] = f"{why}: the reading does not count"
        else:
            blocks.newest = max(blocks.newest, line)
            yield _snapshot(kind, day, block)


def _why_not(kind: Kind, day: date, block: Block) -> str:
    """Why a block does not count, "" when it does."""
    head = block.head
    if head.get("day") != str(day):
        return f"is not of {day}"
    if head.get("generation") not in get_args(Generation):
        return "generation: must be one of " + ", ".join(get_args(Generation))
    if _moment(head.get("read_at")) is None:
        return "read_at: must be a time with its offset"
    return next((why for row in block.rows if (why := _wrong(kind, row))), "")


def _wrong(kind: Kind, row: Mapping[str, Any]) -> str:
    if _is_usual(kind, row):
        return ""
    for name in _TEXTS[kind]:
        value = row.get(name)
        if value is not None and not isinstance(value, str):
            return f"a row's {name} is no text"
    for name in _NUMBERS[kind]:
        if not _is_number(row.get(name), whole=kind == "usage"):
            return f"a row's {name} is no such number"
    return "" if kind == "usage" or row.get("amount_usd") is not None else "a row has no amount_usd"


def _is_usual(kind: Kind, row: Mapping[str, Any]) -> bool:
    """Whether all is as it should be, in a fifth of the time that it takes to say what is not."""
    try:
        texts, numbers = _USUAL_TEXTS[kind](row), _USUAL_NUMBERS[kind](row)
    except KeyError:
        return False
    if not _TEXT_TYPES.issuperset(map(type, texts)):
        return False
    if kind == "usage":
        return _COUNT_TYPES.issuperset(map(type, numbers)) and 0 <= min(numbers) <= max(numbers) < 2**63
    return _AMOUNT_TYPES.issuperset(map(type, numbers)) and all(map(math.isfinite, numbers))


_USUAL_TEXTS = {kind: itemgetter(*names) for kind, names in _TEXTS.items()}
_USUAL_NUMBERS = {kind: itemgetter(*names) for kind, names in _NUMBERS.items()}
_TEXT_TYPES = {str, type(None)}
_COUNT_TYPES = {int}
_AMOUNT_TYPES = {int, float}


def _is_number(value: Any, *, whole: bool) -> bool:
    """Whether it is null, or a count, or an amount that is finite."""
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return False
    return 0 <= value < 2**63 if whole else math.isfinite(value)


def _snapshot(kind: Kind, day: date, block: Block) -> Snapshot:
    head = block.head
    read_at = _moment(head["read_at"])
    assert read_at is not None
    rows = small(block.rows, without=_OWN)
    return Snapshot(kind, day, rows, read_at, head["generation"], _moment(head.get("refreshed_at")))


def _moment(value: Any) -> datetime | None:
    found = moment(value)
    return found.astimezone(UTC) if found else None


def _same(one: Snapshot, other: Snapshot) -> bool:
    """Whether a snapshot of a day says the same as one before, at the same stage of the day."""
    return _stage(one) == _stage(other) and one.read_at <= other.read_at and _alike(one, other)


def _stage(snapshot: Snapshot) -> tuple[Generation, bool, bool, bool]:
    return snapshot.generation, snapshot.over, snapshot.reported, snapshot.settled


def one_reading(*snapshots: Snapshot) -> bool:
    """Whether snapshots of a day were read together: only then they are one bill."""
    return len({_reading(one) for one in snapshots}) == 1


def _reading(snapshot: Snapshot) -> tuple[datetime, Generation]:
    """What snapshots of one reading share; files tell it to the second."""
    return snapshot.read_at.replace(microsecond=0), snapshot.generation


def same_bill(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots have the same rows, in any order; names may have changed, ids and numbers not."""
    return _alike(one, other, without=frozenset(NAMES))


def _alike(one: Snapshot, other: Snapshot, without: frozenset[str] = frozenset()) -> bool:
    texts = ([_spelled(row, without) for row in _rows(snapshot)] for snapshot in (one, other))
    return sorted(next(texts)) == sorted(next(texts))


def _rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The rows with every field, in the order of the file; fields we do not know come last."""
    names = [*_TEXTS[snapshot.kind], *_NUMBERS[snapshot.kind]]
    return [{**{name: row.get(name) for name in names}, **row} for row in snapshot.rows]


def _spelled(row: Mapping[str, Any], without: frozenset[str]) -> str:
    return json.dumps({name: value for name, value in row.items() if name not in without}, sort_keys=True)


def _text(snapshot: Snapshot) -> bytes:
    read_at = snapshot.read_at.astimezone(UTC)
    of = {"day": str(snapshot.day), "snapshot": f"{read_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"}
    rows = [of | row for row in _rows(snapshot)]
    refreshed = snapshot.refreshed_at and _iso(snapshot.refreshed_at)
    head = of | {"complete": True, "rows": len(rows), "generation": snapshot.generation}
    return day_file.text_of(rows, head | {"read_at": _iso(read_at), "refreshed_at": refreshed})


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
