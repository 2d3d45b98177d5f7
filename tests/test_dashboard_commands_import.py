"""`callmeter import`: what a Claude CLI run used gets into the log, once, and the report shows it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboard import commands
from dashboard.commands import progress, transcripts

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


# Transcripts

SCENARIOS = Path(__file__).parent / "data/transcripts"


def kept(home: Path, *scenarios: str) -> Path:
    """Claude Code's folder in this home, with the transcripts of these scenarios."""
    folder = home / ".claude/projects"
    for scenario in scenarios:
        shutil.copytree(SCENARIOS / scenario / "projects", folder, dirs_exist_ok=True)
    return folder


def test_without_a_path_the_transcripts_are_found(capsys: Shell, own_machine: Path, tmp_path: Path) -> None:
    kept(own_machine.parent, "tools", "subagent_fg")
    code, out, err = run(capsys, "import", "--log-dir", tmp_path)
    assert (code, out) == (0, "")
    assert err.splitlines() == [
        f"9 lines written to {tmp_path}.",
        "They are calls of 2 sessions in 2 projects on 2026-11-22, for $0.10.",
        "callmeter serve shows them on a page, callmeter report here.",
    ]
    words = ("report", "--date", "2026-11-22", "--json", "--log-dir", tmp_path)
    assert json.loads(run(capsys, *words)[1])["totals"]["calls"] == 9
    again = run(capsys, "import", "--log-dir", tmp_path)[2]
    assert again == f"0 lines written to {tmp_path}, 3 transcripts unchanged.\n"


def test_claude_config_dir_says_where(
    capsys: Shell, own_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kept(own_machine.parent / "elsewhere", "tools")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", f"/nowhere,{folder.parent}")
    assert run(capsys, "import", "--log-dir", tmp_path)[2].startswith("4 lines written")


def test_nothing_found_is_a_sentence(capsys: Shell, own_machine: Path, tmp_path: Path) -> None:
    code, out, err = run(capsys, "import", "--log-dir", tmp_path)
    home = own_machine.parent
    assert (code, out) == (1, "")
    assert err.startswith(
        f"No transcripts of Claude Code found in {home}/.config/claude/projects and {home}/.claude/projects."
    )


def test_a_folder_without_anything_is_a_sentence(capsys: Shell, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run(capsys, "import", tmp_path / "empty", "--log-dir", tmp_path / "logs")
    assert code == 1
    assert err.startswith(f"{tmp_path / 'empty'}: holds no transcripts and no output of the Claude CLI\n")


def test_transcripts_and_outputs_may_be_mixed(capsys: Shell, own_machine: Path, tmp_path: Path) -> None:
    folder = kept(own_machine.parent, "text_plain")
    code, out, _ = run(capsys, "import", folder, RUN, "--json", "--log-dir", tmp_path)
    assert (code, json.loads(out)["written"]) == (0, 2)
    sources = [json.loads(line)["source"] for line in (tmp_path / "api-calls-2026-11-22.jsonl").open()]
    assert sorted(sources) == ["cli", "transcript"]


def test_the_result_is_told_as_data(capsys: Shell, own_machine: Path, tmp_path: Path) -> None:
    folder = kept(own_machine.parent, "websearch", "v2.0.76__tools")
    (file,) = folder.glob("*websearch/*.jsonl")
    file.write_text(file.read_text() + '{"usage" broken\n')
    code, out, _ = run(capsys, "import", "--json", "--log-dir", tmp_path)
    told = json.loads(out)["transcripts"]
    assert (code, told["files"], told["sessions"], told["lower_bounds"]) == (0, 4, 2, 6)
    assert told["projects"] == ["v2.0.76__tools", "websearch"]
    assert told["first"] < told["last"]
    assert told["beyond_transcripts"]["sessions"] == 1 and told["beyond_transcripts"]["tokens"] > 0
    (bad,) = told["bad_rows"]
    line = len(file.read_text().splitlines())
    assert bad == {"file": str(file), "rows": 1, "first": [{"line": line, "reason": "is not JSON"}]}


def test_what_no_transcript_holds_and_what_is_left_out_are_said(
    capsys: Shell, own_machine: Path, tmp_path: Path
) -> None:
    folder = kept(own_machine.parent, "websearch", "v2.0.76__tools")
    (file,) = folder.glob("*websearch/*.jsonl")
    file.write_text("\0\0\n" + file.read_text())
    err = run(capsys, "import", "--log-dir", tmp_path)[2]
    assert f"{file}: 1 row left out: line 1 is not JSON\n" in err
    assert "more in 1 session: calls of its helpers, which no transcript holds.\n" in err
    assert "Of 6 calls the transcript does not tell the whole output: old versions" in err


def steps(*todo: Callable[[], object]) -> Callable[[float], None]:
    """What happens between the looks of a follower; Ctrl-C comes at last."""
    waiting: Iterator[Callable[[], object]] = iter(todo)

    def sleep(seconds: float) -> None:
        step = next(waiting, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    return sleep


def test_following_writes_what_comes_until_interrupted(
    capsys: Shell, own_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kept(own_machine.parent, "tools")
    more = lambda: kept(own_machine.parent, "subagent_fg")  # noqa: E731
    monkeypatch.setattr(transcripts.time, "sleep", steps(more, lambda: None))
    code, out, err = run(capsys, "import", "--follow", "--log-dir", tmp_path)
    assert (code, out) == (0, "")
    assert err.startswith("4 lines written; following, Ctrl-C ends it.\n")
    assert f"9 lines written to {tmp_path}" in err
    assert len((tmp_path / "api-calls-2026-11-22.jsonl").read_text().splitlines()) == 9
    again = run(capsys, "import", folder, "--json", "--log-dir", tmp_path)[1]
    assert json.loads(again)["written"] == 0


def test_following_waits_for_folders_that_are_not_there_yet(
    capsys: Shell, own_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = lambda: kept(own_machine.parent, "tools")  # noqa: E731
    monkeypatch.setattr(transcripts.time, "sleep", steps(more, lambda: None))
    code, out, _ = run(capsys, "import", "--follow", "--json", "--log-dir", tmp_path)
    assert (code, json.loads(out)["written"]) == (0, 4)


def test_the_bar_is_on_stderr_and_only_on_a_terminal(capsys: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for shown in (False, True):
        with progress.bar("Reading", shown=shown) as on_bytes:
            on_bytes(1_000_000, 2_000_000)
        out, err = capsys.readouterr()
        assert out == "" and ("1.0/2.0 MB" in err) == shown
