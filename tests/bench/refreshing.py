"""A full refresh: every card and picture of 30 days, drawn, encoded, packed and sent."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from .decoding import original_reading
from .ground import Ground, add
from .row import Row, light, limited, median, size
from .server import Server, serving

SEARCH = "?range=30d"
LINES = 300_000
_LEVEL = 4  # of gzip, as the server packs its answers


def refreshing(ground: Ground) -> Iterator[Row]:
    """Medians; before each refresh a new line came, so that nothing can be answered from memory."""
    lines = min(LINES, ground.lines)
    times = 7 if ground.quick else 15
    ground.warm(lines)
    slow, told = original_reading(ground, lines)
    name = f"full refresh, {ground.days(lines)} days / {lines:,} lines"
    inner = ground.child("refreshing", "drawn", **ground.place(lines), times=times)
    taken = median([sum(each.values()) for each in inner["times"]])
    yield limited(f"{name}: server side", taken, 0.1, told=told, baseline=slow["seconds"])
    parts = {part: median([each[part] for each in inner["times"]]) for part in inner["times"][0]}
    first = sum(inner["first"].values())
    of_which = ", ".join(f"{part} {seconds * 1e3:.0f} ms" for part, seconds in parts.items())
    yield Row("    of which", of_which, f"the first one {first * 1e3:.0f} ms")
    with serving(ground, ground.history(lines), ground.cache(lines)) as server:
        server.until_loaded(ground.days(lines))
        answers = [_fresh(ground, lines, server) for _ in range(times)]
    trip = median([seconds for seconds, _ in answers])
    yield limited("    as an HTTP request and its answer", trip, 0.1, told="server side", baseline=taken)
    weight = max(packed for _, packed in answers)
    told = f"plain JSON {size(inner['plain'])}"
    yield light("    its size, gzipped", weight, 150e3, told=told)


def _fresh(ground: Ground, lines: int, server: Server) -> tuple[float, int]:
    tick = server.look()["tick"]
    ground.append(lines)
    server.until_new(tick)
    answer = server.draw(SEARCH)
    return answer.seconds, answer.size


# In fresh processes


def drawn(folder: str, cache: str, zone: str, times: int) -> dict[str, Any]:
    """How long each part of a refresh takes."""
    from dashboard.store import FileStore

    with FileStore(Path(folder), ZoneInfo(zone), cache_dir=Path(cache)) as store:
        store.load()
        first, plain = _refreshed(store)
        seen = []
        for _ in range(times):
            add(Path(folder), store.zone)
            store.refresh()
            seen.append(_refreshed(store)[0])
    return {"first": first, "times": seen, "plain": plain}


def _refreshed(store: Any) -> tuple[dict[str, float], int]:
    """(seconds by part, bytes before packing)"""
    from plotly.io.json import to_json_plotly

    from dashboard.web import overview, urls

    moments = [perf_counter()]
    parts = overview.parts(store, urls.parse(SEARCH), datetime.now(store.zone))
    moments.append(perf_counter())
    told = overview.only_new(parts, None)
    moments.append(perf_counter())
    text = to_json_plotly({"multi": True, "response": told}).encode()
    moments.append(perf_counter())
    gzip.compress(text, _LEVEL)
    moments.append(perf_counter())
    spans = [after - before for before, after in pairwise(moments)]
    return dict(zip(("drawing", "comparing", "JSON", "gzip"), spans, strict=True)), len(text)
