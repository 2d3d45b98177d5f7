"""Estimates as tables for a terminal. Where one is too wide its columns go on in a table below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from rich.text import Text

from ..money.estimate import (
    CACHED,
    HABITS,
    MONTH,
    OPERATIONS,
    Calls,
    Habit,
    Prices,
    Typical,
    Use,
)
from ..numbers import UNKNOWN, count, plural
from ..printout import Terminal, printable

_CACHED = f"{CACHED:.0%} cached".replace("%", " %")
_GAP = "   "
_WIDE = 10**6
_RULE = 60


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the names of the columns (the first: of the rows), and cells. A name may have two lines."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def dollars(usd: float | None) -> str:
    """The exact amount, at least to the cent: `$0.0135`, `$8.10`."""
    if usd is None:
        return UNKNOWN
    whole, _, digits = f"{usd:,.10f}".partition(".")
    return f"${whole}.{digits.rstrip('0').ljust(2, '0')}"


# Calls


def of_calls(found: Sequence[Calls], use: Use, number: int, day: date, *, batch: bool) -> Iterator[Table]:
    """What calls cost: of one model by number of calls, of several by model."""
    kinds = [kind for kind in _kinds(batch) if not (use.caches and kind.cached)]
    title = f"{tokens(use)}; prices of {_said(day)}"
    if len(found) == 1:
        one = found[0]
        names = [name.replace("\n", ", ") for name in _numbers(number)]
        rows = zip(names, _prices(one, number), strict=True)
        cells = tuple((name, *(kind.of(prices) for kind in kinds)) for name, prices in rows)
        yield Table(f"{printable(one.model)}: {title}", ("", *(kind.name for kind in kinds)), cells)
        return
    columns = [*((name, at, kinds[0]) for at, name in enumerate(_numbers(number)))]
    columns += [(f"the same\n{kind.name.lower()}", -1, kind) for kind in kinds[1:]]
    cells = tuple(
        (each.model, *(kind.of(_prices(each, number)[at]) for _, at, kind in columns)) for each in found
    )
    yield Table(
        title if not batch else f"As a batch: {title}", ("Model", *(name for name, _, _ in columns)), cells
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    field: str
    cached: bool = False

    def of(self, prices: Prices) -> str:
        return dollars(getattr(prices, self.field))


_KINDS = (
    _Kind("Cost", "plain"),
    _Kind(_CACHED.capitalize(), "cached", cached=True),
    _Kind("As a batch", "batch"),
    _Kind(f"As a batch\n{_CACHED}", "batch_cached", cached=True),
)


def _kinds(batch: bool) -> tuple[_Kind, ...]:
    return _KINDS[2:] if batch else _KINDS


def _numbers(number: int) -> tuple[str, ...]:
    every_day = f"{plural(number, 'call')} a day\n{MONTH} days"
    return ("1 call", every_day) if number == 1 else ("1 call", plural(number, "call"), every_day)


def _prices(one: Calls, number: int) -> tuple[Prices, ...]:
    return (one.one, one.month) if number == 1 else (one.one, one.all, one.month)


def tokens(use: Use) -> str:
    """`2,000 tokens in, 500 out, 48,000 read from the cache`."""
    parts = [f"{count(use.input)} tokens in", f"{count(use.output)} out"]
    for number, words in (
        (use.cache_read, "read from the cache"),
        (use.cache_write_5m, "written to it for 5 minutes"),
        (use.cache_write_1h, "written to it for an hour"),
    ):
        parts += [f"{count(number)} {words}"] if number else []
    return ", ".join(parts)


# Typical operations


def typical(found: Sequence[Typical], day: date) -> Iterator[Table]:
    """What people do: of one model with everything, of several beside each other."""
    return _of_one(found[0], day) if len(found) == 1 else _of_several(found, day)


def _of_one(one: Typical, day: date) -> Iterator[Table]:
    names = tuple(kind.name for kind in _KINDS)
    title = f"{printable(one.model)}, one by one; prices of {_said(day)}"
    operations = zip(OPERATIONS, one.operations, strict=True)
    cells = tuple((known.name, _size(known.use), *_every_kind(prices)) for known, prices in operations)
    yield Table(title, ("Operation", "Tokens in/out", *names), cells)
    for words, column in (("on a day", one.days), (f"in a month of {MONTH} days", one.months)):
        cells = tuple((known.name, *_every_kind(p)) for known, p in zip(HABITS, column, strict=True))
        yield Table(f"{printable(one.model)}, {words}", ("Habit", *names), cells)


def _every_kind(prices: Prices) -> tuple[str, ...]:
    return tuple(kind.of(prices) for kind in _KINDS)


def _of_several(found: Sequence[Typical], day: date) -> Iterator[Table]:
    names = tuple(f"{one.short}\n{_size(one.use)}" for one in OPERATIONS)
    cells = tuple((one.model, *(dollars(p.plain) for p in one.operations)) for one in found)
    yield Table(f"One operation (tokens in/out); prices of {_said(day)}", ("Model", *names), cells)
    habits = tuple(f"{one.short}\n{_times(one)}" for one in HABITS)
    cells = tuple((one.model, *(dollars(p.plain) for p in one.days)) for one in found)
    yield Table("A day", ("Model", *habits), cells)
    cells = tuple((one.model, *(dollars(p.plain) for p in one.months)) for one in found)
    yield Table(f"A month of {MONTH} days", ("Model", *habits), cells)
    yield _savings(found)


_SAVING = ((1, _KINDS), (len(HABITS) - 1, _KINDS[:2]))  # 20 documents a day; Claude Code, which cannot wait


def _savings(found: Sequence[Typical]) -> Table:
    """What caching and batches leave of a month."""
    chosen = [(HABITS[at], at, kind) for at, kinds in _SAVING for kind in kinds]
    names = tuple(f"{habit.short}\n{_brief(kind)}" for habit, _, kind in chosen)
    cells = tuple((one.model, *(kind.of(one.months[at]) for _, at, kind in chosen)) for one in found)
    return Table(f"A month: {_CACHED}, and as a batch", ("Model", *names), cells)


def _brief(kind: _Kind) -> str:
    return {"plain": "plain", "cached": "cached", "batch": "batch", "batch_cached": "both"}[kind.field]


def _size(use: Use) -> str:
    return f"{_thousands(use.input)}/{_thousands(use.output)}"


def _thousands(number: int) -> str:
    return f"{number / 1000:g} k" if number >= 1000 else str(number)


def _times(habit: Habit) -> str:
    return f"{habit.times} × {habit.operation.short.split(',')[0].lower()}"


def _said(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


NOTES = (
    f"{_CACHED.capitalize()}: that share of the input is read from the cache. Writing it there once is left "
    "out; very short prompts cannot be cached.",
    "A batch is answered within 24 hours: – where somebody waits for the answer.",
    "One text is not as many tokens with every model: newer ones may count about 30 % more.",
)
"""What is assumed."""


# Laying out


def show(tables: Iterator[Table], notes: Sequence[str]) -> None:
    """Print tables to the terminal, or whole to a pipe, and notes below them."""
    terminal = Terminal(highlight=False, emoji=False)
    room = terminal.width if terminal.is_terminal else _WIDE
    for table in tables:
        terminal.print(Text(table.title, style="bold"), soft_wrap=True)
        terminal.print("-" * min(_RULE, room), style="dim")
        for line in laid_out(table, room):
            terminal.print(Text(line), soft_wrap=True)
        terminal.print()
    for note in notes:
        terminal.print(Text(note, style="dim"), soft_wrap=not terminal.is_terminal)


def laid_out(table: Table, room: int) -> list[str]:
    """The lines of a table no wider than `room`, as far as its names allow; nothing is cut or left out."""
    columns = [_column(table, at) for at in range(len(table.columns))]
    lines: list[str] = []
    for part in _parts([len(column[0]) for column in columns], room):
        found = [_GAP.join(cells).rstrip() for cells in zip(*(columns[at] for at in part), strict=True)]
        lines += [*([""] if lines else []), *(found if found[0] else found[1:])]
    return lines


def _column(table: Table, at: int) -> list[str]:
    """The cells of a column under its name, all equally wide: names to the left, numbers by their points."""
    tall = max(name.count("\n") for name in table.columns)
    name = "\n" * (tall - table.columns[at].count("\n")) + table.columns[at]
    cells = [row[at] for row in table.rows]
    after = max((_after_point(cell) for cell in cells), default=0)
    every = [*name.split("\n"), *(cell + " " * (after - _after_point(cell)) for cell in cells)]
    width = max(map(len, every))
    return [cell.rjust(width) if at else cell.ljust(width) for cell in every]


def _after_point(cell: str) -> int:
    """How many signs stand after the point of an amount."""
    return len(cell.partition(".")[2]) + 1 if cell.startswith("$") else 0


def _parts(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """Columns that fit beside each other, each time with the first one."""
    part: list[int] = []
    for at in range(1, len(widths)):
        wide = widths[0] + sum(len(_GAP) + widths[other] for other in [*part, at])
        if part and wide > room:
            yield [0, *part]
            part = []
        part.append(at)
    yield [0, *part]
