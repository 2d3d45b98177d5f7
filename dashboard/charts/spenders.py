"""Who spent it: a bar per task, project or worker, dearest on top."""

from __future__ import annotations

import html
from typing import Any

import pandas as pd

from .. import metrics, numbers
from .palette import ACCENT, NEUTRAL
from .picture import Chart, Figure, Picture, Scene, Table, axis, empty, layout

BARS = 10
LISTED = 200
NOUNS = {"task_id": "task", "project": "project", "worker_id": "worker"}


def frame(scene: Scene) -> pd.DataFrame:
    """One row per task, project or worker, those that are shown first; see `metrics.spenders`."""
    return metrics.spenders(scene.rows(), scene.who, LISTED)


def draw(scene: Scene) -> Picture:
    """The ten dearest; without any known price, the ten that used most tokens."""
    small = frame(scene)
    measure = "cost_usd" if small["cost_usd"].any() else "tokens_total"
    if not len(small) or not small[measure].any():
        return Picture(
            empty(scene.revision, "Nothing was used in this range"), "Nothing was used in this range."
        )
    return Picture(_figure(small, measure, scene), _sentence(small, measure, scene))


def _figure(small: pd.DataFrame, measure: str, scene: Scene) -> Figure:
    top = small.iloc[:BARS]
    noun = NOUNS[scene.who]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [float(f"{v:.6g}") for v in top[measure].tolist()],
        "y": list(range(len(top))),
        "text": [_told(row, measure) for row in top.itertuples()],
        "textposition": "outside",
        "cliponaxis": False,
        "customdata": [str(name) for name in top.index],
        "hovertext": [_hover(row, noun) for row in top.itertuples()],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {"color": [ACCENT if name else NEUTRAL for name in top.index], "line": {"width": 0}},
        "width": 0.66,
    }
    labels = [_label(str(name), noun) for name in top.index]
    return {
        "data": [bars],
        "layout": layout(
            f"{scene.revision}{scene.who}",
            hovermode="closest",
            showlegend=False,
            xaxis=axis(visible=False, fixedrange=True, range=[0, float(top[measure].max()) * 1.18]),
            yaxis=axis(
                range=[max(len(top), 5) - 0.5, -0.5],
                tickvals=list(range(len(top))),
                ticktext=labels,
                showgrid=False,
                fixedrange=True,
            ),
        ),
    }


def _told(row: Any, measure: str) -> str:
    """The number at a bar; of a cost that is not wholly known at least that."""
    if measure != "cost_usd":
        return numbers.short(row.tokens_total)
    if row.unpriced == row.calls > 0:
        return "not known"
    return ("≥ " if row.unpriced else "") + numbers.usd(row.cost_usd)


def _label(name: str, noun: str) -> str:
    """The name in at most 22 characters."""
    return html.escape(name if len(name) <= 22 else f"{name[:12]}…{name[-9:]}") or f"no {noun}"


def _hover(row: Any, noun: str) -> str:
    cells = row._asdict()
    name = html.escape(str(cells["Index"])[:100]) or f"no {noun}"
    cost = "cost not known" if cells["unpriced"] == cells["calls"] else numbers.usd(cells["cost_usd"])
    said = [f"<b>{name}</b>", f"{cost} · {numbers.count(cells['tokens_total'])} tokens"]
    said.append(
        numbers.plural(cells["calls"], "call") + (f", {cells['failed']:,} failed" if cells["failed"] else "")
    )
    return "<br>".join(said)


def _sentence(small: pd.DataFrame, measure: str, scene: Scene) -> str:
    noun = NOUNS[scene.who]
    first = str(small.index[0]) or f"Calls without a {noun}"
    part = numbers.share(float(small[measure].iloc[0]), float(small[measure].sum()))
    what = "the money" if measure == "cost_usd" else "the tokens"
    if len(small) == 1:
        return f"All of it is {first}." if small.index[0] else f"No call names a {noun}."
    return f"{first} took {part} of {what}, out of {numbers.plural(len(small), noun)}."


def table(scene: Scene) -> Table:
    """The 200 dearest."""
    noun = NOUNS[scene.who]
    rows = [
        [
            str(row.Index) or f"no {noun}",
            *(numbers.count(n) for n in (row.calls, row.failed, row.tokens_total)),
            "not known" if row.unpriced == row.calls else numbers.usd(row.cost_usd),
        ]
        for row in frame(scene).iloc[:LISTED].itertuples()
    ]
    data = [
        [
            *(row.Index or None, row.calls, row.failed, row.tokens_total),
            None if row.unpriced == row.calls else float(row.cost_usd),
        ]
        for row in frame(scene).iloc[:LISTED].itertuples()
    ]
    keys = (scene.who, "calls", "failed", "tokens_total", "estimated_cost_usd")
    return Table([noun.capitalize(), "Calls", "Failed", "Tokens", "Cost"], rows, keys, data)


CHART = Chart("spenders", "Who spent it", draw, table, ("cost_usd", "tokens_total", "calls", "outcome"))
