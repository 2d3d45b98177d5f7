"""A history in which every run of the CLI was also captured call by call: what counting once costs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from .generate import file_name, moments
from .ground import Ground
from .row import Row, limited, median, relative

MOST_LINES = 300_000


def twice(ground: Ground) -> Iterator[Row]:
    """Beside the same calls without the lines of their runs."""
    lines = min(MOST_LINES, ground.lines)
    days = ground.days(lines)
    once, both = (
        ground.child(
            "twice", "captured", **_place(ground, name), days=days, per_day=ground.per_day, runs=runs
        )
        for name, runs in (("calls-once", False), ("calls-twice", True))
    )
    assert once["usd"] == both["usd"], "captured twice, counted once"
    times = [_started(ground, name) for name in ("calls-once", "calls-twice")]
    what = f"{both['lines']:,} lines, every run captured twice"
    yield relative(f"warm start, {what}", times[1]["start"], "captured once", times[0]["start"])
    yield relative("    its rows and sums again", times[1]["again"], "captured once", times[0]["again"])
    yield limited("    one more call of a run in it -> in the store", times[1]["call"], 0.05)


def _place(ground: Ground, name: str) -> dict[str, str]:
    cache = str(ground.folder / f"cache-{name}")
    return {"folder": str(ground.folder / name), "cache": cache, "zone": str(ground.zone.key)}


def _started(ground: Ground, name: str) -> dict[str, float]:
    taken = [ground.child("twice", "start", **_place(ground, name)) for _ in range(3)]
    return {key: median([one[key] for one in taken]) for key in taken[0]}


# In fresh processes


def captured(folder: str, cache: str, zone: str, days: int, per_day: int, runs: bool) -> dict[str, Any]:
    """Write the history and read it once, so that it is cached; its lines and what they cost."""
    here = ZoneInfo(zone)
    today = datetime.now(here).date()
    Path(folder).mkdir()
    for number in range(1, days + 1):
        day = today - timedelta(days=number)
        rng = random.Random(f"twice/{number}")
        found = [line for at in moments(day, per_day // 5, here, rng, 23) for line in _run(at, rng)]
        kept = [line for line in found if runs or line["source"] != "cli"]
        kept.sort(key=lambda line: str(line["timestamp"]))
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in kept)
        Path(folder, file_name(day)).write_text(text, "utf-8")
    with _opened(folder, cache, zone) as store:
        store.load()
        sums = store.sums(_ever(here))
        return {"lines": store.health().lines, "usd": round(float(sums["cost_usd"].sum()), 4)}


def start(folder: str, cache: str, zone: str) -> dict[str, float]:
    """From a new store to the sums of all days; the same view again; one more call."""
    here = ZoneInfo(zone)
    began = perf_counter()
    with _opened(folder, cache, zone) as store:
        store.load()
        store.sums(_ever(here))
        started = perf_counter() - began
        store.rows(_ever(here))
        again = median([_timed(lambda: (store.sums(_ever(here)), store.rows(_ever(here)))) for _ in range(3)])
        call = median([_timed(lambda: (_add(Path(folder)), store.refresh())) for _ in range(5)])
    return {"start": started, "again": again, "call": call}


def _timed(what: Any) -> float:
    began = perf_counter()
    what()
    return perf_counter() - began


def _opened(folder: str, cache: str, zone: str) -> Any:
    from dashboard.store import FileStore

    return FileStore(Path(folder), ZoneInfo(zone), cache_dir=Path(cache), events=False)


def _ever(here: ZoneInfo) -> Any:
    from dashboard.filters import days

    today = datetime.now(here).date()
    return days(today - timedelta(days=1000), today, here)


def _add(folder: Path) -> None:
    """A further call of the last run of the newest day."""
    newest = max(folder.glob("*.jsonl"))
    lines = [json.loads(line) for line in newest.read_bytes().splitlines()[-200:]]
    last = next((line for line in reversed(lines) if line["source"] == "cli"), lines[-1])
    call = _call(datetime.fromisoformat(last["timestamp"]), last["session_id"], random.Random())
    with newest.open("a", encoding="utf-8") as file:
        file.write(json.dumps(call) + "\n")


def _run(at: datetime, rng: random.Random) -> list[dict[str, Any]]:
    """A run of four calls, and the line of the run itself."""
    session = f"{rng.getrandbits(64):016x}"
    calls = [_call(at + timedelta(seconds=1 + 6 * number), session, rng) for number in range(4)]
    counts = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_total", "estimated_cost_usd")
    run = calls[0] | {name: sum(call[name] for call in calls) for name in counts}
    del run["request_id"]
    times = {"timestamp": at.isoformat(), "start_time": at.timestamp(), "end_time": at.timestamp() + 26}
    names = {"task_id": f"gh-{rng.randrange(10_000)}", "worker_id": "w-1", "source": "cli", "calls": 4}
    return [run | times | names | {"call_id": _derived("cli", session)}, *calls]


def _call(at: datetime, session: str, rng: random.Random) -> dict[str, Any]:
    sent, got, read = rng.randint(3, 4000), rng.randint(20, 6000), rng.randint(5000, 90_000)
    request = f"req_{rng.getrandbits(80):020x}"
    return {
        "timestamp": at.isoformat(timespec="microseconds"),
        "task_id": None,
        "worker_id": None,
        "model": "claude-sonnet-4-5",
        "tokens_input": sent,
        "tokens_output": got,
        "tokens_total": sent + got + read,
        "start_time": at.timestamp(),
        "end_time": at.timestamp() + 4,
        "duration_seconds": 4.0,
        "success": True,
        "error_message": None,
        "estimated_cost_usd": round((3 * sent + 15 * got + 0.3 * read) / 1e6, 8),
        "call_id": _derived("req", request),
        "source": "otel",
        "session_id": session,
        "request_id": request,
        "tokens_cache_read": read,
    }


def _derived(kind: str, text: str) -> str:
    return f"{kind}-{sha256(text.encode()).hexdigest()[:24]}"
