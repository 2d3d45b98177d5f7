"""The bill in the health view: whether its files can be read, and whether the last sync worked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .. import numbers
from ..billing.books import Books
from ..billing.sync_log import Attempt
from ..errors import CallmeterError
from ..jsonl import BadLine
from .bill_facts import unsaid
from .panel import panel
from .tables import table

TITLE = "Bill"
NOTHING = "Anthropic's bill was never read: callmeter sync reads it."
FINE = "Every complete reading of Anthropic's bill could be understood."
SHOWN = 200
"""So many bad lines are listed."""


def render(books: Books, now: datetime) -> Any:
    """The panel of a log folder's bill."""
    try:
        known, attempts = books.all(), books.attempts()
        bad = list(books.folder.problems())
    except CallmeterError as error:
        return panel(TITLE, str(error), fine=False)
    other = filter(None, (books.problem, unsaid(books, attempts)))
    said = [*_failed(attempts[-1:], now), *other, *_bad(bad)]
    if said:
        return panel(TITLE, " ".join(said), *_table(bad[:SHOWN]), fine=False)
    return panel(TITLE, NOTHING if known.empty else FINE)


def _failed(last: Sequence[Attempt], now: datetime) -> list[str]:
    """That the last attempt to sync did not work, and why."""
    return [
        f"The last sync, {numbers.ago(one.started, now)}, failed: {one.error}" for one in last if one.error
    ]


def _bad(bad: Sequence[BadLine]) -> list[str]:
    if not bad:
        return []
    what = numbers.plural(len(bad), "line")
    return [f"{what} of the bill's files could not be understood; a reading with such a line does not count."]


def _table(bad: Sequence[BadLine]) -> list[Any]:
    rows = [[one.file.name, numbers.count(one.line), one.reason] for one in bad]
    return [table(["File", "Line", "Reason"], rows)] if rows else []
