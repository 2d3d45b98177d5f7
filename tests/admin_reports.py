"""What Anthropic's Usage and Cost Analytics API says of an `Organisation`. Pure.

`analytics(...)` gives the body of a reply, or raises `QueryError` with what the API answers to such a query.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.billed_org import TOKENS, BilledCall, ExtraCost, Organisation, Part

Query = Mapping[str, list[str]]
Source = BilledCall | ExtraCost

WIDTHS = {"1m": timedelta(minutes=1), "1h": timedelta(hours=1), "1d": timedelta(days=1)}
BOOKS_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

FILTERS = {
    "model": "models",
    "workspace_id": "workspace_ids",
    "api_key_id": "api_key_ids",
    "service_tier": "service_tiers",
    "product": "products",
    "speed": "speeds",
    "inference_geo": "inference_geos",
    "context_window": "context_windows",
}
NEVER = [
    "actor",
    "actor_type",
    "agent_id",
    "claude_tag_category",
    "claude_tag_user_id",
    "deployment_id",
    "environment_id",
    "organization_id",
    "rbac_group_id",
    "session_id",
    "slack_channel_id",
    "user_profile_id",
]
"""Dimensions of the newer API by which this organisation has nothing to tell."""
FAN = ("cost_type", "token_type")
ORDERS = {
    "usage": ("total_tokens", "output_tokens", "uncached_input_tokens", "requests", "time"),
    "cost": ("amount", "list_amount", "time"),
}


class QueryError(Exception):
    """A query the API refuses: status, error type and message."""

    def __init__(self, message: str, status: int = 400, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message


@dataclass(frozen=True)
class Asked:
    """A query understood."""

    since: datetime
    until: datetime
    width: timedelta | None
    groups: tuple[str, ...]
    filters: Mapping[str, list[str]]
    limit: int
    skip: int
    cursor: Callable[[int], str]

    def bounds(self, time: datetime) -> tuple[datetime, datetime]:
        """The bucket of a moment; the whole range without buckets."""
        if self.width is None:
            return self.since, self.until
        start = floor(time, self.width)
        return start, start + self.width

    def holds(self, source: Source) -> bool:
        """Whether a call or cost is meant."""
        if not self.since <= source.time < self.until:
            return False
        return all(value(source, name) in chosen for name, chosen in self.filters.items())

    def key(self, source: Source) -> tuple[str | None, ...]:
        """Its values of the dimensions asked for."""
        return tuple(value(source, name) for name in self.groups)


def value(source: Source, name: str) -> str | None:
    value: str | None = getattr(source, name, None)
    return value


def floor(time: datetime, width: timedelta) -> datetime:
    """The start of the bucket of a moment."""
    return time - (time - datetime(1970, 1, 1, tzinfo=UTC)) % width


def stamp(time: datetime) -> str:
    """As the API writes moments."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def one(query: Query, name: str) -> str | None:
    """The value of a parameter that may be given once."""
    values = query.get(name, [])
    if len(values) > 1:
        raise QueryError(f"{name}: given more than once")
    return values[0] if values else None


def when(query: Query, name: str) -> datetime | None:
    """A moment with its zone."""
    text = one(query, name)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise QueryError(f"{name}: Input should be a valid datetime") from None
    if time.tzinfo is None:
        raise QueryError(f"{name}: Input should have timezone info")
    return time.astimezone(UTC)


def number(query: Query, name: str, usual: int, most: int) -> int:
    """A count from 1 to `most`."""
    text = one(query, name) or str(usual)
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise QueryError(f"{name}: Input should be from 1 to {most}")
    return int(text)


def cursors(path: str, query: Query) -> tuple[int, Callable[[int], str]]:
    """Where this page begins, and the cursor of another beginning; bound to all other parameters."""
    rest = {name: values for name, values in query.items() if name != "page"}
    mark = hashlib.sha256(json.dumps([path, rest], sort_keys=True).encode()).hexdigest()[:16]

    def cursor(skip: int) -> str:
        return "page_" + base64.urlsafe_b64encode(f"{skip}:{mark}".encode()).decode()

    text = one(query, "page")
    if text is None:
        return 0, cursor
    try:
        skip, bound = base64.urlsafe_b64decode(text.removeprefix("page_")).decode().split(":")
        known = bound == mark
    except ValueError:
        known = False
    if not known:
        raise QueryError("page: cursor does not match the other parameters of this request")
    return int(skip), cursor


def chosen(query: Query, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Dimension -> values that are let through."""
    return {dimension: query[f"{name}[]"] for dimension, name in names.items() if f"{name}[]" in query}


def known(query: Query, names: Iterable[str]) -> None:
    """Refuse parameters that do not exist."""
    for name in query.keys() - set(names) - {"beta"}:
        raise QueryError(f"{name}: Extra inputs are not permitted")


def analytics(org: Organisation, kind: str, query: Query, now: datetime) -> dict[str, Any]:
    """A page of `/v1/organizations/analytics/usage` or `/cost`."""
    asked, by, descending = _analytics_asked(kind, query, now)
    rows = _usage_rows(org, asked) if kind == "usage" else _cost_rows(org, asked)
    told = "usage" if kind == "usage" else "cost"
    rows.sort(key=lambda found: _rank(found[0][told], by), reverse=descending)
    if by == "time" and asked.width:
        rows.sort(key=lambda found: _rank(found[0][told], ORDERS[kind][0]), reverse=True)
        rows.sort(key=lambda found: found[0]["starting_at"], reverse=descending)
    end = asked.skip + asked.limit
    more = len(rows) > end
    return {
        "data": [row for fanned in rows[asked.skip : end] for row in fanned],
        "has_more": more,
        "next_page": asked.cursor(end) if more else None,
        "data_refreshed_at": stamp(floor(now, WIDTHS["1h"])),
    }


def _rank(measures: Mapping[str, Any], by: str) -> Decimal:
    first = "total_tokens" if "total_tokens" in measures else "amount"
    return Decimal(measures[first if by == "time" else by] or 0)


def _analytics_asked(kind: str, query: Query, now: datetime) -> tuple[Asked, str, bool]:
    plain = [
        "starting_at",
        "ending_at",
        "time_bucket_width",
        "limit",
        "page",
        "order",
        "order_by",
        "exclude_deleted_users",
    ]
    lists = [f"{name}[]" for name in ("group_by", *FILTERS.values())]
    known(query, [*plain, *lists])
    by = one(query, "order_by") or ORDERS[kind][0]
    order = one(query, "order") or "desc"
    if by not in ORDERS[kind] or order not in ("asc", "desc"):
        raise QueryError("order_by: Input should be one of " + ", ".join(ORDERS[kind]))
    since, until, width = _range(query, now)
    skip, cursor = cursors("analytics/" + kind, query)
    limit = number(query, "limit", 20, 1000)
    asked = Asked(since, until, width, _groups(kind, query), chosen(query, FILTERS), limit, skip, cursor)
    return asked, by, order == "desc"


def _range(query: Query, now: datetime) -> tuple[datetime, datetime, timedelta | None]:
    since, until = when(query, "starting_at"), when(query, "ending_at")
    name = one(query, "time_bucket_width")
    if since is None:
        raise QueryError("starting_at: Field required")
    if name is not None and name not in WIDTHS:
        raise QueryError("time_bucket_width: Input should be '1m', '1h' or '1d'")
    if name and until is None:
        raise QueryError("ending_at: required when time_bucket_width is set")
    width = WIDTHS[name] if name else None
    until = until or min(now, since + timedelta(days=31))
    if until <= since or until - since > (timedelta(days=1) if name == "1m" else timedelta(days=31)):
        raise QueryError(
            "ending_at: the range may span at most " + ("24 hours" if name == "1m" else "31 days")
        )
    if since < BOOKS_BEGIN or since < now - timedelta(days=365):
        raise QueryError(
            "starting_at: must be within the last 365 days and no earlier than 2026-01-01T00:00:00Z"
        )
    step = width or WIDTHS["1h"]
    return floor(since, step), until if width else floor(until, step), width


def _groups(kind: str, query: Query) -> tuple[str, ...]:
    groups = tuple(query.get("group_by[]", ()))
    allowed = {*FILTERS, *NEVER, *(FAN if kind == "cost" else ())}
    if set(groups) - allowed:
        raise QueryError(f"group_by: Input should be one of {', '.join(sorted(allowed))}")
    if len(set(groups) - set(FAN)) > 5:
        raise QueryError("group_by: at most 5 dimensions")
    return groups


def _grouped(asked: Asked, sources: Iterable[Any], of: Callable[[Any], Source]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = defaultdict(list)
    plain = [name for name in asked.groups if name not in FAN]
    for item in sources:
        source = of(item)
        if asked.holds(source):
            key = tuple(value(source, name) for name in plain)
            found[(asked.bounds(source.time), key)].append(item)
    return found


def _head(asked: Asked, bounds: tuple[datetime, datetime], key: Sequence[str | None]) -> dict[str, Any]:
    plain = [name for name in asked.groups if name not in FAN]
    group = dict.fromkeys([*NEVER, *FILTERS]) | dict(zip(plain, key, strict=True))
    return {"starting_at": stamp(bounds[0]), "ending_at": stamp(bounds[1]), "group": group}


def _usage_rows(org: Organisation, asked: Asked) -> list[list[dict[str, Any]]]:
    found = _grouped(asked, org.calls, lambda call: call)
    return [
        [{**_head(asked, bounds, key), "usage": _analytics_usage(calls)}]
        for (bounds, key), calls in found.items()
    ]


def _analytics_usage(calls: Sequence[BilledCall]) -> dict[str, Any]:
    counts = usage(calls)
    total = sum(getattr(call, name) for call in calls for name in TOKENS.values())
    return {**counts, "requests": len(calls), "total_tokens": total}


def usage(calls: Sequence[BilledCall]) -> dict[str, Any]:
    """Tokens as both generations write them."""
    sums = {name: sum(getattr(call, field) for call in calls) for name, field in TOKENS.items()}
    kept = {name: count for name, count in sums.items() if "." not in name}
    made = {name.partition(".")[2]: count for name, count in sums.items() if "." in name}
    searches = sum(call.web_searches for call in calls)
    return {**kept, "cache_creation": made, "server_tool_use": {"web_search_requests": searches}}


def _cost_rows(org: Organisation, asked: Asked) -> list[list[dict[str, Any]]]:
    found = _grouped(asked, org.parts(), lambda part: part.source)
    rows = []
    for (bounds, key), parts in found.items():
        head = _head(asked, bounds, key)
        fans: dict[tuple[str | None, ...], list[Part]] = defaultdict(list)
        for part in parts:
            fans[_fan(asked, part)].append(part)
        rows.append([_cost_row(asked, head, fan, of) for fan, of in fans.items()])
    return rows


def _fan(asked: Asked, part: Part) -> tuple[str | None, ...]:
    fanned = set(FAN) & set(asked.groups)
    return (
        part.cost_type if fanned else None,
        part.token_type if "token_type" in fanned else None,
    )


def _cost_row(
    asked: Asked, head: dict[str, Any], fan: tuple[str | None, ...], parts: Sequence[Part]
) -> dict[str, Any]:
    group = {**head["group"], **dict(zip(FAN, fan, strict=True))}
    requests = None if fan[0] else len({id(part.source) for part in parts})
    cost = {
        "amount": cents(part.amount for part in parts),
        "list_amount": cents(part.list_amount for part in parts),
        "currency": "USD",
        "requests": requests,
    }
    return {**head, "group": group, "cost": cost}


def cents(amounts: Iterable[Decimal]) -> str:
    """A sum as the API writes money."""
    return f"{sum(amounts, Decimal()):.10f}"
