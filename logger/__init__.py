"""Write side of callmeter: one JSON line for every call to Claude. Needs only the standard library.

log = ClaudeAPILogger("logs/api")
with log.call(task_id="gh-456", worker_id="w-1", model="claude-sonnet-4-5") as call:
    call.usage(client.messages.create(...))
"""

from __future__ import annotations

from .api_logger import ClaudeAPILogger
from .call import Call
from .call_metrics import APICallMetrics
from .claude_cli import CliRun, read_run
from .clock import LocalClock
from .importing import ImportResult, import_runs
from .journal import Journal
from .price_file import PriceError, read_prices
from .pricing import PriceTable, price_of
from .record import (
    DAY_FILE_PATTERN,
    FIELDS,
    ORIGINAL_FIELDS,
    CallRecord,
    RecordError,
    day_file_name,
    from_line,
    to_line,
)
from .running import RunningCall, running_calls
from .spend_guard import BudgetExceeded, SpendGuard
from .usage import MessageStream, TokenUsage, usage_of

__all__ = [
    "DAY_FILE_PATTERN",
    "FIELDS",
    "ORIGINAL_FIELDS",
    "APICallMetrics",
    "BudgetExceeded",
    "Call",
    "CallRecord",
    "ClaudeAPILogger",
    "CliRun",
    "ImportResult",
    "Journal",
    "LocalClock",
    "MessageStream",
    "PriceError",
    "PriceTable",
    "RecordError",
    "RunningCall",
    "SpendGuard",
    "TokenUsage",
    "day_file_name",
    "from_line",
    "import_runs",
    "price_of",
    "read_prices",
    "read_run",
    "running_calls",
    "to_line",
    "usage_of",
]
