"""The command line: words, exit codes, one sentence per failure, data on stdout, remarks on stderr."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer
from typer.main import get_command

from dashboard import commands
from dashboard.commands import COMMANDS, WORDS, ending, name_of, period
from dashboard.errors import CallmeterError, FolderError, UsageError

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 11, 22, 14, 57, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


pytestmark = pytest.mark.usefixtures("own_machine")


def call(timestamp: str, **differs: object) -> str:
    """A line as a program would log it."""
    plain = {
        "timestamp": timestamp,
        "task_id": "gh-1",
        "worker_id": "w-1",
        "model": "claude-sonnet-4-5",
        "tokens_input": 1000,
        "tokens_output": 200,
        "tokens_total": 1200,
        "duration_seconds": 4.0,
        "success": True,
        "estimated_cost_usd": 0.006,
        "source": "manual",
    }
    return json.dumps(plain | differs)


def log(folder: Path, day: str, *lines: str, end: str = "\n") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"api-calls-{day}.jsonl"
    file.write_text("\n".join(lines) + end)
    return file


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    code = commands.run([str(word) for word in words], {})
    out, err = capsys.readouterr()
    return code, out, err


Shell = pytest.CaptureFixture[str]


# Help


def test_every_command_has_help_with_an_example(capsys: Shell) -> None:
    for command in COMMANDS:
        name = name_of(command)
        code, out, err = run(capsys, name, "--help")
        assert (code, err) == (0, "")
        assert re.search(rf"Examples:\n    callmeter {name}", out), name


def test_every_word_of_a_command_has_help_with_an_example(capsys: Shell) -> None:
    for command, words in WORDS.items():
        for word in words:
            name = f"{name_of(command)} {name_of(word)}"
            code, out, err = run(capsys, *name.split(), "--help")
            assert (code, err) == (0, "")
            assert re.search(rf"Examples:\n    callmeter {name}", out), name


def test_a_flag_before_a_word_is_not_lost_in_silence(capsys: Shell) -> None:
    for command, (word, *_) in WORDS.items():
        code, out, err = run(capsys, name_of(command), "--json", name_of(word))
        assert (code, out) == (1, "")
        assert err.startswith(f"--json stands before {name_of(word)}; flags come after it: callmeter ")


def test_the_examples_of_the_help_can_be_typed() -> None:
    for command in [*COMMANDS, *(word for words in WORDS.values() for word in words)]:
        for example in re.findall(r"^ *callmeter (.+)$", command.__doc__ or "", re.MULTILINE):
            words = re.split(r" [|>&]", example)[0].replace("'", "").split()
            with pytest.raises(typer.Exit):  # --help ends the parsing before anything is done
                parse([*words, "--help"])


def parse(words: list[str]) -> None:
    app = get_command(commands.app())
    with app.make_context("callmeter", words) as context:
        app.invoke(context)


def test_without_words_the_help_is_shown(capsys: Shell) -> None:
    code, out, err = run(capsys)
    assert (code, err) == (0, "")
    assert all(f"  {name_of(command)} " in out for command in COMMANDS)


def test_version(capsys: Shell) -> None:
    code, out, _ = run(capsys, "--version")
    assert code == 0
    assert re.fullmatch(r"callmeter \S.*\n", out)


# The one handler


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reprot"], "No such command 'reprot'"),
        (["report", "--wek"], "No such option: --wek"),
        (["report", "--by", "colour"], "'--by': 'colour' is not one of"),
        (["report", "summry"], "'failures'. Did you mean summary?\n"),
        (["report", "--date", "2026-13"], "--date 2026-13: not a month; give one as 2026-11.\n"),
        (["demo", "--days", "-1"], "'--days': it must be greater than or equal to 0.\n"),
        (["import"], "No transcripts of Claude Code found"),
        (["report", "--json", "--csv"], "--json and --csv: give one of them."),
        (["report", "--week", "--month"], "--week and --month each name a period"),
        (["report", "--date", "tomorow"], "--date tomorow: not a day"),
        (["report", "--timezone", "Mars"], "--timezone: must be"),
        (["report"], "logs/api: no such folder"),
        (["serve", "--port", "x"], "--port: must be a whole number"),
        (["serve", "--host", "203.0.113.7"], "set CALLMETER_TOKEN"),
    ],
)
def test_wrong_words_are_a_sentence_and_exit_1(capsys: Shell, words: list[str], said: str) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (1, "")
    assert said in err
    assert "Traceback" not in err


def test_an_error_of_ours_gives_its_sentence_and_its_code() -> None:
    class LimitError(CallmeterError):
        exit_code = 2

    assert ending(LimitError("Budget exceeded.")) == (2, "Budget exceeded.")
    assert ending(FolderError(Path("/x"), "is not a folder")) == (1, "/x: is not a folder")


def test_an_interrupt_is_quiet() -> None:
    assert ending(KeyboardInterrupt()) == (130, "")


def fail(*_: object) -> None:
    raise ValueError("the moon is full")


def test_what_nobody_expected_is_a_sentence_and_a_traceback_only_when_asked_for(
    capsys: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_call", fail)
    assert commands.run([], {}) == 1
    quiet = capsys.readouterr().err
    assert "ValueError: the moon is full" in quiet
    assert "CALLMETER_DEBUG=1" in quiet
    assert "Traceback" not in quiet
    assert commands.run([], {"CALLMETER_DEBUG": "1"}) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("form", [["--csv"], []])
def test_a_reader_that_leaves_early_is_no_failure_to_speak_of(tmp_path: Path, form: list[str]) -> None:
    """In every form: rich, which prints the text, would say nothing and exit with 1."""
    log(tmp_path, "2026-11-20", *[call("2026-11-20T10:00:00+00:00", task_id=f"t{i}") for i in range(4000)])
    words = [sys.executable, "-m", "dashboard.commands", "report", "--date", "2026-11-20", "--detail", *form]
    with subprocess.Popen(
        [*words, "--log-dir", tmp_path], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == commands.PIPE_CLOSED


def test_a_reader_that_is_gone_before_the_first_word_is_none_either(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "dashboard.commands", "report", "--json", "--log-dir", tmp_path]
    reading, writing = os.pipe()
    os.close(reading)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(words, cwd=ROOT, env=buffered, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr.count(b"\n")) == (commands.PIPE_CLOSED, 1), done.stderr
    assert done.stderr.startswith(b"No calls in ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_disk_without_room_for_what_is_printed_is_a_sentence(tmp_path: Path) -> None:
    log(tmp_path, "2026-11-20", call("2026-11-20T10:00:00+00:00"))
    words = [sys.executable, "-m", "dashboard.commands", "export", "--output", "-", "--log-dir", tmp_path]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"stdout: no space left on the device.\n")


def test_a_terminal_without_unicode_gets_escapes(tmp_path: Path) -> None:
    log(tmp_path, "2026-11-20", call("2026-11-20T10:00:00+00:00"))
    words = [
        sys.executable,
        "-m",
        "dashboard.commands",
        "report",
        "--date",
        "2026-11-20",
        "--log-dir",
        tmp_path,
    ]
    environ = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, cwd=ROOT, capture_output=True, env=environ, check=True)
    assert b"API Usage Summary - 2026-11-20" in done.stdout


# Periods


def view(**flags: object) -> tuple[str, str]:
    chosen = period.chosen(NOW, BERLIN, **flags)  # type: ignore[arg-type]
    return f"{chosen.since:%Y-%m-%dT%H%z}", f"{chosen.until:%Y-%m-%dT%H%z}"


@pytest.mark.parametrize(
    ("flags", "since", "until"),
    [
        ({}, "2026-11-22T00+0100", "2026-11-23T00+0100"),
        ({"date": "2026-11-02"}, "2026-11-02T00+0100", "2026-11-03T00+0100"),
        ({"date": "yesterday"}, "2026-11-21T00+0100", "2026-11-22T00+0100"),
        ({"date": "2026-10"}, "2026-10-01T00+0200", "2026-11-01T00+0100"),
        ({"date": "2024-02"}, "2024-02-01T00+0100", "2024-03-01T00+0100"),
        ({"date": "2025-12"}, "2025-12-01T00+0100", "2026-01-01T00+0100"),
        ({"week": True}, "2026-11-16T00+0100", "2026-11-23T00+0100"),
        ({"month": True}, "2026-10-24T00+0200", "2026-11-23T00+0100"),
        ({"since": "2026-11-20"}, "2026-11-20T00+0100", "2026-11-23T00+0100"),
        ({"since": "2026-11-01", "until": "2026-11-02"}, "2026-11-01T00+0100", "2026-11-03T00+0100"),
        ({"since": "today", "until": "today"}, "2026-11-22T00+0100", "2026-11-23T00+0100"),
        (
            {"since": "2026-11-20T18", "until": "2026-11-21T06:00"},
            "2026-11-20T18+0100",
            "2026-11-21T06+0100",
        ),
    ],
)
def test_periods(flags: dict[str, object], since: str, until: str) -> None:
    assert view(**flags) == (since, until)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"until": "2026-11-02"}, "--until needs --since"),
        ({"since": "2026-11-03", "until": "2026-11-02"}, "is not before"),
        (
            {"since": "2026-12-05"},
            "--since 2026-12-05 is a day to come; to see such days give --until as well.",
        ),
        ({"since": "2026-11-03T18:30"}, "not a day"),
        ({"since": "2026-11-03T24"}, "hours go from 00 to 23"),
        ({"date": "2026-02-30"}, "not a day"),
        ({"date": "2026-13"}, "--date 2026-13: not a month; give one as 2026-11."),
        ({"date": "0001-01-01"}, "not a day"),
        ({"date": "0001-01"}, "--date 0001-01: not a month; give one as 2026-11."),
        ({"date": "9999-12"}, "--date 9999-12: not a month; give one as 2026-11."),
        ({"date": "9999-12-31"}, "not a day"),
        ({"date": "2026-11-01", "since": "2026-11-01"}, "each name a period"),
    ],
)
def test_a_period_that_is_none_is_a_sentence(flags: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        view(**flags)


def test_today_is_the_viewers_today() -> None:
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert period.chosen(late, BERLIN).since.date().isoformat() == "2026-11-23"


# Report


def test_report_reads_a_folder(capsys: Shell, tmp_path: Path) -> None:
    log(
        tmp_path,
        "2026-11-20",
        call("2026-11-20T10:00:00+00:00"),
        call("2026-11-20T11:00:00+00:00", success=False, error_message="Overloaded"),
    )
    code, out, err = run(capsys, "report", "--date", "2026-11-20", "--log-dir", tmp_path, "--json")
    assert (code, err) == (0, "")
    totals = json.loads(out)["totals"]
    assert (totals["calls"], totals["failed"], totals["tokens_total"]) == (2, 1, 2400)
    assert totals["estimated_cost_usd"] == 0.012


def test_report_reads_the_original_programs_line(capsys: Shell, tmp_path: Path) -> None:
    log(
        tmp_path,
        "2025-11-02",
        '{"timestamp": "2025-11-02T21:30:45.123456", "task_id": "gh-456", "worker_id": "w-abc123", "model": '
        '"claude-sonnet-4-5", "prompt_file": "/path/to/gh-456-prompt.txt", "prompt_length": 4582, '
        '"response_length": 12453, "tokens_input": 12500, "tokens_output": 3200, "tokens_total": 15700, '
        '"start_time": 1730595045.123, "end_time": 1730595090.321, "duration_seconds": 45.198, '
        '"time_to_first_token": 2.3, "tokens_per_second": 70.8, "success": true, "error_message": null, '
        '"exit_code": 0, "settings": {"worktree": "/path/to/trees/gh-456"}, "estimated_cost_usd": 0.0855}',
    )
    code, out, _ = run(capsys, "report", "--date", "2025-11-02", "--log-dir", tmp_path)
    assert code == 0
    for shown in ("15,700", "12,500", "3,200", "$0.0855", "45.20s", "70.80", "claude-sonnet-4-5"):
        assert shown in out


def test_report_by_task_and_as_csv(capsys: Shell, tmp_path: Path) -> None:
    log(
        tmp_path,
        "2026-11-20",
        call("2026-11-20T10:00:00+00:00", task_id="gh-1"),
        call("2026-11-20T10:00:01+00:00", task_id="gh-2", estimated_cost_usd=1.5),
    )
    words = ("report", "--date", "2026-11-20", "--by", "task", "--csv", "--log-dir", tmp_path)
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert [line.split(",")[:2] for line in out.splitlines()] == [
        ["task_id", "calls"],
        ["gh-2", "1"],
        ["gh-1", "1"],
    ]


def test_days_are_those_of_the_zone(capsys: Shell, tmp_path: Path) -> None:
    log(tmp_path, "2026-11-20", call("2026-11-20T23:30:00+00:00"))
    words = ("report", "--json", "--log-dir", tmp_path, "--timezone", "Europe/Berlin", "--date")
    assert json.loads(run(capsys, *words, "2026-11-20")[1])["totals"]["calls"] == 0
    assert json.loads(run(capsys, *words, "2026-11-21")[1])["totals"]["calls"] == 1


def test_no_calls_says_when_the_last_ones_were_and_how_to_see_them(capsys: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "my logs"
    log(folder, "2026-11-10", call("2026-11-10T10:00:00+00:00"))
    log(folder, "2026-11-20", "{")
    code, out, err = run(capsys, "report", "--date", "2026-01-01", "--log-dir", folder)
    assert (code, out) == (0, "")
    command = f"callmeter report --date 2026-11-10 --log-dir '{folder}'"
    assert err == f"No calls on 2026-01-01. The last ones were on 2026-11-10: {command}\n"


def test_the_command_it_names_for_the_last_calls_prints_them(capsys: Shell, tmp_path: Path) -> None:
    """Also when they stand in the file of a day long before, or went on after midnight."""
    newest = call("2025-11-12T23:59:00+00:00", duration_seconds=600)
    log(tmp_path, "2025-11-02", call("2025-11-02T10:00:00+00:00"), newest)
    log(tmp_path, "2025-11-08", call("2025-11-08T10:00:00+00:00"))
    words = ["report", "--timezone", "UTC", "--date"]
    _, _, err = run(capsys, *words, "2025-12-15", "--log-dir", tmp_path)
    assert "The last ones were on 2025-11-12:" in err
    named = err.split(": callmeter ")[1].split()
    code, out, err = run(capsys, *named, "--timezone", "UTC")
    assert (code, err) == (0, "")
    assert re.search(r"Total Calls: +1$", out, re.MULTILINE)


def test_an_empty_folder_says_so(capsys: Shell, tmp_path: Path) -> None:
    code, out, err = run(capsys, "report", "--log-dir", tmp_path)
    assert (code, out) == (0, "")
    assert err.startswith(f"No calls in {tmp_path} yet.")
    code, out, _ = run(capsys, "report", "--json", "--log-dir", tmp_path)
    assert json.loads(out)["totals"]["calls"] == 0


def test_bad_lines_are_counted_for_the_days_of_the_report_only(capsys: Shell, tmp_path: Path) -> None:
    log(tmp_path, "2026-11-19", "garbage", "more garbage")
    log(tmp_path, "2026-11-20", call("2026-11-20T10:00:00+00:00"), "garbage")
    code, out, err = run(capsys, "report", "--date", "2026-11-20", "--json", "--log-dir", tmp_path)
    assert (code, err) == (0, "1 bad line not counted: callmeter check.\n")
    assert json.loads(out)["bad_lines"] == 1


def test_a_file_that_cannot_be_read_is_said_and_exit_1(capsys: Shell, tmp_path: Path) -> None:
    log(tmp_path, "2026-11-19", call("2026-11-19T10:00:00+00:00"))
    (tmp_path / "api-calls-2026-11-20.jsonl").mkdir()
    words = ("report", "--since", "2026-11-19", "--until", "2026-11-20", "--log-dir", tmp_path)
    code, out, err = run(capsys, *words)
    assert code == 1
    assert "Total Calls:                     1" in out
    assert "api-calls-2026-11-20.jsonl" in err


@pytest.mark.parametrize("command", ["report", "check", "serve"])
def test_a_file_in_place_of_the_folder_is_a_sentence(capsys: Shell, tmp_path: Path, command: str) -> None:
    (tmp_path / "logs").write_text("")
    code, out, err = run(capsys, command, "--log-dir", tmp_path / "logs")
    assert (code, out) == (1, "")
    assert err.startswith(f"{tmp_path / 'logs'}: is not a folder")


# Check


def findings(capsys: Shell, folder: Path, *flags: str) -> tuple[int, dict[str, object]]:
    code, out, _ = run(capsys, "check", "--json", "--log-dir", folder, *flags)
    return code, json.loads(out)


def test_check_lists_every_bad_line_with_file_number_and_reason(capsys: Shell, tmp_path: Path) -> None:
    good = call("2026-11-20T10:00:00+00:00")
    log(tmp_path, "2026-11-19", *["garbage"] * 300)
    log(tmp_path, "2026-11-20", good, "{", good, "[]")
    code, found = findings(capsys, tmp_path)
    assert code == 0
    assert isinstance(bad := found["bad_lines"], list)
    assert len(bad) == 302
    assert [(one["file"], one["line"]) for one in bad[-2:]] == [
        ("api-calls-2026-11-20.jsonl", 2),
        ("api-calls-2026-11-20.jsonl", 4),
    ]
    assert all(one["reason"] for one in bad)
    assert (found["lines"], found["calls"]) == (2, 2)


def test_check_counts_what_is_unpriced_and_not_final_by_model(capsys: Shell, tmp_path: Path) -> None:
    moment = "2026-11-20T10:00:00+00:00"
    log(
        tmp_path,
        "2026-11-20",
        call(moment, model="new", estimated_cost_usd=None),
        call(moment, model="new", estimated_cost_usd=None),
        call(moment, tokens_final=False),
    )
    _, found = findings(capsys, tmp_path)
    assert found["unpriced"] == [{"model": "new", "calls": 2}]
    assert found["not_final"] == [{"model": "claude-sonnet-4-5", "calls": 1}]


def test_check_tells_calls_without_token_counts_from_models_without_a_price(
    capsys: Shell, tmp_path: Path
) -> None:
    none = {"tokens_input": None, "tokens_output": None, "tokens_total": None, "estimated_cost_usd": None}
    log(
        tmp_path,
        "2026-11-20",
        call("2026-11-20T10:00:00+00:00", model="new", estimated_cost_usd=None),
        call("2026-11-20T10:00:00+00:00", model="new", success=False, **none),
        call("2026-11-20T10:00:00+00:00", success=False, calls=3, **none),
    )
    _, found = findings(capsys, tmp_path)
    assert found["unpriced"] == [{"model": "claude-sonnet-4-5", "calls": 3}, {"model": "new", "calls": 2}]
    assert found["uncounted"] == [{"model": "claude-sonnet-4-5", "calls": 3}, {"model": "new", "calls": 1}]
    _, out, err = run(capsys, "check", "--log-dir", tmp_path)
    assert "no known price:\n  new: 1\n\n" in out
    assert "nor their cost:\n  claude-sonnet-4-5: 3\n  new: 1\n\n" in out
    assert "1 call without a price, 4 calls without token counts" in err


def test_check_tells_lines_without_a_cost_from_models_without_a_price(capsys: Shell, tmp_path: Path) -> None:
    """Before `source` existed a logger wrote 0 for a model it did not know."""
    old = {"model": "claude-3-opus-20240229", "estimated_cost_usd": 0, "source": None}
    log(
        tmp_path,
        "2026-11-20",
        call("2026-11-20T10:00:00+00:00", **old),
        call("2026-11-20T10:00:00+00:00", **old | {"model": "new"}),
    )
    _, found = findings(capsys, tmp_path)
    assert found["without_cost"] == [{"model": "claude-3-opus-20240229", "calls": 1}]
    assert len(found["unpriced"]) == 2
    _, out, err = run(capsys, "check", "--log-dir", tmp_path)
    assert "no known price:\n  new: 1\n\n" in out
    assert "though their model has a price:\n  claude-3-opus-20240229: 1\n\n" in out
    assert "1 call without a price, 1 call logged without a cost" in err


def test_check_lists_calls_that_stand_in_two_lines(capsys: Shell, tmp_path: Path) -> None:
    """Only lines that count, and only the line's own id: not one in a text or deeper in the record."""
    moment = "2026-11-20T10:00:00+00:00"
    log(
        tmp_path,
        "2026-11-20",
        call(moment, call_id="a", task_id='"call_id": "b"'),
        "\r",
        call(moment, call_id="b", settings={"call_id": "a"}),
        call(moment, call_id="c"),
        call("yesterday", call_id="c"),
        call(moment),
    )
    again = log(tmp_path, "2026-11-21", call(moment), call(moment, call_id="a"), call(moment, call_id="d"))
    packed = tmp_path / "api-calls-2026-11-19.jsonl.gz"
    packed.write_bytes(gzip.compress(call(moment, call_id="d").encode()))
    while_packing = again.with_name(f"{again.name}.gz")
    while_packing.write_bytes(gzip.compress(again.read_bytes()))
    code, found = findings(capsys, tmp_path)
    plain = {"file": "api-calls-2026-11-20.jsonl", "line": 1}
    assert found["duplicate_call_ids"] == [
        {"call_id": "d", "lines": [{"file": packed.name, "line": 1}, {"file": again.name, "line": 3}]},
        {"call_id": "a", "lines": [plain, {"file": again.name, "line": 2}]},
    ]
    _, out, err = run(capsys, "check", "--log-dir", tmp_path)
    assert f"  d: {packed.name}:1, {again.name}:3\n" in out
    assert "2 calls in more than one line" in err
    assert code == 0


def test_check_tells_which_lines_are_not_counted_again_and_why(capsys: Shell, tmp_path: Path) -> None:
    """A run that one telemetry line covers wholly, one that it covers in part, and a call logged by two."""
    moment = "2026-11-20T10:00:00+00:00"
    run_ = {"source": "cli", "start_time": 1795168800.0, "end_time": 1795168810.0, "tokens_output": 7}
    packed = tmp_path / "api-calls-2026-11-20.jsonl.gz"
    lines = [
        call(moment),
        call(moment, **run_, session_id="s-1", task_id="gh-1"),
        call(moment, **run_, session_id="s-2"),
        call(moment, source="otel", session_id="s-1", request_id="req_1", tokens_output=7),
    ]
    packed.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    plain = log(
        tmp_path,
        "2026-11-21",
        "",
        call(
            "2026-11-20T10:00:01+00:00", source="otel", session_id="s-2", request_id="req_2", tokens_output=3
        ),
        call("2026-11-21T10:00:00+00:00", source="manual", request_id="req_3"),
        call("2026-11-21T10:00:00+00:00", source="sdk", request_id="req_3"),
    )
    code, found = findings(capsys, tmp_path, "--strict")
    assert code == 0, "nothing is wrong with these lines"
    assert found["calls"] == 4
    assert found["superseded"] == [
        {"file": packed.name, "line": 2, "source": "cli", "why": "calls_count"},
        {"file": packed.name, "line": 3, "source": "cli", "why": "rest_counts"},
        {"file": plain.name, "line": 3, "source": "manual", "why": "finer_line"},
    ]
    _, out, err = run(capsys, "check", "--log-dir", tmp_path)
    assert (
        f"  {packed.name}: 1 line of CLI runs whose calls count one by one; the rest of the run counts too\n"
        in out
    )
    assert "3 lines not counted again" in err


def test_check_is_strict_about_a_call_in_two_lines(capsys: Shell, tmp_path: Path) -> None:
    line = call("2026-11-20T10:00:00+00:00", call_id="a")
    log(tmp_path, "2026-11-20", line)
    assert findings(capsys, tmp_path, "--strict")[0] == 0
    log(tmp_path, "2026-11-20", line, line)
    assert findings(capsys, tmp_path, "--strict")[0] == 1


def test_check_names_files_whose_last_line_has_no_end(capsys: Shell, tmp_path: Path) -> None:
    log(tmp_path, "2026-11-20", call("2026-11-20T10:00:00+00:00"), '{"timest', end="")
    log(tmp_path, "2026-11-21", call("2026-11-21T10:00:00+00:00"))
    _, found = findings(capsys, tmp_path)
    assert found["incomplete"] == ["api-calls-2026-11-20.jsonl"]
    assert found["bad_lines"] == []


def test_check_in_words(capsys: Shell, tmp_path: Path) -> None:
    log(tmp_path, "2026-11-20", call("2026-11-20T10:00:00+00:00", model="new", estimated_cost_usd=None), "{")
    code, out, err = run(capsys, "check", "--log-dir", tmp_path)
    assert code == 0
    assert "  api-calls-2026-11-20.jsonl:2: " in out
    assert "  new: 1\n" in out
    assert err.startswith("1 good line of 1 day in ")


def test_check_of_good_logs_says_so(capsys: Shell, tmp_path: Path) -> None:
    log(tmp_path, "2026-11-20", call("2026-11-20T10:00:00+00:00"))
    code, out, err = run(capsys, "check", "--strict", "--log-dir", tmp_path)
    assert (code, out) == (0, "")
    assert err.endswith("nothing is missing.\n")


def test_check_is_strict_only_when_asked(capsys: Shell, tmp_path: Path) -> None:
    log(tmp_path, "2026-11-20", "{")
    assert findings(capsys, tmp_path)[0] == 0
    assert findings(capsys, tmp_path, "--strict")[0] == 1


def test_check_exits_1_when_a_file_cannot_be_read(capsys: Shell, tmp_path: Path) -> None:
    (tmp_path / "api-calls-2026-11-20.jsonl").mkdir()
    code, found = findings(capsys, tmp_path)
    assert code == 1
    assert [one["file"] for one in found["bad_files"]] == ["api-calls-2026-11-20.jsonl"]  # type: ignore[attr-defined]
