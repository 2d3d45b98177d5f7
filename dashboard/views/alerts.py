"""How the budgets stand, and which alerts are open."""

from __future__ import annotations

from collections.abc import Mapping

from ..money.alerts import Alert
from ..money.budgets import Standing, amount_words, as_data, share_words
from ..sheets import Answer, Cell, Column, Sheet, plain
from . import Asked, View
from .columns import data_column, moment_words, text_column

_STATUS = {"ok": "✓ ok", "warning": "! warning", "exceeded": "✗ exceeded"}


def _words(key: str, head: str) -> Column:
    return Column(key, head, plain, data=False, bound="bound" if key in ("used", "percent") else "")


_BUDGETS = (
    text_column("name", "Budget"),
    Column("of", "Of", plain, data=False, extra=1),
    text_column("period", "Period"),
    _words("used", "Used"),
    _words("allowed", "Limit"),
    _words("percent", "Share"),
    Column("status", "Status", lambda status: _STATUS[status]),
    *map(
        data_column,
        ("measure", "current", "current_is_a_lower_bound", "limit", "share", "since", "until", "projected"),
    ),
)
_ALERTS = (
    Column("raised", "Since", moment_words, whole=True),
    text_column("severity", "Severity"),
    Column("sentence", "What", plain, wraps=True),
    *map(data_column, ("rule", "level")),
)


def build(asked: Asked) -> Answer:
    """A row per budget, a row per open alert, the worst first."""
    unset = "" if asked.standings else "No budgets are set: callmeter budget init writes three."
    budgets = Sheet("budgets", "Budgets", _BUDGETS, [_budget(one) for one in asked.standings], unset)
    said = "" if asked.opened else "No alert is open."
    opened = Sheet("open", "Open alerts", _ALERTS, [_alert(one, asked) for one in asked.opened], said)
    here = asked.now.astimezone(asked.store.zone)
    known = {"at": here.isoformat(timespec="seconds"), "timezone": str(asked.store.zone)}
    return Answer((budgets, opened), known)


def _budget(one: Standing) -> Mapping[str, Cell]:
    measure = one.budget.measure
    noun = "" if measure == "cost" else f" {measure}"
    data = {name: value for name, value in as_data(one).items() if name not in ("scope", "level_percent")}
    return {
        **data,
        "of": one.budget.scope.words or "all calls",
        "used": None if one.unknown else amount_words(measure, one.current),
        "allowed": f"{amount_words(measure, one.budget.limit)}{noun}",
        "percent": None if one.unknown else share_words(one.share),
        "bound": one.lower_bound,
    }


def _alert(one: Alert, asked: Asked) -> Mapping[str, Cell]:
    known = one.condition
    return {
        "raised": one.raised.astimezone(asked.store.zone).isoformat(),
        "severity": known.severity,
        "sentence": known.sentence,
        "rule": known.rule,
        "level": known.level,
    }


VIEW = View("alerts", "budgets and open alerts", build, grouped=False, money=True)
