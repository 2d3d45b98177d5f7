"""What a reconciliation leaves out, in sentences: days without a bill, lines that are not Anthropic's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np

from ..numbers import plural, usd
from .billed import Billed
from .findings import day_words, several_years
from .grid import Grid
from .vague import Left, words

_MOST_NAMED = 3
_SYNCED, _MOST_SYNCED = 30, 1826
"""Days that callmeter sync reads by itself, and at most."""


def remarks_of(billed: Billed, grid: Grid, left: Left, now: datetime) -> tuple[str, ...]:
    """What must be known with the numbers."""
    today = now.astimezone(UTC).date()
    places = np.flatnonzero(grid.asked & ~grid.known)
    days = [day for place in places if (day := grid.axes.day(int(place))) <= today]
    keyless = [day for day in days if day in billed.keyless]
    read = [day for day in days if day in billed.days]
    unread = [day for day in days if day not in {*keyless, *read}]
    found = (
        _left_out(grid, read, "not over when Anthropic's numbers were read"),
        _left_out(grid, unread, "not read yet"),
        _left_out(grid, keyless, "the older cost report names no API keys"),
        _advice([day for day in (*read, *unread) if day < today], today),
        _others(left.others),
        _vague(left.vague),
        *billed.problems,
    )
    return tuple(filter(None, found))


def _advice(days: Sequence[date], today: date) -> str:
    """How to read days that are over."""
    back = (today - min(days)).days + 1 if days else 0
    if not days or back > _MOST_SYNCED:
        return ""
    command = "callmeter sync" if back <= _SYNCED else f"callmeter sync --days {back}"
    return f"{command} reads {'the day that is' if len(days) == 1 else 'the days that are'} missing."


def _left_out(grid: Grid, days: Sequence[date], why: str) -> str:
    if not days:
        return ""
    places = [grid.axes.place(day) for day in days]
    lines = int(np.isin(grid.lines.day, places).sum())
    logged = (
        f" {plural(lines, 'line')} of the log, {usd(float(grid.logged_usd[places].sum()))}," if lines else ""
    )
    verb = "is" if lines == 1 else "are"
    rest = f":{logged} {verb} left out." if lines else "."
    year = several_years([grid.axes.day(int(place)) for place in np.flatnonzero(grid.asked)])
    return f"Not compared: {ranges(days, year=year)} ({why}){rest}"


def ranges(days: Sequence[date], *, year: bool = False) -> str:
    """`1 to 4 November, 9 November and 11 November`; with years if wanted, and where there are several."""
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    words = [_run(run[0], run[-1], year=year or several_years(days)) for run in runs]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _run(first: date, last: date, *, year: bool) -> str:
    if first == last:
        return day_words(first, year=year)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day_words(last, year=year)}"
    return f"{day_words(first, year=year and first.year != last.year)} to {day_words(last, year=year)}"


def _others(names: Sequence[str]) -> str:
    """Lines of models that Anthropic cannot have billed."""
    verb = "is" if len(names) == 1 else "are"
    return f"{_lines(names)} {verb} not Anthropic's." if names else ""


def _vague(names: Sequence[str]) -> str:
    """Lines that may be Anthropic's."""
    verb, is_ = ("does", "is") if len(names) == 1 else ("do", "are")
    return f"{_lines(names)} {verb} not say which model answered, and {is_} not compared." if names else ""


def _lines(names: Sequence[str]) -> str:
    """`3 lines of qwen, gemma`."""
    known = list(dict.fromkeys(map(words, names)))
    more = len(known) - _MOST_NAMED
    rest = f" and {plural(more, 'other')}" if more > 0 else ""
    return f"{plural(len(names), 'line')} of {', '.join(known[:_MOST_NAMED])}{rest}"
