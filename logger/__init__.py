"""Write side of callmeter: one JSON line for every call to Claude. Needs only the standard library."""

from __future__ import annotations

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

__all__ = [
    "DAY_FILE_PATTERN",
    "FIELDS",
    "ORIGINAL_FIELDS",
    "CallRecord",
    "RecordError",
    "day_file_name",
    "from_line",
    "to_line",
]
