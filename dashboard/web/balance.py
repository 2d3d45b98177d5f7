"""The balance card: what is left, whether that is well, when it ends, and what it rests on. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dash import html

from .. import numbers
from ..money.credit import Balance, Drift, Lot
from ..money.position import Position
from ..money.words import dollars
from .mark import mark

WORDS = {
    "ok": "fine",
    "caution": "caution",
    "warning": "warning",
    "critical": "critical",
    "unknown": "not known",
}
_HIDDEN: dict[str, Any] = {"aria-hidden": "true"}

BEGIN = (
    "callmeter balance grant 1000 --label promo --expires 2026-12-31",
    "callmeter balance read 876",
)


def render(position: Position) -> list[Any]:
    """The card's content."""
    held = position.balance
    if held is None:
        return _nothing()
    return [
        html.Div(
            [html.Span(amount(held), className="big"), mark(position.status, WORDS[position.status])],
            className="balance",
        ),
        *_left(held),
        html.P(_end(position), className="ends"),
        *([html.P(position.why, className="advice")] if position.status not in ("ok", "unknown") else []),
        html.Dl([part for name, said in _facts(held, position) for part in (html.Dt(name), html.Dd(said))]),
        *_lots(held),
    ]


def amount(held: Balance) -> str:
    """`$871.20`, or `≤ $871.20` while some calls since are of unknown cost."""
    return ("≤ " if held.uncertain else "") + numbers.usd(held.left_usd)


def _nothing() -> list[Any]:
    return [
        html.P(
            "No credit is on record. Say once what you were granted and, now and then, what the Console "
            "shows; from then on the balance and the day it ends are here.",
            className="advice",
        ),
        html.Pre(html.Code("\n".join(BEGIN)), tabIndex=0, className="begin"),
    ]


def _left(held: Balance) -> list[Any]:
    """How much of the whole is left, as a bar and in words."""
    share = held.share_left
    if share is None:
        return []
    said = f"{numbers.share(max(held.left_usd, 0), held.granted_usd)} of {numbers.usd(held.granted_usd)} left"
    fill = html.Div(className="fill", style={"width": f"{100 * min(max(share, 0), 1):.1f}%"})
    return [html.Div(fill, className="meter", **_HIDDEN), html.P(said, className="quiet")]


def _end(position: Position) -> str:
    """The run-out in a sentence of its own."""
    ends = position.run_out
    if ends is None:
        return ""
    if not ends.enough and ends.days_left != 0:
        return "Not enough history yet to say when it runs out."
    dated = ends.sentence.startswith(("between ", "on ", "from ", "not "))
    said = f"It runs out {ends.sentence}" if dated else ends.sentence
    return f"{said[:1].upper()}{said[1:]}."


def _facts(held: Balance, position: Position) -> list[tuple[str, str]]:
    facts = [("Last reading", _reading(held, position.at))]
    drift = held.drifts[-1] if held.drifts else None
    if drift is not None and drift.usd is not None:
        facts.append(("Drift at it", _drift(drift)))
    facts.append(("Logged since", _since(held)))
    if position.pace.usd_per_day is not None:
        facts.append(("Burn rate", _burn(position.pace.usd_per_day, held.correction)))
    if held.expired_usd >= 0.005:
        facts.append(("Expired", f"{numbers.usd(held.expired_usd)} unused"))
    return facts


def _burn(usd_per_day: float, correction: float) -> str:
    said = f"about {dollars(usd_per_day)} a day"
    known = abs(correction - 1) >= 0.005
    return said + (f", which is ×{correction:.2f} of what is logged" if known else "")


def _reading(held: Balance, now: datetime) -> str:
    read = held.last_reading
    if read is None:
        return "none yet: callmeter balance read 876 says what the Console shows"
    moment = when(read.at.astimezone(now.tzinfo))
    return f"{numbers.usd(read.balance_usd)}, {numbers.ago(read.at, now)} ({moment})"


def _drift(drift: Drift) -> str:
    usd = drift.usd or 0.0
    if abs(usd) < 0.005:
        return "none: it was as reckoned"
    more = "more" if usd > 0 else "less"
    share = f" ({numbers.share(abs(usd), drift.logged_usd)})" if drift.logged_usd > abs(usd) else ""
    return f"{numbers.usd(abs(usd))} {more} was spent than was logged{share}"


def _since(held: Balance) -> str:
    said = ("≥ " if held.uncertain else "") + numbers.usd(held.spent_since.usd)
    return said + (f", {numbers.plural(held.uncertain, 'call')} not fully known" if held.uncertain else "")


def _lots(held: Balance) -> list[Any]:
    """What is left of each grant, in the order it is used."""
    if not held.lots:
        return []
    items = [html.Li([html.Span(_label(lot)), html.Span(_lot(lot), className="took")]) for lot in held.lots]
    return [html.H3("Grants, in the order they are used"), html.Ol(items, className="lots")]


def _label(lot: Lot) -> str:
    if lot.grant is None:
        return "seen in the Console"
    return lot.grant.label or "granted"


def _lot(lot: Lot) -> str:
    of = f" of {numbers.usd(lot.grant.amount_usd)}" if lot.grant else ""
    expires = lot.expires
    until = f", until {expires.day} {expires:%b %Y}" if expires else ""
    return f"{numbers.usd(lot.left_usd)}{of}{until}"


def when(moment: datetime) -> str:
    """`Sun 22 Nov, 14:35`, in the moment's own wall clock."""
    return f"{moment:%a} {moment.day} {moment:%b, %H:%M}"
