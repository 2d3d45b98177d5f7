"""Hourly sums: rows become measures, and measures add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .base import MEASURES, SUM_FACETS
from .table import Table, concat, grouped


def summed(rows: Table, *, tasks: bool = False) -> Table:
    """The sums of rows per hour and facets, with `tasks` also per `task_id`."""
    facets = (*SUM_FACETS, "task_id") if tasks else SUM_FACETS
    return grouped(_measured(rows), facets, MEASURES)


def added(parts: Sequence[Table]) -> Table:
    """The sums of sums: one row per hour and facets again."""
    return parts[0] if len(parts) == 1 else grouped(concat(parts), SUM_FACETS, MEASURES)


def _measured(rows: Table) -> Table:
    """The rows with a column per measure."""
    given = rows.numbers
    calls = given["calls"]
    priced, timed = ~np.isnan(given["cost_usd"]), ~np.isnan(given["duration_seconds"])
    rated = ~np.isnan(given["tokens_per_second"])
    measures = {name: given[name] for name in MEASURES if name in given}
    measures |= {
        "lines": np.ones(len(rows), dtype=np.int32),
        "cost_usd": np.where(priced, given["cost_usd"], 0.0),
        "unpriced": np.where(priced, 0, calls),
        "not_final": np.where(given["final"], 0, calls),
        "duration_seconds": np.where(timed, given["duration_seconds"], 0.0),
        "timed": timed.astype(np.int32),
        "tokens_per_second": np.where(rated, given["tokens_per_second"], 0.0),
        "rated": rated.astype(np.int32),
    }
    return Table({"hour": given["hour"], **measures}, rows.codes, rows.names)
