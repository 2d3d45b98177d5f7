"""Of a run of the CLI what its calls do not cover: the last rule of `counted_once`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .counted_line import PLAIN, RUNS, WRITES, CountedLine, as_number, moment, take_names

SLACK = 30.0
"""Seconds by which the clocks of a run and of its calls may differ."""


@dataclass(slots=True)
class _Run:
    """Lines of one process of the CLI, one per model, and the calls found to be its own."""

    lines: list[CountedLine]
    since: float
    until: float
    calls: list[CountedLine] = field(default_factory=list)


def beyond_calls(lines: Sequence[CountedLine]) -> list[CountedLine]:
    """The lines without the runs that their calls cover; other runs are left their rest."""
    sessions: dict[str, tuple[list[CountedLine], list[CountedLine]]] = defaultdict(lambda: ([], []))
    for line in lines:
        session = line.names.get("session_id")
        if session and (line.source == RUNS or line.covers):
            sessions[session][line.source != RUNS].append(line)
    gone: set[int] = set()
    for runs, calls in sessions.values():
        if runs and calls:
            for run in _covered(_runs(runs), calls):
                gone.update(map(id, _rest_of(run)))
    return [line for line in lines if id(line) not in gone]


def _runs(lines: Sequence[CountedLine]) -> list[_Run]:
    """The runs of a session, in order of time. Those of unknown time are one, the last."""
    found: dict[float, _Run] = {}
    for line in lines:
        known = as_number(line.given.get("start_time")) is not None
        since = moment(line.given) if known else math.inf
        end = as_number(line.given.get("end_time"))
        run = found.setdefault(since, _Run([], since, -math.inf))
        run.lines.append(line)
        run.until = max(run.until, math.inf if end is None else end)
    for run in found.values():
        run.lines.sort(key=lambda line: (moment(line.given), str(line.given.get("model")), line.order))
    return sorted(found.values(), key=lambda run: run.since)


def _covered(runs: list[_Run], calls: Sequence[CountedLine]) -> list[_Run]:
    """The runs that have calls among these."""
    timed = [run for run in runs if run.since < math.inf]
    astray: list[CountedLine] = []
    for call in calls:
        run = _run_at(timed, moment(call.given))
        (astray if run is None else run.calls).append(call)
    if astray:
        _take_astray(runs, timed, astray)
    return [run for run in runs if run.calls]


def _run_at(runs: Sequence[_Run], moment: float) -> _Run | None:
    """The run that went on at a moment, or the one nearest to it within the slack."""
    before = [run for run in runs if run.since <= moment]
    if before and moment <= before[-1].until:
        return before[-1]
    near = [(moment - run.until, run) for run in before[-1:]]
    near += [(run.since - moment, run) for run in runs[len(before) : len(before) + 1]]
    apart, run = min(near, key=lambda one: one[0], default=(math.inf, None))
    return run if apart <= SLACK else None


def _take_astray(runs: Sequence[_Run], timed: Sequence[_Run], astray: list[CountedLine]) -> None:
    """Calls at a time at which no run of the session went on."""
    unknown = [run for run in runs if run.since == math.inf]
    if unknown:
        unknown[0].calls = astray
        return
    free = [run for run in timed if not run.calls]
    used = _sum_of(astray)
    for run in free:
        if _sum_of(run.lines) == used:
            run.calls = astray
            return


def _sum_of(lines: Iterable[CountedLine]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*(line.kinds for line in lines), strict=True)))


def _rest_of(run: _Run) -> list[CountedLine]:
    """Leave to the lines of a run what its calls do not cover; those that say nothing any more."""
    for call in run.calls:
        take_names(call, run.lines)
    columns = [_beyond(run, name) for name in _AMOUNTS]
    gone = []
    for line, amounts in zip(run.lines, zip(*columns, strict=True), strict=True):
        rest = dict(zip(_AMOUNTS, amounts, strict=True))
        if not any(rest[name] for name in (*_TOKENS, "web_searches")):
            rest = dict.fromkeys(_AMOUNTS, 0)
            if line.given.get("success") is True:
                gone.append(line)
        line.changed = _as_fields(line, rest)
    return gone


_TOKENS = (*PLAIN, "writes")
_AMOUNTS = (*_TOKENS, "tokens_thinking", "web_searches", "calls", "estimated_cost_usd")


def _beyond(run: _Run, name: str) -> list[Any]:
    """What each line of a run has of an amount beyond the calls: of its own model first, then of any."""
    have = [_amount(line, name) for line in run.lines]
    calls = [(str(call.given.get("model")), _amount(call, name)) for call in run.calls]
    if None in have or any(amount is None for _, amount in calls):
        return [None] * len(have)
    used: dict[str, float] = defaultdict(int)
    for model, amount in calls:
        used[model] += amount or 0
    models = [str(line.given.get("model")) for line in run.lines]
    return _taken_off(have, models, used)


def _taken_off(have: list[Any], models: list[str], used: dict[str, float]) -> list[Any]:
    rest = []
    for amount, model in zip(have, models, strict=True):
        part = min(used[model], amount)
        used[model] -= part
        rest.append(amount - part)
    over = sum(used.values())
    for at, amount in enumerate(rest):
        part = min(over, amount)
        rest[at], over = amount - part, over - part
    return rest


def _amount(line: CountedLine, name: str) -> float | None:
    if name == "estimated_cost_usd":
        return line.cost
    if name == "writes":
        return line.kinds[3]
    return line.number(name, 1 if name == "calls" else 0)


def _as_fields(line: CountedLine, rest: dict[str, Any]) -> dict[str, Any]:
    """The fields of the line that hold the rest. The time is the whole run's and says nothing of it."""
    short = min(line.number(WRITES[0]), rest["writes"])
    cost = rest["estimated_cost_usd"]
    return {
        **{name: rest[name] for name in (*PLAIN, "web_searches", "calls")},
        "tokens_thinking": min(rest["tokens_thinking"], rest["tokens_output"]),
        WRITES[0]: short,
        WRITES[1]: rest["writes"] - short,
        "tokens_total": sum(rest[name] for name in _TOKENS),
        "estimated_cost_usd": None if cost is None else round(cost, 10),
        **dict.fromkeys(("duration_seconds", "time_to_first_token", "tokens_per_second")),
    }
