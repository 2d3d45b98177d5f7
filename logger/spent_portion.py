"""What one line adds to what was spent, and as much of a line as is needed to tell it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from sys import intern
from typing import Any, NamedTuple

from .clock import LocalClock
from .counted_line import as_name, as_number

PICO = 10**12
"""Money is added in whole millionths of a millionth of a USD: what is taken off again leaves nothing."""

QUARTER = 900
"""Seconds: an hour of any time zone begins with a quarter of an hour."""


class Portion(NamedTuple):
    """A call, or the part of a run that no other line tells of."""

    day: str
    """Local day it began on; "" when that is not known."""
    quarter: int
    """Quarters of an hour since 1970."""
    task: str
    worker: str
    project: str
    cost: int | None
    """In `1 / PICO` USD; None where not known."""


class Portions:
    """Makes portions of lines; the days are those of a clock."""

    def __init__(self, clock: LocalClock) -> None:
        self._clock = clock
        self._minute = ""
        self._when = ("", 0)

    def of(self, given: Mapping[str, Any]) -> Portion:
        """The portion of a line as parsed JSON."""
        day, quarter = self._when_of(str(given.get("timestamp")))
        cost = as_number(given.get("estimated_cost_usd"))
        task, worker, project = given.get("task_id"), given.get("worker_id"), given.get("project")
        return Portion(
            day,
            quarter,
            intern(task if task.__class__ is str else as_name(task)),
            intern(worker if worker.__class__ is str else as_name(worker)),
            intern(project if project.__class__ is str else as_name(project)),
            None if cost is None else round(cost * PICO),
        )

    def _when_of(self, timestamp: str) -> tuple[str, int]:
        """Day and quarter of a moment; of the same minute as the one before they are the same."""
        minute = timestamp[:16] + timestamp[26:] if len(timestamp) == _USUAL else timestamp
        if minute != self._minute:
            self._when, self._minute = self._looked_up(timestamp), minute
        return self._when

    def _looked_up(self, timestamp: str) -> tuple[str, int]:
        try:
            moment = datetime.fromisoformat(timestamp).timestamp()
            return self._clock.spell(moment)[1], int(moment // QUARTER)
        except (ValueError, OverflowError, OSError):
            return "", 0


_USUAL = len("2026-11-22T13:15:53.792000+00:00")


def told_by(line: bytes) -> dict[str, Any] | None:
    """The fields of a line, at least those before `prompt_file` and from the cost on; None if it is no line.

    The fields between them are not decoded where the line is written as this logger writes it.
    """
    head = _HEAD.match(line)
    if head is not None and line.count(_BEGIN) == 1:
        at = line.rfind(_COST)
        if at > 0 and (tail := _decoded("{" + str(line[at + 1 :], "utf-8", "replace"))) is not None:
            stamp, task, worker = head.groups()
            tail["timestamp"] = str(stamp, "utf-8", "replace")
            tail["task_id"] = None if task is None else str(task, "utf-8", "replace")
            tail["worker_id"] = None if worker is None else str(worker, "utf-8", "replace")
            return tail
    return whole_line(line)


def whole_line(line: bytes) -> dict[str, Any] | None:
    """All fields of a line; None if it is none."""
    return _decoded(str(line, "utf-8-sig", "replace").lstrip())


def _decoded(text: str) -> dict[str, Any] | None:
    try:
        found, end = _scan(text, 0)
    except (ValueError, RecursionError, StopIteration):
        return None
    if end != len(text) and text[end:].strip():
        return None
    return found if found.__class__ is dict else None


_scan: Any = vars(json.JSONDecoder())["scan_once"]  # as `json.loads`, in half the time


_BEGIN = b'{"timestamp":'
_COST = b',"estimated_cost_usd":'
_HEAD = re.compile(
    rb'\{"timestamp":"([^"\\]*)","task_id":(?:null|"([^"\\]*)"),"worker_id":(?:null|"([^"\\]*)"),"model":'
)
