"""What Anthropic's legacy Usage and Cost Admin API says of an `Organisation`. Pure."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from tests.admin_reports import (
    WIDTHS,
    Asked,
    Query,
    QueryError,
    Source,
    cents,
    chosen,
    cursors,
    floor,
    known,
    number,
    one,
    stamp,
    usage,
    value,
    when,
)
from tests.billed_org import BilledCall, Organisation, Part

LEGACY_WIDTHS = {"1m": (60, 1440), "1h": (24, 168), "1d": (7, 31)}
LEGACY_GROUPS = {
    "usage": (
        "account_id",
        "api_key_id",
        "context_window",
        "inference_geo",
        "model",
        "service_account_id",
        "service_tier",
        "speed",
        "workspace_id",
    ),
    "cost": ("workspace_id", "description"),
}
LEGACY_FILTERS = {
    "api_key_id": "api_key_ids",
    "context_window": "context_window",
    "inference_geo": "inference_geos",
    "model": "models",
    "service_tier": "service_tiers",
    "speed": "speeds",
    "workspace_id": "workspace_ids",
}


def legacy(org: Organisation, kind: str, query: Query, now: datetime, betas: str = "") -> dict[str, Any]:
    """A page of `/v1/organizations/usage_report/messages` or `/v1/organizations/cost_report`."""
    asked = _legacy_asked(kind, query, now)
    if "speed" in {*asked.groups, *asked.filters} and "fast-mode-2026-02-01" not in betas:
        raise QueryError("group_by: speed requires the beta header fast-mode-2026-02-01")
    assert asked.width
    starts = []
    start = asked.since + asked.skip * asked.width
    while start < asked.until and len(starts) < asked.limit:
        starts.append(start)
        start += asked.width
    results = _legacy_usage if kind == "usage" else _legacy_cost
    more = start < asked.until
    return {
        "data": [
            {
                "starting_at": stamp(at),
                "ending_at": stamp(at + asked.width),
                "results": results(org, asked, at),
            }
            for at in starts
        ],
        "has_more": more,
        "next_page": asked.cursor(asked.skip + len(starts)) if more else None,
    }


def _legacy_asked(kind: str, query: Query, now: datetime) -> Asked:
    filters = LEGACY_FILTERS if kind == "usage" else {}
    plain = ("starting_at", "ending_at", "bucket_width", "limit", "page", "group_by[]")
    known(query, [*plain, *(f"{name}[]" for name in filters.values())])
    name = one(query, "bucket_width") or "1d"
    if name not in (LEGACY_WIDTHS if kind == "usage" else ("1d",)):
        raise QueryError("bucket_width: Input should be '1d'")
    groups = tuple(query.get("group_by[]", ()))
    if set(groups) - set(LEGACY_GROUPS[kind]):
        raise QueryError(f"group_by: Input should be one of {', '.join(LEGACY_GROUPS[kind])}")
    since = when(query, "starting_at")
    if since is None:
        raise QueryError("starting_at: Field required")
    until = when(query, "ending_at") or now
    if until <= since:
        raise QueryError("ending_at: must be after starting_at")
    skip, cursor = cursors("legacy/" + kind, query)
    limit = number(query, "limit", *LEGACY_WIDTHS[name])
    width = WIDTHS[name]
    return Asked(floor(since, width), until, width, groups, chosen(query, filters), limit, skip, cursor)


def _workspace(org: Organisation, source: Source) -> str | None:
    return None if source.workspace_id == org.default_workspace else source.workspace_id


def _legacy_usage(org: Organisation, asked: Asked, start: datetime) -> list[dict[str, Any]]:
    found: dict[Any, list[BilledCall]] = defaultdict(list)
    for call in org.calls:
        if asked.holds(call) and floor(call.time, asked.width or WIDTHS["1d"]) == start:
            values = dict(zip(asked.groups, asked.key(call), strict=True))
            if "workspace_id" in values:
                values["workspace_id"] = _workspace(org, call)
            found[tuple(sorted(values.items()))].append(call)
    empty = dict.fromkeys(name for name in LEGACY_GROUPS["usage"] if name != "speed")
    return [{**empty, **dict(key), **usage(calls)} for key, calls in found.items()]


def _legacy_cost(org: Organisation, asked: Asked, start: datetime) -> list[dict[str, Any]]:
    found: dict[Any, list[Part]] = defaultdict(list)
    for part in org.parts():
        priority = part.source.service_tier == "priority"
        if asked.holds(part.source) and floor(part.source.time, WIDTHS["1d"]) == start and not priority:
            found[tuple(sorted(_described(org, asked, part).items()))].append(part)
    return [
        {**dict(key), "amount": cents(part.amount for part in parts), "currency": "USD"}
        for key, parts in found.items()
    ]


def _described(org: Organisation, asked: Asked, part: Part) -> dict[str, str | None]:
    source = part.source
    row: dict[str, str | None] = dict.fromkeys(
        ("context_window", "cost_type", "description", "inference_geo", "model", "service_tier", "token_type")
    )
    if "description" in asked.groups:
        for name in ("context_window", "inference_geo", "model", "service_tier"):
            row[name] = value(source, name)
        row |= {"cost_type": part.cost_type, "token_type": part.token_type}
        row["description"] = _description(part)
    row["workspace_id"] = _workspace(org, source) if "workspace_id" in asked.groups else None
    return row


def _description(part: Part) -> str:
    if part.cost_type == "code_execution":
        return "Code Execution Usage"
    return f"{part.source.model} Usage - {part.token_type or part.cost_type}"
