"""The files of Anthropic's numbers: `logs/billing/{usage,cost}-YYYY-MM-DD.jsonl`, one per UTC day.

A snapshot is what Anthropic said of one day at one reading: a line per row, then one line that says it is
complete. Files are only appended to. The newest complete snapshot of a day is what holds; lines of one that
broke off never count. A reading that says the same as the newest snapshot adds nothing. With jq:

    jq -s '(map(select(.complete)) | last.snapshot) as $s
      | map(select(.snapshot == $s and (.complete | not)))' logs/billing/usage-2026-11-20.jsonl

Row of usage: day, snapshot, model, workspace_id, workspace, api_key_id, api_key, service_tier, product, the
five `kinds.USAGE_FIELDS`, web_searches, requests (null in the legacy report).
Row of cost: day, snapshot, model, workspace_id, workspace, api_key_id, api_key, service_tier, product,
cost_type, kind (one of `kinds.USAGE_FIELDS`, null when it is not about tokens), amount_usd, list_usd (null in
the legacy report).
Last line: day, snapshot, complete (true), rows, generation, read_at, refreshed_at.
Facets that are not known are null. USD are numbers: cents / 100, rounded to 10 digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from ..jsonl import BadLine

Kind = Literal["usage", "cost"]
Generation = Literal["analytics", "legacy"]

FACETS = ("model", "workspace_id", "workspace", "api_key_id", "api_key", "service_tier", "product")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Anthropic said of a UTC day at one reading. `rows` are without `day` and `snapshot`."""

    kind: Kind
    day: date
    rows: Sequence[Mapping[str, Any]]
    read_at: datetime
    generation: Generation
    refreshed_at: datetime | None = None
    """Up to when Anthropic's own numbers were current, when it said so."""

    @property
    def over(self) -> bool:
        """Whether the day was over when it was read: else more will come."""
        raise NotImplementedError


class BillingFolder:
    """The folder of the snapshots. Reads on; for several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def version(self) -> object:
        """Another value when any file changed, cheaply told (names, sizes, times)."""
        raise NotImplementedError

    def days(self, kind: Kind) -> list[date]:
        """The days of which there is a complete snapshot, in order."""
        raise NotImplementedError

    def newest(self, kind: Kind, day: date) -> Snapshot | None:
        """The newest complete snapshot of a day; None when there is none. Raises FolderError."""
        raise NotImplementedError

    def add(self, snapshot: Snapshot) -> bool:
        """Append a snapshot; False when the newest says the same, and the day was as much over then.

        Raises FolderError.
        """
        raise NotImplementedError

    def problems(self) -> Iterator[BadLine]:
        """Lines of the files read so far that could not be understood."""
        raise NotImplementedError
