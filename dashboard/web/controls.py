"""The controls of the page: what they show in a state, what can be chosen, what a change of one means."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import dash_mantine_components as dmc
from dash import Output

from .. import metrics, sources
from ..filters import NONE
from ..store.base import Store
from . import ids, navigation, urls
from .urls import State

OUTPUTS = (
    Output(ids.VIEWS, "value"),
    Output(ids.RANGE, "value"),
    Output(ids.DAYS, "value"),
    Output(ids.DAYS, "className"),
    Output(ids.MODELS, "value"),
    Output(ids.PROJECTS, "value"),
    Output(ids.TASKS, "value"),
    Output(ids.WORKERS, "value"),
    Output(ids.SOURCES, "value"),
    Output(ids.OUTCOME, "value"),
    Output(ids.CACHE, "value"),
    Output(ids.MODELS_BY, "value"),
    Output(ids.WHO, "value"),
    Output(ids.MEASURE, "value"),
    Output(ids.DETAIL, "opened"),
    Output(ids.CHIPS, "children"),
    Output(ids.figure("models"), "clickData"),
    Output(ids.figure("activity"), "clickData"),
    Output(ids.figure("spenders"), "clickData"),
    Output(ids.figure("tasks"), "clickData"),
    Output(ids.GRID, "cellClicked"),
)
"""In the order of `values`. Clicks are taken back, so that the same spot can be clicked again."""

_NOUNS = {
    "models": "model",
    "projects": "project",
    "tasks": "task",
    "workers": "worker",
    "sources": "source",
}
_COLUMNS = {
    "models": "model",
    "projects": "project",
    "tasks": "task_id",
    "workers": "worker_id",
    "sources": "source",
}


def values(state: State) -> tuple[Any, ...]:
    """What each of `OUTPUTS` shows in a state."""
    return (
        state.view,
        state.range,
        _days(state),
        "days ranged" if state.range == urls.CUSTOM else "days off",
        sorted(state.models),
        sorted(state.projects),
        sorted(state.tasks),
        sorted(state.workers),
        sorted(state.sources),
        state.outcome or "all",
        "cache" if state.cache else "plain",
        "cost" if state.by_cost else "tokens",
        state.who,
        state.measure,
        state.call is not None,
        chips(state),
        *(None,) * 5,
    )


def _days(state: State) -> list[str | None]:
    if state.since is None or state.until is None:
        return [None, None]
    last = state.until - timedelta(microseconds=1)
    return [state.since.date().isoformat(), last.date().isoformat()]


def chips(state: State) -> list[Any]:
    """A chip for each choice of a filter; a click takes the choice away."""
    chosen = [(facet, value) for facet in ids.CHOICES for value in sorted(getattr(state, facet))]
    chosen += [(ids.OUTCOME, state.outcome)] if state.outcome else []
    hour = [_chip(ids.DAYS, "hour", _hours(state))] if _hours(state) else []
    return hour + [_chip(facet, value, _words(facet, value)) for facet, value in chosen]


def _hours(state: State) -> str:
    """A custom range that is not made of whole days, in words."""
    if state.since is None or state.until is None or not (state.since.hour or state.until.hour):
        return ""
    return f"{state.since:%a} {state.since.day} {state.since:%b %H:%M}–{state.until:%H:%M}"


def _chip(facet: str, value: str, words: str) -> Any:
    return dmc.Button(
        f"{words} ✕",
        id=ids.chip(facet, value),
        size="compact-xs",
        variant="light",
        radius="xl",
        **{"aria-label": f"Remove the filter {words}"},
    )


def _words(facet: str, value: str) -> str:
    if facet == ids.OUTCOME:
        return "failed only" if value == "failed" else "succeeded only"
    noun = _NOUNS[facet]
    return f"no {noun}" if value == NONE else f"{noun}: {_called(facet, value)}"


def _called(facet: str, value: str) -> str:
    """A value as the page says it: sources have words of their own."""
    return sources.words(value) if facet == ids.SOURCES else value


def after(state: State, triggered: Any, properties: list[dict[str, Any]]) -> State:
    """The state after what triggered the callback: a chip, a control, or nothing but the address."""
    if not properties or triggered in (None, ids.URL):
        return state
    if isinstance(triggered, dict):
        return _without(state, triggered) if properties[0].get("value") else state
    prop = properties[0]["prop_id"].rpartition(".")[2]
    return navigation.move(state, triggered, prop, properties[0].get("value"))


def _without(state: State, chip: dict[str, str]) -> State:
    if chip["facet"] == ids.DAYS:
        return replace(state, range=urls.DEFAULT_RANGE, since=None, until=None)
    return navigation.without(state, chip["facet"], chip["value"])


def choices(store: Store, state: State, now: datetime) -> tuple[list[dict[str, str]], ...]:
    """What each filter offers: the values in the range, most used first, and those already chosen."""
    view = urls.to_filter(
        replace(urls.State(), range=state.range, since=state.since, until=state.until), now, store.zone
    )
    frames = {"task_id": store.rows(view, columns=("task_id", "calls"))}
    sums = store.sums(view)
    return tuple(
        _options(metrics.values(frames.get(column, sums), column), getattr(state, facet), facet)
        for facet, column in _COLUMNS.items()
    )


def _options(known: list[tuple[str, int]], chosen: frozenset[str], facet: str) -> list[dict[str, str]]:
    names = [name for name, _ in known]
    names += sorted(chosen - set(names))
    return [
        {"value": name, "label": _called(facet, name) if name else f"no {_NOUNS[facet]}"} for name in names
    ]
