"""What tells that two lines are of the same call: columns of the rows that `once` goes by.

`call`, `request`, `message` - digests of a derived call id, of the request id, of the message id; 0 without.
`tokens` - of telemetry and transcript lines without a request id: of session and input; else 0.
`lasts` - of lines of CLI runs: milliseconds until the end of the run, `ENDLESS` or `TIMELESS`; else 0.

Most lines have few of these: a column of nothing but zeros takes a byte a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logger.call_ids import DERIVED
from logger.counted_line import PER_CALL, RUNS

from .digests import digests, mixed

Array = NDArray[Any]

KEYS = ("call", "request", "message", "tokens")
ENDLESS = 2**31 - 1
"""The end of the run is not known."""

TIMELESS = -1
"""Nor is its start."""

_DERIVED_LENGTH = 28
_COUNTS = ("tokens_input", "tokens_cache_read", "tokens_cache_write")


def identities(raw: Mapping[str, Sequence[Any]], numbers: Mapping[str, Array]) -> dict[str, Array]:
    """The columns of lines, from their fields and the token columns made of them."""
    ids = {
        "call": digests(list(map(_derived, raw["call_id"])), "call"),
        "request": digests(_texts(raw["request_id"]), "request"),
        "message": digests(_texts(raw["message_id"]), "message"),
    }
    ids["tokens"] = _by_tokens(ids["request"], raw, numbers)
    sources = raw["source"]
    lasts = _lasts(raw, numbers["time"]) if RUNS in sources else np.zeros(len(sources), np.int32)
    return {name: _small(values) for name, values in ids.items()} | {"lasts": lasts}


def _small(values: Array) -> Array:
    return values if values.any() else np.zeros(len(values), np.int8)


def _derived(call_id: Any) -> str | None:
    """The id if it says of what call the line is."""
    if call_id.__class__ is not str or len(call_id) != _DERIVED_LENGTH or not DERIVED.fullmatch(call_id):
        return None
    return str(call_id)


def _texts(ids: Sequence[Any]) -> Sequence[str | None]:
    """Ids as texts; a few are whole numbers."""
    if ids.count(None) == len(ids):
        return ids
    return [one if one is None or one.__class__ is str else str(one) for one in ids]


def _by_tokens(requests: Array, raw: Mapping[str, Sequence[Any]], numbers: Mapping[str, Array]) -> Array:
    """What telemetry and transcript lines without a request id go by."""
    found = np.zeros(len(requests), dtype=np.int64)
    sources = raw["source"]
    if not any(source in sources for source in PER_CALL):
        return found
    some = (requests == 0) & (numbers["tokens_total"] > 0)
    bare = [at for at in np.flatnonzero(some).tolist() if sources[at] in PER_CALL and _said(raw, at)]
    if bare:
        sessions = digests([str(raw["session_id"][at]) for at in bare], "session")
        columns = [sessions, *(numbers[name][bare].astype(np.int64) for name in _COUNTS)]
        found[bare] = mixed(columns, "tokens")
    return found


def _said(raw: Mapping[str, Sequence[Any]], at: int) -> bool:
    return raw["session_id"][at] not in (None, "")


def _lasts(raw: Mapping[str, Sequence[Any]], times: Array) -> Array:
    runs = np.fromiter((source == RUNS for source in raw["source"]), bool, len(times))
    started = np.fromiter((start is not None for start in raw["start_time"]), bool, len(times))
    ended = np.array([np.inf if end is None else end for end in raw["end_time"]], dtype=np.float64)
    lasts = np.clip(np.ceil(ended * 1e3 - times / 1e3), 0, ENDLESS).astype(np.int32)
    return np.where(runs, np.where(started, lasts, np.int32(TIMELESS)), np.int32(0))
