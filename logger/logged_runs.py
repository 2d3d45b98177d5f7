"""Which runs of the Claude CLI are in the log already: their lines are found by their ids."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

from .claude_cli import CliRun, call_id_of
from .day_lines import day_lines


def ids_of(run: CliRun, identity: str) -> list[str]:
    """The ids of the lines of a run, one per model; `identity` is the run's own or its begun one."""
    return [call_id_of(identity, use.model) or "" for use in run.models] or [call_id_of(identity, "") or ""]


def near(day: str) -> list[str]:
    """A day (`2026-11-22`) and the two beside it: the clocks of two writers may disagree on the day."""
    middle = date.fromisoformat(day)
    return [str(middle + timedelta(days=offset)) for offset in (0, -1, 1)]


def ids_of_day(folder: Path, day: str) -> set[str]:
    """The ids of all runs' lines of a day."""
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


_CALL_ID = re.compile(rb'[{,]\s*"call_id"\s*:\s*"(cli-[0-9a-f]+)"')
