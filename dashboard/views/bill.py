"""Anthropic's numbers for the days of a view. Its days are UTC days, and it knows no projects or tasks.

A sum of which some days were never read, or were read before they were over, is a lower bound.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd

from ..billing import scope
from ..billing.billed import Billed, DayRead
from ..billing.kinds import billed_name
from ..billing.rules import BillingRules
from ..errors import UsageError
from ..filters import Filter
from ..numbers import UNKNOWN, count, plural
from ..numbers import usd as usd_words
from ..sheets import Cell, Column
from . import Asked
from .columns import BY_KIND, HIT_RATE, TOKENS, data_column, long_day, usd

KINDS = {
    "tokens_input": "tokens_input",
    "tokens_cache_read": "tokens_cache_read",
    "tokens_cache_write_5m": "tokens_cache_write",
    "tokens_cache_write_1h": "tokens_cache_write",
    "tokens_output": "tokens_output",
}
"""Kinds of a usage row -> kinds of `columns.KINDS`."""

BILLED = Column("billed_usd", "Billed", usd_words, bound="billed_bound")
BILLED_BOUND = data_column("billed_bound")
"""Whether `BILLED` is a lower bound, for data."""
TOKENS_BOUND = data_column("tokens_bound")
REQUESTS = Column("requests", "Requests", count, bound="tokens_bound")
LIST = Column("list_usd", "List price", usd_words, extra=1, bound="billed_bound")
COLUMNS = (REQUESTS, *BY_KIND, TOKENS, HIT_RATE, BILLED, LIST, TOKENS_BOUND, BILLED_BOUND)
"""Columns of `cells`."""


@dataclass(frozen=True, slots=True)
class Amount:
    """USD billed; None when not one of the days was read. `bound`: some were not, or not to their end."""

    usd: float | None
    bound: bool = False


def days_of(view: Filter, now: datetime) -> list[date]:
    """The days of a view that have begun, as Anthropic counts them: the UTC days of the same dates."""
    last = min((view.until - timedelta(microseconds=1)).date(), now.astimezone(UTC).date())
    span = (last - view.since.date()).days + 1
    return [view.since.date() + timedelta(days=number) for number in range(span)]


def comparable(view: Filter) -> bool:
    """Whether the bill can stand beside what is logged: it knows of models alone."""
    return not view.choices.keys() - {"model"}


def whole_days(view: Filter) -> bool:
    """Whether the view begins and ends with a day: what was billed in an hour nobody tells."""
    return view.since.time() == view.until.time() == time()


def narrowed(every: Billed, rules: BillingRules) -> tuple[Billed, tuple[str, ...]]:
    """The bill of the workspaces and keys that the log is compared with, and what must be known with it: all
    of it when the rules name one that nobody has.
    """
    try:
        chosen, said = scope.narrowed(every, rules)
    except UsageError as error:
        return every, (f"{error} All of the bill is shown.",)
    return chosen, tuple(said)


def beside(asked: Asked) -> Billed | None:
    """The bill that stands beside the logged numbers; None without one, or where it cannot be told apart."""
    return asked.billed if asked.billed is not None and comparable(asked.view) else None


def of_models(frame: pd.DataFrame, models: Collection[str]) -> pd.DataFrame:
    """The rows of these models under any of their names; all rows for no models."""
    if not models:
        return frame
    wanted = {billed_name(model) for model in models}
    return frame[frame["model"].isin({model for model in frame["model"].unique() if _name(model) in wanted})]


def _name(model: str) -> str:
    return billed_name(model) if model else ""


def within(frame: pd.DataFrame, days: Iterable[date]) -> pd.DataFrame:
    """The rows of these days."""
    return frame[frame["day"].isin(pd.to_datetime(list(days)))]


def amount(billed: Billed, days: Collection[date], models: Collection[str] = frozenset()) -> Amount:
    """What was billed in these days."""
    read = [day for day in days if day in billed.cost_days]
    if not read:
        return Amount(None)
    rows = within(of_models(billed.cost, models), read)
    return Amount(usd(rows["amount_usd"].sum()), bounds(billed, days)[1])


def bounds(billed: Billed, days: Collection[date]) -> tuple[bool, bool]:
    """Whether what was used in these days, and what was billed, is a lower bound."""
    return _bound(billed.usage_days, days), _bound(billed.cost_days, days)


def _bound(read: Mapping[date, DayRead], days: Collection[date]) -> bool:
    return any(day not in read or not read[day].over for day in days)


def by_day(billed: Billed, models: Collection[str] = frozenset()) -> dict[date, float]:
    """USD of each day that was read."""
    rows = of_models(billed.cost, models)
    found = rows.groupby(rows["day"])["amount_usd"].sum()
    known = {day.date(): float(value) for day, value in found.items()}
    return {day: known.get(day, 0.0) for day in billed.cost_days}


def tokens(usage: pd.DataFrame) -> dict[str, int]:
    """Tokens by `columns.KINDS` of some usage rows, and `tokens_total`."""
    counts = dict.fromkeys(KINDS.values(), 0)
    for kind, ours in KINDS.items():
        counts[ours] += int(usage[kind].sum())
    return counts | {"tokens_total": sum(counts.values())}


def requests(usage: pd.DataFrame) -> int | None:
    """How many requests were made; None where any row does not tell."""
    known = usage["requests"].to_numpy().astype("float64")
    return None if np.isnan(known).any() else int(known.sum())


def list_usd(cost: pd.DataFrame) -> float | None:
    """The same before discounts; None where any row does not tell."""
    return usd(cost["list_usd"].sum()) if cost["list_usd"].notna().all() else None


def cells(usage: pd.DataFrame, cost: pd.DataFrame) -> dict[str, Cell]:
    """What was used and billed in some rows, for `COLUMNS`; besides these it needs the two of `bounds`."""
    counts = tokens(usage)
    sent = counts["tokens_total"] - counts["tokens_output"]
    return {
        "requests": requests(usage),
        **counts,
        "cache_hit_rate": round(counts["tokens_cache_read"] / sent, 6) if sent else None,
        "billed_usd": usd(cost["amount_usd"].sum()),
        "list_usd": list_usd(cost),
    }


def remarks(asked: Asked) -> tuple[str, ...]:
    """What must be known with Anthropic's numbers of the view, in sentences."""
    billed = asked.billed
    if billed is None:
        return ()
    if not comparable(asked.view) and not asked.only_billed:
        return ("Anthropic's bill knows models, but no projects, tasks or workers: it is not shown here.",)
    days = days_of(asked.view, asked.now)
    known = (_unread(billed, days), _keyless(billed, days), _not_over(billed, days))
    said = [*billed.problems, *asked.of_bill, *filter(None, known)]
    if not whole_days(asked.view):
        said.append("Anthropic's bill is told by whole days, not by hours.")
    if not asked.only_billed and any(end.utcoffset() for end in (asked.view.since, asked.view.until)):
        said.append(f"Anthropic's days are UTC days, the logged ones are those of {asked.view.since.tzinfo}.")
    return tuple(said)


def _unread(billed: Billed, days: Collection[date]) -> str:
    missing = [day for day in days if day not in billed.cost_days and not _is_keyless(billed, day)]
    if not missing:
        return ""
    what = spans(missing)
    return f"Anthropic's numbers of {plural(len(missing), 'day')} are not here ({what}): callmeter sync."


def _keyless(billed: Billed, days: Collection[date]) -> str:
    missing = [day for day in days if _is_keyless(billed, day)]
    return f"The older cost report tells of no API keys: {spans(missing)}." if missing else ""


def _is_keyless(billed: Billed, day: date) -> bool:
    """Whether a choice of API keys left out the day's cost."""
    used = billed.usage_days.get(day)
    return used is not None and used.generation == "legacy" and day not in billed.cost_days


def _not_over(billed: Billed, days: Collection[date]) -> str:
    early = [day for day in days if day in billed.cost_days and not billed.cost_days[day].over]
    if not early:
        return ""
    was = "was" if len(early) == 1 else "were"
    return f"{spans(early)} {was} read before the day was over: more will come."


def spans(days: Collection[date], most: int = 3) -> str:
    """Days in words: `3 to 9 November, 12 November and 2 more spans`."""
    runs: list[list[date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    said = [_run(run) for run in runs[:most]]
    more = len(runs) - most
    return (", ".join(said) + (f" and {more} more" if more > 0 else "")) or UNKNOWN


def _run(run: list[date]) -> str:
    first, last = run[0], run[-1]
    if first == last:
        return long_day(first)
    begin = str(first.day) if (first.year, first.month) == (last.year, last.month) else long_day(first)
    return f"{begin} to {long_day(last)}"
