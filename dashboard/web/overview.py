"""The overview at one moment: cards and pictures of a state, drawn from the store's frames."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from dash import no_update

from logger.pricing import PriceTable

from .. import filters, metrics, numbers
from ..charts import CHARTS, Chart, Picture, Scene, Table
from ..charts.picture import empty
from ..completeness import Completeness, completeness
from ..filters import Filter
from ..money.budgets import Budget
from ..store.base import Store
from . import badge, cards, ids, urls
from .cards import Card
from .urls import State

_log = logging.getLogger("callmeter")

FAILED = "Something went wrong in callmeter itself; the terminal where it runs says more."

SPARKS = ("cost_usd", "calls", "tokens_total")
STEPS = 24
"""How many points a sparkline has."""

PARTS: tuple[tuple[str, str], ...] = (
    *((ids.card(name), "children") for name in cards.NAMES),
    *((ids.badge(name), "children") for name in cards.MARKED),
    *((ids.explanation(name), "children") for name in cards.MARKED),
    *((ids.more(name), "href") for name in cards.MARKED),
    *((ids.fresh(chart.id), "data") for chart in CHARTS),
    *((ids.sentence(chart.id), "children") for chart in CHARTS),
)
"""Component and property of everything the overview fills."""

PERIODS = {"24h": "the 24 hours before", "7d": "the 7 days before", "30d": "the 30 days before"}


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview shows."""

    cards: tuple[Card, ...]
    known: Completeness
    period: str
    pictures: dict[str, Picture]
    """By chart id."""


def scene(store: Store, state: State, now: datetime) -> Scene:
    """What the pictures of a state are drawn from. The lines are read only if a picture asks for them."""
    view = urls.to_filter(state, now, store.zone)
    columns = {state.who}.union(*(chart.columns for chart in CHARTS))
    return Scene(
        view=view,
        now=now,
        sums=store.sums(view),
        rows=_once(lambda: store.rows(view, columns=columns)),
        revision=state.revision,
        cache=state.cache,
        by_cost=state.by_cost,
        who=state.who,
    )


def _once(read: Callable[[], pd.DataFrame]) -> Callable[[], pd.DataFrame]:
    return cache(read)


def draw(
    store: Store, state: State, now: datetime, limit: float | None = None, prices: PriceTable | None = None
) -> Overview:
    """Every card and picture of a state. limit: USD that all calls of a day may cost, if that is set. prices:
    tell why a cost is not known; None: the built-in ones.
    """
    shown = scene(store, state, now)
    before = metrics.totals(store.sums(shown.view.before(now)))
    added, today = metrics.totals(shown.sums), _today(store, shown, now, limit)
    known = completeness(shown.sums, prices)
    return Overview(
        cards=cards.cards(added, before, today, _series(shown), known),
        known=known,
        period=PERIODS.get(state.range, "the period before"),
        pictures={chart.id: picture(chart, shown) for chart in CHARTS},
    )


def picture(chart: Chart, shown: Scene) -> Picture:
    """A chart's picture. One that fails says so in its own place, and the others stand."""
    try:
        return chart.draw(shown)
    except Exception:  # noqa: BLE001 - whatever it is, one picture must not take the page with it
        _log.exception("The picture %r could not be drawn", chart.title)
        return Picture(empty(shown.revision, "This picture could not be drawn"), FAILED)


def _daily_limit(state: State, budgets: Sequence[Budget]) -> float | None:
    """The daily limit of all calls; none of a narrowed view, which shows only some."""
    daily = [b for b in budgets if (b.period, b.measure) == ("day", "cost") and b.scope.everything]
    return None if state.narrowed or not daily else daily[0].limit


def _today(store: Store, shown: Scene, now: datetime, limit: float | None) -> str:
    """What today cost with the same filters, whatever the range: `$4.10 today`, `$4.10 of $10.00 today`."""
    today = now.astimezone(store.zone).date()
    day: Filter = filters.days(today, today, store.zone)
    spent = metrics.totals(store.sums(replace(shown.view, since=day.since, until=day.until)))
    of = "" if limit is None else f" of {numbers.usd(limit)}"
    return ("≥ " if spent.unpriced or spent.not_final else "") + numbers.usd(spent.cost_usd) + of


def _series(shown: Scene) -> dict[str, list[float]]:
    hourly = metrics.timeline(shown.sums, shown.view, shown.now, SPARKS)
    failed = shown.sums[(shown.sums["outcome"] == "failed").to_numpy()]
    hourly["failed"] = metrics.timeline(failed, shown.view, shown.now, ["calls"])["calls"]
    starts = range(0, len(hourly), -(-len(hourly) // STEPS))
    small = np.add.reduceat(hourly.to_numpy(dtype="float64"), starts, axis=0)
    return {name: small[:, place].tolist() for place, name in enumerate(hourly.columns)}


def parts(
    store: Store,
    state: State,
    now: datetime,
    budgets: Sequence[Budget] = (),
    prices: PriceTable | None = None,
) -> list[Any]:
    """What `PARTS` show in a state, in their order. budgets: a daily one of all calls stands beside today.
    prices: as of `draw`.
    """
    shown = draw(store, state, now, _daily_limit(state, budgets), prices)
    health = urls.to_search(replace(state, view="health", call=None))
    explained = badge.explanation(shown.known)
    return [
        *[cards.render(card, shown.period) for card in shown.cards],
        *[badge.said(card.badge) for card in shown.cards if card.name in cards.MARKED],
        *[explained] * len(cards.MARKED),
        *[health] * len(cards.MARKED),
        *[shown.pictures[chart.id].figure for chart in CHARTS],
        *[shown.pictures[chart.id].sentence for chart in CHARTS],
    ]


def table(store: Store, state: State, now: datetime, chart_id: str) -> tuple[str, Table] | None:
    """A chart's title and its table; None for an unknown chart."""
    chart = next((chart for chart in CHARTS if chart.id == chart_id), None)
    return None if chart is None else (chart.title, chart.table(scene(store, state, now)))


def digest(part: Any) -> str:
    """A short mark of a part's content, to tell whether the browser has it already."""
    return f"{hash(repr(part)) & 0xFFFFFFFFFFFF:012x}"


def only_new(parts: list[Any], drawn: dict[str, str] | None) -> list[Any]:
    """The parts, with `no_update` for those the browser has, and the new digests as the last."""
    fresh = {str(place): digest(part) for place, part in enumerate(parts)}
    known = drawn or {}
    sent = [no_update if known.get(place) == fresh[place] else parts[int(place)] for place in fresh]
    return [*sent, no_update if known == fresh else fresh]
