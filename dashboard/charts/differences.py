"""Why the bill and the log differ: a bar per reason, to the right what the log lacks, to the left what it has
too much.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import numbers
from . import billed
from .billed import signed
from .palette import ACCENT, FAILED, NEUTRAL
from .picture import Figure, Picture, Table, axis, empty, layout

ID = "differences"
TITLE = "Why they differ"

NOTHING = "Nothing was billed that was not logged"
UNKNOWN = "No day can be compared yet"
SLIGHT = 0.005
"""Part of the largest reason below which one is not drawn beside it: no bar of it would be seen."""


@dataclass(frozen=True, slots=True)
class Reason:
    """All differences of one reason. usd: billed less logged."""

    name: str
    words: str
    usd: float
    number: int
    harmless: bool = False
    """Whether nothing is wrong: rounding, discounts, what will still come."""


def by_reason(
    found: Iterable[tuple[str, float]], words: dict[str, str], harmless: frozenset[str]
) -> list[Reason]:
    """Reasons of differences (reason, USD), the largest sums first."""
    sums: dict[str, list[float]] = defaultdict(list)
    for reason, usd in found:
        sums[reason].append(usd)
    made = [
        Reason(name, words.get(name, name), sum(all_of), len(all_of), name in harmless)
        for name, all_of in sums.items()
    ]
    return sorted(made, key=lambda reason: -abs(reason.usd))


def draw(reasons: Sequence[Reason] | None) -> Picture:
    """The bars; None: there is nothing to compare with."""
    if reasons is None:
        return Picture(empty(ID, UNKNOWN), UNKNOWN + ".")
    far = max((abs(reason.usd) for reason in reasons), default=0.0)
    if far < billed.NOTHING:
        return Picture(empty(ID, NOTHING), NOTHING + ".")
    least = max(billed.NOTHING, SLIGHT * far)
    return Picture(_figure([one for one in reasons if abs(one.usd) >= least]), sentence(reasons))


def _figure(shown: Sequence[Reason]) -> Figure:
    far = max(abs(reason.usd) for reason in shown)
    low, high = min(0.0, *(r.usd for r in shown)), max(0.0, *(r.usd for r in shown))
    room = 0.34 * max(high - low, far)
    span = [low - (room if low < 0 else 0), high + (room if high > 0 else 0)]
    return {
        "data": [_bars(shown)],
        "layout": layout(
            ID,
            bargap=0.4,
            showlegend=False,
            hovermode="closest",
            xaxis=axis(tickformat=billed.dollars(far), nticks=4, range=span, zeroline=True)
            | {"fixedrange": True, "zerolinecolor": NEUTRAL, "zerolinewidth": 1},
            yaxis=axis(
                range=[len(shown) - 0.5, -0.5],  # told outright: after an empty picture "reversed" is lost
                showgrid=False,
                fixedrange=True,
                type="category",
                ticksuffix="  ",
            ),
        ),
    }


def _bars(shown: Sequence[Reason]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "y": ["<br>".join(textwrap.wrap(reason.words, 20)) for reason in shown],
        "x": [round(reason.usd, 6) for reason in shown],
        "marker": {"color": [_colour(reason) for reason in shown], "line": {"width": 0}},
        "text": [signed(reason.usd) for reason in shown],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertext": [_hover(reason) for reason in shown],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _colour(reason: Reason) -> str:
    if reason.harmless:
        return NEUTRAL
    return FAILED if reason.usd > 0 else ACCENT


def _hover(reason: Reason) -> str:
    side = "more billed than logged" if reason.usd > 0 else "more logged than billed"
    return f"{reason.words}<br>{numbers.usd(abs(reason.usd))} {side}"


def sentence(reasons: Sequence[Reason]) -> str:
    """The largest reason, and what all come to, drawn or not."""
    first, whole = reasons[0], sum(reason.usd for reason in reasons)
    said = f"{first.words[:1].upper()}{first.words[1:]}: {numbers.usd(abs(first.usd))}"
    if len(reasons) == 1:
        return said + "."
    return f"{said}; all differences together come to {signed(whole)}."


def table(reasons: Sequence[Reason] | None) -> Table:
    """Every reason, also those too slight to draw."""
    head = ["Reason", "Billed less logged", "Findings"]
    rows = [[r.words, signed(r.usd), numbers.count(r.number)] for r in reasons or ()]
    data = [[r.words, r.usd, r.number] for r in reasons or ()]
    return Table(head, rows, ("reason", "difference_usd", "findings"), data)
