"""The keys of our tables in callmeter.toml: one row each, read and checked the same way.

A module that owns a table declares its `KEYS`; the README's tables show these rows.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import SettingError

REQUIRED = object()
"""The default of a key that must be given."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `check` gives the value to keep, or raises ValueError saying what is accepted."""

    name: str
    type: str
    default: Any
    help: str
    check: Callable[[Any], Any]

    @property
    def shown(self) -> str:
        """The default as the README shows it."""
        if self.default is REQUIRED:
            return "must be given"
        if self.default is None or self.default == ():
            return "none"
        if isinstance(self.default, tuple):
            return "[" + ", ".join(map(_word, self.default)) + "]"
        return _word(self.default)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def read_table(keys: Sequence[Key], table: Mapping[str, Any], file: str, where: str) -> dict[str, Any]:
    """Name -> checked value of every key, defaults where it is not given.

    file, where: as the error names the place: `callmeter.toml: [[budget]] 2: limit: …`. Raises SettingError.
    """
    known = {key.name: key for key in keys}
    for name in table:
        if name not in known:
            raise SettingError(file, f"{where}: {name}", unknown(name, known))
    return {key.name: _value(key, table, file, where) for key in keys}


def _value(key: Key, table: Mapping[str, Any], file: str, where: str) -> Any:
    if key.name not in table:
        if key.default is REQUIRED:
            raise SettingError(file, f"{where}: {key.name}", f"must be given: {key.help}")
        return key.default
    try:
        return key.check(table[key.name])
    except ValueError as error:
        said = f"{error}" if key.type == "secret" else f"{error}, not {table[key.name]!r}"
        raise SettingError(file, f"{where}: {key.name}", said) from error


def unknown(name: str, known: Mapping[str, Any]) -> str:
    """That there is no such key, and the one that was probably meant."""
    near = difflib.get_close_matches(name, known, n=1)
    return "no such key; " + (f"did you mean {near[0]}?" if near else "there are " + ", ".join(known))


def amount(value: Any) -> float:
    """A number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError("must be a number above 0")
    return float(value)


def amount_or_off(value: Any) -> float | None:
    """A number above 0, or `false` for never."""
    if value is False:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError("must be a number above 0, or false for never")
    return float(value)


def percents(value: Any) -> tuple[float, ...]:
    """Percentages above 0 and up to 100, each once, in ascending order; an empty list is none."""
    good = isinstance(value, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) and 0 < one <= 100 for one in value
    )
    if not good:
        raise ValueError("must be a list of percentages such as [50, 80, 90]")
    return tuple(sorted({float(one) for one in value}))


def text(value: Any) -> str:
    """A text that says something."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    return value.strip()


def texts(value: Any) -> tuple[str, ...]:
    """A text or a list of texts."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) and one.strip() for one in values):
        raise ValueError('must be a text or a list of texts such as ["claude-opus-*"]')
    return tuple(one.strip() for one in values)


def one_of(*allowed: str) -> Callable[[Any], str]:
    """A check for one of some words."""

    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError("must be one of " + ", ".join(allowed))
        return str(value)

    return check
