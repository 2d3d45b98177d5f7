"""What the user set about money: `[[budget]]`, `[watch]`, `[credit]`, `[alerts]` in callmeter.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import SettingError
from ..settings import TABLES, repeated
from . import budgets, credit, notify, watches
from .budgets import Budget
from .credit import CreditRules
from .keys import unknown
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
    tables = {} if file is None else _tables(file)
    name = str(file)
    for table in tables:
        if table not in TABLES:
            raise SettingError(name, f"[{repeated(table)}]", unknown(table, TABLES, "table"))
    return Rules(
        budgets=_budgets(tables.get("budget", []), name),
        watches=watches.watches_of(_table(tables, "watch", name), name),
        credit=credit.rules_of(_table(tables, "credit", name), name),
        delivery=notify.delivery_of(_table(tables, "alerts", name), name, environ),
        file=file,
    )


def _tables(file: Path) -> dict[str, Any]:
    """The tables of the file; `settings.load` has read its other keys, and says what is wrong with it."""
    try:
        everything = tomllib.loads(file.read_text("utf-8"))
    except ValueError as error:  # TOML, UTF-8, or a number without end
        raise SettingError(str(file), "not valid TOML", str(error)) from error
    except OSError as error:
        raise SettingError(str(file), "cannot be read", error.strerror or str(error)) from error
    found = {name: value for name, value in everything.items() if isinstance(value, dict) or name in TABLES}
    lists = {n: v for n, v in everything.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
    return found | lists


def _table(tables: Mapping[str, Any], name: str, file: str) -> Mapping[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise SettingError(file, name, f"must be a table: [{name}] on a line of its own")
    return table


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
