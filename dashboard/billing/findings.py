"""Differences as people are told of them: the pieces of a day, model and reason together, with a sentence."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from ..numbers import plural, usd
from .axes import KINDS, SEARCH
from .grid import CREDIT, Grid
from .rest import DUST
from .vague import Left
from .whose import Whose
from .workings import Piece, tokens

OF_COSTS = {"code_execution": "code_execution", "session_usage": "session_time"}
"""Cost types that no line can tell of -> reason; others are not explained."""

_SEARCH = KINDS.index(SEARCH)


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference explained. Tokens and USD are billed less logged: positive is missing in the log."""

    reason: str
    """Of `reconcile.REASONS`."""
    day: date
    model: str
    kind: str | None
    """Of `reconcile.CELL_COLUMNS`' kinds; None when it is about several."""
    tokens: int
    """Of kind web_search: searches."""
    usd: float
    """What is missing as it was paid, what is too much as it was logged."""
    calls: int | None = None
    """How many calls it is about, where that is known."""
    certain: bool = True
    """False where the rule is a likely reading of the numbers, not a proof."""
    sentence: str = ""
    when: str = ""
    """The day as people read it, with its year where the comparison holds several."""
    lines: Sequence[tuple[str, int]] = ()
    """`day` and `offset` of the log's lines it is about, where they are known; at most `MOST_LINES`."""
    apart: float = 0.0
    """Where kinds may differ in both directions: the USD by which they do, each for itself."""

    @property
    def missing_usd(self) -> float:
        """At least so much is missing: the part of kinds that were billed beyond the log."""
        return round((max(self.apart, abs(self.usd)) + self.usd) / 2, _DIGITS)

    @property
    def surplus_usd(self) -> float:
        """At least so much is too much."""
        return self.missing_usd - self.usd


_BOTH_WAYS = frozenset({"several", "price", "unexplained"})
"""Reasons under which one kind may cost more and another less."""

MOST_LINES = 100
_DIGITS = 10
"""Of USD: what floats add to a sum stays out."""


def findings_of(
    pieces: Iterable[Piece], grid: Grid, names: Mapping[int, tuple[str, int]], whose: Whose, left: Left
) -> list[Finding]:
    """The pieces by day, model and reason, largest first. names: position of a line -> its day and offset."""
    years = several_years([grid.axes.day(int(place)) for place in np.flatnonzero(grid.asked)])
    groups: dict[tuple[int, int, str, str], list[Piece]] = {}
    for piece in pieces:
        groups.setdefault(_together(piece), []).append(piece)
    found = [
        _said(
            _finding(group, grid, names, years), group, whose, left.doubt(group[0].day, _model(group, grid))
        )
        for group in groups.values()
    ]
    return sorted(
        [*found, *_other(grid, years)], key=lambda one: (-abs(one.usd), -abs(one.tokens), one.day, one.model)
    )


def _finding(
    group: Sequence[Piece], grid: Grid, names: Mapping[int, tuple[str, int]], years: bool
) -> Finding:
    first = group[0]
    counts = np.sum([piece.counts for piece in group], axis=0)
    money = np.sum([piece.usd for piece in group], axis=0)
    touched = [KINDS[place] for place in np.flatnonzero((counts != 0) | (np.abs(money) > DUST))]
    kind = touched[0] if len(touched) == 1 else None
    calls = [piece.calls for piece in group]
    return Finding(
        reason=first.reason,
        day=grid.axes.day(first.day),
        when=day_words(grid.axes.day(first.day), year=years),
        model=_model(group, grid),
        kind=kind,
        tokens=int(counts[_SEARCH]) if kind == SEARCH else tokens(counts),
        usd=round(float(money.sum()), _DIGITS),
        apart=float(np.abs(money).sum()) if first.reason in _BOTH_WAYS else 0.0,
        calls=None if None in calls else sum(one for one in calls if one is not None),
        certain=all(piece.certain for piece in group),
        lines=[names[line] for piece in group for line in piece.lines[:MOST_LINES]],
    )


def _model(group: Sequence[Piece], grid: Grid) -> str:
    return grid.axes.models[group[0].model]


def _said(found: Finding, group: Sequence[Piece], whose: Whose, doubt: str) -> Finding:
    """With its sentence. doubt: which lines of unknown model may be what is missing, or ""."""
    if found.reason != "not_logged":
        return _told(found, group[0].hint)
    counts = np.sum([piece.counts for piece in group], axis=0)
    more = whose.said(found.day, found.model, counts) + group[0].hint + doubt
    return _told(replace(found, certain=found.certain and not doubt), more)


def _together(piece: Piece) -> tuple[int, int, str, str]:
    """What one finding is made of: for another price, all kinds."""
    return piece.day, piece.model, piece.reason, "" if piece.reason == "price" else piece.hint


def _told(found: Finding, more: str) -> Finding:
    return replace(found, sentence=sentence(found, more))


def _other(grid: Grid, years: bool) -> list[Finding]:
    """Costs that no line tells of, as they were paid, and credits."""
    rows = [row for row in grid.other.to_dict("records") if abs(row["usd"]) > DUST]
    return [_cost(row, years) for row in rows]


def _cost(row: dict[Hashable, Any], years: bool) -> Finding:
    kind, day = str(row["kind"]), row["day"].date()
    reason = CREDIT if kind == CREDIT else OF_COSTS.get(kind, "unexplained")
    found = Finding(reason, day, row["model"], kind, 0, row["usd"], when=day_words(day, year=years))
    said = _UNTOLD.format(what=usd(found.usd), kind=_UNNAMED.get(kind, kind), on=_on(found))
    return replace(found, sentence=said) if reason == "unexplained" else _told(found, "")


def day_words(day: date, *, year: bool = False) -> str:
    """`3 November`, or `3 November 2026`."""
    return f"{day.day} {day:%B}{f' {day.year}' if year else ''}"


def several_years(days: Sequence[date]) -> bool:
    """Whether a day of these cannot be named without its year."""
    return len({day.year for day in days}) > 1


def sentence(one: Finding, more: str = "") -> str:
    """What a finding says."""
    write = _SENTENCES.get(one.reason, _SENTENCES["unexplained"])
    return write.format(
        what=_what(one),
        on=_on(one),
        was=_verb(one),
        amount=_amount(one),
        usd=usd(abs(one.usd)),
        another="Another price" if one.certain else "Likely another price",
        makes=_makes(one),
        direction="billed and not logged" if one.usd >= 0 else "logged and not billed",
        more=more,
    )


_SENTENCES = {
    "not_logged": "{what} {on} {was} billed and not logged: {amount}{more}.",
    "lower_bound": "{what} {on} {was} only counted in part: {amount} more were billed.",
    "no_counts": "{what} {on} {was} logged without counts: {amount} more were billed.",
    "unpriced": "The log knows no price of what was used {on}: {usd} was billed for it.",
    "not_billed": "{what} {on} {was} logged and not billed: {amount}.",
    "failed": "{what} that failed {on} {was} logged with {amount} and not billed.",
    "logged_twice": "{what} {on} {was} logged twice: {amount}.",
    "day_edge": "{what} {on} {was} {more}: {amount}.",
    "not_reported_yet": "{amount} {on} may not be in Anthropic's report yet: it was read within a day.",
    "rounding": "{usd} {on} is within rounding.",
    "other_part": "{amount} {on} are not in this part of the bill: perhaps of another workspace or key.",
    "discount": "A discount of {usd} {on}.",
    "surcharge": "{usd} {on} was charged above the list price.",
    "credit": "A credit of {usd} {on}.",
    "web_search": "{what} {on} {was} {direction}: {usd}.",
    "code_execution": "Code execution {on} was billed: {usd}. No line of the log tells of it.",
    "session_time": "Session time {on} was billed: {usd}. No line of the log tells of it.",
    "no_usage": "Anthropic tells costs {on}, but no usage: only the sums are compared, {usd} apart.",
    "price": "{another} {on}: billed at {more}. That makes {makes}.",
    "several": "Likely several causes at once {on}: log and bill differ by {amount} in all{more}.",
    "unexplained": "{amount} {on} were {direction}, and nothing explains it{more}.",
}


_UNTOLD = "{what} of {kind} {on} was billed; no line of the log tells of it."
_UNNAMED = {"tokens": "other kinds of tokens", "": "an unnamed kind"}


def _makes(one: Finding) -> str:
    """`$0.40`, or `$5.00 more of some kinds and $4.60 less of others`."""
    more, less = usd(one.missing_usd), usd(one.surplus_usd)
    both = min(one.missing_usd, one.surplus_usd) > DUST
    return f"{more} more of some kinds and {less} less of others" if both else usd(abs(one.usd))


def _on(one: Finding) -> str:
    """`on 3 November for claude-haiku-4-5`."""
    return f"on {one.when or day_words(one.day)}" + (f" for {one.model}" if one.model else "")


def _what(one: Finding) -> str:
    if one.kind == SEARCH:
        return plural(abs(one.tokens), "web search", "web searches")
    return plural(one.calls, "call") if one.calls else "Usage"


def _verb(one: Finding) -> str:
    single = (one.calls or 1) == 1 if one.kind != SEARCH else abs(one.tokens) == 1
    return ("was" if single else "were") + ("" if one.certain else " likely")


def _amount(one: Finding) -> str:
    counted = (
        plural(abs(one.tokens), "token")
        if one.kind != SEARCH
        else plural(abs(one.tokens), "search", "searches")
    )
    return f"{counted}, {usd(abs(one.usd))}" if one.tokens else usd(abs(one.usd))
