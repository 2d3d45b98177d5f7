"""What each project used and cost, and what a session of it does on average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from .. import numbers
from ..filters import NONE
from ..sheets import Answer, Cell, Column, Sheet
from . import Asked, View, bill, bill_facets
from .columns import (
    CALLS,
    COST,
    INCOMPLETE,
    TOKENS,
    added,
    facet,
    known_cost,
    lines,
    text_column,
    usage,
    usd,
)
from .remarks import facts, incomplete

_COLUMNS = (
    text_column("project", "Project"),
    Column("sessions", "Sessions", numbers.count),
    CALLS,
    TOKENS,
    Column("tokens_per_session", "Avg/session", numbers.short, bound="session_tokens_bound"),
    Column("cost_per_session_usd", "Avg cost", numbers.usd, bound="session_cost_bound"),
    COST,
    Column("calls_without_session", "No session", numbers.count, extra=1),
    *INCOMPLETE,
)


def build(asked: Asked) -> Answer:
    """A row per project, dearest first; with `only_billed` per workspace and per API key."""
    return _billed(asked) if asked.only_billed else _logged(asked)


def _logged(asked: Asked) -> Answer:
    every = lines(asked)
    small, sessions = added(every, ["project"]), _in_sessions(every)
    records = zip(small.index, small.to_dict("records"), strict=True)
    table = [_row(project, row, sessions.get(project, _NONE)) for project, row in records]
    sheet = Sheet("projects", "Projects", _COLUMNS, table, _sentence(table))
    return Answer((sheet,), facts(asked), incomplete(asked.store.sums(asked.view), asked))


_NONE: Mapping[Any, Any] = {"sessions": 0, "calls": 0}


def _in_sessions(every: pd.DataFrame) -> dict[Any, Mapping[Any, Any]]:
    """What belongs to sessions, added up by project, and how many sessions there are."""
    inside = every[(every["session_id"] != NONE).to_numpy()]
    small = added(inside, ["project"])
    counts = inside.groupby("project", observed=True)["session_id"].nunique()
    small = small.assign(sessions=counts.reindex(small.index))
    return dict(zip(small.index, small.to_dict("records"), strict=True))


def _row(project: Any, row: Mapping[Any, Any], inside: Mapping[Any, Any]) -> dict[str, Cell]:
    sessions = int(inside["sessions"])
    cost = known_cost(inside) if sessions else None
    return {
        "project": facet(project),
        "sessions": sessions,
        **usage(row),
        "tokens_per_session": round(inside["tokens_total"] / sessions) if sessions else None,
        "cost_per_session_usd": None if cost is None else usd(cost / sessions),
        "calls_without_session": int(row["calls"] - inside["calls"]),
        "session_tokens_bound": bool(sessions and inside["not_final"]),
        "session_cost_bound": bool(sessions and (inside["unpriced"] or inside["not_final"])),
    }


def _sentence(rows: Sequence[Mapping[str, Cell]]) -> str:
    apart = sum(int(row["calls_without_session"] or 0) for row in rows)
    return f"Averages leave out {numbers.plural(apart, 'call')} without a session." if apart else ""


def _billed(asked: Asked) -> Answer:
    sheets = tuple(
        Sheet(name, title, (text_column(key, head), *bill.COLUMNS), bill_facets.by_facet(asked, key))
        for name, title, key, head in (
            ("workspaces", "Workspaces, as billed", "workspace", "Workspace"),
            ("api_keys", "API keys, as billed", "api_key", "API key"),
        )
    )
    said = tuple(filter(None, (bill_facets.untold(asked), *bill.remarks(asked))))
    return Answer(sheets, facts(asked), said)


VIEW = View("projects", "sessions and cost by project", build, grouped=False, has_bill=True)
