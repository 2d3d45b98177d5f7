"""What the events of a Claude CLI process say, collected as they come; nothing is concluded here.

Traps (each seen in real output of 1.0.128, 2.0.76 or 2.1.330)
    A message comes in one `assistant` line per content block, all with one id and one usage, whose output
    count is a placeholder; only `stream_event` lines correct it. Old versions that fell back to a plain
    request print such a message once, with a `stop_reason` and final counts, and forget it in the result.
    `model_usage_since_last_result` adds up over results. `modelUsage` is cumulative: over the turns of a
    process, and in 2.1 over the earlier processes of the session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .pricing import SYNTHETIC
from .usage import MessageStream, TokenUsage, cache_writes, count, usage_of

CUT_REMARK = "cut off mid-stream"
"""Part of the line the CLI gives the model after a reply broke off in the middle."""


@dataclass(slots=True)
class Message:
    """A reply by its id: the largest counts any line gave, and whether its output count is final."""

    model: str
    usage: TokenUsage
    main: bool
    turn: int
    """How many results there were before it."""
    final: bool = False
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """One model's part of a result: counts, what the CLI says they cost, and how sure it was of that."""

    usage: TokenUsage
    cost_usd: float | None
    cost_basis: str | None
    split: bool
    """Whether the cache writes are told apart by their lifetime."""

    def __add__(self, other: Share) -> Share:
        return Share(
            self.usage + other.usage,
            None if self.cost_usd is None or other.cost_usd is None else self.cost_usd + other.cost_usd,
            self.cost_basis if self.cost_basis == other.cost_basis else "unknown",
            self.split and other.split,
        )

    def minus(self, other: Share) -> Share:
        """What came on top of an earlier share of the same session."""
        known = self.cost_usd is not None and other.cost_usd is not None
        cost = max(0.0, (self.cost_usd or 0) - (other.cost_usd or 0)) if known else None
        return Share(self.usage.minus(other.usage), cost, self.cost_basis, self.split and other.split)


Shares = dict[str, Share]
"""Shares by model."""


@dataclass(slots=True)
class Facts:
    """Feed it events, then read it."""

    model: str | None = None
    version: str | None = None
    session_id: str | None = None
    messages: dict[str, Message] = field(default_factory=dict)
    since: Shares = field(default_factory=dict)
    """Sum of what each result says came since the one before."""
    totals: dict[str, Shares] = field(default_factory=dict)
    """By session: the cumulative shares of its last result."""
    undivided: set[str] = field(default_factory=set)
    """Sessions whose results do not say what came since the one before."""
    main: dict[str, TokenUsage] = field(default_factory=dict)
    """By session: what the main thread used, by its results."""
    result: Mapping[str, Any] | None = None
    results: int = 0
    result_ids: list[str] = field(default_factory=list)
    cut: bool = False
    """A reply broke off: the CLI's counts hold an estimate of it."""
    transcript: bool = False
    """It is no output: Claude Code's own files spell `sessionId`, and are counted by other rules."""
    raw: bool = False
    """There were events of the API itself."""
    suggested: bool = False
    """A prompt suggestion came after the last result: a call that is in no result."""
    retries: int = 0
    first_time: float | None = None
    last_time: float | None = None
    duration_ms: float = 0
    ttft_ms: float | None = None
    _text: list[str] = field(default_factory=list)
    _text_of: str = ""
    _streams: dict[str, MessageStream] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The answer: what the result says, else the text of the last message of the main thread."""
        said = self.result.get("result") if self.result else None
        return said if isinstance(said, str) else "".join(self._text)

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take in the next event; unknown ones only tell the time."""
        self._tell_time(event.get("timestamp"))
        if isinstance(event.get("session_id"), str):
            self.session_id = event["session_id"]
        elif "sessionId" in event:
            self.transcript = True
        take = _TAKERS.get(event["type"])
        if take is not None:
            take(self, event)

    def _tell_time(self, text: Any) -> None:
        moment = moment_of(text)
        if moment is not None:
            self.first_time = moment if self.first_time is None else min(self.first_time, moment)
            self.last_time = moment if self.last_time is None else max(self.last_time, moment)

    def _take_system(self, event: Mapping[str, Any]) -> None:
        kind = event.get("subtype")
        if kind == "init":
            self.model = self.model or _text_or_none(event.get("model"))
            self.version = self.version or _text_or_none(event.get("claude_code_version"))
        elif kind == "api_retry":
            self._take_retry(event)

    def _take_retry(self, retry: Any) -> None:
        self.retries += 1
        # A try that got an HTTP error used nothing. One that broke off without a status did.
        if isinstance(retry, Mapping) and retry.get("error_status") is None:
            self.cut = True

    def _take_progress(self, event: Mapping[str, Any]) -> None:
        if event.get("subagent_retry"):
            self._take_retry(event["subagent_retry"])

    def _take_suggestion(self, _: Mapping[str, Any]) -> None:
        self.suggested = True

    def _take_user(self, event: Mapping[str, Any]) -> None:
        if event.get("isSynthetic") and CUT_REMARK in str(_inner(event).get("content"))[:1000]:
            self.cut = True

    def _take_assistant(self, event: Mapping[str, Any]) -> None:
        message = _inner(event)
        name, model = message.get("id"), message.get("model")
        if not isinstance(name, str) or not isinstance(model, str) or model == SYNTHETIC:
            return
        known = self._message(name, model, not event.get("parent_tool_use_id"))
        known.usage = known.usage.widened(usage_of(message.get("usage") or {}))
        if message.get("stop_reason") is not None:
            known.fallback = not known.final
            known.final = True
        if known.main:
            self._hear(name, message.get("content"))

    def _message(self, name: str, model: str, main: bool) -> Message:
        return self.messages.setdefault(name, Message(model, TokenUsage(), main, self.results))

    def _hear(self, name: str, content: Any) -> None:
        if name != self._text_of:
            self._text_of, self._text = name, []
        blocks = content if isinstance(content, list) else []
        self._text += [
            str(b.get("text", "")) for b in blocks if isinstance(b, dict) and b.get("type") == "text"
        ]

    def _take_stream_event(self, event: Mapping[str, Any]) -> None:
        inner = event.get("event")
        if not isinstance(inner, Mapping):
            return
        thread = str(event.get("parent_tool_use_id") or "")
        if inner.get("type") == "message_start":
            self._streams[thread] = MessageStream()
        stream = self._streams.get(thread)
        if stream is not None and inner.get("type") in ("message_start", "message_delta"):
            stream.feed(inner)
            self._overlay(stream, main=not thread)

    def _overlay(self, stream: MessageStream, *, main: bool) -> None:
        if isinstance(stream.message_id, str) and isinstance(stream.model, str):
            known = self._message(stream.message_id, stream.model, main)
            known.usage = known.usage.widened(stream.usage)
            known.final = known.final or stream.final

    def _take_raw(self, event: Mapping[str, Any]) -> None:
        """An event of the API itself: some programs save the stream without the CLI around it."""
        self.raw = True
        self._take_stream_event({"event": event})
        delta = event.get("delta")
        if isinstance(delta, Mapping) and delta.get("type") == "text_delta":
            self._text.append(str(delta.get("text", "")))

    def _take_result(self, event: Mapping[str, Any]) -> None:
        session = self.session_id or ""
        self.result = event
        self.results += 1
        self.suggested = False
        if isinstance(event.get("uuid"), str):
            self.result_ids.append(event["uuid"])
        self.duration_ms += _number(event.get("duration_ms")) or 0
        self.ttft_ms = self.ttft_ms if self.ttft_ms is not None else _number(event.get("ttft_ms"))
        self.cut = self.cut or str(event.get("terminal_reason")).startswith("aborted")
        self.totals[session] = shares_of(event.get("modelUsage"))
        self.main[session] = self.main.get(session, TokenUsage()) + usage_of(event.get("usage") or {})
        if "model_usage_since_last_result" not in event:
            self.undivided.add(session)
            return
        for model, share in shares_of(event["model_usage_since_last_result"]).items():
            self.since[model] = self.since[model] + share if model in self.since else share


_TAKERS = {
    "system": Facts._take_system,
    "user": Facts._take_user,
    "assistant": Facts._take_assistant,
    "stream_event": Facts._take_stream_event,
    "tool_progress": Facts._take_progress,
    "prompt_suggestion": Facts._take_suggestion,
    "message_start": Facts._take_raw,
    "message_delta": Facts._take_raw,
    "content_block_delta": Facts._take_raw,
    "result": Facts._take_result,
}


def _inner(event: Mapping[str, Any]) -> Mapping[str, Any]:
    message = event.get("message")
    return message if isinstance(message, Mapping) else {}


def shares_of(model_usage: Any) -> Shares:
    """The CLI's `modelUsage` by model; what is no such thing is left out."""
    items = model_usage.items() if isinstance(model_usage, Mapping) else ()
    return {
        model: _share(entry) for model, entry in items if isinstance(entry, Mapping) and model != SYNTHETIC
    }


def _share(entry: Mapping[str, Any]) -> Share:
    whole = count(entry.get("cacheCreationInputTokens"))
    parts = (
        count(entry.get("cacheCreationEphemeral5mInputTokens")),
        count(entry.get("cacheCreationEphemeral1hInputTokens")),
    )
    short, long = cache_writes(whole, *parts)
    usage = TokenUsage(
        tokens_input=count(entry.get("inputTokens")),
        tokens_output=count(entry.get("outputTokens")),
        tokens_cache_read=count(entry.get("cacheReadInputTokens")),
        tokens_cache_write_5m=short,
        tokens_cache_write_1h=long,
        tokens_thinking=count(entry.get("thinkingTokens")),
        web_searches=count(entry.get("webSearchRequests")),
    )
    split = not whole or any(part is not None for part in parts)
    return Share(usage, _number(entry.get("costUSD")), _text_or_none(entry.get("costBasis")), split)


def moment_of(text: Any) -> float | None:
    """ISO-8601 with an offset -> Unix seconds; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def _number(value: Any) -> float | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")
    return float(value) if good else None


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
