"""Closed days as Parquet, outside the log folder. Everything here may be thrown away at any time.

Sums of all days of a month are one file, so that a start reads few files; rows are one file per day, read
only when a view needs them. Each carries by which file content it was made; what does not fit, is damaged
or was made by another version is not used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import clock
from .base import Problem
from .day import Day, Seen
from .links import Links
from .table import Table, concat
from .tail import Mark, Stamp

FORMAT = 7
"""Version of what the files hold and mean; to be raised with every change of decoding or of columns."""

_KEY, _CHECK = b"callmeter", b"callmeter checksum"
_UNUSABLE = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, pa.ArrowException)
_DERIVED = ("hour",)  # of rows: made again from the time


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of a day as they were when it was cached in the state `day` (which has no sums)."""

    day: Day
    table: Table


class Cache:
    """The cached form of one folder's days as seen from one zone. Does not raise: failures mean no cache."""

    def __init__(self, root: Path | None, folder: Path, zone: ZoneInfo) -> None:
        self._zone = zone
        self._home = None if root is None or zone.key is None else root / _digest(folder)
        self._place = None if self._home is None else self._home / f"{FORMAT}-{_plain(zone)}"
        self._months: dict[str, dict[str, Day]] = {}
        self._writable = self._place is not None

    @property
    def writable(self) -> bool:
        """Whether there is a point in keeping anything."""
        return self._writable

    def day(self, date: str) -> Day | None:
        """The state of a day as it was cached, with its sums."""
        return self._month(date[:7]).get(date)

    def rows(self, date: str) -> Rows | None:
        """The rows of a day as they were cached, in order of time."""
        if self._place is None:
            return None
        try:
            table, (told,) = _read(self._place / f"rows-{date}.parquet")
            day = _day(told, None, Links())
            if len(table) != day.lines:
                return None
        except _UNUSABLE:
            return None
        hour = clock.hours(table.numbers["time"], self._zone)
        return Rows(day, replace(table, numbers={**table.numbers, "hour": hour}))

    def keep_rows(self, day: Day, table: Table) -> bool:
        """Cache a day's rows; whether that worked."""
        numbers = {name: values for name, values in table.numbers.items() if name not in _DERIVED}
        return self._write(f"rows-{day.date}.parquet", replace(table, numbers=numbers), [_told(day)])

    def keep_sums(self, days: Mapping[str, Day], months: Iterable[str], present: Iterable[str]) -> None:
        """Cache the sums of some months: of `days`, and what was cached of days that are still `present`."""
        there = set(present)
        for month in months:
            before = {date: day for date, day in self._month(month).items() if date in there}
            now = {date: day for date, day in days.items() if date[:7] == month}
            kept = [day for _, day in sorted((before | now).items()) if not day.faults]
            self._months[month] = {day.date: day for day in kept}
            self._keep_month(month, [day for day in kept if day.sums is not None])
        self._tidy(there)

    def _month(self, month: str) -> dict[str, Day]:
        if month not in self._months:
            self._months[month] = self._read_month(month)
        return self._months[month]

    def _read_month(self, month: str) -> dict[str, Day]:
        if self._place is None:
            return {}
        try:
            table, told = _read(self._place / f"sums-{month}.parquet")
            links, of_links = _read(self._place / f"links-{month}.parquet")
            days, start, place = {}, 0, 0
            for entry, its_links in zip(told, of_links, strict=True):
                if its_links["content"] != entry["marks"]:  # one of the two files is of another time
                    return {}
                stop = start + entry["sums"]
                found, place = _links(links.numbers["digest"], place, its_links["counts"])
                days[entry["date"]] = _day(entry, table.take(slice(start, stop)), found)
                start = stop
        except _UNUSABLE:
            return {}
        return days if start == len(table) else {}

    def _keep_month(self, month: str, days: list[Day]) -> None:
        tables = [day.sums for day in days if day.sums is not None]
        told = [_told(day) | {"sums": len(day.sums or ())} for day in days]
        if tables:
            self._write(f"links-{month}.parquet", *_told_links(days))
            self._write(f"sums-{month}.parquet", concat(tables), told)
        elif self._place is not None:
            with suppress(OSError):
                (self._place / f"sums-{month}.parquet").unlink(missing_ok=True)
                (self._place / f"links-{month}.parquet").unlink(missing_ok=True)

    def _write(self, name: str, table: Table, told: list[dict[str, Any]]) -> bool:
        if self._place is None or not self._writable:
            return False
        try:
            self._make_place(self._place)
            _put(self._place / name, _arrow(table, told))
        except _UNUSABLE:
            self._writable = False
            return False
        return True

    def _make_place(self, place: Path) -> None:
        if place.is_dir():
            return
        place.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
        for other in place.parent.iterdir():
            if not other.name.startswith(f"{FORMAT}-"):
                shutil.rmtree(other, ignore_errors=True)

    def _tidy(self, present: set[str]) -> None:
        """Remove rows of days that are gone."""
        if self._place is None:
            return
        with suppress(OSError):
            for path in self._place.glob("rows-*.parquet"):
                if path.stem.removeprefix("rows-") not in present:
                    path.unlink(missing_ok=True)


def _digest(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]


def _plain(zone: ZoneInfo) -> str:
    return str(zone.key).replace("/", "~")


def _arrow(table: Table, told: list[dict[str, Any]]) -> pa.Table:
    columns: dict[str, pa.Array] = {name: pa.array(values) for name, values in table.numbers.items()}
    for facet, codes in table.codes.items():
        columns[facet] = pa.DictionaryArray.from_arrays(pa.array(codes), table.names[facet])
    text = json.dumps(told)
    return pa.table(columns).replace_schema_metadata({_KEY: text, _CHECK: str(_checksum(table, text))})


def _checksum(table: Table, text: str) -> int:
    """Of all that is read back, for Parquet itself does not notice every wrong byte.

    Facets count by the names of the rows: the order of a list of names may change on the way.
    """
    found = zlib.crc32(text.encode())
    for name, values in sorted(table.numbers.items()):
        found = zlib.crc32(np.ascontiguousarray(values).data, zlib.crc32(name.encode(), found))
    for facet, codes in sorted(table.codes.items()):
        each = [zlib.crc32(name.encode()) for name in table.names[facet].to_pylist()]
        spelled = np.array(each, dtype=np.uint32)[codes]
        found = zlib.crc32(spelled.data, zlib.crc32(facet.encode(), found))
    return found


def _put(path: Path, table: pa.Table) -> None:
    """Write a private file that is there whole or not at all."""
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            facets = [each.name for each in table.schema if pa.types.is_dictionary(each.type)]
            pq.write_table(
                table,
                file,
                compression="lz4",
                use_dictionary=facets,
                write_statistics=False,
            )
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path) -> tuple[Table, list[dict[str, Any]]]:
    with path.open("rb") as file:
        table = pq.ParquetFile(cast(BinaryIO, file)).read(use_threads=False)
    numbers, codes, names = {}, {}, {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_dictionary(column.type):
            whole = column.unify_dictionaries().combine_chunks()
            whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
            codes[name], names[name] = whole.indices.to_numpy(zero_copy_only=False), whole.dictionary
        else:
            numbers[name] = column.to_numpy()
    found, text = Table(numbers, codes, names), table.schema.metadata[_KEY].decode()
    if _checksum(found, text) != int(table.schema.metadata[_CHECK]):
        raise ValueError(path)
    return found, json.loads(text)


_SCALARS = ("date", "lines", "bad", "first", "last", "last_call", "other_day")


def _told(day: Day) -> dict[str, Any]:
    """A day's state without its sums, as JSON takes it."""
    told: dict[str, Any] = {name: getattr(day, name) for name in _SCALARS}
    told["seen"] = asdict(day.seen)
    told["marks"] = {name: asdict(mark) for name in ("plain", "gz") if (mark := getattr(day, name))}
    told["problems"] = [[problem.file, problem.line, problem.reason] for problem in day.problems]
    return told


def _told_links(days: Iterable[Day]) -> tuple[Table, list[dict[str, Any]]]:
    """The links of days as one column, and how many of each kind and of what content they are."""
    told: list[dict[str, Any]] = []
    parts: list[Any] = []
    for day in days:
        links = (day.links.ids, day.links.runs, day.links.calls)
        parts += links
        told.append({"content": _told(day)["marks"], "counts": [len(part) for part in links]})
    return Table({"digest": np.concatenate(parts)}), json.loads(json.dumps(told))


def _links(digests: Any, start: int, counts: list[int]) -> tuple[Links, int]:
    """The next links of a column, and where those after them begin."""
    ends = [start + sum(counts[: at + 1]) for at in range(3)]
    ids, runs, calls = (digests[first:last] for first, last in zip([start, *ends], ends, strict=False))
    return Links(ids, runs, calls), ends[-1]


def _day(told: Mapping[str, Any], sums: Table | None, links: Links) -> Day:
    given: dict[str, Any] = {name: told[name] for name in _SCALARS}
    given |= {name: _mark(mark) for name, mark in told["marks"].items()}
    given["seen"] = Seen(**{name: stamp and Stamp(**stamp) for name, stamp in told["seen"].items()})
    given["problems"] = tuple(Problem(*problem) for problem in told["problems"])
    return Day(**given, sums=sums, links=links)


def _mark(told: dict[str, Any]) -> Mark:
    return Mark(**told | {"stamp": Stamp(**told["stamp"]), "edges": tuple(told["edges"])})
