"""The budgets as bars: what is used, what it comes to by the end of the period, and the limit. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from ..money.budgets import Standing, amount_words, share_words
from ..money.periods import end_words, running
from .mark import mark

GRADES = {"ok": "ok", "warning": "warning", "exceeded": "critical"}
INIT = "callmeter budget init"


def render(standings: Sequence[Standing], *, troubled: bool = False) -> list[Any]:
    """A bar for each; how to begin without any. troubled: something else on the view says what is wrong."""
    if standings:
        return [html.Ul([bar(one) for one in standings], className="budgets")]
    if troubled:
        return [html.P("No budget is known; what is wrong is said above.", className="advice")]
    return [
        html.P(
            ["No budget is set. ", html.Code(INIT), " writes three to begin with into callmeter.toml."],
            className="advice",
        )
    ]


def bar(standing: Standing) -> Any:
    """One budget: its name and status, its bar, its numbers."""
    budget, grade = standing.budget, GRADES[standing.status]
    name = html.Span(
        [html.Strong(budget.name), html.Span(budget.scope.words, className="quiet")], className="budget-name"
    )
    return html.Li(
        [
            html.Div([name, mark(grade, status(standing))], className="budget-head"),
            _track(standing),
            html.P(words(standing), className="numbers"),
        ],
        className=f"budget {grade}",
    )


def status(standing: Standing) -> str:
    """`within`, `80 % reached`, `exceeded`."""
    if standing.exceeded:
        return "exceeded"
    return "within" if standing.level is None else f"{standing.level:g} % reached"


def _track(standing: Standing) -> Any:
    """The bar. Its full width is the limit, or more when more is used or to be expected."""
    limit, ahead = standing.budget.limit, standing.projected or 0.0
    whole = max(limit, standing.current, ahead)
    warnings = [percent for percent in standing.budget.warn if percent < 100]
    parts = [
        *([_part("ahead", ahead / whole)] if ahead > standing.current else []),
        _part("fill", standing.current / whole),
        *[_tick("warn", limit * percent / 100 / whole) for percent in warnings],
        _tick("limit", limit / whole),
    ]
    hidden: dict[str, Any] = {"aria-hidden": "true"}
    return html.Div(parts, className="track", **hidden)


def _part(name: str, share: float) -> Any:
    return html.Div(className=name, style={"width": f"{100 * share:.2f}%"})


def _tick(name: str, share: float) -> Any:
    return html.Div(className=f"tick {name}", style={"left": f"{100 * share:.2f}%"})


def words(standing: Standing) -> str:
    """`$4.10 of $10.00 today · 41 % · about $9.80 by midnight`."""
    budget, mark = standing.budget, "≥ " if standing.lower_bound else ""
    used, limit = (amount_words(budget.measure, value) for value in (standing.current, budget.limit))
    unit = "" if budget.measure == "cost" else f" {budget.measure}"
    parts = [f"{mark}{used} of {limit}{unit} {running(budget.period)}", mark + share_words(standing.share)]
    return " · ".join([*parts, *_projected(standing)])


def _projected(standing: Standing) -> list[str]:
    if standing.projected is None:
        return []
    budget = standing.budget
    over = standing.current < budget.limit < standing.projected
    about = amount_words(budget.measure, standing.projected)
    said = f"about {about} {end_words(budget.period, standing.until)}"
    return [said + (", over the limit" if over else "")]
