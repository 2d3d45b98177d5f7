"""Of a run of the CLI what its calls do not cover: the last rule of `once`, as `logger.run_rest` has it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logger.run_rest import SLACK

from .identities import ENDLESS, TIMELESS
from .table import Table, narrowed
from .verdict import CALLS_COUNT, REST_COUNTS, TOKENS, Verdict, alphabetic

Array = NDArray[Any]

_PARTS = {"tokens_thinking": "tokens_output", "tokens_cache_write_1h": "tokens_cache_write"}
"""What is a part of what."""

_AMOUNTS = (*TOKENS, *_PARTS, "web_searches", "calls", "retries", "cost_usd")
_UNTIMED = ("duration_seconds", "time_to_first_token", "tokens_per_second")
_SLACK = int(SLACK * 1e6)


def beyond_calls(work: Verdict) -> None:
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
    model = alphabetic(work.rows.names["model"])[work.rows.codes["model"]]
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
    work: Verdict, session: Array, runs: Array, heads: Array, run_of_call: Array, calls: Array
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


def _sum_of(work: Verdict, at: Array) -> list[int]:
    return [int(work.rows.numbers[name][at].sum(dtype=np.int64)) for name in TOKENS]


def _name_calls(
    work: Verdict, calls: Array, run_of_call: Array, lines: Array, run_of_line: Array, first: Array
) -> None:
    """Calls take the names they lack from the lines of their run, in the order of these."""
    counts = np.searchsorted(run_of_line, run_of_call, "right") - first
    to = np.repeat(calls, counts)
    ends = np.cumsum(counts)
    at = np.arange(len(to)) + np.repeat(first - (ends - counts), counts)
    work.take_names(to, lines[at])


def _leave_rest(work: Verdict, lines: Array, run: Array, calls: Array, run_of_call: Array) -> None:
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
    for part, whole in _PARTS.items():
        rest[part] = np.minimum(rest[part], rest[whole])
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
