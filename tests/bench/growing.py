"""How start, refresh, arrival and memory grow with the history, at the same number of lines a day."""

from __future__ import annotations

import time
from collections.abc import Iterator

from .arriving import arrivals
from .decoding import original_reading
from .ground import SAMPLE, Ground
from .process import rss
from .row import Row, Size, median, relative
from .server import serving

WEEK = "?range=7d"
FLAT = 1.25
"""A fixed range may cost this much more with the whole history than with its own week."""


def sizes(ground: Ground) -> list[Size]:
    """One row per history."""
    return [_size(ground, lines) for lines in ground.sizes]


def _size(ground: Ground, lines: int) -> Size:
    ground.warm(lines)
    runs = [_run(ground, lines) for _ in range(1 if ground.quick else 3)]
    return Size(
        lines=lines,
        days=ground.days(lines),
        start=median([start for start, _, _ in runs]),
        refresh=median([refresh for _, refresh, _ in runs]),
        arrival=median(arrivals(ground, lines)),
        rss=max(held for _, _, held in runs),
        original=original_reading(ground, lines)[0]["seconds"],
        extrapolated=lines > SAMPLE,
    )


def _run(ground: Ground, lines: int) -> tuple[float, float, int]:
    """(seconds to the 24-hour view, seconds of a refresh of the week, bytes held) of one server."""
    with serving(ground, ground.history(lines), ground.cache(lines)) as server:
        server.until_loaded(min(2, ground.days(lines)))
        server.draw("")
        start = time.monotonic() - server.began
        server.until_loaded(ground.days(lines))
        refreshes = [server.draw(WEEK).seconds for _ in range(9)]
        return start, median(refreshes[1:]), rss(server.process)


def flatness(found: list[Size]) -> Iterator[Row]:
    """The largest history against the smallest that fills the week."""
    whole = [size for size in found if size.days >= 7]
    if len(whole) < 2:
        return
    small, large = whole[0], whole[-1]
    for name, value in (("start to the 24-hour view", "start"), ("refresh of 7 days", "refresh")):
        told = f"at {small.lines:,}"
        title = f"{name}, {large.lines:,} lines"
        yield relative(title, getattr(large, value), told, getattr(small, value), FLAT)
