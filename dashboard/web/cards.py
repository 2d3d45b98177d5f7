"""The summary cards: a big number, the change against the period before, a sparkline, what is incomplete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import dcc, html

from .. import numbers
from ..charts.palette import ACCENT, FAILED
from ..metrics import Totals


@dataclass(frozen=True, slots=True)
class Card:
    """One card, in words."""

    title: str
    value: str
    change: str | None
    note: str
    series: tuple[float, ...]
    mark: str | None = None
    """Why the number is incomplete; shown beside it, and leads to the health view."""
    colour: str = ACCENT


def cards(
    now: Totals, before: Totals, today_usd: str, series: dict[str, list[float]], cli_calls: int = 0
) -> tuple[Card, ...]:
    """The four cards of a period. `series` holds what the sparklines draw, per measure.

    `cli_calls` of the calls are of Claude CLI runs, whose output does not show every call they made.
    """
    return (
        _cost(now, before, today_usd, series),
        _calls(now, before, series, cli_calls),
        _success(now, before, series),
        _tokens(now, before, series),
    )


def _cost(now: Totals, before: Totals, today_usd: str, series: dict[str, list[float]]) -> Card:
    lower = bool(now.unpriced or now.not_final)
    nothing_known = now.calls > 0 and now.priced == 0
    value = numbers.UNKNOWN if nothing_known else ("≥ " if lower else "") + numbers.usd(now.cost_usd)
    return Card(
        "Cost",
        value,
        None if nothing_known else numbers.change(now.cost_usd, before.cost_usd),
        f"{today_usd} today",
        tuple(series["cost_usd"]),
        _incomplete(now),
    )


def _incomplete(now: Totals) -> str | None:
    parts = []
    if now.unpriced:
        parts.append(f"{numbers.plural(now.unpriced, 'call')} of unknown cost")
    if now.not_final:
        parts.append(f"{numbers.plural(now.not_final, 'call')} not counted to the end")
    return ", ".join(parts) or None


def _calls(now: Totals, before: Totals, series: dict[str, list[float]], cli_calls: int) -> Card:
    average = now.average_duration_seconds
    note = f"{numbers.duration(average)} on average" if average is not None else "no durations known"
    return Card(
        "Calls",
        ("≥ " if cli_calls else "") + numbers.count(now.calls),
        numbers.change(now.calls, before.calls),
        note if now.calls else "none in this range",
        tuple(series["calls"]),
        "A Claude CLI run may have made more calls than its output shows" if cli_calls else None,
    )


def _success(now: Totals, before: Totals, series: dict[str, list[float]]) -> Card:
    rate, past = now.success_rate, before.success_rate
    points = None if rate is None or past is None else 100 * (rate - past)
    return Card(
        "Success",
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


def _tokens(now: Totals, before: Totals, series: dict[str, list[float]]) -> Card:
    cached = numbers.share(now.tokens_cache_read, now.prompt_tokens)
    lower = f"{numbers.plural(now.not_final, 'call')} not counted to the end" if now.not_final else None
    return Card(
        "Tokens",
        ("≥ " if now.not_final else "") + numbers.short(now.tokens_total),
        numbers.change(now.tokens_total, before.tokens_total),
        f"{cached} of input cached" if now.prompt_tokens else "none in this range",
        tuple(series["tokens_total"]),
        lower,
    )


def render(card: Card, period: str) -> Any:
    """A card as components."""
    change: list[Any] = ["nothing to compare"]
    if card.change:
        change = [html.Span(card.change, className="change"), f" vs {period}"]
    return html.Div(
        [
            html.Div([html.H2(card.title), _mark(card)], className="card-head"),
            html.Div(card.value, className="big"),
            html.Div(change, className="quiet"),
            html.Div(card.note, className="quiet"),
            html.Img(src=sparkline(card.series, card.colour), className="spark", alt=""),
        ],
        className="card",
    )


def _mark(card: Card) -> Any:
    if not card.mark:
        return None
    link = dcc.Link("incomplete", href="?view=health", className="mark", refresh=False)
    return dmc.Tooltip(link, label=card.mark, multiline=True, maw=260)


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
