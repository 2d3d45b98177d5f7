"""What the bill view shows, gathered for one state of the page: lines are read once, for all of it."""

from __future__ import annotations

import os
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from .. import filters, savings
from ..billing import books as of_books
from ..billing.billed import Billed
from ..billing.books import Books
from ..billing.kinds import billed_name
from ..billing.logged import COLUMNS as COMPARED
from ..billing.logged import of_others
from ..billing.reasons import REASONS
from ..billing.reconcile import Reconciliation, reconcile
from ..billing.sync_log import Attempt
from ..billing.verdict import EXCUSED
from ..charts.billed import Days
from ..charts.caching import Saved, Savings
from ..charts.differences import Reason, by_reason
from ..filters import Filter
from ..sheets import Answer, Sheet
from ..store.base import ROW_COLUMNS, Health, Store
from ..views import Asked, bill, cache, models, projects, sessions, summary
from ..views.columns import ROWS
from . import urls
from .urls import State

VIEWS = (summary.VIEW, models.VIEW, cache.VIEW, projects.VIEW, sessions.VIEW)
"""Whose tables stand on the page as they do in the terminal."""

Names = np.ndarray[Any, np.dtype[Any]]

_DAY = timedelta(days=1)
_AVERAGE = 7


@dataclass(frozen=True, slots=True)
class Facts:
    """What the view shows, but for how long ago the bill was read."""

    since: date
    until: date
    """UTC days, both included."""
    synced: bool
    """Whether Anthropic's numbers of any day are here."""
    read_at: datetime | None
    """When they were read last."""
    failed: Attempt | None
    """The last sync, if it went wrong."""
    up_to: date | None
    """The last day that was over when it was read."""
    found: Reconciliation | None
    """None when nothing is known of the bill of these days."""
    remarks: tuple[str, ...]
    """What must be known with it, besides its own remarks."""
    days: Days
    savings: Savings
    answers: dict[str, Answer]
    """Of the views, by name."""
    whole: bool
    """Whether filters narrow what was logged, but not the comparison."""
    logged_usd: float
    lower_bound: bool
    """Whether that is not all: calls of unknown cost, or whose counts are a lower bound."""
    problems: tuple[str, ...] = ()
    loading: bool = False
    models: frozenset[str] = frozenset()
    """Those that were chosen; none: all."""

    @property
    def reasons(self) -> list[Reason] | None:
        """Why the bill and the log differ; None when there is nothing to compare."""
        if self.found is None or not self.found.compared:
            return None
        return by_reason([(f.reason, f.usd) for f in self.found.findings], REASONS, EXCUSED)


def span(view: Filter, now: datetime) -> tuple[date, date]:
    """The first and the last UTC day of a view: those of the same dates, up to today."""
    days = bill.days_of(view, now) or [view.since.date()]
    return days[0], days[-1]


class OneReading:
    """A store whose lines of one stretch of time, and sums of one view, are read once, however many ask.
    For one thread.
    """

    def __init__(self, store: Store, stretch: Filter, columns: Collection[str]) -> None:
        self._store, self._stretch, self._columns = store, stretch, columns
        self._read: dict[Hashable, pd.DataFrame] = {}
        self._sums: dict[Hashable, pd.DataFrame] = {}
        self.zone: ZoneInfo = store.zone

    @property
    def version(self) -> int:
        """The store's."""
        return self._store.version

    def wait(self, version: int, timeout: float) -> int:
        """The store's."""
        return self._store.wait(version, timeout)

    def sums(self, view: Filter, *, tasks: bool = False) -> pd.DataFrame:
        """The store's."""
        key = (view, tasks)
        if key not in self._sums:
            self._sums[key] = self._store.sums(view, tasks=tasks)
        return self._sums[key]

    def rows(self, view: Filter, *, columns: Collection[str] | None = None) -> pd.DataFrame:
        """The lines of the view, with all columns of this reading where they are in its stretch."""
        whole = self._stretch
        inside = whole.since <= view.since and view.until <= whole.until
        if not inside or not set(columns or ROW_COLUMNS) <= {"time", *self._columns}:
            return self._store.rows(view, columns=columns)
        chosen = replace(view, since=whole.since, until=whole.until)
        if chosen not in self._read:
            self._read[chosen] = self._store.rows(chosen, columns=self._columns)
        return cut(self._read[chosen], view.since, view.until)

    def line(self, day: str, offset: int) -> dict[str, Any] | None:
        """The store's."""
        return self._store.line(day, offset)

    def note(self, day: str, offset: int) -> str | None:
        """The store's."""
        return self._store.note(day, offset)

    def health(self) -> Health:
        """The store's."""
        return self._store.health()


def cut(rows: pd.DataFrame, since: datetime, until: datetime) -> pd.DataFrame:
    """The lines from `since` to before `until`; rows are in order."""
    first, last = (int(rows["time"].searchsorted(pd.Timestamp(end))) for end in (since, until))
    return rows.iloc[first:last].reset_index(drop=True)


def hours(since: date, until: date, zone: ZoneInfo) -> Filter:
    """The UTC days from `since` to `until` as a view; rounded to whole local hours where zones need it."""
    begins, ends = (_midnight(day).astimezone(zone) for day in (since, until + _DAY))
    return Filter(filters.hour_of(begins), filters.hour_after(ends))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), tzinfo=UTC)


COLUMNS = frozenset({*COMPARED, *savings.COLUMNS, *ROWS})
"""What is read of the lines."""


def gather(store: Store, books: Books, state: State, now: datetime) -> Facts:
    """The facts of a state; made once for the same data and hour. Raises FolderError."""
    asked = replace(state, view="bill", call=None, cache=False, by_cost=False, who=urls.WHO[0])
    key = (store.version, books.version, asked, filters.hour_of(now))
    return books.remembered(key, lambda: _gather(store, books, asked, now))


def _gather(store: Store, books: Books, state: State, now: datetime) -> Facts:
    view = urls.to_filter(state, now, store.zone)
    since, until = span(view, now)
    read = OneReading(store, _stretch(view, since, until, store.zone), COLUMNS)
    every, attempts = books.all(), books.attempts()
    compared, remarks = bill.narrowed(every, books.rules())
    near = of_books.of_models(of_books.within(compared, since - _DAY, until + _DAY), _models(state))
    here = of_books.within(near, since, until)
    rows = _compared(read, state, since, until)
    asked = Asked(read, view, now, books.prices, billed=None if every.empty else compared)
    answers = {one.name: one.build(asked) for one in VIEWS}
    of_span = cut(rows, _midnight(since), _midnight(until + _DAY))
    return Facts(
        since=since,
        until=until,
        synced=not every.empty,
        read_at=_read_at(every, attempts),
        failed=attempts[-1] if attempts and attempts[-1].error else None,
        up_to=max((day for day in every.days if _over(every, day)), default=None),
        found=None if here.empty else _reconciled(rows, near, books, since, until, now),
        remarks=remarks,
        days=_days(rows, here, (since, until), store.health().first_day, state.revision, now),
        savings=_savings(answers["cache"]),
        answers=answers,
        whole=_narrows_more(state),
        logged_usd=float(np.nansum(of_span["cost_usd"])),
        lower_bound=bool(of_span["cost_usd"].isna().any() or not of_span["final"].all()),
        problems=tuple(
            filter(
                None,
                (books.problem, unsaid(books, attempts), *(_short(one, books) for one in every.problems)),
            )
        ),
        loading=store.health().loading,
        models=state.models,
    )


def unsaid(books: Books, attempts: Sequence[Attempt]) -> str | None:
    """Why the server does not sync, where neither the last attempt nor the settings tell."""
    trouble = books.trouble()
    said = (None, books.problem, attempts[-1].error if attempts else None)
    return None if trouble in said else f"The server does not sync: {trouble}"


def _short(problem: str, books: Books) -> str:
    """What is wrong with a file of the bill, without the folder they all stand in."""
    return problem.removeprefix(f"{books.folder.folder}{os.sep}")


def _stretch(view: Filter, since: date, until: date, zone: ZoneInfo) -> Filter:
    """All that any part of the view needs: its own hours, the UTC days around, and a week for the average."""
    days = hours(since - _AVERAGE * _DAY, until + _DAY, zone)
    return Filter(min(days.since, view.since), max(days.until, view.until))


def _narrows_more(state: State) -> bool:
    """Whether filters are set that a bill knows nothing of."""
    return replace(state, models=frozenset()).narrowed


def _models(state: State) -> frozenset[str]:
    return frozenset(billed_name(model) for model in state.models)


def _compared(read: OneReading, state: State, since: date, until: date) -> pd.DataFrame:
    """The lines that are compared with the bill: of the chosen models, whatever other filters are set."""
    days = hours(since - _AVERAGE * _DAY, until + _DAY, read.zone)
    rows = read.rows(days, columns=COLUMNS)
    wanted = _models(state)
    if not wanted:
        return rows
    served = named(rows["model_served"])
    names = np.where(served == "", named(rows["model"]), served)
    return rows[np.isin(names, list(wanted)) & ~of_others(rows)].reset_index(drop=True)


def named(column: pd.Series) -> Names:
    """Each line's model as a bill calls it; "" for none."""
    names = [billed_name(str(name)) if name else "" for name in column.cat.categories]
    every: Names = np.array([*names, ""], dtype=object)
    found: Names = every[column.cat.codes.to_numpy()]
    return found


def _reconciled(
    rows: pd.DataFrame, near: Billed, books: Books, since: date, until: date, now: datetime
) -> Reconciliation:
    around = cut(rows, _midnight(since - _DAY), _midnight(until + 2 * _DAY))
    return reconcile(around, near, since, until, prices=books.prices, rules=books.rules(), now=now)


def _read_at(every: Billed, attempts: Sequence[Attempt]) -> datetime | None:
    """When anything was read last; a reading that brought nothing new leaves no snapshot."""
    reads = [read.read_at for read in (*every.usage_days.values(), *every.cost_days.values())]
    return max([*reads, *(at for one in attempts[-1:] for at in one.read.values())], default=None)


def _over(every: Billed, day: date) -> bool:
    return every.usage_days[day].over and every.cost_days[day].over


def _days(
    rows: pd.DataFrame,
    here: Billed,
    span: tuple[date, date],
    first_day: str | None,
    revision: str,
    now: datetime,
) -> Days:
    since, until = span
    index = pd.date_range(since - (_AVERAGE - 1) * _DAY, until, freq="D", unit="s")
    logged = _per_day(rows, index)
    average = _averages(logged, first_day, now)
    billed = here.cost.groupby("day")["amount_usd"].sum().reindex(index)
    known = pd.DatetimeIndex([day for day in map(pd.Timestamp, here.cost_days) if day in index])
    billed[known] = billed[known].fillna(0.0)
    costs = pd.DataFrame({"logged": logged, "billed": billed, "average": average})
    young = frozenset(pd.Timestamp(day) for day, read in here.cost_days.items() if not read.over)
    return Days(costs[costs.index >= pd.Timestamp(since)], young, revision)


def _averages(logged: pd.Series, first_day: str | None, now: datetime) -> pd.Series:
    """The mean of the 7 days that end with each day; NaN before there were 7, and for a day not over."""
    average = logged.rolling(_AVERAGE).mean()
    index = logged.index
    first = pd.Timestamp(first_day) if first_day else index[-1] + _DAY
    young = index >= pd.Timestamp(now.astimezone(UTC).date())
    average[young | (index < first + (_AVERAGE - 1) * _DAY)] = np.nan
    return average


def _per_day(rows: pd.DataFrame, index: pd.DatetimeIndex) -> pd.Series:
    """What was logged per UTC day, as far as the cost is known."""
    moments = rows["time"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    place = (moments - index[0].to_datetime64().astype("datetime64[D]")).astype("int64")
    inside = (place >= 0) & (place < len(index))
    usd = np.nan_to_num(rows["cost_usd"].to_numpy())[inside]
    return pd.Series(np.bincount(place[inside], usd, minlength=len(index)), index=index)


def _savings(cache: Answer) -> Savings:
    """The picture of the tables by project and by model."""
    sheets = {sheet.name: sheet for sheet in cache.sheets}
    whole = cache.facts["cache"]
    return Savings(
        projects=_saved(sheets["by_project"], "project"),
        models=_saved(sheets["by_model"], "model"),
        whole=_one("", whole),
        unpriced=bool(whole["unpriced_tokens"]),
    )


def _saved(sheet: Sheet, key: str) -> tuple[Saved, ...]:
    return tuple(_one(str(row[key] or ""), row) for row in sheet.rows if row["input"])


def _one(name: str, row: Mapping[str, Any]) -> Saved:
    saved, extra = (float(row[key] or 0) for key in ("saved_usd", "extra_usd"))
    known = row["net_usd"] is not None
    return Saved(name, row["cache_hit_rate"], row["mark"] or "", saved, extra, known)
