"""Prepaid credit: what is left of it by the ledger and what was logged since. Pure.

Grants are used in order of expiry. A reading of the Console sets the balance; what it differs from what was
reckoned is the drift, and real over logged spending between readings corrects the burn rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ..keys import Key, amount, percents, read_table
from ..numbers import usd
from . import words
from .account import Account, Lot, walk
from .alerts import Condition
from .forecast import RunOut
from .ledger import Entry, Reading
from .scope import ALL, Scope
from .scope import KEYS as SCOPE_KEYS
from .spending import Spent, SpentBetween

__all__ = ["KEYS", "Balance", "CreditRules", "Drift", "Lot", "balance", "conditions", "rules_of", "status"]

KEYS = (
    Key("critical_usd", "USD", 5.0, "Critical below this balance.", amount),
    Key("critical_days", "days", 1.0, "Critical when it lasts less than this.", amount),
    Key("warning_usd", "USD", 10.0, "A warning below this balance.", amount),
    Key("warning_days", "days", 2.0, "A warning when it lasts less than this.", amount),
    Key("high_burn", "times", 2.0, "Caution when a day burns this many times the usual.", amount),
    Key("left", "list", (5.0, 10.0, 25.0, 50.0, 75.0), "Percentages left at which to tell.", percents),
    *SCOPE_KEYS,
)
"""The keys of the `[credit]` table in callmeter.toml. The choice: whose calls use the credit."""

STATUSES = ("ok", "caution", "warning", "critical")
"""From good to bad; the place is the level of the condition."""

LEAST_LOGGED = 0.5
"""USD logged between two readings below which their drift says nothing about the burn rate."""

BOUNDS = (0.5, 3.0)
"""What the burn rate is multiplied by at least and at most. Beyond them it is no drift: credit was added
that nobody entered, or most of the use is not logged at all.
"""

FADING = 0.7
"""How much an interval between readings counts against the one after it."""


@dataclass(frozen=True, slots=True)
class CreditRules:
    """When credit is low; `left` in percent."""

    critical_usd: float = 5.0
    critical_days: float = 1.0
    warning_usd: float = 10.0
    warning_days: float = 2.0
    high_burn: float = 2.0
    left: tuple[float, ...] = (5.0, 10.0, 25.0, 50.0, 75.0)
    scope: Scope = ALL


@dataclass(frozen=True, slots=True)
class Drift:
    """A reading against what was reckoned for its moment."""

    reading: Reading
    expected_usd: float | None
    """None: the first thing known."""
    logged_usd: float
    """Logged since the reading before (or the first grant)."""
    after_reading: bool = True
    """Whether there was a reading before; else it is reckoned from the first grant."""

    @property
    def usd(self) -> float | None:
        """Reckoned less read: above 0 when more was really spent than was logged."""
        return None if self.expected_usd is None else self.expected_usd - self.reading.balance_usd

    @property
    def ratio(self) -> float | None:
        """Real over logged spending; None where the interval by itself says nothing about it."""
        if self.usd is None or self.logged_usd < LEAST_LOGGED:
            return None
        found = (self.logged_usd + self.usd) / self.logged_usd
        return found if found >= BOUNDS[0] and not self.from_before else None

    @property
    def from_before(self) -> bool:
        """Whether most of a first drift must be older than the log: it says nothing about the burn rate."""
        most = (BOUNDS[1] - 1) * self.logged_usd
        return not self.after_reading and self.usd is not None and self.usd > max(most, LEAST_LOGGED)


@dataclass(frozen=True, slots=True)
class Balance:
    """Credit at a moment."""

    at: datetime
    left_usd: float
    """Below 0 when more was logged than there was."""
    uncertain: int
    """Calls since the last reading whose cost is not known or not final: there is at most `left_usd`."""
    lots: tuple[Lot, ...]
    """What is left, in the order it is used."""
    granted_usd: float
    """What there was after credit was last added, less what expired since: the whole for "share left"."""
    since: datetime
    """The last reading, or the first grant."""
    last_reading: Reading | None
    spent_since: Spent
    drifts: tuple[Drift, ...]
    expired_usd: float
    """Lost by expiry."""
    correction: float
    """Real over logged spending between readings, 1 when not known: the burn rate is multiplied by it."""
    added: str = ""
    """The id of the entry that last added credit: shares left are announced once for it."""

    @property
    def share_left(self) -> float | None:
        """Of `granted_usd`, 0 to 1; None without any grant."""
        if self.granted_usd <= 0:
            return None
        return min(1.0, max(0.0, self.left_usd / self.granted_usd))


def rules_of(table: Mapping[str, Any], file: str) -> CreditRules:
    """The `[credit]` table. Raises SettingError."""
    values = read_table(KEYS, table, file, "[credit]")
    scope = Scope(**{key.name: values.pop(key.name) for key in SCOPE_KEYS})
    return CreditRules(**values, scope=scope)


def balance(entries: Sequence[Entry], spent: SpentBetween, now: datetime, zone: ZoneInfo) -> Balance | None:
    """Credit at `now`; None for an empty ledger. Entries after `now` do not count yet."""
    known = [entry for entry in entries if entry.at.astimezone(UTC) <= now.astimezone(UTC)]
    if not known:
        return None
    account = Account()
    drifts: list[Drift] = []
    for step in walk(known, spent, [now], zone):
        account.spend(step.spent)
        if isinstance(step.entry, Reading):
            drifts.append(_drift(step.entry, account, bool(drifts)))
        account.enter(step, zone)
    readings = [drift.reading for drift in drifts]
    last = readings[-1] if readings else None
    return Balance(
        at=now,
        left_usd=account.left,
        uncertain=account.since_reading.uncertain,
        lots=account.lots(),
        granted_usd=account.whole,
        since=last.at if last else known[0].at,
        last_reading=last,
        spent_since=account.since_reading,
        drifts=tuple(drifts),
        expired_usd=account.expired,
        correction=correction(drifts),
        added=account.added,
    )


def _drift(reading: Reading, account: Account, after_reading: bool) -> Drift:
    expected = account.left if account.known else None
    return Drift(reading, expected, account.since_reading.usd, after_reading)


@dataclass(frozen=True, slots=True)
class _Span:
    """Intervals between readings that are judged together: USD logged in them, and the drift at their end."""

    logged: float = 0.0
    off: float = 0.0

    def __add__(self, other: _Span) -> _Span:
        return _Span(self.logged + other.logged, self.off + other.off)

    @property
    def real(self) -> float:
        """USD really spent, below 0 where credit must have been added."""
        return self.logged + self.off

    @property
    def believable(self) -> bool:
        return self.logged >= LEAST_LOGGED and self.real >= BOUNDS[0] * self.logged


def correction(drifts: Sequence[Drift]) -> float:
    """Real over logged spending, newer intervals counting more; 1 where nothing is known of it.

    An interval that says nothing by itself, or too little to be believed, is judged with the next: what the
    Console showed late, or a reading mistyped, is in both with opposite signs.
    """
    real = logged = 0.0
    for age, span in enumerate(reversed(_spans(drifts))):
        real += FADING**age * span.real
        logged += FADING**age * span.logged
    return min(BOUNDS[1], max(BOUNDS[0], real / logged)) if logged else 1.0


def _spans(drifts: Sequence[Drift]) -> list[_Span]:
    """The believable ones, oldest first."""
    told: list[_Span] = []
    waiting = _Span()
    for drift in drifts:
        if drift.usd is None or drift.from_before:
            continue
        own = _Span(drift.logged_usd, drift.usd)
        both = waiting + own
        if waiting.real < 0 and own.believable and abs(both.off) > abs(own.off):
            both = own
        if told and not both.believable and abs(told[-1].off + both.off) < abs(told[-1].off):
            both += told.pop()
        if both.believable:
            told.append(both)
        waiting = _Span() if both.believable else both
    return told


def history(
    entries: Sequence[Entry], spent: SpentBetween, moments: Sequence[datetime], zone: ZoneInfo
) -> list[float]:
    """The balance at each of these moments, none before the first entry; moments in order."""
    account = Account()
    left = []
    for step in walk(entries, spent, moments, zone):
        account.spend(step.spent)
        account.enter(step, zone)
        if step.asked:
            left.append(account.left)
    return left


def status(balance: Balance, run_out: RunOut, rules: CreditRules) -> tuple[str, str]:
    """(`ok`, `caution`, `warning` or `critical`; why, in a sentence)"""
    reached = _reached(balance, run_out, rules)
    if reached:
        return reached[-1]
    return "ok", f"{_left(balance)}; no limit is near."


def _reached(balance: Balance, run_out: RunOut, rules: CreditRules) -> list[tuple[str, str]]:
    """Every status that is so and why, the worst last."""
    limits = (
        ("warning", rules.warning_usd, rules.warning_days),
        ("critical", rules.critical_usd, rules.critical_days),
    )
    found = [("caution", _burning(run_out))] if _burns(run_out, rules) else []
    for name, least_usd, least_days in limits:
        why = _low(balance, run_out, least_usd, least_days)
        if why:
            found.append((name, why))
    return found


def _low(balance: Balance, run_out: RunOut, least_usd: float, least_days: float) -> str:
    """Why the balance is low by these limits; "" when it is not."""
    if balance.left_usd <= 0:
        return "Nothing is left of the credit by what was logged."
    if balance.left_usd < least_usd:
        return f"{_left(balance)}, less than {usd(least_usd)}."
    days = run_out.days_left
    if days is not None and days < least_days:
        return f"{_left(balance)}; at this pace it lasts {words.lasting(days)}."
    return ""


def _left(balance: Balance) -> str:
    most = "At most " if balance.uncertain else ""
    return f"{most}{usd(balance.left_usd)} of credit is left"


def _burns(run_out: RunOut, rules: CreditRules) -> bool:
    return run_out.times_usual is not None and run_out.times_usual >= rules.high_burn


def _burning(run_out: RunOut) -> str:
    return f"Today burns credit fast: {run_out.times_usual:.1f} times a usual day like it so far."


def conditions(balance: Balance, run_out: RunOut, rules: CreditRules) -> list[Condition]:
    """What to be told of: the status when it is not ok, and each share of credit that is passed."""
    return [*_of_status(balance, run_out, rules), *_of_shares(balance, rules)]


_SEVERITY = {"caution": "info", "warning": "warning", "critical": "critical"}


def _of_status(balance: Balance, run_out: RunOut, rules: CreditRules) -> list[Condition]:
    """A high burn is announced once a day, a low balance once for the credit that was last added."""
    today = f"{balance.at:%Y-%m-%d}"
    found = []
    for name, why in _reached(balance, run_out, rules):
        burn = name == "caution"
        rule, period = ("credit:burn", today) if burn else ("credit:balance", balance.added)
        found.append(Condition(rule, period, STATUSES.index(name), _SEVERITY[name], why))
    return found


def _of_shares(balance: Balance, rules: CreditRules) -> list[Condition]:
    """The level is how much is gone, in percent."""
    share = balance.share_left
    if share is None:
        return []
    passed = sorted((left for left in rules.left if share * 100 < left), reverse=True)
    return [
        Condition("credit:left", balance.added, round(100 - left), _how_bad(left), _passed(balance, left))
        for left in passed
    ]


def _how_bad(left: float) -> str:
    return "critical" if left <= 5 else "warning" if left <= 25 else "info"


def _passed(balance: Balance, left: float) -> str:
    most = "at most " if balance.uncertain else ""
    now, whole = usd(balance.left_usd), usd(balance.granted_usd)
    return f"Less than {left:g} % of the credit is left: {most}{now} of {whole}."
