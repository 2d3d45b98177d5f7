"""Tables of numbers before they have a form: the page, the terminal, JSON and CSV are made of the same rows.

A cell is plain data (str, int, float, bool, None for what is not known); a column knows how people read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `show` writes a cell for people; what is not known it writes as `numbers.UNKNOWN`."""

    key: str
    """Its name in JSON and CSV, and in the rows."""
    head: str
    """What people read above it."""
    show: Callable[[Any], str]
    bound: str = ""
    """Key of a cell that is true where this number is only a lower bound; rows may have cells beyond those
    of the columns for it.
    """
    extra: int = 0
    """What a terminal that is too narrow leaves out: the columns of the highest number first; 0 stays."""
    brief: Callable[[str], str] | None = None
    """How a terminal that is too narrow writes the names, before it leaves out or cuts anything."""
    whole: bool = False
    """True: names that are never cut, such as days."""
    wraps: bool = False
    """True: sentences, in the last column. A terminal wraps them at words, beside the other columns or below
    the row, and cuts nothing.
    """
    shown: bool = True
    """False: JSON and CSV have it, people do not see it."""
    data: bool = True
    """False: people see it, JSON and CSV do not have it, for it says in words what other columns hold."""

    def text(self, row: Mapping[str, Cell]) -> str:
        """The cell of a row as people read it, with `≥` where it is a lower bound."""
        said = self.show(row[self.key])
        return f"≥ {said}" if self.bound and row[self.bound] and row[self.key] is not None else said


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table. Every row has a cell for each column."""

    name: str
    """Its key in JSON."""
    title: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Cell]]
    sentence: str = ""
    """What the table says, in one sentence; "" where there is nothing to say."""

    @property
    def shown(self) -> list[Column]:
        """The columns that people see."""
        return [column for column in self.columns if column.shown]

    @property
    def keys(self) -> list[str]:
        """The keys that JSON and CSV have."""
        return [column.key for column in self.columns if column.data]

    @property
    def heads(self) -> list[str]:
        """The heads of the columns that people see."""
        return [column.head for column in self.shown]

    def text(self) -> list[list[str]]:
        """The rows as people read them: of `shown` columns."""
        return [[column.text(row) for column in self.shown] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command or a part of the page says: tables, in order, the first being what CSV gives."""

    sheets: Sequence[Sheet]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What JSON says besides the tables: plain data by name."""
    remarks: Sequence[str] = ()
    """What makes the numbers incomplete or must be known with them, in sentences."""


def plain(value: Cell) -> str:
    """A text as it is; "–" for None."""
    return "–" if value is None else str(value)
