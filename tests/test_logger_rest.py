"""Calls told over HTTP: what the disk has no room for is said, and leaves its neighbours whole."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from logger.clock import LocalClock
from logger.given_prices import given_prices
from logger.problems import Problems
from logger.rest_log import RestLog

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC).timestamp()

FULL = """
import resource, sys
from logger.rest_log import RestLog

log = RestLog(sys.argv[1])
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, most))
for number in range(5):
    try:
        log.take({"model": f"m{number}"})
    except OSError:
        print("refused", number)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
log.take({"model": "last"})
"""


def test_a_line_that_found_no_room_is_at_most_one_bad_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    refused = {f"m{line.split()[1]}" for line in done.stdout.splitlines()}
    assert refused
    (file,) = tmp_path.glob("*.jsonl")
    whole, torn = [], 0
    for line in file.read_bytes().splitlines():
        try:
            whole.append(json.loads(line)["model"])
        except ValueError:
            torn += 1
    assert whole == [name for name in ("m0", "m1", "m2", "m3", "m4") if name not in refused] + ["last"]
    assert torn <= 1


@pytest.fixture
def log(tmp_path: Path) -> RestLog:
    return RestLog(tmp_path, clock=LocalClock(UTC), now=lambda: NOW)


def test_a_call_ended_now_unless_its_beginning_is_given(log: RestLog) -> None:
    ended = log.take({"model": "m", "duration_seconds": 30.0})
    assert (ended.start_time, ended.end_time) == (NOW - 30, NOW)
    assert ended.timestamp == "2026-11-22T11:59:30.000000+00:00"
    begun = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    told = log.take({"model": "m", "timestamp": begun})
    assert (told.start_time, told.end_time) == (begun.timestamp(), None)


def test_the_file_is_that_of_the_day_the_call_began(log: RestLog, tmp_path: Path) -> None:
    log.take({"model": "m", "duration_seconds": 13 * 3600.0})
    assert [file.name for file in tmp_path.iterdir()] == ["api-calls-2026-11-21.jsonl"]


def test_an_own_price_table_is_gone_by(tmp_path: Path) -> None:
    prices = given_prices(None, {"mine": {"input": 1.0, "output": 2.0}}, Problems())
    log = RestLog(tmp_path, prices=prices, now=lambda: NOW)
    record = log.take({"model": "mine", "tokens_input": 1_000_000, "tokens_output": 500_000})
    assert record.estimated_cost_usd == 2.0
