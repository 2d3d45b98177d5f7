"""Credit as plain data, for JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..money.credit import Balance, Drift, Lot
    from ..money.forecast import RunOut
    from ..money.ledger import Entry


@dataclass(frozen=True, slots=True)
class Found:
    """Credit as it stands. `days`: of history; `missing`: a sentence for each file that cannot be read."""

    balance: Balance
    run_out: RunOut
    status: str
    why: str
    days: int
    missing: tuple[str, ...] = ()


UNKNOWN: dict[str, Any] = {"left_usd": None, "status": "unknown", "run_out": None, "lots": []}
"""Of an empty ledger."""


def of_balance(found: Found) -> dict[str, Any]:
    """The balance as plain data: amounts in USD, days as ISO-8601, null for what is not known."""
    balance = found.balance
    return {
        "left_usd": _cents(balance.left_usd),
        "at_most": balance.uncertain > 0,
        "uncertain_calls": balance.uncertain,
        "status": found.status,
        "why": found.why,
        "granted_usd": _cents(balance.granted_usd) if balance.share_left is not None else None,
        "share_left": balance.share_left,
        "since": balance.since.isoformat(),
        "logged_since_usd": _cents(balance.spent_since.usd),
        "expired_usd": _cents(balance.expired_usd),
        "usd_per_day": found.run_out.usd_per_day,
        "correction": balance.correction,
        "last_reading": _drift_data(balance.drifts[-1]) if balance.drifts else None,
        "lots": [_lot_data(lot) for lot in balance.lots],
        "run_out": _run_out_data(found.run_out),
    }


def _lot_data(lot: Lot) -> dict[str, Any]:
    grant = lot.grant
    return {
        "id": grant.id if grant else None,
        "label": (grant.label or None) if grant else None,
        "left_usd": _cents(lot.left_usd),
        "granted_usd": grant.amount_usd if grant else None,
        "expires": lot.expires.isoformat() if lot.expires else None,
    }


def _run_out_data(run_out: RunOut) -> dict[str, Any]:
    days = {name: getattr(run_out, name) for name in ("earliest", "likely", "latest")}
    return {
        **{name: day.isoformat() if day else None for name, day in days.items()},
        "days_left": run_out.days_left,
        "enough_history": run_out.enough,
        "sentence": run_out.sentence,
        "expires_unused_usd": _cents(run_out.expires_unused_usd),
        "expires_on": run_out.expires_on.isoformat() if run_out.expires_on else None,
        "expires_later_usd": _cents(run_out.expires_later_usd),
    }


def _drift_data(drift: Drift) -> dict[str, Any]:
    return {
        "id": drift.reading.id,
        "at": drift.reading.at.isoformat(),
        "balance_usd": drift.reading.balance_usd,
        "expected_usd": _cents(drift.expected_usd),
        "drift_usd": _cents(drift.usd),
        "logged_usd": _cents(drift.logged_usd),
    }


def of_entry(entry: Entry, drift: Drift | None) -> dict[str, Any]:
    """An entry of the ledger; a reading with what was reckoned for it."""
    from ..money.ledger import Grant

    if isinstance(entry, Grant):
        expires = entry.expires.isoformat() if entry.expires else None
        known = {"amount_usd": entry.amount_usd, "label": entry.label or None, "expires": expires}
        return {"id": entry.id, "kind": "grant", "at": entry.at.isoformat(), **known}
    known = {"balance_usd": entry.balance_usd, "note": entry.note or None}
    reckoned = _drift_data(drift) if drift else {}
    return {"id": entry.id, "kind": "reading", "at": entry.at.isoformat(), **known} | reckoned


def write(document: Any) -> None:
    """Print a document as JSON."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def _cents(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
