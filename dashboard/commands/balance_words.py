"""Credit in the terminal: what there is to say of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ..errors import UsageError
from ..money.drift_words import drift_words
from ..numbers import ago, count, plural, usd
from . import balance_data
from .balance_data import Found

if TYPE_CHECKING:
    from ..money.backtest import Backtest
    from ..money.credit import Balance, Drift
    from ..money.ledger import Entry, Grant, Reading

_RULE = 60
_LABEL = 16
_FEW_CASES = 20


def nothing(path: Path) -> str:
    """How to begin."""
    return (
        f"No credit is on record in {path}.\n"
        "callmeter balance grant 1000 --label promo --expires 2026-12-31 enters what was granted,\n"
        "callmeter balance read 876 what the Console shows."
    )


def by_its_day(begin: datetime, entries: Sequence[Entry], zone: ZoneInfo) -> None:
    """Refuse a grant by its day alone where the Console was read on it: before or after is not known.

    begin: of the day. Raises UsageError.
    """
    day = begin.astimezone(zone).date()
    of_day = (one for one in entries if one.at.astimezone(zone).date() == day)
    reading = next(filter(_is_reading, of_day), None)
    if reading is not None:
        time, shown = f"{reading.at.astimezone(zone):%H:%M}", usd(_usd(reading))
        raise UsageError(
            f"The Console was read on {day} at {time} ({shown}), so the time of the grant matters: give it, "
            f'as --at "{day} 14:30". Of credit given before {time} the reading is taken to show it already.'
        )


def granted(entry: Grant, found: Found | None, zone: ZoneInfo) -> list[str]:
    """A grant that was entered."""
    until = f", to be used by {_day(entry.expires)}" if entry.expires else ""
    name = f" {_safe(entry.label)}" if entry.label else ""
    said = [f"Entered: the grant{name} of {usd(entry.amount_usd)}{until} ({entry.id}).", *_now(found)]
    return [*said, *_against_readings(entry, found, zone)]


def _against_readings(entry: Grant, found: Found | None, zone: ZoneInfo) -> list[str]:
    """What the last reading has to do with a grant."""
    last = found.balance.last_reading if found else None
    if last is None:
        return []
    shown = f"the reading of {usd(last.balance_usd)}"
    if last.at.astimezone(UTC) <= entry.at.astimezone(UTC):
        return [
            f"It is added to {shown} before it. If that showed this credit "
            f"already: callmeter balance undo {entry.id}, and give the day it was granted with --at."
        ]
    return [
        f"The balance is what it was: {shown} of {_at(last.at, zone)}, after this grant, is taken to show it "
        f"already. If it came later: callmeter balance undo {entry.id}, and give its time with --at."
    ]


def was_read(entry: Reading, found: Found | None) -> list[str]:
    """A reading that was entered, and its drift."""
    said = [f"Entered: a balance of {usd(entry.balance_usd)} ({entry.id})."]
    drifts = found.balance.drifts if found else ()
    of_it = next((drift for drift in drifts if drift.reading.id == entry.id), None)
    if of_it is not None:
        said.append(f"{drift_words(of_it)}.")
    newest = found.balance.last_reading if found else None
    return said if newest and newest.id == entry.id else [*said, *_now(found)]


def taken_back(entry: Entry, found: Found | None, zone: ZoneInfo) -> list[str]:
    """An entry that counts no more."""
    return [f"Taken back: {_kind(entry)} of {_at(entry.at, zone)}, {usd(_usd(entry))}.", *_now(found)]


def _now(found: Found | None) -> list[str]:
    return [f"Balance now: {left(found.balance)}."] if found else []


def left(balance: Balance) -> str:
    """The balance, marked when there is no more than that."""
    return f"{'≤ ' if balance.uncertain else ''}{usd(balance.left_usd)}"


def show(found: Found | None, now: datetime, *, as_json: bool) -> None:
    """Print the balance and all there is to say of it."""
    if as_json:
        about = balance_data.of_balance(found) if found else balance_data.UNKNOWN
        balance_data.write({"at": now.isoformat(timespec="seconds"), **about})
        return
    assert found is not None
    print(f"💳 Credit - {now:%A} {now.day} {now:%B %Y}, {now:%H:%M}")
    print("=" * _RULE)
    for name, value in _lines(found, now):
        print(f"{name:<{_LABEL}}{value}".rstrip())
    print()
    print("\n".join(_table(("Left", "Granted", "Expires", "Label"), _lots(found.balance), right=2)))


def _lines(found: Found, now: datetime) -> Iterable[tuple[str, str]]:
    balance, zone = found.balance, _zone(now)
    yield "Left:", f"{left(balance)}{_whole(balance)}"
    if balance.uncertain:
        yield "", f"at most: {plural(balance.uncertain, 'call')} since then without a known or final cost"
    yield "Status:", f"{found.status}: {found.why}"
    yield "Runs out:", found.run_out.sentence
    yield "Burn rate:", _burn(found)
    yield from _last_reading(balance, now, zone)
    yield "Logged since:", usd(balance.spent_since.usd)
    if balance.expired_usd >= 0.005:
        yield "Expired:", usd(balance.expired_usd)


def _whole(balance: Balance) -> str:
    if balance.share_left is None:
        return ""
    share = f"{100 * balance.share_left:.0f} %"
    if any(lot.grant and lot.grant.amount_usd == balance.granted_usd for lot in balance.lots):
        return f" of {usd(balance.granted_usd)} ({share})"
    return f" ({share} of the {usd(balance.granted_usd)} there was when credit was last added)"


def _burn(found: Found) -> str:
    rate, correction = found.run_out.usd_per_day, found.balance.correction
    if rate is None:
        return f"not enough history: {plural(max(found.days, 0), 'complete day')}"
    drift = (
        "" if correction == 1 else f", corrected by ×{correction:.2f} for what is not logged as it is billed"
    )
    middle = found.run_out.median_usd
    dear = (
        f" on average, for a few days were dear; half of the days cost {usd(middle)} or less"
        if middle
        else ""
    )
    return f"about {usd(rate)} a day{dear}, by {plural(found.days, 'day')} of history{drift}"


def _last_reading(balance: Balance, now: datetime, zone: ZoneInfo) -> Iterable[tuple[str, str]]:
    last = balance.last_reading
    if last is None:
        yield "Last reading:", "none: callmeter balance read AMOUNT enters what the Console shows"
        return
    yield "Last reading:", f"{usd(last.balance_usd)} on {_at(last.at, zone)}, {ago(last.at, now)}"
    yield "", drift_words(balance.drifts[-1])


def _lots(balance: Balance) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for lot in balance.lots:
        amount_usd = usd(lot.grant.amount_usd) if lot.grant else "-"
        label = _safe(lot.grant.label) if lot.grant else "(no grant tells of it)"
        rows.append((usd(lot.left_usd), amount_usd, _day(lot.expires) if lot.expires else "never", label))
    return rows


def show_history(entries: Sequence[Entry], found: Found | None, zone: ZoneInfo, *, as_json: bool) -> None:
    """Print the entries, oldest first."""
    drifts = {drift.reading.id: drift for drift in found.balance.drifts} if found else {}
    if as_json:
        balance_data.write([balance_data.of_entry(entry, drifts.get(entry.id)) for entry in entries])
        return
    rows = [_entry_row(entry, drifts.get(entry.id), zone) for entry in entries]
    titles = ("When", "Entry", "USD", "Reckoned", "Drift", "Id", "About")
    print("\n".join(_table(titles, rows, right=0, numbers=(2, 3, 4))))


def _entry_row(entry: Entry, drift: Drift | None, zone: ZoneInfo) -> tuple[str, ...]:
    reckoned = usd(drift.expected_usd) if drift and drift.expected_usd is not None else ""
    off = f"{drift.usd:+,.2f}" if drift and drift.usd is not None else ""
    when, kind = _at(entry.at, zone), _kind(entry).removeprefix("the ")
    return when, kind, usd(_usd(entry)), reckoned, off, entry.id, _about(entry)


def _about(entry: Entry) -> str:
    from ..money.ledger import Grant

    if not isinstance(entry, Grant):
        return _safe(entry.note)
    until = f"expires {_day(entry.expires)}" if entry.expires else ""
    return ", ".join(part for part in (_safe(entry.label), until) if part)


def show_backtest(found: Backtest, *, as_json: bool) -> None:
    """Print how the forecast would have done."""
    if as_json:
        names = ("cases", "held", "coverage", "median_days_off", "worst_days_off")
        balance_data.write({name: getattr(found, name) for name in names})
        return
    for sentence in backtest_words(found):
        print(sentence)


def backtest_words(found: Backtest) -> list[str]:
    """How often the range held and how far the date was off, or that there is too little to say so."""
    if not found.cases or found.coverage is None:
        return ["Not enough history: no forecast of the past can be judged by now."]
    said = [
        f"{plural(found.cases, 'case')}: asked on past days, with balances of 3 to 30 usual days.",
        f"The range held the day in {count(found.held)} of them ({100 * found.coverage:.0f} %; "
        "it is meant to hold it in about 80 %).",
        f"The likely date was off by {_days(found.median_days_off)} in the middle of all cases, "
        f"and by {found.worst_days_off:g} at worst.",
    ]
    if found.cases < _FEW_CASES:
        said.append("These are few cases: another month of history says more.")
    return said


def _table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: int, numbers: Sequence[int] = ()
) -> list[str]:
    """Aligned lines; the first `right` columns and `numbers` to the right."""
    every = [titles, *rows]
    widths = [max(len(row[place]) for row in every) for place in range(len(titles))]
    return [
        "  ".join(
            cell.rjust(width) if place < right or place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in every
    ]


def _kind(entry: Entry) -> str:
    from ..money.ledger import Grant

    return "the grant" if isinstance(entry, Grant) else "the reading"


def _is_reading(entry: Entry) -> bool:
    from ..money.ledger import Reading

    return isinstance(entry, Reading)


def _usd(entry: Entry) -> float:
    from ..money.ledger import Grant

    return entry.amount_usd if isinstance(entry, Grant) else entry.balance_usd


def _zone(now: datetime) -> ZoneInfo:
    assert isinstance(now.tzinfo, ZoneInfo)
    return now.tzinfo


def _at(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _days(number: float | None) -> str:
    return f"{number:g} {'day' if number == 1 else 'days'}"


def _day(when: date | None) -> str:
    return when.isoformat() if when else ""


def _safe(text: str) -> str:
    from ..printout import printable

    return printable(text)
