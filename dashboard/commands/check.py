"""`callmeter check`: what in the logs could not be counted, priced or counted to the end."""

from __future__ import annotations

import json as json_
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import folder, options, price_file

if TYPE_CHECKING:
    import pandas as pd

    from ..filters import Filter
    from ..settings import Settings
    from ..store.base import Problem
    from ..store.duplicates import Duplicate
    from ..store.files import FileStore
    from ..store.superseded import Superseded


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found. `unpriced`, `uncounted`, `no_cost`, `not_final`: models -> calls, most calls first."""

    files: int
    lines: int
    calls: int
    problems: tuple[Problem, ...]
    duplicates: tuple[Duplicate, ...]
    """Ids that several lines have: such a call is counted several times."""
    superseded: tuple[Superseded, ...]
    """Lines that are not counted again, for others tell of the same calls: nothing is wrong with them."""
    incomplete: tuple[str, ...]
    """Files whose last line has no end yet: it is being written, or its writer died."""
    unpriced: Mapping[str, int]
    """Calls whose cost is not known, for whatever reason."""
    uncounted: Mapping[str, int]
    """Those of them whose token counts are not known, so that no price would help."""
    no_cost: Mapping[str, int]
    """Those of them whose tokens and model's price are known: the lines hold no cost all the same."""
    not_final: Mapping[str, int]

    @property
    def without_price(self) -> dict[str, int]:
        """Calls whose tokens are known and whose price is not."""
        other = Counter(self.uncounted) + Counter(self.no_cost)
        left = {model: calls - other[model] for model, calls in self.unpriced.items()}
        return {model: calls for model, calls in left.items() if calls > 0}

    @property
    def bad_lines(self) -> tuple[Problem, ...]:
        """Lines that are not counted."""
        return tuple(problem for problem in self.problems if problem.line)

    @property
    def bad_files(self) -> tuple[Problem, ...]:
        """Files that cannot be read, wholly or from some point on."""
        return tuple(problem for problem in self.problems if not problem.line)


def check(
    json: options.Json = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Exit with 1 if a line is bad, a call counted twice or without a cost."
        ),
    ] = False,
    log_dir: options.LogDir = None,
    timezone: options.TimeZone = None,
) -> None:
    """List every bad line with file, number and reason, and what is counted twice, unpriced or not final.

    Exits with 0 whatever the lines are like, and with 1 when a file cannot be read.

    \b
    Examples:
      callmeter check
      callmeter check --json | jq '.bad_lines[].file'
      callmeter check --strict && echo all is well
    """
    settings = options.settings(log_dir=log_dir, timezone=timezone)
    found = look(settings)
    if json:
        print(json_.dumps(as_json(found), indent=2, ensure_ascii=False))
    else:
        show(found, settings.log_dir)
    if found.bad_files or (strict and (found.bad_lines or found.duplicates or found.unpriced)):
        raise typer.Exit(1)


def look(settings: Settings) -> Findings:
    """Read every file of the log folder. Raises FolderError."""
    from ..completeness import completeness
    from ..filters import days
    from ..store.files import FileStore

    folder.usable(settings.log_dir)
    with FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir) as store:
        store.load()
        ever = days(date(1970, 1, 2), date(9000, 1, 1), store.zone)
        sums = store.sums(ever)
        unpriced = _by_model(sums, "unpriced")
        uncounted = _uncounted(store, ever) if unpriced else {}
        known = completeness(sums, price_file.explaining(settings.prices))
        return Findings(
            files=store.health().days_total,
            lines=store.health().lines,
            calls=int(sums["calls"].sum()),
            problems=tuple(store.problems()),
            duplicates=tuple(store.duplicates()),
            superseded=tuple(store.superseded()),
            incomplete=tuple(incomplete(settings.log_dir)),
            unpriced=unpriced,
            uncounted=uncounted,
            no_cost=_among(known.no_cost, Counter(unpriced) - Counter(uncounted)),
            not_final=_by_model(sums, "not_final"),
        )


def _uncounted(store: FileStore, view: Filter) -> dict[str, int]:
    """Calls by model of which neither tokens nor cost are known."""
    rows = store.rows(view, columns=["model", "counted", "cost_usd", "calls"])
    return _by_model(rows[~rows["counted"] & rows["cost_usd"].isna()], "calls")


def _among(found: Mapping[str, int], counted: Mapping[str, int]) -> dict[str, int]:
    """Calls by model, no more than there are: hourly sums mix lines with tokens and lines without."""
    return {model: least for model, calls in found.items() if (least := min(calls, counted.get(model, 0)))}


def _by_model(sums: pd.DataFrame, measure: str) -> dict[str, int]:
    counts = sums.groupby("model", observed=True)[measure].sum().sort_values(ascending=False, kind="stable")
    return {str(model): int(calls) for model, calls in counts.items() if calls}


def incomplete(log_dir: Path) -> Iterable[str]:
    """Names of the day files that do not end with a newline, oldest first."""
    from logger.record import DAY_FILE_PATTERN

    for file in sorted(log_dir.iterdir()):
        found = DAY_FILE_PATTERN.fullmatch(file.name)
        if found and not found["gzip"] and _last_byte(file) not in (b"", b"\n"):
            yield file.name


def _last_byte(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - 1))
            return opened.read(1)
    except OSError:  # the store says so already
        return b""


def as_json(found: Findings) -> dict[str, Any]:
    """The findings as plain data."""
    return {
        "files": found.files,
        "lines": found.lines,
        "calls": found.calls,
        "bad_lines": [asdict(problem) for problem in found.bad_lines],
        "bad_files": [{"file": problem.file, "reason": problem.reason} for problem in found.bad_files],
        "duplicate_call_ids": [
            {"call_id": one.call_id, "lines": [{"file": file, "line": line} for file, line in one.places]}
            for one in found.duplicates
        ],
        "superseded": [asdict(one) for one in found.superseded],
        "incomplete": list(found.incomplete),
        "unpriced": _models(found.unpriced),
        "uncounted": _models(found.uncounted),
        "without_cost": _models(found.no_cost),
        "not_final": _models(found.not_final),
    }


def _models(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"model": model, "calls": calls} for model, calls in counts.items()]


def show(found: Findings, log_dir: Path) -> None:
    """Print the findings: the lists on stdout, the sum of it on stderr."""
    from ..printout import printable

    for title, lines in sections(found):
        print(f"{title}:")
        for line in lines:
            print(f"  {printable(line)}")
        print()
    print(summary(found, log_dir), file=sys.stderr)


def sections(found: Findings) -> list[tuple[str, list[str]]]:
    """What is not as it should be: a title and a line each."""
    every = (
        ("Files that cannot be read", [f"{problem.file}: {problem.reason}" for problem in found.bad_files]),
        ("Bad lines, not counted", [f"{p.file}:{p.line}: {p.reason}" for p in found.bad_lines]),
        ("Calls in more than one line, counted for each", _places(found.duplicates)),
        ("Lines not counted again, for other lines tell of the same calls", _superseded(found.superseded)),
        ("Last lines without an end, counted once they have one", list(found.incomplete)),
        ("Calls whose model has no known price", _counts(found.without_price)),
        ("Calls logged without a cost though their model has a price", _counts(found.no_cost)),
        ("Calls whose token counts are not known, nor their cost", _counts(found.uncounted)),
        ("Calls not counted to the end: lower bounds", _counts(found.not_final)),
    )
    return [(title, lines) for title, lines in every if lines]


def _places(duplicates: Iterable[Duplicate]) -> list[str]:
    return [
        f"{one.call_id}: {', '.join(f'{file}:{line}' for file, line in one.places)}" for one in duplicates
    ]


def _superseded(lines: Iterable[Superseded]) -> list[str]:
    """A line per file and reason; `--json` has each line."""
    from ..numbers import plural

    counts = Counter((one.file, one.why) for one in lines)
    return [f"{file}: {plural(count, 'line')} {_WHY[why]}" for (file, why), count in sorted(counts.items())]


_WHY = {
    "same_id": "of a call that another line has with the same call_id",
    "finer_line": "of a call that a finer source logged too",
    "calls_count": "of CLI runs whose calls count one by one",
    "rest_counts": "of CLI runs whose calls count one by one; the rest of the run counts too",
}


def _counts(models: Mapping[str, int]) -> list[str]:
    return [f"{model or '(none)'}: {calls:,}" for model, calls in models.items()]


def summary(found: Findings, log_dir: Path) -> str:
    """One sentence about all of it."""
    from ..numbers import plural

    read = f"{plural(found.lines, 'good line')} of {plural(found.files, 'day')} in {log_dir}"
    if not sections(found):
        return f"{read}; nothing is missing."
    again = plural(len(found.superseded), "line")
    missing = (
        plural(len(found.bad_lines), "bad line"),
        *([plural(len(found.duplicates), "call") + " in more than one line"] if found.duplicates else []),
        *([again + " not counted again"] if found.superseded else []),
        plural(sum(found.without_price.values()), "call without a price", "calls without a price"),
        *([plural(sum(found.no_cost.values()), "call") + " logged without a cost"] if found.no_cost else []),
        plural(sum(found.uncounted.values()), "call without token counts", "calls without token counts"),
        plural(sum(found.not_final.values()), "call not final", "calls not final"),
    )
    return f"{read}; {', '.join(missing)}."
