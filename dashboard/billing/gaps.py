"""What a reconciliation leaves out, in sentences: days without a bill, lines that are not Anthropic's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from ..numbers import plural, usd
from .billed import Billed
from .findings import day_words
from .grid import Grid
from .logged import billed_models

_MOST_NAMED = 3


def remarks_of(rows: pd.DataFrame, billed: Billed, grid: Grid, now: datetime) -> tuple[str, ...]:
    """What must be known with the numbers."""
    places = np.flatnonzero(grid.asked & ~grid.known)
    days = [day for place in places if (day := grid.axes.day(int(place))) < now.date() + timedelta(days=1)]
    read = [day for day in days if day in billed.days]
    unread = [day for day in days if day not in billed.days]
    found = (
        _left_out(grid, read, "not over when Anthropic's numbers were read"),
        _left_out(grid, unread, "not read yet"),
        _not_anthropics(rows, grid),
        *billed.problems,
    )
    return tuple(filter(None, found))


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
    return f"Not compared: {ranges(days)} ({why}){rest}"


def ranges(days: Sequence[date]) -> str:
    """`1 to 4 November, 9 November and 11 November`."""
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    words = [day_words(run[0]) if len(run) == 1 else f"{_from(run)} to {day_words(run[-1])}" for run in runs]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _from(run: Sequence[date]) -> str:
    return str(run[0].day) if run[0].month == run[-1].month else day_words(run[0])


def _not_anthropics(rows: pd.DataFrame, grid: Grid) -> str:
    """Lines of models that Anthropic cannot have billed, where there are some with tokens."""
    _, place = billed_models(rows, grid.axes.models)
    days = (rows["time"].dt.as_unit("us").astype("int64").to_numpy() - grid.axes.begin) // 86_400_000_000
    asked = (days >= 0) & (days < grid.axes.days) & (place < 0) & (rows["tokens_total"] > 0).to_numpy()
    where = np.flatnonzero(asked)
    where = where[grid.asked[days[where]]]
    if not len(where):
        return ""
    codes = rows["model"].cat.codes.to_numpy()[where]
    names = [str(rows["model"].cat.categories[code]) for code in pd.unique(pd.Series(codes))]
    more = f" and {len(names) - _MOST_NAMED} others" if len(names) > _MOST_NAMED else ""
    verb = "is" if len(where) == 1 else "are"
    return f"{plural(len(where), 'line')} of {', '.join(names[:_MOST_NAMED])}{more} {verb} not Anthropic's."
