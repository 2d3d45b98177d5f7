"""Whether the anthropic SDK will try a call again, and the calls that wait for their next attempt.

The observer sees each attempt by itself. An attempt that failed in a way the SDK tries again is no line
yet; but a program may be stopped while the SDK waits, and then nothing is heard of the call any more.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .sdk_call import SdkCall

LONGEST_PAUSE = 8.0
"""Seconds the SDK waits between two attempts when the API does not say how long."""

SLACK = 60.0
"""Seconds after which an attempt that was due will not come any more."""


class WaitingCalls:
    """Calls by the key that all attempts of one call share."""

    def __init__(self) -> None:
        self._calls: dict[Any, SdkCall] = {}

    def put(self, key: Any, call: SdkCall) -> None:
        """Its next attempt is expected."""
        self._calls[key] = call

    def take(self, key: Any) -> SdkCall | None:
        """The call of which this is the next attempt."""
        return self._calls.pop(key, None) if self._calls else None

    def give_up(self, everything: bool = True) -> None:
        """Write the calls whose next attempt is overdue, or all that wait; each once."""
        for key, call in list(self._calls.items()) if self._calls else ():
            if (everything or call.overdue) and self._calls.pop(key, None) is not None:
                _give_up(call)

    def forget(self) -> None:
        """In a forked child: they are the parent's."""
        self._calls.clear()


def _give_up(call: SdkCall) -> None:
    try:
        call.give_up()
    except Exception as problem:  # noqa: BLE001 - the program must not be broken
        call.note(problem)


waiting_calls = WaitingCalls()
"""Of this process."""

atexit.register(waiting_calls.give_up)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=waiting_calls.forget)


def retried_status(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the SDK tries again after such an answer (`BaseClient._should_retry`)."""
    told = headers.get("x-should-retry")
    if told in ("true", "false"):
        return told == "true"
    return status in (408, 409, 429) or status >= 500


def retried_error(error: BaseException | None) -> bool:
    """Whether the SDK tries again after such an error (`BaseClient._should_retry_exception`)."""
    seen: list[int] = []
    while isinstance(error, Exception) and id(error) not in seen:
        names = [kind.__name__ for kind in type(error).__mro__]
        if "RetryableError" in names or "APIConnectionError" in names:
            return True
        if "APIStatusError" in names:
            response: Any = getattr(error, "response", None)
            return retried_status(response.status_code, response.headers)
        seen.append(id(error))
        error = error.__cause__
    return False


def pause_after(headers: Mapping[str, str]) -> float:
    """Seconds until the next attempt at the latest."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(float(headers[name]) / unit, LONGEST_PAUSE)
        except (KeyError, ValueError):
            continue
    return LONGEST_PAUSE if "retry-after" not in headers else 3600.0  # a date


def retries_left(request: Any, client: Any) -> bool:
    """Whether the client may try this request again; yes where its number of retries is not known."""
    most = request.options.get_max_retries(getattr(client, "max_retries", sys.maxsize))
    return bool(request.retries_taken < most)


def client_behind(call_next: Callable[..., Any]) -> Any:
    """The client a chain of middleware belongs to, for an attempt without a response names none.

    Read from the closures in which the SDK builds the chain; None when it builds it otherwise.
    """
    for _ in range(50):
        code: Any = getattr(call_next, "__code__", None)
        cells = getattr(call_next, "__closure__", None) or ()
        known = dict(zip(code.co_freevars, cells, strict=False)) if code is not None else {}
        if "self" in known:
            return known["self"].cell_contents
        if "call_next" not in known:
            return None
        call_next = known["call_next"].cell_contents
    return None
