"""What fails, how often and why? Rates of limits, overload and timeouts by anything, and every error type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from .. import failures, metrics, numbers
from ..failures import CLASSES, Failed
from ..sheets import Answer, Cell, Column, Sheet, plain
from . import Asked, View
from .group_names import key_column, label


def _share(value: float | None) -> str:
    return numbers.UNKNOWN if value is None else numbers.share(value, 1)


def _quiet(value: float | None) -> str:
    """A count; nothing to see where it is 0."""
    return numbers.UNKNOWN if not value else numbers.count(value)


_HEADS = {
    "rate_limit": "429",
    "overloaded": "529",
    "timeout": "Timeout",
    "server": "5xx",
    "connection": "No conn",
    "request": "4xx",
    "cut": "Cut",
    "other": "Other",
}

_ALWAYS = ("rate_limit", "overloaded", "timeout")
"""Classes that people see also where they are 0; others have a column only where they occur."""


def columns(whole: Failed) -> tuple[Column, ...]:
    """What is told of each group. Shares are of its calls, 0 to 1."""
    return (
        Column("calls", "Calls", numbers.count),
        Column("failed", "Failed", numbers.count),
        Column("share_failed", "Share", _share),
        Column("share_rate_limit", "429", _share, shown=False),
        Column("share_overloaded", "529", _share, shown=False),
        *(
            Column(kind, head, _quiet, shown=kind in _ALWAYS or kind in whole.by_class)
            for kind, head in _HEADS.items()
        ),
        Column("retries", "Retries", _quiet, extra=1, shown=whole.retries > 0),
    )


ERROR_COLUMNS = (
    Column("error", "Error", plain),
    Column("class", "Class", lambda kind: CLASSES[kind]),
    Column("calls", "Calls", numbers.count),
    Column("share", "Share", _share),
    Column("last", "Last", lambda text: text[:16].replace("T", " "), whole=True),
    Column("meaning", "Meaning", plain, extra=True),
)
"""What is told of each error type. Shares are of all failed calls."""


def build(asked: Asked) -> Answer:
    """Two tables: by group, and by error type."""
    key = metrics.KEYS[asked.by]
    rows = asked.store.rows(asked.view, columns={*failures.COLUMNS, *({key} - {"day", "hour"})})
    whole = failures.total(rows)
    groups = Sheet(
        "failures",
        "Failures",
        (key_column(asked.by), *columns(whole)),
        _groups(failures.by(rows, key), asked.by),
        sentence(whole),
    )
    kinds = Sheet("errors", "Error types", ERROR_COLUMNS, _errors(failures.errors(rows), whole.failed))
    facts = {
        "since": asked.view.since.isoformat(),
        "until": asked.view.until.isoformat(),
        "timezone": str(asked.view.since.tzinfo),
        "totals": cells(
            {"calls": whole.calls, "failed": whole.failed, "retries": whole.retries}
            | {kind: whole.by_class.get(kind, 0) for kind in CLASSES}
        ),
    }
    return Answer([groups, kinds] if whole.failed else [groups], facts, remarks(whole))


def _groups(table: pd.DataFrame, by: str) -> list[dict[str, Cell]]:
    return [
        {by: label(name), **cells(row)}
        for name, row in zip(table.index, table.to_dict("records"), strict=True)
    ]


def cells(row: Mapping[Any, Any]) -> dict[str, Cell]:
    """A row of `failures.by` with its shares; None where there are no calls."""
    counts: dict[str, Cell] = {str(name): int(value) for name, value in row.items()}
    calls = int(row["calls"])
    for name, part in (("failed", "failed"), ("rate_limit", "rate_limit"), ("overloaded", "overloaded")):
        counts[f"share_{name}"] = round(int(row[part]) / calls, 6) if calls else None
    return counts


def _errors(table: pd.DataFrame, failed: int) -> list[dict[str, Cell]]:
    return [
        {
            "error": str(name) or None,
            "class": str(row["kind"]),
            "calls": int(row["calls"]),
            "share": round(int(row["calls"]) / failed, 6),
            "last": row["last"].isoformat(),
            "meaning": failures.words(str(name)) or None,
        }
        for name, row in zip(table.index, table.to_dict("records"), strict=True)
    ]


def sentence(whole: Failed) -> str:
    """How many failed, and of what most of them."""
    if not whole.calls:
        return "No calls here."
    if not whole.failed:
        return f"None of {numbers.plural(whole.calls, 'call')} failed."
    share = numbers.share(whole.failed, whole.calls)
    said = f"{numbers.plural(whole.failed, 'call')} of {numbers.count(whole.calls)} failed ({share})"
    return f"{said}: {reasons(whole)}."


def reasons(whole: Failed, most: int = 3) -> str:
    """The classes with most failures: `overloaded (529) 41.0 %, timeout 20.0 %`."""
    named = [
        f"{_small(CLASSES[kind])} {numbers.share(calls, whole.failed)}"
        for kind, calls in list(whole.by_class.items())[:most]
    ]
    return ", ".join(named)


def _small(name: str) -> str:
    return name[0].lower() + name[1:]


def remarks(whole: Failed) -> list[str]:
    """What the numbers do not say."""
    if not whole.retries:
        return []
    return [
        f"{numbers.plural(whole.retries, 'attempt')} failed and were tried again; why is not logged, so 429 "
        "and 529 count only calls that failed in the end."
    ]


VIEW = View("failures", "what fails, and why: 429, 529, timeouts", build)
