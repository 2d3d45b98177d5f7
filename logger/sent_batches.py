"""Message batches that were sent and whose results are not logged: kept beside the log, one file for each.

`.batches/<id of the batch>.json` in the log folder says how many requests it has, when and under which names
it was sent. It is written before the batch is sent, and removed once all its results are logged by a watched
client of any process; what is older than `KEPT` no limit counts any more.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from .call_line import text

BATCHES = ".batches"
"""The folder of these files, within the log folder."""

KEPT = 3 * 86_400
"""Seconds."""

_ID = re.compile(r"[\w-]{1,200}")
_FILE = re.compile(r"[\w-]{1,200}\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBatch:
    """A batch, or one that is being sent."""

    requests: int
    sent: float
    """Unix seconds."""
    task_id: str | None = None
    worker_id: str | None = None
    project: str | None = None


class SentBatches:
    """The batches of a log folder."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._place = os.path.join(os.fspath(folder), BATCHES)  # noqa: PTH118

    def begin(self, key: str, batch: SentBatch) -> str:
        """Keep a batch before it is sent; its name until its id is known. Raises OSError."""
        name = f"new-{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:24]}"
        self._write(name, batch)
        return name

    def made(self, name: str, batch_id: str) -> None:
        """Its id is known. Raises OSError."""
        if _ID.fullmatch(batch_id):
            os.replace(self._path(name), self._path(batch_id))  # noqa: PTH105

    def done(self, name: str) -> None:
        """Nothing more will come of a batch, by its id or its name. Raises OSError."""
        if _ID.fullmatch(name):
            with suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(self._path(name))  # noqa: PTH108

    def read(self) -> list[SentBatch]:
        """All of them; removed ones and torn files are left out. Raises OSError."""
        try:
            names = os.listdir(self._place)  # noqa: PTH208
        except FileNotFoundError:
            return []
        found = [self._read(f"{self._place}{os.sep}{name}") for name in names if _FILE.fullmatch(name)]
        return [one for one in found if one is not None]

    def _read(self, path: str) -> SentBatch | None:
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123
                return _batch_of(json.load(file))
        except (FileNotFoundError, ValueError, RecursionError):
            return None

    def _write(self, name: str, batch: SentBatch) -> None:
        os.makedirs(self._place, mode=0o700, exist_ok=True)  # noqa: PTH103
        self._tidy()
        part = f"{self._place}{os.sep}{name}.{os.getpid()}-{os.urandom(4).hex()}.part"
        with open(part, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(asdict(batch), file)
        os.replace(part, self._path(name))  # noqa: PTH105

    def _tidy(self) -> None:
        """Remove what no limit counts any more."""
        old = time.time() - KEPT
        with suppress(OSError):
            for entry in os.scandir(self._place):
                if entry.stat().st_mtime < old:
                    os.unlink(entry.path)  # noqa: PTH108

    def _path(self, name: str) -> str:
        return f"{self._place}{os.sep}{name}.json"


def sent_now(requests: int, now: float, names: Mapping[str, Any]) -> SentBatch:
    """A batch that is sent now; `names` are fields of a line."""
    texts = {name: text(names.get(name)) for name in ("task_id", "worker_id", "project")}
    return SentBatch(requests=requests, sent=now, **texts)


def _batch_of(told: Any) -> SentBatch | None:
    if not isinstance(told, Mapping):
        return None
    requests, sent = told.get("requests"), told.get("sent")
    if type(requests) is not int or requests < 0 or not isinstance(sent, (int, float)):
        return None
    names = {name: told.get(name) for name in ("task_id", "worker_id", "project")}
    texts = {name: value if isinstance(value, str) else None for name, value in names.items()}
    return SentBatch(requests=requests, sent=float(sent), **texts)
