"""Whether the anthropic SDK will try a call again, and the calls that wait for their next attempt.

The observer sees each attempt by itself. An attempt that failed in a way the SDK tries again is no line
yet; but a program may be stopped while the SDK waits, and then nothing is heard of the call any more. What
is seen then is that the SDK lets go of the call's options; where that is not seen, time tells.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

from .sdk_call import SdkCall

LONGEST_PAUSE = 8.0
"""Seconds the SDK waits between two attempts when the API does not say how long."""

SLACK = 60.0
"""Seconds after which an attempt that was due will not come any more; another middleware may hold it up."""

_LOOP = "anthropic._base_client"


class WaitingCalls:
    """Calls by the key that all attempts of one call share."""

    def __init__(self) -> None:
        self._calls: dict[Any, SdkCall] = {}

    def put(self, key: Any, call: SdkCall, options: Any = None) -> None:
        """Its next attempt is expected, as long as there are the options the SDK makes its attempts from."""
        self._calls[key] = call
        if options is not None:
            with suppress(TypeError):  # an SDK whose options know no weak references
                weakref.finalize(options, self._drop, key, call).atexit = False

    def take(self, key: Any) -> SdkCall | None:
        """The call of which this is the next attempt."""
        return self._calls.pop(key, None) if self._calls else None

    def give_up(self, everything: bool = True) -> None:
        """Write the calls whose next attempt is overdue, or all that wait; each once."""
        for key, call in list(self._calls.items()) if self._calls else ():
            if everything or call.overdue:
                self._drop(key, call)

    def _drop(self, key: Any, call: SdkCall) -> None:
        """Its next attempt does not come; nothing if it came, or somebody else was first."""
        if self._calls.get(key) is call and self._calls.pop(key, None) is not None:
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


def options_behind(request: Any) -> Any:
    """The options the SDK makes every attempt of this one's call from, and keeps just as long.

    Read from the frame in which the SDK tries again; None when it does so otherwise.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if "input_options" in frame.f_code.co_varnames and frame.f_globals.get("__name__") == _LOOP:
            options = frame.f_locals.get("input_options")
            key = getattr(options, "idempotency_key", None)
            return options if key is not None and key == request.options.idempotency_key else None
        frame = frame.f_back
    return None


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
