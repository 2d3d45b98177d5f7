"""The bill beside the log, and exports: what it takes to compare, to draw and to write them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from .decoding import original_reading
from .ground import SAMPLE, Ground
from .process import peak
from .refreshing import LINES
from .row import Row, light, limited, median, relative

_YEAR = 365
_ROWS = 20
"""Rows of usage, and of cost, on a day of an organisation with a few models, keys and workspaces."""


def bill(ground: Ground) -> Iterator[Row]:
    """Medians, each beside the reading of what it is made from."""
    lines = min(LINES, ground.lines)
    ground.warm(lines)
    found = ground.child("bill", "compared", **ground.place(lines), times=5)
    name = f"reconciling {ground.days(lines)} days / {lines:,} lines with the bill"
    yield relative(name, median(found["reconciling"]), "reading the lines", median(found["reading"]))
    slow, told = original_reading(ground, lines)
    for view, words in (("bill", "Bill view"), ("speed", "latency and failures")):
        taken = median(found[view])
        yield limited(
            f"{words} drawn, {ground.days(lines)} days", taken, 0.5, told=told, baseline=slow["seconds"]
        )
    year = ground.child("bill", "year", folder=str(ground.folder / "billing"))
    told = f"json.loads of its {year['rows']:,} rows"
    yield relative("a year of the bill read, 730 files", year["read"], told, year["parsed"], 4)
    yield from _exports(ground)


def _exports(ground: Ground) -> Iterator[Row]:
    ground.warm(ground.lines)
    ground.warm(min(SAMPLE, ground.lines))
    slow = ground.child("bill", "by_pandas", **ground.place(min(SAMPLE, ground.lines)))
    factor = ground.lines / min(SAMPLE, ground.lines)
    told = "json.loads, pandas, to_csv" + (", extrapolated" if factor > 1 else "")
    for suffix in ("csv", "parquet"):
        out = str(ground.folder / f"calls.{suffix}")
        found = ground.child("bill", "exported", **ground.place(ground.lines), out=out)
        name = f"export of {ground.lines:,} calls, {suffix.upper() if suffix == 'csv' else 'Parquet'}"
        yield relative(name, found["seconds"], told, slow["seconds"] * factor)
        yield light("    peak memory of that process", found["peak"], 350e6)


# In fresh processes


def compared(folder: str, cache: str, zone: str, times: int) -> dict[str, list[float]]:
    """Seconds to read the lines, to compare them with their bill, and to draw the views that need them."""
    from dashboard.billing.billed import load
    from dashboard.billing.books import Books
    from dashboard.billing.reconcile import reconcile
    from dashboard.billing.rules import BillingRules
    from dashboard.billing.snapshots import BillingFolder
    from dashboard.filters import last
    from dashboard.store import FileStore
    from dashboard.web import bill as view
    from dashboard.web import speed, urls
    from logger.pricing import built_in

    with FileStore(Path(folder), ZoneInfo(zone), cache_dir=Path(cache)) as store:
        store.load()
        now = datetime.now(store.zone)
        wanted = last("30d", now, store.zone)
        since, until = wanted.since.astimezone(UTC).date(), now.astimezone(UTC).date()
        place = Path(folder).parent / f"billing-{os.getpid()}"
        _write_bill(place, store.rows(wanted))
        whole = load(BillingFolder(place), since, until)
        settings: Any = SimpleNamespace(billing_dir=place, file=None)
        state = urls.parse("?view=bill&range=30d")

        def drawn() -> Any:
            books = Books(settings, {}, place)  # a fresh one remembers nothing
            return view.parts(store, books, state, now)

        def rows() -> Any:
            return store.rows(wanted)

        lines = rows()
        found: dict[str, Callable[[], Any]] = {
            "reading": rows,
            "reconciling": lambda: reconcile(
                lines, whole, since, until, prices=built_in(), rules=BillingRules(), now=now
            ),
            "bill": drawn,
            "speed": lambda: speed.parts(store, urls.parse("?view=health&range=30d"), now),
        }
        return {name: [_timed(make) for _ in range(times)] for name, make in found.items()}


def _timed(make: Callable[[], Any]) -> float:
    began = perf_counter()
    make()
    return perf_counter() - began


def _write_bill(place: Path, rows: Any) -> None:
    """What Anthropic would have billed for these lines, but for every fiftieth, which it forgot."""
    from dashboard.billing.kinds import USAGE_FIELDS
    from dashboard.billing.snapshots import BillingFolder, Snapshot
    from dashboard.cost_kinds import cost_by_kind, tokens_by_kind
    from logger.pricing import built_in

    folder = BillingFolder(place)
    kept = rows.iloc[[place for place in range(len(rows)) if place % 50]]
    days = kept["time"].dt.tz_convert("UTC").dt.date
    keys = [days.rename("day"), kept["model"].astype(str)]
    usage = tokens_by_kind(kept).assign(requests=kept["calls"]).groupby(keys).sum()
    cost = cost_by_kind(kept, built_in()).groupby(keys).sum()
    for day in sorted(set(days)):
        used = [
            {
                "model": model,
                **{name: int(row[name]) for name in (*USAGE_FIELDS, "requests")},
                "web_searches": 0,
            }
            for model, row in usage.loc[day].iterrows()
        ]
        paid = [
            {"model": model, "cost_type": "tokens", "kind": kind, "amount_usd": usd, "list_usd": usd}
            for model, row in cost.loc[day].iterrows()
            for kind in USAGE_FIELDS
            if (usd := float(row[kind]))
        ]
        read = datetime.combine(day + timedelta(days=2), datetime.min.time(), UTC)
        folder.add(Snapshot("usage", day, used, read, "analytics", read))
        folder.add(Snapshot("cost", day, paid, read, "analytics", read))


def year(folder: str) -> dict[str, float]:
    """Seconds to read the bill of a year, and for the same bytes to go through `json.loads`."""
    from dashboard.billing.billed import load
    from dashboard.billing.kinds import USAGE_FIELDS
    from dashboard.billing.snapshots import BillingFolder, Snapshot

    place = Path(folder)
    written = BillingFolder(place)
    read = datetime(2026, 11, 22, tzinfo=UTC)
    for number in range(_YEAR):
        day = date(2025, 11, 1) + timedelta(days=number)
        facets = [{"model": f"claude-opus-4-{n % 5}", "api_key_id": f"apikey_{n}"} for n in range(_ROWS)]
        used = [
            {**one, **dict.fromkeys(USAGE_FIELDS, 12345), "web_searches": 0, "requests": 7} for one in facets
        ]
        paid = [
            {**one, "cost_type": "tokens", "kind": "tokens_input", "amount_usd": 1.25, "list_usd": 1.25}
            for one in facets
        ]
        written.add(Snapshot("usage", day, used, read, "analytics", read))
        written.add(Snapshot("cost", day, paid, read, "analytics", read))
    taken = min(_timed(lambda: load(BillingFolder(place))) for _ in range(3))
    text = [file.read_bytes() for file in place.glob("*-*.jsonl")]
    parsed = min(
        _timed(lambda: [json.loads(line) for some in text for line in some.splitlines()]) for _ in range(3)
    )
    return {"read": taken, "parsed": parsed, "rows": sum(some.count(b"\n") for some in text)}


def exported(folder: str, cache: str, zone: str, out: str) -> dict[str, float]:
    """Seconds and bytes to write all calls into a file."""
    import sys

    from dashboard.commands import main

    began = time.monotonic()
    words = ["export", "--output", out, "--force", "--log-dir", folder, "--timezone", zone]
    os.environ["CALLMETER_CACHE_DIR"] = cache
    stdout, sys.stdout = sys.stdout, sys.stderr
    code = main(words)
    sys.stdout = stdout
    if code:
        raise SystemExit(code)
    return {"seconds": time.monotonic() - began, "peak": peak(os.getpid()) or 0}


def by_pandas(folder: str, cache: str, zone: str) -> dict[str, float]:
    """Seconds to do the same for few lines without us."""
    import pandas as pd

    began = time.monotonic()
    lines = [json.loads(line) for file in Path(folder).glob("*.jsonl") for line in file.open("rb")]
    pd.DataFrame(lines).to_csv(Path(folder).parent / "by-pandas.csv", index=False)
    return {"seconds": time.monotonic() - began}
