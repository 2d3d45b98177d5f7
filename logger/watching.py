"""The way from a log to its observer of the anthropic SDK, which may be missing, or older than middleware."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .redaction import sentence
from .sdk_log import SdkLog

if TYPE_CHECKING:
    from .middleware import Observer

Client = TypeVar("Client")


def observer_of(log: SdkLog) -> Observer:
    """The observer of a log; without an SDK that knows middleware, what only passes the calls on."""
    try:
        from .middleware import Observer

        return Observer(log)
    except Exception as error:  # noqa: BLE001 - the host must not be broken
        _say_missing(log, error)
        return cast("Observer", _pass_on)


def watched(log: SdkLog, client: Client) -> Client:
    """See `middleware.watch`; without an SDK that knows middleware, the client as it is."""
    try:
        from .middleware import watch

        return watch(log, client)
    except Exception as error:  # noqa: BLE001 - the host must not be broken
        _say_missing(log, error)
        return client


def settle() -> None:
    """Write the calls that the SDK was to try again and will not any more."""
    from .sdk_retries import waiting_calls

    waiting_calls.give_up(everything=False)


def _pass_on(request: Any, call_next: Callable[[Any], Any]) -> Any:
    return call_next(request)


def _say_missing(log: SdkLog, error: Exception) -> None:
    told = f"{type(error).__name__}: {sentence(error)}"
    needs = "anthropic 0.108 or later is needed"
    log.problems.note("watch", f"callmeter: calls of this program are not written: {needs} ({told})")
