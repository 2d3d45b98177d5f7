"""What counts when several lines tell of the same call: each call once, by the line that knows it best.

The rule, which the dashboard's store applies to whole columns and proves against this one:

1. Of lines with the same derived `call_id` (see `call_ids.derived_id`) the best one counts: a final one
   before a lower bound, then the one with more tokens.
2. Lines of different sources with the same `request_id` or `message_id` tell of the same call. The lines
   of the finest source count (`FINEST_FIRST`; one whose counts are all final goes before). Lines of one
   source never stand for each other: gateways give many replies one id.
3. Where there are no request ids, a telemetry and a transcript line of the same session and tokens are one
   call, one line for one, in order of time; of a transcript's lower bound the output may be smaller.
4. A run of the CLI and the telemetry or transcript lines of its session within its time are the same calls.
   The calls count; of the run only what it used beyond them: helper calls no transcript holds, calls whose
   telemetry was lost. A run of unknown time takes what no other run of its session covers. Where the times
   of a session do not fit at all, run and calls are the same if every token count is.

A line that counts takes the names (task, worker, project, session) it lacks from those it stands for. A
transcript knows only a directory: a project that others name goes before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .call_ids import DERIVED
from .counted_line import FINEST_FIRST, PER_CALL, CountedLine, as_name, line_of, moment, take_names
from .run_rest import beyond_calls


def counted_once(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines that count, as parsed JSON, in the order given; changed ones are copies."""
    return [line for line in each_counted(lines) if line is not None]


def each_counted(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
    """For each line what of it counts, None where others count in its place."""
    every = [line_of(one) for one in lines]
    left = {id(one) for one in beyond_calls(_paired(_finest(_one_of_each(every))))}
    return [one.counted() if id(one) in left else None for one in every]


def _one_of_each(lines: Sequence[CountedLine]) -> list[CountedLine]:
    """Rule 1: of lines with the same derived id the best."""
    groups: dict[str, list[CountedLine]] = defaultdict(list)
    for line in lines:
        call_id = line.given.get("call_id")
        if isinstance(call_id, str) and DERIVED.fullmatch(call_id):
            groups[call_id].append(line)
    dropped: set[int] = set()
    for group in groups.values():
        best, *others = sorted(group, key=lambda line: line.order, reverse=True)
        take_names(best, others)
        dropped.update(map(id, others))
    return [line for line in lines if id(line) not in dropped]


def _finest(lines: Sequence[CountedLine]) -> list[CountedLine]:
    """Rule 2: of lines that tell of the same call those of the finest source."""
    dropped: set[int] = set()
    for group in _same_calls(lines):
        winners, others = _by_source(group)
        dropped.update(map(id, others))
        for winner in winners:
            winner.covers = winner.covers or any(line.covers for line in others)
        if len(winners) == 1:
            take_names(winners[0], sorted(others, key=_rank_and_order, reverse=True))
    return [line for line in lines if id(line) not in dropped]


def _same_calls(lines: Sequence[CountedLine]) -> list[list[CountedLine]]:
    """Lines joined by common ids, groups of one left out."""
    first: dict[str, int] = {}
    leader = list(range(len(lines)))
    for at, line in enumerate(lines):
        for key in _keys(line):
            one, other = _leader(leader, at), _leader(leader, first.setdefault(key, at))
            leader[max(one, other)] = min(one, other)
    groups: dict[int, list[CountedLine]] = defaultdict(list)
    for at, line in enumerate(lines):
        groups[_leader(leader, at)].append(line)
    return [group for group in groups.values() if len(group) > 1]


def _leader(leader: list[int], at: int) -> int:
    while leader[at] != at:
        leader[at] = at = leader[leader[at]]
    return at


def _keys(line: CountedLine) -> list[str]:
    told = {name: as_name(line.given.get(f"{name}_id")) for name in ("request", "message")}
    return [f"{name} {value}" for name, value in told.items() if value]


def _by_source(group: Sequence[CountedLine]) -> tuple[list[CountedLine], list[CountedLine]]:
    """(the lines of the finest source, the others)"""
    sources: dict[int, list[CountedLine]] = defaultdict(list)
    for line in group:
        sources[_rank(line)].append(line)
    best = min(sources, key=lambda rank: (not all(line.final for line in sources[rank]), rank))
    return sources.pop(best), [line for lines in sources.values() for line in lines]


def _paired(lines: Sequence[CountedLine]) -> list[CountedLine]:
    """Rule 3: of a telemetry and a transcript line that only session and tokens join the telemetry counts."""
    bare = [line for line in lines if line.source in PER_CALL and _by_tokens(line)]
    bare.sort(key=lambda line: (moment(line.given), line.order))
    dropped: set[int] = set()
    for bounds in (False, True):
        waiting: dict[Any, list[CountedLine]] = defaultdict(list)
        for line in bare:
            if line.source == "otel" and id(line) not in dropped:
                waiting[_tokens_key(line, bounds)].append(line)
        for line in bare:
            fits = line.source == "transcript" and id(line) not in dropped and (not bounds or not line.final)
            if fits and waiting[_tokens_key(line, bounds)]:
                other = waiting[_tokens_key(line, bounds)].pop(0)
                take_names(other, [line])
                dropped.update((id(line), id(other)))
    gone = {id(line) for line in bare if line.source == "transcript" and id(line) in dropped}
    return [line for line in lines if id(line) not in gone]


def _by_tokens(line: CountedLine) -> bool:
    known = [as_name(line.given.get(name)) for name in ("session_id", "request_id")]
    return bool(known[0]) and not known[1] and line.tokens > 0


def _tokens_key(line: CountedLine, bounds: bool) -> tuple[Any, ...]:
    plain, output, *cached = line.kinds
    return as_name(line.given.get("session_id")), plain, None if bounds else output, *cached


def _rank(line: CountedLine) -> int:
    return FINEST_FIRST.index(line.source) if line.source in FINEST_FIRST else len(FINEST_FIRST)


def _rank_and_order(line: CountedLine) -> tuple[Any, ...]:
    return -_rank(line), line.order
