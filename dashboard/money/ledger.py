"""The credit ledger: what was granted and what the Console showed, as lines in `logs/credit/credit.jsonl`.

Only appended to: a slip is taken back by a further line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

FILE = "credit.jsonl"


@dataclass(frozen=True, slots=True)
class Grant:
    """Credit that was given or bought. `expires`: the last day it can be used, in local time."""

    id: str
    at: datetime
    amount_usd: float
    label: str = ""
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the Console showed as the balance at a moment."""

    id: str
    at: datetime
    balance_usd: float
    note: str = ""


Entry = Grant | Reading


class Ledger:
    """The entries of a credit folder, oldest first by their own time; read on when the file grew."""

    def __init__(self, folder: Path) -> None:
        raise NotImplementedError

    def entries(self) -> tuple[Entry, ...]:
        """Those that stand. Raises FolderError when the file cannot be read."""
        raise NotImplementedError

    def problems(self) -> tuple[str, ...]:
        """A sentence for each line that could not be understood."""
        raise NotImplementedError

    def grant(
        self, at: datetime, amount_usd: float, *, label: str = "", expires: date | None = None
    ) -> Grant:
        """Append a grant. Raises FolderError; UsageError for an amount that is none."""
        raise NotImplementedError

    def read(self, at: datetime, balance_usd: float, *, note: str = "") -> Reading:
        """Append a reading of the Console's balance. Raises as `grant`."""
        raise NotImplementedError

    def take_back(self, at: datetime, entry_id: str) -> Entry:
        """Append that an entry was a slip: it counts no more. Raises UsageError for an unknown id."""
        raise NotImplementedError
