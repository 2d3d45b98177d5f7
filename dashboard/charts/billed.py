"""What was billed per UTC day, and in it what was logged. Beyond a hundred days a bar is a week, from Monday.

Where nothing is known of a bill only the log's bar stands: a day that was never read is no day without cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from .. import numbers
from ..filters import Filter
from .palette import ACCENT, NEUTRAL, faded
from .picture import LONG, Figure, Picture, Table, axis, day_ticks, empty, layout, time_axis

ID = "billed"
TITLE = "Billed and logged"

COLUMNS = ("logged", "billed", "average")
"""USD of a day; `billed` NaN where not known; `average` of the 7 days ending there, NaN before
7 days and for a day that is not over."""

NOTHING = 5e-5
"""USD that would be written as less than $0.0001: no difference."""

_FEW = 2
"""So few days have bars so wide that the box of one would cover the legend."""

_ROOM = 1.6
"""How far up the axis reaches then, in parts of the highest bar."""

_TICKS = 6
"""So many days are named below the bars."""

_NOTHING = "Nothing was logged or billed in these days"


@dataclass(frozen=True, slots=True)
class Days:
    """The days of the picture. Pure data, in UTC days."""

    costs: pd.DataFrame
    """Index: naive midnights, every day; `COLUMNS`."""
    young: frozenset[pd.Timestamp] = frozenset()
    """Days of whose bill more may come."""
    revision: str = ID
    """Zoom is kept while this stays the same."""
    average_of: str = "logged"
    """Of what the average is: `logged` or `billed`."""

    @property
    def weekly(self) -> bool:
        """Whether a bar is a week."""
        return len(self.costs) > LONG / timedelta(days=1)


def draw(days: Days) -> Picture:
    """Bars of both, and the average as a line."""
    if not np.nan_to_num(days.costs[["logged", "billed"]].to_numpy()).any():
        return Picture(empty(days.revision, _NOTHING), _NOTHING + ".")
    return Picture(_figure(days), sentence(days))


def steps(days: Days) -> pd.DataFrame:
    """The costs per bar: a week's are known when those of any of its days are; the average is its last."""
    if not days.weekly:
        return days.costs
    weeks = days.costs.resample("W-MON", label="left", closed="left")
    added = weeks[["logged", "billed"]].sum(min_count=1)
    return added.assign(average=weeks["average"].last())


def _figure(days: Days) -> Figure:
    costs = steps(days)
    length = pd.Timedelta(days=7 if days.weekly else 1)
    middles = (costs.index + length / 2).strftime("%Y-%m-%d %H:%M").tolist()
    clicks = [f"{day:%Y-%m-%d}/{length.days}" for day in costs.index]
    whole = length / pd.Timedelta(milliseconds=1)
    known = costs["billed"].notna().any()
    young = [day in _young(days) for day in costs.index]
    return {
        "data": [
            *([_billed(middles, costs["billed"], clicks, 0.82 * whole, young)] if known else []),
            _logged(middles, costs["logged"], clicks, (0.4 if known else 0.82) * whole),
            *_average(days, costs, middles, clicks),
        ],
        "layout": layout(
            days.revision,
            barmode="overlay",
            hovermode="x unified",
            xaxis=_when(days, costs),
            yaxis=_usd(days, float(np.nanmax(costs[list(COLUMNS)].to_numpy()))),
        ),
    }


def _when(days: Days, costs: pd.DataFrame) -> dict[str, Any]:
    first, last = costs.index[0].to_pydatetime(), costs.index[-1].to_pydatetime()
    hover = "week around %-d %B %Y" if days.weekly else "%A %-d %B"
    x = time_axis(Filter(first, last), hoverformat=hover)
    few = costs.index[:: -max(1, -(-len(costs) // _TICKS))][::-1]
    return x if days.weekly else x | day_ticks(few, pd.Timedelta(hours=12))


def _usd(days: Days, most: float) -> dict[str, Any]:
    """The axis of the costs. Few bars leave room above them, where the box under the pointer stands."""
    few = len(days.costs) <= _FEW
    top = _ROOM * most if few else most
    made = axis(tickformat=dollars(top), rangemode="tozero", nticks=6, tickmode="auto")
    title = {"title": {"text": "USD per week", "font": {"size": 11}}} if days.weekly else {}
    return made | title | ({"range": [0, top]} if few else {})


def dollars(most: float) -> str:
    """How the ticks of an axis up to so many USD are written: no cents that are all the same."""
    return "$,.0f" if most >= 8 else "$,.2f" if most >= 0.08 else "$,.4~f"


def _billed(
    when: list[str], usd: pd.Series, clicks: list[str], width: float, young: list[bool]
) -> dict[str, Any]:
    fills = [faded(NEUTRAL, 0.14 if one else 0.36) for one in young]
    words = [_said(v, young=one) for v, one in zip(usd.tolist(), young, strict=True)]
    return _bar("Billed", when, usd, clicks, width, words) | {
        "marker": {"color": fills, "line": {"width": 1, "color": NEUTRAL}},
    }


def _said(usd: float, *, young: bool) -> str:
    if not np.isfinite(usd):
        return "not known"
    return numbers.usd(usd) + (" so far" if young else "")


def _logged(when: list[str], usd: pd.Series, clicks: list[str], width: float) -> dict[str, Any]:
    words = [numbers.usd(v) for v in usd.tolist()]
    return _bar("Logged", when, usd, clicks, width, words) | {
        "marker": {"color": ACCENT, "line": {"width": 0}},
    }


def _bar(
    name: str, when: list[str], usd: pd.Series, clicks: list[str], width: float, words: list[str]
) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": name,
        "x": when,
        "y": [round(v, 6) if np.isfinite(v) else None for v in usd.tolist()],
        "width": width,
        "customdata": clicks,
        "hovertext": words,
        "hovertemplate": f"%{{hovertext}} {name.lower()}<extra></extra>",
    }


def _average(days: Days, costs: pd.DataFrame, when: list[str], clicks: list[str]) -> list[dict[str, Any]]:
    values = costs["average"].tolist()
    known = int(np.isfinite(values).sum())
    if days.weekly or not known:
        return []
    return [
        {
            "type": "scatter",
            "mode": "lines" if known > 1 else "markers",
            "name": f"7-day average, {days.average_of}",
            "x": when,
            "y": [round(v, 6) if np.isfinite(v) else None for v in values],
            "line": {"width": 2, "color": NEUTRAL, "dash": "dot"},
            "customdata": clicks,
            "hovertext": [numbers.usd(v) for v in values],
            "hovertemplate": "%{hovertext} a day on average<extra></extra>",
        }
    ]


def sentence(days: Days) -> str:
    """Where the two differ most, or that they do not; else the dearest bar. What a bar is, unless a day."""
    return f"{_said_of(days)} A bar is a week, from Monday." if days.weekly else _said_of(days)


def _said_of(days: Days) -> str:
    known = _compared(days)
    if not len(known):
        return _dearest(days)
    apart = (known["billed"] - known["logged"]).abs()
    if apart.max() < NOTHING:
        return f"Logged and billed agree in {numbers.plural(len(known), 'week' if days.weekly else 'day')}."
    worst = known.loc[apart.idxmax()]
    billed, logged = numbers.usd(float(worst["billed"])), numbers.usd(float(worst["logged"]))
    where = f"They differ most {_on(apart.idxmax(), days)}"
    if apart.max() < 0.01:
        return f"{where}, by {numbers.usd(float(apart.max()))}: {billed} billed."
    return f"{where}: {billed} billed, {logged} logged."


def _compared(days: Days) -> pd.DataFrame:
    """The bars whose whole time is billed to its end."""
    whole = days.costs["billed"].notna() & ~days.costs.index.isin(list(days.young))
    costs = steps(days)
    if not days.weekly:
        return costs[whole]
    return costs[whole.astype("int8").resample("W-MON", label="left", closed="left").min() == 1]


def _dearest(days: Days) -> str:
    costs = steps(days)
    peak, unknown = costs["logged"].idxmax(), "of no whole day the bill is known yet."
    usd = numbers.usd(float(costs["logged"].max()))
    if days.weekly:
        return f"{numbers.week_name(peak)} was the dearest, {usd} logged; {unknown}"
    if (costs["logged"] > 0).sum() < 2:
        return f"{numbers.day_name(peak)}: {usd} logged; {unknown}"
    return f"{numbers.day_name(peak)} was the dearest day, {usd} logged; {unknown}"


def _on(day: datetime, days: Days) -> str:
    return f"in {_lower(numbers.week_name(day))}" if days.weekly else f"on {day.day} {day:%B}"


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


def table(days: Days) -> Table:
    """Newest first, without days of nothing; what is not billed to its end is compared with nothing."""
    costs, young, whole = steps(days), _young(days), _compared(days).index
    shown = costs[(costs["logged"] > 0) | costs["billed"].notna()].iloc[::-1]
    head = ["Week from" if days.weekly else "Day (UTC)", "Logged", "Billed", "Difference", "7-day average"]
    rows = [_row(day, row, weekly=days.weekly, whole=day in whole) for day, row in shown.iterrows()]
    data = _data(shown, young, whole)
    if not young:
        return Table(head, rows, _KEYS, data)
    so_far = ["so far" if day in young else "" for day in shown.index]
    return Table([*head, ""], [[*row, words] for row, words in zip(rows, so_far, strict=True)], _KEYS, data)


_KEYS = ("day", "logged_usd", "billed_usd", "difference_usd", "average_7_days_usd", "so_far")


def _data(shown: pd.DataFrame, young: frozenset[pd.Timestamp], whole: pd.Index) -> list[list[Any]]:
    apart = (shown["billed"] - shown["logged"]).where(shown.index.isin(whole))
    columns = (shown["logged"], shown["billed"], apart, shown["average"])
    so_far = [day in young for day in shown.index]
    days = [day.date() for day in shown.index]
    return [list(row) for row in zip(days, *(column.tolist() for column in columns), so_far, strict=True)]


def _young(days: Days) -> frozenset[pd.Timestamp]:
    """The bars of whose bill more may come."""
    if not days.weekly:
        return days.young
    return frozenset(day - pd.Timedelta(days=day.weekday()) for day in days.young)


def _row(day: Any, row: pd.Series, *, weekly: bool, whole: bool) -> list[str]:
    logged, billed = float(row["logged"]), float(row["billed"])
    return [
        f"{day:%d %b %Y}" if weekly else f"{day:%a %d %b}",
        numbers.usd(logged),
        _said(billed, young=False),
        signed(billed - logged if whole else None),
        numbers.usd(float(row["average"])),
    ]


def signed(usd: float | None) -> str:
    """A difference with its sign: `+$1.97`, `−$0.0044`, `$0`; less than `NOTHING` is `$0`."""
    if usd is None:
        return numbers.UNKNOWN
    if abs(usd) < NOTHING:
        return "$0"
    return ("+" if usd > 0 else "") + numbers.usd(usd)
