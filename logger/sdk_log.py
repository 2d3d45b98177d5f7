"""What the observer of the anthropic SDK needs of the logger it writes to."""

from __future__ import annotations

from typing import Any, Protocol

from .call import Ender
from .call_metrics import APICallMetrics
from .clock import LocalClock
from .journal import Journal


class SdkLog(Ender, Protocol):
    """The logger."""

    _content: Any
    _shared: dict[str, str | None]
    _clock: LocalClock
    _journal: Journal

    @property
    def middleware(self) -> Any:
        """The observer of this logger."""

    def _now(self) -> float: ...

    def _monotonic(self) -> float: ...

    def check_budget(self) -> None:
        """Raise BudgetExceeded if no call may be begun now."""

    def start_call(
        self,
        task_id: str | None,
        worker_id: str | None,
        model: str,
        prompt_file: Any = None,
        prompt_content: Any = None,
        settings: dict[str, Any] | None = None,
        **further: Any,
    ) -> APICallMetrics:
        """Begin a call."""
