"""The reconciliation in one sentence, and what must be known with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from ..numbers import plural, share, usd
from .findings import Finding, day_words
from .reasons import REASONS

NO_DIFFERENCE = frozenset({"rounding", "discount", "credit", "day_edge", "other_part"})
"""Differences that are neither missing nor too much."""

EXCUSED = NO_DIFFERENCE | {"not_reported_yet"}
"""Differences that say nothing against log or bill."""

_NOTHING = 5e-5
"""USD that would be written as less than $0.0001."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What the findings and the days add up to, USD."""

    logged: float
    charged: float
    """Billed after discounts, before credits."""
    credits: float
    """What came off."""
    missing: float
    """As it was paid."""
    surplus: float
    """As it was logged."""
    elsewhere: float = 0.0
    """Logged, and perhaps of another workspace or key than those compared."""
    moved: float = 0.0
    """Billed on the days compared and likely logged on others; below zero the other way round."""
    doubtful: bool = False
    """Whether calls were likely, not surely, billed on the other side of a midnight."""
    logged_tokens: int = 0

    @property
    def covered(self) -> float | None:
        """Share of the charges that was logged; None when nothing was charged, or less than is missing."""
        if self.charged <= 0 or self.missing > self.charged + _NOTHING:
            return None
        return max(0.0, 1 - self.missing / self.charged)


def sums(findings: Sequence[Finding], logged: float, billed: float, logged_tokens: int) -> Sums:
    """What is missing and what is too much, both as positive USD. billed: after discounts and credits."""
    counted = [one for one in findings if one.reason not in NO_DIFFERENCE]
    credits = -sum(one.usd for one in findings if one.reason == "credit")
    return Sums(
        logged=logged,
        charged=billed + credits,
        credits=credits,
        missing=sum(one.missing_usd for one in counted),
        surplus=sum(one.surplus_usd for one in counted),
        elsewhere=-sum(one.usd for one in findings if one.reason == "other_part"),
        moved=sum(one.usd for one in findings if _is_guess(one)),
        doubtful=any(abs(one.usd) >= _NOTHING for one in findings if _is_guess(one)),
        logged_tokens=logged_tokens,
    )


def _is_guess(one: Finding) -> bool:
    """Whether it is about calls that were likely billed on the other side of a midnight."""
    return one.reason == "day_edge" and not one.certain


def within(
    findings: Sequence[Finding], charged: float, tolerance: float, tolerance_usd: float
) -> bool | None:
    """Whether all that speaks against log or bill, missing and too much, is at most that. None when it is,
    but would not be if runs that reach over the first or last midnight had no part in the days compared.

    tolerance: percent of what was charged.
    """
    most = max(tolerance / 100 * charged, tolerance_usd) + 1e-9
    wrong = sum(one.missing_usd + one.surplus_usd for one in findings if one.reason not in EXCUSED)
    if wrong > most:
        return False
    parts = sum(one.usd for one in findings if _is_guess(one) and one.calls is None)
    return True if wrong + abs(parts) <= most else None


def verdict(
    findings: Sequence[Finding], total: Sums, compared: int, asked: int | None = None, *, any_bill: bool
) -> str:
    """One sentence. It names the day, model and reason of what makes most of the difference.

    compared, asked: how many days; asked None: all that could be.
    """
    if not compared:
        return _nothing_compared(any_bill=any_bill)
    said = _said(findings, total) + _besides(total) + "."
    if asked is None or compared >= asked:
        return said
    return f"On {compared} of {plural(asked, 'day')} {said[0].lower()}{said[1:]}"


def _nothing_compared(*, any_bill: bool) -> str:
    if any_bill:
        return "Nothing can be compared yet: no whole day of the bill is here. callmeter sync reads it."
    return "Nothing can be compared: what Anthropic billed is not here. callmeter sync reads it."


def _said(findings: Sequence[Finding], total: Sums) -> str:
    told = [one for one in findings if one.reason not in NO_DIFFERENCE]
    if not told:
        return _fits(total)
    if not total.logged_tokens and total.charged >= _NOTHING:
        return f"None of the {usd(total.charged)} billed is in the log{_most(told, 1)}"
    if total.charged < _NOTHING and total.missing < _NOTHING:
        return f"{usd(total.logged)} was logged and nothing was billed{_most(told, -1)}"
    return _differs(told, total)


def _besides(total: Sums) -> str:
    """What is no difference, and must be known with the sums."""
    said = ""
    if total.elsewhere >= _NOTHING:
        said += f"; {usd(total.elsewhere)} of the log is perhaps of another workspace or key"
    if total.moved >= _NOTHING:
        said += f"; {usd(total.moved)} of the bill was likely logged beyond its first or last midnight"
    if total.moved <= -_NOTHING:
        said += f"; {usd(-total.moved)} of the log was likely billed beyond its first or last midnight"
    return f"{said}; {usd(total.credits)} of credit came off" if total.credits >= _NOTHING else said


def _fits(total: Sums) -> str:
    if total.charged < _NOTHING and total.logged - total.elsewhere < _NOTHING:
        return "Nothing was billed" + ("" if total.elsewhere >= _NOTHING else ", and nothing was logged")
    if total.charged < _NOTHING:
        return f"Nothing was billed for the {usd(total.logged)} that was logged"
    likely = ", as far as can be told," if total.elsewhere >= _NOTHING or total.doubtful else ""
    whole = ", all of it in the log" if abs(total.moved) < _NOTHING else ""
    return f"Nothing was billed{likely} that we did not log: {usd(total.charged)}{whole}"


def _differs(told: Sequence[Finding], total: Sums) -> str:
    covered = _covered(total)
    parts = [f"We logged {covered} of what was billed"] if covered else []
    if total.missing >= _NOTHING or total.surplus < _NOTHING:
        parts.append(_part(told, 1, total.missing, "missing"))
    if total.surplus >= _NOTHING:
        beyond = "logged beyond it" if parts else "logged beyond the bill"
        parts.append(_part(told, -1, total.surplus, beyond))
    return "; ".join(parts)


def _covered(total: Sums) -> str:
    """`98.7 %`; "" where it is not known."""
    if total.missing < _NOTHING:
        return "all"
    return "" if total.covered is None else share(total.charged - total.missing, total.charged)


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
    told = filter(None, [f"on {_when(top)}" if day else "", f"from {model}" if model else ""])
    above_all = f", above all on {_when(top)}" if day is None and _size(top) > whole / 3 else ""
    return f"{' '.join(told)}{above_all} ({likely}{REASONS[reason]})"


def _when(one: Finding) -> str:
    return one.when or day_words(one.day)
