"""Sheets as tables for a terminal: aligned, plain when piped.

Where the terminal is too narrow a table writes names briefly (`Column.brief`), shortens long ones in their
middle, leaves out what may be (`Column.extra`), then shortens names further. Sentences (`Column.wraps`) are
wrapped at words and never cut. A pipe has every name and every sentence whole, in one line.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import Answer, Cell, Column, Sheet

if TYPE_CHECKING:
    from rich.console import Console

_NUMBER = re.compile(r"(≥ |about )?[-−+<>]*\$?[\d,.]+( ?[kMBT%s]| d| h| (tokens|calls))?|–|not known")
_SPACE = re.compile(r" (?!%)")
_GAP = "  "
_LONG = 32
"""A name of up to so many places is left whole as long as a column can be left out."""
_SHORT = 9
"""No name is made shorter than this."""
_BESIDE = 24
"""A sentence stands beside its row where it has so many places, else below it."""
_BELOW = "    "
"""Before each line of a sentence that stands below its row."""


def printable(text: str) -> str:
    """A text from a log without what a terminal would obey: control characters are spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def show(answer: Answer, console: Console) -> None:
    """Print the tables, each under its title and sentence."""
    for place, sheet in enumerate(answer.sheets):
        if place:
            console.print()
        _show(sheet, console)


def say(sentence: str, console: Console, style: str | None = None) -> None:
    """Print a sentence: wrapped at words on a terminal, one line in a pipe."""
    lines = wrapped(printable(sentence), console.width) if console.is_terminal else [printable(sentence)]
    _line("\n".join(lines), console, style)


def _show(sheet: Sheet, console: Console) -> None:
    say(sheet.title, console, style="bold")
    if sheet.sentence:
        say(sheet.sentence, console)
    if sheet.rows:
        head, *body = lines(sheet, console.width if console.is_terminal else None)
        _line(head, console, style="dim")
        _line("\n".join(line.rstrip() for line in body), console)


def _line(text: str, console: Console, style: str | None = None) -> None:
    console.print(text.rstrip(), style=style, soft_wrap=True, markup=False, highlight=False)


def lines(sheet: Sheet, room: int | None = None) -> list[str]:
    """The heads and the rows, padded to columns. room: of the terminal, in characters; None: no end."""
    columns = [_column(column, sheet.rows) for column in sheet.shown]
    if room is None or _width(columns) <= room:
        return _joined(columns)
    *before, last = columns
    return _wrapped(before, last, room) if sheet.shown[-1].wraps else _joined(_fitted(columns, room))


def _joined(columns: Sequence[_Texts]) -> list[str]:
    return [_GAP.join(cells) for cells in zip(*map(_padded, columns), strict=True)]


def _wrapped(before: list[_Texts], last: _Texts, room: int) -> list[str]:
    """The rows with the sentences of their last column in as many lines as it takes."""
    shown = _fitted(before, room)
    indent = _width(shown) + len(_GAP)
    head, *rows = _joined(shown)
    if room - indent < _BESIDE:
        under = (_below(said, room) for said in last.every[1:])
        return [head, *(line for row, said in zip(rows, under, strict=True) for line in (row, *said))]
    beside = (wrapped(said, room - indent) for said in last.every[1:])
    lines = [_hanging(row + _GAP, said) for row, said in zip(rows, beside, strict=True)]
    return [f"{head}{_GAP}{last.every[0]}", *(line for some in lines for line in some)]


def _below(sentence: str, room: int) -> list[str]:
    return [_BELOW + line for line in wrapped(sentence, room - len(_BELOW))] if sentence else []


def _hanging(begin: str, lines: Sequence[str]) -> list[str]:
    """Lines with `begin` before the first and as many places before the others."""
    space = " " * _cells(begin)
    return [f"{begin}{lines[0]}", *(f"{space}{line}" for line in lines[1:])]


def wrapped(sentence: str, width: int) -> list[str]:
    """Lines of at most so many places: broken at spaces (not at that of `12 %`), longer words anywhere."""
    lines = [""]
    for word in _SPACE.split(sentence):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if _cells(longer) <= width:
            lines[-1] = longer
        else:
            lines += _pieces(word, width)
    return lines if lines[0] else lines[1:] or lines


def _pieces(word: str, width: int) -> list[str]:
    """A word in parts of at most so many places."""
    pieces, left = [""], width
    for character in word:
        left -= _cells(character)
        if left < 0 and pieces[-1]:
            pieces.append("")
            left = width - _cells(character)
        pieces[-1] += character
    return pieces


@dataclass(frozen=True)
class _Texts:
    """The head and the cells of a column. Without slots: it remembers its width."""

    every: list[str]
    right: bool
    """Numbers: they stand to the right."""
    of: Column

    @property
    def whole(self) -> bool:
        """Whether it is never shortened."""
        return self.right or self.of.whole

    @cached_property
    def width(self) -> int:
        """Measured once: every cell is padded to it."""
        return max(map(_cells, self.every))

    def briefly(self) -> _Texts:
        """With names written briefly, where there is such a way; the head stays."""
        if self.of.brief is None:
            return self
        head, *names = self.every
        return replace(self, every=[head, *map(self.of.brief, names)])

    def within(self, width: int) -> _Texts:
        """With names of at most so many places; the head stays."""
        if self.whole or self.width <= width:
            return self
        head, *names = self.every
        return replace(self, every=[head, *(shortened(name, width) for name in names)])


def _column(column: Column, rows: Sequence[Any]) -> _Texts:
    texts = [printable(column.text(row)) for row in rows]
    right = _are_numbers([row[column.key] for row in rows], texts)
    return _Texts([column.head, *texts], right, column)


def _fitted(columns: list[_Texts], room: int) -> list[_Texts]:
    """The columns as they fit the room, or nearly."""
    if _width(columns) <= room:
        return columns
    columns = _shorter([column.briefly() for column in columns], room, _LONG)
    for level in sorted({column.of.extra for column in columns if column.of.extra}, reverse=True):
        if _width(columns) <= room:
            break
        columns = [column for column in columns if column.of.extra < level]
    return _shorter(columns, room, _SHORT)


def _shorter(columns: list[_Texts], room: int, least: int) -> list[_Texts]:
    """With the longest names shortened as far as it takes, to `least` places at the most."""
    if _width(columns) <= room:
        return columns
    longest = max((column.width for column in columns if not column.whole), default=0)
    widths = range(-longest, -least)  # the widest that fits is looked for from there down
    fits = bisect_left(widths, True, key=lambda width: _width(_within(columns, -width)) <= room)
    return _within(columns, max(longest - fits, least))


def _within(columns: Sequence[_Texts], width: int) -> list[_Texts]:
    return [column.within(width) for column in columns]


def _width(columns: Sequence[_Texts]) -> int:
    return sum(column.width for column in columns) + len(_GAP) * (len(columns) - 1)


def _padded(column: _Texts) -> list[str]:
    return [_pad(text, column.width, right=column.right) for text in column.every]


def shortened(name: str, width: int) -> str:
    """A name of at most so many places: without its middle where it is longer. width: 3 or more."""
    if _cells(name) <= width:
        return name
    half = (width - 1) // 2
    return f"{_until(name, width - 1 - half)}…{_until(name[::-1], half)[::-1]}"


def _until(text: str, width: int) -> str:
    """As much of a text as takes so many places."""
    return text[: bisect_right(range(len(text)), width, key=lambda end: _cells(text[: end + 1]))]


def _are_numbers(cells: Sequence[Cell], texts: Sequence[str]) -> bool:
    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in known):
        return True
    return all(map(_NUMBER.fullmatch, texts))


def _pad(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - _cells(text))
    return f"{space}{text}" if right else f"{text}{space}"


def _cells(text: str) -> int:
    """How many places it takes: some characters take two."""
    from rich.cells import cell_len

    return cell_len(text)
