"""What was billed in some days, as frames: the newest snapshots of each, made for adding up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import pandas as pd

from .snapshots import BillingFolder

USAGE_COLUMNS = {
    "day": "datetime64[s]",  # naive midnight of the UTC day
    "model": "object",  # `kinds.billed_name`; "" when Anthropic names none
    "workspace_id": "object",  # facets: "" when not known
    "workspace": "object",
    "api_key_id": "object",
    "api_key": "object",
    "service_tier": "object",
    "product": "object",
    "tokens_input": "int64",
    "tokens_output": "int64",
    "tokens_cache_read": "int64",
    "tokens_cache_write_5m": "int64",
    "tokens_cache_write_1h": "int64",
    "web_searches": "int64",
    "requests": "float64",  # NaN when not known
}
"""Columns of `Billed.usage`."""

COST_COLUMNS = {
    "day": "datetime64[s]",
    "model": "object",
    "workspace_id": "object",
    "workspace": "object",
    "api_key_id": "object",
    "api_key": "object",
    "service_tier": "object",
    "product": "object",
    "cost_type": "object",  # `kinds.COST_TYPES`
    "kind": "object",  # of `kinds.USAGE_FIELDS`, "" when it is not about tokens
    "amount_usd": "float64",  # after discounts, before credit
    "list_usd": "float64",  # NaN when not told
}
"""Columns of `Billed.cost`."""


@dataclass(frozen=True, slots=True)
class DayRead:
    """When a day was read, of both reports the earlier."""

    read_at: datetime
    over: bool
    """Whether the day was over then."""
    generation: str
    refreshed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Billed:
    """Usage and cost of the days from `since` to `until`, both included."""

    since: date
    until: date
    usage: pd.DataFrame
    cost: pd.DataFrame
    usage_days: Mapping[date, DayRead] = field(default_factory=dict)
    """The days of which usage is known, also when there was none."""
    cost_days: Mapping[date, DayRead] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """What could not be read, in sentences."""

    @property
    def days(self) -> list[date]:
        """Days of which both usage and cost are known."""
        return sorted(self.usage_days.keys() & self.cost_days.keys())

    @property
    def empty(self) -> bool:
        """Whether nothing was ever read of these days."""
        return not self.usage_days and not self.cost_days

    def narrowed(self, workspaces: frozenset[str], api_keys: frozenset[str]) -> Billed:
        """Only rows of these workspaces and keys, by name or id; an empty choice means all.

        The legacy cost report knows no keys: with a choice of keys its rows are left out, and `cost_days`
        of such days with them.
        """
        raise NotImplementedError


def load(folder: BillingFolder, since: date | None = None, until: date | None = None) -> Billed:
    """The newest snapshots of these days; without bounds all there are. Raises FolderError."""
    raise NotImplementedError
