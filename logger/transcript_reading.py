"""Many transcripts -> their calls, each once: read one after another, or by several processes."""

from __future__ import annotations

import gc
import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from .transcript_file import Found, TranscriptFile
from .transcript_folders import project_folder
from .transcript_rows import Decode, Reply, joined

WORTH_PROCESSES = 16 << 20
"""Bytes from which on more processes are worth their start."""

_TOGETHER = 4 << 20
"""Bytes given to a process at once."""

_AHEAD = 2
"""Tasks per process that are handed out at once: results wait in memory until they are taken."""

Read = tuple[Path, Found | str]
"""A file, and what it tells or why it cannot be read."""


@dataclass(frozen=True, slots=True)
class Project:
    """The calls of one working folder's transcripts, each once, and the files they were read from."""

    replies: dict[str, Reply]
    files: list[Read]


def projects(
    files: Iterable[Path], decode: Decode, *, processes: int = 1, on_file: Callable[[int], None] | None = None
) -> Iterator[Project]:
    """The calls of these transcripts, one working folder after another, so that memory stays bounded.

    Copies of a call (forks, resumed sessions, side chains) lie in the same folder and become one there.
    on_file is told the size of each file that was read.
    """
    ordered = sorted(files, key=lambda path: (str(project_folder(path)), str(path)))
    for _, group in groupby(_each(ordered, decode, processes), key=lambda read: project_folder(read[0])):
        replies: dict[str, Reply] = {}
        taken: list[Read] = []
        for path, found in group:
            if isinstance(found, Found):
                _take(replies, found)
            taken.append((path, found))
            if on_file:
                on_file(found.size if isinstance(found, Found) else 0)
        yield Project(replies, taken)


def _take(replies: dict[str, Reply], found: Found) -> None:
    for key, reply in found.replies.items():
        known = replies.get(key)
        replies[key] = reply if known is None else joined(known, reply)
    found.replies = {}


def read_file(path: Path, decode: Decode) -> Found | str:
    """What a transcript tells, or why it cannot be read."""
    try:
        return TranscriptFile(path, decode).read()
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except MemoryError:
        return "cannot be read: a row is too long for the memory there is"


def _each(files: Sequence[Path], decode: Decode, processes: int) -> Iterator[Read]:
    if processes > 1 and sys.platform == "linux" and sum(map(_size, files)) >= WORTH_PROCESSES:
        done = 0
        try:
            for read in _side_by_side(files, decode, processes):
                done += 1
                yield read
        except (BrokenProcessPool, OSError):  # a process was killed, or none may be made
            files = files[done:]
        else:
            return
    for path in files:
        yield path, read_file(path, decode)


def _side_by_side(files: Sequence[Path], decode: Decode, processes: int) -> Iterator[Read]:
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, context, _begin, (decode,)) as pool:
        waiting: deque[Future[list[Read]]] = deque()
        for chunk in _chunks(files):
            waiting.append(pool.submit(_read_chunk, chunk))
            if len(waiting) > processes * _AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _chunks(files: Sequence[Path]) -> Iterator[list[Path]]:
    chunk: list[Path] = []
    size = 0
    for path in files:
        chunk.append(path)
        size += _size(path)
        if size >= _TOGETHER:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


_decode: Decode | None = None


def _begin(decode: Decode) -> None:
    """In a new process: it is forked, so the decoder need not be sent."""
    global _decode
    _decode = decode
    gc.disable()  # nothing here points in circles
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's to answer


def _read_chunk(files: list[Path]) -> list[Read]:
    if _decode is None:
        raise RuntimeError("no decoder")
    return [(path, read_file(path, _decode)) for path in files]
