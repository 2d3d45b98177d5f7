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
    """Looks at the files below some folders with each `look`, and writes what is new.

    known: files that need not be read again. It is brought up to date: a file is added, as it was read,
    once all its replies are in the log and no half row is left.
    """

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
        self._seen = dict(known)
        self._unsettled: set[str] = set()
        self._ready: list[Reply] = []
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
        for path, stamp in self._files():
            if self._seen.get(path) != stamp:
                self._read(path, stamp, now)
        self._release({path for path, (_, since) in self._held.items() if now - since >= QUIET})
        self._write()
        return self._log.tally.written - before

    def rest(self) -> None:
        """Write what is still held: nobody will look again."""
        self._release(set(self._held))
        self._write()

    def _write(self) -> None:
        """Write what is ready, and settle the files of which nothing is held any more."""
        for _ in self._log.take(self._ready):
            pass
        if self._log.stopped:
            return
        self._ready.clear()
        for path in self._unsettled.difference(self._held):
            self._unsettled.discard(path)
            file = self._open.get(path)
            if file is None or file.offset >= self._seen[path][0]:
                self._known[path] = self._seen[path]

    def _release(self, paths: set[str]) -> None:
        """Hold these no longer."""
        self._ready += [self._held[path][0] for path in paths]
        for path in paths:
            del self._held[path]

    def _read(self, path: str, stamp: Stamp, now: float) -> None:
        file = self._file(path, stamp)
        if file is None:
            self._note(path, stamp)
            return
        try:
            found = file.read(whole=False)
        except OSError as error:
            if path not in self._unread:
                self._unread.add(path)
                reason = f"cannot be read: {error.strerror or error}"
                self._log.tally.problems.append(ImportProblem(file.path, reason))
            return
        if found.bad_rows:
            self._log.tally.bad_rows.append(BadRows(file.path, found.bad_rows, tuple(found.bad)))
        self._ready += self._complete(path, file.last, found.replies, now)
        self._note(path, stamp)  # at last: Ctrl-C may come before

    def _note(self, path: str, stamp: Stamp) -> None:
        self._seen[path] = stamp
        self._unsettled.add(path)

    def _file(self, path: str, stamp: Stamp) -> TranscriptFile | None:
        """The file as far as it is read; from its start when it was replaced or became shorter."""
        file, seen = self._open.get(path), self._seen.get(path)
        if path in self._foreign and seen is not None:
            return None
        replaced = seen is not None and seen[2] != stamp[2]
        if file is None or replaced or stamp[0] < file.offset:
            if stamp[0] and not is_transcript(Path(path)):
                self._foreign.add(path)
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
