"""What the prompt cache saved, per project and model: to the right what reads saved, to the left what writes
cost more than plain input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import numbers
from .palette import KIND_COLOURS, NEUTRAL
from .picture import Figure, Picture, Table, axis, empty, layout, markup, model_label

ID = "caching"
TITLE = "What the cache saved"
LONGEST = 20
"""Characters of a name beside its bar; a longer one is shown without its middle."""

MOST = 5
"""So many projects and models are drawn; the table has all."""

_NOTHING = "No input was read from or written to the cache"


@dataclass(frozen=True, slots=True)
class Saved:
    """One project or model. mark: a word for its hit rate, which is None without input."""

    name: str
    hit_rate: float | None
    mark: str
    saved_usd: float
    extra_usd: float
    known: bool = True
    """Whether any of the rates is known; without one there is nothing to draw."""

    @property
    def net_usd(self) -> float:
        """What is left of the savings."""
        return self.saved_usd - self.extra_usd


@dataclass(frozen=True, slots=True)
class Savings:
    """All projects and models, the largest savings first."""

    projects: Sequence[Saved]
    models: Sequence[Saved]
    whole: Saved | None = None
    """All together."""
    unpriced: bool = False
    """Whether some tokens' rates are not known: what they saved is not in it."""


def draw(of: Savings) -> Picture:
    """Two groups of bars."""
    if not any(one.saved_usd or one.extra_usd for one in (*of.projects, *of.models)):
        return Picture(empty(ID, _NOTHING), _NOTHING + ".")
    return Picture(_figure(of), sentence(of))


def _lines(of: Savings) -> list[tuple[str, Saved | None]]:
    """From top to bottom: a head, its bars, a gap, a head, its bars."""
    projects = [(_named(markup(one.name or "no project", LONGEST), one), one) for one in of.projects[:MOST]]
    models = [(_named(markup(model_label(one.name), LONGEST), one), one) for one in of.models[:MOST]]
    lines: list[tuple[str, Saved | None]] = []
    for head, group in (("Projects", projects), ("Models", models)):
        if group:
            lines += [(f"<b>{head}</b>", None), *group]
    return lines


def _named(name: str, one: Saved) -> str:
    """Its name, and below it how well it is cached."""
    return f"{name}<br><span style='font-size:10px'>{rate_words(one)}</span>"


def _figure(of: Savings) -> Figure:
    lines = _lines(of)
    bars = [(place, one) for place, (_, one) in enumerate(lines) if one]
    low = -max(one.extra_usd for _, one in bars)
    high = max(one.saved_usd for _, one in bars)
    return {
        "data": [_saved(bars), _extra(bars)],
        "layout": layout(
            ID,
            barmode="relative",
            bargap=0.35,
            hovermode="closest",
            xaxis=axis(
                tickformat="$,.2f" if high < 8 else "$,.0f",
                nticks=6,
                range=[1.05 * low, high + 0.32 * (high - low)],
            )
            | {"fixedrange": True, "zeroline": True, "zerolinecolor": NEUTRAL},
            yaxis=axis(
                tickvals=list(range(len(lines))),
                ticktext=[words for words, _ in lines],
                range=[len(lines) - 0.4, -0.6],
                showgrid=False,
                ticksuffix="  ",
            )
            | {"fixedrange": True},
        ),
    }


def _saved(bars: Sequence[tuple[int, Saved]]) -> dict[str, Any]:
    return _bar("Saved by reads", KIND_COLOURS["tokens_cache_read"], bars) | {
        "x": [round(one.saved_usd, 6) for _, one in bars],
        "text": [numbers.usd(one.net_usd) if one.known else "not known" for _, one in bars],
        "textposition": "outside",
        "cliponaxis": False,
    }


def _extra(bars: Sequence[tuple[int, Saved]]) -> dict[str, Any]:
    return _bar("Paid more for writes", KIND_COLOURS["tokens_cache_write"], bars) | {
        "x": [-round(one.extra_usd, 6) for _, one in bars],
    }


def _bar(name: str, colour: str, bars: Sequence[tuple[int, Saved]]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": [place for place, _ in bars],
        "marker": {"color": colour, "line": {"width": 0}},
        "hovertext": [_hover(one) for _, one in bars],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def rate_words(one: Saved) -> str:
    """`78 % excellent`: how much of the input came from the cache; "" without input."""
    return "" if one.hit_rate is None else f"{100 * one.hit_rate:.0f} % {one.mark}"


def _hover(one: Saved) -> str:
    if not one.known:
        return "Its rates are not known"
    return (
        f"{numbers.usd(one.saved_usd)} saved by reads<br>{numbers.usd(one.extra_usd)} paid more for writes"
        f"<br>{numbers.usd(one.net_usd)} left of it"
    )


def sentence(of: Savings) -> str:
    """What all of it saved, beside what it would have cost."""
    whole = of.whole
    if whole is None:
        return ""
    at_least = "At least " if of.unpriced else ""
    if whole.net_usd <= 0:
        return f"Writing to the cache cost {numbers.usd(-whole.net_usd)} more than reading from it saved."
    rate = "" if whole.hit_rate is None else f": {numbers.share(whole.hit_rate, 1)} of the input came from it"
    usd = numbers.usd(whole.net_usd)
    return f"{at_least}{usd} saved by the cache{rate}." if at_least else f"The cache saved {usd}{rate}."


def table(of: Savings) -> Table:
    """Everything, projects first."""
    head = ["", "Name", "Hit rate", "", "Saved by reads", "Paid more for writes", "Left"]
    groups = (("Project", of.projects), ("Model", of.models))
    every = [(kind, one) for kind, group in groups for one in group]
    data = [[kind.lower(), *_values(one)] for kind, one in every]
    return Table(head, [[kind, *_cells(one)] for kind, one in every], _KEYS, data)


_KEYS = ("of", "name", "cache_hit_rate", "mark", "saved_usd", "extra_usd", "net_usd")


def _values(one: Saved) -> list[Any]:
    known = (one.saved_usd, one.extra_usd, one.net_usd) if one.known else (None,) * 3
    return [one.name or None, one.hit_rate, one.mark, *known]


def _cells(one: Saved) -> list[str]:
    rate = numbers.UNKNOWN if one.hit_rate is None else numbers.share(one.hit_rate, 1)
    known = (one.saved_usd, one.extra_usd, one.net_usd) if one.known else (None,) * 3
    usd = [numbers.usd(v) for v in known]
    return [one.name or "none", rate, one.mark, *usd]
