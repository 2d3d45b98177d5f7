"""What the user set about Anthropic's reports: `[billing]` in callmeter.toml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..keys import Key, amount, patterns, read_table, table_of, tables_of

_MOST_HOURS = 24 * 31


def _hours(value: Any) -> float | None:
    """Hours between two looks; false (None): never by itself."""
    if value is False:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.25 <= value <= _MOST_HOURS:
        raise ValueError(f"must be hours from 0.25 to {_MOST_HOURS}, or false")
    return float(value)


def _percent(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise ValueError("must be a percentage from 0 to 100")
    return float(value)


KEYS: tuple[Key, ...] = (
    Key("sync_hours", "hours or false", None, "How often the server syncs; false: only you do.", _hours),
    Key("workspace", "pattern or list", (), "Only these workspaces are compared with the log.", patterns),
    Key("api_key", "pattern or list", (), "Only these API keys are compared, by name or id.", patterns),
    Key("tolerance", "percent", 1.0, "A difference up to this share of the bill is fine.", _percent),
    Key("tolerance_usd", "USD", 0.01, "And so is one up to this.", amount),
)


@dataclass(frozen=True, slots=True)
class BillingRules:
    """What is set, with defaults for what is not."""

    sync_hours: float | None = None
    workspaces: tuple[str, ...] = ()
    """Patterns, `*` stands for anything; empty: all."""
    api_keys: tuple[str, ...] = ()
    tolerance: float = 1.0
    """Percent of what was billed."""
    tolerance_usd: float = 0.01


def read(file: Path | None) -> BillingRules:
    """The rules of a settings file (`Settings.file`); the defaults without one. Raises SettingError."""
    if file is None:
        return BillingRules()
    table = table_of(tables_of(file), "billing", str(file))
    given = read_table(KEYS, table, str(file), "[billing]")
    names = {"workspace": "workspaces", "api_key": "api_keys"}
    return BillingRules(**{names.get(key, key): value for key, value in given.items()})
