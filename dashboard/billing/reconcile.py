"""Is the bill right? What was logged beside what was billed, per UTC day, model and token kind. Pure.

Each difference is explained as far as the data can: see `REASONS`. What no rule explains is said to be
unexplained; nothing is made to fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import pandas as pd

from logger.pricing import PriceTable

from .billed import Billed
from .rules import BillingRules

REASONS = {
    "rounding": "within rounding",
    "not_logged": "billed, but not logged",
    "lower_bound": "lines whose counts are a lower bound",
    "unpriced": "logged without a known price",
    "not_billed": "logged, but not billed",
    "failed": "calls that failed or were refused",
    "logged_twice": "logged twice",
    "day_edge": "the other side of midnight (UTC)",
    "not_reported_yet": "too young to be in Anthropic's report",
    "discount": "discount",
    "web_search": "web searches",
    "code_execution": "code execution",
    "session_time": "session time",
    "price": "another price than ours",
    "unexplained": "not explained",
}
"""Why numbers differ -> what people read."""

CELL_COLUMNS = {
    "day": "datetime64[s]",  # naive midnight of the UTC day
    "model": "object",
    "kind": "object",  # of `kinds.USAGE_FIELDS`, or a cost type that has no tokens (web_search, ...)
    "logged_tokens": "int64",  # web_search: searches
    "billed_tokens": "int64",
    "logged_usd": "float64",  # the known part
    "billed_usd": "float64",  # after discounts
    "list_usd": "float64",  # before; NaN when not told
    "unpriced_tokens": "int64",  # part of logged_tokens
}
"""One row per day, model and kind where either side has anything."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference explained. Tokens and USD are billed less logged: positive is missing in the log."""

    reason: str
    """Of `REASONS`."""
    day: date
    model: str
    kind: str | None
    """Of `CELL_COLUMNS`' kinds; None when it is about several."""
    tokens: int
    usd: float
    calls: int | None = None
    """How many calls it is about, where that is known."""
    certain: bool = True
    """False where the rule is a likely reading of the numbers, not a proof."""
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The days compared, cell by cell, and what the differences are."""

    since: date
    until: date
    compared: Sequence[date]
    """Days of which both usage and cost are known and which were over when read; only these are compared."""
    not_over: Sequence[date]
    """Days read before they were over."""
    unread: Sequence[date]
    """Days of which Anthropic's numbers are not here."""
    cells: pd.DataFrame
    findings: Sequence[Finding]
    logged_usd: float
    billed_usd: float
    list_usd: float | None
    covered: float | None
    """Share of what was billed (at list price) that was logged, 0 to 1; None when nothing was billed."""
    missing_usd: float
    """What was billed and not logged."""
    surplus_usd: float
    """What was logged and not billed, discounts aside."""
    within: bool
    """Whether what is not explained by rounding and discounts is within the tolerance."""
    verdict: str
    """One sentence, "We logged 98.7 % of what was billed; $1.12 is missing, most of it ..."."""
    remarks: Sequence[str] = field(default_factory=tuple)
    """Gaps: days not read, not over, keys not told apart, ..."""


def reconcile(
    rows: pd.DataFrame,
    billed: Billed,
    since: date,
    until: date,
    *,
    prices: PriceTable,
    rules: BillingRules,
    now: datetime,
) -> Reconciliation:
    """Compare the lines of the UTC days from `since` to `until` (`store.rows` of that time) with the bill.

    `rows` may reach a day further on either side, which tells calls at midnight from missing ones.
    """
    raise NotImplementedError
