"""Differences as people are told of them: the pieces of a day, model and reason together, with a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from ..numbers import plural, usd
from .axes import KINDS, SEARCH, Ints
from .grid import Grid
from .rest import DUST
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
    calls: int | None = None
    """How many calls it is about, where that is known."""
    certain: bool = True
    """False where the rule is a likely reading of the numbers, not a proof."""
    sentence: str = ""
    lines: Sequence[tuple[str, int]] = ()
    """`day` and `offset` of the log's lines it is about, where they are known; at most `MOST_LINES`."""


MOST_LINES = 100


def findings_of(
    pieces: Iterable[Piece], grid: Grid, names: Mapping[int, tuple[str, int]], whose: Whose
) -> list[Finding]:
    """The pieces by day, model and reason, largest first. names: position of a line -> its day and offset."""
    groups: dict[tuple[int, int, str, str], list[Piece]] = {}
    for piece in pieces:
        groups.setdefault(_together(piece), []).append(piece)
    found = [_finding(group, grid, names, whose) for group in groups.values()]
    return sorted(
        [*found, *_other(grid)], key=lambda one: (-abs(one.usd), -abs(one.tokens), one.day, one.model)
    )


def _finding(
    group: Sequence[Piece], grid: Grid, names: Mapping[int, tuple[str, int]], whose: Whose
) -> Finding:
    first = group[0]
    counts = np.sum([piece.counts for piece in group], axis=0)
    money = np.sum([piece.usd for piece in group], axis=0)
    touched = [KINDS[place] for place in np.flatnonzero((counts != 0) | (np.abs(money) > DUST))]
    kind = touched[0] if len(touched) == 1 else None
    calls = [piece.calls for piece in group]
    found = Finding(
        reason=first.reason,
        day=grid.axes.day(first.day),
        model=grid.axes.models[first.model],
        kind=kind,
        tokens=int(counts[_SEARCH]) if kind == SEARCH else tokens(counts),
        usd=float(money.sum()),
        calls=None if None in calls else sum(one for one in calls if one is not None),
        certain=all(piece.certain for piece in group),
        lines=[names[line] for piece in group for line in piece.lines[:MOST_LINES]],
    )
    return _told(found, first.hint or _whose(found, whose, counts))


def _together(piece: Piece) -> tuple[int, int, str, str]:
    """What one finding is made of: for another price, all kinds."""
    return piece.day, piece.model, piece.reason, "" if piece.reason == "price" else piece.hint


def _whose(found: Finding, whose: Whose, counts: Ints) -> str:
    """Whose usage it was, where it is all that one key or workspace used."""
    return whose.said(found.day, found.model, counts) if found.reason == "not_logged" else ""


def _told(found: Finding, more: str) -> Finding:
    return replace(found, sentence=sentence(found, more))


def _other(grid: Grid) -> list[Finding]:
    """Costs that no line tells of, and their discounts."""
    found = []
    for row in grid.other.to_dict("records"):
        day = row["day"].date()
        reason = OF_COSTS.get(row["kind"], "unexplained")
        parts = ((reason, row["list_usd"]), ("discount", row["usd"] - row["list_usd"]))
        some = [Finding(why, day, row["model"], row["kind"], 0, money) for why, money in parts]
        found += [_told(one, row["kind"]) for one in some if abs(one.usd) > DUST]
    return found


def day_words(day: date) -> str:
    """`3 November`."""
    return f"{day.day} {day:%B}"


def sentence(one: Finding, more: str = "") -> str:
    """What a finding says."""
    write = _SENTENCES.get(one.reason, _SENTENCES["unexplained"])
    return write.format(
        what=_what(one),
        on=f"on {day_words(one.day)}" + (f" for {one.model}" if one.model else ""),
        was=_verb(one),
        amount=_amount(one),
        usd=usd(abs(one.usd)),
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
    "discount": "A discount of {usd} {on}.",
    "web_search": "{what} {on} {was} {direction}: {usd}.",
    "code_execution": "Code execution {on} was billed: {usd}. No line of the log tells of it.",
    "session_time": "Session time {on} was billed: {usd}. No line of the log tells of it.",
    "price": "Another price {on}: billed at {more}. That makes {usd}.",
    "several": "Several causes at once {on}, not told apart: log and bill differ by {amount} in all{more}.",
    "unexplained": "{amount} {on} were {direction}, and nothing explains it{more}.",
}


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
