"""The sessions that cost most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from ..filters import NONE
from ..numbers import plural, share
from ..sheets import Answer, Cell, Column, Sheet
from . import MOST, Asked, View
from .columns import CALLS, COST, INCOMPLETE, TOKENS, added, day_words, lines, text_column, usage
from .remarks import facts, incomplete

_COLUMNS = (
    Column("day", "Day", day_words, whole=True),
    text_column("session_id", "Session"),
    text_column("project", "Project"),
    replace(CALLS, extra=1),
    replace(TOKENS, extra=1),
    COST,
    text_column("models", "Models", extra=2),
    *INCOMPLETE,
)


def build(asked: Asked) -> Answer:
    """A row for each of the dearest sessions; calls without a session are told of apart."""
    rows = lines(asked)
    inside = rows[(rows["session_id"] != NONE).to_numpy()]
    every = added(inside, ["session_id"])
    dearest = every.head(asked.most)
    chosen = _of(inside, dearest.index)
    begun = chosen.groupby("session_id", observed=True)["time"].min()
    names = {key: _names(chosen, key) for key in ("project", "model")}
    records = zip(dearest.index, dearest.to_dict("records"), strict=True)
    table = [_row(session, row, begun, names) for session, row in records]
    sheet = Sheet("sessions", f"Dearest sessions ({len(table)} of {len(every):,})", _COLUMNS, table)
    said = (*incomplete(asked.store.sums(asked.view), asked), *_apart(rows, inside))
    return Answer((sheet,), {**facts(asked), "sessions_in_all": len(every)}, said)


def _of(rows: pd.DataFrame, sessions: pd.Index) -> pd.DataFrame:
    """The lines of these sessions, which alone are categories then."""
    chosen = rows[rows["session_id"].isin(sessions).to_numpy()]
    return chosen.assign(session_id=chosen["session_id"].cat.remove_unused_categories())


def _names(rows: pd.DataFrame, column: str) -> dict[Any, str]:
    """The values of a column in each session, dearest first, with commas."""
    found: dict[Any, list[str]] = {}
    for session, value in added(rows, ["session_id", column]).index:
        if value != NONE:
            found.setdefault(session, []).append(str(value))
    return {session: ", ".join(values) for session, values in found.items()}


def _row(
    session: Any, row: Mapping[Any, Any], begun: Mapping[Any, Any], names: Mapping[str, Mapping[Any, str]]
) -> dict[str, Cell]:
    return {
        "day": begun[session].date().isoformat(),
        "session_id": str(session),
        "project": names["project"].get(session),
        **usage(row),
        "models": names["model"].get(session),
    }


def _apart(rows: pd.DataFrame, inside: pd.DataFrame) -> tuple[str, ...]:
    every, known = int(rows["calls"].sum()), int(inside["calls"].sum())
    if every == known:
        return ()
    apart = every - known
    verb = "names" if apart == 1 else "name"
    return (f"{plural(apart, 'call')} ({share(apart, every)}) {verb} no session.",)


VIEW = View("sessions", f"the {MOST} dearest sessions", build, grouped=False, limited=True)
