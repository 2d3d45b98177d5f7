"""The reconciliation in one sentence, and what must be known with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from ..numbers import share, usd
from .findings import Finding, day_words
from .reasons import REASONS

EXCUSED = frozenset({"rounding", "discount", "not_reported_yet", "day_edge"})
"""Differences that say nothing against log or bill."""

NO_DIFFERENCE = frozenset({"rounding", "discount", "day_edge"})
"""Differences that are neither missing nor too much."""


_NOTHING = 5e-5
"""USD that would be written as less than $0.0001."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What the findings and the days add up to, USD."""

    logged: float
    billed: float
    list_price: float
    """Billed before discounts, as far as that is told."""
    missing: float
    surplus: float
    logged_tokens: int = 0

    @property
    def covered(self) -> float | None:
        """Share of the bill that was logged."""
        if self.list_price <= 0:
            return None
        return min(1.0, max(0.0, 1 - self.missing / self.list_price))


def sums(
    findings: Iterable[Finding], logged: float, billed: float, list_price: float, logged_tokens: int
) -> Sums:
    """What is missing and what is too much, both as positive USD."""
    counted = [one.usd for one in findings if one.reason not in NO_DIFFERENCE]
    missing = sum(value for value in counted if value > 0)
    surplus = -sum(value for value in counted if value < 0)
    return Sums(logged, billed, list_price, missing, surplus, logged_tokens)


def within(findings: Iterable[Finding], billed: float, tolerance: float, tolerance_usd: float) -> bool:
    """Whether all that speaks against log or bill, missing and too much, is at most that.

    tolerance: percent of what was billed.
    """
    wrong = sum(abs(one.usd) for one in findings if one.reason not in EXCUSED)
    return wrong <= max(tolerance / 100 * billed, tolerance_usd) + 1e-9


def verdict(findings: Sequence[Finding], total: Sums, compared: Sequence[date], *, any_bill: bool) -> str:
    """One sentence. It names the day, model and reason of what makes most of the difference."""
    if not compared:
        return _nothing_compared(any_bill=any_bill)
    told = [one for one in findings if one.reason not in NO_DIFFERENCE]
    if not told:
        return _fits(total)
    if not total.logged_tokens and total.list_price > 0:
        return f"None of the {usd(total.list_price)} billed is in the log{_most(told, 1)}."
    if total.list_price == 0:
        return f"{usd(total.logged)} was logged and nothing was billed{_most(told, -1)}."
    return _differs(told, total)


def _nothing_compared(*, any_bill: bool) -> str:
    if any_bill:
        return "Nothing can be compared yet: no whole day of the bill is here. callmeter sync reads it."
    return "Nothing can be compared: what Anthropic billed is not here. callmeter sync reads it."


def _fits(total: Sums) -> str:
    if total.list_price == 0 and total.logged == 0:
        return "Nothing was billed, and nothing was logged."
    return f"Nothing was billed that we did not log: {usd(total.list_price)}, all of it in the log."


def _differs(told: Sequence[Finding], total: Sums) -> str:
    parts = [f"We logged {_covered(total)} of what was billed"]
    if total.missing >= _NOTHING or total.surplus < _NOTHING:
        parts.append(_part(told, 1, total.missing, "missing"))
    if total.surplus >= _NOTHING:
        parts.append(_part(told, -1, total.surplus, "logged beyond it"))
    return "; ".join(parts) + "."


def _covered(total: Sums) -> str:
    return "all" if total.missing < _NOTHING else share(total.list_price - total.missing, total.list_price)


def _part(told: Sequence[Finding], sign: int, amount: float, word: str) -> str:
    if amount < _NOTHING:
        return f"what differs costs nothing{_most(told, sign)}"
    return f"{usd(amount)} is {word}{_most(told, sign)}"


def _most(told: Sequence[Finding], sign: int) -> str:
    """`, most of it on 3 November from claude-haiku-4-5 (billed, but not logged)`."""
    same = [one for one in told if one.usd * sign > 0] or list(told)
    whole = sum(map(_size, same))
    for how in (_day_model, _model_only):
        name, part = _largest(same, how)
        if part > whole / 2:
            return f", {'all' if part >= whole else 'most'} of it {_words(name, same, whole)}"
    return f", the largest part {_words(_largest(same, _day_model)[0], same, whole)}"


_Name = tuple[date | None, str, str]


def _size(one: Finding) -> float:
    return abs(one.usd) + abs(one.tokens) * 1e-12  # tokens decide where none costs anything


def _day_model(one: Finding) -> _Name:
    return one.day, one.model, one.reason


def _model_only(one: Finding) -> _Name:
    return None, one.model, one.reason


def _largest(findings: Sequence[Finding], how: Callable[[Finding], _Name]) -> tuple[_Name, float]:
    """What makes most of these findings, and how much of them."""
    sizes: dict[_Name, float] = {}
    for one in findings:
        sizes[how(one)] = sizes.get(how(one), 0.0) + _size(one)
    return max(sizes.items(), key=lambda item: item[1])


def _words(name: _Name, findings: Sequence[Finding], whole: float) -> str:
    day, model, reason = name
    mine = [one for one in findings if (one.model, one.reason) == (model, reason) and day in (None, one.day)]
    top = max(mine, key=_size)
    likely = "" if all(one.certain for one in mine) else "likely "
    told = filter(None, [f"on {day_words(day)}" if day else "", f"from {model}" if model else ""])
    above_all = f", above all on {day_words(top.day)}" if day is None and _size(top) > whole / 3 else ""
    return f"{' '.join(told)}{above_all} ({likely}{REASONS[reason]})"
