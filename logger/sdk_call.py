"""One call of a watched client, over all its attempts: what is known of it, and its line in the end."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .call_line import cost_of
from .record import as_text
from .sdk_log import SdkLog
from .sdk_request import prompt_texts, reply_text
from .sdk_stream import StreamReader, error_of
from .usage import NOTHING_KNOWN, details_of, total, usage_of

MOST_BODY = 16 * 1024 * 1024
"""Bytes of a reply that is not streamed; of a longer one only the beginning is looked at."""

_HEAD = re.compile(rb'"(id|model)"\s*:\s*"([^"\\]{1,200})"')
_TEXTS = {
    "CancelledError": "the task was cancelled",
    "KeyboardInterrupt": "interrupted from the keyboard",
    "GeneratorExit": "given up",
}

_fork = [0]
"""How often this process is the child of a fork: what the parent began is the parent's."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _fork.__setitem__(0, _fork[0] + 1))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed."""

    error_type: str | None
    message: str
    http_status: int | None = None
    request_id: str | None = None


class SdkCall:
    """Begins with the first attempt and is written once, by one of `replied`, `cut`, `streamed`, `failed`,
    `give_up`. `cut` and `failed` never raise.
    """

    def __init__(self, log: SdkLog, body: Any) -> None:
        self.attempts = 0
        self._log = log
        self._due = 0.0
        self._failure = Failure(None, "no answer")
        self._failed_after: float | None = None
        self._fork = _fork[0]
        self._open = [True]
        self._request_id: str | None = None
        model = body.get("model") if isinstance(body, Mapping) else None
        pieces = prompt_texts(body)
        content = "\n\n".join(pieces) if log._content and pieces is not None else None
        self.metrics = log.start_call(None, None, model or "", None, content, source="sdk")
        self.metrics.prompt_length = None if pieces is None else sum(map(len, pieces))

    def first_token(self) -> None:
        """The first piece of the reply has come."""
        self.metrics.time_to_first_token = self._log.passed(self.metrics)

    def answered(self, request_id: str | None) -> None:
        """The API has begun to answer."""
        self._request_id = request_id

    def replied(self, body: bytes) -> None:
        """The whole reply is there."""
        try:
            message = json.loads(body)
        except ValueError:
            message = None
        if isinstance(message, dict) and isinstance(message.get("usage"), dict):
            further = fallback_cost(message, self.metrics, self._log)
            self._write(reply_text(message), usage=usage_of(message), **details_of(message), **further)
        else:
            self._write(None, tokens_final=False)

    def cut(self, head: bytes, failure: Failure | None) -> None:
        """Only the beginning of a reply was read: the counts, which come last, are not known."""
        found = dict(reversed(_HEAD.findall(head[:4096])))
        told = {"message_id": found.get(b"id"), "model_served": found.get(b"model")}
        names = {name: value.decode("utf-8", "replace") for name, value in told.items() if value}
        self._write(None, failure, tokens_final=False, **names)

    def streamed(self, reader: StreamReader, failure: Failure | None) -> None:
        """A stream is over, whether whole or not."""
        stream = reader.message
        if not stream.final and not stream.message_id:
            self._write(reader.text or None, failure, tokens_final=False)
            return
        told = {"id": stream.message_id, "model": stream.model, "stop_reason": stream.stop_reason}
        message = {**told, "usage": stream._raw}
        further: dict[str, Any] = {} if reader.final else {"tokens_final": False}
        further.update(fallback_cost(message, self.metrics, self._log))
        self._write(reader.text, failure, usage=stream.usage, **details_of(message), **further)

    def failed(self, failure: Failure) -> None:
        """The last attempt failed without a reply."""
        self._write(None, failure)

    def wait(self, failure: Failure, pause: float) -> None:
        """An attempt failed; the SDK will make another one within so many seconds."""
        self._failure = failure
        self._failed_after = self._log.passed(self.metrics)
        self._due = self._log._monotonic() + pause

    @property
    def overdue(self) -> bool:
        """Whether the next attempt will not come any more."""
        return self._log._monotonic() > self._due

    def give_up(self) -> None:
        """The next attempt does not come: the call ended when the last one failed."""
        passed = self._log.passed(self.metrics)
        if passed is not None and self._failed_after is not None:
            self.metrics._began += passed - self._failed_after
        self.failed(self._failure)

    def note(self, problem: Exception) -> None:
        """Say that something went wrong here."""
        with suppress(Exception):
            self._log.problems.note("sdk", f"callmeter: a call is not written whole: {problem!r}")

    def _write(self, text: str | None, failure: Failure | None = None, **further: Any) -> None:
        if self._fork != _fork[0]:
            return
        try:
            self._open.pop()
        except IndexError:  # another thread or the garbage collector was first
            return
        further["request_id"] = self._request_id
        if failure is not None:
            further["request_id"] = failure.request_id or self._request_id
            further["error_type"], further["http_status"] = failure.error_type, failure.http_status
        if self.attempts > 1:
            further["attempts"] = self.attempts
        message = None if failure is None else failure.message
        further.setdefault("usage", NOTHING_KNOWN)
        try:
            self._log.end_call(self.metrics, text, success=failure is None, error_message=message, **further)
        except Exception as problem:  # noqa: BLE001 - the program must not be broken
            self.note(problem)


def fallback_cost(message: Mapping[str, Any], metrics: Any, log: SdkLog) -> dict[str, Any]:
    """Counts and cost of a reply in which the API itself turned to another model; {} for any other.

    Its own totals are those of the last model then; each part is priced as its model's, and one that was
    refused before it wrote anything costs nothing.
    """
    usage = message["usage"]
    parts = usage.get("iterations")
    if not isinstance(parts, list) or not any(_kind(part) == "fallback_message" for part in parts):
        return {}
    parts = [part for part in parts if isinstance(part, Mapping)]
    modes = {name: usage.get(name) for name in ("service_tier", "speed", "inference_geo")}
    parts[-1] = {**parts[-1], "server_tool_use": usage.get("server_tool_use")}
    used = [usage_of({**part, **modes}) for part in parts]
    cost: float | None = 0.0
    for part, one in zip(parts, used, strict=True):
        model = part.get("model") or metrics.model
        usd = cost_of(as_text(model), one, metrics.start_time, log.prices) if one.tokens_output else 0.0
        cost = None if cost is None or usd is None else cost + usd
    return {**total(used).fields, "estimated_cost_usd": cost}


def _kind(part: Any) -> Any:
    return part.get("type") if isinstance(part, Mapping) else None


def failure_of(error: BaseException) -> Failure:
    """What an exception tells."""
    name = type(error).__name__
    cause = error.__cause__
    message = _TEXTS.get(name) or as_text(error) or name
    if cause is not None and (told := as_text(cause)) and told not in message:
        message = f"{message} ({told})"
    return Failure(name, message)


def refusal(status: int, body: bytes, request_id: str | None) -> Failure:
    """What an answer with an error status tells."""
    try:
        kind, message = error_of(json.loads(body))
    except ValueError:
        kind, message = None, None
    told = message or body[:300].decode("utf-8", "replace").strip()
    return Failure(kind or "http_error", told or f"HTTP status {status}", status, request_id)
