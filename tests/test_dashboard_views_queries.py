"""The three questions of the notes' SQL, and the bill's shape: views against sums over the raw lines."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard import filters
from dashboard.commands.demo import write_history
from dashboard.settings import load
from dashboard.sheets import Answer
from dashboard.store.files import FileStore
from dashboard.views import Asked
from dashboard.views.all import view
from logger.pricing import built_in

NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)
DAYS = 21

Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    machine = tmp_path_factory.mktemp("queries")
    settings = load({"log_dir": machine / "logs/api", "timezone": "UTC"}, os.environ, machine, machine)
    write_history(settings, NOW, DAYS, 80, 3)
    return settings.log_dir


@pytest.fixture(scope="module")
def lines(folder: Path) -> Lines:
    return [json.loads(line) for file in sorted(folder.iterdir()) for line in file.open()]


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[FileStore]:
    with FileStore(folder, filters.ZoneInfo("UTC")) as found:
        found.load()
        yield found


def answered(name: str, store: FileStore) -> Answer:
    month = filters.last("30d", NOW, store.zone)
    return view(name).build(Asked(store=store, view=month, now=NOW, prices=built_in()))


def grouped(lines: Lines, key: str) -> dict[Any, Lines]:
    found: dict[Any, Lines] = defaultdict(list)
    for line in lines:
        found[line.get(key)].append(line)
    return found


def cost(lines: Lines) -> float:
    return sum(line["estimated_cost_usd"] or 0 for line in lines)


def tokens(lines: Lines, *names: str) -> int:
    return sum(line.get(name) or 0 for line in lines for name in names)


INPUT = ("tokens_input", "tokens_cache_read", "tokens_cache_write_5m", "tokens_cache_write_1h")


def test_the_most_expensive_sessions(lines: Lines, store: FileStore) -> None:
    """Date, project, models, tokens and cost of the 20 dearest."""
    sessions = {name: some for name, some in grouped(lines, "session_id").items() if name}
    dearest = sorted(sessions, key=lambda name: -cost(sessions[name]))[:20]
    rows = answered("sessions", store).sheets[0].rows
    assert [row["session_id"] for row in rows] == dearest
    for row in rows:
        some = sessions[row["session_id"]]
        assert row["day"] == min(line["timestamp"] for line in some)[:10]
        assert row["project"] == some[0].get("project")
        assert set(str(row["models"]).split(", ")) == {line["model"] for line in some}
        assert row["tokens_total"] == tokens(some, "tokens_total")
        assert row["estimated_cost_usd"] == pytest.approx(cost(some))


def test_cache_efficiency_by_project(lines: Lines, store: FileStore) -> None:
    """Cached, all input, and the share of one in the other."""
    rows = {row["project"]: row for row in answered("cache", store).sheets[0].rows}
    projects = grouped(lines, "project")
    assert rows.keys() == projects.keys()
    for project, some in projects.items():
        read, whole = tokens(some, "tokens_cache_read"), tokens(some, *INPUT)
        row = rows[project]
        assert (row["read"], row["input"]) == (read, whole)
        assert row["cache_hit_rate"] == pytest.approx(read / whole, abs=1e-6)


def test_the_daily_cost_with_the_average_of_7_days(lines: Lines, store: FileStore) -> None:
    """Each day's cost, and the mean of it and the 6 days before, once there are 7; not of today."""
    days = {date.fromisoformat(day): cost(some) for day, some in _by_day(lines).items()}
    rows = answered("daily", store).sheets[0].rows
    assert len(rows) == DAYS
    for row in rows:
        day = date.fromisoformat(str(row["day"]))
        span = [day - timedelta(days=number) for number in range(7)]
        known = span[-1] >= min(days) and row is not rows[-1]
        mean = sum(days.get(one, 0.0) for one in span) / 7 if known else None
        assert row["estimated_cost_usd"] == pytest.approx(days.get(day, 0.0))
        assert row["average_7_days_usd"] == pytest.approx(mean)
    assert sum(row["average_7_days_usd"] is not None for row in rows) == DAYS - 7


def _by_day(lines: Lines) -> dict[str, Lines]:
    found: dict[str, Lines] = defaultdict(list)
    for line in lines:
        found[line["timestamp"][:10]].append(line)
    return found


def test_every_view_adds_up_to_the_same_cost(lines: Lines, store: FileStore) -> None:
    whole = pytest.approx(cost(lines))
    for name in ("daily", "models", "projects"):
        rows = answered(name, store).sheets[0].rows
        assert sum(row["estimated_cost_usd"] or 0 for row in rows) == whole
    assert answered("summary", store).sheets[0].rows[0]["estimated_cost_usd"] == whole


def test_the_average_session_of_a_project(lines: Lines, store: FileStore) -> None:
    for row in answered("projects", store).sheets[0].rows:
        some = [line for line in lines if line.get("project") == row["project"] and line.get("session_id")]
        sessions = {line["session_id"] for line in some}
        assert row["sessions"] == len(sessions)
        assert row["tokens_per_session"] == round(tokens(some, "tokens_total") / len(sessions))
        assert row["cost_per_session_usd"] == pytest.approx(cost(some) / len(sessions))
