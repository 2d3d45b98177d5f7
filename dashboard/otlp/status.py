"""How the taking in of telemetry goes, for the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """Tokens that the metrics of a session and model count and no event told of."""

    session_id: str
    model: str
    input: int
    output: int
    cache_read: int
    cache_write: int


@dataclass(frozen=True, slots=True)
class TelemetryStatus:
    """Since the server started. `last` (Unix s) None: nothing was received.

    lines: calls written; repeated: calls delivered again; unusable: events and items that say nothing of
    a call; unwritten: deliveries sent back because the log could not be written; refused: bodies that
    were not taken, by reason; gaps: see `Gap`.
    """

    last: float | None = None
    deliveries: int = 0
    lines: int = 0
    repeated: int = 0
    unusable: int = 0
    unwritten: int = 0
    refused: tuple[tuple[str, int], ...] = ()
    gaps: tuple[Gap, ...] = ()
