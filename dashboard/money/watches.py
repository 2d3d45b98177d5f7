"""Watches for runaways: a session too long, an hour too dear, a model not to be used, a burst of failures.

Pure: frames and moments in, conditions out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..filters import NONE, hour_of
from ..keys import Key, amount, amount_or_off, patterns, read_table, within
from ..numbers import count, hour_name, plural, short, usd
from .alerts import Condition
from .scope import Scope

Array = NDArray[Any]

_MOST_MINUTES = 24 * 60
"""As far back as the rows reach that are looked at."""

KEYS = (
    Key(
        "session_tokens",
        "number or false",
        20_000_000.0,
        "Tokens one session may use in 24 hours.",
        amount_or_off,
    ),
    Key("dear_hour", "number or false", 5.0, "An hour this many times dearer than usual.", amount_or_off),
    Key("dear_hour_from", "USD", 2.0, "But never an hour cheaper than this.", amount),
    Key("not_models", "pattern or list", (), "Models that should not be used.", patterns),
    Key("failures", "number or false", 20.0, "Failed calls and retries within `minutes`.", amount_or_off),
    Key("minutes", "number", 10.0, "The time `failures` looks at.", within(1, _MOST_MINUTES)),
)
"""The keys of the `[watch]` table in callmeter.toml."""

WEEKS = 8
"""How many weeks back the usual cost of an hour looks."""

LEAST_WEEKS = 3
"""With fewer weeks of history nothing is usual."""

ROWS = (
    *("model", "session_id", "task_id", "outcome", "error", "tokens_total", "final", "calls", "cost_usd"),
    *("retries", "duration_seconds"),
)
"""Columns of the rows frame that `conditions` reads."""


@dataclass(frozen=True, slots=True)
class Watches:
    """What is watched for; None: not."""

    session_tokens: float | None = 20_000_000.0
    dear_hour: float | None = 5.0
    dear_hour_from: float = 2.0
    not_models: tuple[str, ...] = ()
    failures: float | None = 20.0
    minutes: float = 10.0


@dataclass(frozen=True, slots=True)
class Lost:
    """What failures cost in a range."""

    failed: int
    """Failed API calls."""
    cost_usd: float
    """The known cost of failed calls: tokens used, and nothing to show for it."""
    unpriced: int
    """Failed calls without a known cost."""
    retries: int
    """Attempts beyond the first. Refused ones are not billed; of one that broke off it is not known."""
    not_final: int = 0
    """Failed calls whose token counts, and so whose cost, are a lower bound."""

    @property
    def lower_bound(self) -> bool:
        """Whether it may be more."""
        return bool(self.unpriced or self.not_final)

    @property
    def words(self) -> str:
        """`12 failed calls cost at least $0.42. 30 retries: …`, for a person."""
        told = (
            f"{plural(self.failed, 'failed call')} cost {self._cost}." if self.failed else "No call failed."
        )
        return f"{told} {_retries_words(self.retries)}" if self.retries else told

    @property
    def _cost(self) -> str:
        if self.unpriced >= self.failed:
            return "an amount that is not known"
        return ("at least " if self.lower_bound else "") + usd(self.cost_usd)


def _retries_words(retries: int) -> str:
    return (
        f"{plural(retries, 'retry', 'retries')}: attempts that were refused are not billed, "
        "what those cost that broke off is not known."
    )


def watches_of(table: Mapping[str, Any], file: str) -> Watches:
    """The `[watch]` table. Raises SettingError."""
    return Watches(**read_table(KEYS, table, file, "[watch]"))


def lost(sums: pd.DataFrame) -> Lost:
    """Money lost to failed and retried calls in a sums frame."""
    failed = (sums["outcome"] == "failed").to_numpy()

    def of_failed(name: str) -> Any:
        return sums[name].to_numpy()[failed].sum()

    return Lost(
        failed=int(of_failed("calls")),
        cost_usd=float(of_failed("cost_usd")),
        unpriced=int(of_failed("unpriced")),
        retries=int(sums["retries"].to_numpy().sum()),
        not_final=int(of_failed("not_final")),
    )


def usual_cost(sums: pd.DataFrame, now: datetime) -> float | None:
    """The median cost in USD of the running hour's like (same weekday, same hour) in the past `WEEKS` weeks,
    hours without calls as 0; None with fewer than `LEAST_WEEKS` weeks of history.
    """
    if sums.empty:
        return None
    first = sums["hour"].min()
    hours = [hour_of(now - timedelta(weeks=weeks)) for weeks in range(1, WEEKS + 1)]  # by the wall clock
    known = [_cost_of(sums, hour) for hour in hours if hour >= first]
    return median(known) if len(known) >= LEAST_WEEKS else None


def _cost_of(sums: pd.DataFrame, hour: datetime) -> float:
    within = (sums["hour"] == hour).to_numpy()
    return float(sums["cost_usd"].to_numpy()[within].sum())


def conditions(watches: Watches, sums: pd.DataFrame, rows: pd.DataFrame, now: datetime) -> list[Condition]:
    """What is odd now. sums: of the last eight weeks. rows: of the last 24 hours, with `ROWS`."""
    return [
        *_sessions(watches.session_tokens, rows),
        *_dear_hours(watches, sums, now),
        *_models(watches.not_models, rows, now),
        *_failures(watches, rows, now),
    ]


def _levels(value: float, limit: float) -> Iterator[tuple[int, str]]:
    """What is reached of a limit: (percent, severity)."""
    if value > limit:
        yield 100, "warning"
    if value > 2 * limit:
        yield 200, "critical"


# A session


def _sessions(limit: float | None, rows: pd.DataFrame) -> Iterator[Condition]:
    if limit is None or rows.empty:
        return
    codes = rows["session_id"].cat.codes.to_numpy()
    names = rows["session_id"].cat.categories
    used = np.bincount(codes, weights=rows["tokens_total"].to_numpy(), minlength=len(names))
    for at in np.flatnonzero(used > limit).tolist():
        if names[at] != NONE:
            yield from _session(str(names[at]), rows[codes == at], float(used[at]), limit)


def _session(name: str, rows: pd.DataFrame, used: float, limit: float) -> Iterator[Condition]:
    bound = "" if rows["final"].all() else "at least "
    sentence = (
        f"Session {shown(name)}{_of_tasks(rows)} used {bound}{short(used)} tokens in the last 24 hours; "
        f"the watch is set to {short(limit)}."
    )
    for level, severity in _levels(used, limit):
        yield Condition(f"watch:session:{name}", "", level, severity, sentence)


def _of_tasks(rows: pd.DataFrame) -> str:
    """` (task gh-1)`: the tasks of calls, those with most tokens first."""
    used = rows.groupby("task_id", observed=True)["tokens_total"].sum().sort_values(ascending=False)
    names = [str(name) for name in used.index if name != NONE]
    return f" ({'task' if len(names) == 1 else 'tasks'} {_listed(names)})" if names else ""


_NAMED = 3


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(map(shown, names[:_NAMED])) + (f" and {rest} more" if rest > 0 else "")


_LONGEST = 60


def shown(name: str) -> str:
    """A name from a log in a sentence: on one line, not without end."""
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


# An hour


def _dear_hours(watches: Watches, sums: pd.DataFrame, now: datetime) -> Iterator[Condition]:
    """The running hour and the one before: a call that ends now may have begun in that."""
    if watches.dear_hour is None:
        return
    before = (now.astimezone(UTC) - timedelta(hours=1)).astimezone(now.tzinfo)
    for moment in (before, now):
        hour, usual = hour_of(moment), usual_cost(sums, moment)
        if usual is None:
            continue
        cost = _cost_of(sums, hour)
        if cost > watches.dear_hour * usual and cost >= watches.dear_hour_from:
            yield _dear_hour(hour, cost, usual, running=moment is now)


def _dear_hour(hour: datetime, cost: float, usual: float, *, running: bool) -> Condition:
    is_ = "has cost" if running else "cost"
    usually = f"usually costs about {usd(usual)}" if usual else "usually costs nothing"
    sentence = (
        f"{hour_name(hour)}, {is_} {usd(cost)}{' so far' if running else ''}; "
        f"this hour of the week {usually} (median of up to {WEEKS} past weeks)."
    )
    period = f"{hour:%Y-%m-%dT%H%z}" if hour.fold else f"{hour:%Y-%m-%dT%H}"
    return Condition("watch:hour", period, 100, "warning", sentence)


# A model


def _models(patterns: tuple[str, ...], rows: pd.DataFrame, now: datetime) -> Iterator[Condition]:
    """Models used today that are among those not to be used."""
    if not patterns or rows.empty:
        return
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    today = rows[(rows["time"] >= midnight).to_numpy()]
    meant = Scope(model=patterns).chosen(today)
    for name, calls in meant.groupby("model", observed=True):
        yield _model(str(name), calls, f"{now:%Y-%m-%d}")


def _model(name: str, rows: pd.DataFrame, day: str) -> Condition:
    costs = rows["cost_usd"].to_numpy()
    known = costs[~np.isnan(costs)]
    bound = "at least " if len(known) < len(costs) or not rows["final"].all() else ""
    paid = f"{bound}{usd(float(known.sum()))}" if len(known) else "cost not known"
    number = plural(int(rows["calls"].sum()), "call")
    sentence = f"{shown(name)} should not be used, but was today: {number}{_of_tasks(rows)}, {paid}."
    return Condition(f"watch:model:{name}", day, 100, "warning", sentence)


# Failures


def _failures(watches: Watches, rows: pd.DataFrame, now: datetime) -> Iterator[Condition]:
    """Failed calls and retries of calls that ended within the last minutes."""
    if watches.failures is None or rows.empty:
        return
    late = rows[_ended_since(rows, now - timedelta(minutes=watches.minutes))]
    failed = late[(late["outcome"] == "failed").to_numpy()]
    calls, retries = int(failed["calls"].sum()), int(late["retries"].sum())
    sentence = (
        f"{plural(calls, 'failed call')} and {plural(retries, 'retry', 'retries')} "
        f"in the last {watches.minutes:g} minutes{_most_often(failed)}; "
        f"the watch is set to {count(watches.failures)}."
    )
    for level, severity in _levels(calls + retries, watches.failures):
        yield Condition("watch:failures", "", level, severity, sentence)


_DAY = 86_400.0


def _ended_since(rows: pd.DataFrame, since: datetime) -> Array:
    """Which calls ended later; one that says it took longer than the rows reach back has no known end."""
    took = rows["duration_seconds"].to_numpy().astype(np.float64)
    took = np.where(took <= _DAY, took, 0.0)  # also for NaN
    began = rows["time"].dt.as_unit("us").astype("int64").to_numpy()
    return np.asarray(began / 1e6 + took >= since.timestamp())


def _most_often(failed: pd.DataFrame) -> str:
    """`, most often overloaded_error (task gh-1)`."""
    errors = failed.groupby("error", observed=True)["calls"].sum().drop(NONE, errors="ignore")
    if errors.empty:
        return ""
    error = errors.sort_values(ascending=False, kind="stable").index[0]
    return f", most often {shown(str(error))}{_of_tasks(failed[(failed['error'] == error).to_numpy()])}"
