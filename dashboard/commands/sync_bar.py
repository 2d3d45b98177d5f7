"""How far a sync is, as a bar on the terminal; nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..numbers import plural

Tell = Callable[[int, int, int], None]
"""Days done, days in all, rows so far."""


@dataclass(frozen=True, slots=True)
class Bar:
    """`tell` draws; `say` writes a sentence above it."""

    tell: Tell
    say: Callable[[str], None]


@contextmanager
def bar(*, shown: bool | None = None) -> Iterator[Bar]:
    """A bar on stderr that goes when it is done. shown: else, on terminals only."""
    if not (sys.stderr.isatty() if shown is None else shown):
        yield Bar(lambda done, planned, rows: None, _say)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    words = TextColumn("{task.description}"), TextColumn("{task.fields[rows]}")
    columns = (words[0], BarColumn(), MofNCompleteColumn(), TextColumn("days"), words[1], TimeElapsedColumn())
    console = Console(stderr=True, force_terminal=True, highlight=False, markup=False)
    progress = Progress(*columns, console=console, auto_refresh=False, transient=True)
    task = progress.add_task("Anthropic", total=None, rows="")

    def draw(done: int, planned: int, rows: int) -> None:
        progress.update(task, completed=done, total=planned, rows=plural(rows, "row"), refresh=True)

    with progress:
        yield Bar(draw, lambda sentence: console.print(sentence, soft_wrap=True))


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
