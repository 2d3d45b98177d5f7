"""The bytes of a streamed reply -> what it used, its text, and whether it was whole.

The chunks are only collected while they pass, and read when there are many or when the stream is over:
the program that reads the stream is not kept waiting. Pieces of text, which are nearly all of a stream,
are cut out without decoding their events.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .usage import MessageStream

_MOST_COLLECTED = 256 * 1024

_DELTA = b'{"type":"content_block_delta"'
_STOP = b'{"type":"message_stop"'
_SILENT = b'{"type":"content_block_stop"', b'{"type":"ping"'
_TYPE_OF_TEXT = b"text_delta"
_TEXT_FROM, _TEXT_TO = b'"delta":{"type":"text_delta","text":"', b'"}'
_TEXT = re.compile(
    rb'\{"type":"content_block_delta","index":\d+,"delta":\{"type":"text_delta","text":'
    rb'"([^"\\]*(?:\\.[^"\\]*)*)"\}'
)
_STRING = re.compile(rb'[^"\\\n]*(?:\\[^\n][^"\\\n]*)*')
_NAME = b"content_block_delta"
_AWS_NAME = b64encode(_DELTA)[:32]
_AWS_EVENT = re.compile(rb'"bytes"\s*:\s*"([A-Za-z0-9+/=]+)"')
_AWS_ERROR = re.compile(
    rb':exception-type\x07..([A-Za-z]+)(?:.*?"message"\s*:\s*"((?:[^"\\]|\\.)*)")?', re.DOTALL
)


class StreamReader:
    """Takes the body of a stream in chunks; after `finish` the rest can be asked for.

    aws: the chunks are frames of an AWS event stream (Bedrock), not server-sent events.
    """

    def __init__(self, aws: bool = False) -> None:
        self.message = MessageStream()
        self.begun = False
        """Whether a first piece of content was there."""
        self.stopped = False
        """Whether the last event was there."""
        self.error: tuple[str | None, str | None] | None = None
        """(type, message) of an error among the events."""
        self._aws = aws
        self._chunks: list[bytes] = []
        self._size = 0
        self._tail = b""
        self._raw: list[bytes] = []
        self._texts: list[str] = []

    def feed(self, chunk: bytes) -> bool:
        """Take the next chunk; whether the first piece of content is in it."""
        self.collect(chunk)
        if self.begun:
            return False
        name = _AWS_NAME if self._aws else _NAME
        seen = self._tail + chunk
        self.begun = name in seen
        self._tail = seen[-len(name) :]
        return self.begun

    def collect(self, chunk: bytes) -> None:
        """Take a chunk after the first piece of content. Never raises: what cannot be read is left out."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > _MOST_COLLECTED:
            with suppress(Exception):
                self._read(whole=False)

    def finish(self) -> None:
        """Nothing more comes."""
        self._read(whole=True)

    @property
    def final(self) -> bool:
        """Whether the counts are the last word."""
        return self.message.final and (self.stopped or self.message.stop_reason is not None)

    @property
    def text(self) -> str:
        """The text of the reply so far."""
        self._decode_raw()
        return "".join(self._texts)

    def _read(self, whole: bool) -> None:
        data = b"".join(self._chunks)
        end = len(data) if whole else self._last_end(data)
        self._chunks = [data[end:]] if end < len(data) else []
        self._size = len(data) - end
        if self._aws:
            self._read_frames(data[:end])
        else:
            self._read_text(data[:end])

    def _last_end(self, data: bytes) -> int:
        """Where the last whole event ends."""
        if not self._aws:
            return data.rfind(b"\n") + 1
        found = list(_AWS_EVENT.finditer(data))
        return found[-1].end() if found else 0

    def _read_text(self, data: bytes) -> None:
        """Whole events, nearly all of them alike: pieces of text with the same bytes in between."""
        first, *parts = data.split(_TEXT_FROM)
        cuts = [part.partition(_TEXT_TO) for part in parts]
        if not _whole_strings([text for text, _, _ in cuts]):
            self._read_events(data)
            return
        self._read_events(first)
        usual = cuts[0][2] if cuts and _says_nothing(cuts[0][2]) else None
        for text, _, between in cuts:
            self._raw.append(text)
            if between != usual:
                self._read_events(between)

    def _read_events(self, data: bytes) -> None:
        for piece in (b"\n" + data).split(b"\ndata:")[1:]:
            self._read_event(piece.lstrip())

    def _read_event(self, piece: bytes) -> None:
        if found := _TEXT.match(piece):
            self._raw.append(found[1])
        elif piece.startswith(_STOP):
            self.stopped = True
        elif not piece.startswith(_SILENT) and (_TYPE_OF_TEXT in piece or not piece.startswith(_DELTA)):
            self._take(piece.partition(b"\n")[0])

    def _read_frames(self, data: bytes) -> None:
        for encoded in _AWS_EVENT.findall(data):
            self._read_event(b64decode(encoded))
        if found := _AWS_ERROR.search(data):
            self.error = found[1].decode(), (found[2] or b"").decode("utf-8", "replace") or None

    def _take(self, data: bytes) -> None:
        try:
            event = json.loads(data)
        except ValueError:
            return
        if not isinstance(event, dict):
            return
        kind = event.get("type")
        if kind == "message_stop":
            self.stopped = True
        elif kind == "error":
            self.error = error_of(event)
        elif kind in ("content_block_start", "content_block_delta"):
            self._take_text(event.get("content_block") or event.get("delta"))
        else:
            self.message.feed(event)

    def _take_text(self, part: Any) -> None:
        if isinstance(part, Mapping) and part.get("type") in ("text", "text_delta"):
            self._decode_raw()
            self._texts.append(str(part.get("text") or ""))

    def _decode_raw(self) -> None:
        raw, self._raw = b"".join(self._raw), []
        text = raw.decode("utf-8", "replace")
        if "\\" in text:
            with suppress(ValueError):
                text = json.loads(f'"{text}"', strict=False)
        if text:
            self._texts.append(text)


def _whole_strings(texts: list[bytes]) -> bool:
    """Whether each is a JSON string up to its end: cut neither within it nor, where another field follows
    the text, in one of the next events.
    """
    if any(text.endswith(b"\\") for text in texts):  # perhaps an escaped quotation mark
        return False
    told = b"".join(texts)
    return (b'"' not in told and b"\n" not in told) or _STRING.fullmatch(told) is not None


def _says_nothing(between: bytes) -> bool:
    """Whether between two pieces of text no other event ends: the last one has only begun."""
    _, *pieces = between.split(b"\ndata:")
    return len(pieces) == 1 and pieces[0].lstrip().startswith(_DELTA) and pieces[0].endswith(b",")


def error_of(body: Any) -> tuple[str | None, str | None]:
    """(type, message) of an error as the API tells it."""
    error = body.get("error") if isinstance(body, Mapping) else None
    told = error if isinstance(error, Mapping) else {}
    kind, message = told.get("type"), told.get("message")
    return kind if isinstance(kind, str) else None, message if isinstance(message, str) else None
