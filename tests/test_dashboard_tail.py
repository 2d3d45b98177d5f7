"""Reading on in a file: pieces of complete lines, and what counts as the same file grown."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import pytest

from dashboard.store import tail
from dashboard.store.tail import Mark


class Kept(NamedTuple):
    """A piece whose data may be looked at later."""

    offset: int
    data: bytes
    size: int
    crc: int


def pieces(content: bytes, block: int, monkeypatch: pytest.MonkeyPatch, longest: int = 1000) -> list[Kept]:
    monkeypatch.setattr(tail, "BLOCK", block)
    monkeypatch.setattr(tail, "LONGEST", longest)
    found = tail.pieces(io.BytesIO(content).readinto)
    return [Kept(piece.offset, bytes(piece.data), piece.size, piece.crc) for piece in found]


@pytest.mark.parametrize("block", [1, 2, 3, 7, 100])
def test_pieces_are_all_complete_lines_and_nothing_of_the_last_torn_one(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = pieces(b"one\ntwo\n\nthree\nfo", block, monkeypatch)
    assert b"".join(piece.data for piece in found) == b"one\ntwo\n\nthree\n"
    assert all(piece.data.endswith(b"\n") for piece in found)
    assert [piece.offset for piece in found] == [
        sum(before.size for before in found[:at]) for at in range(len(found))
    ]
    assert found[-1].crc == zlib.crc32(b"one\ntwo\n\nthree\n")


@pytest.mark.parametrize("block", [1, 4, 10, 100])
def test_a_line_that_is_too_long_is_told_by_its_size_and_its_neighbours_are_read(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"a\n" + b"x" * 50 + b"\nb\n"
    found = pieces(content, block, monkeypatch, longest=20)
    good = b"".join(piece.data for piece in found)
    if block < 50:
        assert good == b"a\nb\n"
        assert [piece.size for piece in found if not piece.data] == [51]
    assert sum(piece.size for piece in found) == len(content)
    assert found[-1].crc == zlib.crc32(content)


def test_memory_for_reading_is_a_block_and_a_line(tmp_path: Path) -> None:
    """However long the file: no piece is longer than a block and the line across its end."""
    path = tmp_path / "long"
    path.write_bytes((b"x" * 999 + b"\n") * 20_000)
    with path.open("rb", buffering=0) as file:
        largest = max(len(piece.data) for piece in tail.pieces(tail.limited(file, 20_000_000)))  # type: ignore[arg-type]
    assert largest <= tail.BLOCK + 1000


def mark_of(path: Path) -> Mark:
    content = path.read_bytes()
    with path.open("rb") as file:
        return tail.closed(
            Mark(tail.stamp_of(path.stat()), len(content), content.count(b"\n"), zlib.crc32(content)), file
        )


def grown(path: Path, mark: Mark) -> bool:
    with path.open("rb") as file:
        return tail.grown(file, tail.stamp_of(path.stat()), mark, sure=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "day"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(1000)))
    return path


def test_a_file_that_got_more_has_grown(path: Path) -> None:
    mark = mark_of(path)
    with path.open("ab") as file:
        file.write(b"more")
    assert grown(path, mark)


def test_a_shorter_file_has_not_grown(path: Path) -> None:
    mark = mark_of(path)
    os.truncate(path, 100)
    assert not grown(path, mark)


def test_a_file_written_anew_and_longer_has_not_grown(path: Path) -> None:
    mark = mark_of(path)
    path.write_bytes(b"other\n" * 5000)
    assert not grown(path, mark)


def test_another_file_with_the_same_content_has_grown_and_one_that_differs_in_the_middle_has_not(
    path: Path,
) -> None:
    mark, content = mark_of(path), path.read_bytes()
    path.with_name("old").hardlink_to(path)  # keeps its inode from being used again
    for middle, same in ((b"", True), (b"X", False)):
        half = len(content) // 2
        new = path.with_name("new")
        new.write_bytes(
            content[:half] + (middle or content[half : half + 1]) + content[half + 1 :] + b"more\n"
        )
        new.replace(path)
        assert grown(path, mark) is same


def test_the_same_size_with_another_time_is_compared_whole(path: Path) -> None:
    mark, content = mark_of(path), path.read_bytes()
    os.utime(path, ns=(1, 1))
    assert grown(path, mark)
    half = len(content) // 2
    with path.open("r+b") as file:
        file.write(content[:half] + b"X")
    assert not grown(path, mark)


def test_reading_stops_where_the_file_ended_when_it_was_looked_at(path: Path) -> None:
    with path.open("rb") as file:
        readinto, view = tail.limited(file, 10), memoryview(bytearray(7))
        assert [bytes(view[: readinto(view)]) for _ in range(3)] == [b"line 0\n", b"lin", b""]


def test_a_missing_file_has_no_stamp(tmp_path: Path) -> None:
    assert tail.look(tmp_path / "no") is None
    assert tail.look(tmp_path / "no" / "no") is None
