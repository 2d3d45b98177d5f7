"""What was acknowledged is in the file: killed writers, many processes, forks, full disks, threads."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from logger import ClaudeAPILogger, running_calls

ROOT = Path(__file__).parents[1]
SLOTS, LINES, KILLS = 8, 2000, 40

WRITER = textwrap.dedent(
    """
    import mmap, random, struct, sys
    root, folder, acknowledged, writer, lines = sys.argv[1:]
    sys.path.insert(0, root)
    from logger import ClaudeAPILogger
    log = ClaudeAPILogger(folder, host="")
    file = open(acknowledged, "r+b")
    board = mmap.mmap(file.fileno(), 8)
    chance = random.Random(writer)
    for number in range(1, int(lines) + 1):
        pad = "x" * int(chance.choice([300, 600, 5000, 19000]) * chance.uniform(0.5, 1))
        call = log.start_call(writer, None, "claude-opus-5", settings={"pad": pad, "n": number, "size": len(pad)})
        if log.end_call(call, tokens_input=1, tokens_output=1):
            board[:8] = struct.pack("<q", number)
    """
)


class Writer:
    """A process that writes calls and notes on a shared board how many were acknowledged."""

    def __init__(self, folder: Path, name: str, lines: int) -> None:
        self.name, self.lines = name, lines
        self._board = folder.parent / f"{name}.board"
        self._board.write_bytes(bytes(8))
        arguments = [str(ROOT), str(folder), str(self._board), name, str(lines)]
        self.process = subprocess.Popen([sys.executable, "-I", "-S", "-c", WRITER, *arguments])

    @property
    def acknowledged(self) -> int:
        return int.from_bytes(self._board.read_bytes(), "little")


def read(folder: Path) -> tuple[list[dict[str, Any]], list[bytes]]:
    """(good lines, bad lines) of all days."""
    good, bad = [], []
    for path in folder.glob("*.jsonl"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            try:
                good.append(json.loads(line))
            except ValueError:
                bad.append(line)
    return good, bad


def test_eight_processes_with_random_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    """8 x 2000 lines of 300 B to 20 kB at once; a killed writer is followed by another.

    A SIGKILL can cut the line the process is writing (the kernel stops between two pages). That one is a
    bad line, was not acknowledged, and takes no neighbour with it.
    """
    folder, chance = tmp_path / "api", random.Random(5)
    running = [Writer(folder, f"w{slot}", LINES) for slot in range(SLOTS)]
    done: list[Writer] = []
    kills = 0
    while running:
        writer = chance.choice(running)
        begun = writer.acknowledged
        while writer.process.poll() is None and writer.acknowledged < begun + chance.randrange(1, 400):
            time.sleep(0)
        if kills < KILLS and writer.process.poll() is None:
            writer.process.send_signal(signal.SIGKILL)
            kills += 1
        if writer.process.poll() is None and kills < KILLS:
            continue
        code = writer.process.wait()
        assert code in (0, -signal.SIGKILL)
        running.remove(writer)
        done.append(writer)
        left = writer.lines - writer.acknowledged
        if code != 0 and left > 0:
            running.append(Writer(folder, f"{writer.name}k", left))
    ClaudeAPILogger(folder).close()
    good, bad = read(folder)
    abandoned = [line for line in good if line.get("error_type") == "abandoned"]
    good = [line for line in good if line not in abandoned]
    written = [(line["task_id"], line["settings"]["n"]) for line in good]
    acknowledged = {(w.name, n) for w in done for n in range(1, w.acknowledged + 1)}
    assert kills >= 5 and len(acknowledged) >= SLOTS * LINES - kills
    assert acknowledged <= set(written)
    assert len(written) == len(set(written)) == len({line["call_id"] for line in good})
    assert len(written) - len(acknowledged) <= kills, "more than the line each killed writer was at"
    assert len(bad) <= kills
    assert len(abandoned) + len(good) == len({line["call_id"] for line in [*abandoned, *good]})
    assert len(abandoned) <= kills, "more than the call each killed writer was at"
    assert running_calls(folder, now=time.time()) == ()
    assert all(len(line["settings"]["pad"]) == line["settings"]["size"] for line in good)


def test_a_writer_killed_after_the_acknowledgement_has_written(tmp_path: Path) -> None:
    """Nothing waits in a buffer of the process: its last acknowledged line is there."""
    for number in range(5):
        writer = Writer(tmp_path / "api", f"w{number}", 100_000)
        while writer.acknowledged < 20:
            assert writer.process.poll() is None
            time.sleep(0)
        writer.process.kill()
        writer.process.wait()
        good, _ = read(tmp_path / "api")
        last = max(line["settings"]["n"] for line in good if line["task_id"] == writer.name)
        assert last >= writer.acknowledged >= 20


def test_a_disk_that_is_full_for_a_while_costs_no_line(tmp_path: Path) -> None:
    """20 lines without space for them, then space again: all are there, once, in order."""
    code = textwrap.dedent(
        """
        import resource, sys
        sys.path.insert(0, sys.argv[1])
        from logger import ClaudeAPILogger
        log = ClaudeAPILogger(sys.argv[2])
        def call(n): return log.end_call(log.start_call(str(n), None, "m", settings={"pad": "x" * 500}))
        assert call(0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.log_file.stat().st_size + 100, resource.RLIM_INFINITY))
        assert not any(call(n) for n in range(1, 21))
        assert log.waiting == 20
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert call(21) and log.waiting == 0
        """
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT), str(tmp_path)], check=True, timeout=30)
    good, bad = read(tmp_path)
    assert [line["task_id"] for line in good] == [str(n) for n in range(22)]
    assert len(bad) <= 1


def test_what_waits_at_exit_is_written_then(tmp_path: Path) -> None:
    """The folder can be made again just before the program ends."""
    code = textwrap.dedent(
        """
        import os, sys
        sys.path.insert(0, sys.argv[1])
        from logger import ClaudeAPILogger
        open(sys.argv[2], "w").close()  # a file in the place of the folder
        log = ClaudeAPILogger(sys.argv[2])
        log.end_call(log.start_call("t", None, "m"))
        assert log.waiting == 1
        del log
        os.unlink(sys.argv[2])
        """
    )
    folder = tmp_path / "api"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT), str(folder)], check=True, timeout=30)
    good, _ = read(folder)
    assert [line["task_id"] for line in good] == ["t"]


def test_a_program_that_ends_without_a_chance_to_write_still_ends_well(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import sys
        sys.path.insert(0, sys.argv[1])
        from logger import ClaudeAPILogger
        log = ClaudeAPILogger("/proc/no/such/folder")
        log.end_call(log.start_call("t", None, "m"))
        """
    )
    run = [sys.executable, "-I", "-S", "-c", code, str(ROOT)]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "" and ended.stderr.count("\n") == 1
    assert "cannot write to /proc/no/such/folder" in ended.stderr


def test_a_folder_removed_again_and_again_keeps_every_later_line(tmp_path: Path) -> None:
    """While another process removes the folder: a line acknowledged after a removal is there."""
    import shutil

    log = ClaudeAPILogger(tmp_path / "api")
    for number in range(50):
        assert log.end_call(log.start_call(str(number), None, "m"))
        good, _ = read(tmp_path / "api")
        assert [line["task_id"] for line in good] == [str(number)]
        shutil.rmtree(tmp_path / "api")
    assert log.problems.total == 0


def test_sixteen_threads_share_a_logger(tmp_path: Path) -> None:
    log = ClaudeAPILogger(tmp_path)

    def work(name: str) -> None:
        for number in range(100):
            log.end_call(log.start_call(name, str(number), "claude-opus-5"), "r", 10, 20)

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good, bad = read(tmp_path)
    expected = {(f"t{n}", str(m)) for n in range(16) for m in range(100)}
    assert {(line["task_id"], line["worker_id"]) for line in good} == expected
    assert len(good) == len({line["call_id"] for line in good}) == 1600 and not bad


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_logs_under_ids_of_its_own(tmp_path: Path) -> None:
    log = ClaudeAPILogger(tmp_path)
    log.end_call(log.start_call("parent", None, "m"))
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            log.end_call(log.start_call("child", None, "m"))
            os._exit(0)
        os.waitpid(pid, 0)
    log.end_call(log.start_call("parent", None, "m"))
    good, bad = read(tmp_path)
    assert len(good) == len({line["call_id"] for line in good}) == 5 and not bad
