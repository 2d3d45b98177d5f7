"""Prepaid credit: what is left of it by the ledger and what was logged since. Pure.

Grants are used in order of expiry. A reading of the Console sets the balance; what it differs from what was
reckoned is the drift, and real over logged spending between readings corrects the burn rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from .alerts import Condition
from .forecast import RunOut
from .keys import Key, amount, percents
from .ledger import Entry, Grant, Reading
from .scope import ALL, Scope
from .scope import KEYS as SCOPE_KEYS
from .spending import Spent, SpentBetween

KEYS = (
    Key("critical_usd", "USD", 5.0, "Critical below this balance.", amount),
    Key("critical_days", "days", 1.0, "Critical when it lasts less than this.", amount),
    Key("warning_usd", "USD", 10.0, "A warning below this balance.", amount),
    Key("warning_days", "days", 2.0, "A warning when it lasts less than this.", amount),
    Key("high_burn", "times", 2.0, "Caution when a day burns this many times the usual.", amount),
    Key("left", "list", (75.0, 50.0, 25.0, 10.0, 5.0), "Percentages left at which to tell.", percents),
    *SCOPE_KEYS,
)
"""The keys of the `[credit]` table in callmeter.toml. The choice: whose calls use the credit."""


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
class Lot:
    """What is left of a grant."""

    grant: Grant | None
    """None: credit a reading showed that no grant tells of."""
    left_usd: float

    @property
    def expires(self) -> date | None:
        """The last day it can be used."""
        return self.grant.expires if self.grant else None


@dataclass(frozen=True, slots=True)
class Drift:
    """A reading against what was reckoned for its moment."""

    reading: Reading
    expected_usd: float | None
    """None: the first thing known."""
    logged_usd: float
    """Logged since the reading before (or the first grant)."""

    @property
    def usd(self) -> float | None:
        """Reckoned less read: above 0 when more was really spent than was logged."""
        return None if self.expected_usd is None else self.expected_usd - self.reading.balance_usd


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
    """All grants that have not expired, plus what of expired ones was used: the whole for "share left"."""
    since: datetime
    """The last reading, or the first grant."""
    last_reading: Reading | None
    spent_since: Spent
    drifts: tuple[Drift, ...]
    expired_usd: float
    """Lost by expiry."""
    correction: float
    """Real over logged spending between readings, 1 when not known: the burn rate is multiplied by it."""

    @property
    def share_left(self) -> float | None:
        """Of `granted_usd`, 0 to 1; None without any grant."""
        raise NotImplementedError


def rules_of(table: Mapping[str, Any], file: str) -> CreditRules:
    """The `[credit]` table. Raises SettingError."""
    raise NotImplementedError


def balance(entries: Sequence[Entry], spent: SpentBetween, now: datetime, zone: ZoneInfo) -> Balance | None:
    """Credit at `now`; None for an empty ledger. Entries after `now` do not count yet."""
    raise NotImplementedError


def status(balance: Balance, run_out: RunOut, rules: CreditRules) -> tuple[str, str]:
    """(`ok`, `caution`, `warning` or `critical`; why, in a sentence)"""
    raise NotImplementedError


def conditions(balance: Balance, run_out: RunOut, rules: CreditRules) -> list[Condition]:
    """What to be told of: the status when it is not ok, and each share of credit that is passed."""
    raise NotImplementedError
