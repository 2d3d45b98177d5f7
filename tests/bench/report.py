"""The bench's tables as text: Markdown that can be read as it is."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable

from .row import SKIPPED, Row, Size, seconds, size

HEAD = ("what", "measured", "baseline in the same run", "ratio", "bar", "")
_MARKS = {True: "ok", False: "NOT MET", None: ""}


def machine() -> str:
    """What this runs on, in general terms."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"


def cells(row: Row) -> tuple[str, ...]:
    """A row as the table's cells."""
    return (row.name, row.measured, row.baseline, _ratio(row.ratio), row.bar, _MARKS[row.met])


def _ratio(value: float | None) -> str:
    """A part of the baseline, or how many times it is."""
    if value is None:
        return ""
    return f"{value:.2f}" if value >= 0.1 else f"1/{1 / value:,.0f}"


GROWTH = ("lines", "days", "start -> 24 h view", "refresh of 7 days", "new line", "RSS", "the original's way")


def growth_cells(found: Size) -> tuple[str, ...]:
    """A size as the growth table's cells."""
    return (
        f"{found.lines:,}",
        f"{found.days}",
        seconds(found.start),
        seconds(found.refresh),
        seconds(found.arrival),
        size(found.rss),
        seconds(found.original) + (" (extrapolated)" if found.extrapolated else ""),
    )


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table with aligned columns."""
    every = [head, *rows]
    widths = [max(len(row[at]) for row in every) for at in range(len(head))]
    lines = [_line(row, widths) for row in every]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    return "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"


def verdict(rows: Iterable[Row]) -> str:
    """The last words: which bars were not met, and what could not be measured."""
    rows = list(rows)
    missed = [row for row in rows if row.met is False]
    skipped = [f"{row.name}: {row.measured}" for row in rows if row.measured.startswith(SKIPPED)]
    if not missed:
        return "\n".join(
            ["Every bar that was measured is met." if skipped else "Every bar is met.", *skipped]
        )
    told = [f"  {row.name.strip()}: {row.measured} (bar {row.bar})" for row in missed]
    return "\n".join([f"*** BARS NOT MET: {len(missed)} ***", *told, *skipped])
