"""How much a body may hold: a small one can become a thousand times as much memory once it is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from google.protobuf.descriptor import Descriptor

MOST_BYTES = 4 * 1024 * 1024
"""Of a body, as it is sent and as it is unpacked. The CLI sends at most 512 events, of about 1 kB each."""

MOST_VALUES = 200_000
"""Fields and list items in it, at all depths. The fullest event of the CLI has 121 of them."""

MOST_RECORDS = 10_000
"""Log records or metrics in it."""

_LISTS = ("logRecords", "log_records", "metrics")
_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5
_SKIPPED = {_EIGHT: 8, _FOUR: 4}


class TooManyError(Exception):
    """A body holds more than it may."""

    def __init__(self) -> None:
        super().__init__(f"a body may have {MOST_RECORDS:,} records and {MOST_VALUES:,} values in all")


def weigh_json(told: Any) -> None:
    """Raises TooManyError."""
    values = records = 0
    todo = [told]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            records += sum(len(one[name]) for name in _LISTS if isinstance(one.get(name), list))
            inner = list(one.values())
        else:
            inner = one if isinstance(one, list) else []
        values += len(inner)
        if values > MOST_VALUES or records > MOST_RECORDS:
            raise TooManyError
        todo += inner


def weigh_packed(data: bytes, kind: Descriptor) -> None:
    """Raises TooManyError for a protobuf message of this kind; a broken one is for the parser to refuse."""
    values = records = 0
    todo = [(kind, 0, len(data))]
    while todo:
        kind, start, end = todo.pop()
        known, counted = _messages(kind)
        for number, at, stop in _fields(data, start, end):
            values += 1
            records += number == counted
            if values > MOST_VALUES or records > MOST_RECORDS:
                raise TooManyError
            if stop > at and number in known:
                todo.append((known[number], at, stop))


@lru_cache(maxsize=64)
def _messages(kind: Descriptor) -> tuple[dict[int, Descriptor], int | None]:
    """(the kinds of a message's fields that are messages, by number; which of them are records)"""
    fields = [field for field in kind.fields if field.message_type is not None]
    records = next((field.number for field in fields if field.name in _LISTS), None)
    return {field.number: field.message_type for field in fields}, records


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, begin and end of each field's content; what has no length is empty.

    Ends where the bytes are no fields. Source: protobuf.dev/programming-guides/encoding.
    """
    while at < end:
        tag, at = _varint(data, at, end)
        kind = tag & 7
        if kind == _LENGTH:
            size, at = _varint(data, at, end)
            stop = at + size
            if stop > end:
                return
            yield tag >> 3, at, stop
            at = stop
            continue
        if kind == _VARINT:
            at = _varint(data, at, end)[1]
        else:
            at += _SKIPPED.get(kind, 0)  # a group: its fields are counted with those around it
        yield tag >> 3, at, at


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(a number, the place after it)"""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
    return value, at
