"""`make bench`: the performance contract, measured; each figure beside a baseline of the same run.

    make bench                      1 M lines, some minutes, 3 GB of free space in the temporary folder
    make bench ARGS=--quick         100 k lines, less than a minute
    make bench LINES=10000000       as many lines as you like
    make bench ARGS='--only calls'  one part

It is a report: the exit code is 0 whatever it says.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import report
from .arriving import arriving
from .bill import bill
from .calls import calls
from .decoding import decoding
from .ground import PER_DAY, Ground, here
from .growing import flatness, sizes
from .guarding import guarding
from .money import money
from .refreshing import refreshing
from .row import Row
from .running import running
from .starting import starting
from .transcripts import transcripts
from .twice import twice
from .watching import watching

BENCHES: tuple[Callable[[Ground], Iterator[Row]], ...] = (
    calls,
    guarding,
    watching,
    decoding,
    starting,
    arriving,
    twice,
    refreshing,
    money,
    bill,
    running,
    transcripts,
)
"""The parts of the first table, in its order."""

GROWTH = "growth"


def measured(ground: Ground, only: str | None = None) -> list[Row]:
    """Every row, and the tables on stdout as soon as they are there."""
    rows: list[Row] = []
    for bench in BENCHES:
        if only in (None, bench.__name__):
            print(f"  measuring: {bench.__name__}", file=sys.stderr, flush=True)
            rows += bench(ground)
    if rows:
        print(report.table(report.HEAD, map(report.cells, rows)), flush=True)
    return rows + (grown(ground) if only in (None, GROWTH) else [])


def grown(ground: Ground) -> list[Row]:
    """How a fixed range costs more or not with a longer history."""
    print(f"  measuring: {GROWTH}", file=sys.stderr, flush=True)
    found = sizes(ground)
    print(f"\nGrowth, {ground.per_day:,} lines a day\n")
    print(report.table(report.GROWTH, map(report.growth_cells, found)))
    rows = list(flatness(found))
    if rows:
        print()
        print(report.table(report.HEAD, map(report.cells, rows)))
    return rows


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="100 k lines and fewer repetitions")
    parser.add_argument(
        "--lines",
        type=int,
        default=os.environ.get("LINES") or None,
        help="of the largest history; also LINES=",
    )
    names = [*[bench.__name__ for bench in BENCHES], GROWTH]
    parser.add_argument("--only", choices=names, help="one part")
    return parser.parse_args()


def main() -> None:
    """Measure and report."""
    given = arguments()
    lines = given.lines or (100_000 if given.quick else 1_000_000)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="callmeter-bench-") as folder:
        ground = here(Path(folder), lines=max(lines, PER_DAY), quick=given.quick)
        if problem := ground.room(shutil.disk_usage(folder).free):
            print(f"Not enough space: {problem}. Set TMPDIR or LINES.", file=sys.stderr)
            return
        print(f"callmeter bench: {report.machine()}; {ground.lines:,} lines\n", flush=True)
        rows = measured(ground, given.only)
        print(f"\n{report.verdict(rows)}\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
