"""Each call once: the rule of `logger.counted_once`, applied to the columns of a table.

The steps and their order are those of the rule; a test holds the two against each other.
"""

from __future__ import annotations

from .run_rest import beyond_calls
from .table import Table
from .verdict import Settled, Verdict


def settled(rows: Table) -> Settled:
    """What counts of rows that may tell of the same calls. They hold all lines of each call and session."""
    work = Verdict(rows)
    work.one_of_each()
    work.finest()
    work.pair_by_tokens()
    beyond_calls(work)
    return work.outcome()
