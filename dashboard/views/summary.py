"""What everything cost: all time, today, 7 and 30 days; and the tokens of the period asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from .. import filters, metrics, savings
from ..filters import Filter
from ..metrics import Totals
from ..numbers import count, plural, share
from ..sheets import Answer, Cell, Column, Sheet
from . import Asked, View, bill
from .columns import (
    CALLS,
    COST,
    INCOMPLETE,
    KINDS,
    TOKENS,
    data_column,
    day_words,
    percent,
    text_column,
    usage,
)
from .remarks import facts, incomplete

_ALL = "All time"
_WORDS = {"tokens_input": "Uncached input", "tokens_cache_read": "Cache read"} | {
    "tokens_cache_write": "Cache write",
    "tokens_output": "Output",
    "tokens_total": "Total",
}


def build(asked: Asked) -> Answer:
    """Costs by period, and tokens by kind; with `only_billed` of Anthropic's days."""
    return _as_billed(asked) if asked.only_billed else _logged(asked)


def _logged(asked: Asked) -> Answer:
    every = asked.store.sums(_always(asked.view))
    days = _days(every)
    inside = asked.store.sums(asked.view)
    found = metrics.totals(inside)
    tracked = {
        "days_tracked": len(days),
        "tracking_since": str(days[0]) if days else None,
        "calls": found.calls,
        "cache_hit_rate": None if found.cache_hit_rate is None else round(found.cache_hit_rate, 6),
    }
    return Answer(
        sheets=(_costs(asked, every, days), _tokens(asked, found)),
        facts={**facts(asked), **tracked},
        remarks=(*incomplete(every, asked), *_bill_remarks(asked, days)),
    )


def _always(view: Filter) -> Filter:
    """All time, days to come included (a clock may be wrong), with the choices of the view."""
    zone = view.since.tzinfo
    return replace(view, since=datetime(1971, 1, 1, tzinfo=zone), until=datetime(9000, 1, 1, tzinfo=zone))


def _days(sums: pd.DataFrame) -> list[date]:
    """The local days with calls, in order."""
    days = sums["hour"].dt.tz_localize(None).dt.floor("D").unique()
    return sorted(day.date() for day in days)


def _costs(asked: Asked, every: pd.DataFrame, days: list[date]) -> Sheet:
    billed = bill.beside(asked)
    rows = [_row(asked, name, view, every) for name, view in _periods(asked, days)]
    columns = (text_column("period", "Period"), data_column("since"), data_column("until"))
    said = "No calls with these filters." if asked.view.choices else "No calls yet."
    if days:
        said = f"{plural(len(days), 'day')} with calls, the first on {day_words(str(days[0]))}."
    beside = () if billed is None else (bill.BILLED, bill.BILLED_BOUND)
    measures = (*columns, CALLS, TOKENS, COST, *beside, *INCOMPLETE)
    return Sheet("costs", "Cost", measures, rows, said)


def _periods(asked: Asked, days: list[date]) -> Iterator[tuple[str, Filter]]:
    """The periods of the table; that of the view too where it is none of them."""
    zone = asked.store.zone
    today = asked.now.astimezone(zone).date()
    known = {
        _ALL: filters.days(min([*days, today]), max([*days, today]), zone),
        "Today": filters.days(today, today, zone),
        "Last 7 days": filters.last("7d", asked.now, zone),
        "Last 30 days": filters.last("30d", asked.now, zone),
    }
    yield from known.items()
    if (asked.view.since, asked.view.until) not in {(one.since, one.until) for one in known.values()}:
        yield _named(asked.view), asked.view


def _named(view: Filter) -> str:
    last = view.until - timedelta(microseconds=1)
    whole = view.since.time() == view.until.time() == view.since.min.time()
    if not whole:
        return f"{view.since:%Y-%m-%d %H:%M} – {view.until:%Y-%m-%d %H:%M}"
    first = f"{view.since:%Y-%m-%d}"
    return first if view.since.date() == last.date() else f"{first} – {last:%Y-%m-%d}"


def _row(asked: Asked, name: str, view: Filter, every: pd.DataFrame) -> dict[str, Cell]:
    hours = every["hour"]
    inside = every[((hours >= view.since) & (hours < view.until)).to_numpy()]
    span = {"period": name, "since": view.since.isoformat(), "until": view.until.isoformat()}
    return span | usage(_measures(metrics.totals(inside))) | _billed(asked, name, view)


def _measures(found: Totals) -> Mapping[str, object]:
    names = ("calls", *KINDS, "tokens_total", "cost_usd", "unpriced", "not_final", "of_runs")
    return {name: getattr(found, name) for name in names}


def _billed(asked: Asked, name: str, view: Filter) -> dict[str, Cell]:
    billed = bill.beside(asked)
    if billed is None or not bill.whole_days(view):
        return {"billed_usd": None, "billed_bound": False}
    if name == _ALL:
        view = replace(view, since=_first(asked, view))
    found = bill.amount(billed, bill.days_of(view, asked.now), asked.view.models)
    return {"billed_usd": found.usd, "billed_bound": found.bound}


def _first(asked: Asked, view: Filter) -> datetime:
    """When the first day began of those logged and those billed."""
    first = min([view.since.date(), *(asked.billed.cost_days if asked.billed else ())])
    return filters.midnight(first, asked.store.zone)


def _tokens(asked: Asked, found: Totals) -> Sheet:
    rows: list[dict[str, Cell]] = []
    billed = bill.beside(asked) if bill.whole_days(asked.view) else None
    theirs, early = _billed_tokens(asked) if billed is not None else ({}, False)
    for key, words in _WORDS.items():
        tokens = int(getattr(found, key))
        part = round(tokens / found.tokens_total, 6) if found.tokens_total else None
        counts: dict[str, Cell] = {"tokens": tokens, "share": part, "billed": theirs.get(key)}
        bounds = {"tokens_bound": bool(found.not_final), "billed_bound": early}
        rows.append({"kind": words, **counts, **bounds})
    columns = [
        text_column("kind", "Kind"),
        Column("tokens", "Tokens", count, bound="tokens_bound"),
        Column("share", "Share", percent),
    ]
    if billed is not None:
        columns += [Column("billed", "Billed", count, bound="billed_bound"), bill.BILLED_BOUND]
    return Sheet("tokens", f"Tokens, {_period_words(asked)}", columns, rows, _cached(found))


def _period_words(asked: Asked) -> str:
    same = (asked.view.since, asked.view.until)
    thirty = filters.last("30d", asked.now, asked.store.zone)
    return "last 30 days" if same == (thirty.since, thirty.until) else _named(asked.view)


def _billed_tokens(asked: Asked) -> tuple[dict[str, int], bool]:
    """Tokens by kind of the days that were read, nothing when none was; whether that is a lower bound."""
    assert asked.billed is not None
    known, days = asked.billed.usage_days, bill.days_of(asked.view, asked.now)
    read = [day for day in days if day in known]
    rows = bill.within(bill.of_models(asked.billed.usage, asked.view.models), read)
    return (bill.tokens(rows) if read else {}), bill.bounds(asked.billed, days)[0]


def _cached(found: Totals) -> str:
    calls = plural(found.calls, "call")
    rate = found.cache_hit_rate
    if rate is None:
        return f"{calls}."
    return f"{calls}; the cache served {share(rate, 1)} of the input ({savings.mark(rate)})."


def _bill_remarks(asked: Asked, days: list[date]) -> tuple[str, ...]:
    if asked.billed is None or asked.billed.empty:
        return ()
    last = max(asked.billed.cost_days, default=None)
    today = asked.now.astimezone(UTC).date()
    known = ""
    if last is not None and last < today:
        known = f"What was billed is known up to {last.day} {last:%B}: callmeter sync reads on."
    return tuple(filter(None, (known, *bill.remarks(asked))))


def _as_billed(asked: Asked) -> Answer:
    assert asked.billed is not None
    days = sorted({*asked.billed.usage_days, *asked.billed.cost_days})
    rows = [_billed_row(asked, name, view) for name, view in _periods(asked, days)]
    columns = (text_column("period", "Period"), data_column("since"), data_column("until"), *bill.COLUMNS)
    said = f"The bill is known of {plural(len(days), 'day')}, the first {day_words(str(days[0]))}."
    costs = Sheet("costs", "Cost, as billed", columns, rows, said)
    known = {"days_known": len(days), "known_since": str(days[0])}
    return Answer((costs, _kinds_billed(asked)), {**facts(asked), **known}, bill.remarks(asked))


def _billed_row(asked: Asked, name: str, view: Filter) -> dict[str, Cell]:
    """What was used and billed in a period; null for what was never read."""
    billed, days = asked.billed, bill.days_of(view, asked.now)
    assert billed is not None
    every = (bill.of_models(frame, asked.view.models) for frame in (billed.usage, billed.cost))
    cells = bill.cells(*(bill.within(frame, days) for frame in every))
    unread = () if any(day in billed.cost_days for day in days) else ("billed_usd", "list_usd")
    unused = () if any(day in billed.usage_days for day in days) else ("requests", *KINDS, "tokens_total")
    bounds = dict(zip(("tokens_bound", "billed_bound"), bill.bounds(billed, days), strict=True))
    span = {"period": name, "since": view.since.isoformat(), "until": view.until.isoformat()}
    return span | cells | bounds | dict.fromkeys((*unread, *unused))


def _kinds_billed(asked: Asked) -> Sheet:
    counts, early = _billed_tokens(asked)
    whole = counts.get("tokens_total", 0)
    rows: list[dict[str, Cell]] = [
        {
            "kind": words,
            "tokens": counts.get(key),
            "share": round(counts[key] / whole, 6) if whole else None,
            "tokens_bound": early,
        }
        for key, words in _WORDS.items()
    ]
    tokens = Column("tokens", "Tokens", count, bound="tokens_bound")
    columns = (text_column("kind", "Kind"), tokens, Column("share", "Share", percent), bill.TOKENS_BOUND)
    return Sheet("tokens", f"Tokens as billed, {_period_words(asked)}", columns, rows)


VIEW = View("summary", "cost so far and tokens by kind", build, whole=True, grouped=False, has_bill=True)
