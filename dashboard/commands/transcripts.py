"""Claude Code's transcripts into the log: what `callmeter import` does with them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CallmeterError, FolderError
from . import progress

if TYPE_CHECKING:
    from logger.pricing import PriceTable
    from logger.transcripts import Tally

    from ..settings import Settings

_LOOK = 0.5
"""Seconds between two looks while following and something is being written."""

_REST = 1.0
"""Seconds between two looks while nothing happens."""

_PROCESSES = 4
"""So many read at once, if there are as many cores."""


class NoTranscriptsError(CallmeterError):
    """Nothing was named and nothing was found."""

    def __init__(self, looked_in: Sequence[Path]) -> None:
        places = " and ".join(map(str, looked_in))
        super().__init__(
            f"No transcripts of Claude Code found in {places}. Name a file or folder: callmeter import PATH;"
            " or say with CLAUDE_CONFIG_DIR where Claude Code keeps them."
        )


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the lines are to be written."""

    settings: Settings
    project: str | None = None
    prices: PriceTable | None = None
    follow: bool = False


def found_by_itself(environ: Mapping[str, str], home: Path, *, may_be_missing: bool = False) -> list[Path]:
    """Claude Code's own folders. Raises NoTranscriptsError when there are none."""
    from logger.transcript_folders import default_folders, places

    folders = places(environ, home) if may_be_missing else default_folders(environ, home)
    if not folders:
        raise NoTranscriptsError(places(environ, home))
    return folders


def take(transcripts: Sequence[Path], places: Sequence[Path], wishes: Wishes) -> Tally:
    """Import these files; to follow, go on with those below `places` until interrupted.

    Raises FolderError when a line cannot be written.
    """
    from logger.journal import Journal
    from logger.transcript_state import recall, remember, state_file
    from logger.transcripts import TranscriptLog, import_transcripts

    from .transcript_decoder import row_decoder

    log_dir = wishes.settings.log_dir
    file = state_file(wishes.settings.cache_dir, log_dir)
    remembered = recall(file, log_dir)
    journal = Journal(log_dir)
    log = TranscriptLog(journal, project=wishes.project, prices=wishes.prices)
    decode = row_decoder()
    try:
        with progress.bar("Reading transcripts") as on_bytes:
            import_transcripts(
                transcripts,
                log,
                decode=decode,
                remembered=remembered,
                processes=processes(),
                on_bytes=on_bytes,
            )
        if wishes.follow:
            print(f"{log.tally.written} lines written; following, Ctrl-C ends it.", file=sys.stderr)
            _follow([place.absolute() for place in places], log, remembered.files, decode)
    finally:
        journal.close()
        remember(file, log_dir, remembered, log.days)
    if journal.waiting or log.stopped:
        raise FolderError(log_dir, "cannot be written to; import again when it can be")
    return log.tally


def processes() -> int:
    """How many processes are to read."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_PROCESSES, cores)


def _follow(places: Sequence[Path], log: Any, known: dict[str, Any], decode: Any) -> None:
    """Write what comes, until Ctrl-C."""
    from logger.transcript_following import Following

    following = Following(places, log, known, decode=decode)
    try:
        while not log.stopped:
            came = following.look(time.monotonic())
            time.sleep(_LOOK if came or following.waiting else _REST)
    except KeyboardInterrupt:
        following.rest()


def as_json(tally: Tally) -> dict[str, Any]:
    """What was imported as plain data."""
    return {
        "files": tally.files,
        "unchanged_files": tally.unchanged,
        "first": tally.first,
        "last": tally.last,
        "sessions": len(tally.sessions),
        "projects": sorted(tally.projects),
        "estimated_cost_usd": round(tally.cost_usd, 10),
        "unpriced": tally.unpriced,
        "lower_bounds": tally.lower_bounds,
        "beyond_transcripts": {
            "sessions": tally.beyond.sessions,
            "tokens": tally.beyond.tokens,
            "estimated_cost_usd": tally.beyond.usd,
        },
        "bad_rows": [
            {
                "file": str(one.path),
                "rows": one.count,
                "first": [{"line": row.line, "reason": row.reason} for row in one.first],
            }
            for one in tally.bad_rows
        ],
    }


def sentences(tally: Tally) -> list[str]:
    """What to say of an import, beside how many lines it wrote."""
    from ..numbers import plural

    said = []
    if tally.written:
        said.append(
            f"They are calls of {plural(len(tally.sessions), 'session')} in"
            f" {plural(len(tally.projects), 'project')} {_days(tally)},"
            f" for {_dollars(tally.cost_usd)}{_without_price(tally)}."
        )
    if tally.lower_bounds:
        said.append(
            f"Of {plural(tally.lower_bounds, 'call')} the transcript does not tell the whole output: old"
            " versions of Claude Code kept a placeholder only, and replies break off."
        )
    if tally.beyond.tokens:
        said.append(
            f"Claude Code itself counted {_short(tally.beyond.tokens)} tokens /"
            f" {_dollars(tally.beyond.usd)} more in {plural(tally.beyond.sessions, 'session')}:"
            " calls of its helpers, which no transcript holds."
        )
    return said


def remarks(tally: Tally) -> list[str]:
    """What was left out of files that were read."""
    from ..numbers import plural

    told = []
    for one in tally.bad_rows:
        first = one.first[0]
        more = ", the first" if one.count > 1 else ""
        told.append(
            f"{one.path}: {plural(one.count, 'row')} left out{more}: line {first.line} {first.reason}"
        )
    return told


def _without_price(tally: Tally) -> str:
    return f" ({tally.unpriced} without a known price)" if tally.unpriced else ""


def _days(tally: Tally) -> str:
    first, last = (tally.first or "")[:10], (tally.last or "")[:10]
    return f"on {first}" if first == last else f"from {first} to {last}"


def _dollars(usd: float) -> str:
    return f"${usd:,.2f}"


def _short(number: int) -> str:
    for unit, factor in (("M", 1e6), ("k", 1e3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return str(number)
