"""The badge beside a total: how complete it is at a glance, and the explanation it opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from .. import completeness, numbers, sources
from ..completeness import Completeness
from . import ids


@dataclass(frozen=True, slots=True)
class Badge:
    """A word or two, and how they look: `fine`, `bound` (at least as much) or `amiss` (not in the total)."""

    words: str
    tone: str


FINE = Badge("✓", "fine")
"""The badge of a total that nothing is missing from."""


def of_cost(known: Completeness) -> Badge:
    """`98.2 % priced`, or how many counts are final when every call has a price."""
    if known.unpriced:
        return Badge(f"{numbers.share(known.priced, known.calls)} priced", "amiss")
    return of_tokens(known)


def of_tokens(known: Completeness) -> Badge:
    """`99.7 % final`, or `✓`."""
    if known.not_final:
        return Badge(f"{numbers.share(known.final, known.calls)} final", "bound")
    return FINE


def of_calls(known: Completeness) -> Badge:
    """`lower bound` when some are calls of CLI runs, which may have made more than they show."""
    return Badge("lower bound", "bound") if known.of_runs else FINE


def component(card: str, title: str) -> Any:
    """The badge of a card, empty; callbacks fill it and the explanation."""
    label: dict[str, Any] = {"aria-label": f"How complete is this number: {title}"}
    button = html.Button(id=ids.badge(card), className="badge", type="button", **label)
    return dmc.Popover(
        [
            dmc.PopoverTarget(button),
            dmc.PopoverDropdown(
                [
                    html.Div(id=ids.explanation(card), className="explanation"),
                    dcc.Link(
                        "More on the Health page", id=ids.more(card), href="?view=health", refresh=False
                    ),
                ]
            ),
        ],
        position="bottom-end",
        shadow="md",
        width="min(360px, calc(100vw - 24px))",
        trapFocus=True,
        returnFocus=True,
        keepMounted=True,
    )


def said(badge: Badge | None) -> Any:
    """What stands in the badge; nothing where there are no calls to be complete."""
    return badge and html.Span(badge.words, className=badge.tone)


def explanation(known: Completeness) -> list[Any]:
    """Which calls are priced, final, and who logged them.

    Nothing in it takes the focus: it is drawn again with every change, and the focus would be lost.
    """
    return [
        html.P([html.Strong(numbers.plural(known.calls, "call")), " in this range"]),
        _part(not known.unpriced, completeness.priced_words(known), _about_costs(known)),
        _part(not known.not_final, completeness.final_words(known), _about_counts(known)),
        _part(not known.of_runs, _sources_words(known), [_sources(known), *_about_runs(known)]),
    ]


def _part(fine: bool, sentence: str, more: list[Any]) -> Any:
    mark = html.Span("✓" if fine else "!", className="sign fine" if fine else "sign amiss")
    return html.Section([mark, html.Div([html.P(sentence), *more])])


def _about_costs(known: Completeness) -> list[Any]:
    if not known.unpriced:
        return []
    advice = "They are in no total; callmeter check lists them."
    if known.no_price:
        advice += " A price file of your own prices new calls."
    return [html.Ul([html.Li(reason) for reason in completeness.why_unpriced(known)]), _quiet(advice)]


def _about_counts(known: Completeness) -> list[Any]:
    if not known.not_final:
        return []
    return [_quiet("Their end was not seen (killed, cut off): they used at least what is shown.")]


def _sources_words(known: Completeness) -> str:
    if known.of_runs:
        return "The number of calls is a lower bound: a CLI run may have made more than it shows."
    return "Every call was logged one by one."


def _sources(known: Completeness) -> Any:
    items = [
        part
        for source, calls in known.by_source.items()
        for part in (
            html.Dt(sources.words(source), title=sources.MEANINGS.get(source)),
            html.Dd(f"{numbers.count(calls)} · {numbers.share(calls, known.calls)}"),
        )
    ]
    return html.Dl(items)


def _about_runs(known: Completeness) -> list[Any]:
    if not known.of_runs:
        return []
    return [
        _quiet(
            "To count each call, log the runs' telemetry or import their transcripts: nothing counts twice."
        )
    ]


def _quiet(words: str) -> Any:
    return html.P(words, className="advice")
