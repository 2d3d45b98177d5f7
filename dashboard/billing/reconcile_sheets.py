"""A reconciliation as tables: the page and the command show the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from ..numbers import count, plural, usd
from ..sheets import Answer, Cell, Column, Sheet, plain
from ..sheets.names import model_label
from .findings import Finding, day_words, several_years
from .kinds import KIND_NAMES
from .reasons import REASONS
from .reconcile import Reconciliation
from .verdict import NO_DIFFERENCE

_USD = (
    Column("logged_usd", "Logged", usd),
    Column("billed_usd", "Billed", usd),
    Column("difference_usd", "Difference", usd),
)
_TOKENS = (
    Column("logged_tokens", "Logged tokens", count, extra=1),
    Column("billed_tokens", "Billed tokens", count, extra=1),
    Column("difference_tokens", "Difference", count, extra=1),
)


def _day(found: Reconciliation, *, shown: bool = True) -> Column:
    """The day, with its year where there are several."""
    year = several_years([found.since, found.until])

    def words(text: str) -> str:
        return day_words(date.fromisoformat(text), year=year)

    return Column("day", "Day (UTC)", words, whole=True, shown=shown)


def _reason(name: str | None) -> str:
    return REASONS.get(name, name) if name else ""


def _kind(name: str | None) -> str:
    return KIND_NAMES.get(name, name) if name else "several"


def _sure(certain: bool) -> str:
    return "" if certain else "likely"


_MODEL = Column("model", "Model", lambda name: name or "no model", brief=model_label)


def answer_of(found: Reconciliation, *, detail: bool = False, most: int | None = None) -> Answer:
    """All that is told of a reconciliation.

    detail: also every day, model and kind. most: so many findings at most, the largest.
    """
    sheets = [days_sheet(found), findings_sheet(found, most), reasons_sheet(found), models_sheet(found)]
    return Answer([*sheets, *([cells_sheet(found)] if detail else [])], facts(found), found.remarks)


def _exact(amount: float) -> float:
    """Without what floats add to a sum, as everywhere in data; nothing is 0, not -0."""
    return round(amount, 10) + 0.0


def facts(found: Reconciliation) -> dict[str, Any]:
    """What JSON says besides the tables."""
    return {
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "verdict": found.verdict,
        "within": found.within,
        "logged_usd": _exact(found.logged_usd),
        "billed_usd": _exact(found.billed_usd),
        "list_usd": None if found.list_usd is None else _exact(found.list_usd),
        "covered": found.covered,
        "missing_usd": _exact(found.missing_usd),
        "surplus_usd": _exact(found.surplus_usd),
        "compared_days": [day.isoformat() for day in found.compared],
        "days_not_over": [day.isoformat() for day in found.not_over],
        "days_not_read": [day.isoformat() for day in found.unread],
        "days_without_keys": [day.isoformat() for day in found.keyless],
    }


def days_sheet(found: Reconciliation) -> Sheet:
    """A row per compared day, with what explains most of its difference."""
    main = _main_reasons(found.findings)
    rows = [
        {"day": day.isoformat(), "reason": main.get(day), **amounts} for day, amounts in _days(found).items()
    ]
    return Sheet(
        "days", "Day by day", (_day(found), *_USD, Column("reason", "Mostly", _reason, wraps=True)), rows
    )


def _days(found: Reconciliation) -> dict[date, dict[str, Cell]]:
    sums = _sums(found.cells, ["day"])
    known = {day.date(): _amounts(row) for day, row in _records(sums)}
    nothing: dict[str, Cell] = {column.key: 0.0 for column in _USD}
    return {day: known.get(day, nothing) for day in found.compared}


def _main_reasons(findings: Iterable[Finding]) -> dict[date, str]:
    """Day -> the reason of most of the USD that differ."""
    sums: dict[date, dict[str, float]] = {}
    for one in findings:
        of_day = sums.setdefault(one.day, {})
        of_day[one.reason] = of_day.get(one.reason, 0.0) + abs(one.usd)
    return {day: max(reasons, key=lambda reason: reasons[reason]) for day, reasons in sums.items()}


def findings_sheet(found: Reconciliation, most: int | None = None) -> Sheet:
    """A row per finding, largest first; what is no real difference stands last."""
    ordered = sorted(found.findings, key=lambda one: one.reason in NO_DIFFERENCE)
    shown = ordered if most is None else [one for one in ordered if one.reason not in NO_DIFFERENCE][:most]
    columns = (
        _day(found, shown=False),
        Column("model", "Model", plain, shown=False),
        Column("reason", "Why", _reason, shown=False),
        Column("kind", "Kind", _kind, shown=False),
        Column("tokens", "Tokens", count, shown=False),
        Column("usd", "USD", usd),
        Column("calls", "Calls", count, shown=False),
        Column("certain", "", _sure, shown=False),
        Column("sentence", "What differs", plain, wraps=True),
    )
    return Sheet("findings", "What differs", columns, [_finding(one) for one in shown], _told(ordered, shown))


def _finding(one: Finding) -> dict[str, Cell]:
    return {
        "day": one.day.isoformat(),
        "model": one.model or None,
        "reason": one.reason,
        "kind": one.kind,
        "tokens": one.tokens,
        "usd": _exact(one.usd),
        "calls": one.calls,
        "certain": one.certain,
        "sentence": one.sentence,
    }


def _told(every: Sequence[Finding], shown: Sequence[Finding]) -> str:
    if not every:
        return "Nothing differs."
    left = len(every) - len(shown)
    if not left:
        return ""
    rest = sum(abs(one.usd) for one in every) - sum(abs(one.usd) for one in shown)
    return f"The largest; {plural(left, 'more finding')} of {usd(rest)} together {_is(left)} in the JSON."


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def reasons_sheet(found: Reconciliation) -> Sheet:
    """A row per reason: how much of the difference it explains. Billed less logged."""
    columns = (
        Column("reason", "Why", _reason),
        Column("findings", "Findings", count),
        Column("tokens", "Tokens", count),
        Column("usd", "USD", usd),
    )
    of = {reason: [one for one in found.findings if one.reason == reason] for reason in REASONS}
    rows = [_reason_row(reason, group) for reason, group in of.items() if group]
    rows.sort(key=lambda row: -abs(float(row["usd"] or 0)))
    total = found.billed_usd - found.logged_usd
    title = "What explains it"
    return Sheet(
        "reasons", title, columns, rows, f"Billed less logged: {usd(_exact(total))}." if rows else ""
    )


def _reason_row(reason: str, group: Sequence[Finding]) -> dict[str, Cell]:
    return {
        "reason": reason,
        "findings": len(group),
        "tokens": sum(one.tokens for one in group if one.kind != "web_search"),
        "usd": _exact(sum(one.usd for one in group)),
    }


def models_sheet(found: Reconciliation) -> Sheet:
    """A row per model, dearest first."""
    cells = found.cells[found.cells["kind"] != "web_search"]
    tokens = {name: _tokens(row) for name, row in _records(_sums(cells, ["model"]))}
    sums = _sums(found.cells, ["model"]).sort_values("billed_usd", ascending=False, kind="stable")
    rows = [{"model": name, **tokens.get(name, _tokens({})), **_amounts(row)} for name, row in _records(sums)]
    return Sheet("models", "By model", (_MODEL, *_TOKENS, *_USD), rows)


def cells_sheet(found: Reconciliation) -> Sheet:
    """A row per day, model and kind; of web searches the tokens are searches."""
    columns = (
        _day(found),
        _MODEL,
        Column("kind", "Kind", _kind),
        *_TOKENS,
        *_USD,
        Column("list_usd", "At list", usd, extra=2),
    )
    rows = [
        {
            "day": row["day"].date().isoformat(),
            "model": row["model"],
            "kind": row["kind"],
            **_tokens(row),
            **_amounts(row),
            "list_usd": None if pd.isna(row["list_usd"]) else _exact(row["list_usd"]),
        }
        for row in found.cells.to_dict("records")
    ]
    return Sheet("cells", "Day, model and kind", columns, rows)


_MEASURES = ["logged_tokens", "billed_tokens", "logged_usd", "billed_usd"]


def _sums(cells: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return cells.groupby(keys)[_MEASURES].sum()


def _records(frame: pd.DataFrame) -> list[tuple[Any, Mapping[Any, Any]]]:
    return list(zip(frame.index, frame.to_dict("records"), strict=True))


def _amounts(row: Mapping[Any, Any]) -> dict[str, Cell]:
    logged, billed = float(row["logged_usd"]), float(row["billed_usd"])
    return {
        "logged_usd": _exact(logged),
        "billed_usd": _exact(billed),
        "difference_usd": _exact(billed - logged),
    }


def _tokens(row: Mapping[Any, Any]) -> dict[str, Cell]:
    logged, billed = int(row.get("logged_tokens", 0)), int(row.get("billed_tokens", 0))
    return {"logged_tokens": logged, "billed_tokens": billed, "difference_tokens": billed - logged}
