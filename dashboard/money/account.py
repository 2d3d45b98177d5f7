"""A prepaid account as the ledger and the log tell of it: lots of credit, used in order of expiry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ..filters import midnight
from .ledger import Entry, Grant, Reading
from .spending import Spent, SpentBetween

_SLACK = 0.5
"""USD by which a balance may grow by itself before it counts as credit that was added."""


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
class Step:
    """A moment (in UTC) at which something happens to the account."""

    at: datetime
    spent: Spent
    """Since the step before."""
    entry: Entry | None = None
    """None: a tranche expires, or a moment that was asked for."""
    asked: bool = False


def walk(
    entries: Sequence[Entry], spent: SpentBetween, asked: Sequence[datetime], zone: ZoneInfo
) -> Iterator[Step]:
    """Entries, expiries and moments that were asked for, in order, from the first entry to the last asked."""
    begin, end = entries[0].at.astimezone(UTC), max(moment.astimezone(UTC) for moment in asked)
    granted = (entry for entry in entries if isinstance(entry, Grant))
    expiries = {_gone(grant.expires, zone) for grant in granted if grant.expires}
    events: list[tuple[datetime, int, Entry | None]] = [
        *((at, 0, None) for at in expiries),
        *((entry.at.astimezone(UTC), 1, entry) for entry in entries),
        *((at.astimezone(UTC), 2, None) for at in asked),
    ]
    before = begin
    for at, kind, entry in sorted(events, key=lambda event: event[:2]):
        if begin <= at <= end:
            yield Step(at, spent(before, at) if at > before else Spent(), entry, asked=kind == 2)
            before = max(before, at)


def _gone(expires: date, zone: ZoneInfo) -> datetime:
    return midnight(expires + timedelta(days=1), zone).astimezone(UTC)


@dataclass(slots=True)
class Account:
    """Lots of credit, and what happened to them so far. USD throughout."""

    expired: float = 0.0
    """Lost by expiry."""
    whole: float = 0.0
    """What there was after credit was last added, less what expired since; 0 without any grant."""
    added: str = ""
    """The id of the entry that last added credit."""
    since_reading: Spent = field(default_factory=Spent)
    """Spent since the last reading, or the first entry."""
    _lots: list[Lot] = field(default_factory=list)
    _overdrawn: float = 0.0
    _begun: bool = False

    @property
    def left(self) -> float:
        """The balance; below 0 when more was logged than there was."""
        return sum(lot.left_usd for lot in self._lots) - self._overdrawn

    @property
    def known(self) -> bool:
        """Whether there was any entry yet."""
        return self._begun

    def lots(self) -> tuple[Lot, ...]:
        """What is left, in the order it is used."""
        return tuple(lot for lot in self._lots if lot.left_usd > 1e-9)

    def spend(self, spent: Spent) -> None:
        """Take away what was spent."""
        self.since_reading += spent
        self._use(spent.usd)

    def enter(self, step: Step, zone: ZoneInfo) -> None:
        """Let happen what happens at a step, its spending apart."""
        self._expire(step.at, zone)
        if isinstance(step.entry, Grant):
            self._grant(step.entry)
        elif isinstance(step.entry, Reading):
            self._read(step.entry)

    def _use(self, usd: float) -> None:
        lots = []
        for lot in self._lots:
            used = min(usd, lot.left_usd)
            usd -= used
            lots.append(Lot(lot.grant, lot.left_usd - used))
        self._lots = lots
        self._overdrawn += usd

    def _expire(self, at: datetime, zone: ZoneInfo) -> None:
        gone = [lot for lot in self._lots if lot.expires and _gone(lot.expires, zone) <= at]
        lost = sum(lot.left_usd for lot in gone)
        self._lots = [lot for lot in self._lots if lot not in gone]
        self.expired += lost
        self.whole = max(0.0, self.whole - lost)

    def _grant(self, grant: Grant) -> None:
        self.whole = max(0.0, self.left) + grant.amount_usd
        self.added, self._begun = grant.id, True
        paid = min(self._overdrawn, grant.amount_usd)
        self._overdrawn -= paid
        self._add(Lot(grant, grant.amount_usd - paid))

    def _add(self, lot: Lot) -> None:
        """Lots are used in order of expiry, those without one last."""
        self._lots.append(lot)
        self._lots.sort(key=lambda one: (one.expires or date.max, one.grant is None))

    def _read(self, reading: Reading) -> None:
        more = reading.balance_usd - self.left
        if not self._begun or more > self.since_reading.usd + _SLACK:
            self.added = reading.id
            self.whole = reading.balance_usd if self.whole else 0.0
        elif self.whole:
            self.whole = max(self.whole, reading.balance_usd)
        self._begun, self.since_reading = True, Spent()
        if more < 0:
            self._use(-more)
        else:
            more, self._overdrawn = more - self._overdrawn, 0.0
            self._refill(more)

    def _refill(self, usd: float) -> None:
        """Give back: to the lots used last first, each up to its grant; the rest no grant tells of."""
        lots = []
        for lot in reversed(self._lots):
            room = max(0.0, lot.grant.amount_usd - lot.left_usd) if lot.grant else 0.0
            back = min(usd, room)
            usd -= back
            lots.append(Lot(lot.grant, lot.left_usd + back))
        self._lots = lots[::-1]
        if usd > 1e-9:
            untold = sum(lot.left_usd for lot in self._lots if lot.grant is None)
            self._lots = [lot for lot in self._lots if lot.grant is not None]
            self._add(Lot(None, untold + usd))
