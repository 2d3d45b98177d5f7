"""Lines become columns: the only decoder of log lines.

A block of lines is decoded in one typed pass. Only when that pass meets something odd are the lines of
that block taken one by one, and only an odd line is looked at leniently. What a line must have is a
`timestamp` that is a time, and a `model`; a model that is null or empty is `UNKNOWN_MODEL`. In other fields
null is "not known", a number in quotes and a float without fraction are taken. What cannot be used in a
field that is only measured (`_MEASURED`), and in `attempts`, is not known either; in any other field it makes
the line bad, with a reason that names the field. Unknown fields are ignored.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from . import clock
from .identities import identities
from .table import Table, encoded, narrowed

Array = NDArray[Any]

BOM = b"\xef\xbb\xbf"
UNKNOWN_MODEL = "unknown"
ERROR_LENGTH = 120
"""Characters of an error message that stand for a missing error type."""

_MOST = 2**53  # beyond it JSON numbers are not exact, and sums of lines would not fit
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)] | None
_Few = Annotated[int, msgspec.Meta(ge=0, lt=2**31)] | None
_Money = Annotated[float, msgspec.Meta(ge=0, le=1e12)] | None
_Seconds = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)] | None
_Name = str | int | None


class _Line(msgspec.Struct, gc=False):
    """What is read of a line. Order and names are those of `_columns`."""

    timestamp: str
    model: Annotated[str, msgspec.Meta(min_length=1)]
    success: bool
    task_id: _Name = None
    worker_id: _Name = None
    project: _Name = None
    session_id: _Name = None
    source: _Name = None
    error_type: _Name = None
    error_message: _Name = None
    tokens_input: _Count = None
    tokens_output: _Count = None
    tokens_total: _Count = None
    tokens_cache_read: _Count = None
    tokens_cache_write_5m: _Count = None
    tokens_cache_write_1h: _Count = None
    tokens_thinking: _Count = None
    tokens_final: bool | None = None
    estimated_cost_usd: _Money = None
    duration_seconds: _Seconds = None
    time_to_first_token: _Seconds = None
    tokens_per_second: _Seconds = None
    calls: _Few = None
    attempts: _Few = None
    web_searches: _Few = None
    call_id: _Name = None
    request_id: _Name = None
    message_id: _Name = None
    start_time: _Seconds = None
    end_time: _Seconds = None
    model_served: _Name = None


_FIELDS = _Line.__struct_fields__
_MEASURED = ("duration_seconds", "time_to_first_token", "tokens_per_second")
_TIMES = ("start_time", "end_time")
_IDS = ("call_id", "request_id", "message_id")
_NAMES = ("task_id", "worker_id")
_PARTS = (
    "tokens_input",
    "tokens_output",
    "tokens_cache_read",
    "tokens_cache_write_5m",
    "tokens_cache_write_1h",
)
_OWN_FACETS = ("model", "model_served", "project", "task_id", "worker_id", "session_id", "source")
_OUTCOMES = pa.array(["failed", "ok"], pa.string())  # by the truth of `success`
_AT_A_TIME = 256
_decoder = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What a block of lines held: rows (with `hour`), the day each was written on, and the bad lines."""

    rows: Table
    days: Array
    """Days since 1970, local time of the writer, per row."""
    bad: tuple[tuple[int, str], ...]
    """Line number and reason."""
    lines: int
    """Lines of any kind, blank ones too."""


def decode(
    data: bytes | memoryview, zone: ZoneInfo, *, offset: int = 0, line: int = 1, packed: bool = False
) -> Batch:
    """The complete lines in `data`, which starts at byte `offset` of its file with line number `line`.

    `packed` says that the offsets are those of a decompressed stream: rows then name them as -1 - offset.
    """
    buffer = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(buffer == 10)
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    bad: list[tuple[int, str]] = []
    taken = _at_once(data, buffer, starts, ends)
    which = np.arange(len(ends))
    if taken is None:
        taken, which = _one_by_one(data, starts, ends, offset == 0, line, bad)
    texts = [entry.timestamp for entry in taken]
    times, days = clock.instants(texts, zone)
    good = times != clock.NEVER
    if not good.all():
        wrong = np.flatnonzero(~good).tolist()
        bad += [(line + int(which[at]), _no_time(texts[at])) for at in wrong]
        taken = [entry for entry, fine in zip(taken, good.tolist(), strict=True) if fine]
        times, days, which = times[good], days[good], which[good]
    places = starts[which] + offset
    rows = _columns(taken, times, -1 - places if packed else places, zone)
    return Batch(rows, days, tuple(sorted(bad)), len(ends))


def record(raw: bytes) -> dict[str, Any] | None:
    """The whole record of one line, every field as written; None when the line is no JSON object."""
    try:
        found = _lenient(_bare(raw))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _at_once(data: bytes | memoryview, buffer: Array, starts: Array, ends: Array) -> list[_Line] | None:
    """All lines in one pass, or None when they need a closer look.

    The decoder alone would take `{}{}` for two lines, or an object over two lines for one. When every
    line starts with { and ends with }, no object can span lines, so an equal count means one for each.
    """
    if not len(ends):
        return []
    if not ((buffer[starts] == 123).all() and (buffer[ends - 1] == 125).all()):
        return None
    try:
        taken = _decoder.decode_lines(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return taken if len(taken) == len(ends) else None


def _one_by_one(
    data: bytes | memoryview, starts: Array, ends: Array, first: bool, line: int, bad: list[tuple[int, str]]
) -> tuple[list[_Line], Array]:
    """The good lines and their places; the others go to `bad`. Blank lines are neither."""
    taken: list[_Line] = []
    which: list[int] = []
    for at, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        raw = bytes(data[start:end])
        raw = raw.removeprefix(BOM) if first and at == 0 else raw
        try:
            entry = _decoder.decode(raw)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            if not raw.strip():
                continue
            found = _closer(raw)
            if isinstance(found, str):
                bad.append((line + at, found))
                continue
            entry = found
        taken.append(entry)
        which.append(at)
    return taken, np.array(which, dtype=np.int64)


def _closer(raw: bytes) -> _Line | str:
    """The line, read leniently, or why it is bad."""
    bare = _bare(raw)
    if not bare:
        return "only NUL bytes"
    try:
        found = _lenient(bare)
    except UnicodeDecodeError:
        return "not UTF-8"
    except RecursionError:
        return "nested too deep"
    except ValueError as error:
        return f"not JSON: {error}"
    if not isinstance(found, dict):
        return "not a JSON object"
    return _line_of(found)


def _bare(raw: bytes) -> bytes:
    """The line without what a crash (NUL bytes) or an editor (BOM) may have put around it."""
    return raw.removeprefix(BOM).strip(b"\0 \t\r\n")


def _lenient(bare: bytes) -> Any:
    """The line's value. NaN and Infinity, which are no JSON but which Python writes, are texts."""
    return json.loads(bare.decode("utf-8"), parse_constant=str)


def _line_of(found: dict[str, Any]) -> _Line | str:
    if found.get("model", 0) in (None, ""):
        found = found | {"model": UNKNOWN_MODEL}
    for name in ("timestamp", "model"):
        if not isinstance(found.get(name), str) or not found[name]:
            return f"{name} is missing" if found.get(name) in (None, "") else f"{name} is not text"
    fields = {name: _usable(name, found[name]) for name in _FIELDS if name in found}
    if "success" not in fields:
        fields["success"] = fields.get("error_message") is None
    try:
        return msgspec.convert(fields, _Line, strict=False)
    except msgspec.ValidationError as error:
        return _sentence(str(error))


def _usable(name: str, value: Any) -> Any:
    """The value of a field; for what nothing is counted by, the nearest thing that can be used."""
    if name in _MEASURED or name in _TIMES:
        return _or_none(value, _Seconds)
    if name == "attempts":
        return _or_none(value, _Few)
    if name in _IDS:
        return _printable(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    if name in _NAMES and isinstance(value, bool | float):
        return json.dumps(value)
    return _printable(value)


def _or_none(value: Any, kind: Any) -> float | None:
    """A number of this kind, None for what is none."""
    try:
        found = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return None
    return found if found is not None and math.isfinite(found) else None


def _printable(value: Any) -> Any:
    """Text without the lone surrogates that JSON escapes can spell but UTF-8 cannot."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _sentence(message: str) -> str:
    """`Expected `int | null`, got `str` - at `$.tokens_input`` in the words of a reader."""
    field = re.search(r"at `\$\.(\w+)`", message)
    what = message.split(" - at ")[0].replace("`", "").replace("Expected", "expected", 1)
    return f"{field[1] if field else 'line'}: {what}"


def _no_time(text: str) -> str:
    return f"timestamp is no time of the years 1970 to 2199: {text[:40]!r}"


def _transposed(taken: Sequence[_Line]) -> dict[str, list[Any]]:
    """A list per field. Few lines at a time: the tuples stay in the processor's cache and out of the
    garbage collector's generations.
    """
    columns: list[list[Any]] = [[] for _ in _FIELDS]
    for start in range(0, len(taken), _AT_A_TIME):
        tuples = map(msgspec.structs.astuple, taken[start : start + _AT_A_TIME])
        for column, values in zip(columns, zip(*tuples, strict=True), strict=True):
            column.extend(values)
    return dict(zip(_FIELDS, columns, strict=True))


def _columns(taken: Sequence[_Line], times: Array, places: Array, zone: ZoneInfo) -> Table:
    """One array per column of the rows frame, and `hour`."""
    raw = _transposed(taken)
    numbers: dict[str, Array] = {"time": times, "hour": clock.hours(times, zone)}
    numbers |= _tokens(raw)
    numbers["final"] = _not_false(raw["tokens_final"])
    numbers["cost_usd"] = _cost(raw, numbers["tokens_total"])
    for name in _MEASURED:
        numbers[name] = _measured(raw[name])
    calls, known = _counts(raw["calls"])
    numbers["calls"] = narrowed(np.where(known, calls, 1))
    numbers["retries"] = _retries(raw["attempts"])
    numbers["web_searches"] = narrowed(_counts(raw["web_searches"])[0])
    numbers["offset"] = places
    numbers |= identities(raw, numbers)
    facets = {name: encoded(raw[name]) for name in _OWN_FACETS}
    facets["outcome"] = np.array(raw["success"], dtype=bool).astype(np.int32), _OUTCOMES
    facets["error"] = encoded(_errors(raw["error_type"], raw["error_message"]))
    codes = {name: codes for name, (codes, _) in facets.items()}
    return Table(numbers, codes, {name: names for name, (_, names) in facets.items()})


def _retries(attempts: Sequence[Any]) -> Array:
    """Attempts beyond the first of each line; a byte each where there are none."""
    if attempts.count(None) == len(attempts):
        return np.zeros(len(attempts), dtype=np.int8)
    return narrowed(np.maximum(_counts(attempts)[0] - 1, 0))


def _not_false(values: Sequence[Any]) -> Array:
    if False not in values:
        return np.ones(len(values), dtype=bool)
    return np.fromiter((value is not False for value in values), bool, len(values))


def _errors(types: Sequence[Any], messages: Sequence[Any]) -> Sequence[Any]:
    """The type, else the start of the message."""
    if messages.count(None) == len(messages):
        return types
    return [
        kind if kind is not None or message is None else str(message)[:ERROR_LENGTH]
        for kind, message in zip(types, messages, strict=True)
    ]


def _numbers(values: Sequence[Any]) -> Array:
    """Floats, NaN for None."""
    if not values or (values[0] is None and values.count(None) == len(values)):
        return np.full(len(values), np.nan)
    return np.array(values, dtype=np.float64)


def _counts(values: Sequence[Any]) -> tuple[Array, Array]:
    """Whole numbers, 0 where not known, and where they are known."""
    found = _numbers(values)
    known = ~np.isnan(found)
    return np.where(known, found, 0).astype(np.int64), known


def _measured(values: Sequence[Any]) -> Array:
    """Seconds or rates; a negative one (the clock was set back meanwhile) is not known."""
    found = _numbers(values).astype(np.float32)
    found[found < 0] = np.nan
    return found


def _tokens(raw: Mapping[str, Sequence[Any]]) -> dict[str, Array]:
    """Token columns: the total is the sum of the parts when any is known, else the line's own."""
    parts = {name: _counts(raw[name]) for name in _PARTS}
    total, counted = _counts(raw["tokens_total"])
    in_parts = np.logical_or.reduce([known for _, known in parts.values()])
    summed = sum((values for values, _ in parts.values()), start=np.zeros_like(total))
    found = {
        "tokens_input": parts["tokens_input"][0],
        "tokens_output": parts["tokens_output"][0],
        "tokens_cache_read": parts["tokens_cache_read"][0],
        "tokens_cache_write": parts["tokens_cache_write_5m"][0] + parts["tokens_cache_write_1h"][0],
        "tokens_cache_write_1h": parts["tokens_cache_write_1h"][0],
        "tokens_thinking": _counts(raw["tokens_thinking"])[0],
        "tokens_total": np.where(in_parts, summed, total),
    }
    return {name: narrowed(values) for name, values in found.items()} | {"counted": in_parts | counted}


def _cost(raw: Mapping[str, Sequence[Any]], total: Array) -> Array:
    """USD. Lines from before `source` existed hold 0 where their logger knew no price: not known, also
    where there is a price now.
    """
    cost = _numbers(raw["estimated_cost_usd"])
    if None in raw["source"]:
        old = np.fromiter((source is None for source in raw["source"]), bool)
        cost[old & (cost == 0) & (total > 0)] = np.nan
    return cost
