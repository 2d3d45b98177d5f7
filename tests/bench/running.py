"""A server that runs for long: what it holds, what it uses while nothing happens, what a page weighs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from dashboard.charts import CHARTS
from dashboard.web import urls

from . import browser
from .decoding import original_reading
from .ground import Ground
from .process import cpu, peak, rss
from .row import SKIPPED, Row, light, seconds, size
from .server import Server, serving

MOST = 350e6
_LATER = 5
"""Seconds after a large view in which free memory goes back to the system."""

_SETTLE = 3
"""Seconds after a page was drawn in which the server may still be busy with it."""


def running(ground: Ground) -> Iterator[Row]:
    """A server that reads everything for the first time, then one that finds it cached."""
    folder, days = ground.history(ground.lines), ground.days(ground.lines)
    slow, told = original_reading(ground, ground.lines)
    with serving(ground, folder, ground.folder / "cache-of-a-cold-start") as server:
        server.until_loaded(days)
        read = time.monotonic() - server.began
        most, known = _most(server)
        shown = look_around(ground, server)
        name = f"server that read {ground.lines:,} lines cold: RSS after 24 h, 7, 30, {days} days"
        yield light(name, shown, MOST, told=told, baseline=slow["peak"])
        yield _later(server)
        yield Row(f"    its peak while reading ({seconds(read)}){known}", size(most), "", None, *_bar(most))
        most, known = _most(server)
        yield Row(f"    its peak with the views{known}", size(most), "", None, *_bar(most))
    ground.warm(ground.lines)
    with serving(ground, folder, ground.cache(ground.lines)) as server:
        server.until_loaded(days)
        shown = look_around(ground, server)
        yield light("the same of a warm start", shown, MOST, told=told, baseline=slow["peak"])
        yield _later(server)
        yield from _with_a_page(ground, server)


def _later(server: Server) -> Row:
    """What is held once the store has looked again and given back what the views no longer need."""
    time.sleep(_LATER)
    return light(f"    {_LATER} seconds later", rss(server.process), MOST)


def _bar(value: float) -> tuple[str, bool]:
    return f"≤ {size(MOST)}", value <= MOST


def _most(server: Server) -> tuple[int, str]:
    """(bytes, a remark where the system only says what is held now)"""
    found = peak(server.process)
    return (rss(server.process), " (held now)") if found is None else (found, "")


def look_around(ground: Ground, server: Server) -> int:
    """Draw the views of all ranges; the bytes held after that."""
    for search in ("", "?range=7d", "?range=30d", everything(ground)):
        server.draw(search)
    return rss(server.process)


def everything(ground: Ground) -> str:
    """The address of the view of the whole history."""
    today = datetime.now(ground.zone).date()
    first = today - timedelta(days=ground.days(ground.lines) - 1)
    return urls.to_search(urls.custom_days(urls.State(), first, today))


def _with_a_page(ground: Ground, server: Server) -> Iterator[Row]:
    if not browser.THERE:
        yield Row("page weight, CPU with an open page", f"{SKIPPED}: no chromium and chromedriver")
        return
    with browser.chromium() as driver:
        first, first_data = browser.load(driver, server.url, len(CHARTS))
        later, data = browser.load(driver, server.url, len(CHARTS))
        yield light("page over the wire, first load", first + first_data, 3e6)
        told = f"and {size(data)} of data; first load"
        yield light("page over the wire, later load", later, 100e3, told=told, baseline=first)
        yield _idle(server.process, 5 if ground.quick else 30)
        yield light("RSS with the page open", rss(server.process), MOST)


def _idle(process: int, span: float) -> Row:
    """Processor time while a page is open and no line comes."""
    time.sleep(_SETTLE)
    used, began = cpu(process), time.monotonic()
    time.sleep(span)
    share = (cpu(process) - used) / (time.monotonic() - began)
    return Row(
        f"idle CPU over {span:.0f} s with the page open",
        f"{share:.2%}",
        "one core",
        None,
        "≤ 0.5%",
        share <= 0.005,
    )
