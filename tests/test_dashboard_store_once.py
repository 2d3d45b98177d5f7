"""Each call counts once, whatever order its lines come in: the store against the plain rule."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.filters import NONE, Filter
from dashboard.store import FileStore
from logger.counted_once import counted_once
from tests.doubles import doubles

ZONE = ZoneInfo("UTC")
EVER = Filter(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
NAMES = ("source", "model", "task_id", "worker_id", "project", "session_id")
TOKENS = ("tokens_input", "tokens_output", "tokens_cache_read")

RUN = {
    "timestamp": "2026-11-20T10:00:00+00:00",
    "model": "claude-opus-5-5",
    "success": True,
    "source": "cli",
    "call_id": "cli-" + 24 * "0",
    "session_id": "s-1",
    "task_id": "gh-1",
    "start_time": 1795168800.0,
    "end_time": 1795168860.0,
    "tokens_input": 30,
    "tokens_output": 300,
    "estimated_cost_usd": 3.0,
    "calls": 2,
}
CALL = {
    "timestamp": "2026-11-20T10:00:10+00:00",
    "model": "claude-opus-5-5",
    "success": True,
    "source": "otel",
    "call_id": "req-" + 24 * "1",
    "session_id": "s-1",
    "request_id": "req_1",
    "tokens_input": 10,
    "tokens_output": 100,
    "estimated_cost_usd": 1.0,
}


def append(folder: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    for line in lines:
        with (folder / f"api-calls-{line['timestamp'][:10]}.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


def plain(lines: Iterable[Mapping[str, Any]]) -> Counter[tuple[Any, ...]]:
    """What counts by the rule: one entry per line with all that totals are made of."""
    return Counter(map(_plain, counted_once(lines)))


def _plain(line: Mapping[str, Any]) -> tuple[Any, ...]:
    counts = {
        name: line.get(name) or 0 for name in (*TOKENS, "tokens_cache_write_5m", "tokens_cache_write_1h")
    }
    cost, calls = line.get("estimated_cost_usd"), line.get("calls")
    return (
        *(line.get(name) or NONE for name in NAMES),
        *(counts[name] for name in TOKENS),
        counts["tokens_cache_write_5m"] + counts["tokens_cache_write_1h"],
        -1.0 if cost is None else round(cost, 6),
        1 if calls is None else calls,
        "ok" if line["success"] else "failed",
    )


def rows(store: FileStore) -> Counter[tuple[Any, ...]]:
    """What counts by the store's rows."""
    frame = store.rows(EVER)
    columns = [*NAMES, *TOKENS, "tokens_cache_write", "cost_usd", "calls", "outcome"]
    frame["cost_usd"] = frame["cost_usd"].round(6).fillna(-1.0)
    return Counter(tuple(row) for row in frame[columns].astype(object).itertuples(index=False))


def summed(frame: pd.DataFrame) -> dict[str, float]:
    names = ("calls", "lines", "tokens_total", "unpriced", "not_final", "timed")
    return {name: int(frame[name].sum()) for name in names} | {"cost_usd": round(frame["cost_usd"].sum(), 6)}


def summed_rows(store: FileStore) -> dict[str, float]:
    """The same sums, made from the rows: `tasks` makes sums of rows."""
    return summed(store.sums(EVER, tasks=True))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), lines=st.lists(doubles(), max_size=14), cached=st.booleans())
def test_any_order_of_arrival_gives_the_totals_of_the_rule(
    data: st.DataObject, lines: list[dict[str, Any]], cached: bool
) -> None:
    """In pieces of any size, over days, with and without a cache and a restart in between."""
    wanted = plain(lines)
    arrival = data.draw(st.permutations(lines))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=4)))
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name, "logs"), Path(name, "cache") if cached else None
        folder.mkdir()
        store = FileStore(folder, ZONE, cache_dir=cache, events=False)
        for first, last in zip([0, *cuts], [*cuts, len(lines)], strict=True):
            append(folder, arrival[first:last])
            store.refresh()
            if data.draw(st.booleans()):
                store.save()
                store = FileStore(folder, ZONE, cache_dir=cache, events=False)
                store.load()
        assert rows(store) == wanted
        assert summed(store.sums(EVER)) == summed_rows(store)


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(doubles(days=4), max_size=12), data=st.data())
def test_a_day_that_goes_or_is_rewritten_leaves_what_the_rule_says_of_the_rest(
    lines: list[dict[str, Any]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        append(folder, lines)
        store = FileStore(folder, ZONE, events=False)
        store.load()
        days = sorted({line["timestamp"][:10] for line in lines})
        for day in data.draw(st.lists(st.sampled_from(days), unique=True)) if days else ():
            (folder / f"api-calls-{day}.jsonl").unlink()
            kept = [line for line in lines if line["timestamp"][:10] == day][1:]
            lines = [line for line in lines if line["timestamp"][:10] != day] + kept
            append(folder, kept)
            store.refresh()
        assert rows(store) == plain(lines)
        assert summed(store.sums(EVER)) == summed_rows(store)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def test_of_a_run_only_what_its_calls_do_not_cover_counts(folder: Path) -> None:
    """30 input tokens in the run, 10 in its one call of which telemetry came: 20 are left to the run."""
    append(folder, [RUN])
    store = FileStore(folder, ZONE, events=False)
    store.load()
    assert summed(store.sums(EVER))["tokens_total"] == 330
    append(folder, [CALL])
    store.refresh()
    assert summed(store.sums(EVER)) == {
        "calls": 2, "lines": 2, "tokens_total": 330, "unpriced": 0, "not_final": 0, "timed": 0, "cost_usd": 3.0,
    }  # fmt: skip
    frame = store.rows(EVER)
    assert frame["source"].tolist() == ["cli", "otel"]
    assert frame["tokens_input"].tolist() == [20, 10]
    assert frame["task_id"].tolist() == ["gh-1", "gh-1"]
    assert store.health().extra["superseded"] == 1


def test_retries_of_a_run_that_its_calls_tell_of_count_once(folder: Path) -> None:
    """The run was tried 11 times and used nothing; telemetry tells of 8 of the attempts."""
    failed = {"success": False, "tokens_input": 0, "tokens_output": 0, "estimated_cost_usd": 0}
    append(folder, [RUN | failed | {"attempts": 11}, CALL | failed | {"attempts": 8}])
    store = FileStore(folder, ZONE, events=False)
    store.load()
    assert store.rows(EVER)["retries"].tolist() == [3, 7]
    assert store.sums(EVER)["retries"].sum() == store.sums(EVER, tasks=True)["retries"].sum() == 10


def test_a_run_covered_by_its_calls_counts_no_more_wherever_these_stand(folder: Path) -> None:
    """The calls of a run over midnight stand in two days; the run stood in the first alone."""
    run = RUN | {
        "timestamp": "2026-11-20T23:59:50+00:00",
        "start_time": 1795219190.0,
        "end_time": 1795219260.0,
    }
    early = CALL | {"timestamp": "2026-11-20T23:59:55+00:00"}
    late = CALL | {"timestamp": "2026-11-21T00:00:30+00:00", "call_id": "req-" + 24 * "2", "request_id": "req_2",
                   "tokens_input": 20, "tokens_output": 200, "estimated_cost_usd": 2.0}  # fmt: skip
    append(folder, [run])
    store = FileStore(folder, ZONE, events=False)
    store.load()
    append(folder, [late])
    store.refresh()
    assert [store.rows(EVER)["source"].tolist(), store.sums(EVER)["tokens_total"].sum()] == [
        ["cli", "otel"],
        330,
    ]
    append(folder, [early])
    store.refresh()
    assert [store.rows(EVER)["source"].tolist(), store.sums(EVER)["tokens_total"].sum()] == [
        ["otel", "otel"],
        330,
    ]


def test_a_report_of_the_first_day_alone_knows_the_calls_of_the_next(folder: Path) -> None:
    """`load` of one day reads the days its runs reach into."""
    run = RUN | {"timestamp": "2026-11-20T10:00:00+00:00", "end_time": 1795168800.0 + 2.5 * 86_400,
                 "duration_seconds": 2.5 * 86_400}  # fmt: skip
    late = CALL | {"timestamp": "2026-11-22T12:00:00+00:00", "tokens_input": 30, "tokens_output": 300,
                   "estimated_cost_usd": 3.0}  # fmt: skip
    append(folder, [run, late])
    store = FileStore(folder, ZONE, events=False)
    day = Filter(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
    store.load(day)
    assert int(store.sums(day)["tokens_total"].sum()) == 0
