"""What the health view says of the telemetry that Claude CLI workers send."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import html

from .. import numbers
from ..otlp.status import Gap, TelemetryStatus
from .panel import panel
from .tables import table

SHOWN = 50
"""How many sessions with missing calls are listed."""


def panels(status: TelemetryStatus, now: datetime) -> list[Any]:
    """One panel, or none while nothing was received."""
    if status.last is None and not status.refused:
        return []
    content = [_facts(status)]
    if status.gaps:
        content.append(_gaps(status.gaps[:SHOWN]))
    if status.refused:
        rows = [[reason, numbers.count(times)] for reason, times in status.refused]
        content.append(table(["Not taken because", "Times"], rows))
    fine = not (status.gaps or status.refused or status.unwritten or status.unusable)
    return [panel("Telemetry", _sentence(status, now), *content, fine=fine)]


def _sentence(status: TelemetryStatus, now: datetime) -> str:
    if status.last is None:
        return "Something sent telemetry that could not be taken."
    heard = numbers.ago(datetime.fromtimestamp(status.last, UTC), now)
    if not status.gaps:
        return f"Claude CLI workers send each call as it ends. Last heard of: {heard}."
    sessions = numbers.plural(len({gap.session_id for gap in status.gaps}), "session")
    return (
        f"{sessions} used tokens that no event told of: calls are missing from the log. "
        f"`callmeter import ~/.claude/projects` brings in those that are in a transcript. "
        f"Last heard of a worker: {heard}."
    )


def _facts(status: TelemetryStatus) -> Any:
    facts = [
        ("Deliveries since the server started", status.deliveries),
        ("Calls written", status.lines),
        ("Calls delivered again, counted once", status.repeated),
        ("Events that say nothing of a call", status.unusable),
        ("Refused because the log could not be written, and sent again", status.unwritten),
    ]
    told = [(name, count) for place, (name, count) in enumerate(facts) if count or place < 2]
    return html.Dl([part for name, count in told for part in (html.Dt(name), html.Dd(numbers.count(count)))])


def _gaps(gaps: tuple[Gap, ...]) -> Any:
    rows = [
        [
            gap.session_id,
            gap.model,
            *map(numbers.count, (gap.input, gap.output, gap.cache_read, gap.cache_write)),
        ]
        for gap in gaps
    ]
    return table(["Session", "Model", "Input", "Output", "Cache read", "Cache write"], rows)
