"""Which calls are in the log already: lines whose id says what they stand for are found by it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

from .day_lines import day_lines


def near(day: str) -> list[str]:
    """A day (`2026-11-22`) and the two beside it: the clocks of two writers may disagree on the day.

    The first and the last day of the calendar have one neighbour. Raises ValueError when it is no day.
    """
    middle = date.fromisoformat(day)
    found = [str(middle)]
    for offset in (-1, 1):
        with suppress(OverflowError):
            found.append(str(middle + timedelta(days=offset)))
    return found


def ids_of_day(folder: Path, day: str) -> set[str]:
    """The derived ids of a day's lines (see `call_ids.derived_id`)."""
    return {found for line in _readable(folder, day) for found in _ids_in(line)}


def logged(folder: Path, days: Iterable[str], ids: Collection[str]) -> set[str]:
    """Those of the ids that stand in these days. Reads the days' files through, without decoding them."""
    wanted = [one.encode() for one in ids if one]
    found: set[str] = set()
    for day in days if wanted else ():
        for line in _readable(folder, day):
            if any(one in line for one in wanted):
                found.update(_ids_in(line))
    return found.intersection(ids)


def _readable(folder: Path, day: str) -> Iterator[bytes]:
    """The lines of a day as far as they can be read: writing will say what is wrong with the folder."""
    with suppress(OSError, EOFError, zlib.error):
        yield from day_lines(folder, day)


def _ids_in(line: bytes) -> list[str]:
    # A quotation mark inside a text is escaped, so this matches the field only.
    return [match.decode() for match in _CALL_ID.findall(line)]


_CALL_ID = re.compile(rb'[{,]\s*"call_id"\s*:\s*"([a-z]{3}-[0-9a-f]{24})"')
