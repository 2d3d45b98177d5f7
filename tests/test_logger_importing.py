"""Importing what CLI runs printed: every run once, on its day, in the order of its session."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from logger import ClaudeAPILogger, ImportResult, Journal, LocalClock, import_runs
from logger.price_file import table_of

DATA = Path(__file__).parent / "data" / "claude-cli"
TOOLS = DATA / "tools" / "stream.jsonl"
DAY = "2026-11-22"


def imported(folder: Path, *paths: Path, **options: Any) -> ImportResult:
    options = {"clock": LocalClock(UTC), **options}
    journal = Journal(folder)
    result = import_runs(paths, journal, **options)
    journal.close()
    return result


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.open()]


def at(path: Path, moment: str) -> Path:
    """Give a file the time of a moment."""
    seconds = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    os.utime(path, (seconds, seconds))
    return path


def copied(source: Path, target: Path, moment: str = "2026-11-22T12:00:00") -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return at(Path(shutil.copyfile(source, target)), moment)


def test_a_run_becomes_a_line_of_the_day_it_began(tmp_path: Path) -> None:
    result = imported(tmp_path, TOOLS, project="website")
    assert (result.written, result.known, result.problems) == (1, 0, ())
    (line,) = lines(tmp_path)
    assert (tmp_path / f"api-calls-{DAY}.jsonl").exists()
    assert line["timestamp"] == "2026-11-22T13:15:53.446000+00:00" and line["duration_seconds"] == 1.937
    assert (line["tokens_input"], line["tokens_output"], line["tokens_cache_read"]) == (35, 215, 45214)
    assert (line["source"], line["project"], line["calls"]) == ("cli", "website", 4)
    assert line["estimated_cost_usd"] == 0.0402578 and line["success"] is True


def test_importing_twice_adds_nothing(tmp_path: Path) -> None:
    first = imported(tmp_path, DATA)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    second = imported(tmp_path, DATA)
    assert first.written > 80 and second == ImportResult(0, first.written, first.problems)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_copy_of_an_output_is_the_same_run(tmp_path: Path) -> None:
    copy = copied(TOOLS, tmp_path / "copy.jsonl")
    assert imported(tmp_path / "log", TOOLS, copy) == ImportResult(1, 1)
    assert imported(tmp_path / "log", TOOLS, TOOLS, tmp_path / "." / "copy.jsonl").written == 0


def test_a_run_the_logger_wrote_is_known(tmp_path: Path) -> None:
    """Whoever writes it gives it the same ids, whatever the caller called the model."""
    for name, output in (("a", TOOLS), ("b", DATA / "err_401_short" / "stream.jsonl")):
        log = ClaudeAPILogger(tmp_path / name, now=lambda: 1795353353.0, zone=UTC)
        log.end_run(log.start_call("t", None, "opus"), output)
        assert imported(tmp_path / name, output) == ImportResult(0, 1)


def test_a_day_that_is_gzipped_by_now_is_known(tmp_path: Path) -> None:
    imported(tmp_path, TOOLS)
    path = tmp_path / f"api-calls-{DAY}.jsonl"
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert imported(tmp_path, TOOLS) == ImportResult(0, 1)
    assert not path.exists()


def test_a_run_whose_time_only_its_file_tells_is_known_on_any_day(tmp_path: Path) -> None:
    """Old versions and `json` print no times; a copied file has another one."""
    output = copied(
        DATA / "v1.0.128__text_blocks" / "stream.jsonl", tmp_path / "run.jsonl", "2026-03-05T12:00:00"
    )
    assert imported(tmp_path / "log", output).written == 1
    assert (tmp_path / "log" / "api-calls-2026-03-05.jsonl").exists()
    at(output, "2026-08-05T12:00:00")
    assert imported(tmp_path / "log", output) == ImportResult(0, 1)


def test_a_file_without_times_ended_when_it_was_last_written_and_that_guess_is_only_its_day(
    tmp_path: Path,
) -> None:
    """Readers match runs with their calls by start and end: a guessed one would match the wrong ones."""
    output = copied(DATA / "tools_json" / "result.json", tmp_path / "run.json", "2026-03-05T00:00:01")
    imported(tmp_path / "log", output)
    (line,) = lines(tmp_path / "log")
    assert (line["start_time"], line["end_time"]) == (None, None)
    assert line["timestamp"].startswith("2026-03-04T23:59:5")
    assert (tmp_path / "log" / "api-calls-2026-03-04.jsonl").exists()


def test_the_day_is_the_local_one(tmp_path: Path) -> None:
    output = copied(DATA / "tools_json" / "result.json", tmp_path / "run.json", "2026-03-04T22:00:00")
    imported(tmp_path / "log", output, clock=LocalClock(ZoneInfo("Asia/Tokyo")))
    (line,) = lines(tmp_path / "log")
    assert line["timestamp"].startswith("2026-03-05T06:59:5") and line["timestamp"].endswith("+09:00")
    assert (tmp_path / "log" / "api-calls-2026-03-05.jsonl").exists()


def test_a_resumed_session_in_json_is_counted_in_the_order_it_ran(tmp_path: Path) -> None:
    """Whatever the order of the names: the first process used 17 + 58, the second 17 + 50."""
    first = copied(DATA / "resume_json" / "result.json", tmp_path / "z.json", "2026-11-22T12:00:00")
    second = copied(DATA / "resume_json" / "result.2.json", tmp_path / "a.json", "2026-11-22T13:00:00")
    imported(tmp_path / "log", second, first)
    counted = [
        (line["tokens_input"], line["tokens_output"], line.get("tokens_final"))
        for line in lines(tmp_path / "log")
    ]
    assert counted == [(17, 58, None), (17, 50, None)]


def test_a_resumed_session_whose_first_process_is_missing_is_marked(tmp_path: Path) -> None:
    """The total alone does not tell what was before: only the main thread's use is certain."""
    imported(tmp_path, DATA / "resume_json" / "result.2.json")
    (line,) = lines(tmp_path)
    assert (line["tokens_input"], line["tokens_output"], line["tokens_final"]) == (17, 50, False)


def test_every_folder_of_known_truth_imports_to_it(tmp_path: Path) -> None:
    """All at once, through files: what is final adds up to what the server finished, model by model."""
    for folder in DATA.iterdir():
        if folder.is_dir():
            for number, output in enumerate(
                sorted(folder.glob("[sr]*.json*"), key=lambda path: (len(path.name), path.name))
            ):
                copied(output, tmp_path / "runs" / folder.name / output.name, f"2026-11-22T12:0{number}:00")
    imported(tmp_path / "log", tmp_path / "runs")
    written = lines(tmp_path / "log")
    marked = {line["session_id"] for line in written if line.get("tokens_final") is False}
    got: dict[str, int] = defaultdict(int)
    served: dict[str, int] = defaultdict(int)
    for line in written:
        if line["session_id"] not in marked:
            got[line["model"]] += line["tokens_total"]
    for truth in DATA.glob("*/truth.json"):
        for name, run in json.loads(truth.read_text()).items():
            text = (truth.parent / name).read_text(errors="replace")
            if not any(session in text for session in marked):
                for model, used in run["models"].items():
                    served[model] += sum(value for kind, value in used.items() if kind.startswith("tokens_"))
    assert {model: tokens for model, tokens in got.items() if tokens} == served
    assert len(served) > 5


def test_a_run_that_was_imported_before_it_had_a_result_is_not_counted_twice(tmp_path: Path) -> None:
    whole = TOOLS.read_bytes()
    output = tmp_path / "run.jsonl"
    output.write_bytes(b"".join(whole.splitlines(keepends=True)[:-3]))
    assert imported(tmp_path / "log", output).written == 1
    output.write_bytes(whole)
    result = imported(tmp_path / "log", output)
    assert (result.written, result.known) == (0, 1)
    assert "as it was before it had a result" in result.problems[0].reason


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jsonl", b"", "is empty"),
        ("text.txt", b"Done.\n", "holds no output of the Claude CLI with token counts"),
        ("junk.bin", bytes(range(256)), "holds no output of the Claude CLI with token counts"),
        ("command.json", b'[{"argv": ["claude"]}]', "holds no output of the Claude CLI with token counts"),
        ("begun.jsonl", b'{"type":"system","subtype":"init","session_id":"s"}\n', "holds no reply and no result"),
        ("session.jsonl", b'{"type":"assistant","sessionId":"s","message":{"id":"m","model":"x"}}\n', "is a transcript"),
        (f"api-calls-{DAY}.jsonl", b'{"timestamp":"2026-11-22T00:00:00","model":"m"}\n', "is a day of the log"),
    ],
)  # fmt: skip
def test_what_is_no_output_is_left_out_with_a_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    path.write_bytes(content)
    for given in (path, path.parent):
        result = imported(tmp_path / "log", given)
        assert result.written == 0 and result.problems[0].path == path
        assert reason in result.problems[0].reason
    assert not lines(tmp_path / "log")


def test_a_missing_file_is_said_and_the_others_are_imported(tmp_path: Path) -> None:
    result = imported(tmp_path / "log", tmp_path / "none.jsonl", TOOLS)
    assert result.written == 1 and result.problems[0].reason == "cannot be read: No such file or directory"


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("in the way")
    result = imported(tmp_path / "log", TOOLS)
    assert result.written == 0 and result.problems[0].reason == f"cannot be written to {tmp_path / 'log'}"


def test_a_folder_is_looked_through_to_its_end(tmp_path: Path) -> None:
    copied(TOOLS, tmp_path / "in" / "a" / "b" / "gh-456.jsonl")
    (tmp_path / "in" / "a" / "stderr.txt").write_text("")
    result = imported(tmp_path / "log", tmp_path / "in")
    assert result.written == 1 and [problem.path.name for problem in result.problems] == ["stderr.txt"]


def test_a_gzipped_output_is_read(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl.gz").write_bytes(gzip.compress(TOOLS.read_bytes()))
    assert imported(tmp_path / "log", tmp_path / "run.jsonl.gz", TOOLS) == ImportResult(1, 1)


def test_the_users_prices_hold(tmp_path: Path) -> None:
    """For what the CLI does not know; here a killed run, whose replies are priced one by one."""
    prices = table_of({"models": {"claude-opus-5-5": {"input": 1, "output": 0, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0}}}, "here")  # fmt: skip
    imported(tmp_path, DATA / "killed" / "stream.jsonl", prices=prices)
    (line,) = lines(tmp_path)
    assert line["estimated_cost_usd"] == pytest.approx(17e-6) and line["tokens_final"] is False
