"""Exports: every format holds the same rows, of the right types, and adds up to what the report says."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import frames
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from export_reading import Row, cell_types, column_widths, moment, rows_of, sheet_rows
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dashboard import metrics, report
from dashboard.export import ExportError, Extract, cells, excel, file, forms
from dashboard.export.calls import calls, days_with_calls
from dashboard.export.days import days
from dashboard.filters import Filter
from dashboard.filters import days as local_days
from dashboard.sheets.data import safe

BERLIN = ZoneInfo("Europe/Berlin")
NAN = float("nan")
NOW = frames.at("2026-11-22 20:00", BERLIN)
MONTH = local_days(date(2026, 10, 24), date(2026, 11, 22), BERLIN)
ENDINGS = ("csv", "csv.gz", "jsonl", "jsonl.gz", "parquet", "xlsx")

PLAIN = {
    "time": datetime(2026, 11, 22, 9, 30, 0, 250000, tzinfo=BERLIN),
    "model": "claude-opus-5-5",
    "project": "web",
    "tokens_input": 10,
    "tokens_cache_write": 30,
    "tokens_cache_write_1h": 20,
    "cost_usd": 0.125,
    "duration_seconds": 2.5,
}
UNKNOWN = {
    "time": datetime(2026, 11, 22, 9, 31, tzinfo=BERLIN),
    "model": "local",
    "outcome": "failed",
    "error": "timeout",
    "counted": False,
    "final": False,
    "cost_usd": NAN,
    "duration_seconds": NAN,
}


def month_store() -> frames.FrameStore:
    lines = [
        line | {"tokens_cache_write_1h": line["tokens_cache_write"] // 3} for line in frames.month(NOW, 12)
    ]
    return frames.FrameStore([*lines, PLAIN, UNKNOWN], BERLIN)


def saved(extract: Extract, path: Path, *, force: bool = False) -> Path:
    form = file.form_of(path)
    file.save(path, lambda out, scratch: forms.write(form, [extract], out, scratch), force=force)
    return path


def written(lines: Iterable[dict[str, Any]], path: Path) -> list[Row]:
    store = frames.FrameStore(lines, BERLIN)
    return rows_of(saved(calls(store, MONTH), path))


def added(rows: Iterable[Row], name: str) -> float:
    return sum(row[name] or 0 for row in rows)


# The same in all formats


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_call_is_written_with_its_types(ending: str, tmp_path: Path) -> None:
    known, unknown = written([PLAIN, UNKNOWN], tmp_path / f"calls.{ending}")
    wall = moment(known["timestamp"])
    assert wall.replace(tzinfo=None) == datetime(2026, 11, 22, 9, 30, 0, 250000)
    assert (known["model"], known["task_id"], known["error"]) == ("claude-opus-5-5", None, None)
    assert known["success"] is True
    assert (known["tokens_input"], known["tokens_cache_write_5m"], known["tokens_cache_write_1h"]) == (
        10,
        10,
        20,
    )
    assert (known["estimated_cost_usd"], known["duration_seconds"]) == (0.125, 2.5)
    assert unknown["success"] is False
    assert (unknown["tokens_input"], unknown["tokens_total"]) == (None, None)
    assert (unknown["estimated_cost_usd"], unknown["duration_seconds"]) == (None, None)
    assert (unknown["tokens_final"], unknown["calls"], unknown["error"]) == (False, 1, "timeout")


def test_times_say_their_zone(tmp_path: Path) -> None:
    """Excel knows none: it holds the wall clock, and the offset beside it."""
    store = frames.FrameStore([PLAIN], BERLIN)
    paths = {ending: saved(calls(store, MONTH), tmp_path / f"c.{ending}") for ending in ENDINGS}
    assert rows_of(paths["csv"])[0]["timestamp"] == "2026-11-22T09:30:00.250000+01:00"
    assert rows_of(paths["jsonl"])[0]["timestamp"] == "2026-11-22T09:30:00.250000+01:00"
    assert pq.read_schema(paths["parquet"]).field("timestamp").type == pa.timestamp("us", "Europe/Berlin")
    row = rows_of(paths["xlsx"])[0]
    assert (row["timestamp"], row["utc_offset"]) == (datetime(2026, 11, 22, 9, 30, 0, 250000), "+01:00")


def test_the_hour_that_comes_twice_is_told_apart(tmp_path: Path) -> None:
    twice = [datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1)]
    rows = written([PLAIN | {"time": time} for time in twice], tmp_path / "calls.xlsx")
    assert [row["utc_offset"] for row in rows] == ["+02:00", "+01:00"]
    rows = written([PLAIN | {"time": time} for time in twice], tmp_path / "calls.csv")
    assert [row["timestamp"][-6:] for row in rows] == ["+02:00", "+01:00"]
    assert [moment(row["timestamp"]).timestamp() for row in rows] == [time.timestamp() for time in twice]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_sums_are_those_of_the_report(ending: str, tmp_path: Path) -> None:
    store = month_store()
    totals = report.measures(metrics.totals(store.sums(MONTH)))
    by_call = rows_of(saved(calls(store, MONTH), tmp_path / f"calls.{ending}"))
    by_day = rows_of(saved(days(store, MONTH), tmp_path / f"days.{ending}"))
    tokens = [name for name in totals if name.startswith("tokens_") and name in by_call[0]]
    for name in ("calls", "retries", "web_searches", *tokens):
        assert added(by_call, name) == added(by_day, name) == totals[name], name
    for rows in (by_call, by_day):
        assert added(rows, "estimated_cost_usd") == pytest.approx(totals["estimated_cost_usd"])
        assert (
            added(rows, "tokens_cache_write_5m") + added(rows, "tokens_cache_write_1h")
            == (totals["tokens_cache_write"])
        )
    assert sum(not row["success"] for row in by_call) == added(by_day, "failed") == totals["failed"]
    assert added(by_day, "unpriced_calls") == totals["unpriced_calls"]
    assert added(by_day, "not_final_calls") == totals["not_final_calls"]
    assert added(by_call, "duration_seconds") == pytest.approx(added(by_day, "duration_seconds"), rel=1e-5)


def test_a_call_has_what_the_report_lists_of_it() -> None:
    store = month_store()
    rows = [row for part in calls(store, MONTH).parts for row in part.to_pylist()]
    listed = list(report.details(store.rows(MONTH)))
    assert len(rows) == len(listed)
    for row, told in zip(rows, listed, strict=True):
        assert row | {"timestamp": row["timestamp"].isoformat()} == row | told


def test_a_day_without_a_known_cost_has_none() -> None:
    """A model without a price beside one that has one: null, not 0, and dearest first."""
    store = frames.FrameStore([PLAIN, PLAIN, UNKNOWN], BERLIN)
    (part,) = days(store, MONTH).parts
    said = [(r["day"], r["model"], r["project"], r["estimated_cost_usd"]) for r in part.to_pylist()]
    day = date(2026, 11, 22)
    assert said == [(day, "claude-opus-5-5", "web", 0.25), (day, "local", None, None)]
    assert part.column("unpriced_calls").to_pylist() == [0, 1]


# A day at a time


class Watched(frames.FrameStore):
    """Remembers how many lines were asked for at once."""

    most = 0

    def sums(self, view: Filter, *, tasks: bool = False) -> Any:
        return frames.sums(super().rows(view), tasks=tasks)

    def rows(self, view: Filter, **more: Any) -> Any:
        found = super().rows(view, **more)
        self.most = max(self.most, len(found))
        return found


def test_calls_are_read_a_local_day_at_a_time() -> None:
    lines = frames.month(NOW, 20)
    store = Watched(lines, BERLIN)
    found = days_with_calls(store, MONTH)
    sizes = [part.num_rows for part in calls(store, MONTH).parts]
    assert store.most == max(sizes)
    assert len(sizes) == len(found)
    assert sum(sizes) == len(store.rows(MONTH))


def test_a_view_of_some_tasks_and_hours_gives_just_those() -> None:
    eight, noon = (datetime(2026, 11, 22, hour, tzinfo=BERLIN) for hour in (8, 12))
    lines = [PLAIN | {"task_id": "a"}, PLAIN | {"task_id": "b"}, PLAIN | {"time": noon, "task_id": "a"}]
    store = frames.FrameStore(lines, BERLIN)
    view = Filter(eight, noon, tasks=frozenset({"a"}))
    assert [part.column("task_id").to_pylist() for part in calls(store, view).parts] == [["a"]]
    assert [part.column("calls").to_pylist() for part in days(store, view).parts] == [[1]]


@pytest.mark.parametrize("ending", ENDINGS)
def test_without_calls_there_are_only_heads(ending: str, tmp_path: Path) -> None:
    path = saved(calls(frames.FrameStore([], BERLIN), MONTH), tmp_path / f"calls.{ending}")
    assert rows_of(path) == []


# Text is text

BAD = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\ttab",
    "\r",
    "a\nb",
    'say "hi"',
    "a,b",
    "a;b",
    "x;=cmd|'/C calc'!A0;y",
    "x\t=1\t+1,-1",
    "\0",
    "<r>x</r>",
    "_x0041_",
    "&lt;",
    " x ",
]
SHORT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
_GIVEN = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _of_text(texts: list[str]) -> Extract:
    schema = pa.schema([("text", pa.string())])
    return Extract("Texts", schema, [pa.table({"text": texts}, schema)])


def _back(texts: list[str], path: Path) -> list[Any]:
    return [row["text"] for row in rows_of(saved(_of_text(texts), path, force=True))]


@_GIVEN
@given(st.lists(SHORT, min_size=1, max_size=8))
@example(BAD)
def test_any_text_comes_back_as_it_was(tmp_path: Path, texts: list[str]) -> None:
    assert _back(texts, tmp_path / "t.parquet") == texts
    assert _back(texts, tmp_path / "t.jsonl") == texts


@_GIVEN
@given(st.lists(SHORT, min_size=1, max_size=8))
@example(BAD)
def test_csv_gives_no_formula_and_one_row_per_text(tmp_path: Path, texts: list[str]) -> None:
    content = saved(_of_text(texts), tmp_path / "t.csv", force=True).read_bytes().decode()
    found = [row[0] for row in csv.reader(io.StringIO(content, newline=""))][1:]
    assert found == [safe(text) for text in texts]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in found)
    pieces = re.split('[;,\t\n"]', content)
    assert not any(piece.startswith(("=", "+", "-", "@")) for piece in pieces), "whatever separates"


@_GIVEN
@given(st.lists(SHORT, min_size=1, max_size=8))
@example(BAD)
def test_excel_gives_texts_and_no_formula(tmp_path: Path, texts: list[str]) -> None:
    path = saved(_of_text(texts), tmp_path / "t.xlsx", force=True)
    assert cell_types(path) <= {"s", "inlineStr"}
    assert [row["text"] for row in sheet_rows(path)] == texts


def test_a_text_longer_than_a_cell_is_cut_in_excel_alone(tmp_path: Path) -> None:
    long = "x" * 40_000
    assert _back([long], tmp_path / "t.csv") == [long]
    assert _back([long], tmp_path / "t.xlsx") == ["x" * 32_767]


# Files


def test_what_is_there_is_written_over_only_with_force(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("mine")
    with pytest.raises(ExportError, match=r"t\.csv: is there already; --force writes over it\."):
        saved(_of_text(["a"]), path)
    assert path.read_text() == "mine"
    saved(_of_text(["a"]), path, force=True)
    assert path.read_text() == "text\na\n"
    assert os.listdir(tmp_path) == ["t.csv"]


def _broken(error: BaseException) -> Iterator[pa.Table]:
    yield pa.table({"text": ["a"]})
    raise error


@pytest.mark.parametrize("ending", ENDINGS)
def test_of_a_failure_nothing_is_left(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.{ending}"
    path.write_text("mine")
    extract = Extract(
        "T", pa.schema([("text", pa.string())]), _broken(OSError(28, "No space left on device"))
    )
    with pytest.raises(ExportError) as caught:
        saved(extract, path, force=True)
    assert (
        str(caught.value) == f"{path}: could not be written: No space left on device. Nothing of it was kept."
    )
    assert path.read_text() == "mine"
    assert os.listdir(tmp_path) == [path.name]


def test_until_it_is_whole_what_was_there_stands(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("mine")
    seen = []

    def parts() -> Iterator[pa.Table]:
        seen.append(path.read_text())
        yield pa.table({"text": ["a"]})
        seen.append(path.read_text())

    saved(Extract("T", pa.schema([("text", pa.string())]), parts()), path, force=True)
    assert [*seen, path.read_text()] == ["mine", "mine", "text\na\n"]


def test_a_disk_that_is_full_while_the_workbook_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zipfile.ZipFile.write", full)
    with pytest.raises(ExportError, match="No space left on device"):
        saved(_of_text(["a"]), tmp_path / "t.xlsx")
    assert os.listdir(tmp_path) == []


def test_columns_are_named_as_excel_names_them() -> None:
    named = {0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA", 16_383: "XFD"}
    assert {place: cells.letters(place) for place in named} == named


def test_numbers_are_kept_to_the_last_digit_in_excel(tmp_path: Path) -> None:
    schema = pa.schema([("a_usd", pa.float64()), ("b", pa.int64()), ("c", pa.bool_())])
    known = {
        "a_usd": [0.1 + 0.2, 1e-9, None, -7.5],
        "b": [2**53, None, -1, 0],
        "c": [True, None, False, None],
    }
    path = saved(Extract("N", schema, [pa.table(known, schema)]), tmp_path / "n.xlsx")
    rows = sheet_rows(path)
    assert {name: [row[name] for row in rows] for name in known} == known


def test_columns_are_as_wide_as_their_texts(tmp_path: Path) -> None:
    lines = [PLAIN | {"task_id": "t" * 30, "error": "e" * 100, "outcome": "failed"}]
    store = frames.FrameStore(lines, BERLIN)
    widths = column_widths(saved(calls(store, MONTH), tmp_path / "c.xlsx"))
    assert widths["task_id"] == pytest.approx(31, abs=1)
    assert widths["error"] == pytest.approx(60, abs=1), "at most"
    assert widths["timestamp"] >= len("2026-11-22 09:30:00.250")


def test_more_rows_than_a_sheet_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "MOST_ROWS", 2)
    saved(_of_text(["a", "b"]), tmp_path / "two.xlsx")
    with pytest.raises(ExportError, match=r"holds 2 rows, and there are more: choose a shorter period"):
        saved(_of_text(["a", "b", "c"]), tmp_path / "three.xlsx")
    assert os.listdir(tmp_path) == ["two.xlsx"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("usage.txt", "its name does not say the format; there are .csv, .xlsx, .parquet, .jsonl, .csv.gz"),
        ("usage", "its name does not say the format"),
        ("usage.xlsx.gz", ".xlsx is not packed as .gz; there are .csv,"),
    ],
)
def test_a_name_that_says_no_format_is_refused(name: str, said: str) -> None:
    with pytest.raises(ExportError, match=said.replace(".", r"\.")):
        file.form_of(Path(name))


def test_a_format_may_be_given_and_upper_case_is_the_same() -> None:
    assert file.form_of(Path("usage.txt"), "jsonl").name == "jsonl"
    assert file.form_of(Path("USAGE.CSV.GZ")).name == "csv"


@pytest.mark.parametrize("name", ["y.xlsx", "Y.XLSX", "y.jsonl.gz"])
def test_a_name_that_says_another_format_is_refused(name: str) -> None:
    with pytest.raises(ExportError, match=r"its name says (xlsx|jsonl), --format says csv; give one alone\."):
        file.form_of(Path(name), "csv")
    for fine in ("y.csv", "y.csv.gz", "y.gz", "y.2026", "-"):
        assert file.form_of(Path(fine), "csv") is forms.CSV


def test_the_formats_there_are_can_be_given() -> None:
    """Packing is said by the file's name, so `csv.gz` is none of them."""
    with pytest.raises(ExportError) as told:
        file.form_of(Path("-"), "csv.gz")
    assert str(told.value) == (
        "--format csv.gz: no such format; there are csv, xlsx, parquet, jsonl; .gz stands in the file's name."
    )
    assert all(file.form_of(Path("-"), name).name == name for name in forms.NAMES)


def test_places_that_cannot_be_written_to(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "t.csv", "no such folder; make it first"),
    ):
        with pytest.raises(ExportError, match=said):
            file.check(path, force=True)
    with pytest.raises(ExportError, match="is no plain file"):
        file.check(Path(os.devnull), force=True)


EXPORTING = """
import sys
from pathlib import Path
from dashboard.export import file

def fill(out, folder):
    out.write(b"begun")
    print("at work", flush=True)
    sys.stdin.read()

file.save(Path(sys.argv[1]), fill, force=False)
"""
"""An export that goes on until its stdin is closed."""


@contextmanager
def exporting(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the midst of an export."""
    command = [sys.executable, "-c", EXPORTING, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "at work\n"
        yield process


def hidden(folder: Path) -> set[str]:
    return {name for name in os.listdir(folder) if name.startswith(".callmeter-")}


def test_what_a_killed_export_left_goes_with_the_next_one(tmp_path: Path) -> None:
    with exporting(tmp_path / "killed.csv") as process:
        process.kill()
    assert len(hidden(tmp_path)) == 1
    saved(_of_text(["a"]), tmp_path / "t.csv")
    assert os.listdir(tmp_path) == ["t.csv"]


def test_a_folder_that_an_export_works_in_stays(tmp_path: Path) -> None:
    with exporting(tmp_path / "slow.csv") as process:
        there = hidden(tmp_path)
        saved(_of_text(["a"]), tmp_path / "t.csv")
        assert len(there) == 1 and hidden(tmp_path) == there
        process.communicate("")
    assert process.returncode == 0
    assert sorted(os.listdir(tmp_path)) == ["slow.csv", "t.csv"]


def test_what_is_not_of_an_export_stays(tmp_path: Path) -> None:
    """Folders and files of such a name, and a link to a folder that an export left elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with exporting(elsewhere / "killed.csv") as process:
        process.kill()
    here = tmp_path / "here"
    (here / ".callmeter-mine").mkdir(parents=True)
    (here / ".callmeter-mine" / "notes.txt").write_text("mine")
    (here / ".callmeter-file").write_text("mine")
    (here / ".callmeter-link").symlink_to(elsewhere / hidden(elsewhere).pop())
    saved(_of_text(["a"]), here / "t.csv")
    assert hidden(here) == {".callmeter-mine", ".callmeter-file", ".callmeter-link"}
    assert (here / ".callmeter-mine" / "notes.txt").exists() and len(hidden(elsewhere)) == 1


def test_a_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "real.csv", tmp_path / "link.csv"
    target.write_text("mine")
    link.symlink_to(target)
    saved(_of_text(["a"]), link, force=True)
    assert link.is_symlink()
    assert target.read_text() == "text\na\n"


def test_files_are_named_by_what_they_hold() -> None:
    day = local_days(date(2026, 11, 22), date(2026, 11, 22), BERLIN)
    october = local_days(date(2026, 10, 1), date(2026, 10, 31), BERLIN)
    assert file.name("calls", day, forms.CSV) == "callmeter-calls-2026-11-22.csv"
    assert file.name("days", october, forms.EXCEL) == "callmeter-days-2026-10-01--2026-10-31.xlsx"
    assert file.name("accounting", october, forms.EXCEL) == "callmeter-2026-10.xlsx"
