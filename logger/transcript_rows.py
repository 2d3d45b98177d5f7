"""Rows of Claude Code's transcripts -> replies: what one call used, and who made it when.

Facts about these files, proved on those of three versions: each content block of a reply is a row of its
own with the whole usage; forks and resumes copy rows with their message ids; old versions only keep a
placeholder of the output and no stop reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .pricing import SYNTHETIC


@dataclass(frozen=True, slots=True)
class Parts:
    """Counts the API keeps one level below a usage."""

    ephemeral_5m_input_tokens: Any = None
    ephemeral_1h_input_tokens: Any = None
    thinking_tokens: Any = None
    web_search_requests: Any = None


@dataclass(frozen=True, slots=True)
class Usage:
    """A usage as the API names it."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: Parts | None = None
    output_tokens_details: Parts | None = None
    server_tool_use: Parts | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: Any = None


@dataclass(frozen=True, slots=True)
class Message:
    """The message of a row, without its content."""

    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What counting needs of a row. A faster decoder may give any object with these attributes."""

    type: str | None = None
    timestamp: str | None = None
    session: str | None = None
    from_session: str | None = None
    request_id: str | None = None
    request_ref: str | None = None
    requested_model: str | None = None
    version: str | None = None
    cwd: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    agent_type: str | None = None
    sidechain: bool | None = None
    aborted: bool | None = None
    message: Message | None = None


ROW_NAMES = {
    "session": "sessionId",
    "from_session": "requestSessionId",
    "request_id": "requestId",
    "request_ref": "requestRef",
    "requested_model": "requestedModel",
    "agent_id": "agentId",
    "agent_name": "agentName",
    "agent_type": "attributionAgent",
    "sidechain": "isSidechain",
    "aborted": "isAbortedMidStream",
}
"""How the rows spell those attributes of `Row` that are named otherwise."""

Decode = Callable[[bytes | bytearray], Any]
"""A row's bytes -> its `Row`, or an object like it. Raises ValueError with the reason."""


def plain_row(line: bytes | bytearray) -> Row:
    """The row of a line by the standard library. Values of a wrong type count as absent.

    Raises ValueError for what is no JSON object, or a reply without a usable message.
    """
    try:
        value = json.loads(line.decode("utf-8-sig", "replace"))
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError:
        raise ValueError("is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")
    told = {name: value.get(ROW_NAMES.get(name, name)) for name in _TEXTS}
    texts: dict[str, Any] = {name: one if isinstance(one, str) else None for name, one in told.items()}
    marks: dict[str, Any] = {name: value.get(ROW_NAMES[name]) is True for name in ("sidechain", "aborted")}
    message = _message(value.get("message")) if value.get("type") == "assistant" else None
    return Row(**texts, **marks, message=message)


_TEXTS = tuple(name for name in Row.__slots__ if name not in ("sidechain", "aborted", "message"))


def _message(value: Any) -> Message:
    if not isinstance(value, dict):
        raise ValueError("has no message")
    texts = {name: value.get(name) for name in ("id", "model", "stop_reason")}
    usage = value.get("usage")
    if not isinstance(usage, dict):
        raise ValueError("has no usage")
    known: dict[str, Any] = {name: usage.get(name) for name in Usage.__slots__}
    known.update({name: _parts(known[name]) for name in _NESTED})
    return Message(
        **{name: one if isinstance(one, str) else None for name, one in texts.items()}, usage=Usage(**known)
    )


_NESTED = ("cache_creation", "output_tokens_details", "server_tool_use")


def _parts(value: Any) -> Parts | None:
    return Parts(*map(value.get, Parts.__slots__)) if isinstance(value, dict) else None


class Origin(NamedTuple):
    """Who made a call."""

    session: str | None
    cwd: str | None
    agent: str | None
    sidechain: bool
    copied: bool
    """Whether the row is a copy of another session's."""


class Kind(NamedTuple):
    """What calls have in common: kept once for many."""

    asked: str
    served: str
    stop_reason: str | None
    tier: str | None
    speed: str | None
    geo: str | None
    final: bool
    """Whether the output count is the last one: else it is a placeholder, too small."""
    broken: bool
    """Whether the reply broke off."""


Counts = tuple[Any, Any, Any, Any, Any, Any, Any, Any]
"""Input, output, cache read, cache writes, of these for 5 minutes, for 1 hour; thinking, web searches."""


@dataclass(slots=True)
class Reply:
    """One API call as the rows of its reply tell it. Times are Unix seconds."""

    key: str
    """The message id; without one, text that no other call has."""
    identified: bool
    request_id: str | None
    origin: Origin
    kind: Kind
    counts: Counts
    iterations: Any
    """The parts a call was billed in, as the API lists them; mostly None."""
    at: float
    """When its first block was there."""
    until: float
    """When its last block was there."""
    began: float | None = None
    """When the request was sent, if the transcript tells."""
    before: float | None = None
    """When the row before it was written: the request was sent soon after."""

    def __reduce__(self) -> tuple[type[Reply], tuple[Any, ...]]:
        # from one process to another in a third of the time
        return Reply, tuple(getattr(self, name) for name in Reply.__slots__)

    @property
    def output(self) -> int:
        """Output tokens, 0 where not known."""
        value = self.counts[1]
        return value if isinstance(value, int) else 0

    @property
    def call_id(self) -> tuple[str, str]:
        """Kind and identity of its derived id."""
        return ("msg" if self.identified else "row"), self.key


def moment(text: Any) -> float:
    """Unix seconds of an ISO-8601 time with offset, of the years a line may have. Raises ValueError."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise ValueError("has no time") from None
    if found.tzinfo is None:
        raise ValueError("has a time without an offset")
    if not _EARLIEST <= found < _LATEST:
        raise ValueError("has a time outside the years 1970 to 2199")
    return found.timestamp()


# A day less at both ends: the line is dated in local time.
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST = datetime(2199, 12, 31, tzinfo=UTC)


def reply_of(row: Any, at: float, shared: dict[Any, Any]) -> Reply | None:
    """The reply of an assistant's row; None for a message Claude Code made itself.

    shared: where parts that are equal in many replies are kept once, by what the rows say.
    """
    message, usage = row.message, row.message.usage
    if message.model == SYNTHETIC:
        return None
    counts = _counts(usage)
    return Reply(
        message.id or f"{row.request_id} {row.timestamp} {counts}",
        bool(message.id),
        row.request_id,
        _origin(row, shared),
        _kind(row, message, usage, shared),
        counts,
        usage.iterations or None,
        at,
        at,
    )


def _origin(row: Any, shared: dict[Any, Any]) -> Origin:
    agent = row.agent_name or row.agent_type or row.agent_id
    told = (row.session, row.from_session, row.cwd, agent, row.sidechain)
    found: Origin | None = shared.get(told)
    if found is None:
        copied = bool(row.from_session) and row.from_session != row.session
        session = row.from_session if copied else row.session
        found = shared[told] = Origin(session, row.cwd, agent, bool(row.sidechain), copied)
    return found


def _kind(row: Any, message: Any, usage: Any, shared: dict[Any, Any]) -> Kind:
    modes = (usage.service_tier, usage.speed, usage.inference_geo)
    told = (row.requested_model, message.model, message.stop_reason, modes, row.aborted, _early_subagent(row))
    try:
        found: Kind | None = shared.get(told)
    except TypeError:  # a mode of a type that is none
        found, modes = None, (None, None, None)
        told = (*told[:3], modes, *told[4:])
    if found is None:
        served = message.model or ""
        final = (message.stop_reason is not None or _early_subagent(row)) and not row.aborted
        asked = row.requested_model or served
        found = Kind(asked, served, message.stop_reason, *modes, final, bool(row.aborted))
        shared[told] = found
    return found


def _early_subagent(row: Any) -> bool:
    """Version 1 kept no stop reasons, and final counts of subagents only."""
    return bool(row.sidechain) and (row.version or "").startswith("1.")


def _counts(usage: Any) -> Counts:
    writes, tools, details = usage.cache_creation, usage.server_tool_use, usage.output_tokens_details
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        writes and writes.ephemeral_5m_input_tokens,
        writes and writes.ephemeral_1h_input_tokens,
        details and details.thinking_tokens,
        tools and tools.web_search_requests,
    )


def repeats(reply: Reply, row: Any) -> bool:
    """Whether a further row of the reply says nothing new but its time."""
    message = row.message
    return (
        message.id == reply.key
        and message.usage.output_tokens == reply.counts[1]
        and message.stop_reason == reply.kind.stop_reason
        and not row.aborted
    )


def joined(one: Reply, other: Reply) -> Reply:
    """What two rows, or two files, tell of a call; `other` is the later one.

    The larger output counts, with all that stands beside it; who made the call, and when, is told by the
    earliest row, one that is no side chain and no copy before others.
    """
    used = max(other, one, key=lambda reply: (reply.output, reply.kind.broken))
    owner = min(one, other, key=lambda reply: (reply.origin.sidechain, reply.origin.copied, reply.at))
    return replace(
        used,
        request_id=owner.request_id or used.request_id,
        origin=owner.origin,
        at=min(one.at, other.at),
        until=max(one.until, other.until),
        began=one.began if one.began is not None else other.began,
        before=owner.before,
    )


def cut(reply: Reply) -> Reply:
    """The reply, of which the transcript says further on that it broke off."""
    return replace(reply, kind=reply.kind._replace(final=False, broken=True))
