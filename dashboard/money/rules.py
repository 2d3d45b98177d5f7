"""What the user set about money: `[[budget]]`, `[watch]`, `[credit]`, `[alerts]` in callmeter.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import SettingError
from ..keys import table_of, tables_of
from . import budgets, credit, notify, watches
from .budgets import Budget
from .credit import CreditRules
from .notify import Delivery
from .watches import Watches


@dataclass(frozen=True, slots=True)
class Rules:
    """What is set, with defaults for what is not. `file`: where, if there is any."""

    budgets: tuple[Budget, ...] = ()
    watches: Watches = field(default_factory=Watches)
    credit: CreditRules = field(default_factory=CreditRules)
    delivery: Delivery = field(default_factory=Delivery)
    file: Path | None = None


def read(file: Path | None, environ: Mapping[str, str]) -> Rules:
    """The rules of a settings file (`Settings.file`); the defaults without one.

    Raises SettingError, with file and key: unknown tables and keys, wrong types, two budgets of one name.
    """
    tables = {} if file is None else tables_of(file)
    name = str(file)
    return Rules(
        budgets=_budgets(tables.get("budget", []), name),
        watches=watches.watches_of(table_of(tables, "watch", name), name),
        credit=credit.rules_of(table_of(tables, "credit", name), name),
        delivery=notify.delivery_of(table_of(tables, "alerts", name), name, environ),
        file=file,
    )


def _budgets(given: Any, file: str) -> tuple[Budget, ...]:
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise SettingError(file, "budget", "must be tables: [[budget]] on a line of its own for each")
    found: list[Budget] = []
    for number, table in enumerate(given, 1):
        one = budgets.budget_of(table, file, number)
        if any(other.name.casefold() == one.name.casefold() for other in found):
            raise SettingError(file, f"[[budget]] {number}: name", f"there is another budget {one.name!r}")
        found.append(one)
    return tuple(found)
