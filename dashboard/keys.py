"""The keys of our tables in callmeter.toml: one row each, read and checked the same way.

A module that owns a table declares its `KEYS`; the README's tables show these rows.
"""

from __future__ import annotations

import difflib
import math
import reprlib
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import SettingError
from .settings import TABLES, repeated

REQUIRED = object()
"""The default of a key that must be given."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `check` gives the value to keep, or raises ValueError saying what is accepted.

    A second argument of the ValueError says what was probably meant.
    """

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
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:_.0f}" if float(value).is_integer() else f"{value:g}"


def tables_of(file: Path) -> dict[str, Any]:
    """The tables of the settings file; `settings.load` has read its other keys, and says what is wrong there.

    Raises SettingError: for a file that cannot be read, and for a table nobody knows.
    """
    try:
        everything = tomllib.loads(file.read_text("utf-8"))
    except ValueError as error:  # TOML, UTF-8, or a number without end
        raise SettingError(str(file), "not valid TOML", str(error)) from error
    except OSError as error:
        raise SettingError(str(file), "cannot be read", error.strerror or str(error)) from error
    found = {name: value for name, value in everything.items() if isinstance(value, dict) or name in TABLES}
    found |= {n: v for n, v in everything.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
    for name in found:
        if name not in TABLES:
            raise SettingError(str(file), f"[{repeated(name)}]", unknown(name, TABLES, "table"))
    return found


def table_of(tables: Mapping[str, Any], name: str, file: str) -> Mapping[str, Any]:
    """One table, empty when it is not there. Raises SettingError when it is something else."""
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise SettingError(file, name, f"must be a table: [{name}] on a line of its own")
    return table


def read_table(keys: Sequence[Key], table: Mapping[str, Any], file: str, where: str) -> dict[str, Any]:
    """Name -> checked value of every key, defaults where it is not given.

    file, where: as the error names the place: `callmeter.toml: [[budget]] 2: limit: …`. Raises SettingError.
    """
    known = {key.name: key for key in keys}
    for name in table:
        if name not in known:
            raise SettingError(file, f"{where}: {repeated(name)}", unknown(name, known))
    return {key.name: _value(key, table, file, where) for key in keys}


def _value(key: Key, table: Mapping[str, Any], file: str, where: str) -> Any:
    if key.name not in table:
        if key.default is REQUIRED:
            raise SettingError(file, f"{where}: {key.name}", f"must be given: {key.help}")
        return key.default
    try:
        return key.check(table[key.name])
    except ValueError as error:
        raise SettingError(file, f"{where}: {key.name}", _wrong(key, table[key.name], error)) from None


def _wrong(key: Key, value: Any, error: ValueError) -> str:
    """What is accepted, what was given unless that is a secret, and what was probably meant."""
    accepted, *meant = map(str, error.args)
    given = "" if key.type == "secret" else f", not {repeated(reprlib.repr(value))}"
    return "; ".join([accepted + given, *meant])


def unknown(name: str, known: Iterable[str], noun: str = "key") -> str:
    """That there is no such key, and the one that was probably meant."""
    names = list(known)
    near = _near(name, names)
    return f"no such {noun}; " + (near or "there are " + ", ".join(names))


def _near(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else ""


LEAST, MOST = 0.0001, 1e15
"""The amounts that may be set: of USD, tokens or calls. Beyond them no sentence would be readable."""


def amount(value: Any) -> float:
    """A number above 0, from `LEAST` to `MOST`."""
    if not _is_number(value) or not value > 0 or value == math.inf:
        raise ValueError("must be a number above 0")
    if not LEAST <= value <= MOST:
        raise ValueError(f"must be from {LEAST:g} to {MOST:.0e}".replace("e+", "e"))
    return float(value)


def amount_or_off(value: Any) -> float | None:
    """An amount, or `false` for never."""
    if value is False:
        return None
    try:
        return amount(value)
    except ValueError as error:
        raise ValueError(f"{error}, or false for never") from None


def within(least: float, most: float) -> Callable[[Any], float]:
    """A check for a number from one to another, both included."""

    def check(value: Any) -> float:
        if not _is_number(value) or not least <= value <= most:
            raise ValueError(f"must be a number from {least:g} to {most:g}")
        return float(value)

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def percents(value: Any) -> tuple[float, ...]:
    """Whole percentages from 1 to 100, each once, in ascending order; an empty list is none.

    Alerts know levels by whole percents: of two within one only one would be told.
    """
    if not isinstance(value, list) or not all(map(_is_percent, value)):
        raise ValueError("must be a list of percentages, whole numbers from 1 to 100, such as [50, 80, 90]")
    return tuple(sorted({float(one) for one in value}))


def _is_percent(value: Any) -> bool:
    return _is_number(value) and 1 <= value <= 100 and value == int(value)


def text(value: Any) -> str:
    """A text that says something, of one line."""
    if not isinstance(value, str) or not value.strip() or not value.strip().isprintable():
        raise ValueError("must be a text of one line")
    return value.strip()


def texts(value: Any) -> tuple[str, ...]:
    """A text or a list of texts."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) and one.strip() for one in values):
        raise ValueError("must be a text or a list of texts")
    return tuple(one.strip() for one in values)


def patterns(value: Any) -> tuple[str, ...]:
    """A pattern or a list of them."""
    try:
        return texts(value)
    except ValueError as error:
        raise ValueError(f'{error} such as ["claude-opus-*"]') from None


def one_of(*allowed: str) -> Callable[[Any], str]:
    """A check for one of some words."""

    def check(value: Any) -> str:
        if value not in allowed:
            meant = _near(str(value).lower(), allowed)
            raise ValueError("must be one of " + ", ".join(allowed), *([meant] if meant else []))
        return str(value)

    return check
