"""The lines of a day, gzipped or not."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from .record import DAY_FILE_PATTERN, day_file_name


def day_lines(folder: str | os.PathLike[str], day: str) -> Iterator[bytes]:
    """Every line of a day (`2026-11-22`), first of the gzipped file, then of the plain one.

    A missing file has no lines. Raises OSError when a file cannot be read.
    """
    path = Path(folder, day_file_name(day))
    for file in (path.with_name(path.name + ".gz"), path):
        try:
            with _opened(file) as lines:
                yield from lines
        except FileNotFoundError:
            continue


def logged_days(folder: str | os.PathLike[str]) -> list[str]:
    """The days of a log folder, oldest first; none when it cannot be read."""
    try:
        names = [DAY_FILE_PATTERN.fullmatch(name) for name in os.listdir(folder)]  # noqa: PTH208
    except OSError:
        return []
    return sorted({name["day"] for name in names if name})


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path) if path.suffix == ".gz" else path.open("rb"))
