"""The bench's pieces work, on little data; nothing here looks at how long anything takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.bench import (
    arriving,
    calls,
    decoding,
    ground,
    original,
    refreshing,
    report,
    running,
    sessions,
    starting,
    transcripts,
)
from tests.bench.__main__ import BENCHES
from tests.bench.browser import split
from tests.bench.growing import flatness
from tests.bench.process import cpu, own_peak, rss
from tests.bench.row import Row, Size, limited, median, percentile, relative, seconds, size
from tests.bench.server import Server, question, serving

LINES, PER_DAY = 300, 100


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> ground.Ground:
    """300 lines in three days."""
    folder = tmp_path_factory.mktemp("bench")
    return ground.Ground(folder, LINES, ground.evening(datetime.now(UTC)), quick=True, per_day=PER_DAY)


@pytest.fixture(scope="module")
def server(small: ground.Ground) -> Iterator[Server]:
    with serving(small, small.history(LINES), small.cache(LINES)) as running_server:
        running_server.until_loaded(3)
        yield running_server


@pytest.mark.parametrize("month", [1, 7])
def test_it_is_evening_somewhere_at_any_hour(month: int) -> None:
    for hour in range(24):
        now = datetime(2026, month, 15, hour, 40, tzinfo=UTC)
        assert now.astimezone(ground.evening(now)).hour in (20, 21)


def test_a_history_has_its_lines_and_none_of_them_in_the_future(small: ground.Ground) -> None:
    files = ground.newest(small.history(LINES), 10)
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert len(files) == 3 and len(lines) >= LINES
    assert max(datetime.fromisoformat(line["timestamp"]) for line in lines) <= datetime.now(UTC)
    assert all(line["timestamp"][:10] in file.name for file in files for line in _lines(file))


def _lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_too_little_space_is_said_before_anything_is_written(small: ground.Ground) -> None:
    big = ground.Ground(small.folder, 10_000_000, small.zone)
    assert big.sizes == [10_000, 100_000, 1_000_000, 10_000_000]
    assert "GB are needed" in str(big.room(10**9))
    assert big.room(10**12) is None


def test_all_three_ways_of_reading_see_every_line(small: ground.Ground) -> None:
    place = small.place(LINES)
    loaded = decoding.load(**place)
    assert loaded["lines"] == decoding.typed(place["folder"])["lines"] >= LINES
    assert decoding.in_a_frame(place["folder"], 3)["lines"] == loaded["lines"]
    assert loaded["bytes"] > 500 * LINES


def test_the_original_writes_the_twenty_fields_in_their_order(tmp_path: Path) -> None:
    from logger.record import FIELDS

    log = original.Logger(tmp_path)
    log.end_call(log.start_call("t", "w", "claude-opus-4", "p.txt", "prompt"), "answer", 1_000_000, 0)
    line = json.loads(log.log_file.read_text())
    assert list(line) == [field.name for field in FIELDS][:20]
    assert line["estimated_cost_usd"] == 15.0 and line["response_length"] == 6


def test_calls_are_measured_against_the_original_and_a_bare_write(small: ground.Ground) -> None:
    rows = list(calls.calls(small))
    assert [row.bar for row in rows] == ["≤ 0.333 ×", "≤ 3 ×", "", "", ""]
    written = [sum(1 for _ in file.open()) for file in (small.folder / "calls").rglob("*.jsonl")]
    assert sorted(written) == [1, 2500, 2500, 2500, 2501]


def test_a_warm_start_finds_all_days_and_draws_the_newest(small: ground.Ground) -> None:
    small.warm(LINES)
    place = small.place(LINES)
    assert starting.every_day(**place)["lines"] >= LINES
    assert starting.day_view(**place)["pictures"] == 6


def test_lines_of_another_process_arrive(small: ground.Ground) -> None:
    before = decoding.typed(str(small.history(LINES)))["lines"]
    found = small.child("arriving", "watched", **small.place(LINES), count=2)
    assert len(found["seconds"]) == 2 and all(taken > 0 for taken in found["seconds"])
    assert decoding.typed(str(small.history(LINES)))["lines"] == before + 3


def test_a_refresh_is_told_by_its_parts(small: ground.Ground) -> None:
    found = refreshing.drawn(**small.place(LINES), times=2)
    assert len(found["times"]) == 2 and found["plain"] > 10_000
    assert list(found["first"]) == ["drawing", "comparing", "JSON", "gzip"]


def test_a_server_answers_what_its_page_asks(small: ground.Ground, server: Server) -> None:
    everything = server.draw(running.everything(small))
    assert "card-cost" in everything.parts and "fresh-tasks" in everything.parts
    assert 0 < everything.size < 150_000
    tick, lines = server.look()["tick"], server.look()["lines"]
    small.append(LINES)
    server.until_new(tick)
    assert server.look()["lines"] == lines + 1


def test_what_a_process_holds_and_uses_is_seen(server: Server) -> None:
    assert rss(server.process) > 10e6 and cpu(server.process) > 0
    assert own_peak() > 10e6


def test_a_question_is_spelled_as_the_page_spells_it() -> None:
    callback = {
        "output": "..a.children...b-c.data..",
        "inputs": [{"id": "tick", "property": "data"}],
        "state": [{"id": "drawn", "property": "data"}],
    }
    assert question(callback, {"tick.data": "1@x"}) == {
        "output": "..a.children...b-c.data..",
        "outputs": [{"id": "a", "property": "children"}, {"id": "b-c", "property": "data"}],
        "inputs": [{"id": "tick", "property": "data", "value": "1@x"}],
        "state": [{"id": "drawn", "property": "data", "value": None}],
        "changedPropIds": ["tick.data"],
    }


def test_the_weight_of_a_page_is_told_apart_from_its_data() -> None:
    assert split([("http://x/", 5), ("http://x/_dash-update-component", 70), ("http://x/a.js", 20)]) == (
        25,
        70,
    )


def test_middle_and_percentile() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert percentile([float(n) for n in range(100)], 0.99) == 99.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 3.0


def test_numbers_are_written_in_the_unit_that_reads_best() -> None:
    assert [seconds(n) for n in (0.0000123, 0.0123, 0.5, 12.345)] == [
        "12.3 µs",
        "12.3 ms",
        "500 ms",
        "12.35 s",
    ]
    assert [size(n) for n in (9_980, 2_690_000, 4.83e9)] == ["9.98 kB", "2.69 MB", "4.83 GB"]


def test_a_bar_that_is_not_met_is_said_loudly() -> None:
    rows = [limited("a", 0.2, 0.1, told="it took", baseline=1.0), relative("b", 1.0, "bare", 0.5, 3)]
    assert [row.met for row in rows] == [False, True]
    table = report.table(report.HEAD, map(report.cells, rows))
    assert "| a    | 200 ms   | it took 1.00 s           | 0.20  | ≤ 100 ms | NOT MET |" in table
    assert "*** BARS NOT MET: 1 ***" in report.verdict(rows) and "a: 200 ms" in report.verdict(rows)
    assert report.verdict(rows[1:]) == "Every bar is met."
    skipped = Row("page", "SKIPPED: no browser")
    assert report.verdict([skipped]).splitlines()[1] == "page: SKIPPED: no browser"


def test_growth_is_judged_between_histories_that_fill_the_range() -> None:
    """One day of lines costs less for a view of seven days than seven days do: that is no growth."""

    def of(lines: int, days: int, refresh: float) -> Size:
        return Size(lines, days, 1.0, refresh, 0.004, 10**8, 1.0, extrapolated=False)

    rows = list(flatness([of(10_000, 1, 0.01), of(100_000, 10, 0.08), of(1_000_000, 100, 0.2)]))
    assert [row.met for row in rows] == [True, False]
    assert list(flatness([of(10_000, 1, 0.01), of(100_000, 10, 0.08)])) == []


def test_every_part_can_be_run_alone_and_the_exit_code_is_0(tmp_path: Path) -> None:
    assert {bench.__name__ for bench in BENCHES} >= {
        *("calls", "decoding", "starting", "arriving", "refreshing", "running", "transcripts")
    }
    words = [sys.executable, "-m", "tests.bench", "--quick", "--only", "calls"]
    done = subprocess.run(words, cwd=ground.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "| start_call + end_call, p50 " in done.stdout
    assert "Python 3." in done.stdout and str(tmp_path) not in done.stdout


def test_zones_of_the_bench_are_known_here() -> None:
    assert all(ZoneInfo(zone) for zone in ground._ZONES)
    assert arriving._PAUSE[0] < arriving._PAUSE[1] < timedelta(seconds=1).total_seconds()


def test_generated_transcripts_are_read_as_what_they_are(tmp_path: Path) -> None:
    """Blocks, subagents and forks repeat calls; every one is counted once, by every way of reading."""
    folder = tmp_path / "projects"
    calls = sessions.write(folder, 6_000_000, seed=4)
    files = [path.read_text() for path in folder.rglob("*.jsonl")]
    assert any("requestSessionId" in text for text in files) and any("agentId" in text for text in files)
    assert transcripts.scan(str(folder))["calls"] == calls
    assert transcripts.typed(str(folder))["rows"] == sum(text.count('"usage":') for text in files) > calls
    assert transcripts.lines(str(folder), str(tmp_path / "log"))["written"] == calls
    assert transcripts.lines(str(folder), str(tmp_path / "log"))["written"] == 0
