"""A month for the books: day by day, by model, by project, what Anthropic billed, and what to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import pyarrow as pa

from logger.pricing import PriceTable

from .. import metrics
from ..billing.billed import Billed
from ..completeness import completeness, final_words, priced_words, why_unpriced
from ..filters import Filter
from ..numbers import plural
from ..store.base import Store
from . import Extract, bill
from .calls import NUMBER, TEXT, WHOLE
from .cells import offset
from .days import DAY, days, facet, summed

_KINDS = {"text": TEXT, "day": DAY, "moment": pa.timestamp("s"), "whole": WHOLE, "usd": NUMBER}
"""What a value may be, by how a workbook shows it; a moment is a wall clock."""
VALUE = pa.dense_union([pa.field(name, kind) for name, kind in _KINDS.items()])
SUMMARY = pa.schema([("What", TEXT), ("Value", VALUE), ("Note", TEXT)])

NO_BILL = "Anthropic's bill knows only models, so it is left out."

Value = str | date | datetime | int | float | None
Fact = tuple[str, Value, str | None]
"""What, its value (a float is USD), and what is to be known of it."""


def book(
    store: Store,
    view: Filter,
    billed: Billed | None,
    now: datetime,
    *,
    bad_lines: int = 0,
    only: str = "",
    prices: PriceTable | None = None,
) -> list[Extract]:
    """The tables of a month, the day by day one first; Anthropic's only when something was synced.

    billed: of the same choice as the view, or None where a bill cannot be narrowed so.
    only: that choice in words; "" for all calls.
    prices: tell why a cost is not known; None: the built-in ones.
    """
    facts = list(summary(store, view, billed, now, bad_lines=bad_lines, only=only, prices=prices))
    parts = [
        days(store, view),
        facet(store, view, "model", "Models"),
        facet(store, view, "project", "Projects"),
    ]
    sums = store.sums(view)
    found = [summed(part, sums) for part in parts]
    if billed is not None and not billed.empty:
        found.append(bill.per_day(billed))
    return [*found, Extract("Summary", SUMMARY, (_table(facts),), cover=True)]


def _table(facts: Sequence[Fact]) -> pa.Table:
    what, values, notes = zip(*facts, strict=True)
    arrays = [pa.array(what, TEXT), _values(values), pa.array(notes, TEXT)]
    return pa.Table.from_arrays(arrays, schema=SUMMARY)


def _values(values: Sequence[Value]) -> pa.Array:
    """Values of all kinds in one column."""
    kinds = [_kind(value) for value in values]
    names = list(_KINDS)
    children = [
        pa.array([one for one, kind in zip(values, kinds, strict=True) if kind == name], _KINDS[name])
        for name in names
    ]
    codes = pa.array([names.index(kind) for kind in kinds], pa.int8())
    places = pa.array([kinds[:at].count(kind) for at, kind in enumerate(kinds)], pa.int32())
    return pa.UnionArray.from_dense(codes, places, children, names)


def _kind(value: Value) -> str:
    for type_, name in ((datetime, "moment"), (date, "day"), (int, "whole"), (float, "usd")):
        if isinstance(value, type_):
            return name
    return "text"


def summary(
    store: Store,
    view: Filter,
    billed: Billed | None,
    now: datetime,
    *,
    bad_lines: int = 0,
    only: str = "",
    prices: PriceTable | None = None,
) -> Iterator[Fact]:
    """The period, its totals, how complete they are, and what Anthropic billed in it; arguments of `book`."""
    if only:
        yield "Only", only, NO_BILL if billed is None else None
    last = (view.until - timedelta(microseconds=1)).date()
    yield "First day", view.since.date(), None
    yield "Last day", last, None
    yield "Time zone of the days", str(store.zone), None
    made = now.astimezone(store.zone)
    yield "Made", made.replace(tzinfo=None, microsecond=0), f"In that time zone, UTC{offset(made)}."
    if now < view.until:
        yield "Not over yet", None, "The period was not over when this was made."
    yield from _logged(store, view, prices)
    if bad_lines:
        yield "Lines not understood", bad_lines, "callmeter check lists them."
    if billed is not None:
        yield from _billed(billed, view.since.date(), last)


def _logged(store: Store, view: Filter, prices: PriceTable | None) -> Iterator[Fact]:
    """What was logged, and how much of it is known."""
    sums = store.sums(view)
    added, known = metrics.totals(sums), completeness(sums, prices)
    yield "Calls", added.calls, _of_runs(known.of_runs)
    yield "Failed calls", added.failed, None
    yield "Tokens", added.tokens_total, final_words(known) if added.calls else None
    cost = added.cost_usd if added.priced or not added.calls else None
    reasons = "; ".join(why_unpriced(known))
    said = f"{priced_words(known)} {reasons}".strip() if added.calls else None
    yield "Estimated cost in USD", None if cost is None else round(cost, 10), said


def _of_runs(calls: int) -> str | None:
    return f"{plural(calls, 'call')} of CLI runs, which may have made more." if calls else None


def _billed(billed: Billed, since: date, until: date) -> Iterator[Fact]:
    if billed.empty:
        yield "Billed by Anthropic in USD", None, "Not known: callmeter sync reads it."
        return
    length = (until - since).days + 1
    known = f"{len(billed.cost_days)} of {plural(length, 'day')} known, in UTC."
    open_days = [day for day, read in billed.cost_days.items() if not read.over]
    still = f" {plural(len(open_days), 'day')} read too early to hold all of it." if open_days else ""
    amount = round(float(billed.cost["amount_usd"].sum()), 10)
    yield "Billed by Anthropic in USD", amount if billed.cost_days else None, known + still
