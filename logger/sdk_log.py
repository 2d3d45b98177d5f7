"""What the observer of the anthropic SDK needs of the logger it writes to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .call import Ender
from .call_metrics import APICallMetrics
from .clock import LocalClock
from .journal import Journal

if TYPE_CHECKING:
    from .guarding import Guarding


class SdkLog(Ender, Protocol):
    """The logger."""

    _content: Any
    _shared: dict[str, str | None]
    _clock: LocalClock
    _journal: Journal
    _guard: Guarding | None
    log_dir: Path

    @property
    def middleware(self) -> Any:
        """The observer of this logger."""

    def _now(self) -> float: ...

    def _monotonic(self) -> float: ...

    def check_budget(self, *, calls: int = 1) -> None:
        """Raise BudgetExceeded if so many calls may not be begun now."""

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
