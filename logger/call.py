"""A call as a context: `with log.call(model=...) as call:`."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol

from .call_line import cost_of, truth
from .call_metrics import APICallMetrics
from .price_table import PriceTable
from .problems import Problems
from .record import as_text
from .usage import TokenUsage, details_of, total, usage_of


class Ender(Protocol):
    """Who writes the call in the end: the logger."""

    prices: PriceTable
    problems: Problems

    def passed(self, metrics: APICallMetrics) -> float | None:
        """Seconds since a call began."""

    def end_call(
        self,
        metrics: APICallMetrics,
        response_content: Any = None,
        tokens_input: int | None = None,
        tokens_output: int | None = None,
        success: bool = True,
        error_message: Any = None,
        exit_code: int | None = None,
        *,
        usage: Any = None,
        **further: Any,
    ) -> bool:
        """Write the call's line."""


class Call:
    """Written when the block ends, with its duration; an exception makes it a failed call and goes on.

    Works with `with` and `async with`. `metrics` is the call as `start_call` gives it.
    """

    def __init__(self, log: Ender, metrics: APICallMetrics) -> None:
        self.metrics = metrics
        self._log = log
        self._usages: list[TokenUsage] = []
        self._text: Any = None
        self._further: dict[str, Any] = {}
        self._failure: Any = None

    def usage(self, usage: Any) -> None:
        """Add what one reply used: an Anthropic usage or message (dict or object), once per reply."""
        try:
            self._usages.append(usage_of(usage))
            self._further.update(details_of(usage))
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._log.problems.note("usage", f"callmeter: a usage cannot be read: {as_text(error)}")

    def response(self, text: Any) -> None:
        """The text of the response; only its length is written, unless content logging is on."""
        self._text = text

    def first_token(self) -> None:
        """Say that the first token has come; only the first time counts."""
        if self.metrics.time_to_first_token is None:
            self.metrics.time_to_first_token = self._log.passed(self.metrics)

    def fail(self, message: Any, error_type: str | None = None) -> None:
        """The call failed though nothing is raised."""
        self._failure = message
        self.note(error_type=error_type)

    def note(self, /, **further: Any) -> None:
        """Set any field of the line by name (`stop_reason=`, `session_id=`, ...).

        What `end_call` takes by name may be said here too: `success=False` makes it a failed call.
        """
        if further.get("usage") is not None:
            self.usage(further["usage"])
        self._further.update({name: value for name, value in further.items() if name != "usage"})

    def __enter__(self) -> Call:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            self._end(error)
        except Exception as problem:  # noqa: BLE001 - it would take the place of the host's own exception
            self._log.problems.note("call", f"callmeter: a call cannot be written whole: {as_text(problem)}")
            if not self.metrics._ended:
                name = None if error is None else type(error).__name__
                self._log.end_call(self.metrics, success=error is None, error_message=name)

    def _end(self, error: BaseException | None) -> None:
        further = {**self._counted(), **self._further, **(_failure_of(error) if error is not None else {})}
        for name in ("self", "metrics"):  # no fields, and not ours to hand on
            further.pop(name, None)
        said, text, message = (
            further.pop(name, None) for name in ("success", "response_content", "error_message")
        )
        good = error is None and self._failure is None and (said is None or truth(said))
        if error is not None:
            message = as_text(error) or type(error).__name__
        elif self._failure is not None:
            message = self._failure
        self._log.end_call(
            self.metrics,
            response_content=text if self._text is None else self._text,
            success=good,
            error_message=message,
            usage=total(self._usages) if self._usages else None,
            **further,
        )

    async def __aenter__(self) -> Call:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def _counted(self) -> dict[str, Any]:
        """Several replies: how many, and the sum of their prices, for a sum has none of its own."""
        if len(self._usages) < 2:
            return {}
        model, at = self.metrics.model, self.metrics.start_time
        costs = [cost_of(model, usage, at, self._log.prices) for usage in self._usages]
        known = [cost for cost in costs if cost is not None]
        return {
            "calls": len(costs),
            "estimated_cost_usd": sum(known) if len(known) == len(costs) else None,
        }


def _failure_of(error: BaseException) -> dict[str, Any]:
    """What an exception tells; the SDK's errors carry status and request id."""
    return {
        "error_type": type(error).__name__,
        "http_status": _told(error, "status_code"),
        "request_id": _told(error, "request_id"),
    }


def _told(error: BaseException, name: str) -> Any:
    try:
        return getattr(error, name, None)
    except Exception:  # noqa: BLE001 - a property of the host's exception may raise anything
        return None
