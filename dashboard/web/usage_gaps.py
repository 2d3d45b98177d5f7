"""What the numbers of an answer lack at a moment: days not read yet, or files that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from .. import numbers
from ..money.doubt import unread
from ..money.position import HISTORY
from ..store.base import Health


@dataclass(frozen=True, slots=True)
class Gaps:
    """Why numbers may be too small. To be asked for before the numbers: days are read meanwhile."""

    loading: bool = False
    """Days are still being read: estimates cannot be made yet."""
    complete: bool = True
    reasons: tuple[str, ...] = ()
    """In sentences. A log folder that is not there yet is told too, and lacks nothing."""


NONE = Gaps()


def gaps(found: Health, today: date, *, missing: bool = False) -> Gaps:
    """What is lacking now. missing: there is no log folder yet."""
    if found.folder_problem:
        return Gaps(complete=missing, reasons=(found.folder_problem,))
    if being_read(found):
        return Gaps(loading=True, complete=False, reasons=(_read(found),))
    files = tuple(said for day, said in unread(found) if today - HISTORY <= day <= today)
    return Gaps(complete=not files, reasons=files)


def being_read(found: Health) -> bool:
    """Whether days are still being read, or the folder was not even looked into."""
    return found.loading or found == Health()


def _read(found: Health) -> str:
    read = f"{numbers.count(found.days_loaded)} of {numbers.plural(found.days_total, 'day')}"
    return f"Older days are still being read: {read}; the numbers are not complete yet."
