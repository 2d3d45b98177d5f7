"""Transcripts that are still being written: each call becomes a line soon after its reply is there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from .importing import ImportProblem
from .transcript_file import TranscriptFile
from .transcript_folders import is_transcript
from .transcript_rows import Decode, Reply, plain_row
from .transcript_state import Stamp
from .transcripts import BadRows, TranscriptLog

QUIET = 1.0
"""Seconds without a new row after which the newest reply of a file counts as complete."""


class Following:
    """Looks at the files below some folders with each `look`, and writes what is new."""

    def __init__(
        self,
        places: Sequence[Path],
        log: TranscriptLog,
        known: dict[str, Stamp],
        *,
        decode: Decode = plain_row,
    ) -> None:
        self._places = places
        self._log = log
        self._known = known
        self._decode = decode
        self._open: dict[str, TranscriptFile] = {}
        self._held: dict[str, tuple[Reply, float]] = {}
        self._foreign: set[str] = set()
        self._unread: set[str] = set()

    @property
    def waiting(self) -> bool:
        """Whether a reply is held until no more rows of it come."""
        return bool(self._held)

    def look(self, now: float) -> int:
        """Write what came since the last look; how many lines. now: seconds of any clock."""
        before = self._log.tally.written
        ready: list[Reply] = []
        for path, stamp in self._files():
            if self._known.get(path) != stamp:
                ready += self._read(path, stamp, now)
        ready += self._quiet(now)
        for _ in self._log.take(ready):
            pass
        return self._log.tally.written - before

    def rest(self) -> None:
        """Write what is still held: nobody will look again."""
        held, self._held = self._held, {}
        for _ in self._log.take([reply for reply, _ in held.values()]):
            pass

    def _read(self, path: str, stamp: Stamp, now: float) -> list[Reply]:
        file = self._file(path, stamp)
        if file is None:
            return []
        try:
            found = file.read(whole=False)
        except OSError as error:
            if path not in self._unread:
                self._unread.add(path)
                reason = f"cannot be read: {error.strerror or error}"
                self._log.tally.problems.append(ImportProblem(file.path, reason))
            return []
        self._known[path] = stamp
        if found.bad_rows:
            self._log.tally.bad_rows.append(BadRows(file.path, found.bad_rows, tuple(found.bad)))
        return self._complete(path, file.last, found.replies, now)

    def _file(self, path: str, stamp: Stamp) -> TranscriptFile | None:
        """The file as far as it is read; from its start when it was replaced or became shorter."""
        file, known = self._open.get(path), self._known.get(path)
        if path in self._foreign and known is not None:
            return None
        replaced = known is not None and known[2] != stamp[2]
        if file is None or replaced or stamp[0] < file.offset:
            if stamp[0] and not is_transcript(Path(path)):
                self._foreign.add(path)
                self._known[path] = stamp
                return None
            file = self._open[path] = TranscriptFile(Path(path), self._decode)
        return file

    def _complete(self, path: str, last: Reply | None, replies: dict[str, Reply], now: float) -> list[Reply]:
        """The replies after which another one began; the last one is held."""
        held = self._held.pop(path, None)
        if last is not None and last.key in replies:
            del replies[last.key]
            self._held[path] = (last, now)
        elif held is not None and last is held[0]:
            self._held[path] = held  # other rows came, none of a reply
        if held is not None and path in self._held and self._held[path][0].key == held[0].key:
            return list(replies.values())
        overdue = [held[0]] if held is not None and held[0].key not in replies else []
        return [*overdue, *replies.values()]

    def _quiet(self, now: float) -> list[Reply]:
        done = {path: reply for path, (reply, since) in self._held.items() if now - since >= QUIET}
        for path in done:
            del self._held[path]
        return list(done.values())

    def _files(self) -> Iterator[tuple[str, Stamp]]:
        for place in self._places:
            yield from _below(str(place))


def _below(place: str) -> Iterator[tuple[str, Stamp]]:
    """Every `.jsonl` file of a folder, or the file itself; what cannot be looked into has none."""
    try:
        entries = list(os.scandir(place))
    except NotADirectoryError:
        yield from _stamped(place)
        return
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path)
            elif entry.name.endswith(".jsonl"):
                yield from _stamped(entry.path)
        except OSError:
            continue


def _stamped(path: str) -> Iterator[tuple[str, Stamp]]:
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path of each file with each look costs as much again
    except OSError:
        return
    yield path, (status.st_size, status.st_mtime_ns, status.st_ino)
