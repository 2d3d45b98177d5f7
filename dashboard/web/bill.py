"""The bill view: what Anthropic billed beside what was logged, why they differ, and what the cache saved.

`layout` stands once; `parts` fills it, and only what changed is sent. It follows the page's range and its
choice of models; the tables of what was logged follow the other filters too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html

from ..billing.books import Books
from ..charts import billed, caching, differences
from ..charts.picture import Picture, Table
from ..errors import CallmeterError
from ..store.base import Store
from . import bill_card, bill_facts, bill_tables, ids, plot
from .bill_facts import Facts
from .urls import State

CHARTS = (billed, differences, caching)
"""The pictures: modules with `ID` and `TITLE`."""

PARTS: tuple[tuple[str, str], ...] = (
    (ids.BILL_TROUBLE, "children"),
    (ids.BILL_VERDICT, "children"),
    *((ids.fresh(chart.ID), "data") for chart in CHARTS),
    *((ids.sentence(chart.ID), "children") for chart in CHARTS),
    (ids.BILL_FINDINGS, "children"),
    (ids.BILL_MODELS, "children"),
    (ids.BILL_SUMMARY, "children"),
    (ids.BILL_COLD, "children"),
    (ids.BILL_PROJECTS, "children"),
    (ids.BILL_UNCACHED, "children"),
    (ids.BILL_SESSIONS, "children"),
)
"""Component and property of everything the view fills."""


def parts(store: Store, books: Books, state: State, now: datetime) -> list[Any]:
    """What `PARTS` show, in their order; a sentence and nothing else when something cannot be read."""
    try:
        return render(bill_facts.gather(store, books, state, now), now)
    except CallmeterError as error:
        return [str(error), *[None] * (len(PARTS) - 1)]


def render(facts: Facts, now: datetime) -> list[Any]:
    """The parts of known facts."""
    pictures = draw(facts)
    answers = facts.answers
    return [
        _troubles(facts),
        bill_card.render(facts, now),
        *[picture.figure for picture in pictures],
        *[picture.sentence for picture in pictures],
        bill_tables.findings(facts.found),
        bill_tables.models(facts.found, bill_tables.sheet(answers["models"].sheets[0])),
        bill_tables.sheet(answers["summary"].sheets[0]),
        bill_tables.sheet(bill_tables.named(answers["cache"], "cold")),
        bill_tables.sheet(answers["projects"].sheets[0]),
        bill_tables.sheet(bill_tables.named(answers["cache"], "uncached")),
        bill_tables.sheet(answers["sessions"].sheets[0]),
    ]


def draw(facts: Facts) -> Sequence[Picture]:
    """The pictures, in the order of `CHARTS`."""
    return (
        billed.draw(facts.days),
        differences.draw(facts.reasons),
        caching.draw(facts.savings),
    )


def _troubles(facts: Facts) -> list[Any] | None:
    said = list(dict.fromkeys(facts.problems))
    if facts.loading:
        said.append("Older days are still being read: these figures are not complete yet.")
    return [html.Div(one) for one in said] or None


def as_table(store: Store, books: Books, state: State, now: datetime, chart: str) -> tuple[str, Table] | None:
    """A picture's title and its table; None for a chart that is not one of these."""
    found = next((one for one in CHARTS if chart == one.ID), None)
    if found is None:
        return None
    try:
        facts = bill_facts.gather(store, books, state, now)
    except CallmeterError as error:
        return found.TITLE, Table([""], [[str(error)]])
    made = {
        billed.ID: lambda: billed.table(facts.days),
        differences.ID: lambda: differences.table(facts.reasons),
        caching.ID: lambda: caching.table(facts.savings),
    }
    return found.TITLE, made[chart]()


def layout() -> list[Any]:
    """The view's frame."""
    return [
        html.P(id=ids.BILL_TROUBLE, className="trouble", role="alert"),
        html.Div(
            [
                _panel(bill_card.TITLE, "bill-verdict", ids.BILL_VERDICT),
                plot.picture(billed.ID, billed.TITLE),
                plot.picture(differences.ID, differences.TITLE),
                _panel("Findings", "bill-findings", ids.BILL_FINDINGS),
                html.Div(
                    [
                        _panel("Models", "bill-models", ids.BILL_MODELS),
                        _panel("Spent so far", "bill-summary", ids.BILL_SUMMARY),
                    ],
                    className="column narrow",
                ),
                plot.picture(caching.ID, caching.TITLE),
                html.Div(
                    [
                        _panel("Projects", "bill-projects", ids.BILL_PROJECTS),
                        _panel("Large inputs without caching", "bill-uncached", ids.BILL_UNCACHED),
                    ],
                    className="column narrow",
                ),
                _panel("Cold caches", "bill-cold", ids.BILL_COLD),
                _panel("Dearest sessions", "bill-sessions", ids.BILL_SESSIONS),
            ],
            className="pictures",
        ),
    ]


def _panel(title: str, name: str, content: str) -> Any:
    return html.Section(
        [html.Div(html.H2(title), className="card-head"), html.Div(id=content)], className=f"panel {name}"
    )
