"""A start over a history that was read before: how soon the numbers are there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from .decoding import original_reading
from .ground import Ground, newest
from .row import Row, limited, median


def starting(ground: Ground) -> Iterator[Row]:
    """Medians of fresh processes; their imports are told apart."""
    ground.warm(ground.lines)
    times = 3 if ground.quick else 5
    place = ground.place(ground.lines)
    whole = [ground.child("starting", "every_day", **place) for _ in range(times)]
    views = [ground.child("starting", "day_view", **place) for _ in range(times)]
    slow, told = original_reading(ground, ground.lines)
    days = f"{ground.lines:,} lines in {ground.days(ground.lines)} days"
    taken = median([run["seconds"] for run in whole])
    yield limited(f"warm start, {days}: all days' sums", taken, 0.5, told=told, baseline=slow["seconds"])
    found = ground.child("decoding", "in_a_frame", folder=place["folder"], days=2)
    taken = median([run["seconds"] for run in views])
    yield limited(
        "warm start: 24-hour view drawn", taken, 0.3, told="the original's 2 days", baseline=found["seconds"]
    )
    imports = median([run["imports"] for run in views])
    yield Row("imports before that, once per start", f"{imports:.2f} s")


# In fresh processes


def every_day(folder: str, cache: str, zone: str) -> dict[str, float]:
    """From a new store to the sums of all days."""
    from dashboard.filters import days
    from dashboard.store import FileStore

    began = perf_counter()
    here = ZoneInfo(zone)
    today = datetime.now(here).date()
    with FileStore(Path(folder), here, cache_dir=Path(cache)) as store:
        store.start()
        _until_loaded(store, len(newest(Path(folder), 10_000)))
        sums = store.sums(days(today - timedelta(days=5000), today, here))
        taken = perf_counter() - began
    return {"seconds": taken, "lines": int(sums["lines"].sum())}


def day_view(folder: str, cache: str, zone: str) -> dict[str, float]:
    """From a new store to the cards and pictures of the last 24 hours."""
    began = perf_counter()
    from dashboard.store import FileStore
    from dashboard.web import app, overview, urls

    imports = perf_counter() - began
    assert app
    began = perf_counter()
    here = ZoneInfo(zone)
    with FileStore(Path(folder), here, cache_dir=Path(cache)) as store:
        store.start()
        _until_loaded(store, min(2, len(newest(Path(folder), 2))))
        shown = overview.draw(store, urls.State(), datetime.now(here))
        taken = perf_counter() - began
    return {"seconds": taken, "imports": imports, "pictures": len(shown.pictures)}


def _until_loaded(store: Any, count: int) -> None:
    """Wait until the newest `count` days are there."""
    version = store.version
    while store.health().days_loaded < count:
        version = store.wait(version, 0.1)
