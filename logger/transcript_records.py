"""A reply of a transcript -> its line."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from .call_ids import derived_id
from .call_line import NO_MODEL, cost_of
from .clock import LocalClock
from .pricing import PriceTable
from .record import CallRecord
from .transcript_rows import Reply
from .usage import TokenUsage, cache_writes, count, total, usage_of

BROKEN_OFF = "stream_interrupted"
"""`error_type` of a reply that broke off."""


def record_of(reply: Reply, project: str | None, prices: PriceTable, clock: LocalClock) -> CallRecord:
    """The line of a call. What the transcript does not tell stays null.

    The line begins when the request was sent; where that is not told, at the row before the reply or else
    at its first block, and then `start_time` and the duration are null. The duration ends with the last
    block. project: instead of the name of the folder the session ran in.
    """
    kind, parts = reply.kind, _parts(reply)
    usage = parts[0][1] if len(parts) == 1 else total(used for _, used in parts)
    begun = begin_of(reply)
    seconds = _seconds(reply)
    rate = usage.tokens_output / seconds if seconds and usage.tokens_output is not None else None
    return CallRecord(
        timestamp=clock.spell(begun)[0],
        model=kind.asked or NO_MODEL,
        **_counted(usage),
        start_time=None if reply.began is None else round(reply.began, 6),
        end_time=None if seconds is None else round(reply.until, 6),
        duration_seconds=seconds,
        tokens_per_second=None if rate is None else round(rate, 6),
        success=not kind.broken,
        error_message="the reply broke off" if kind.broken else None,
        error_type=BROKEN_OFF if kind.broken else None,
        estimated_cost_usd=_cost(reply, parts, begun, prices),
        call_id=derived_id(*reply.call_id),
        source="transcript",
        project=project or project_of(reply.origin.cwd),
        session_id=reply.origin.session,
        agent=reply.origin.agent,
        message_id=reply.key if reply.identified else None,
        request_id=reply.request_id,
        model_served=kind.served if kind.served and kind.served != kind.asked else None,
        stop_reason=kind.stop_reason,
        tokens_final=None if kind.final else False,
    )


@lru_cache(maxsize=1024)
def project_of(cwd: str | None) -> str | None:
    """The name of the folder a session ran in."""
    if not cwd:
        return None
    path = PureWindowsPath(cwd) if "\\" in cwd else PurePosixPath(cwd)
    return path.name or None


def begin_of(reply: Reply) -> float:
    """When a call began, as near as the transcript tells."""
    return next(at for at in (reply.began, reply.before, reply.at) if at is not None)


def _seconds(reply: Reply) -> float | None:
    if reply.began is None or not reply.kind.final or reply.until < reply.began:
        return None
    return round(reply.until - reply.began, 6)


def _counted(usage: TokenUsage) -> dict[str, Any]:
    return {**usage.fields, "tokens_total": usage.tokens_total}


def _parts(reply: Reply) -> list[tuple[str | None, TokenUsage]]:
    """What a call was billed in: (model or None for that of the call, usage), mostly one.

    When a refused request was answered by another model, the usage of the row is that of the last try
    alone, and each was billed at its own model. A compaction on the way is in no usage and is added.
    """
    listed = [one for one in _listed(reply) if _said(one, "type") in ("message", "fallback_message")]
    used = _usage(reply)
    others = [one for one in _listed(reply) if _said(one, "type") == "compaction"]
    if len(listed) > 1 and any(_said(one, "type") == "fallback_message" for one in listed):
        parts = [(_said(one, "model"), usage_of(one).over(_modes(used))) for one in listed]
    else:
        parts = [(None, used)]
    return parts + [(_said(one, "model"), usage_of(one).over(_modes(used))) for one in others]


def _modes(usage: TokenUsage) -> TokenUsage:
    return TokenUsage(service_tier=usage.service_tier, speed=usage.speed, inference_geo=usage.inference_geo)


def _listed(reply: Reply) -> list[Any]:
    return list(reply.iterations) if isinstance(reply.iterations, (list, tuple)) else []


def _said(thing: Any, name: str) -> str | None:
    value = thing.get(name) if isinstance(thing, Mapping) else None
    return value if isinstance(value, str) and value else None


def _usage(reply: Reply) -> TokenUsage:
    plain, output, read, writes, short, long, thinking, searches = map(count, reply.counts)
    five, hour = cache_writes(writes, short, long)
    kind = reply.kind
    return TokenUsage(
        plain,
        output,
        read,
        five,
        hour,
        thinking,
        searches,
        _text(kind.tier),
        _text(kind.speed),
        _text(kind.geo),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _cost(
    reply: Reply, parts: list[tuple[str | None, TokenUsage]], at: float, prices: PriceTable
) -> float | None:
    """USD of all parts, each at its model; None when a price is not known."""
    costs = [_cost_of_part(reply, model, usage, at, prices) for model, usage in parts]
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 10) if len(known) == len(costs) else None


def _cost_of_part(
    reply: Reply, model: str | None, usage: TokenUsage, at: float, prices: PriceTable
) -> float | None:
    asked = cost_of(model or reply.kind.asked, usage, at, prices)
    if asked is None and model is None and reply.kind.served:
        return cost_of(reply.kind.served, usage, at, prices)
    return asked
