"""The state of the page and its form in the address: every state has an address, every address a state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from .. import filters
from ..filters import Filter

VIEWS = ("overview", "calls", "money", "bill", "health")
CUSTOM = "custom"
WHO = ("task_id", "project", "worker_id")
MEASURES = {"duration": "duration_seconds", "first": "time_to_first_token", "speed": "tokens_per_second"}
"""What latency is told of: in the address -> column of the rows."""
DEFAULT_RANGE = "24h"

_FACETS = {
    "model": "models",
    "project": "projects",
    "task": "tasks",
    "worker": "workers",
    "source": "sources",
}
_MOST_DAYS = 3700
"""A longer range than ten years is taken for a slip of the hand."""


@dataclass(frozen=True, slots=True)
class State:
    """What the reader sees and has chosen."""

    view: str = "overview"
    range: str = DEFAULT_RANGE
    since: datetime | None = None
    """Of a custom range: naive wall clock or aware; whole hours. None until days were chosen."""
    until: datetime | None = None
    models: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()
    workers: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    outcome: str | None = None
    cache: bool = False
    by_cost: bool = False
    who: str = WHO[0]
    measure: str = "duration"
    """Of `MEASURES`."""
    call: str | None = None
    """The open call, `day/offset`."""

    @property
    def narrowed(self) -> bool:
        """Whether any filter is set."""
        return any(getattr(self, facet) for facet in (*_FACETS.values(), "outcome"))

    def choose(self, facet: str, values: frozenset[str]) -> State:
        """The state with another choice of a facet: `models`, `projects`, `tasks`, `workers` or `sources`."""
        change: dict[str, Any] = {facet: values}
        return replace(self, **change)

    @property
    def revision(self) -> str:
        """Changes when zooms should be given up: with the range and the filters. Never empty: Plotly keeps
        zooms only under a revision that has a name.
        """
        return "view" + to_search(
            replace(
                self,
                view="overview",
                cache=False,
                by_cost=False,
                who=WHO[0],
                measure="duration",
                call=None,
            )
        )


def parse(search: str | None) -> State:
    """The state an address asks for. What can't be understood is left at its default."""
    given = parse_qs((search or "").removeprefix("?"), keep_blank_values=True)

    def one(name: str, allowed: tuple[str, ...], default: str) -> str:
        value = given.get(name, [default])[0]
        return value if value in allowed else default

    name = one("range", (*filters.RANGES, CUSTOM), DEFAULT_RANGE)
    since, until = (_moment(given.get(key, [""])[0]) for key in ("since", "until"))
    dated = name == CUSTOM and _usable(since, until)
    facets = {field: frozenset(given.get(key, [])) for key, field in _FACETS.items()}
    return State(
        view=one("view", VIEWS, VIEWS[0]),
        range=name,
        since=since if dated else None,
        until=until if dated else None,
        **facets,
        outcome=one("outcome", (*filters.OUTCOMES, ""), "") or None,
        cache="cache" in given,
        by_cost=given.get("models") == ["cost"],
        who=one("who", WHO, WHO[0]),
        measure=one("latency", tuple(MEASURES), "duration"),
        call=given.get("call", [None])[0],
    )


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return filters.hour_of(moment) if moment.tzinfo else moment.replace(minute=0, second=0, microsecond=0)


def _usable(since: datetime | None, until: datetime | None) -> bool:
    if since is None or until is None or not 1971 <= since.year <= until.year <= 9000:
        return False
    length = _comparable(until) - _comparable(since)
    return timedelta() < length <= timedelta(days=_MOST_DAYS)


def _comparable(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_search(state: State) -> str:
    """The address of a state: `?…`, or nothing for the first one."""
    pairs: list[tuple[str, str]] = []
    if state.view != VIEWS[0]:
        pairs.append(("view", state.view))
    if state.range != DEFAULT_RANGE:
        pairs.append(("range", state.range))
    if state.range == CUSTOM and state.since and state.until:
        pairs += [(key, _text(m)) for key, m in (("since", state.since), ("until", state.until))]
    for key, field in _FACETS.items():
        pairs += [(key, value) for value in sorted(getattr(state, field))]
    flags = (("outcome", state.outcome), ("cache", "1" if state.cache else None))
    more = (
        ("models", "cost" if state.by_cost else None),
        ("who", state.who if state.who != WHO[0] else None),
        ("latency", state.measure if state.measure != "duration" else None),
    )
    pairs += [(key, value) for key, value in (*flags, *more, ("call", state.call)) if value]
    return "?" + urlencode(pairs, errors="replace") if pairs else ""


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")


def to_filter(state: State, now: datetime, zone: ZoneInfo) -> Filter:
    """The filter a state stands for at the moment `now`; a custom range without days is the default."""
    if state.range == CUSTOM and state.since and state.until:
        since, until = _in(state.since, zone), _in(state.until, zone)
        view = Filter(filters.hour_of(since), filters.hour_after(until))
    else:
        view = filters.last(state.range if state.range in filters.RANGES else DEFAULT_RANGE, now, zone)
    return replace(
        view,
        models=state.models,
        projects=state.projects,
        tasks=state.tasks,
        workers=state.workers,
        sources=state.sources,
        outcome=state.outcome,
    )


def _in(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)


def custom_days(state: State, since: date, until: date) -> State:
    """The days from `since` to `until`, both included, as the state's range."""
    first, last = sorted((since, until))
    midnight = datetime.min.time()
    return replace(
        state,
        range=CUSTOM,
        since=datetime.combine(first, midnight),
        until=datetime.combine(last + timedelta(days=1), midnight),
    )
