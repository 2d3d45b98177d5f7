"""Anthropic's own numbers as rows: per UTC day, model, workspace, key and type of cost."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from ..billing.billed import Billed
from ..billing.kinds import USAGE_FIELDS
from . import Extract
from .calls import NUMBER, TEXT, WHOLE
from .days import DAY, column

KEYS = ("day", "model", "workspace", "workspace_id", "api_key", "api_key_id", "cost_type")

_AMOUNTS = ("amount_usd", "list_usd")
_COUNTS = (*USAGE_FIELDS, "web_searches", "requests")
_FIELDS = (
    *((name, NUMBER) for name in _AMOUNTS),
    *((name, WHOLE) for name in (*USAGE_FIELDS, "web_searches")),
    ("requests", WHOLE),
)
"""USD after discounts and before credit, the list price, and what was used; null where nothing is said."""


def bill(billed: Billed) -> Extract:
    """Each of `KEYS`; what was used stands with the cost type it is paid as."""
    shape = pa.schema([("day", DAY), *((name, TEXT) for name in KEYS[1:]), *_FIELDS])
    return Extract("Bill", shape, (_table(_joined(billed, KEYS), shape),))


def per_day(billed: Billed) -> Extract:
    """The days alone, of which usage or cost is known; a day without cost has 0."""
    known = pd.DataFrame({"day": pd.Series(sorted(billed.cost_days), dtype="datetime64[s]")})
    found = known.merge(_joined(billed, ["day"]), on="day", how="outer")
    paid = found["day"].dt.date.isin(billed.cost_days)
    found["amount_usd"] = found["amount_usd"].mask(paid & found["amount_usd"].isna(), 0.0)
    shape = pa.schema([("day", DAY), *_FIELDS])
    return Extract("Bill", shape, (_table(found, shape),))


def _joined(billed: Billed, keys: Sequence[str]) -> pd.DataFrame:
    """Cost and usage side by side, in order of the keys."""
    cost = _added(billed.cost, keys, _AMOUNTS)
    used = pd.concat([_tokens(billed.usage), _searches(billed.usage)], ignore_index=True)
    return cost.merge(_added(used, keys, _COUNTS), on=list(keys), how="outer", sort=True)


def _added(frame: pd.DataFrame, keys: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """Sums per key; NaN where no row says anything."""
    return (
        frame.groupby(list(keys), as_index=False)[list(names)]
        .sum(min_count=1)
        .round(dict.fromkeys(names, 10))
    )


def _tokens(usage: pd.DataFrame) -> pd.DataFrame:
    """What was used as tokens, with the requests."""
    return usage.assign(cost_type="tokens", web_searches=float("nan"))


def _searches(usage: pd.DataFrame) -> pd.DataFrame:
    """The searches that were made, which cost by themselves."""
    made = usage[usage["web_searches"] > 0]
    return made.assign(cost_type="web_search", **dict.fromkeys((*USAGE_FIELDS, "requests"), float("nan")))


def _table(frame: pd.DataFrame, shape: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays([_column(frame[field.name], field.type) for field in shape], schema=shape)


def _column(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if kind == WHOLE:
        known = values.notna()
        return pa.array(values.fillna(0).astype("int64").to_numpy(), WHOLE, mask=~known.to_numpy())
    return column(values, kind)
