"""Tokens over time: a stacked area per kind of token, hour by hour (day by day over long ranges)."""

from __future__ import annotations

import pandas as pd

from .. import metrics, numbers
from .palette import KIND_COLOURS, KIND_NAMES, faded
from .picture import LONG, Chart, Figure, Picture, Scene, Table, axis, empty, ends, layout, time_axis


def frame(scene: Scene) -> pd.DataFrame:
    """Tokens by kind; index: local starts of hours, or of days in a long view (naive wall clock)."""
    hourly = metrics.timeline(scene.sums, scene.view, scene.now)
    hourly.index = hourly.index.tz_localize(None)
    if scene.view.until - scene.view.since <= LONG:
        return hourly
    return hourly.groupby(hourly.index.floor("D")).sum()


def draw(scene: Scene) -> Picture:
    """The area picture; without cache tokens unless the scene asks for them, since they dwarf the rest."""
    tokens = frame(scene)
    kinds = metrics.KINDS if scene.cache else metrics.KINDS[:2]
    if not tokens.to_numpy().any():
        return Picture(empty(scene.revision, "No tokens in this range"), "Nothing was used in this range.")
    return Picture(_figure(tokens, kinds, scene), _sentence(tokens, scene))


def _figure(tokens: pd.DataFrame, kinds: tuple[str, ...], scene: Scene) -> Figure:
    when = tokens.index.strftime("%Y-%m-%d %H:%M").tolist()
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": KIND_NAMES[kind],
            "x": when,
            "y": tokens[kind].tolist(),
            "stackgroup": "tokens",
            "line": {"width": 1.2, "color": KIND_COLOURS[kind]},
            "fillcolor": faded(KIND_COLOURS[kind], 0.55),
            "hovertemplate": "%{y:,} " + KIND_NAMES[kind].lower() + "<extra></extra>",
        }
        for kind in kinds
    ]
    return {
        "data": [*traces, ends(scene.view)],
        "layout": layout(
            scene.revision,
            hovermode="x unified",
            xaxis=time_axis(scene.view, hoverformat="%a %-d %b, %H:%M", ticklabelstandoff=10),
            yaxis=axis(tickformat="~s", rangemode="tozero", nticks=6),
        ),
    }


def _sentence(tokens: pd.DataFrame, scene: Scene) -> str:
    added = metrics.totals(scene.sums)
    whole = tokens.sum(axis=1)
    peak = whole.idxmax()
    long = scene.view.until - scene.view.since > LONG
    when = f"on {numbers.day_name(peak)}" if long else f"in {numbers.hour_name(peak)}"
    busiest = f"Most {when}: {numbers.short(float(whole.max()))} tokens."
    if not added.tokens_cache_read:
        return busiest
    return f"Cache served {numbers.share(added.tokens_cache_read, added.prompt_tokens)} of input. {busiest}"


def table(scene: Scene) -> Table:
    """Hour by hour (or day by day), newest first, empty ones left out."""
    tokens = frame(scene)
    tokens = tokens[tokens.sum(axis=1) > 0].iloc[::-1]
    rows = [
        [f"{when:%a} {when.day} {when:%b %H:%M}", *(numbers.count(n) for n in kinds)]
        for when, kinds in zip(tokens.index, tokens[list(metrics.KINDS)].to_numpy().tolist(), strict=True)
    ]
    kinds = tokens[list(metrics.KINDS)].to_numpy().tolist()
    data = [[when, *map(int, counts)] for when, counts in zip(tokens.index, kinds, strict=True)]
    return Table(["From", *KIND_NAMES.values()], rows, ("from", *metrics.KINDS), data)


CHART = Chart("timeline", "Tokens over time", draw, table)
