"""A month for the books: day by day, by model, by project, what Anthropic billed, and what to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import pyarrow as pa

from .. import metrics
from ..billing.billed import Billed
from ..completeness import completeness, final_words, priced_words, why_unpriced
from ..filters import Filter
from ..numbers import plural
from ..store.base import Store
from . import Extract, bill
from .calls import NUMBER, TEXT
from .days import days, facet

VALUE = pa.dense_union([pa.field("number", NUMBER), pa.field("text", TEXT)])
SUMMARY = pa.schema([("What", TEXT), ("Value", VALUE), ("Note", TEXT)])
NO_BILL = "Anthropic's bill knows only models, so it is left out."

Fact = tuple[str, float | str | None, str | None]
"""What, its value, and what is to be known of it."""


def book(
    store: Store, view: Filter, billed: Billed | None, now: datetime, *, bad_lines: int = 0, only: str = ""
) -> list[Extract]:
    """The tables of a month, the day by day one first; Anthropic's only when something was synced.

    billed: of the same choice as the view, or None where a bill cannot be narrowed so.
    only: that choice in words; "" for all calls.
    """
    facts = list(summary(store, view, billed, now, bad_lines=bad_lines, only=only))
    found = [
        days(store, view),
        facet(store, view, "model", "Models"),
        facet(store, view, "project", "Projects"),
    ]
    if billed is not None and not billed.empty:
        found.append(bill.per_day(billed))
    return [*found, Extract("Summary", SUMMARY, (_table(facts),), cover=True)]


def _table(facts: Sequence[Fact]) -> pa.Table:
    what, values, notes = zip(*facts, strict=True)
    arrays = [pa.array(what, TEXT), _values(values), pa.array(notes, TEXT)]
    return pa.Table.from_arrays(arrays, schema=SUMMARY)


def _values(values: Sequence[float | str | None]) -> pa.Array:
    """Numbers and texts in one column."""
    texts = [value for value in values if isinstance(value, str)]
    others = [value for value in values if not isinstance(value, str)]
    kinds = [int(isinstance(value, str)) for value in values]
    places = [kinds[:at].count(kind) for at, kind in enumerate(kinds)]
    children = [pa.array(others, NUMBER), pa.array(texts, TEXT)]
    of, at = pa.array(kinds, pa.int8()), pa.array(places, pa.int32())
    return pa.UnionArray.from_dense(of, at, children, [field.name for field in VALUE])


def summary(
    store: Store, view: Filter, billed: Billed | None, now: datetime, *, bad_lines: int = 0, only: str = ""
) -> Iterator[Fact]:
    """The period, its totals, how complete they are, and what Anthropic billed in it; arguments of `book`."""
    if only:
        yield "Only", only, NO_BILL if billed is None else None
    last = (view.until - timedelta(microseconds=1)).date()
    yield "First day", view.since.date().isoformat(), None
    yield "Last day", last.isoformat(), None
    yield "Time zone of the days", str(store.zone), None
    yield "Made", now.astimezone(store.zone).isoformat(timespec="seconds"), None
    if now < view.until:
        yield "Not over yet", None, "The period was not over when this was made."
    yield from _logged(store, view)
    if bad_lines:
        yield "Lines not understood", float(bad_lines), "callmeter check lists them."
    if billed is not None:
        yield from _billed(billed, view.since.date(), last)


def _logged(store: Store, view: Filter) -> Iterator[Fact]:
    """What was logged, and how much of it is known."""
    sums = store.sums(view)
    added, known = metrics.totals(sums), completeness(sums)
    yield "Calls", float(added.calls), _of_runs(known.of_runs)
    yield "Failed calls", float(added.failed), None
    yield "Tokens", float(added.tokens_total), final_words(known) if added.calls else None
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
