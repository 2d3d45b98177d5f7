"""What becomes of lines that may tell of the same calls, while it is found out: the first rules of `once`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logger.counted_line import FINEST_FIRST, NAMES, PER_CALL

from .digests import mixed
from .links import sources_of
from .table import Table

Array = NDArray[Any]

TOKENS = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write")
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


class Verdict:
    """What rows count for: columns that are changed on the way."""

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
        found: Array = alphabetic(self.rows.names[facet])[codes]
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


def alphabetic(names: pa.Array) -> Array:
    """The rank of each name."""
    found = np.empty(len(names), dtype=np.int64)
    found[pc.sort_indices(names).to_numpy()] = np.arange(len(names))
    return found
