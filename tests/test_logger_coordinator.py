"""The example coordinator, run with a `claude` that replays what the real one printed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from logger import running_calls

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data" / "claude-cli"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a prompt for each of three scenarios, and a `claude` beside it."""
    for scenario in ("tools", "err_401", "killed"):
        (tmp_path / f"{scenario}.txt").write_text(scenario)
    claude = tmp_path / "bin" / "claude"
    claude.parent.mkdir()
    claude.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "tests" / "stand_in_claude.py"}" "$@"\n')
    claude.chmod(0o755)
    return tmp_path


def coordinator(place: Path, *tasks: str) -> subprocess.Popen[str]:
    env = {
        **os.environ,
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "STAND_IN_NOTES": str(place / "notes"),
    }
    command = [sys.executable, ROOT / "examples" / "coordinator.py", *(f"{task}.txt" for task in tasks)]
    return subprocess.Popen(
        command, cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def lines(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in (place / "logs" / "api").glob("*.jsonl") for line in path.open("rb")]


def test_each_task_is_a_run_with_its_tokens_and_its_exit_code(place: Path) -> None:
    process = coordinator(place, "tools", "err_401")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "tools ended with 0" in out and "err_401 ended with 1" in out
    by_task = {line["task_id"]: line for line in lines(place)}
    assert set(by_task) == {"tools", "err_401"} and len(lines(place)) == 2
    tools, failed = by_task["tools"], by_task["err_401"]
    truth = json.loads((DATA / "tools" / "truth.json").read_text())["stream.jsonl"]["models"][tools["model"]]
    assert {name: tools.get(name, 0) for name in truth} == truth
    assert (tools["success"], tools["exit_code"], tools["source"], tools["project"]) == (
        True,
        0,
        "cli",
        "my-project",
    )
    assert (failed["success"], failed["exit_code"], failed["tokens_total"] or 0) == (False, 1, 0)
    assert {tools["worker_id"], failed["worker_id"]} == {"w-1", "w-2"}
    assert "task_id=tools" in (place / "notes").read_text()
    assert running_calls(place / "logs" / "api", now=time.time()) == ()


def test_ctrl_c_ends_the_worker_and_logs_what_it_used(place: Path) -> None:
    process = coordinator(place, "killed")
    printed = place / "outputs" / "killed.jsonl"
    whole = (DATA / "killed" / "stream.jsonl").stat().st_size
    while not printed.exists() or printed.stat().st_size < whole:
        assert process.poll() is None
        time.sleep(0)
    (running,) = running_calls(place / "logs" / "api", now=time.time())
    assert (running.task_id, running.worker_id, running.alive) == ("killed", "w-1", True)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    (line,) = lines(place)
    assert (line["task_id"], line["success"], line["tokens_final"], line["exit_code"]) == (
        "killed",
        False,
        False,
        -15,
    )
    assert line["tokens_output"] is not None and running_calls(place / "logs" / "api", now=time.time()) == ()


def test_tasks_of_the_same_name_are_two_runs(place: Path) -> None:
    """Each has an output of its own."""
    for folder in ("one", "two"):
        (place / folder).mkdir()
        (place / folder / "same.txt").write_text({"one": "tools", "two": "err_401"}[folder])
    process = coordinator(place, "one/same", "two/same")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert {(line["task_id"], line["exit_code"]) for line in lines(place)} == {("same", 0), ("same", 1)}
    assert len(list((place / "outputs").rglob("same.jsonl"))) == 2


def test_a_task_that_cannot_be_read_is_said_and_the_others_go_on(place: Path) -> None:
    (place / "latin.txt").write_bytes("Grüße".encode("latin-1"))
    process = coordinator(place, "missing", "tools", "latin", "err_401")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "Traceback" not in err
    assert "missing.txt cannot be run" in err and "latin.txt cannot be run" in err
    assert {line["task_id"] for line in lines(place)} == {"tools", "err_401"}


def test_without_a_claude_it_says_so(tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, ROOT / "examples" / "coordinator.py", "x.txt"]
    ended = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1 and "`claude` must be on the PATH" in ended.stderr
