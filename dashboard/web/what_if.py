"""What if: what the month comes to at this pace, and until when credit lasts at another one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from dash import html

from .. import numbers
from ..money.forecast import HORIZON_DAYS, Tranche
from ..money.position import Position
from ..money.words import dollars

ASK = "Type an amount to see until when the credit would last."
DAYS = 30
"""What "a month" is when an amount a day is multiplied."""


def pace(position: Position) -> list[Any]:
    """What this month costs if the pace goes on."""
    known, month = position.pace, f"{position.at:%B}"
    so_far = f"{numbers.usd(month_so_far(position))} so far"
    if known.month_usd is None or known.usd_per_day is None:
        return [html.P(f"Not enough history yet to say what {month} will cost; {so_far}.", className="ends")]
    return [
        html.P(
            [
                "If this pace goes on, ",
                html.Strong(f"{month} costs about {dollars(known.month_usd)}"),
                ".",
            ],
            className="ends",
        ),
        html.P(
            f"{so_far.capitalize()}; about {dollars(known.usd_per_day)} a day, by the last "
            f"{numbers.plural(known.days, 'day')}{_as_billed(position)}.",
            className="advice",
        ),
    ]


def _as_billed(position: Position) -> str:
    """That the estimates count with what readings showed of real against logged spending."""
    times = position.balance.correction if position.balance else 1.0
    return f"; the estimates are ×{times:.2f} of what is logged" if abs(times - 1) >= 0.005 else ""


def month_so_far(position: Position) -> float:
    """USD of the calls that use the credit, since the first of the month."""
    days = position.daily.index
    this = (days.year == position.at.year) & (days.month == position.at.month)
    return float(position.daily[this].sum())


def placeholder(position: Position) -> str:
    """A day as it is now, to begin from."""
    usd = position.pace.usd_per_day
    return f"{usd:.2f}" if usd else "10"


def said(position: Position, usd_per_day: Any) -> str:
    """What another amount a day would mean; what to do while none is given."""
    if isinstance(usd_per_day, bool) or not isinstance(usd_per_day, int | float) or not 0 < usd_per_day < 1e9:
        return ASK if position.balance else "Type an amount to see what a month would cost."
    month = f"a month of {DAYS} days costs {dollars(DAYS * usd_per_day)}"
    if position.balance is None:
        return f"At {numbers.usd(usd_per_day)} a day {month}."
    tranches = [(lot.left_usd, lot.expires) for lot in position.balance.lots]
    return f"At {numbers.usd(usd_per_day)} a day {_until(tranches, usd_per_day, position.at)}; {month}."


def _until(tranches: Sequence[Tranche], usd_per_day: float, now: datetime) -> str:
    if sum(usd for usd, _ in tranches) <= 0:
        return "nothing is left to last"
    day, unused = lasts(tranches, usd_per_day, now)
    if day is None:
        return "the credit lasts for more than two years"
    expired = f", with {numbers.usd(unused)} of it expired unused" if unused >= 0.005 else ""
    return f"the credit lasts until {_day(day, now)}{expired}"


def _day(day: date, now: datetime) -> str:
    ahead = (day - now.date()).days
    month = f"{day:%B}" if day.year == now.year else f"{day:%B %Y}"
    return f"about {day:%A} {day.day} {month}, {numbers.plural(ahead, 'day')}" if ahead else "today"


def lasts(tranches: Sequence[Tranche], usd_per_day: float, now: datetime) -> tuple[date | None, float]:
    """The day on which credit ends when each day costs the same, and the USD that expire until then.

    None: not within the horizon. The rest of today costs its part of a day.
    """
    left = [[usd, expires] for usd, expires in tranches if usd > 0]
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    need = usd_per_day * min((midnight - now) / timedelta(days=1), 1.0)
    unused = 0.0
    for ahead in range(HORIZON_DAYS):
        today = now.date() + timedelta(days=ahead)
        left, gone = _used(left, need, today)
        unused += gone
        if not left:
            return today, unused
        need = usd_per_day
    return None, unused


def _used(left: list[list[Any]], need: float, today: date) -> tuple[list[list[Any]], float]:
    """What is left after a day: used in order, then what ends with the day is gone. And USD gone unused."""
    after = []
    for usd, expires in left:
        taken = min(usd, need)
        need -= taken
        after.append([usd - taken, expires])
    gone = sum(usd for usd, expires in after if expires is not None and expires <= today)
    return [one for one in after if one[0] > 1e-9 and (one[1] is None or one[1] > today)], gone
