"""A line of the log while it is found out what of it counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .usage import count

FINEST_FIRST = ("sdk", "otel", "transcript", "rest", "manual", "demo")
"""Sources that know single calls, the best first; all others come after them."""

PER_CALL = ("otel", "transcript")
"""Sources that know the calls inside a run of the CLI."""

RUNS = "cli"
NAMES = ("task_id", "worker_id", "project", "session_id")
PLAIN = ("tokens_input", "tokens_output", "tokens_cache_read")
WRITES = ("tokens_cache_write_5m", "tokens_cache_write_1h")


@dataclass(slots=True)
class CountedLine:
    """A line as parsed JSON, the names it has or was given, and the fields that are changed."""

    given: Mapping[str, Any]
    source: str
    names: dict[str, str]
    covers: bool
    """Whether it is a call that runs may have made."""
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether its counts are exact."""
        return self.given.get("tokens_final") is not False

    @property
    def tokens(self) -> int:
        """All kinds together."""
        return sum(self.kinds)

    @property
    def kinds(self) -> tuple[int, int, int, int]:
        """Input, output, cache read, cache writes; 0 where not known."""
        plain, output, read = (self.number(name) for name in PLAIN)
        return plain, output, read, sum(self.number(name) for name in WRITES)

    def number(self, name: str, otherwise: int = 0) -> int:
        """A count of the line."""
        value = count(self.given.get(name))
        return otherwise if value is None else value

    @property
    def order(self) -> tuple[Any, ...]:
        """The larger, the better, among lines that tell of the same call. No order of arrival is in it."""
        cost = -1.0 if self.cost is None else self.cost
        names = (self.names.get(name, "") for name in NAMES)
        success = self.given.get("success") is True
        rest = (str(self.given.get("model")), success, self.number("calls", 1), moment(self.given))
        return self.final, self.tokens, cost, *names, *self.kinds, *rest

    @property
    def cost(self) -> float | None:
        """USD; None where not known."""
        return as_number(self.given.get("estimated_cost_usd"))

    def counted(self) -> dict[str, Any]:
        """The fields that count."""
        return {**self.given, **self.names, **self.changed}


def line_of(given: Mapping[str, Any]) -> CountedLine:
    """The line of some fields."""
    names = {name: text for name in NAMES if (text := as_name(given.get(name)))}
    source = str(given.get("source") or "")
    return CountedLine(given, source, names, source in PER_CALL)


def take_names(line: CountedLine, others: Sequence[CountedLine]) -> None:
    """The names a line lacks, from the first of the others that has one."""
    for name in NAMES:
        guessed = name == "project" and line.source == "transcript"
        if name in line.names and not guessed:
            continue
        free = name not in line.names
        told = [one.names[name] for one in others if name in one.names and (free or not _guesses(one))]
        if told:
            line.names[name] = told[0]


def _guesses(line: CountedLine) -> bool:
    return line.source == "transcript"


def moment(given: Mapping[str, Any]) -> float:
    """Unix seconds of the timestamp; a time that is none is before all others."""
    try:
        return datetime.fromisoformat(str(given.get("timestamp"))).timestamp()
    except (ValueError, OverflowError, OSError):
        return -math.inf


def as_number(value: Any) -> float | None:
    """A finite number, also in quotes; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < math.inf else None


def as_name(value: Any) -> str:
    """An id as text, whole numbers as their digits; "" for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return ""
    return str(value)
