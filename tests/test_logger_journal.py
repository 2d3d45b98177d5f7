"""Appending lines: whole, visible, kept when they cannot be written."""

from __future__ import annotations

import errno
import gzip
import logging
import os
import resource
import shutil
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from logger import journal as journal_module
from logger.journal import Journal
from logger.problems import Problems

DAY = "2026-11-22"


def text_of(folder: Path, day: str = DAY) -> str:
    return (folder / f"api-calls-{day}.jsonl").read_text()


def failing(function: str, number: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make an os function fail with an errno; the returned function lets it work again."""
    real = getattr(os, function)

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, fail)
    return lambda: monkeypatch.setattr(os, function, real)


def test_a_line_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "logs" / "api")
    assert journal.append(DAY, b"one\n") and journal.append(DAY, b"two\n")
    assert text_of(tmp_path / "logs" / "api") == "one\ntwo\n"


def test_each_day_has_its_file(tmp_path: Path) -> None:
    """Also many days in turn, as an import writes them: only a few are kept open."""
    journal = Journal(tmp_path)
    days = [f"2026-11-{day:02}" for day in range(1, 31)]
    for number in range(3):
        for day in days:
            assert journal.append(day, b"%d\n" % number)
    assert [text_of(tmp_path, day) for day in days] == ["0\n1\n2\n"] * 30
    assert len(journal._files) <= journal_module.MOST_OPEN


def test_files_and_folders_are_private(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        Journal(tmp_path / "api").append(DAY, b"x\n")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "api").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "api" / f"api-calls-{DAY}.jsonl").stat().st_mode) == 0o600


def test_a_torn_line_of_before_is_ended_first(tmp_path: Path) -> None:
    (tmp_path / f"api-calls-{DAY}.jsonl").write_text('whole\n{"torn": ')
    Journal(tmp_path).append(DAY, b"next\n")
    assert text_of(tmp_path) == 'whole\n{"torn": \nnext\n'


def test_a_line_torn_by_another_process_meanwhile_loses_no_neighbour(tmp_path: Path) -> None:
    """SIGKILL may cut another writer's line while we have the file open: ours is written once more."""
    journal = Journal(tmp_path)
    journal.append(DAY, b"first\n")
    with (tmp_path / f"api-calls-{DAY}.jsonl").open("a") as other:
        other.write('{"torn": ')
    assert journal.append(DAY, b"second\n") and journal.append(DAY, b"third\n")
    assert text_of(tmp_path) == 'first\n{"torn": second\nsecond\nthird\n'


def test_other_writers_whole_lines_are_no_reason_to_write_twice(tmp_path: Path) -> None:
    one, two = Journal(tmp_path), Journal(tmp_path)
    for journal, line in [(one, b"a\n"), (two, b"b\n"), (one, b"c\n"), (one, b"d\n"), (two, b"e\n")]:
        journal.append(DAY, line)
    assert text_of(tmp_path) == "a\nb\nc\nd\ne\n"


@pytest.mark.parametrize(
    "take_away",
    [
        lambda file: file.unlink(),
        lambda file: file.rename(file.with_suffix(".old")),
        lambda file: shutil.rmtree(file.parent),
        lambda file: file.parent.rename(file.parent.with_name("elsewhere")),
        lambda file: (file.with_suffix(".new").write_text(""), file.with_suffix(".new").replace(file)),
        lambda file: (gzip.open(file.with_name(file.name + ".gz"), "wb").close(), file.unlink()),
    ],
    ids=["deleted", "renamed", "folder removed", "folder renamed", "replaced", "gzipped"],
)
def test_a_line_is_in_the_file_that_is_there(tmp_path: Path, take_away: Callable[[Path], Any]) -> None:
    """Whatever happened to the file since the last line, the next one is in the visible file at once."""
    folder = tmp_path / "api"
    journal = Journal(folder)
    journal.append(DAY, b"before\n")
    take_away(folder / f"api-calls-{DAY}.jsonl")
    assert journal.append(DAY, b"after\n")
    assert text_of(folder) == "after\n"


def test_a_truncated_file_goes_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(DAY, b"before\n")
    os.truncate(tmp_path / f"api-calls-{DAY}.jsonl", 3)
    assert journal.append(DAY, b"after\n")
    assert text_of(tmp_path).endswith("\nafter\n")


def test_the_host_may_change_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    journal = Journal("api")
    monkeypatch.chdir(tmp_path)
    journal.append(DAY, b"x\n")
    assert text_of(tmp_path / "here" / "api") == "x\n"


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_what_cannot_be_written_is_kept_and_written_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A read-only folder, no rights, a full disk, a broken one, too many open files."""
    journal = Journal(tmp_path)
    works_again = failing("open", number, monkeypatch)
    assert not journal.append(DAY, b"one\n") and not journal.append(DAY, b"two\n")
    assert journal.waiting == 2
    works_again()
    assert journal.append(DAY, b"three\n")
    assert text_of(tmp_path) == "one\ntwo\nthree\n" and journal.waiting == 0


def test_a_file_in_the_place_of_the_folder_is_waited_out(tmp_path: Path) -> None:
    (tmp_path / "api").write_text("in the way")
    journal = Journal(tmp_path / "api")
    assert not journal.append(DAY, b"one\n")
    (tmp_path / "api").unlink()
    assert journal.flush() and text_of(tmp_path / "api") == "one\n"


def test_trouble_is_said_once_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    problems = Problems()
    journal = Journal(tmp_path, problems)
    failing("open", errno.EROFS, monkeypatch)
    with caplog.at_level(logging.WARNING, "callmeter"):
        for _ in range(5):
            journal.append(DAY, b"x\n")
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"callmeter: cannot write to {tmp_path}: Read-only file system; lines are kept and retried"
    ]
    assert problems.counts == {"unwritten": 5}


def test_what_is_kept_is_bounded_and_the_loss_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "MOST_LINES", 3)
    journal = Journal(tmp_path)
    works_again = failing("open", errno.ENOSPC, monkeypatch)
    for number in range(5):
        journal.append(DAY, b"%d\n" % number)
    works_again()
    journal.flush()
    assert text_of(tmp_path) == "2\n3\n4\n" and journal.problems.counts["dropped"] == 2


def test_what_is_kept_is_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MOST_BYTES", 100)
    journal = Journal(tmp_path)
    works_again = failing("open", errno.ENOSPC, monkeypatch)
    for letter in b"abc":
        journal.append(DAY, bytes([letter]) * 59 + b"\n")
    works_again()
    journal.flush()
    assert text_of(tmp_path) == "c" * 59 + "\n"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A full disk: a file of this process may not grow beyond `size` bytes."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("room", range(0, 14))
def test_a_line_cut_by_a_full_disk_is_written_whole_when_there_is_space(tmp_path: Path, room: int) -> None:
    """Wherever the cut falls: the fragment stands alone, no line is lost, none is glued or doubled."""
    journal = Journal(tmp_path)
    journal.append(DAY, b"0123456789\n")
    with largest_file(11 + room):
        done = [journal.append(DAY, b"abcdefghi\n"), journal.append(DAY, b"jklmnopqr\n")]
    assert done == [room >= 10, False]
    assert journal.append(DAY, b"stuvwxyz!\n")
    lines = text_of(tmp_path).splitlines()
    whole = ["0123456789", "abcdefghi", "jklmnopqr", "stuvwxyz!"]
    assert [line for line in lines if line in whole] == whole
    assert len(lines) <= 5 and all(any(w.startswith(line) for w in whole) for line in lines)


def test_space_that_comes_in_the_middle_of_a_line_completes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short write without an error: the rest follows, and if nothing came between, the line is whole."""
    journal, real = Journal(tmp_path), os.write
    monkeypatch.setattr(
        os, "write", lambda fd, data: real(fd, data[:4]) if len(data) == 10 else real(fd, data)
    )
    assert journal.append(DAY, b"abcdefghi\n") and text_of(tmp_path) == "abcdefghi\n"


def test_a_cut_line_with_another_in_between_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, real = Journal(tmp_path), os.write

    def cut(fd: int, data: bytes) -> int:
        if len(data) != 10:
            return real(fd, data)
        monkeypatch.setattr(os, "write", real)
        written = real(fd, data[:4])
        with (tmp_path / f"api-calls-{DAY}.jsonl").open("a") as other:
            other.write("other\n")
        return written

    monkeypatch.setattr(os, "write", cut)
    assert not journal.append(DAY, b"abcdefghi\n")
    assert journal.flush()
    assert text_of(tmp_path) == "abcdother\nefghi\nabcdefghi\n"


def test_threads_write_whole_lines_and_none_is_lost(tmp_path: Path) -> None:
    """16 threads, one journal."""
    journal = Journal(tmp_path)

    def work(number: int) -> None:
        for count in range(200):
            assert journal.append(DAY, b"%d-%d-%s\n" % (number, count, b"x" * (number * 300)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = text_of(tmp_path).splitlines()
    expected = {f"{n}-{c}-{'x' * (n * 300)}" for n in range(16) for c in range(200)}
    assert len(lines) == 3200 and set(lines) == expected


def test_a_signal_handler_may_log_in_the_middle_of_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No deadlock, and the handler's line follows as soon as the interrupted one is written."""
    journal, real = Journal(tmp_path), os.write
    answers: list[bool] = []

    def interrupted(fd: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", real)
        answers.append(journal.append(DAY, b"handler\n"))
        return real(fd, data)

    monkeypatch.setattr(os, "write", interrupted)
    assert journal.append(DAY, b"interrupted\n")
    assert answers == [False]
    assert text_of(tmp_path) == "interrupted\nhandler\n" and journal.waiting == 0


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked child; its exit code."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_after_the_first_line_writes_on(tmp_path: Path) -> None:
    """Parent and child share neither positions nor waiting lines."""
    journal = Journal(tmp_path)
    journal.append(DAY, b"before\n")
    assert in_child(lambda: [journal.append(DAY, b"child\n") for _ in range(50)] and None) == 0
    assert journal.append(DAY, b"parent\n")
    assert text_of(tmp_path) == "before\n" + "child\n" * 50 + "parent\n"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_another_thread_writes_does_not_hang(tmp_path: Path) -> None:
    """The lock may be held by a thread that is not in the child; a hang would end as SIGALRM."""
    journal = Journal(tmp_path)
    journal._lock.acquire()
    held = threading.Thread(target=lambda: None)
    held.start()
    held.join()

    def work() -> None:
        signal.alarm(5)
        assert journal.append(DAY, b"child\n")

    outcome: list[int] = []
    thread = threading.Thread(target=lambda: outcome.append(in_child(work)))
    thread.start()
    thread.join()
    journal._lock.release()
    assert outcome == [0]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_parents_waiting_lines_are_written_by_the_parent_only(tmp_path: Path) -> None:
    (tmp_path / "api").write_text("in the way")
    journal = Journal(tmp_path / "api")
    journal.append(DAY, b"waiting\n")
    (tmp_path / "api").unlink()
    assert in_child(lambda: None if journal.append(DAY, b"child\n") else os._exit(2)) == 0
    assert journal.append(DAY, b"parent\n")
    assert text_of(tmp_path / "api") == "child\nwaiting\nparent\n"


def test_closing_gives_the_descriptors_back(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    journals = [Journal(tmp_path / str(number)) for number in range(20)]
    for journal in journals:
        journal.append(DAY, b"x\n")
        journal.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert journals[0].append(DAY, b"again\n")
    del journals, journal
    assert len(os.listdir("/proc/self/fd")) == before
