"""How long do calls take? Percentiles of duration and first token, and the usual speed, by anything."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .. import latency, metrics, numbers
from ..latency import Measured
from ..sheets import Answer, Cell, Column, Sheet
from . import Asked, View
from .group_names import key_column, label

_SPEED = "tokens_per_second"

COLUMNS = (
    Column("calls", "Calls", numbers.count),
    Column("duration_p50", "p50", numbers.duration),
    Column("duration_p95", "p95", numbers.duration),
    Column("duration_p99", "p99", numbers.duration),
    Column("first_token_p50", "First p50", numbers.duration),
    Column("first_token_p95", "First p95", numbers.duration, extra=True),
    Column("first_token_p99", "First p99", numbers.duration, extra=True),
    Column(_SPEED, "Tokens/s", numbers.count),
)
"""What is told of each group."""


def build(asked: Asked) -> Answer:
    """One table, a row per group with measured calls."""
    key = metrics.KEYS[asked.by]
    rows = asked.store.rows(asked.view, columns={*latency.COLUMNS, *({key} - {"day", "hour"})})
    known, whole = latency.measured(rows), latency.whole(rows)
    sheet = Sheet(
        "latency",
        "Latency",
        (key_column(asked.by), *COLUMNS),
        _rows(latency.by(rows, key), asked.by),
        sentence(whole),
    )
    facts = {
        "since": asked.view.since.isoformat(),
        "until": asked.view.until.isoformat(),
        "timezone": str(asked.view.since.tzinfo),
        "totals": {name: _cell(value) for name, value in whole.items()},
        "left_out": {"runs": known.runs, "failed": known.failed, "without_duration": known.untimed},
    }
    return Answer([sheet], facts, remarks(known))


def _rows(table: pd.DataFrame, by: str) -> list[dict[str, Cell]]:
    return [
        {by: label(name), **{key: _cell(value) for key, value in row.items()}}
        for name, row in zip(table.index, table.to_dict("records"), strict=True)
    ]


def _cell(value: Any) -> Cell:
    """A number as data; None where it is not known."""
    if value is None or value != value:  # only NaN differs from itself
        return None
    return value if isinstance(value, int) else round(float(value), 6)


def sentence(whole: dict[str, float | None]) -> str:
    """What is usual, and what is slow."""
    calls = int(whole["calls"] or 0)
    if not calls:
        return "No call here has a duration of its own."
    said = f"Half of {numbers.plural(calls, 'call')} took up to {numbers.duration(whole['duration_p50'])}"
    if whole["duration_p95"] is not None:
        said += f", one in twenty longer than {numbers.duration(whole['duration_p95'])}"
    if whole["first_token_p50"] is None:
        return said + "."
    return f"{said}; the first token typically came after {numbers.duration(whole['first_token_p50'])}."


def remarks(known: Measured) -> list[str]:
    """Which lines are not in the numbers, and why."""
    said = []
    if known.runs:
        one = "stands" if known.runs == 1 else "stand"
        said.append(
            f"{numbers.plural(known.runs, 'line')} {one} for a CLI run or several calls: how long such a run "
            "takes is no call's latency, so they are left out."
        )
    if known.failed:
        said.append(f"{numbers.plural(known.failed, 'failed call')} left out: see callmeter report failures.")
    if known.untimed:
        said.append(f"{numbers.plural(known.untimed, 'call')} without a duration left out.")
    if known.timed:
        said.append("p95 is told of 20 calls or more, p99 of 100 or more.")
    return said


VIEW = View("latency", "how long calls take: p50, p95, p99", build)
