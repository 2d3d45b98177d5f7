"""FileStore: views of a folder, what it says about damaged files, and its cache."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from dashboard.filters import NONE, Filter, days, last
from dashboard.store import FileStore, Problem, files
from dashboard.store.base import MEASURES, ROW_COLUMNS, SUM_FACETS
from dashboard.store.day import Reader

UTC_ZONE = ZoneInfo("UTC")
EVER = Filter(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
TODAY = "2026-11-22"


def call(time: str = f"{TODAY}T10:00:00.000000+00:00", **fields: Any) -> dict[str, Any]:
    return {"timestamp": time, "model": "m", "success": True, "source": "manual", **fields}


def text(*calls: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in calls)


def put(folder: Path, *calls: dict[str, Any], day: str = TODAY) -> Path:
    path = folder / f"api-calls-{day}.jsonl"
    with path.open("ab") as file:
        file.write(text(*calls))
    return path


def opened(folder: Path, zone: str = "UTC", **given: Any) -> FileStore:
    store = FileStore(folder, ZoneInfo(zone), **given)
    store.load()
    return store


# Views


def test_frames_have_the_columns_and_dtypes_of_the_contract_also_when_empty(tmp_path: Path) -> None:
    for filled in (False, True):
        if filled:
            put(tmp_path, call(task_id="t"))
        store = opened(tmp_path, "Europe/Berlin")
        sums, rows = store.sums(EVER), store.rows(EVER)
        assert list(sums) == ["hour", *SUM_FACETS, *MEASURES]
        assert str(sums["hour"].dtype) == "datetime64[s, Europe/Berlin]"
        assert {name: str(sums[name].dtype) for name in MEASURES} == MEASURES
        assert list(store.sums(EVER, tasks=True)) == ["hour", *SUM_FACETS, "task_id", *MEASURES]
        assert list(rows) == list(ROW_COLUMNS)
        for name, kind in ROW_COLUMNS.items():
            kinds = {"int": ("int32", "int64"), "datetime64[us, zone]": ("datetime64[us, Europe/Berlin]",)}
            assert str(rows[name].dtype) in kinds.get(kind, (kind,)), name
        assert len(rows) == len(sums) == filled


def test_a_facet_without_a_value_is_none_spelled_as_text(tmp_path: Path) -> None:
    put(tmp_path, call(project=None))
    row = opened(tmp_path).rows(EVER).iloc[0]
    assert (row["project"], row["task_id"], row["error"]) == (NONE, NONE, NONE)


def test_categories_are_just_the_values_that_occur(tmp_path: Path) -> None:
    put(tmp_path, call(model="a", project="p"), call(model="b"))
    put(tmp_path, call("2026-11-21T10:00:00+00:00", model="c"), day="2026-11-21")
    store = opened(tmp_path)
    view = days(date(2026, 11, 22), date(2026, 11, 22), UTC_ZONE)
    assert set(store.sums(view)["model"].cat.categories) == {"a", "b"}
    assert set(store.rows(EVER)["model"].cat.categories) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"models": {"a"}}, [1, 2]),
        ({"projects": {NONE}}, [2, 3]),
        ({"projects": {"p", NONE}}, [1, 2, 3]),
        ({"workers": {"w"}, "models": {"a"}}, [1]),
        ({"tasks": {"t2"}}, [2]),
        ({"tasks": {"t1", "t2"}, "outcome": "failed"}, [2]),
        ({"models": {"unheard of"}}, []),
        ({"outcome": "ok"}, [1, 3]),
        ({"sources": {"cli"}}, [3]),
    ],
)
def test_choices_narrow_sums_and_rows_alike(
    tmp_path: Path, choice: dict[str, Any], expected: list[int]
) -> None:
    put(
        tmp_path,
        call(model="a", project="p", worker_id="w", task_id="t1", tokens_output=1),
        call(model="a", task_id="t2", success=False, tokens_output=2),
        call(model="b", task_id="t3", source="cli", tokens_output=3),
    )
    chosen = {name: value if isinstance(value, str) else frozenset(value) for name, value in choice.items()}
    view, store = Filter(EVER.since, EVER.until, **chosen), opened(tmp_path)
    assert sorted(store.rows(view)["tokens_output"]) == expected
    for tasks in (False, True):
        assert store.sums(view, tasks=tasks)["tokens_output"].sum() == sum(expected)


def test_measures_add_up_what_is_known(tmp_path: Path) -> None:
    put(
        tmp_path,
        call(calls=3, attempts=2, estimated_cost_usd=0.5, duration_seconds=2.0, tokens_per_second=10),
        call(calls=2, attempts=11, tokens_final=False, web_searches=4, tokens_thinking=1, tokens_output=2),
        call(duration_seconds=1.0, estimated_cost_usd=0.25),
    )
    (row,) = opened(tmp_path).sums(EVER).to_dict("records")
    expected = {
        "calls": 6,
        "retries": 11,
        "lines": 3,
        "cost_usd": 0.75,
        "unpriced": 2,
        "not_final": 2,
        "duration_seconds": 3.0,
        "timed": 2,
        "tokens_per_second": 10.0,
        "rated": 1,
        "web_searches": 4,
        "tokens_thinking": 1,
        "tokens_total": 2,
    }
    assert {name: row[name] for name in expected} == expected


def test_a_range_holds_its_first_hour_and_not_the_one_at_its_end(tmp_path: Path) -> None:
    times = ["09:59:59.999999", "10:00:00.000000", "10:59:59.999999", "11:00:00.000000"]
    put(tmp_path, *(call(f"{TODAY}T{time}+00:00", tokens_output=1 << at) for at, time in enumerate(times)))
    view = Filter(datetime(2026, 11, 22, 10, tzinfo=UTC), datetime(2026, 11, 22, 11, tzinfo=UTC))
    store = opened(tmp_path)
    assert store.rows(view)["tokens_output"].tolist() == [2, 4]
    assert store.sums(view)["tokens_output"].tolist() == [6]


def test_rows_are_oldest_first_whatever_the_order_of_the_lines(tmp_path: Path) -> None:
    """Lines are written when a call ends, with the time of its start."""
    minutes = [5, 3, 9, 1, 7]
    store = FileStore(tmp_path, UTC_ZONE)
    for minute in minutes:
        put(tmp_path, call(f"{TODAY}T10:{minute:02d}:00+00:00", tokens_output=minute))
        store.refresh()
    assert store.rows(EVER)["tokens_output"].tolist() == sorted(minutes)


def test_the_file_of_a_day_may_hold_calls_of_the_viewers_neighbouring_day(tmp_path: Path) -> None:
    put(tmp_path, call(f"{TODAY}T23:30:00.000000-05:00"))
    store = FileStore(tmp_path, ZoneInfo("Asia/Kolkata"))
    view = days(date(2026, 11, 23), date(2026, 11, 23), store.zone)
    store.load(view)
    assert len(store.rows(view)) == len(store.sums(view)) == 1
    assert store.rows(view)["day"].tolist() == [TODAY]
    assert store.health().extra == {}


def test_the_repeated_hour_of_a_clock_change_is_two_hours(tmp_path: Path) -> None:
    put(tmp_path, call("2026-11-01T01:30:00.000000-04:00"), day="2026-11-01")
    put(tmp_path, call("2026-11-01T01:30:00.000000-05:00"), day="2026-11-01")
    hours = opened(tmp_path, "America/New_York").sums(EVER)["hour"]
    assert [hour.isoformat() for hour in hours] == ["2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00"]


def test_a_line_of_another_day_counts_in_its_own_hour_and_is_told(tmp_path: Path) -> None:
    put(tmp_path, call("2026-05-01T10:00:00+00:00"), call())
    store = opened(tmp_path)
    assert len(store.rows(days(date(2026, 5, 1), date(2026, 5, 1), UTC_ZONE))) == 1
    assert store.health().extra["other_day"] == 1


def test_load_of_a_view_reads_only_the_days_it_needs(tmp_path: Path) -> None:
    for day in range(1, 23):
        path = put(tmp_path, call(f"2026-11-{day:02d}T10:00:00+00:00"), day=f"2026-11-{day:02d}")
        written(path, f"2026-11-{day:02d}T10:00:00+00:00")
    store = FileStore(tmp_path, UTC_ZONE)
    store.load(last("24h", datetime(2026, 11, 22, 12, tzinfo=UTC), UTC_ZONE))
    assert store.health().days_loaded <= 3
    assert store.health().days_total == 22
    assert store.health().loading
    store.load()
    assert not store.health().loading


def written(path: Path, time: str) -> Path:
    """A file as it is when nothing was written to it since."""
    moment = datetime.fromisoformat(time).timestamp()
    os.utime(path, (moment, moment))
    return path


def long_run(folder: Path, *, packed: bool = False) -> Path:
    """The file of a program of the first version that ran for ten days: it stays that of its start."""
    calls = [call(f"2026-11-{day}T10:00:00+00:00") for day in range(10, 20)]
    path = put(folder, *calls, day="2026-11-10")
    if packed:
        data = gzip.compress(path.read_bytes())
        path.unlink()
        path = path.with_name(f"{path.name}.gz")
        path.write_bytes(data)
    return written(path, "2026-11-19T10:00:01+00:00")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("again", [False, True])
def test_load_of_a_view_finds_calls_in_the_file_of_a_day_long_before(
    tmp_path: Path, packed: bool, again: bool
) -> None:
    """Also from the cache, and a file that was not written to since the view began is not read."""
    long_run(tmp_path, packed=packed)
    put(tmp_path, call("2026-11-25T10:00:00+00:00"), day="2026-11-25")
    cache = tmp_path / "cache"
    if again:
        opened(tmp_path, cache_dir=cache).close()
    for day, lines, loaded in ((15, 1, 1), (19, 1, 1), (20, 0, 0)):
        store = FileStore(tmp_path, UTC_ZONE, cache_dir=cache)
        view = days(date(2026, 11, day), date(2026, 11, day), UTC_ZONE)
        store.load(view)
        assert (len(store.rows(view)), store.sums(view)["lines"].sum()) == (lines, lines)
        assert store.health().days_loaded == loaded


def test_load_of_a_view_takes_a_file_for_what_it_is_when_it_grew_since_it_was_cached(tmp_path: Path) -> None:
    put(tmp_path, call("2026-11-10T10:00:00+00:00"), day="2026-11-10")
    put(tmp_path, call())
    opened(tmp_path, cache_dir=tmp_path / "cache").close()
    long = put(tmp_path, call("2026-11-15T10:00:00+00:00"), day="2026-11-10")
    written(long, "2026-11-15T10:00:01+00:00")
    store = FileStore(tmp_path, UTC_ZONE, cache_dir=tmp_path / "cache")
    view = days(date(2026, 11, 15), date(2026, 11, 15), UTC_ZONE)
    store.load(view)
    assert len(store.rows(view)) == 1


def test_load_of_a_view_finds_calls_in_the_file_of_a_later_day_once_that_is_known(tmp_path: Path) -> None:
    put(tmp_path, call("2026-11-10T10:00:00+00:00"), day="2026-11-20")
    put(tmp_path, call())
    opened(tmp_path, cache_dir=tmp_path / "cache").close()
    store = FileStore(tmp_path, UTC_ZONE, cache_dir=tmp_path / "cache")
    view = days(date(2026, 11, 10), date(2026, 11, 10), UTC_ZONE)
    store.load(view)
    assert (len(store.rows(view)), store.health().days_loaded) == (1, 1)


def test_a_frame_is_the_callers_to_keep_and_to_change(tmp_path: Path) -> None:
    put(tmp_path, call(tokens_output=1))
    store = opened(tmp_path)
    rows, sums = store.rows(EVER), store.sums(EVER)
    rows.loc[0, "tokens_output"] = 99
    sums.loc[0, "tokens_output"] = 99
    put(tmp_path, call(tokens_output=2))
    store.refresh()
    assert len(rows) == 1
    assert store.rows(EVER)["tokens_output"].tolist() == [1, 2]
    assert store.sums(EVER)["tokens_output"].tolist() == [3]


def test_tokens_beyond_32_bits_are_kept(tmp_path: Path) -> None:
    put(tmp_path, call(tokens_output=1))
    put(tmp_path, call("2026-11-21T10:00:00+00:00", tokens_output=5_000_000_000), day="2026-11-21")
    store = opened(tmp_path)
    assert store.rows(EVER)["tokens_output"].tolist() == [5_000_000_000, 1]
    assert store.sums(EVER)["tokens_output"].sum() == 5_000_000_001


# Lines on demand


def test_a_row_names_its_whole_line(tmp_path: Path) -> None:
    put(tmp_path, call(task_id="a", settings={"x": [1]}), call(task_id="b"))
    packed = tmp_path / "api-calls-2026-11-21.jsonl.gz"
    packed.write_bytes(gzip.compress(text(call("2026-11-21T10:00:00+00:00", task_id="c"), call(task_id="d"))))
    store = opened(tmp_path)
    for row in store.rows(EVER).itertuples():
        record = store.line(row.day, row.offset)
        assert record is not None
        assert record["task_id"] == row.task_id
    assert store.line(TODAY, 0) == call(task_id="a", settings={"x": [1]})


def test_a_line_that_is_not_there_any_more_is_none(tmp_path: Path) -> None:
    path = put(tmp_path, call(), call())
    store = opened(tmp_path)
    assert store.line(TODAY, 3) is None
    assert store.line(TODAY, 10**9) is None
    assert store.line("1999-01-01", 0) is None
    path.unlink()
    assert store.line(TODAY, 0) is None


# Damaged and odd files


def test_bad_lines_are_told_with_file_line_and_reason_and_exactly_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.store.day.KEPT_PROBLEMS", 2)
    path = put(tmp_path, call())
    with path.open("ab") as file:
        file.write(b"oops\n" * 5)
    put(tmp_path, call())
    store = opened(tmp_path)
    health = store.health()
    assert (health.lines, health.bad_lines) == (2, 5)
    assert [problem.line for problem in health.problems] == [2, 3]
    assert health.problems[0].file == path.name
    assert health.problems[0].reason.startswith("not JSON")
    assert [problem.line for problem in store.problems()] == [2, 3, 4, 5, 6]
    assert list(store.problems(["2026-01-01"])) == []


def test_a_damaged_gzip_counts_up_to_the_damage(tmp_path: Path) -> None:
    lines = [call(task_id=os.urandom(300).hex()) for _ in range(200)]
    packed = gzip.compress(text(*lines))
    path = tmp_path / f"api-calls-{TODAY}.jsonl.gz"
    path.write_bytes(packed[: len(packed) // 2])
    store = opened(tmp_path)
    health = store.health()
    assert 50 < health.lines < 150
    assert len(store.rows(EVER)) == health.lines
    assert [(problem.file, problem.line) for problem in health.problems] == [(path.name, 0)]
    path.write_bytes(packed)
    store.refresh()
    assert (store.health().lines, store.health().problems) == (200, ())


def test_a_file_that_is_no_gzip_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / f"api-calls-{TODAY}.jsonl.gz").write_bytes(b"no gzip at all")
    assert [problem.line for problem in opened(tmp_path).health().problems] == [0]


def test_the_last_line_of_a_gzip_needs_no_newline_and_of_a_plain_file_does(tmp_path: Path) -> None:
    content = text(call(), call())[:-1]
    (tmp_path / "api-calls-2026-11-21.jsonl.gz").write_bytes(gzip.compress(content))
    plain = tmp_path / f"api-calls-{TODAY}.jsonl"
    plain.write_bytes(content)
    store = opened(tmp_path)
    assert store.health().lines == 3
    assert store.health().extra["unfinished"] == 1
    with plain.open("ab") as file:
        file.write(b"\n")
    store.refresh()
    assert store.health().lines == 4
    assert "unfinished" not in store.health().extra


def test_a_folder_or_a_pipe_with_a_log_files_name_is_a_problem_and_nothing_hangs(tmp_path: Path) -> None:
    (tmp_path / "api-calls-2026-11-20.jsonl").mkdir()
    os.mkfifo(tmp_path / "api-calls-2026-11-21.jsonl")
    (tmp_path / "api-calls-2026-11-19.jsonl.gz").mkdir()
    os.mkfifo(tmp_path / "api-calls-2026-11-18.jsonl.gz")
    put(tmp_path, call())
    store = opened(tmp_path)
    assert store.health().lines == 1
    assert len(store.health().problems) == 4


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    for name in (
        "notes.txt",
        "api-calls-2026-13-40.jsonl",
        "api-calls-2026-11-22.jsonl.bak",
        "api-calls-x.jsonl",
    ):
        (tmp_path / name).write_bytes(b"oops\n")
    assert opened(tmp_path).health().days_total == 0


def test_a_file_that_may_not_be_read_is_told_and_what_was_read_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, call())
    store = opened(tmp_path)
    usual, refused = Path.open, True

    def refuse(self: Path, *given: Any, **more: Any) -> Any:
        if refused and self.name == path.name:
            raise PermissionError(13, "Permission denied")
        return usual(self, *given, **more)

    monkeypatch.setattr(Path, "open", refuse)
    put_with = os.open(path, os.O_APPEND | os.O_WRONLY)
    os.write(put_with, text(call()))
    store.refresh()
    assert store.health().lines == 1
    assert store.health().problems == (Problem(path.name, 0, "cannot be read: Permission denied"),)
    fresh = opened(tmp_path)
    assert fresh.health().lines == 0
    assert len(fresh.health().problems) == 1
    refused = False
    os.write(put_with, text(call()))
    os.close(put_with)
    for each in (store, fresh):
        each.refresh()
        assert (each.health().lines, each.health().problems) == (3, ())


def test_a_symbolic_link_is_the_file_it_leads_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(text(call()))
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / f"api-calls-{TODAY}.jsonl").symlink_to(elsewhere)
    (folder / "api-calls-2026-11-21.jsonl").symlink_to(tmp_path / "nowhere")
    store = opened(folder)
    with elsewhere.open("ab") as file:
        file.write(text(call()))
    store.refresh()
    assert store.health().lines == 2
    assert store.health().problems == ()


def test_a_line_of_ten_megabytes_counts_and_one_too_long_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, call(), call(prompt="x" * 10_000_000), call())
    assert opened(tmp_path).health().lines == 3
    monkeypatch.setattr("dashboard.store.tail.LONGEST", 1 << 20)
    health = opened(tmp_path).health()
    assert (health.lines, health.bad_lines) == (2, 1)
    assert health.problems[0].line == 2
    assert health.problems[0].reason == "longer than 1 MiB"


@pytest.mark.parametrize("how", ["missing", "file", "unreadable"])
def test_a_folder_that_cannot_be_used_is_a_sentence_and_comes_alive_by_itself(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "logs"
    if how == "file":
        folder.write_bytes(b"")
    if how == "unreadable":
        folder.mkdir()

        def refuse(path: object) -> list[str]:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("dashboard.store.condition.os.listdir", refuse)
    store = opened(folder)
    told = store.health().folder_problem
    assert told
    assert str(folder) in told
    assert store.rows(EVER).empty
    monkeypatch.undo()
    if how == "file":
        folder.unlink()
    folder.mkdir(exist_ok=True)
    put(folder, call())
    store.refresh()
    assert (store.health().folder_problem, store.health().lines) == (None, 1)


def test_health_tells_the_newest_calls_end_and_the_last_change(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    put(tmp_path, call(duration_seconds=90.0), call("2026-11-22T09:00:00+00:00"))
    store = opened(tmp_path, clock=lambda: now)
    assert store.health().last_call == datetime(2026, 11, 22, 10, 1, 30, tzinfo=UTC)
    assert store.health().last_change is None
    put(tmp_path, call())
    store.refresh()
    assert store.health().last_change == now


def test_the_first_line_ever_is_a_change(tmp_path: Path) -> None:
    store = opened(tmp_path / "logs", clock=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC))
    (tmp_path / "logs").mkdir()
    put(tmp_path / "logs", call())
    store.refresh()
    assert store.health().last_change == datetime(2026, 11, 22, 12, tzinfo=UTC)


# The cache


@pytest.fixture
def cached(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of three days that was read once with a cache."""
    folder, cache = tmp_path / "logs", tmp_path / "cache"
    folder.mkdir()
    for day in ("2026-10-31", "2026-11-21", TODAY):
        put(
            folder,
            *(
                call(f"{day}T10:00:{at:02d}+00:00", tokens_output=at, attempts=at, task_id=f"t{at}")
                for at in range(9)
            ),
            day=day,
        )
    with (folder / "api-calls-2026-11-21.jsonl").open("ab") as file:
        file.write(b"oops\n")
    opened(folder, cache_dir=cache).close()
    return folder, cache


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of log files that are decoded from now on."""
    read: list[str] = []
    take, rows = Reader._take_plain, Reader.rows

    def taking(self: Reader, taking: Any, mark: Any) -> None:
        read.append(taking.day.date)
        take(self, taking, mark)

    def reading(self: Reader, day: Any, **given: Any) -> Any:
        if given.get("beyond") is None:
            read.append(day.date)
        return rows(self, day, **given)

    monkeypatch.setattr(Reader, "_take_plain", taking)
    monkeypatch.setattr(Reader, "rows", reading)
    return read


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    facets = [name for name in one if str(one[name].dtype) == "category"]
    text = dict.fromkeys(facets, "str")
    pd.testing.assert_frame_equal(one.astype(text), other.astype(text))


def test_closed_days_come_from_the_cache_just_as_from_the_log(
    cached: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = cached
    plain = opened(folder)
    read = counted(monkeypatch)
    warm = opened(folder, cache_dir=cache)
    assert read == []
    same(warm.rows(EVER), plain.rows(EVER))
    assert set(read) == {TODAY}
    order = ["hour", *SUM_FACETS]
    same(*(frame.sort_values(order, ignore_index=True) for frame in (warm.sums(EVER), plain.sums(EVER))))
    assert warm.health() == plain.health()


def test_the_cache_is_private(cached: tuple[Path, Path]) -> None:
    paths = list(cached[1].rglob("*"))
    assert {path.suffix for path in paths if path.is_file()} == {".parquet"}
    for path in [cached[1], *paths]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(text(call("2026-11-21T23:00:00+00:00", tokens_output=100)))


def replaced(path: Path) -> None:
    content = path.read_bytes().replace(b'"tokens_output": 8', b'"tokens_output": 7')
    path.unlink()
    path.write_bytes(content)


def other_time(path: Path) -> None:
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [grow, replaced, other_time, Path.unlink])
def test_a_cached_day_whose_file_changed_is_as_the_file_says(
    cached: tuple[Path, Path], change: Callable[[Path], object]
) -> None:
    folder, cache = cached
    change(folder / "api-calls-2026-11-21.jsonl")
    for _ in range(2):
        plain, warm = opened(folder), opened(folder, cache_dir=cache)
        same(warm.rows(EVER), plain.rows(EVER))
        assert warm.sums(EVER)["tokens_output"].sum() == plain.sums(EVER)["tokens_output"].sum()
        assert warm.health() == plain.health()


@pytest.mark.parametrize("what", ["sums", "rows"])
@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text"])
def test_a_damaged_cache_is_not_used_and_written_anew(
    cached: tuple[Path, Path], what: str, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = cached
    expected = opened(folder).rows(EVER)
    for path in cache.rglob(f"{what}-*.parquet"):
        content = path.read_bytes()
        middle = len(content) // 3
        flipped = (
            content[:middle]
            + bytes(255 - byte for byte in content[middle : middle + 40])
            + content[middle + 40 :]
        )
        path.write_bytes(
            {"empty": b"", "cut": content[: len(content) // 2], "flipped": flipped, "text": b"hello"}[damage]
        )
    with opened(folder, cache_dir=cache) as store:
        same(store.rows(EVER), expected)
        assert store.sums(EVER)["tokens_output"].sum() == expected["tokens_output"].sum()
    read = counted(monkeypatch)
    with opened(folder, cache_dir=cache) as store:
        same(store.rows(EVER), expected)
    assert read == [TODAY]


def test_no_single_wrong_byte_in_the_cache_changes_a_number(cached: tuple[Path, Path]) -> None:
    folder, cache = cached
    expected = opened(folder).rows(EVER)
    (path,) = cache.rglob("rows-2026-11-21.parquet")
    content = path.read_bytes()
    for at in range(0, len(content), len(content) // 60):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x11]) + content[at + 1 :])
        same(opened(folder, cache_dir=cache).rows(EVER), expected)
        path.write_bytes(content)


def test_a_cache_of_another_format_is_removed(
    cached: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = cached
    monkeypatch.setattr("dashboard.store.cache.FORMAT", 999)
    with opened(folder, cache_dir=cache) as store:
        assert store.health().lines == 27
    assert {path.parent.name for path in cache.rglob("*.parquet")} == {"999-UTC"}


def test_each_zone_has_its_own_cache(cached: tuple[Path, Path]) -> None:
    folder, cache = cached
    put(folder, call("2026-10-31T23:50:00"), day="2026-10-31")
    for zone in ("UTC", "Asia/Kolkata", "UTC", "Asia/Kolkata"):
        with opened(folder, zone, cache_dir=cache) as store:
            same(store.rows(EVER), opened(folder, zone).rows(EVER))
            assert sorted(store.sums(EVER)["hour"]) == sorted(opened(folder, zone).sums(EVER)["hour"])


def test_without_a_place_for_the_cache_everything_works(tmp_path: Path) -> None:
    put(tmp_path, call())
    put(tmp_path, call("2026-11-21T10:00:00+00:00"), day="2026-11-21")
    nowhere = tmp_path / "file"
    nowhere.write_bytes(b"")
    with opened(tmp_path, cache_dir=nowhere / "cache") as store:
        assert len(store.rows(EVER)) == 2


def test_rows_of_a_day_that_is_gone_do_not_stay_in_the_cache(cached: tuple[Path, Path]) -> None:
    folder, cache = cached
    with opened(folder, cache_dir=cache) as store:
        (folder / "api-calls-2026-10-31.jsonl").unlink()
        store.refresh()
    assert {path.name for path in cache.rglob("*.parquet")} == {
        "links-2026-11.parquet",
        "rows-2026-11-21.parquet",
        "sums-2026-11.parquet",
    }


def test_a_long_newest_day_is_cached_too_and_read_on_from_there(
    cached: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = cached
    shutil.rmtree(cache)
    monkeypatch.setattr(files, "_LIVE_ROWS", 5)
    opened(folder, cache_dir=cache).close()
    put(folder, call(f"{TODAY}T11:00:00+00:00"))
    sizes: list[int] = []
    decode = __import__("dashboard.store.lines", fromlist=["decode"]).decode

    def decoding(data: bytes, *given: Any, **more: Any) -> Any:
        sizes.append(bytes(data).count(b"\n"))
        return decode(data, *given, **more)

    monkeypatch.setattr("dashboard.store.lines.decode", decoding)
    store = opened(folder, cache_dir=cache)
    assert store.health().lines == 28
    assert len(store.rows(EVER)) == 28
    assert max(sizes) == 1


def test_rows_beyond_the_budget_are_let_go_and_read_again(cached: tuple[Path, Path]) -> None:
    folder, cache = cached
    expected = opened(folder).rows(EVER)
    for place in (cache, None):
        store = opened(folder, cache_dir=place, row_budget=10)
        for _ in range(3):
            same(store.rows(EVER), expected)
            assert store._shelf.rows <= 10


# Version


def test_the_version_changes_when_and_only_when_something_did(tmp_path: Path) -> None:
    path = put(tmp_path, call(), call())
    store = opened(tmp_path)
    version = store.version
    for happening in (lambda: None, path.touch, lambda: put(tmp_path), (tmp_path / "other.txt").touch):
        happening()
        assert not store.refresh()
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    assert not store.refresh()
    assert store.version == version
    put(tmp_path, call())
    assert store.refresh()
    assert store.version > version


def test_wait_returns_at_once_when_the_version_is_another_and_else_after_the_timeout(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store.wait(-1, 60) == store.version
    assert store.wait(store.version, 0) == store.version


def test_the_newest_line_of_a_run_across_midnight_is_in_a_file_of_its_own_day(tmp_path: Path) -> None:
    put(tmp_path, call("2026-11-21T23:59:59.900000+00:00"), day="2026-11-21")
    store = opened(tmp_path)
    put(tmp_path, call("2026-11-22T00:00:00.100000+00:00"))
    store.refresh()
    assert store.rows(EVER)["day"].tolist() == ["2026-11-21", TODAY]
    assert store.health().last_change is not None
    since = datetime(2026, 11, 22, tzinfo=UTC)
    assert len(store.rows(Filter(since, since + timedelta(hours=1)))) == 1
