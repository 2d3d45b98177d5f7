"""Log and bill of a few calls as frames, made by hand: what the rules of reconciling are tested with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from dashboard.billing.billed import COST_COLUMNS, USAGE_COLUMNS, Billed, DayRead
from dashboard.billing.kinds import USAGE_FIELDS
from dashboard.billing.reconcile import Reconciliation, reconcile
from dashboard.billing.rules import BillingRules
from logger.pricing import built_in, price_of

FIRST = date(2026, 11, 10)
DAYS = 4
LAST = FIRST + timedelta(days=DAYS - 1)
START = datetime(2026, 11, 9, tzinfo=UTC)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
MODELS = ("claude-opus-5-5", "claude-haiku-4-5")


def line(call: dict[str, Any], **differs: Any) -> dict[str, Any]:
    """The line of a call, for `frames.rows`. `factor` is that of its price (batch)."""
    one = call | differs
    written = one["tokens_cache_write_5m"] + one["tokens_cache_write_1h"]
    counts = {name: one[name] for name in USAGE_FIELDS}
    cost = price_of(one["model"], at=one["time"], web_searches=one["web_searches"], **counts)
    known = {"cost_usd": None if cost is None else cost * one.get("factor", 1.0)}
    kept = {name: value for name, value in one.items() if name not in _NOT_IN_LINES}
    return {"duration_seconds": 60.0} | known | kept | {"tokens_cache_write": written}


def billed(
    calls: Iterable[dict[str, Any]],
    *,
    generation: str = "analytics",
    discount: float = 0.0,
    read_at: datetime = NOW,
) -> Billed:
    """The bill of these calls at list prices."""
    usage, cost = [], []
    for one in calls:
        known = {"day": pd.Timestamp(one["time"].date()), "model": one["model"]}
        known |= {"api_key": one.get("api_key", "coordinator")}
        usage.append(known | {n: one[n] for n in (*USAGE_FIELDS, "web_searches")} | {"requests": 1.0})
        nothing = dict.fromkeys((*USAGE_FIELDS, "web_searches"), 0)
        for kind in USAGE_FIELDS:
            usd = price_of(one["model"], at=one["time"], **(nothing | {kind: one[kind]}))
            usd = one.get("rate", 0.0) * one[kind] if usd is None else usd * one.get("factor", 1.0)
            cost.append(known | {"cost_type": "tokens", "kind": kind, "list_usd": usd})
        cost.append(known | {"cost_type": "web_search", "kind": "", "list_usd": 0.01 * one["web_searches"]})
    paid = pd.DataFrame(cost, columns=list(COST_COLUMNS)).astype(
        {"day": "datetime64[s]", "list_usd": "float64"}
    )
    paid = paid.assign(**dict.fromkeys(_FACETS, ""))
    paid["amount_usd"] = paid["list_usd"] * (1 - discount)
    used = pd.DataFrame(usage, columns=list(USAGE_COLUMNS)).astype({"day": "datetime64[s]"})
    days = [FIRST + timedelta(days=number) for number in range(-1, DAYS + 1)]
    read = dict.fromkeys(days, DayRead(read_at, True, generation))
    return Billed(FIRST, LAST, _whole(used), paid, read, read)


_FACETS = ("workspace_id", "workspace", "api_key_id", "product")
_NOT_IN_LINES = ("tokens_cache_write_5m", "factor", "rate", "api_key")


def _whole(usage: pd.DataFrame) -> pd.DataFrame:
    counts = dict.fromkeys((*USAGE_FIELDS, "web_searches"), "int64")
    return usage.astype(counts).assign(**dict.fromkeys(_FACETS, ""))


def compared(rows: pd.DataFrame, bill: Billed) -> Reconciliation:
    """Reconciled with the built-in prices."""
    return reconcile(rows, bill, FIRST, LAST, prices=built_in(), rules=BillingRules(), now=NOW)
