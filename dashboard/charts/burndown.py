"""The burn-down: the balance of the prepaid credit till today, and ahead as a likely line with its range.

The past is exact where the Console was read (dots); what lies ahead is an estimate, and drawn as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from .. import numbers
from ..filters import Filter
from .palette import ACCENT, FAILED, NEUTRAL, faded
from .picture import Figure, Picture, Table, axis, empty, layout, time_axis, wall

ID = "burndown"
TITLE = "Burn-down"

DAY = timedelta(days=1)
FEWEST = 21
"""Days of the past that are drawn at least, if there are so many; more when more lies ahead."""

Point = tuple[datetime, float]
"""A naive moment of the wall clock and USD."""


@dataclass(frozen=True, slots=True)
class Granted:
    """Credit that came in."""

    at: datetime
    usd: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """The way of a balance. Moments aware, in the zone of the days; days as naive midnights."""

    now: datetime
    past: pd.Series[float]
    """USD at the end of each day, today's (the last) as it is now."""
    ahead: pd.DataFrame
    """USD at the end of each day after today: `low`, `likely`, `high`; empty when nothing is known."""
    readings: tuple[Point, ...] = ()
    """Aware moments here."""
    grants: tuple[Granted, ...] = ()
    earliest: date | None = None
    likely: date | None = None
    latest: date | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """An upright line with words at its upper end. height: of the words, 1 is the top."""

    at: datetime
    words: str
    height: float
    leftwards: bool


def draw(course: Course | None) -> Picture:
    """The picture; without a course it says that no balance is known."""
    if course is None or course.past.empty:
        words = "No balance is known yet"
        return Picture(empty(ID, words), "It begins with the first grant or reading.")
    return Picture(_figure(course), _sentence(course))


def _figure(course: Course) -> Figure:
    now = _naive(course.now)
    since = _first(course)
    line = [point for point in way(course) if point[0] >= since]
    until = max([now, *_ends(course.ahead)])
    marks = _marks(course, since, until)
    return {
        "data": [
            *_range(course, line[-1]),
            _balance(line),
            _likely(course, line[-1]),
            _readings(course, since),
            _grants(course, line, since),
            *_empty_on(course, until),
        ],
        "layout": layout(
            ID,
            hovermode="closest",
            xaxis=time_axis(Filter(course.now, course.now), hoverformat="%a %-d %b %Y", ticklabelstandoff=6),
            yaxis=axis(tickformat="$,.0f" if max(v for _, v in line) >= 8 else "$,.2f", rangemode="tozero"),
            shapes=[_upright(mark) for mark in marks],
            annotations=[_words(mark) for mark in marks],
        ),
    }


def _first(course: Course) -> datetime:
    """The start of what is drawn: a long past would press the rest together."""
    days = max(FEWEST, 2 * len(course.ahead))
    return max(_naive(course.now) - days * DAY, _beginning(course))


def _beginning(course: Course) -> datetime:
    known = [_naive(grant.at) for grant in course.grants] + [_naive(at) for at, _ in course.readings]
    return min(known, default=course.past.index[0].to_pydatetime())


def way(course: Course) -> list[Point]:
    """The balance as points to join: ends of days, readings as read, and a step for each grant."""
    now = _naive(course.now)
    ends = [
        (min(day + DAY, now), float(usd)) for day, usd in zip(_days(course.past), course.past, strict=True)
    ]
    first = _beginning(course)
    knots = sorted([point for point in ends if point[0] >= first] + _read(course))
    for grant in sorted(course.grants, key=lambda one: one.at):
        knots = _stepped(knots, _naive(grant.at), grant.usd)
    return knots


def _stepped(knots: list[Point], at: datetime, usd: float) -> list[Point]:
    """The points with two more where credit came in: before, if anything was, and after."""
    before = [point for point in knots if point[0] < at]
    after = [point for point in knots if point[0] >= at]
    if not after:
        return knots
    if not before:
        return [(at, usd), *after]
    (left, had), (right, has) = before[-1], after[0]
    share = (at - left) / (right - left)
    level = had + (has - usd - had) * share
    return [*before, (at, level), (at, level + usd), *after]


def _read(course: Course) -> list[Point]:
    return [(_naive(at), usd) for at, usd in course.readings]


def _balance(line: list[Point]) -> dict[str, Any]:
    return _line("Balance", line, {"width": 2.5, "color": ACCENT}) | {
        "customdata": [numbers.usd(usd) for _, usd in line],
        "hovertemplate": "%{x}<br>%{customdata}<extra></extra>",
    }


def _likely(course: Course, last: Point) -> dict[str, Any]:
    points = [last, *_ahead(course, "likely")]
    return _line("Likely", points, {"width": 2, "color": ACCENT, "dash": "dash"}) | {
        "customdata": [numbers.usd(usd) for _, usd in points],
        "hovertemplate": "%{x}<br>about %{customdata}<extra></extra>",
    }


def _range(course: Course, last: Point) -> list[dict[str, Any]]:
    """The shade between low and high: a line to fill up to, and the fill."""
    if course.ahead.empty:
        return []
    nothing = {"width": 0, "color": ACCENT}
    low = _line("low", [last, *_ahead(course, "low")], nothing) | {"showlegend": False, "hoverinfo": "skip"}
    high = _line("80 % range", [last, *_ahead(course, "high")], nothing) | {
        "fill": "tonexty",
        "fillcolor": faded(ACCENT, 0.2),
        "hoverinfo": "skip",
    }
    return [low, high]


def _ahead(course: Course, column: str) -> list[Point]:
    return (
        list(zip(_ends(course.ahead), course.ahead[column].tolist(), strict=True))
        if len(course.ahead)
        else []
    )


def _line(name: str, points: list[Point], style: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [wall(when) for when, _ in points],
        "y": [round(usd, 4) for _, usd in points],
        "line": style,
    }


def _readings(course: Course, since: datetime) -> dict[str, Any]:
    points = [point for point in _read(course) if point[0] >= since]
    return _line("Read", points, {"width": 0}) | {
        "mode": "markers",
        "marker": {"size": 8, "color": ACCENT, "symbol": "circle"},
        "customdata": [numbers.usd(usd) for _, usd in points],
        "hovertemplate": "%{x}<br>%{customdata} read in the Console<extra></extra>",
        "showlegend": bool(points),
    }


def _grants(course: Course, line: list[Point], since: datetime) -> dict[str, Any]:
    """A triangle at the upper end of each step."""
    shown = [grant for grant in course.grants if _naive(grant.at) >= since]
    points = [(_naive(grant.at), _top(line, _naive(grant.at), grant.usd)) for grant in shown]
    return _line("Granted", points, {"width": 0}) | {
        "mode": "markers",
        "marker": {"size": 10, "color": ACCENT, "symbol": "triangle-up"},
        "customdata": [_granted(grant) for grant in shown],
        "hovertemplate": "%{x}<br>%{customdata}<extra></extra>",
        "showlegend": bool(points),
    }


def _granted(grant: Granted) -> str:
    """`+$1,000 promo`, harmless as markup."""
    label = "".join(c for c in grant.label if c.isprintable())[:40].replace("&", "&amp;").replace("<", "&lt;")
    return f"+{numbers.usd(grant.usd)} {label}".strip()


def _top(line: list[Point], at: datetime, usd: float) -> float:
    return max((value for when, value in line if when == at), default=usd)


def _empty_on(course: Course, until: datetime) -> list[dict[str, Any]]:
    """The day the money ends: a cross on the ground, with its range as a bar."""
    if course.likely is None:
        return []
    when = min(_noon(course.likely), until)
    first, last = course.earliest or course.likely, course.latest
    bar = [(_midnight(first), 0.0), (_midnight(last) + DAY if last else until, 0.0)]
    cross = _line("Used up", [(when, 0.0)], {"width": 0}) | {
        "mode": "markers",
        "marker": {"size": 12, "color": FAILED, "symbol": "x"},
        "showlegend": False,
        "cliponaxis": False,
        "hovertemplate": "likely used up on %{x}<extra></extra>",
    }
    thick = _line("range of the day", bar, {"width": 5, "color": faded(FAILED, 0.45)})
    return [thick | {"showlegend": False, "hoverinfo": "skip", "cliponaxis": False}, cross]


def _marks(course: Course, since: datetime, until: datetime) -> list[Mark]:
    """Today, its word on the side of the past; and the likely day, where there is room."""
    now = _naive(course.now)
    edge = (until - since) / 5
    today = Mark(now, "today", 1.0, leftwards=now - since > edge / 2)
    if course.likely is None:
        return [today]
    end = min(_noon(course.likely), until)
    words = f"<b>likely {course.likely.day} {course.likely:%b}</b>"
    return [today, Mark(end, words, 0.9, leftwards=until - end < edge)]


def _upright(mark: Mark) -> dict[str, Any]:
    at = wall(mark.at)
    style = {"width": 1.5, "color": NEUTRAL, "dash": "dot"}
    return {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "line": style}


def _words(mark: Mark) -> dict[str, Any]:
    return {
        "x": wall(mark.at),
        "y": mark.height,
        "yref": "paper",
        "text": mark.words,
        "showarrow": False,
        "xanchor": "right" if mark.leftwards else "left",
        "yanchor": "top",
        "xshift": -4 if mark.leftwards else 4,
    }


def _sentence(course: Course) -> str:
    said = f"{_whole(course)}, {numbers.usd(float(course.past.iloc[-1]))} now."
    if course.ahead.empty:
        return said
    return said + " Ahead is an estimate: the shade holds it in four cases of five."


def _whole(course: Course) -> str:
    """What there was: all that was granted, or the most there ever was."""
    if course.grants:
        first = min(grant.at for grant in course.grants)
        granted = numbers.usd(sum(grant.usd for grant in course.grants))
        return f"{granted} granted since {first.day} {first:%B}"
    when = course.past.idxmax()
    return f"{numbers.usd(float(course.past.max()))} on {when.day} {when:%B}"


def table(course: Course | None) -> Table:
    """The days ahead, then the past ones, newest first."""
    head = ["Day", "Balance at its end", "Low", "High"]
    if course is None:
        return Table(head, [], _KEYS)
    future = [
        [_day(day), f"about {numbers.usd(row.likely)}", numbers.usd(row.low), numbers.usd(row.high)]
        for day, row in zip(_days(course.ahead), course.ahead.itertuples(), strict=True)
    ]
    past = [
        [_day(day), numbers.usd(usd), "", ""]
        for day, usd in zip(_days(course.past), course.past.tolist(), strict=True)
    ]
    return Table(head, [*future[::-1], *past[::-1]], _KEYS, _data(course))


_KEYS = ("day", "balance_usd", "low_usd", "high_usd", "estimated")


def _data(course: Course) -> list[list[Any]]:
    ahead = zip(_days(course.ahead), course.ahead.itertuples(), strict=True)
    future = [[day.date(), row.likely, row.low, row.high, True] for day, row in ahead]
    past = zip(_days(course.past), course.past.tolist(), strict=True)
    return [*future[::-1], *[[day.date(), usd, None, None, False] for day, usd in past][::-1]]


def _day(day: datetime) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"


def _days(frame: pd.Series[float] | pd.DataFrame) -> list[datetime]:
    return [pd.Timestamp(day).to_pydatetime() for day in np.asarray(frame.index)]


def _ends(frame: pd.Series[float] | pd.DataFrame) -> list[datetime]:
    return [day + DAY for day in _days(frame)]


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _noon(day: date) -> datetime:
    return _midnight(day) + DAY / 2
