"""A bar on the terminal for what takes a while; nothing where nobody looks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_REDRAW = 0.1
"""Seconds between two drawings."""


@contextmanager
def bar(title: str, *, shown: bool | None = None) -> Iterator[Callable[[int, int], None]]:
    """Gives what to call with (bytes done, of how many). The bar is on stderr and goes when it is done.

    It is drawn by those calls alone, without a thread: the work may fork. shown: else, on terminals only.
    """
    if not (sys.stderr.isatty() if shown is None else shown):
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True, force_terminal=True)
    progress = Progress(*columns, console=console, auto_refresh=False, transient=True)
    task = progress.add_task(title, total=None)
    drawn = 0.0

    def draw(done: int, total: int) -> None:
        nonlocal drawn
        now = time.monotonic()
        if now - drawn >= _REDRAW or done >= total:
            drawn = now
            progress.update(task, completed=done, total=total, refresh=True)

    with progress:
        yield draw
