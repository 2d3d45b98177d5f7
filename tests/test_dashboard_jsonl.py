"""Our own files of JSON lines: nothing lost, nothing changed, whoever writes, whatever happens to them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.errors import FolderError
from dashboard.jsonl import LinesFile


def test_what_was_appended_is_read_in_its_order_and_the_folder_is_private(tmp_path: Path) -> None:
    file = LinesFile(tmp_path / "credit" / "credit.jsonl")
    file.append([{"n": 1}, {"n": 2, "label": "Zürich\u2028 \ud800"}])
    file.append([{"n": 3}])
    assert [record["n"] for record in file.records()] == [1, 2, 3]
    assert (tmp_path / "credit").stat().st_mode & 0o777 == 0o700
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert len(file.path.read_bytes().split(b"\n")) == 4


def test_a_missing_file_has_no_records(tmp_path: Path) -> None:
    assert LinesFile(tmp_path / "none.jsonl").records() == []


def test_only_complete_lines_are_read_and_a_torn_one_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1}\n{"n": ')
    file = LinesFile(path)
    assert file.records() == [{"n": 1}]
    file.append([{"n": 2}])
    assert file.records() == [{"n": 1}, {"n": 2}]
    assert [str(bad) for bad in file.bad] == [f"{path}: line 2: is no JSON object"]
    assert path.read_text() == '{"n": 1}\n{"n": \n{"n": 2}\n'


@pytest.mark.parametrize("bad", ["[1]", "nonsense", "12", "[" * 100_000, "\x00"])
def test_a_bad_line_is_told_and_its_neighbours_count(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"n": 1}}\n{bad}\n\n{{"n": 2}}\n')
    file = LinesFile(path)
    assert file.records() == [{"n": 1}, {"n": 2}]
    assert [one.line for one in file.bad] == [2]


def test_a_file_that_was_replaced_or_cut_is_read_anew(tmp_path: Path) -> None:
    file = LinesFile(tmp_path / "a.jsonl")
    file.append([{"n": 1}, {"n": 2}])
    assert len(file.records()) == 2
    other = tmp_path / "b.jsonl"
    other.write_text('{"n": 7}\n{"n": 8}\n{"n": 9}\n')
    other.replace(file.path)
    assert file.records() == [{"n": 7}, {"n": 8}, {"n": 9}]
    file.path.write_text('{"n": 5}\n')
    assert file.records() == [{"n": 5}]
    file.path.unlink()
    assert file.records() == []


def test_what_cannot_be_written_or_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="cannot be written"):
        LinesFile(tmp_path / "file" / "a.jsonl").append([{"n": 1}])
    (tmp_path / "dir.jsonl").mkdir()
    with pytest.raises(FolderError, match="cannot be read: Is a directory"):
        LinesFile(tmp_path / "dir.jsonl").records()


FULL = """
import resource, signal, sys
from pathlib import Path
from dashboard.errors import FolderError
from dashboard.jsonl import LinesFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
try:
    LinesFile(Path(sys.argv[1])).append([{"n": 1}, {"n": 2}, {"text": "x" * 60}])
except FolderError as error:
    print(error)
"""


def test_on_a_full_disk_the_lines_before_stand_and_the_next_ones_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    file = LinesFile(path)
    file.append([{"n": 3}])
    assert file.records() == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert [one.line for one in file.bad] == [3]


def _append(path: Path, who: int, count: int) -> None:
    file = LinesFile(path)
    for n in range(count):
        file.append([{"who": who, "n": n}])


def _count_up(path: Path, times: int) -> None:
    file = LinesFile(path)
    for _ in range(times):
        with file.locked():
            file.append([{"n": len(file.records())}])


def test_many_processes_append_and_no_line_is_lost(tmp_path: Path) -> None:
    path, spawn = tmp_path / "a.jsonl", multiprocessing.get_context("fork")
    writers = [spawn.Process(target=_append, args=(path, who, 50)) for who in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    seen = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted((one["who"], one["n"]) for one in seen) == [(w, n) for w in range(4) for n in range(50)]


def test_under_the_lock_looking_and_appending_is_one_step(tmp_path: Path) -> None:
    path, spawn = tmp_path / "a.jsonl", multiprocessing.get_context("fork")
    writers = [spawn.Process(target=_count_up, args=(path, 40)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [one["n"] for one in LinesFile(path).records()] == list(range(120))


def test_a_writer_that_is_killed_leaves_whole_lines_and_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    writer = multiprocessing.get_context("fork").Process(target=_count_up, args=(path, 10**6))
    writer.start()
    file = LinesFile(path)
    while len(file.records()) < 20:
        pass
    assert writer.pid
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    with file.locked():
        known = len(file.records())
        file.append([{"n": known}])
    assert [one["n"] for one in file.records()] == list(range(known + 1))
