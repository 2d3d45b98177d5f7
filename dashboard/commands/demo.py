"""`callmeter demo`: believable calls to look at."""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FolderError
from ..numbers import plural
from . import demo_billing, demo_credit, folder, options

if TYPE_CHECKING:
    from logger.record import CallRecord

    from ..demo import Live
    from ..settings import Settings

DEFAULT = Path("logs/demo")

LogDir = Annotated[
    Path,
    typer.Option(
        "--log-dir", metavar="FOLDER", help=f"Folder to write to. [default: {DEFAULT}]", show_default=False
    ),
]


def demo(
    log_dir: LogDir = DEFAULT,
    days: Annotated[int, typer.Option(min=0, max=3660, metavar="NUMBER", help="Days, today included.")] = 30,
    calls_per_day: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="NUMBER", help="On average.")
    ] = 400,
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Another seed, other calls.")] = 1,
    live: Annotated[bool, typer.Option("--live", help="Then go on writing until Ctrl-C.")] = False,
    pace: Annotated[
        float,
        typer.Option(min=0.01, max=3600, metavar="SECONDS", help="Between calls of --live, on average."),
    ] = 4.0,
    timezone: options.TimeZone = None,
) -> None:
    """Write believable calls into a folder of their own, to see what callmeter shows, credit and a bill too.

    Never into a folder that holds other calls. Days that hold demo calls already are written anew, and so are
    the demo's credit and bill unless you entered or synced some yourself.

    \b
    Examples:
      callmeter demo
      callmeter demo --log-dir /tmp/demo --days 7 --live
      callmeter serve --log-dir logs/demo
    """
    settings = options.settings(log_dir=log_dir, timezone=timezone)
    now = datetime.now(UTC)
    ours(settings.log_dir)
    calls = _made(settings, now, days, calls_per_day, seed)
    written = _write(settings, calls)
    everything = [call for some in calls.values() for call in some]
    for part in (demo_credit, demo_billing):
        for sentence in part.write(settings, now, everything):
            print(sentence, file=sys.stderr)
    print(
        f"{plural(written, 'call')} of {plural(days, 'day')} written to {settings.log_dir}", file=sys.stderr
    )
    print(f"callmeter serve --log-dir {log_dir} shows them.", file=sys.stderr)
    if live:
        from ..demo import Live

        print("Writing more until Ctrl-C.", file=sys.stderr)
        write_live(settings, Live(seed, settings.zone), pace, time.time, time.sleep)


def ours(log_dir: Path) -> None:
    """Raise FolderError when the folder holds any line that is not the demo's, or cannot be read."""
    from logger.record import DAY_FILE_PATTERN

    folder.usable(log_dir, may_be_missing=True)
    for file in sorted(log_dir.glob("*")):
        if DAY_FILE_PATTERN.fullmatch(file.name) and not _only_demo(file):
            raise FolderError(
                log_dir, f"{file.name} holds calls that are not the demo's; give another --log-dir"
            )


def _only_demo(file: Path) -> bool:
    from ..demo import SOURCE

    return all(isinstance(line, dict) and line.get("source") == SOURCE for line in _lines(file))


def _lines(file: Path) -> Iterator[Any]:
    """Each line's value; None for what is no JSON, or cannot be read."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as lines:
            for line in lines:
                yield json.loads(line)
    except (OSError, EOFError, ValueError):
        yield None


def write_history(settings: Settings, now: datetime, days: int, per_day: int, seed: int) -> int:
    """Write the days up to today, a file each; the number of calls."""
    return _write(settings, _made(settings, now, days, per_day, seed))


def _made(
    settings: Settings, now: datetime, days: int, per_day: int, seed: int
) -> dict[str, list[CallRecord]]:
    """The calls of each day."""
    from ..demo import history

    today = now.astimezone(settings.zone).date()
    calls: dict[str, list[CallRecord]] = {}
    for call in history(today, days, per_day, seed, settings.zone, now.timestamp()):
        calls.setdefault(call.timestamp[:10], []).append(call)
    return calls


def _write(settings: Settings, calls: dict[str, list[CallRecord]]) -> int:
    try:
        settings.log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for day, some in calls.items():
            _write_day(settings.log_dir, day, sorted(some, key=lambda call: call.end_time or 0))
    except OSError as error:
        raise FolderError(settings.log_dir, f"cannot be written to: {error.strerror or error}") from error
    return sum(map(len, calls.values()))


def _write_day(log_dir: Path, day: str, calls: list[CallRecord]) -> None:
    from logger.record import day_file_name, to_line

    name = day_file_name(day)
    fresh = log_dir / f".{name}.new"
    fresh.touch(mode=0o600)
    fresh.write_bytes(b"".join(to_line(call) for call in calls))
    fresh.replace(log_dir / name)
    (log_dir / f"{name}.gz").unlink(missing_ok=True)


def write_live(
    settings: Settings,
    live: Live,
    pace: float,
    clock: Callable[[], float],
    wait: Callable[[float], None],
) -> None:
    """Write a call, wait about `pace` seconds, and so on until interrupted."""
    from logger.journal import Journal
    from logger.record import to_line

    journal = Journal(settings.log_dir)
    while True:
        call = live.call(clock())
        if not journal.append(call.timestamp[:10], to_line(call)):
            raise FolderError(settings.log_dir, "cannot be written to any more")
        wait(live.pause(pace))
