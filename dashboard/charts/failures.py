"""Failures over time: stacked bars by the class of the error, limits and overload in colours of their own."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .. import buckets, failures, numbers
from ..failures import CLASSES, Failed
from .palette import FAILED, NEUTRAL
from .picture import LONG, Chart, Figure, Picture, Scene, Table, axis, empty, ends, layout, time_axis

COLOURS = {
    "rate_limit": "#E69F00",
    "overloaded": FAILED,
    "timeout": "#CC79A7",
    "server": "#2b7fd0",
    "connection": "#56B4E9",
    "request": "#8a6fd1",
    "cut": NEUTRAL,
    "other": "#bfc5cb",
}
"""Of the Okabe-Ito set as far as it goes; what is no failure of the API is grey."""

_SHORT = {
    "rate_limit": "429",
    "overloaded": "529",
    "timeout": "Timeout",
    "server": "5xx",
    "connection": "No connection",
    "request": "4xx",
    "cut": "Cut off",
    "other": "Other",
}
"""Classes in the legend, which must be small; the hover has the whole name."""


def frame(scene: Scene) -> pd.DataFrame:
    """Failed calls by class and all calls, per hour or day (per week of long views)."""
    table = failures.course(scene.rows(), *buckets.grid(scene.view, scene.now))
    if not _is_weekly(scene):
        return table
    index = pd.DatetimeIndex(table.index)
    return table.groupby(index - pd.to_timedelta(index.day_of_week, unit="D")).sum()


def _is_weekly(scene: Scene) -> bool:
    return scene.view.until - scene.view.since > LONG


def draw(scene: Scene) -> Picture:
    """The bars; a range without failures says so."""
    whole = failures.total(scene.rows())
    if not whole.failed:
        words = "No call failed in this range" if whole.calls else "No calls in this range"
        return Picture(empty(scene.revision, words), _sentence(whole))
    weekly = " A bar is a week, from Monday." if _is_weekly(scene) else ""
    return Picture(_figure(frame(scene), scene), _sentence(whole) + weekly)


def _figure(table: pd.DataFrame, scene: Scene) -> Figure:
    shares = [numbers.share(part, all_) for part, all_ in _failed_of(table)]
    when = "%a %-d %b, %H:%M" if buckets.hourly(scene.view) else "%A %-d %b"
    when = "week from %-d %b %Y" if _is_weekly(scene) else when
    kinds = [kind for kind in CLASSES if kind in table]
    traces = [_bars(table, kind) for kind in kinds]
    return {
        "data": [*traces, _share_line(table, shares), ends(scene.view)],
        "layout": layout(
            scene.revision,
            barmode="stack",
            bargap=0.15,
            hovermode="x unified",
            xaxis=time_axis(scene.view, hoverformat=when, ticklabelstandoff=10),
            yaxis=axis(rangemode="tozero", tickformat=",d", **_steps(table)),
        ),
    }


def _steps(table: pd.DataFrame) -> dict[str, int]:
    """Ticks at whole calls only."""
    most = max(failed for failed, _ in _failed_of(table))
    return {"dtick": 1} if most <= 5 else {"nticks": 6}


def _failed_of(table: pd.DataFrame) -> list[tuple[int, int]]:
    failed = table.drop(columns="calls").sum(axis=1)
    return list(zip(failed.tolist(), table["calls"].tolist(), strict=True))


def _when(table: pd.DataFrame) -> list[str]:
    return [f"{moment:%Y-%m-%d %H:%M}" for moment in pd.DatetimeIndex(table.index)]


def _bars(table: pd.DataFrame, kind: str) -> dict[str, Any]:
    name = CLASSES[kind]
    return {
        "type": "bar",
        "name": _SHORT[kind],
        "x": _when(table),
        "y": [count or None for count in table[kind].tolist()],
        "offset": 0,
        "marker": {"color": COLOURS[kind], "line": {"width": 0}},
        "hovertemplate": "%{y:,} " + name[0].lower() + name[1:] + "<extra></extra>",
    }


def _share_line(table: pd.DataFrame, shares: list[str]) -> dict[str, Any]:
    """Unseen: what share of the calls failed, for the hover."""
    told = [f"{share} of {calls:,} failed" for share, calls in zip(shares, table["calls"], strict=True)]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": _when(table),
        "y": [failed for failed, _ in _failed_of(table)],
        "line": {"width": 0},
        "text": told,
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }


def _sentence(whole: Failed) -> str:
    """The share that failed, the rates of 429 and 529, and what was tried again."""
    if not whole.calls:
        return "No calls in this range."
    said = [f"{numbers.share(whole.failed, whole.calls)} of {numbers.plural(whole.calls, 'call')} failed"]
    if not whole.failed:
        said = [f"None of {numbers.plural(whole.calls, 'call')} failed"]
    said += [
        f"{code} on {numbers.share(whole.by_class[kind], whole.calls)}"
        for code, kind in (("429", "rate_limit"), ("529", "overloaded"))
        if kind in whole.by_class
    ]
    again = f" {numbers.plural(whole.retries, 'attempt')} tried again." if whole.retries else ""
    return f"{'; '.join(said)}.{again}"


def table(scene: Scene) -> Table:
    """Every error type, with its class, how often and when last."""
    found = failures.errors(scene.rows())
    whole = int(found["calls"].sum())
    rows = [
        [
            str(error) or numbers.UNKNOWN,
            CLASSES[row["kind"]],
            numbers.count(row["calls"]),
            numbers.share(row["calls"], whole),
            f"{row['last']:%d %b %H:%M}",
            failures.words(str(error)) or numbers.UNKNOWN,
        ]
        for error, row in found.iterrows()
    ]
    data = [
        [
            *(error or None, row["kind"], row["calls"], row["calls"] / whole),
            *(row["last"], failures.words(str(error)) or None),
        ]
        for error, row in found.iterrows()
    ]
    keys = ("error", "class", "calls", "share", "last", "meaning")
    return Table(["Error", "Class", "Calls", "Share", "Last", "Meaning"], rows, keys, data)


CHART = Chart("failures", "Failures", draw, table, columns=("model", *sorted(failures.COLUMNS)))
