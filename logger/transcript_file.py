"""One transcript of Claude Code, read from where it was left: replies, and what cannot be read.

Most of a transcript is text nobody counts. It is read in blocks into one buffer, and only rows that name a
usage are decoded.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .transcript_rows import Decode, Reply, cut, joined, moment, plain_row, repeats, reply_of

BLOCK = 1 << 20
LONGEST_ROW = 1 << 28
"""Bytes beyond which a row is not read."""

MOST_BAD_ROWS = 20
"""Bad rows that are told one by one; beyond that they are counted."""

_USAGE = b'"usage"'
_LONG = 2_000
_MESSAGE = b'"message":{'
_OF_USER = b'"role":"user"'
_CUT = b'"content":"Your response above was cut off mid-stream'
_CUT_WITHIN = 2_000
_REQUEST = re.compile(rb'\{"type":"api-request",(?:"\w+":"[^"]*",)*?"id":"([^"]+)","timestamp":"([^"]+)"')
_COSTS = b'{"type":"cost-state"'
_ROW_TIME = re.compile(rb'"uuid":"[0-9a-f-]{36}","timestamp":"([^"]+)"')
_BOM = b"\xef\xbb\xbf{"
_STOP = b'"stop_reason":'
_ABORTED = b'"isAbortedMidStream":true'
_ENDS = (b"}", b"}\r")
_LONGEST_WAIT = 600.0
"""Seconds a reply may come after the row before it, for that to have been its request."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not read, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class Found:
    """What the rows read in one go tell."""

    replies: dict[str, Reply] = field(default_factory=dict)
    bad: list[BadRow] = field(default_factory=list)
    bad_rows: int = 0
    costs: tuple[str, int, float] | None = None
    """Session, tokens and USD of the last sum that Claude Code itself kept, helper calls included."""
    forked: bool = False
    """Whether replies of another session are copied in it: that sum includes them."""
    size: int = 0


class TranscriptFile:
    """Reads what is new in a file with each `read`. The same object must read a file's rows in order."""

    def __init__(self, path: Path, decode: Decode = plain_row) -> None:
        self.path = path
        self.offset = 0
        """Up to where the rows are read: always the start of a row."""
        self._decode = decode
        self._line = 0
        self._last: Reply | None = None
        self._before = bytearray()
        self._requests: dict[str, float] = {}
        self._shared: dict[Any, Any] = {}
        self._found = Found()
        self._costs = b""
        self._told = (bytearray(), 0)
        self._identity, self._words = b"", b""

    @property
    def last(self) -> Reply | None:
        """The newest reply: more of its rows may come."""
        return self._last

    def read(self, *, whole: bool = True) -> Found:
        """The rows since the last time. whole: nobody writes any more, so a last row needs no newline.

        Raises OSError.
        """
        self._found = Found()
        self._costs = b""
        with self.path.open("rb", buffering=0) as file:
            self._found.size = os.fstat(file.fileno()).st_size
            file.seek(self.offset)
            room = self._found.size - self.offset + 1  # one more, so that the end is seen
            rest = self._blocks(file, bytearray(max(1, min(BLOCK, room))))
        if whole and rest.strip():
            self._take(rest)
        self._found.costs = costs_of(self._costs) if self._costs else None
        return self._found

    def _blocks(self, file: Any, buffer: bytearray) -> bytearray:
        """Take all whole rows; what stands after the last one."""
        kept = 0
        while True:
            got = file.readinto(memoryview(buffer)[kept:])
            filled = kept + got
            if not got:
                return buffer[:kept]
            done = self._rows(buffer, filled)
            self.offset += done
            kept = filled - done
            if done:
                buffer[:kept] = buffer[done:filled]
            elif filled == len(buffer):
                buffer = self._larger(file, buffer)
                kept = filled if len(buffer) > filled else 0

    def _larger(self, file: Any, buffer: bytearray) -> bytearray:
        """A buffer for a row that is longer than this one; one that no buffer shall hold is passed over."""
        if len(buffer) < LONGEST_ROW:
            return buffer + bytearray(len(buffer))
        self._line += 1
        self._bad("is longer than any row")
        self.offset += len(buffer)
        while block := file.read(BLOCK):
            end = block.find(b"\n")
            self.offset += len(block) if end < 0 else end + 1
            if end >= 0:
                break
        file.seek(self.offset)
        return bytearray(BLOCK)

    def _rows(self, block: bytearray, filled: int) -> int:
        """Take the whole rows of a block; where the rest begins."""
        start, find = 0, block.find
        while (end := find(b"\n", start, filled)) >= 0:
            self._line += 1
            if end - start > _LONG and _is_users(block, start):
                self._other(block[start:end])
            elif (usage := find(_USAGE, start, end)) >= 0:
                self._candidate(block[start:end], usage - start)
            elif block.startswith(b'{"type":"', start):
                self._remark(block, start, end)
            elif end - start > 1:
                self._other(block[start:end])
            start = end + 1
        return start

    def _take(self, row: bytearray) -> None:
        """A last row without a newline: taken if it is whole."""
        self._line += 1
        if _USAGE in row:
            self._candidate(row, row.find(_USAGE))
        elif not row.rstrip().endswith(b"}"):
            self._bad("is cut off")

    def _candidate(self, line: bytearray, usage: int) -> None:
        if self._identity and self._is_echo(line, usage):
            return
        try:
            row = self._decode(line)
            if row.type != "assistant" or row.message is None or row.message.usage is None:
                self._other(line)
                return
            at = moment(row.timestamp)
        except ValueError as error:
            self._bad(str(error))
            return
        if self._last is not None and repeats(self._last, row):
            self._repeat(self._last, at)
        else:
            self._reply(row, at)
            ours = self._last is not None and self._last.key == row.message.id
            self._told, self._words = (line, usage), b""
            self._identity = b'"id":"%b"' % row.message.id.encode("utf-8", "replace") if ours else b""

    def _is_echo(self, line: bytearray, usage: int) -> bool:
        """Whether a row says the same of the same reply, byte by byte: a further block; its time is kept."""
        if self._last is None or line.find(self._identity, 0, usage) < 0:
            return False
        if not self._words:
            self._words = _words(*self._told)
        stop = line.rfind(_STOP, 0, usage)
        if not self._words or not line.startswith(self._words, stop) or line.find(_ABORTED, usage) >= 0:
            return False
        found = _ROW_TIME.search(line, usage)
        at = _moment(found[1].decode("ascii", "replace")) if found else None
        if at is not None:
            self._repeat(self._last, at)
        return at is not None

    def _repeat(self, reply: Reply, at: float) -> None:
        reply.until = max(reply.until, at)
        self._found.replies.setdefault(reply.key, reply)

    def _reply(self, row: Any, at: float) -> None:
        reply = reply_of(row, at, self._shared)
        if reply is None:
            return
        if self._last is None or self._last.key != reply.key:
            self._place(reply, row.request_ref)
        known = self._found.replies.get(reply.key) or (
            self._last if self._last is not None and self._last.key == reply.key else None
        )
        self._last = reply if known is None else joined(known, reply)
        self._found.replies[reply.key] = self._last
        self._found.forked = self._found.forked or reply.origin.copied

    def _place(self, reply: Reply, request: str | None) -> None:
        """When a reply was asked for."""
        reply.began = self._requests.get(request) if request else None
        if reply.began is None and self._before:
            found = _ROW_TIME.search(self._before)
            before = _moment(found[1].decode("ascii", "replace")) if found else None
            if before is not None and 0 <= reply.at - before <= _LONGEST_WAIT:
                reply.before = before

    def _remark(self, block: bytearray, start: int, end: int) -> None:
        """A row that is no message: when a request was sent, or what Claude Code itself counted."""
        if request := _REQUEST.match(block, start, end):
            at = _moment(request[2].decode("ascii", "replace"))
            if len(self._requests) > 100:
                self._requests.clear()
            if at is not None:
                self._requests[request[1].decode("utf-8", "replace")] = at
        elif block.startswith(_COSTS, start):
            self._costs = bytes(block[start:end])
        elif not block.endswith(_ENDS, start, end):
            self._other(block[start:end])

    def _other(self, line: bytearray) -> None:
        if not (line.startswith((b"{", _BOM)) and line.endswith(_ENDS)):
            if line.strip():
                self._bad("is not JSON")
            return
        self._before = line
        last = self._last
        if last is not None and len(line) < _CUT_WITHIN and _CUT in line and b'"isMeta":true' in line:
            self._last = self._found.replies[last.key] = cut(last)

    def _bad(self, reason: str) -> None:
        self._found.bad_rows += 1
        if len(self._found.bad) < MOST_BAD_ROWS:
            self._found.bad.append(BadRow(self._line, reason))


def _words(line: bytearray, usage: int) -> bytes:
    """The stop reason and the usage as a row spells them; nothing where they stand otherwise."""
    stop, end = line.rfind(_STOP, 0, usage), line.find(b"}}", usage)
    known = stop >= 0 and end >= 0 and line.find(b"{", stop, usage) < 0
    return bytes(line[stop:end]) if known else b""


def _is_users(block: bytearray, start: int) -> bool:
    """Whether a row is certainly a user's, by the first words of its message: most bytes lie in these."""
    message = block.find(_MESSAGE, start, start + _LONG)
    return message >= 0 and block.startswith(_OF_USER, message + len(_MESSAGE))


def _moment(text: str) -> float | None:
    try:
        return moment(text)
    except ValueError:
        return None


def costs_of(line: bytes) -> tuple[str, int, float] | None:
    """Session, tokens and USD of a `cost-state` row; None when it does not tell."""
    try:
        value = json.loads(line)
        kinds = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
        tokens = sum(int(one.get(kind) or 0) for one in value["modelUsage"].values() for kind in kinds)
        return str(value["sessionId"]), tokens, float(value["totalCostUSD"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None
