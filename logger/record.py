"""What a line means: `CallRecord`, its fields, and the way to a line of JSON and back.

The first twenty fields (`ORIGINAL_FIELDS`) are in every line, in this order; every further field is
written only when it says something. A line is one JSON object in UTF-8 and ends with a newline.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from operator import index
from typing import Any, SupportsIndex, cast

DAY_FILE_PATTERN = re.compile(r"api-calls-(?P<day>\d{4}-\d{2}-\d{2})\.jsonl(?P<gzip>\.gz)?")
"""What the name of a day's file looks like; use `fullmatch`. Closed days may be gzipped."""

MAX_DEPTH = 20
"""How deep `settings` may be nested; what lies deeper is written as text."""


def _field(meaning: str, unit: str = "", default: Any = None) -> Any:
    return field(default=default, metadata={"unit": unit, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call to Claude, or what one run of the Claude CLI used of one model."""

    timestamp: str = _field("start of the call, local time with offset", "ISO-8601", MISSING)
    task_id: str | None = _field("the coordinator's name of the task")
    worker_id: str | None = _field("the coordinator's name of the worker")
    model: str = _field("model asked for", "", MISSING)
    prompt_file: str | None = _field("path of the prompt")
    prompt_length: int | None = _field("length of the prompt", "characters")
    response_length: int | None = _field("length of the response", "characters")
    tokens_input: int | None = _field("uncached input tokens", "tokens")
    tokens_output: int | None = _field("output tokens, thinking included", "tokens")
    tokens_total: int | None = _field("input + output + cache read + cache writes", "tokens")
    start_time: float | None = _field("start of the call", "Unix s")
    end_time: float | None = _field("end of the call", "Unix s")
    duration_seconds: float | None = _field("how long the call took, by a clock that never jumps", "s")
    time_to_first_token: float | None = _field("from the start to the first token", "s")
    tokens_per_second: float | None = _field("tokens_output / duration_seconds", "tokens/s")
    success: bool = _field("whether the call succeeded", default=False)
    error_message: str | None = _field("what went wrong, one line, no secrets")
    exit_code: int | None = _field("exit code of the worker process")
    settings: Mapping[str, Any] | None = _field("whatever the program wants to keep with the call")
    estimated_cost_usd: float | None = _field("cost; null when no price is known", "USD")

    call_id: str | None = _field("unique per line")
    source: str | None = _field("manual, sdk, cli, transcript, otel, rest or demo")
    project: str | None = _field("what the call was made for")
    session_id: str | None = _field("session of the Claude CLI")
    agent: str | None = _field("the agent of the session that made the call")
    host: str | None = _field("name of the machine")
    message_id: str | None = _field("Anthropic's id of the reply")
    request_id: str | None = _field("Anthropic's id of the request")
    model_served: str | None = _field("model that answered, when it is not the one asked for")
    service_tier: str | None = _field("standard, priority or batch")
    speed: str | None = _field("standard or fast, as served")
    inference_geo: str | None = _field("where the model ran: global, us, not_available")
    stop_reason: str | None = _field("why the reply ended")
    tokens_cache_read: int | None = _field("input tokens read from the cache", "tokens")
    tokens_cache_write_5m: int | None = _field("input tokens written to the five-minute cache", "tokens")
    tokens_cache_write_1h: int | None = _field("input tokens written to the one-hour cache", "tokens")
    tokens_thinking: int | None = _field("thinking tokens, part of tokens_output", "tokens")
    web_searches: int | None = _field("web searches made by the server")
    calls: int | None = _field("API calls this line stands for, when not 1")
    attempts: int | None = _field("tries this call took, when not 1")
    error_type: str | None = _field("kind of error: a class name or the API's error type")
    http_status: int | None = _field("HTTP status of a failed call")
    tokens_final: bool | None = _field("only false: the counts are a lower bound or an estimate")
    prompt: str | None = _field("the prompt; only with content logging on")
    response: str | None = _field("the response; only with content logging on")

    @property
    def started(self) -> datetime:
        """The start as an aware moment; a line without offset means this machine's local time.

        Raises ValueError when `timestamp` is no ISO-8601 time.
        """
        return datetime.fromisoformat(self.timestamp).astimezone()


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the line: `type` as in JSON, `unit` may be empty."""

    name: str
    type: str
    unit: str
    meaning: str


_JSON_TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "Mapping[str, Any]": "object",
}


def _described(name: str, annotation: str, about: Mapping[str, str]) -> Field:
    kind, optional, _ = annotation.partition(" | None")
    return Field(name, _JSON_TYPES[kind] + (" or null" if optional else ""), about["unit"], about["meaning"])


FIELDS = tuple(_described(f.name, str(f.type), f.metadata) for f in fields(CallRecord))
"""Every field of the line in its order: the schema, for people and for tests."""

FIELD_NAMES = tuple(f.name for f in FIELDS)
ORIGINAL_FIELDS = FIELD_NAMES[:20]
"""In every line, in this order."""

SAID_ONLY_WHEN = {"calls": 1, "attempts": 1, "tokens_final": True}
"""Further fields that are left out when they have the usual value."""


class RecordError(ValueError):
    """A line is not a record; `str(error)` says why."""


def day_file_name(day: date | str) -> str:
    """The name of the file that holds the lines of a local day (a date, or its ISO text)."""
    return f"api-calls-{day}.jsonl"


def to_line(record: CallRecord) -> bytes:
    """The record as one line, newline included."""
    return line_of(values_of(record))


def values_of(record: CallRecord) -> dict[str, Any]:
    """What its line says: the original fields, and of the others those that say something."""
    values = {name: getattr(record, name) for name in ORIGINAL_FIELDS}
    for name in FIELD_NAMES[20:]:
        value = getattr(record, name)
        if value is not None and value != SAID_ONLY_WHEN.get(name):
            values[name] = value
    return values


def line_of(values: dict[str, Any]) -> bytes:
    """One line of these fields in this order. Never raises: what JSON has no word for becomes text or null.

    The bytes hold exactly one newline, at the end, and no other character any program takes for a line
    end; lone surrogates become U+FFFD.
    """
    try:
        text = _encode(values)
    except Exception:  # noqa: BLE001 - not JSON, NaN, a cycle, too deep, or a caller's object that raises
        text = _encode({name: _plain_or_text(value) for name, value in values.items()})
    if not text.isascii():
        text = _printable(text)
    return (text + "\n").encode()


def _encoder() -> Callable[[Any], str]:
    """JSON without escapes for other alphabets; raises for NaN, which is no JSON, and for a cycle.

    `JSONEncoder.encode` sets up the C encoder for every call; once is a third cheaper.
    """
    slow = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # another Python
        return slow.encode
    quoted = json.encoder.encode_basestring
    chunks = make(None, slow.default, quoted, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_encode = _encoder()
_LINE_ENDS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def encode_object(value: Mapping[str, Any]) -> str:
    """JSON of a dict. Raises TypeError or ValueError for what JSON cannot say, and for what is no dict."""
    if not isinstance(value, dict):
        raise TypeError("not a dict")
    return _encode(value)


def _printable(text: str) -> str:
    """JSON text that can be encoded and that no `splitlines` can tear."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.translate(_LINE_ENDS)


def _plain_or_text(value: Any) -> Any:
    try:
        return plain(value)
    except Exception:  # noqa: BLE001 - the caller's containers may raise anything
        return as_text(value)


def plain(value: Any, depth: int = 0) -> Any:
    """The nearest thing JSON can hold: null for NaN and infinity, lists for sets, text for the rest."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, SupportsIndex):
        return _plain_int(index(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if depth >= MAX_DEPTH:
        return as_text(value)
    if isinstance(value, Mapping):
        return {as_text(name): plain(item, depth + 1) for name, item in list(value.items())}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item, depth + 1) for item in list(value)]
    return as_text(value)


def _plain_int(value: int) -> int | str:
    # Python refuses to print integers of more than 4300 digits; 64 bits is what readers can hold.
    return value if -(2**63) <= value < 2**63 else hex(value)


def as_text(value: Any) -> str:
    """`str(value)`, bytes as UTF-8, dates as ISO-8601; at most 10,000 characters. Never raises."""
    try:
        if isinstance(value, (bytes, bytearray)):
            return bytes(value[:10_000]).decode("utf-8", "replace")
        if isinstance(value, str):
            return str.__str__(value)
        return (value.isoformat() if isinstance(value, (date, datetime)) else str(value))[:10_000]
    except Exception:  # noqa: BLE001 - the caller's __str__ may raise anything
        return f"<{type(value).__name__}>"


def from_line(line: bytes | str) -> CallRecord:
    """The record of a line. Old lines load: missing fields and values of a wrong type become None.

    Raises RecordError when the line is no JSON object or has no `timestamp`.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"not JSON: {error}") from None
    if not isinstance(values, dict):
        raise RecordError("not a JSON object")
    known = {name: _fitting(name, values[name]) for name in FIELD_NAMES if name in values}
    if known.get("timestamp") is None:
        raise RecordError("no timestamp")
    known["model"] = known.get("model") or ""
    known["success"] = bool(known.get("success"))
    return CallRecord(**cast(Any, known))


_FITS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
}
_TYPE_OF = {f.name: f.type.removesuffix(" or null") for f in FIELDS}


def _fitting(name: str, value: Any) -> Any:
    wanted = _TYPE_OF[name]
    if isinstance(value, bool) and wanted != "boolean":
        return None
    if isinstance(value, float) and wanted == "integer" and value.is_integer():
        return int(value)
    return value if isinstance(value, _FITS[wanted]) else None
