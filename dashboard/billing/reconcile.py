"""Is the bill right? What was logged beside what was billed, per UTC day, model and token kind. Pure.

Each difference is explained as far as the data can: see `REASONS`. What no rule explains is said to be
unexplained; nothing is made to fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from logger.pricing import PriceTable

from . import rest, surplus, verdict
from .axes import KINDS
from .billed import Billed
from .findings import Finding, findings_of
from .gaps import remarks_of
from .grid import Grid, grid_of
from .paid import paid
from .part import of_part
from .reasons import REASONS
from .rules import BillingRules
from .vague import left_of
from .whose import Whose
from .workings import Piece, Workings

__all__ = ["CELL_COLUMNS", "REASONS", "Finding", "Reconciliation", "pieces_of", "reconcile"]

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
    keyless: Sequence[date]
    """Days whose costs name no API keys, where keys are chosen."""
    cells: pd.DataFrame
    findings: Sequence[Finding]
    logged_usd: float
    billed_usd: float
    list_usd: float | None
    covered: float | None
    """Share of what was billed (credits aside) that was logged, 0 to 1; None when nothing was billed, or less
    than is missing."""
    missing_usd: float
    """What was billed and not logged, as it was paid: after discounts."""
    surplus_usd: float
    """What was logged and not billed, as it was logged."""
    within: bool | None
    """Whether what is not explained by rounding and discounts is within the tolerance; None when it is, but
    days that are over were not compared, or it hangs on runs that reach over the first or last midnight."""
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
    grid = grid_of(rows, billed, since, until, prices)
    left = left_of(rows, grid)
    findings = findings_of(
        pieces_of(grid, part=billed.part), grid, names_of(rows, grid), Whose(billed.usage), left
    )
    total, days = _sums(grid, findings), _days(grid, billed, now)
    inside = verdict.within(findings, total.charged, rules.tolerance, rules.tolerance_usd)
    return Reconciliation(
        since=since,
        until=until,
        compared=days.compared,
        not_over=days.not_over,
        unread=days.unread,
        keyless=days.keyless,
        cells=cells_of(grid),
        findings=findings,
        logged_usd=total.logged,
        billed_usd=total.charged - total.credits,
        list_usd=_listed(grid),
        covered=total.covered,
        missing_usd=total.missing,
        surplus_usd=total.surplus,
        within=None if inside is not False and len(days.compared) < days.over else inside,
        verdict=verdict.verdict(findings, total, len(days.compared), days.over, any_bill=not billed.empty),
        remarks=remarks_of(billed, grid, left, now),
    )


@dataclass(frozen=True, slots=True)
class _Days:
    """The days asked for, by what is known of them."""

    compared: Sequence[date]
    not_over: Sequence[date]
    unread: Sequence[date]
    keyless: Sequence[date]
    over: int
    """How many there are, today and later aside."""


def _days(grid: Grid, billed: Billed, now: datetime) -> _Days:
    asked = [grid.axes.day(int(place)) for place in np.flatnonzero(grid.asked)]
    compared = [grid.axes.day(int(place)) for place in np.flatnonzero(grid.compared)]
    others = [day for day in asked if day not in compared]
    today = now.astimezone(UTC).date()
    return _Days(
        compared=compared,
        not_over=[day for day in others if day in billed.days],
        unread=[day for day in others if day not in {*billed.days, *billed.keyless}],
        keyless=[day for day in others if day in billed.keyless],
        over=len(compared) + sum(day < today for day in others),
    )


def pieces_of(grid: Grid, *, part: bool = False) -> list[Piece]:
    """Every difference of the compared days in pieces; with them each cell adds up.

    part: the bill is only that of some workspaces or keys, the log perhaps not.
    """
    work = Workings(grid)
    surplus.explain(work)
    found = paid([*work.pieces, *rest.explain(work)], grid)
    return of_part(found) if part else found


def names_of(rows: pd.DataFrame, grid: Grid) -> Mapping[int, tuple[str, int]]:
    """What a line is called, by its position in the grid."""
    return _Names(rows, grid)


class _Names(Mapping[int, tuple[str, int]]):
    """Only the few that are asked for are looked up."""

    def __init__(self, rows: pd.DataFrame, grid: Grid) -> None:
        self._at = grid.lines.names
        self._codes, self._days = rows["day"].cat.codes.to_numpy(), rows["day"].cat.categories.to_list()
        self._offsets = rows["offset"].to_numpy()

    def __getitem__(self, line: int) -> tuple[str, int]:
        place = self._at[line]
        return self._days[self._codes[place]], int(self._offsets[place])

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return len(self._at)


def _sums(grid: Grid, findings: Sequence[Finding]) -> verdict.Sums:
    """Of the compared days."""
    billed = float(grid.bill.usd[grid.compared].sum() + grid.other["usd"].sum())
    logged = float(grid.logged_usd[grid.compared].sum())
    return verdict.sums(findings, logged, billed, int(grid.logged[grid.compared].sum()))


def _listed(grid: Grid) -> float | None:
    """The compared days at list price; None when that is not told of all of them."""
    paid = (grid.bill.usd != 0).any(axis=2)
    if not grid.bill.listed[grid.compared].any() or (paid & ~grid.bill.listed)[grid.compared].any():
        return None
    return float(grid.bill.list_usd[grid.compared].sum() + grid.other["list_usd"].sum())


def cells_of(grid: Grid) -> pd.DataFrame:
    """`CELL_COLUMNS` of the compared days."""
    bill = grid.bill
    some = (grid.logged != 0) | (bill.counts != 0) | (grid.logged_usd != 0) | (bill.list_usd != 0)
    day, model, kind = np.nonzero(some & grid.compared[:, None, None])
    at = day, model, kind
    frame = pd.DataFrame(
        {
            "day": np.datetime64(grid.axes.first, "s") + day.astype("timedelta64[D]"),
            "model": np.array(grid.axes.models, dtype=object)[model],
            "kind": np.array(KINDS, dtype=object)[kind],
            "logged_tokens": grid.logged[at],
            "billed_tokens": bill.counts[at],
            "logged_usd": grid.logged_usd[at],
            "billed_usd": bill.usd[at],
            "list_usd": np.where(bill.listed[day, model], bill.list_usd[at], np.nan),
            "unpriced_tokens": grid.unpriced[at],
        }
    )
    return _with_other(frame, grid).astype(CELL_COLUMNS)


def _with_other(cells: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """And the costs that no line tells of."""
    other = grid.other
    if other.empty:
        return cells
    counts = dict.fromkeys(("logged_tokens", "billed_tokens", "unpriced_tokens", "logged_usd"), 0)
    rows = other.rename(columns={"usd": "billed_usd"}).assign(**counts)
    both = pd.concat([cells, rows[list(CELL_COLUMNS)]], ignore_index=True)
    return both.sort_values(["day", "model"], kind="stable", ignore_index=True)
