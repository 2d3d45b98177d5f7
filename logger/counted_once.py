"""What counts when several lines tell of the same call: each call once, by the line that knows it best.

The rule, which the dashboard's store applies to whole columns and proves against this one:

1. Of lines with the same derived `call_id` (see `call_ids.derived_id`) the best one counts: a final one
   before a lower bound, then the one with more tokens.
2. Lines of different sources with the same `request_id` or `message_id` tell of the same call. So do a
   telemetry and a transcript line without request ids that name the same session and the same tokens. The
   lines of the finest source count (`FINEST_FIRST`; one whose counts are all final goes before). Lines of
   one source never stand for each other: gateways give many replies one id.
3. A run of the CLI and the telemetry or transcript lines of its session within its time are the same calls.
   The calls count; of the run only what it used beyond them: helper calls no transcript holds, calls whose
   telemetry was lost. A run of unknown time takes what no other run of its session covers. Where the times
   of a session do not fit at all, run and calls are the same if every token count is.

A line that counts takes the names (task, worker, project, session) it lacks from those it stands for. A
transcript knows only a directory: a project that others name goes before it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .call_ids import DERIVED
from .usage import count

FINEST_FIRST = ("sdk", "otel", "transcript", "rest", "manual", "demo")
"""Sources that know single calls, the best first; all others come after them."""

PER_CALL = ("otel", "transcript")
"""Sources that know the calls inside a run of the CLI."""

RUNS = "cli"
NAMES = ("task_id", "worker_id", "project", "session_id")
SLACK = 30.0
"""Seconds by which the clocks of a run and of its calls may differ."""

_PLAIN = ("tokens_input", "tokens_output", "tokens_cache_read")
_WRITES = ("tokens_cache_write_5m", "tokens_cache_write_1h")


@dataclass(slots=True)
class _Line:
    """A line and what is made of it."""

    given: Mapping[str, Any]
    source: str
    names: dict[str, str]
    covers: bool
    """Whether it is a call that runs may have made."""
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        return self.given.get("tokens_final") is not False

    @property
    def tokens(self) -> int:
        return sum(self.kinds)

    @property
    def kinds(self) -> tuple[int, int, int, int]:
        """Input, output, cache read, cache writes; 0 where not known."""
        plain, output, read = (self.number(name) for name in _PLAIN)
        return plain, output, read, sum(self.number(name) for name in _WRITES)

    def number(self, name: str, otherwise: int = 0) -> int:
        """A count of the line."""
        value = count(self.given.get(name))
        return otherwise if value is None else value

    @property
    def order(self) -> tuple[Any, ...]:
        """The larger, the better, among lines that tell of the same call. No order of arrival is in it."""
        cost = -1.0 if self.cost is None else self.cost
        names = (self.names.get(name, "") for name in NAMES)
        success = self.given.get("success") is True
        rest = (str(self.given.get("model")), success, self.number("calls", 1), _moment(self.given))
        return self.final, self.tokens, cost, *names, *self.kinds, *rest

    @property
    def cost(self) -> float | None:
        return _number(self.given.get("estimated_cost_usd"))

    def counted(self) -> dict[str, Any]:
        return {**self.given, **self.names, **self.changed}


def counted_once(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines that count, as parsed JSON, in the order given; changed ones are copies."""
    every = [_line(one) for one in lines]
    rest = _finest(_one_of_each(every))
    left = {id(one) for one in _beyond_calls(rest)}
    return [one.counted() for one in every if id(one) in left]


def _line(given: Mapping[str, Any]) -> _Line:
    names = {name: str(given[name]) for name in NAMES if given.get(name) not in (None, "")}
    source = str(given.get("source") or "")
    return _Line(given, source, names, source in PER_CALL)


def _one_of_each(lines: Sequence[_Line]) -> list[_Line]:
    """Rule 1."""
    groups: dict[str, list[_Line]] = defaultdict(list)
    for line in lines:
        call_id = line.given.get("call_id")
        if isinstance(call_id, str) and DERIVED.fullmatch(call_id):
            groups[call_id].append(line)
    dropped: set[int] = set()
    for group in groups.values():
        best, *others = sorted(group, key=lambda line: line.order, reverse=True)
        _take_names(best, others)
        dropped.update(map(id, others))
    return [line for line in lines if id(line) not in dropped]


def _finest(lines: Sequence[_Line]) -> list[_Line]:
    """Rule 2."""
    dropped: set[int] = set()
    for group in _same_calls(lines):
        winners, others = _by_source(group)
        dropped.update(map(id, others))
        for winner in winners:
            winner.covers = winner.covers or any(line.covers for line in others)
        if len(winners) == 1:
            _take_names(winners[0], sorted(others, key=_rank_and_order, reverse=True))
    return [line for line in lines if id(line) not in dropped]


def _same_calls(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Lines joined by common ids, groups of one left out."""
    first: dict[str, int] = {}
    leader = list(range(len(lines)))
    for at, line in enumerate(lines):
        for key in _keys(line):
            one, other = _leader(leader, at), _leader(leader, first.setdefault(key, at))
            leader[max(one, other)] = min(one, other)
    groups: dict[int, list[_Line]] = defaultdict(list)
    for at, line in enumerate(lines):
        groups[_leader(leader, at)].append(line)
    return [group for group in groups.values() if len(group) > 1]


def _leader(leader: list[int], at: int) -> int:
    while leader[at] != at:
        leader[at] = at = leader[leader[at]]
    return at


def _keys(line: _Line) -> list[str]:
    told = {"request": line.given.get("request_id"), "message": line.given.get("message_id")}
    found = [f"{name} {value}" for name, value in told.items() if isinstance(value, str) and value]
    session = line.names.get("session_id")
    if not told["request"] and session and line.source in PER_CALL:
        found.append(f"tokens {session} {line.kinds}")
    return found


def _by_source(group: Sequence[_Line]) -> tuple[list[_Line], list[_Line]]:
    """(the lines of the finest source, the others)"""
    sources: dict[int, list[_Line]] = defaultdict(list)
    for line in group:
        sources[_rank(line)].append(line)
    best = min(sources, key=lambda rank: (not all(line.final for line in sources[rank]), rank))
    return sources.pop(best), [line for lines in sources.values() for line in lines]


def _rank(line: _Line) -> int:
    return FINEST_FIRST.index(line.source) if line.source in FINEST_FIRST else len(FINEST_FIRST)


def _rank_and_order(line: _Line) -> tuple[Any, ...]:
    return -_rank(line), line.order


def _take_names(line: _Line, others: Sequence[_Line]) -> None:
    """The names a line lacks, from the first of the others that has one."""
    for name in NAMES:
        guessed = name == "project" and line.source == "transcript"
        if name in line.names and not guessed:
            continue
        free = name not in line.names
        told = [one.names[name] for one in others if name in one.names and (free or not _guesses(one))]
        if told:
            line.names[name] = told[0]


def _guesses(line: _Line) -> bool:
    return line.source == "transcript"


@dataclass(slots=True)
class _Run:
    """Lines of one process of the CLI, one per model, and the calls found to be its own."""

    lines: list[_Line]
    since: float
    until: float
    calls: list[_Line] = field(default_factory=list)


def _beyond_calls(lines: Sequence[_Line]) -> list[_Line]:
    """Rule 3."""
    sessions: dict[str, tuple[list[_Line], list[_Line]]] = defaultdict(lambda: ([], []))
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


def _runs(lines: Sequence[_Line]) -> list[_Run]:
    """The runs of a session, in order of time. Those of unknown time are one, the last."""
    found: dict[float, _Run] = {}
    for line in lines:
        known = _number(line.given.get("start_time")) is not None
        since = _moment(line.given) if known else math.inf
        end = _number(line.given.get("end_time"))
        run = found.setdefault(since, _Run([], since, -math.inf))
        run.lines.append(line)
        run.until = max(run.until, math.inf if end is None else end)
    for run in found.values():
        run.lines.sort(key=lambda line: (_moment(line.given), str(line.given.get("model")), line.order))
    return sorted(found.values(), key=lambda run: run.since)


def _covered(runs: list[_Run], calls: Sequence[_Line]) -> list[_Run]:
    """The runs that have calls among these."""
    timed = [run for run in runs if run.since < math.inf]
    astray: list[_Line] = []
    for call in calls:
        run = _run_at(timed, _moment(call.given))
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


def _take_astray(runs: Sequence[_Run], timed: Sequence[_Run], astray: list[_Line]) -> None:
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


def _sum_of(lines: Iterable[_Line]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*(line.kinds for line in lines), strict=True)))


def _rest_of(run: _Run) -> list[_Line]:
    """Leave to the lines of a run what its calls do not cover; those that say nothing any more."""
    for call in run.calls:
        _take_names(call, run.lines)
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


_TOKENS = (*_PLAIN, "writes")
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


def _amount(line: _Line, name: str) -> float | None:
    if name == "estimated_cost_usd":
        return line.cost
    if name == "writes":
        return line.kinds[3]
    return line.number(name, 1 if name == "calls" else 0)


def _as_fields(line: _Line, rest: dict[str, Any]) -> dict[str, Any]:
    """The fields of the line that hold the rest. The time is the whole run's and says nothing of it."""
    short = min(line.number(_WRITES[0]), rest["writes"])
    cost = rest["estimated_cost_usd"]
    return {
        **{name: rest[name] for name in (*_PLAIN, "web_searches", "calls")},
        "tokens_thinking": min(rest["tokens_thinking"], rest["tokens_output"]),
        _WRITES[0]: short,
        _WRITES[1]: rest["writes"] - short,
        "tokens_total": sum(rest[name] for name in _TOKENS),
        "estimated_cost_usd": None if cost is None else round(cost, 10),
        **dict.fromkeys(("duration_seconds", "time_to_first_token", "tokens_per_second")),
    }


def _moment(given: Mapping[str, Any]) -> float:
    """Unix seconds of the timestamp; a time that is none is before all others."""
    try:
        return datetime.fromisoformat(str(given.get("timestamp"))).timestamp()
    except (ValueError, OverflowError, OSError):
        return -math.inf


def _number(value: Any) -> float | None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf
    return float(value) if good else None
