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
"""USD of a day; `billed` NaN where not known; `average` of the 7 days ending there, NaN before 7 days."""

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
    young = [day in days.young for day in costs.index]
    return {
        "data": [
            *([_billed(middles, costs["billed"], clicks, 0.82 * whole, young)] if known else []),
            _logged(middles, costs["logged"], clicks, (0.4 if known else 0.82) * whole),
            *_average(days, costs, middles),
        ],
        "layout": layout(
            days.revision,
            barmode="overlay",
            hovermode="x unified",
            xaxis=_when(days, costs),
            yaxis=axis(**_dollars(float(np.nanmax(costs[["logged", "billed"]].to_numpy())))),
        ),
    }


def _when(days: Days, costs: pd.DataFrame) -> dict[str, Any]:
    first, last = costs.index[0].to_pydatetime(), costs.index[-1].to_pydatetime()
    hover = "week around %-d %B %Y" if days.weekly else "%A %-d %B"
    x = time_axis(Filter(first, last), hoverformat=hover)
    few = costs.index[:: -max(1, -(-len(costs) // _TICKS))][::-1]
    return x if days.weekly else x | day_ticks(few, pd.Timedelta(hours=12))


def _dollars(most: float) -> dict[str, Any]:
    decimals = 0 if most >= 8 else 2 if most >= 0.08 else 4
    return {"tickformat": f"$,.{decimals}f", "rangemode": "tozero", "nticks": 6, "tickmode": "auto"}


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


def _average(days: Days, costs: pd.DataFrame, when: list[str]) -> list[dict[str, Any]]:
    values = costs["average"].tolist()
    if days.weekly or not np.isfinite(values).any():
        return []
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"7-day average, {days.average_of}",
            "x": when,
            "y": [round(v, 6) if np.isfinite(v) else None for v in values],
            "line": {"width": 2, "color": NEUTRAL, "dash": "dot"},
            "hovertext": [numbers.usd(v) for v in values],
            "hovertemplate": "%{hovertext} a day on average<extra></extra>",
        }
    ]


def sentence(days: Days) -> str:
    """Where the two differ most, or that they do not; else the dearest day."""
    known = days.costs[days.costs["billed"].notna() & ~days.costs.index.isin(list(days.young))]
    if not len(known):
        return _dearest(days.costs)
    apart = (known["billed"] - known["logged"]).abs()
    worst = known.loc[apart.idxmax()]
    if apart.max() < max(0.005, 0.002 * float(worst["billed"])):
        return f"Logged and billed agree in {numbers.plural(len(known), 'day')}."
    billed, logged = numbers.usd(float(worst["billed"])), numbers.usd(float(worst["logged"]))
    return f"They differ most on {_name(apart.idxmax())}: {billed} billed, {logged} logged."


def _dearest(costs: pd.DataFrame) -> str:
    peak = costs["logged"].idxmax()
    usd = numbers.usd(float(costs["logged"].max()))
    said = f"{numbers.day_name(peak)} was the dearest day, {usd} logged"
    return f"{said}; of no whole day the bill is known yet."


def _name(day: datetime) -> str:
    return f"{day.day} {day:%B}"


def table(days: Days) -> Table:
    """Newest first; days without anything left out."""
    costs = steps(days)
    shown = costs[(costs["logged"] > 0) | costs["billed"].notna()].iloc[::-1]
    head = ["Week from" if days.weekly else "Day (UTC)", "Logged", "Billed", "Difference", "7-day average"]
    return Table(head, [_row(day, row, days) for day, row in shown.iterrows()])


def _row(day: Any, row: pd.Series, days: Days) -> list[str]:
    logged, billed = float(row["logged"]), float(row["billed"])
    difference = billed - logged if np.isfinite(billed) else None
    return [
        f"{day:%d %b %Y}" if days.weekly else f"{day:%a %d %b}",
        numbers.usd(logged),
        _said(billed, young=day in days.young),
        signed(difference),
        numbers.usd(float(row["average"])),
    ]


def signed(usd: float | None) -> str:
    """A difference with its sign: `+$1.97`, `-$0.04`, `$0`; what rounds to no cent is `$0`."""
    if usd is None:
        return numbers.UNKNOWN
    if abs(usd) < 0.005:
        return "$0"
    return ("+" if usd > 0 else "") + numbers.usd(usd)
