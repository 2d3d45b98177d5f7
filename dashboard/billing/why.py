"""Why tokens are left over on a day and model when no line explains more: certain only where it is proved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .axes import OUTPUT, TOKENS, Ints
from .midnight import in_doubt
from .subsets import exactly, numbered, searched
from .surplus import failures, twins
from .workings import Workings

_MOST_OUTPUT = 128_000
"""Tokens that one call can write, by all that is known of models."""

_SOME_CUT = "; some of it may belong to lines that are a lower bound"
_SOME_BLANK = "; some of it may belong to calls that were logged without counts"
_YOUNG = "; some of it may not be in Anthropic's report yet"


@dataclass(frozen=True, slots=True)
class Why:
    """Why tokens are missing or too many, as far as it can be told."""

    reason: str
    calls: int | None = None
    certain: bool = True
    hint: str = ""


def why(work: Workings, day: int, model: int, left: Ints) -> Why:
    """The reason for tokens left over, billed less logged."""
    if (left > 0).any() and (left < 0).any():
        return _several(work, day)
    return _Missing(work, day, model, left).why() if (left > 0).any() else _surplus(work, day, model, left)


def _several(work: Workings, day: int) -> Why:
    return Why("several", certain=False, hint=_YOUNG if work.grid.young[day] else "")


def _surplus(work: Workings, day: int, model: int, left: Ints) -> Why:
    """Tokens that were logged and not billed, and that no line explains."""
    if work.grid.young[day]:
        return Why("not_reported_yet", certain=False)
    more = work.too_many(day, model)
    if more is None:
        return Why("not_billed", certain=False)
    if more <= 0:
        return _several(work, day)
    lines, at = work.grid.lines, work.lines_of(day, model)
    found = exactly(-left[TOKENS], lines.counts[at, TOKENS], lines.calls[at], more)
    if found is None and not _cut(work, day, model) and searched(len(at), more):
        return _several(work, day)
    fitting = at[(lines.counts[at] <= -left).all(axis=1)]
    sure = found is not None and _all_differ(work, fitting) and _alone(work, day, model)
    return Why("not_billed", more, certain=sure and not _cut(work, day, model))


class _Missing:
    """Tokens of a day and model that were billed and not logged."""

    def __init__(self, work: Workings, day: int, model: int, left: Ints) -> None:
        self._work, self._day, self._model, self._left = work, day, model, left
        requests = work.grid.bill.requests[day, model]
        self._requests = None if np.isnan(requests) else int(requests)
        self._cut = _cut(work, day, model)
        self._blank = int(work.blank[day, model])
        self._only_output = not np.delete(left[TOKENS], OUTPUT).any()

    def why(self) -> Why:
        """By how many calls are missing, where requests are told."""
        if self._requests is None:
            return self._of_calls(None)
        short = self._requests - int(self._work.calls[self._day, self._model])
        if short > 0:
            return self._of_calls(short)
        return self._of_no_calls() if short == 0 else _several(self._work, self._day)

    def _of_calls(self, short: int | None) -> Why:
        """More requests than calls, or nobody knows."""
        loose = bool(self._work.loose[self._day, self._model])
        if self._cut and self._only_output:
            return Why("lower_bound", self._cut, certain=False)
        if self._blank and (short is None or short <= self._blank):
            return Why("no_counts", short, certain=False)
        if self._cut or self._blank:
            hint = _SOME_CUT if self._cut else _SOME_BLANK
            return Why("not_logged", None if loose else short, certain=False, hint=hint)
        proved = short is not None and not loose and _alone(self._work, self._day, self._model)
        return Why("not_logged", None if loose else short, certain=proved)

    def _of_no_calls(self) -> Why:
        """As many requests as calls: counts of some were too low, or one is lost and another not billed."""
        if not self._cut:
            several = np.count_nonzero(self._left[TOKENS]) > 1
            return _several(self._work, self._day) if several else Why("unexplained")
        equal_free = _all_differ(self._work, self._work.lines_of(self._day, self._model))
        if self._left[OUTPUT] > _MOST_OUTPUT * self._cut or not (self._only_output or equal_free):
            return _several(self._work, self._day)
        loose = self._work.loose[self._day, self._model]
        proved = self._only_output and not loose and _alone(self._work, self._day, self._model)
        return Why("lower_bound", self._cut, certain=proved)


def _all_differ(work: Workings, lines: Ints) -> bool:
    """Whether no two of these lines have the same counts, so that none can be told twice."""
    number = numbered(work.grid.lines.counts[lines])
    return len(np.unique(number)) == len(number)


def _alone(work: Workings, day: int, model: int) -> bool:
    """Whether nothing else about a day and model is a guess, or may differ as well."""
    if work.guessed[day, model] or len(failures(work, day, model)) or in_doubt(work, day, model):
        return False
    return not twins(work, day, model).strong.any()


def _cut(work: Workings, day: int, model: int) -> int:
    """Calls of lines whose counts are a lower bound."""
    lines, at = work.grid.lines, work.lines_of(day, model)
    return int(lines.calls[at[~lines.final[at]]].sum())
