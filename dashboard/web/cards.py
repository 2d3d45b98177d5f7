"""The summary cards: a big number, how complete it is, the change against the period before, a sparkline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dash import html

from .. import numbers
from ..charts.palette import ACCENT, FAILED
from ..completeness import Completeness
from ..metrics import Totals
from . import badge, ids
from .badge import Badge

NAMES = ("cost", "calls", "success", "tokens")
"""The cards in their order."""

MARKED = ("cost", "calls", "tokens")
"""Those that show a total, which has a badge."""


@dataclass(frozen=True, slots=True)
class Card:
    """One card, in words."""

    name: str
    value: str
    change: str | None
    note: str
    series: tuple[float, ...]
    badge: Badge | None = None
    """How complete the number is."""
    colour: str = ACCENT


def cards(
    now: Totals, before: Totals, today_usd: str, series: dict[str, list[float]], known: Completeness
) -> tuple[Card, ...]:
    """The cards of a period, in the order of `NAMES`. `series`: what the sparklines draw, per measure."""
    return (
        _cost(now, before, today_usd, series, known),
        _calls(now, before, series, known),
        _success(now, before, series),
        _tokens(now, before, series, known),
    )


def _cost(
    now: Totals, before: Totals, today_usd: str, series: dict[str, list[float]], known: Completeness
) -> Card:
    lower = bool(now.unpriced or now.not_final)
    nothing_known = now.calls > 0 and now.priced == 0
    value = numbers.UNKNOWN if nothing_known else ("≥ " if lower else "") + numbers.usd(now.cost_usd)
    return Card(
        "cost",
        value,
        None if nothing_known else numbers.change(now.cost_usd, before.cost_usd),
        f"{today_usd} today",
        tuple(series["cost_usd"]),
        badge.of_cost(known) if now.calls else None,
    )


def _calls(now: Totals, before: Totals, series: dict[str, list[float]], known: Completeness) -> Card:
    average = now.average_duration_seconds
    note = f"{numbers.duration(average)} on average" if average is not None else "no durations known"
    return Card(
        "calls",
        ("≥ " if known.of_runs else "") + numbers.count(now.calls),
        numbers.change(now.calls, before.calls),
        note if now.calls else "none in this range",
        tuple(series["calls"]),
        badge.of_calls(known) if now.calls else None,
    )


def _success(now: Totals, before: Totals, series: dict[str, list[float]]) -> Card:
    rate, past = now.success_rate, before.success_rate
    points = None if rate is None or past is None else 100 * (rate - past)
    return Card(
        "success",
        numbers.share(now.successful, now.calls),
        None
        if points is None
        else "= same"
        if abs(points) < 0.05
        else f"{points:+.1f} points".replace("-", "−"),
        f"{numbers.count(now.failed)} failed" if now.calls else "none in this range",
        tuple(series["failed"]),
        colour=FAILED,
    )


def _tokens(now: Totals, before: Totals, series: dict[str, list[float]], known: Completeness) -> Card:
    cached = numbers.share(now.tokens_cache_read, now.prompt_tokens)
    return Card(
        "tokens",
        ("≥ " if now.not_final else "") + numbers.short(now.tokens_total),
        numbers.change(now.tokens_total, before.tokens_total),
        f"{cached} of input cached" if now.prompt_tokens else "none in this range",
        tuple(series["tokens_total"]),
        badge.of_tokens(known) if now.calls else None,
    )


def component(name: str) -> Any:
    """A card that waits for its number."""
    mark = [badge.component(name, name)] if name in MARKED else []
    return html.Div(
        [
            html.Div([html.H2(name.capitalize()), *mark], className="card-head"),
            html.Div(id=ids.card(name), className="card-body"),
        ],
        className="card",
    )


def render(card: Card, period: str) -> list[Any]:
    """What stands in a card."""
    change: list[Any] = ["nothing to compare"]
    if card.change:
        change = [html.Span(card.change, className="change"), f" vs {period}"]
    return [
        html.Div(card.value, className="big"),
        html.Div(change, className="quiet"),
        html.Div(card.note, className="quiet"),
        html.Img(src=sparkline(card.series, card.colour), className="spark", alt=""),
    ]


def sparkline(values: tuple[float, ...], colour: str) -> str:
    """A small line as an SVG data address, 120 × 28; flat when there is nothing."""
    top = max(values, default=0) or 1
    step = 120 / max(len(values) - 1, 1)
    points = (
        " ".join(f"{i * step:.1f},{26 - 24 * v / top:.1f}" for i, v in enumerate(values)) or "0,26 120,26"
    )
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 28" preserveAspectRatio="none">'
        f'<polygon points="0,28 {points} 120,28" fill="{colour}" fill-opacity="0.14"/>'
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )
    return "data:image/svg+xml," + quote(svg)
