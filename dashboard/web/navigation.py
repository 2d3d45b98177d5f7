"""What each control of the page does to its state. Pure: a state and what was chosen give the next state."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from .. import filters
from . import ids, urls
from .urls import State

Move = Callable[[State, Any], State]


def _range(state: State, value: str) -> State:
    """Another range; `custom` first shows the calendar and keeps the days already chosen."""
    if value == urls.CUSTOM:
        return replace(state, range=value)
    return replace(state, range=value, since=None, until=None) if value in filters.RANGES else state


def _days(state: State, value: list[str | None] | None) -> State:
    """A pair of ISO dates from the calendar; half a pair waits for the other half."""
    if not value or len(value) != 2 or not all(value):
        return state
    first, last = (date.fromisoformat(str(v)[:10]) for v in value)
    return urls.custom_days(state, first, last)


def _facet(field: str) -> Move:
    def choose(state: State, value: list[str] | None) -> State:
        return state.choose(field, frozenset(value or ()))

    return choose


def _outcome(state: State, value: str | None) -> State:
    return replace(state, outcome=value if value in filters.OUTCOMES else None)


def _pick(field: str) -> Move:
    """A click on a picture narrows to the value under it; the same click again widens."""

    def pick(state: State, click: dict[str, Any] | None) -> State:
        """The state after a click, unchanged when nothing that has a name was hit."""
        value = _clicked(click)
        if not value:
            return state
        chosen = frozenset([value])
        return state.choose(field, frozenset() if getattr(state, field) == chosen else chosen)

    return pick


def _clicked(click: dict[str, Any] | None) -> str | None:
    """The `customdata` of the clicked point; Plotly wraps a pie's in a list."""
    if not click or not click.get("points"):
        return None
    data = click["points"][0].get("customdata")
    value = data[0] if isinstance(data, list) and data else data
    return value if isinstance(value, str) and value else None


def _hour(state: State, click: dict[str, Any] | None) -> State:
    """A click on a cell of the heatmap narrows to its hour; weekdays are no hour to narrow to."""
    if not click or not click.get("points"):
        return state
    point = click["points"][0]
    day = str(point.get("x", ""))[:10]
    if not point.get("z") or not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        return state
    since = datetime.fromisoformat(day) + timedelta(hours=int(point["y"]))
    return replace(state, range=urls.CUSTOM, since=since, until=since + timedelta(hours=1))


def _billed_day(state: State, click: dict[str, Any] | None) -> State:
    """A click on a bar of the bill narrows to its day, or week."""
    value = re.fullmatch(r"(\d{4}-\d\d-\d\d)/(\d+)", _clicked(click) or "")
    if not value:
        return state
    first = date.fromisoformat(value[1])
    return urls.custom_days(state, first, first + timedelta(days=int(value[2]) - 1))


def _who(state: State, click: dict[str, Any] | None) -> State:
    field = {"task_id": "tasks", "project": "projects", "worker_id": "workers"}[state.who]
    return _pick(field)(state, click)


def _call(state: State, click: dict[str, Any] | None) -> State:
    return replace(state, call=_clicked(click) or state.call)


def _row(state: State, cell: dict[str, Any] | None) -> State:
    return replace(state, call=(cell or {}).get("rowId") or state.call)


def _drawer(state: State, opened: bool) -> State:
    return state if opened else replace(state, call=None)


def _view(state: State, value: str | None) -> State:
    return replace(state, view=value) if value in urls.VIEWS else state


def _clear(state: State, _: Any) -> State:
    return replace(
        state,
        models=frozenset(),
        projects=frozenset(),
        tasks=frozenset(),
        workers=frozenset(),
        sources=frozenset(),
        outcome=None,
    )


def without(state: State, facet: str, value: str) -> State:
    """The state without one choice of a filter."""
    if facet == ids.OUTCOME:
        return replace(state, outcome=None)
    return state.choose(facet, getattr(state, facet) - {value})


MOVES: tuple[tuple[str, str, Move], ...] = (
    (ids.VIEWS, "value", _view),
    (ids.RANGE, "value", _range),
    (ids.DAYS, "value", _days),
    (ids.MODELS, "value", _facet("models")),
    (ids.PROJECTS, "value", _facet("projects")),
    (ids.TASKS, "value", _facet("tasks")),
    (ids.WORKERS, "value", _facet("workers")),
    (ids.SOURCES, "value", _facet("sources")),
    (ids.OUTCOME, "value", _outcome),
    (ids.CLEAR, "n_clicks", _clear),
    (ids.CACHE, "value", lambda state, value: replace(state, cache=value == "cache")),
    (ids.MODELS_BY, "value", lambda state, value: replace(state, by_cost=value == "cost")),
    (ids.WHO, "value", lambda state, value: replace(state, who=value) if value in urls.WHO else state),
    (
        ids.MEASURE,
        "value",
        lambda state, value: replace(state, measure=value) if value in urls.MEASURES else state,
    ),
    (ids.figure("models"), "clickData", _pick("models")),
    (ids.figure("activity"), "clickData", _hour),
    (ids.figure("spenders"), "clickData", _who),
    (ids.figure("billed"), "clickData", _billed_day),
    (ids.figure("tasks"), "clickData", _call),
    (ids.GRID, "cellClicked", _row),
    (ids.DETAIL, "opened", _drawer),
)
"""Component, property, what a change of it does."""


def move(state: State, component: str, prop: str, value: Any) -> State:
    """The state after a change of one control; unknown controls change nothing."""
    for name, known, step in MOVES:
        if (name, known) == (component, prop):
            return step(state, value)
    return state
