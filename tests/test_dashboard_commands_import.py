"""`callmeter import`: what a Claude CLI run used gets into the log, once, and the report shows it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dashboard import commands

pytestmark = pytest.mark.usefixtures("own_machine")

RUN = Path(__file__).parent / "data/tools_run.jsonl"
"""Four calls of one model on 2026-11-22; the server counted what `USED` says."""
USED = {
    "calls": 4,
    "tokens_input": 35,
    "tokens_output": 215,
    "tokens_cache_read": 45214,
    "tokens_cache_write": 5355,
    "tokens_total": 50819,
}

Shell = pytest.CaptureFixture[str]


def run(capsys: Shell, *words: object) -> tuple[int, str, str]:
    code = commands.run([str(word) for word in words], {})
    out, err = capsys.readouterr()
    return code, out, err


def test_an_imported_run_is_what_the_report_shows(capsys: Shell, tmp_path: Path) -> None:
    code, out, err = run(capsys, "import", RUN, "--log-dir", tmp_path)
    assert (code, out, err) == (0, "", f"1 line written to {tmp_path}.\n")
    words = ("report", "--date", "2026-11-22", "--json", "--log-dir", tmp_path)
    report = json.loads(run(capsys, *words)[1])
    assert {name: report["totals"][name] for name in USED} == USED
    assert [group["model"] for group in report["groups"]] == ["claude-opus-5-5"]
    assert report["totals"]["estimated_cost_usd"] == pytest.approx(0.0402578, abs=1e-9)


def test_importing_twice_adds_nothing(capsys: Shell, tmp_path: Path) -> None:
    run(capsys, "import", RUN, "--log-dir", tmp_path)
    before = (tmp_path / "api-calls-2026-11-22.jsonl").read_bytes()
    code, out, _ = run(capsys, "import", RUN, "--json", "--log-dir", tmp_path)
    assert (code, json.loads(out)) == (0, {"written": 0, "known": 1, "skipped": []})
    assert (tmp_path / "api-calls-2026-11-22.jsonl").read_bytes() == before
    assert "1 line known already" in run(capsys, "import", RUN, "--log-dir", tmp_path)[2]


def test_runs_in_a_folder_are_found_and_the_rest_is_said(capsys: Shell, tmp_path: Path) -> None:
    (tmp_path / "runs/one").mkdir(parents=True)
    shutil.copy(RUN, tmp_path / "runs/one/out.jsonl")
    (tmp_path / "runs/notes.txt").write_text("no run")
    code, out, _ = run(capsys, "import", tmp_path / "runs", "--json", "--log-dir", tmp_path / "logs")
    result = json.loads(out)
    assert (code, result["written"]) == (0, 1)
    assert [one["file"] for one in result["skipped"]] == [str(tmp_path / "runs/notes.txt")]


def test_a_named_file_that_cannot_be_imported_is_said_and_exit_1(capsys: Shell, tmp_path: Path) -> None:
    code, out, err = run(capsys, "import", RUN, tmp_path / "missing", "--log-dir", tmp_path / "logs")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        f"{tmp_path / 'missing'}: cannot be read: No such file or directory",
        f"1 line written to {tmp_path / 'logs'}, 1 file skipped.",
    ]


def test_the_project_is_kept(capsys: Shell, tmp_path: Path) -> None:
    run(capsys, "import", RUN, "--project", "website", "--log-dir", tmp_path)
    words = ("report", "--date", "2026-11-22", "--by", "project", "--json", "--log-dir", tmp_path)
    assert json.loads(run(capsys, *words)[1])["groups"][0]["project"] == "website"


def test_a_price_file_that_cannot_be_used_is_a_sentence(capsys: Shell, tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text("{")
    code, out, err = run(capsys, "import", RUN, "--prices", prices, "--log-dir", tmp_path / "logs")
    assert (code, out) == (1, "")
    assert str(prices) in err
    assert not (tmp_path / "logs").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(capsys: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = run(capsys, "import", RUN, "--log-dir", tmp_path / "file/logs")
    assert code == 1
    assert str(tmp_path / "file/logs") in err
    assert "Traceback" not in err
