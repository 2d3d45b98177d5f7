"""Anthropic's usage and cost reports, in both generations, through the anthropic library.

`Reports` asks for one day at a time or several, follows pages to the end, and gives rows in our words; a
reply whose shape is not what the documentation says is an error, never a guess. The SDK does the retries
(back-off, Retry-After); each is told, and so is each page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from .snapshots import Generation, Kind


@dataclass(frozen=True, slots=True)
class DayRows:
    """All rows of one kind and UTC day, as in `snapshots`; `workspace` and `api_key` still null."""

    kind: Kind
    day: date
    rows: Sequence[Mapping[str, Any]]
    generation: Generation
    refreshed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called: id -> name."""

    workspaces: Mapping[str, str]
    api_keys: Mapping[str, str]
    default_workspace: str | None = None
    """The id of the default workspace, where the API tells it; the legacy reports say null."""


Progress = Callable[[int], None]
"""Called after each page with the number of rows so far."""


class Reports(Protocol):
    """What `sync` needs of Anthropic. Methods raise `api_errors.ReportError`."""

    def days(
        self, kind: Kind, since: date, until: date, generation: Generation, progress: Progress
    ) -> list[DayRows]:
        """Every day from `since` to `until` (both included), also without rows. All pages, or an error."""

    def names(self) -> Names:
        """The names of workspaces and API keys, archived ones too."""

    def organization(self) -> str | None:
        """The organisation's name; None when it is not told."""
