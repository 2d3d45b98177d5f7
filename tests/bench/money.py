"""A look at the money: what the server reckons with whenever data changes, and a forecast by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from .decoding import original_reading
from .ground import Ground, add
from .row import Row, limited, median, relative

RULES = """
[[budget]]
name = "Day"
period = "day"
limit = 10
[[budget]]
name = "Week"
period = "week"
measure = "tokens"
limit = 1_000_000
[[budget]]
name = "Month"
period = "month"
limit = 200
model = "claude-opus-*"
"""


def money(ground: Ground) -> Iterator[Row]:
    """Medians; before each look a new line came."""
    lines = ground.lines
    times = 7 if ground.quick else 15
    ground.warm(lines)
    slow, told = original_reading(ground, lines)
    inner = ground.child("money", "looked", **ground.place(lines), times=times)
    name = f"money: budgets, watches, credit after a new line, {lines:,} lines"
    taken = median(inner["looks"])
    yield limited(name, taken, 0.1, told=told, baseline=slow["seconds"])
    yield relative(
        "    of it the run-out date with its range", median(inner["forecasts"]), "all of it", taken
    )


# In fresh processes


def looked(folder: str, cache: str, zone: str, times: int) -> dict[str, Any]:
    """How long each look takes, and each forecast."""
    from dashboard.money import forecast, position, rules
    from dashboard.money.ledger import Ledger
    from dashboard.store import FileStore

    settings = Path(folder).parent / "callmeter.toml"
    settings.write_text(RULES)
    known = rules.read(settings, {})
    looks: list[float] = []
    forecasts: list[float] = []
    with FileStore(Path(folder), ZoneInfo(zone), cache_dir=Path(cache)) as store:
        store.load()
        now = datetime.now(store.zone)
        ledger = Ledger(Path(folder).parent / "credit")
        ledger.grant(now - timedelta(days=9), 1_000_000.0, label="promo")
        ledger.read(now - timedelta(days=2), 900_000.0)
        for _ in range(times):
            add(Path(folder), store.zone)
            store.refresh()
            began = perf_counter()
            held = position.look(store, known, ledger.entries(), now)
            looks.append(perf_counter() - began)
            began = perf_counter()
            forecast.run_out(held.daily, [(1000.0, None)], now)
            forecasts.append(perf_counter() - began)
    return {"looks": looks, "forecasts": forecasts}
