"""Each call once: the rule of `logger.counted_once`, applied to the columns of a table.

The steps and their order are those of the rule; a test holds the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logger.counted_line import FINEST_FIRST, NAMES, PER_CALL
from logger.run_rest import SLACK

from .digests import mixed
from .identities import ENDLESS, TIMELESS
from .links import sources_of
from .table import Table, narrowed

Array = NDArray[Any]

TOKENS = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write")
_AMOUNTS = (*TOKENS, "tokens_thinking", "web_searches", "calls", "retries", "cost_usd")
_UNTIMED = ("duration_seconds", "time_to_first_token", "tokens_per_second")
_SLACK = int(SLACK * 1e6)
_RANKS = len(FINEST_FIRST) + 1

COUNTS, SAME_ID, FINER_LINE, CALLS_COUNT, REST_COUNTS = range(5)
"""It counts; a line of the same id does; a line of a finer source does; the calls of the run do, wholly or
but for a rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """What counts of some rows: which do not count as they stand, and what stands in their place."""

    touched: Array
    """Positions of rows that do not count as they stand, in order."""
    why: Array
    """Why each of them does not: `COUNTS` where it only takes names from others, `SAME_ID`, ..."""
    place: Array
    """For each row of `rows` the position of the row it stands for."""
    rows: Table


def settled(rows: Table) -> Settled:
    """What counts of rows that may tell of the same calls. They hold all lines of each call and session."""
    work = _Work(rows)
    work.one_of_each()
    work.finest()
    work.pair_by_tokens()
    _beyond_calls(work)
    return work.outcome()


class _Work:
    """Columns that are changed on the way."""

    def __init__(self, rows: Table) -> None:
        self.rows = rows
        count = len(rows)
        self.source = sources_of(rows)
        ranks = [_rank(source) for source in rows.names["source"].to_pylist()]
        self.rank = np.array([*ranks, 0], dtype=np.int64)[rows.codes["source"]]
        self.covers = np.isin(self.source, PER_CALL)
        self.alive = np.ones(count, dtype=bool)
        self.codes = {name: rows.codes[name].copy() for name in NAMES}
        self.none = {name: _position(rows.names[name], "") for name in NAMES}
        self.numbers: dict[str, Array] = {}
        """The columns of rows that have only a rest, whole columns."""
        self.why = np.full(count, COUNTS, dtype=np.int8)

    def one_of_each(self) -> None:
        """Rule 1: of lines with the same derived id the best."""
        call = self.rows.numbers["call"]
        held, times = np.unique(call[call != 0], return_counts=True)
        at = np.flatnonzero(np.isin(call, held[times > 1]))
        if len(at):
            at = at[np.lexsort((*self.goodness(at), call[at]))]
            best = np.append(call[at][1:] != call[at][:-1], True)
            winner = at[best][np.searchsorted(call[at][best], call[at])]
            self._drop(at[~best][::-1], winner[~best][::-1])

    def finest(self) -> None:
        """Rule 2: of lines of different sources that tell of the same call those of the finest source."""
        label = self._same_calls()
        score = self.rank + _RANKS * self._any(label * _RANKS + self.rank, ~self._final)
        best = np.full(len(label), np.iinfo(np.int64).max)
        at = np.flatnonzero(self.alive)
        np.minimum.at(best, label[at], score[at])
        wins = self.alive & (score == best[label])
        loses = np.flatnonzero(self.alive & ~wins)
        if not len(loses):
            return
        self.covers |= self._any(label, self.covers & ~wins & self.alive) & wins
        winners = np.bincount(label[wins], minlength=len(label))
        winner = np.zeros(len(label), dtype=np.int64)
        winner[label[wins]] = np.flatnonzero(wins)
        self.alive[loses], self.why[loses] = False, FINER_LINE
        loses = loses[winners[label[loses]] == 1]
        loses = loses[np.lexsort((*self.goodness(loses), -self.rank[loses]))][::-1]
        self.take_names(winner[label[loses]], loses)

    def pair_by_tokens(self) -> None:
        """Rule 3: of a telemetry and a transcript line that session and tokens join the first."""
        tokens, output = (self.rows.numbers[name].astype(np.int64) for name in ("tokens", "tokens_output"))
        at = np.flatnonzero(self.alive & (tokens != 0))
        at = at[np.lexsort((*self.goodness(at), self.rows.numbers["time"][at]))]
        for bounds in (False, True):
            key = tokens[at] if bounds else mixed([tokens[at], output[at]], "output")
            fits = (self.source[at] == "transcript") & (~self._final[at] if bounds else True)
            here, there = _in_pairs(key, self.source[at] == "otel", fits)
            self.alive[at[there]], self.why[at[there]] = False, FINER_LINE
            self.take_names(at[here], at[there])
            at = np.delete(at, np.concatenate([here, there]))

    @property
    def _final(self) -> Array:
        return self.rows.numbers["final"]

    def _any(self, group: Array, which: Array) -> Array:
        """For each row whether `which` is true for an alive row of its group."""
        found = np.zeros(int(group.max(initial=0)) + 1, dtype=bool)
        found[group[which & self.alive]] = True
        return found[group]

    def _same_calls(self) -> Array:
        """A label for each row, the same for rows joined by request or message ids."""
        label = np.arange(len(self.rows))
        groups = []
        for key in ("request", "message"):
            values = self.rows.numbers[key]
            at = np.flatnonzero((values != 0) & self.alive)
            groups.append((at, np.unique(values[at], return_inverse=True)[1]))
        while True:
            before = label.copy()
            for at, group in groups:
                least = np.full(int(group.max(initial=-1)) + 1, len(label))
                np.minimum.at(least, group, label[at])
                label[at] = least[group]
            if (label == before).all():
                return label

    def goodness(self, at: Array) -> list[Array]:
        """Sort keys, the least telling first: of lines that tell of the same call the last is the best."""
        numbers = self.rows.numbers
        names = [self._ranked(name, self.codes[name])[at] for name in reversed(NAMES)]
        rest = [self._ranked(name, self.rows.codes[name])[at] for name in ("outcome", "model")]
        cost = np.nan_to_num(numbers["cost_usd"][at], nan=-1.0)
        kinds = [numbers[name][at] for name in reversed(TOKENS)]
        calls = [numbers["time"][at], numbers["calls"][at]]
        return [*calls, *rest, *kinds, *names, cost, numbers["tokens_total"][at], self._final[at]]

    def _ranked(self, facet: str, codes: Array) -> Array:
        found: Array = _alphabetic(self.rows.names[facet])[codes]
        return found

    def _drop(self, losers: Array, winners: Array) -> None:
        self.alive[losers], self.why[losers] = False, SAME_ID
        self.take_names(winners, losers)

    def take_names(self, to: Array, others: Array) -> None:
        """The names rows lack, each from the first of the others beside it that has one."""
        guesses = self.source == "transcript"
        for name in NAMES:
            codes, none = self.codes[name], self.none[name]
            known = codes != none
            wanted = ~known[to]
            if name == "project":
                wanted |= guesses[to] & ~guesses[others]
            wanted &= known[others]
            heads, first = np.unique(to[wanted], return_index=True)
            codes[heads] = codes[others[wanted][first]]

    def outcome(self) -> Settled:
        """What became of the rows."""
        named = np.zeros(len(self.rows), dtype=bool)
        for name in NAMES:
            named |= self.codes[name] != self.rows.codes[name]
        named |= self.why != COUNTS
        place = np.flatnonzero(self.alive & named)
        numbers = {**self.rows.numbers, **self.numbers}
        rows = Table(numbers, {**self.rows.codes, **self.codes}, self.rows.names).take(place)
        touched = np.flatnonzero(named)
        return Settled(touched, self.why[touched], place, rows)


def _in_pairs(key: Array, one: Array, other: Array) -> tuple[Array, Array]:
    """Positions of ones and others with equal keys, the first with the first, the second with the second."""
    ones, others = np.flatnonzero(one), np.flatnonzero(other)
    numbered, of_others = (mixed([key[at], _occurrence(key[at])], "occurrence") for at in (ones, others))
    _, here, there = np.intersect1d(numbered, of_others, return_indices=True)
    return ones[here], others[there]


def _occurrence(key: Array) -> Array:
    """How many equal keys stand before each, and 1."""
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.append(True, key[order][1:] != key[order][:-1])) if len(key) else order
    found = np.empty(len(key), dtype=np.int64)
    counts = np.diff(np.append(starts, len(key)))
    found[order] = np.arange(len(key)) - np.repeat(starts, counts) + 1
    return found


def _rank(source: str) -> int:
    return FINEST_FIRST.index(source) if source in FINEST_FIRST else len(FINEST_FIRST)


def _position(names: pa.Array, name: str) -> int:
    """Where a name stands in a list, -1 when it does not."""
    return int(pc.index(names, name).as_py())


def _alphabetic(names: pa.Array) -> Array:
    """The rank of each name."""
    found = np.empty(len(names), dtype=np.int64)
    found[pc.sort_indices(names).to_numpy()] = np.arange(len(names))
    return found


def _beyond_calls(work: _Work) -> None:
    """Rule 4: of CLI runs what the calls in them do not cover."""
    session = work.codes["session_id"].astype(np.int64)
    told = work.alive & (session != work.none["session_id"])
    runs = np.flatnonzero(told & (work.source == "cli"))
    calls = np.flatnonzero(told & work.covers & (work.source != "cli"))
    runs = runs[np.isin(session[runs], session[calls])]
    calls = calls[np.isin(session[calls], session[runs])]
    if not len(runs):
        return
    time, until = work.rows.numbers["time"], _ends(work.rows)
    model = _alphabetic(work.rows.names["model"])[work.rows.codes["model"]]
    timed = until[runs] != TIMELESS
    since = np.where(timed, time[runs], np.iinfo(np.int64).max)
    runs = runs[np.lexsort((*work.goodness(runs), model[runs], time[runs], since, session[runs]))]
    run_of_line, heads = _runs(session[runs], np.where(until[runs] == TIMELESS, _FAR, time[runs]))
    ends = np.maximum.reduceat(until[runs], heads)
    run_of_call = _assigned(session, time, runs[heads], ends, calls)
    _assign_astray(work, session, runs, heads, run_of_call, calls)
    inside = run_of_call >= 0
    calls, run_of_call = calls[inside], run_of_call[inside]
    covered = np.isin(run_of_line, run_of_call)
    lines, run_of_line = runs[covered], run_of_line[covered]
    for_names = np.searchsorted(run_of_line, run_of_call)
    _name_calls(work, calls, run_of_call, lines, run_of_line, for_names)
    _leave_rest(work, lines, run_of_line, calls, run_of_call)


def _ends(rows: Table) -> Array:
    """When runs ended, in microseconds since 1970; `_FAR` for those without an end, else `TIMELESS`."""
    lasts = rows.numbers["lasts"].astype(np.int64)
    found: Array = np.where(lasts == ENDLESS, _FAR, rows.numbers["time"] + lasts * 1000)
    found[lasts == TIMELESS] = TIMELESS
    return found


_FAR = 2**62


def _runs(session: Array, since: Array) -> tuple[Array, Array]:
    """(the number of each line's run, the position of each run's first line) for lines in order."""
    new = np.ones(len(session), dtype=bool)
    new[1:] = (session[1:] != session[:-1]) | (since[1:] != since[:-1])
    return np.cumsum(new) - 1, np.flatnonzero(new)


def _assigned(session: Array, time: Array, heads: Array, ends: Array, calls: Array) -> Array:
    """The run each call lies in, by time, or -1. Runs are in order of session and start, timeless last."""
    timed = ends != TIMELESS
    number = np.flatnonzero(timed)
    place = np.concatenate([session[heads[timed]], session[calls]])
    at = np.concatenate([time[heads[timed]], time[calls]])
    is_call = np.arange(len(place)) >= len(number)
    order = np.lexsort((is_call, at, place))
    before = np.maximum.accumulate(np.where(is_call[order], -1, np.arange(len(order))))
    after = (
        len(order)
        - 1
        - np.maximum.accumulate(np.where(is_call[order][::-1], -1, np.arange(len(order))))[::-1]
    )
    found = np.full(len(order), -1)
    here = np.flatnonzero(is_call[order])
    run_before = _same_place(order, before[here], here, place)
    run_after = _same_place(order, np.where(after[here] == len(order), -1, after[here]), here, place)
    moment = at[order[here]]
    infinite = np.iinfo(np.int64).max
    end = np.append(ends[timed], 0)[run_before]
    apart_before = np.where(run_before < 0, infinite, np.maximum(moment - end, 0))
    apart_after = np.where(run_after < 0, infinite, np.append(at[: len(number)], 0)[run_after] - moment)
    nearest = np.where(apart_before <= apart_after, run_before, run_after)
    near = np.minimum(apart_before, apart_after) <= _SLACK
    found[order[here]] = np.where(near, np.append(number, -1)[nearest], -1)
    return found[len(number) :]


def _same_place(order: Array, positions: Array, here: Array, place: Array) -> Array:
    """The runs at positions of the order, -1 where there is none or where it is of another session."""
    run = np.where(positions < 0, -1, order[positions])
    return np.where((run >= 0) & (place[run] == place[order[here]]), run, -1)


def _assign_astray(
    work: _Work, session: Array, runs: Array, heads: Array, run_of_call: Array, calls: Array
) -> None:
    """Calls at a time at which no run of the session went on, session by session: they are few."""
    stops, place = np.append(heads[1:], len(runs)), session[runs[heads]]
    timeless = work.rows.numbers["lasts"][runs[heads]] == TIMELESS
    astray = np.flatnonzero(run_of_call < 0)
    astray = astray[np.argsort(session[calls[astray]], kind="stable")]
    busy = np.isin(np.arange(len(heads)), run_of_call)
    for group in _groups(astray, session[calls[astray]]):
        first, last = np.searchsorted(place, session[calls[group[0]]] + np.arange(2))
        own = np.arange(first, last)
        if timeless[own].any():
            run_of_call[group] = own[timeless[own]][0]
            continue
        used = _sum_of(work, calls[group])
        for run in own[~busy[own]].tolist():
            if _sum_of(work, runs[heads[run] : stops[run]]) == used:
                run_of_call[group] = run
                break


def _groups(values: Array, by: Array) -> list[Array]:
    """The values in pieces of equal `by`, which is in order."""
    return np.split(values, np.flatnonzero(by[1:] != by[:-1]) + 1) if len(values) else []


def _sum_of(work: _Work, at: Array) -> list[int]:
    return [int(work.rows.numbers[name][at].sum(dtype=np.int64)) for name in TOKENS]


def _name_calls(
    work: _Work, calls: Array, run_of_call: Array, lines: Array, run_of_line: Array, first: Array
) -> None:
    """Calls take the names they lack from the lines of their run, in the order of these."""
    counts = np.searchsorted(run_of_line, run_of_call, "right") - first
    to = np.repeat(calls, counts)
    ends = np.cumsum(counts)
    at = np.arange(len(to)) + np.repeat(first - (ends - counts), counts)
    work.take_names(to, lines[at])


def _leave_rest(work: _Work, lines: Array, run: Array, calls: Array, run_of_call: Array) -> None:
    """Leave to lines of runs, in order of run, what the calls of the run do not cover."""
    if not len(lines):
        return
    model = work.rows.codes["model"].astype(np.int64)
    size = int(model.max()) + 1
    own, used_by = run * size + model[lines], run_of_call * size + model[calls]
    given = work.rows.numbers
    rest = {}
    for name in _AMOUNTS:
        rest[name] = _taken_off(given[name][lines], own, run, given[name][calls], used_by, run_of_call)
    nothing = ~np.logical_or.reduce([rest[name] > 0 for name in (*TOKENS, "web_searches")])
    for name in set(_AMOUNTS) - {"retries"}:  # a run that used nothing may still have tried again
        rest[name][nothing] = 0
    rest["tokens_thinking"] = np.minimum(rest["tokens_thinking"], rest["tokens_output"])
    rest["tokens_total"] = np.sum([rest[name] for name in TOKENS], axis=0)
    ok = np.array(work.rows.names["outcome"].to_pylist(), dtype=object)[work.rows.codes["outcome"][lines]]
    work.alive[lines[nothing & (ok == "ok")]] = False
    work.why[lines] = np.where(work.alive[lines], REST_COUNTS, CALLS_COUNT)
    for name, values in rest.items():
        column = given[name].astype(np.float64 if name == "cost_usd" else np.int64)
        column[lines] = np.round(values, 10) if name == "cost_usd" else values
        work.numbers[name] = column if name == "cost_usd" else narrowed(column)
    for name in _UNTIMED:
        work.numbers[name] = given[name].copy()
        work.numbers[name][lines] = np.nan


def _taken_off(have: Array, own: Array, run: Array, used: Array, used_by: Array, used_in: Array) -> Array:
    """What lines have beyond what calls used: of the same run and model first, then of the same run.

    Where an amount of a run or of its calls is not known (NaN), neither is the rest of any of its lines.
    """
    have, used = have.astype(np.float64), used.astype(np.float64)
    unknown = np.isin(run, np.concatenate([run[np.isnan(have)], used_in[np.isnan(used)]]))
    have, used = np.nan_to_num(have), np.nan_to_num(used)
    group, numbers = np.unique(np.concatenate([own, used_by]), return_inverse=True)
    of_model = np.bincount(numbers[len(own) :], used, minlength=len(group))
    rest = have - _in_turn(have, numbers[: len(own)], of_model)
    taken = np.bincount(run, have - rest, minlength=int(run.max()) + 1)
    over = np.bincount(used_in, used, minlength=len(taken))[: len(taken)] - taken
    rest = rest - _in_turn(rest, run, np.maximum(over, 0))
    rest[unknown] = np.nan
    found: Array = np.maximum(rest, 0.0, where=~unknown, out=rest)
    return found


def _in_turn(have: Array, group: Array, budget: Array) -> Array:
    """How much of each amount a group's budget takes, the first lines of the group first."""
    order = np.argsort(group, kind="stable")
    amounts, groups = have[order], group[order]
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    before = np.cumsum(amounts) - amounts
    before -= np.repeat(before[starts], np.diff(np.append(starts, len(groups))))
    found: Array = np.empty_like(amounts)
    found[order] = np.clip(budget[groups] - before, 0, amounts)
    return found
