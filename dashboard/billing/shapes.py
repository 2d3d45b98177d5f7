"""Anthropic's replies, read strictly: raw JSON -> rows in our words, or `ShapeChanged`.

Fields that nobody asked about are passed over; one that is needed and is missing, or is something else, is an
error: a bill must not be guessed. Costs come as decimal strings in cents and leave as `Decimal` USD.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from .api_errors import ShapeChanged, clean
from .kinds import TOKEN_TYPES, USAGE_FIELDS
from .snapshots import FACETS, Generation, Kind, end_of

CURRENCY = "USD"
OTHER = "other"
"""The cost type of a cost that has none."""

_DAY = timedelta(days=1)
_DIGITS = 10
_AMOUNT = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")
_MOST = 10**15
"""Tokens, requests or cents of a row beyond which it is no number of a bill."""
_MONEY = ("amount_usd", "list_usd")
_COUNTS = (*USAGE_FIELDS, "web_searches", "requests")

Row = dict[str, Any]
"""A row of `snapshots` in the making; money still `Decimal`."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a report: rows with their UTC day, and how it goes on."""

    rows: list[tuple[date, Row]]
    after: str | None
    refreshed_at: datetime | None = None
    told: tuple[Hashable, ...] = ()
    """What it tells of, each once in all pages: days in the older reports, else days with groups."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a list of keys or workspaces: id -> name, and the id after which it goes on."""

    names: dict[str, str]
    after: str | None


def report(body: Any, kind: Kind, generation: Generation, span: tuple[date, date], where: str) -> Page:
    """A page of a report about days from the first to the last of `span`. Raises ShapeChanged."""
    whole = _Part(body, where)
    items = [(item.day("starting_at"), item) for item in whole.parts("data")]
    for day, item in items:
        if not span[0] <= day <= span[1]:
            raise whole.wrong("data", f"tells of {day}, which was not asked for")
        item.ends_on(day)
    rows = list(_dated(items, generation, _ROWS[generation, kind]))
    told = tuple((day, item.spelled("group")) if generation == "analytics" else day for day, item in items)
    return Page(rows, _next(whole), whole.moment("data_refreshed_at"), told)


def _dated(
    items: Iterable[tuple[date, _Part]], generation: Generation, row: Callable[[_Part], Row]
) -> Iterator[tuple[date, Row]]:
    for day, item in items:
        for one in [item] if generation == "analytics" else item.parts("results"):
            yield day, row(one)


def whole_days(
    pages: Sequence[Page], generation: Generation, span: tuple[date, date], now: datetime, where: str
) -> list[date]:
    """The days of `span` that all pages of a question tell of, also those without rows.

    Days that have not begun are none of them. The older reports name every day: one that is over and missing,
    like anything that is told twice, is no bill. Raises ShapeChanged.
    """
    once(pages, where)
    told = {one for page in pages for one in page.told}
    today = max([now.astimezone(UTC).date(), *(day for page in pages for day, _ in page.rows)])
    days = [span[0] + timedelta(days=n) for n in range((min(span[1], today) - span[0]).days + 1)]
    if generation == "analytics":
        return days
    missing = next((day for day in days if day not in told and day < today), None)
    if missing is not None:
        raise ShapeChanged(where, "data", f"tells nothing of {missing}")
    return [day for day in days if day in told]


def once(pages: Sequence[Page], where: str) -> None:
    """Raise ShapeChanged when something is told twice, in a page or on several."""
    twice = next(_twice(pages), None)
    if twice is not None:
        day = twice[0] if isinstance(twice, tuple) else twice
        raise ShapeChanged(where, "data", f"tells the same of {day} twice")


def fit(pages: Sequence[Page]) -> bool:
    """Whether nothing is told twice: else the numbers changed from page to page."""
    return next(_twice(pages), None) is None


def _twice(pages: Sequence[Page]) -> Iterator[Hashable]:
    told = Counter(one for page in pages for one in page.told)
    return (one for one, count in told.items() if count > 1)


def _next(whole: _Part) -> str | None:
    """The cursor of the next page; None at the end."""
    if not whole.flag("has_more"):
        return None
    cursor = whole.text("next_page")
    if not cursor:
        raise whole.wrong("next_page", "is missing, though there is more")
    return cursor


def listed(body: Any, where: str) -> Listed:
    """A page of a list of names. Raises ShapeChanged."""
    whole = _Part(body, where)
    names = {item.need("id"): item.need("name") for item in whole.parts("data")}
    if not whole.flag("has_more"):
        return Listed(names, None)
    return Listed(names, whole.need("last_id"))


def name_of(body: Any, where: str) -> str:
    """The `name` of an object. Raises ShapeChanged."""
    return _Part(body, where).need("name")


def added(rows: Iterable[Row]) -> list[Row]:
    """Rows of the same facets, cost type and kind as one, in an order that only depends on them.

    What is unknown in one part is unknown in the sum. Money becomes float, rounded.
    """
    sums: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(value for name, value in row.items() if name not in (*_MONEY, *_COUNTS))
        sums[key] = _plus(sums[key], row) if key in sums else row
    return [_finished(sums[key]) for key in sorted(sums, key=lambda key: [value or "" for value in key])]


def _plus(one: Row, other: Row) -> Row:
    def both(name: str) -> Any:
        known = one[name] is not None and other[name] is not None
        return one[name] + other[name] if known else None

    return {name: both(name) if name in (*_MONEY, *_COUNTS) else value for name, value in one.items()}


def _finished(row: Row) -> Row:
    return {
        name: round(float(value), _DIGITS) + 0.0 if isinstance(value, Decimal) else value
        for name, value in row.items()
    }


class _Part:
    """An object of a reply and where it stands there."""

    def __init__(self, value: Any, where: str, path: str = "") -> None:
        self.where = where
        self.path = path
        if not isinstance(value, dict):
            raise ShapeChanged(where, path or "it", f"is {_told(value)}, not an object")
        self._value = value

    def wrong(self, name: str, problem: str) -> ShapeChanged:
        """The error about a field."""
        return ShapeChanged(self.where, self._at(name), problem)

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _get(self, name: str, fits: Callable[[Any], bool], wanted: str) -> Any:
        if name not in self._value:
            raise self.wrong(name, "is missing")
        value = self._value[name]
        if not fits(value):
            raise self.wrong(name, f"is {_told(value)}, not {wanted}")
        return value

    def part(self, name: str) -> _Part:
        """An object within."""
        return _Part(
            self._get(name, lambda value: isinstance(value, dict), "an object"), self.where, self._at(name)
        )

    def spelled(self, name: str) -> str:
        """An object within, the same text for the same one."""
        return json.dumps(self.part(name)._value, sort_keys=True)

    def parts(self, name: str) -> list[_Part]:
        """The objects of a list within."""
        values = self._get(name, lambda value: isinstance(value, list), "a list")
        return [_Part(value, self.where, f"{self._at(name)}[{n}]") for n, value in enumerate(values)]

    def flag(self, name: str) -> bool:
        """Yes or no."""
        return bool(self._get(name, lambda value: isinstance(value, bool), "true or false"))

    def need(self, name: str) -> str:
        """Text that must be there."""
        return str(self._get(name, lambda value: isinstance(value, str) and value != "", "text"))

    def text(self, name: str) -> str | None:
        """Text or null; also null where the field is not there."""
        value = self._value.get(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, f"is {_told(value)}, not text")
        return value

    def grouped(self, name: str) -> str | None:
        """Text or null of a dimension that was asked for: the field must be there."""
        self._get(name, lambda value: value is None or isinstance(value, str), "text or null")
        return self.text(name)

    def count(self, name: str) -> int:
        """A whole number from 0 to `_MOST`."""
        return int(self._get(name, _is_count, "a whole number"))

    def count_or_null(self, name: str) -> int | None:
        """A whole number from 0, or null; also null where the field is not there."""
        return None if self._value.get(name) is None else self.count(name)

    def usd(self, name: str) -> Decimal:
        """Money: a decimal string in cents."""
        text = self.need(name)
        cents = Decimal(text) if _AMOUNT.fullmatch(text) else None
        if cents is None or abs(cents) > _MOST:
            raise self.wrong(name, f"is {_told(text)}, not an amount in cents")
        return cents / 100

    def currency(self) -> None:
        """Only USD is understood."""
        told = self.need("currency")
        if told != CURRENCY:
            raise self.wrong("currency", f"is {_told(told)}, and callmeter only knows {CURRENCY}")

    def ends_on(self, day: date) -> None:
        """Raise ShapeChanged unless it is about that UTC day alone: all of it or, while it runs, a part."""
        end = self.moment("ending_at")
        if end is None:
            raise self.wrong("ending_at", "is missing")
        if not end_of(day) - _DAY < end <= end_of(day):
            raise self.wrong("ending_at", f"is {_told(self.text('ending_at'))}, which does not end {day}")

    def moment(self, name: str) -> datetime | None:
        """A moment with its zone, or null; also null where the field is not there."""
        text = self.text(name)
        if text is None:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise self.wrong(name, f"is {_told(text)}, not a moment") from None
        if found.tzinfo is None:
            raise self.wrong(name, f"is {_told(text)}, a moment without its zone")
        return found.astimezone(UTC)

    def day(self, name: str) -> date:
        """The UTC day that begins at this moment."""
        found = self.moment(name)
        if found is None:
            raise self.wrong(name, "is missing")
        if found.timetz().replace(tzinfo=None) != datetime.min.time():
            raise self.wrong(name, f"is {_told(self.text(name))}, not the beginning of a day in UTC")
        return found.date()


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def _told(value: Any) -> str:
    """A value in few words; text shortened, for it may be anything."""
    if isinstance(value, str):
        return f'"{clean(value[:40])}"'
    names = {dict: "an object", list: "a list", type(None): "null", bool: "true or false"}
    return names.get(type(value)) or clean(str(value)[:40])


def _facets(group: _Part, *known: str) -> Row:
    """The facets, those that were asked for filled in."""
    return {name: group.grouped(name) if name in known else None for name in FACETS}


def _tokens(usage: _Part) -> Row:
    made, tools = usage.part("cache_creation"), usage.part("server_tool_use")
    return {
        "tokens_input": usage.count("uncached_input_tokens"),
        "tokens_output": usage.count("output_tokens"),
        "tokens_cache_read": usage.count("cache_read_input_tokens"),
        "tokens_cache_write_5m": made.count("ephemeral_5m_input_tokens"),
        "tokens_cache_write_1h": made.count("ephemeral_1h_input_tokens"),
        "web_searches": tools.count("web_search_requests"),
    }


def _costing(group: _Part) -> Row:
    """What a cost is for; types that are new here keep their own names."""
    token_type = group.grouped("token_type")
    return {
        "cost_type": group.grouped("cost_type") or OTHER,
        "kind": None if token_type is None else TOKEN_TYPES.get(token_type, token_type),
    }


_ANALYTICS = ("model", "workspace_id", "api_key_id", "service_tier", "product")


def _analytics_usage(item: _Part) -> Row:
    usage = item.part("usage")
    facets = _facets(item.part("group"), *_ANALYTICS)
    return {**facets, **_tokens(usage), "requests": usage.count_or_null("requests")}


def _analytics_cost(item: _Part) -> Row:
    group, cost = item.part("group"), item.part("cost")
    cost.currency()
    money = {"amount_usd": cost.usd("amount"), "list_usd": cost.usd("list_amount")}
    return {**_facets(group, *_ANALYTICS), **_costing(group), **money}


def _legacy_usage(item: _Part) -> Row:
    facets = _facets(item, "model", "workspace_id", "api_key_id", "service_tier")
    return {**facets, **_tokens(item), "requests": None}


def _legacy_cost(item: _Part) -> Row:
    item.currency()
    facets = _facets(item, "model", "workspace_id", "service_tier")
    return {**facets, **_costing(item), "amount_usd": item.usd("amount"), "list_usd": None}


_ROWS: Mapping[tuple[Generation, Kind], Callable[[_Part], Row]] = {
    ("analytics", "usage"): _analytics_usage,
    ("analytics", "cost"): _analytics_cost,
    ("legacy", "usage"): _legacy_usage,
    ("legacy", "cost"): _legacy_cost,
}
