"""How well the prompt cache serves, what it saved, and where it was paid for in vain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from .. import numbers, savings
from ..sheets import Answer, Cell, Column, Sheet, plain
from . import Asked, View, bill, bill_facets
from .columns import HIT_RATE, data_column, facet, text_column, usd
from .remarks import facts, incomplete_tokens

_MARK = Column("mark", "", plain)
_READ = Column("read", "Read", numbers.short)
_INPUT = Column("input", "All input", numbers.short, extra=1)
_WRITTEN = Column("written", "Written", numbers.short)
_SAVED = Column("saved_usd", "Saved", numbers.usd)
_EXTRA = Column("extra_usd", "Writes cost", numbers.usd)
_NET = Column("net_usd", "Net", numbers.usd)
_UNPRICED = data_column("unpriced_tokens")
_EFFICIENCY = (
    HIT_RATE,
    _MARK,
    _READ,
    _INPUT,
    _SAVED,
    _EXTRA,
    _NET,
    data_column("written"),
    data_column("without_cache_usd"),
    _UNPRICED,
)


def build(asked: Asked) -> Answer:
    """Efficiency by project and by model, cold caches, and large inputs without caching."""
    return _billed(asked) if asked.only_billed else _logged(asked)


def _logged(asked: Asked) -> Answer:
    rows = asked.store.rows(asked.view, columns=savings.COLUMNS)
    lines = savings.by_line(rows, asked.prices)
    sheets = (
        efficiency(lines, "project", "Project"),
        efficiency(lines, "model", "Model"),
        _cold(lines, asked.most),
        _uncached(lines, asked.most),
    )
    whole = savings.totals(lines)
    known = {"cache": _cells(whole)}
    bound = incomplete_tokens(asked.store.sums(asked.view))
    return Answer(sheets, {**facts(asked), **known}, (_overall(whole), *_unpriced(whole), *bound))


def efficiency(lines: pd.DataFrame, key: str, head: str) -> Sheet:
    """What caching did by a facet; `lines` are those of `savings.by_line`."""
    found = savings.by(lines, key)
    records = zip(found.index, found.to_dict("records"), strict=True)
    table = [{key: facet(value), **_cells(row)} for value, row in records]
    columns = (text_column(key, head), *_EFFICIENCY)
    return Sheet(f"by_{key}", f"Cache by {key}", columns, table)


def _cells(row: Mapping[Any, Any]) -> dict[str, Cell]:
    """A row of `savings.by` as cells. USD are null when of no token read or written the rate is known."""
    counts: dict[str, Cell] = {name: int(row[name]) for name in ("read", "written", "input")}
    rate = None if row["hit_rate"] != row["hit_rate"] else round(float(row["hit_rate"]), 6)
    unknown = row["unpriced"] and row["unpriced"] >= row["read"] + row["written"]
    names = ("saved_usd", "extra_usd", "net_usd", "without_cache_usd")
    money = {name: None if unknown else usd(row[name]) for name in names}
    marks = {"cache_hit_rate": rate, "mark": savings.mark(rate) or None}
    return counts | marks | money | {"unpriced_tokens": int(row["unpriced"])}


def _overall(whole: Mapping[str, float]) -> str:
    if not whole["read"] and not whole["written"]:
        return "Nothing was read from the cache, nothing written to it."
    saved, extra = numbers.usd(whole["saved_usd"]), numbers.usd(whole["extra_usd"])
    net = whole["net_usd"]
    verb = "saved" if net >= 0 else "cost"
    result = f"Caching {verb} {numbers.usd(abs(net))}"
    return f"{result}: reads saved {saved}, writes cost {extra} more than plain input."


def _unpriced(whole: Mapping[str, float]) -> tuple[str, ...]:
    if not whole["unpriced"]:
        return ()
    tokens = numbers.short(whole["unpriced"])
    return (f"Not reckoned with: {tokens} tokens read or written whose rates are not known.",)


_COLD = (
    text_column("session_id", "Session"),
    text_column("project", "Project"),
    replace(_WRITTEN, extra=1),
    replace(_READ, extra=1),
    _EXTRA,
    _SAVED,
    Column("lost_usd", "Lost", numbers.usd),
)


def _cold(lines: pd.DataFrame, most: int) -> Sheet:
    found = savings.cold(lines)
    table = [_cold_row(project, session, row) for (project, session), row in _first(found, most)]
    lost = numbers.usd(-float(found["net_usd"].sum()))
    said = "Every session's cache writes were paid back by its reads."
    if not lines["written"].any():
        said = "Nothing was written to the cache."
    if len(found):
        what = f"{numbers.plural(len(found), 'session')} wrote to the cache and read too little of it"
        said = f"{what}: {lost} lost, unless other sessions read it.{_more(len(found), most)}"
    return Sheet("cold", "Cold caches", _COLD, table, said)


def _cold_row(project: Any, session: Any, row: Mapping[Any, Any]) -> dict[str, Cell]:
    counts: dict[str, Cell] = {name: int(row[name]) for name in ("written", "read")}
    money = {name: usd(row[name]) for name in ("extra_usd", "saved_usd")}
    names = {"session_id": facet(session), "project": facet(project)}
    return names | counts | money | {"lost_usd": usd(-row["net_usd"])}


_LARGE = (
    text_column("project", "Project"),
    text_column("model", "Model"),
    Column("calls", "Calls", numbers.count),
    Column("input", "Input", numbers.short),
    Column("input_usd", "Input cost", numbers.usd, bound="input_bound"),
    _UNPRICED,
)


def _uncached(lines: pd.DataFrame, most: int) -> Sheet:
    found = savings.uncached(lines)
    table = [_large_row(project, model, row) for (project, model), row in _first(found, most)]
    size = f"{savings.LARGE:,} input tokens or more"
    calls = int(found["calls"].sum())
    said = f"No call sent {size} without caching."
    if calls:
        bound = "≥ " if found["unpriced"].any() else ""
        cost = f"{bound}{numbers.usd(float(found['input_usd'].sum()))}"
        sent = f"{numbers.plural(calls, 'call')} sent {size} without caching"
        said = f"{sent}, for {cost}.{_more(len(found), most)}"
    return Sheet("uncached", "Large inputs without caching", _LARGE, table, said)


def _large_row(project: Any, model: Any, row: Mapping[Any, Any]) -> dict[str, Cell]:
    counts: dict[str, Cell] = {"calls": int(row["calls"]), "input": int(row["input"])}
    cost = None if row["unpriced"] and row["unpriced"] >= row["input"] else usd(row["input_usd"])
    names = {"project": facet(project), "model": facet(model)}
    bound: dict[str, Cell] = {"unpriced_tokens": int(row["unpriced"]), "input_bound": bool(row["unpriced"])}
    return names | counts | {"input_usd": cost} | bound


def _first(found: pd.DataFrame, most: int) -> Iterator[tuple[Any, Mapping[Any, Any]]]:
    """The first rows, each with its index."""
    few = found.head(most)
    return zip(few.index, few.to_dict("records"), strict=True)


def _more(found: int, most: int) -> str:
    return f" The first {most:,} of {found:,}:" if found > most else ""


_COUNTS = (replace(one, bound="tokens_bound") for one in (_READ, _INPUT, _WRITTEN))
_BILLED = (HIT_RATE, _MARK, *_COUNTS, bill.TOKENS_BOUND)


def _billed(asked: Asked) -> Answer:
    keys: Sequence[tuple[str, str]] = (("workspace", "Workspace"), ("model", "Model"))
    sheets = tuple(
        Sheet(
            f"by_{key}", f"Cache by {key}, as billed", (text_column(key, head), *_BILLED), _theirs(asked, key)
        )
        for key, head in keys
    )
    return Answer(sheets, facts(asked), bill.remarks(asked))


def _theirs(asked: Asked, key: str) -> list[dict[str, Cell]]:
    return [_their_row(key, row) for row in bill_facets.by_facet(asked, key) if row["tokens_total"]]


def _their_row(key: str, row: Mapping[str, Cell]) -> dict[str, Cell]:
    counts = {
        name: int(row[name] or 0) for name in ("tokens_input", "tokens_cache_read", "tokens_cache_write")
    }
    rate = row["cache_hit_rate"]
    return {
        key: row[key],
        "cache_hit_rate": rate,
        "mark": savings.mark(None if rate is None else float(rate)) or None,
        "read": counts["tokens_cache_read"],
        "input": sum(counts.values()),
        "written": counts["tokens_cache_write"],
        "tokens_bound": row["tokens_bound"],
    }


VIEW = View(
    "cache", "what caching saves, and where it does not", build, grouped=False, has_bill=True, limited=True
)
