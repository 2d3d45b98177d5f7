"""A call while it is running: what `start_call` returns and `end_call` completes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast


@dataclass
class APICallMetrics:
    """The original twenty fields, free to read and to set (`metrics.time_to_first_token = 0.8`).

    Fields and units are those of the line. `end_call` fills in the rest.
    """

    timestamp: str
    task_id: str | None
    worker_id: str | None
    model: str
    prompt_file: str | None = None
    prompt_length: int | None = None
    response_length: int | None = None
    tokens_input: int | None = None
    tokens_output: int | None = None
    tokens_total: int | None = None
    start_time: float | None = None
    end_time: float | None = None
    duration_seconds: float | None = None
    time_to_first_token: float | None = None
    tokens_per_second: float | None = None
    success: bool = False
    error_message: str | None = None
    exit_code: int | None = None
    settings: dict[str, Any] | None = None
    estimated_cost_usd: float | None = None

    # Not annotated, so no fields: the logger's own notes, set when they differ from these.
    _began = -1.0  # monotonic seconds
    _stamp = ""  # the timestamp the logger wrote
    _ended = False
    _further = cast("dict[str, Any] | None", None)
    _call_id = ""
    _begun = cast("tuple[Any, ...] | None", None)  # how the line begins, see `plain_line`
