"""What the Claude CLI says its runs cost: each run's own part, beside our prices and the log."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from dashboard.billing import cli_runs
from dashboard.billing.cli_cost import CliCost
from dashboard.billing.cli_runs import Comparison
from dashboard.billing.cli_sessions import LoggedSession
from dashboard.billing.rules import BillingRules
from dashboard.commands import main, reconcile_runs
from dashboard.commands.cli_outputs import read
from dashboard.filters import days
from dashboard.sheets import data
from dashboard.store.files import FileStore
from logger.importing import import_runs
from logger.journal import Journal
from logger.pricing import built_in, price_of
from tests.frames import UTC, FrameStore, at
from tests.test_dashboard_counted_proof import Way, outputs, telemetry, transcripts

DATA = Path(__file__).parent / "data" / "claude-cli"
OUTPUTS = sorted(path for path in DATA.glob("*/*") if path.name.startswith(("stream", "result")))

WITHOUT_RESULT = {"killed", "killed_in_tool", "killed_partial", "stalled_reader", "v1.0.128__killed"}
FORGOTTEN = {
    "v1.0.128__cut_midstream_text",
    "v1.0.128__overloaded_529",
    "v2.0.76__cut_midstream_text",
    "v2.0.76__overloaded_529",
}


@pytest.fixture(scope="module")
def runs() -> dict[str, CliCost]:
    """Every output there is, read together: `folder/file` -> its run."""
    found, problems = read(OUTPUTS, built_in())
    assert not problems
    assert len(found) == len(OUTPUTS)
    return {f"{Path(run.file).parent.name}/{Path(run.file).name}": run for run in found}


def folder(name: str) -> str:
    return name.partition("/")[0]


def served_usd(name: str) -> float:
    """What the calls that the server finished cost, at our prices."""
    truth = json.loads((DATA / folder(name) / "truth.json").read_text())[name.partition("/")[2]]
    kinds = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    total = 0.0
    for model, used in truth["models"].items():
        tokens: dict[str, Any] = {f"tokens_{kind}": used[f"tokens_{kind}"] for kind in kinds}
        cost = price_of(model, **tokens, web_searches=used.get("web_searches") or 0)
        assert cost is not None
        total += cost
    return total


def test_of_every_recorded_run_the_figures_agree_or_the_reason_is_known(runs: dict[str, CliCost]) -> None:
    reasons: dict[str, set[str]] = {}
    for name, run in runs.items():
        reasons.setdefault(run.reason, set()).add(folder(name))
    assert reasons.pop("no_result") == WITHOUT_RESULT
    assert reasons.pop("forgotten") == FORGOTTEN
    assert {name.partition("__")[0] for name in reasons.pop("within")} == {"v1.0.128", "v2.0.76"}
    assert reasons.pop("suggested") == {"helpers_on"}
    assert "sigint" in reasons.pop("estimate")
    assert not any(run.astray_usd for run in runs.values())
    assert list(reasons) == ["equal"] and len(reasons["equal"]) > 40


def test_a_runs_own_part_is_what_the_server_served_in_it(runs: dict[str, CliCost]) -> None:
    """Also of resumed sessions, of several results in one process, and of json output."""
    for name, run in runs.items():
        if run.reason == "equal":
            assert run.own_usd == pytest.approx(served_usd(name), abs=1e-9), name
            assert run.ours_usd == pytest.approx(served_usd(name), abs=1e-9), name
    assert runs["resume/stream.3.jsonl"].total_usd == 0.0407816
    assert runs["resume/stream.3.jsonl"].own_usd == pytest.approx(0.0032584)


def test_a_resumed_session_without_its_earlier_runs_is_not_compared() -> None:
    """json output holds only the session's total."""
    alone, _ = read([DATA / "resume_json" / "result.2.json"], built_in())
    assert (alone[0].own_usd, alone[0].reason, alone[0].difference_usd) == (None, "resumed", None)
    assert "0 runs" not in " ".join(cli_runs.remarks(Comparison(alone)))


def test_copied_files_are_ordered_by_the_sessions_total(tmp_path: Path) -> None:
    first = shutil.copyfile(DATA / "resume_json" / "result.json", tmp_path / "z.json")
    second = shutil.copyfile(DATA / "resume_json" / "result.2.json", tmp_path / "a.json")
    found, _ = read([second, first], built_in())
    assert {Path(run.file).name: round(run.own_usd or 0, 7) for run in found} == {
        "z.json": 0.0305704,
        "a.json": 0.006763,
    }


def result(total: float | None = None, **share: Any) -> str:
    """A run of one model, as stream-json; without another `total` it is what the model cost."""
    known = {
        "inputTokens": 1000,
        "outputTokens": 100,
        "cacheReadInputTokens": 0,
        "cacheCreationInputTokens": 0,
    }
    usage = {share.pop("model", "claude-opus-5-5"): known | share}
    told = {"type": "result", "subtype": "success", "is_error": False, "uuid": "r", "session_id": "s"}
    told |= {"total_cost_usd": share.get("costUSD") if total is None else total, "modelUsage": usage}
    told |= {"terminal_reason": "completed"}
    return json.dumps(told | {"model_usage_since_last_result": usage})


@pytest.mark.parametrize(
    ("share", "reason", "said"),
    [
        ({"costUSD": 5.0, "costBasis": "list"}, "price", "other prices than ours"),
        ({"costUSD": 5.0, "costBasis": "unknown"}, "guessed", "another model's (claude-opus-5-5)"),
        ({"costUSD": 5.0, "costBasis": "list", "model": "my-own"}, "unpriced", "no price here (my-own)"),
    ],
)
def test_differences_have_a_reason(tmp_path: Path, share: dict[str, Any], reason: str, said: str) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text(result(**share) + "\n")
    found, _ = read([file], built_in())
    assert found[0].reason == reason
    assert said in found[0].why


LIST_USD = price_of("claude-opus-5-5", tokens_input=1000, tokens_output=100) or 0.0
"""What the calls of `result` cost."""


def test_a_total_that_is_not_the_sum_of_its_models_is_not_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the models cost what they should."""
    file = tmp_path / "run.jsonl"
    file.write_text(result(total=LIST_USD + 0.5, costUSD=LIST_USD, costBasis="list") + "\n")
    code, said, _ = compared(capsys, str(file), "--log-dir", str(tmp_path / "logs"))
    assert (code, said["within_tolerance"], said["runs"][0]["reason"]) == (2, False, "total")
    assert said["disputed_usd"] == -said["runs"][0]["difference_usd"] == pytest.approx(0.5)
    assert said["verdict"].endswith("1 run differs; $0.50 of it is not explained.")


@pytest.mark.parametrize("beyond", [5e-7, -5e-7])
def test_a_total_may_be_rounded(tmp_path: Path, beyond: float) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text(result(total=LIST_USD + beyond, costUSD=LIST_USD, costBasis="list") + "\n")
    (run,) = read([file], built_in())[0]
    assert (run.reason, run.difference_usd, run.disputed_usd) == ("equal", 0.0, 0.0)


@pytest.mark.parametrize("file", ["resume/stream.2.jsonl", "resume_json/result.2.json"])
def test_a_wrong_total_of_a_resumed_session_is_told_without_its_earlier_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    """The total and the models of one result are of the same session, whatever came before."""
    lines = [json.loads(line) for line in (DATA / file).read_text().splitlines()]
    for line in lines:
        if line["type"] == "result":
            line["total_cost_usd"] += 1.0
    copy = tmp_path / Path(file).name
    copy.write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, said, _ = compared(capsys, str(copy), "--log-dir", str(tmp_path / "logs"))
    assert (code, said["runs"][0]["reason"]) == (2, "total")
    assert said["disputed_usd"] == pytest.approx(1.0)


def test_what_holds_no_run_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello\n")
    found, problems = read([tmp_path / "notes.txt", tmp_path / "gone.jsonl"], built_in())
    assert found == []
    assert [problem.partition(": ")[2] for problem in problems] == [
        "holds no output of the Claude CLI with token counts",
        "cannot be read: No such file or directory",
    ]


def a_run(own: float | None, ours: float, **more: Any) -> CliCost:
    """A run with these two figures."""
    return CliCost("run.jsonl", "s", own_usd=own, least_usd=ours, most_usd=ours, **more)


@pytest.mark.parametrize(
    ("run", "within"),
    [
        (a_run(1.0, 1.005), True),  # half a percent
        (a_run(1.0, 1.02), False),
        (a_run(0.001, 0.005), True),  # under a cent
        (a_run(0.0, 9.0, forgotten=True), True),  # the CLI's own doing
        (a_run(None, 9.0), True),  # nothing to compare
    ],
)
def test_only_what_nothing_explains_counts_against_the_tolerance(run: CliCost, within: bool) -> None:
    assert Comparison([run], rules=BillingRules(tolerance=1.0, tolerance_usd=0.01)).within is within


def test_differences_do_not_cancel_out() -> None:
    found = Comparison([a_run(1.0, 2.0), a_run(2.0, 1.0)])
    assert found.disputed_usd == 2.0
    assert cli_runs.verdict(found) == (
        "The CLI says $3.00 of 2 runs; by our prices it is $3.00. 2 runs differ; $2.00 of it is not explained."
    )


def test_a_price_within_what_the_counts_allow_is_the_clis() -> None:
    run = CliCost("run.jsonl", own_usd=0.04, least_usd=0.03, most_usd=0.05)
    assert (run.ours_usd, run.difference_usd, run.reason) == (0.04, 0.0, "within")


def test_sessions_are_compared_with_the_log_and_what_telemetry_told() -> None:
    lines = [
        {"time": at("2026-11-22 10:00"), "session_id": "s", "cost_usd": 0.5},
        {"time": at("2026-11-22 11:00"), "session_id": "s", "cost_usd": 0.25, "source": "otel"},
        {"time": at("2026-11-22 12:00"), "session_id": "other", "cost_usd": 7.0},
    ]
    view = days(at("2026-11-22 00:00").date(), at("2026-11-22 00:00").date(), UTC)
    logged = reconcile_runs.of_sessions(FrameStore(lines), view, [a_run(1.0, 1.0)])
    assert logged == {"s": LoggedSession(lines=2, cost_usd=0.75, told_usd=0.25)}
    sheet = cli_runs.answer(Comparison([a_run(1.0, 1.0)], logged, looked_up=True)).sheets[1]
    assert sheet.rows[0]["difference_usd"] == -0.25


def a_session(usd: float, *, lines: int = 1, **more: Any) -> dict[str, LoggedSession]:
    """What the log holds of the session of `a_run`."""
    return {"s": LoggedSession(lines=lines, cost_usd=usd, **more)}


def in_log(run: CliCost, logged: dict[str, LoggedSession]) -> tuple[str, float]:
    """Why the log differs from a run, and by how much that nothing explains."""
    (session,) = Comparison([run], logged, looked_up=True).sessions
    return session.reason, round(session.disputed_usd, 9)


def test_a_log_at_another_cost_than_the_cli_tells_is_not_within_the_tolerance() -> None:
    found = Comparison([a_run(1.0, 1.0)], a_session(9.0), looked_up=True)
    assert not found.within and found.disputed_usd == 0
    assert cli_runs.verdict(found) == (
        "The CLI says $1.00 of 1 run; by our prices it is $1.00, the same run by run."
        " 1 session differs in the log; $8.00 of it is not explained."
    )
    half = Comparison([a_run(1.0, 1.0)], a_session(0.5), looked_up=True)
    assert not half.within and half.logged_disputed_usd == 0.5
    assert Comparison([a_run(1.0, 1.0)], a_session(1.009), looked_up=True).within


@pytest.mark.parametrize("logged", [{}, a_session(0.0, unpriced=1)])
def test_what_is_not_in_the_log_does_not_count(logged: dict[str, LoggedSession]) -> None:
    found = Comparison([a_run(1.0, 1.0)], logged, looked_up=True)
    assert found.within and found.sessions[0].difference_usd is None


@pytest.mark.parametrize(
    ("run", "logged", "found"),
    [
        (a_run(0.0, 9.0, forgotten=True), a_session(9.0), ("runs", 0)),
        (a_run(0.0, 9.0, forgotten=True), a_session(20.0), ("other", 11.0)),
        (a_run(1.0, 2.0), a_session(2.0), ("runs", 0)),  # counted once, with the runs
        (a_run(1.0, 1.0), a_session(0.2, lacking=True), ("lacking", 0)),
        (a_run(1.0, 1.0), a_session(1.2, lacking=True), ("other", 0.2)),
        (a_run(1.0, 1.0, cut=True, final=False), a_session(0.9), ("estimate", 0)),
        (a_run(1.0, 1.0, sessions=2), a_session(0.9), ("before", 0)),
        (a_run(1.0, 1.0, suggested=True), a_session(1.9), ("suggested", 0)),
        (a_run(1.0, 1.0, suggested=True), a_session(3.0), ("other", 1.0)),
        (a_run(1.0, 1.0, total_usd=5.0), a_session(5.0), ("earlier", 0)),
        (a_run(1.0, 1.0, total_usd=5.0), a_session(7.0), ("other", 2.0)),
        (a_run(5.0, 1.0, total_usd=5.0, astray_usd=4.0), a_session(1.0), ("runs", 0)),
        (a_run(None, 1.0), a_session(9.0), ("untold", 0)),
    ],
)
def test_a_log_that_differs_for_a_known_reason_is_explained(
    run: CliCost, logged: dict[str, LoggedSession], found: tuple[str, float]
) -> None:
    assert in_log(run, logged) == found


def test_what_a_session_did_after_its_last_run_here_is_not_compared() -> None:
    """It was resumed, and the output of that is not among the files."""
    lines = [
        {"time": at(f"2026-11-22 {hour}:00"), "session_id": "s", "cost_usd": 0.5} for hour in (10, 11, 12)
    ]
    view = days(at("2026-11-22 00:00").date(), at("2026-11-22 00:00").date(), UTC)
    logged = reconcile_runs.of_sessions(
        FrameStore(lines), view, [a_run(1.0, 1.0, ended=at("2026-11-22 11:00"))]
    )
    assert logged["s"].cost_usd == 1.0


RESUMED = [path for path in OUTPUTS if path.parent.name.endswith(("resume", "resume_json"))]


@pytest.mark.parametrize("file", RESUMED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_one_run_of_a_session_is_compared_with_its_own_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    """The log was made of the output of all of them."""
    journal = Journal(tmp_path)
    import_runs(RESUMED, journal)
    journal.close()
    code, said, _ = compared(capsys, str(file), "--log-dir", str(tmp_path))
    if file.name == "result.2.json":  # the session's total, of which its own part is not known
        assert (code, said["sessions"][0]["reason"]) == (1, "untold")
    else:
        assert (code, said["sessions"][0]["difference_usd"]) == (0, 0)


@pytest.mark.parametrize(
    "ways",
    [(outputs,), (transcripts,), (telemetry,), (transcripts, outputs)],
    ids=lambda ways: "-".join(way.__name__ for way in ways),
)
def test_the_log_of_every_recorded_run_agrees_or_the_reason_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ways: tuple[Way, ...]
) -> None:
    journal = Journal(tmp_path)
    for scenario in (path.name for path in sorted(DATA.iterdir()) if path.is_dir()):
        for way in ways:
            way(scenario, journal)
    journal.close()
    code, said, _ = compared(capsys, *map(str, OUTPUTS), "--log-dir", str(tmp_path))
    assert (code, said["logged_disputed_usd"]) == (0, 0)
    reasons = {session["reason"] for session in said["sessions"]}
    known = {"equal", "runs", "untold", "unpriced", "lacking", "estimate", "not_logged"}
    assert {"equal"} <= reasons <= known


def test_a_log_at_a_multiple_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its lines say they are other calls, so each counts."""
    journal = Journal(tmp_path)
    import_runs([DATA / "tools"], journal)
    journal.close()
    (file,) = tmp_path.glob("*.jsonl")
    line = json.loads(file.read_text())
    more = line | {"call_id": "another", "source": "sdk", "estimated_cost_usd": 9.0}
    file.write_text(f"{json.dumps(line)}\n{json.dumps(more)}\n")
    code, said, _ = compared(capsys, str(DATA / "tools"), "--log-dir", str(tmp_path))
    (session,) = said["sessions"]
    assert (code, session["reason"], said["within_tolerance"]) == (2, "other", False)
    assert said["logged_disputed_usd"] == session["difference_usd"] > 8
    assert "1 session differs in the log" in said["verdict"]


@pytest.mark.parametrize(
    ("files", "folder", "shown"),
    [
        (["/a/b/c/one.json", "/a/b/two.json"], "/a/b/", ["c/one.json", "two.json"]),
        (["/a/one.json", "/b/two.json"], "/", ["a/one.json", "b/two.json"]),
        (["runs/one.json"], "runs/", ["one.json"]),
        (["one.json", "runs/two.json"], "", ["one.json", "runs/two.json"]),
        (["one.json", "/a/two.json"], "", ["one.json", "/a/two.json"]),
    ],
)
def test_people_see_files_without_the_folder_they_are_all_in_and_data_has_paths(
    files: list[str], folder: str, shown: list[str]
) -> None:
    runs = cli_runs.answer(Comparison([CliCost(file) for file in files])).sheets[0]
    assert runs.title == (f"Runs of the Claude CLI in {folder}" if folder else "Runs of the Claude CLI")
    assert [line[0] for line in runs.text()] == shown
    assert [one["file"] for one in data.records(runs)] == files
    assert "name" not in runs.keys


def test_telemetry_is_taken_at_its_word_where_its_figure_was_kept(tmp_path: Path) -> None:
    """A line keeps what the CLI reported only where that is another figure than our price."""
    lines = [
        {"estimated_cost_usd": 0.02},
        {"estimated_cost_usd": 0.03, "settings": {"reported_cost_usd": 0.05}},
        {"estimated_cost_usd": None, "settings": {"reported_cost_usd": 0.5}},
    ]
    shared = {"timestamp": "2026-11-22T10:00:00.000000+00:00", "model": "claude-opus-5-5", "success": True}
    shared |= {
        "source": "otel",
        "session_id": "s",
        "tokens_input": 10,
        "tokens_output": 10,
        "tokens_total": 20,
    }
    text = "".join(
        json.dumps(shared | {"call_id": f"c{place}"} | line) + "\n" for place, line in enumerate(lines)
    )
    (tmp_path / "api-calls-2026-11-22.jsonl").write_text(text)
    day = at("2026-11-22 00:00").date()
    with FileStore(tmp_path, UTC, cache_dir=None) as store:
        store.load()
        told = reconcile_runs.of_sessions(store, days(day, day, UTC), [a_run(1.0, 1.0)])["s"]
    assert (told.lines, told.unpriced, round(told.told_usd or 0, 9)) == (3, 1, 0.57)


def compared(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON and remarks of `callmeter reconcile --runs …`."""
    code = main(["reconcile", "--json", "--runs", *words])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


def test_the_command_compares_files_and_what_import_wrote_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(tmp_path)
    import_runs([DATA / "resume"], journal)
    journal.close()
    code, said, err = compared(capsys, str(DATA / "resume"), str(DATA / "tools"), "--log-dir", str(tmp_path))
    assert (code, err) == (0, "")
    assert said["runs_compared"] == 5
    assert [(one["runs"], one["logged_lines"], one["difference_usd"]) for one in said["sessions"]] == [
        (1, 0, None),
        (3, 3, 0.0),
        (1, 1, 0.0),
    ]


@pytest.mark.parametrize("name", ["tools_json/result.json", "v1.0.128__tools/stream.jsonl"])
def test_where_only_the_file_has_a_time_the_session_is_found_on_any_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A copy has the time it was made at."""
    copy = Path(shutil.copyfile(DATA / name, tmp_path / Path(name).name))
    log = tmp_path / "logs"
    journal = Journal(log)
    import_runs([copy], journal)
    journal.close()
    later = copy.stat().st_mtime + 20 * 86400
    os.utime(copy, (later, later))
    code, said, _ = compared(capsys, str(copy), "--log-dir", str(log))
    assert (code, said["sessions"][0]["difference_usd"]) == (0, 0.0)
    assert said["runs"][0]["started"] is None


def test_of_runs_that_tell_their_times_only_those_days_are_read() -> None:
    """From the day before the first to the day after the last, also of a run that took days."""
    ended = {"ended": at("2026-11-24 10:00"), "least_usd": 1.0, "most_usd": 1.0}
    run = CliCost("run.jsonl", "s", started=at("2026-11-22 10:00"), **ended)
    read_days = days(at("2026-11-21 00:00").date(), at("2026-11-25 00:00").date(), UTC)
    assert reconcile_runs.days_of([run], UTC) == read_days


def test_the_command_ends_with_2_beyond_the_tolerance_and_with_1_without_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dear, none = tmp_path / "dear.jsonl", tmp_path / "none.txt"
    dear.write_text(result(costUSD=5.0, costBasis="list") + "\n")
    none.write_text("nothing\n")
    log = ("--log-dir", str(tmp_path / "logs"))
    assert compared(capsys, str(dear), *log)[0] == 2
    code, said, err = compared(capsys, str(dear), str(none), *log)
    assert (code, len(said["runs"])) == (1, 1)
    assert "none.txt: holds no output" in err
    code, _, err = compared(capsys, str(none), *log)
    assert code == 1 and "no output of the Claude CLI among these files" in err


def test_files_need_the_flag_and_other_choices_do_not_go_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reconcile", "run.jsonl"]) == 1
    assert "give them after --runs" in capsys.readouterr().err
    assert main(["reconcile", "--runs", "run.jsonl", "--month", "2026-10"]) == 1
    assert "--runs compares whole files" in capsys.readouterr().err


def test_a_copied_output_is_one_run_and_the_copy_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A whole copy, and one taken while the run went on; the whole one stands, whichever comes first."""
    whole = (DATA / "tools" / "stream.jsonl").read_text()
    begun = "".join(whole.splitlines(keepends=True)[:-1])
    for name, text in (("a", whole), ("b", whole), ("0", begun)):
        (tmp_path / f"{name}.jsonl").write_text(text)
    code, said, _ = compared(capsys, str(tmp_path), "--log-dir", str(tmp_path / "logs"))
    assert (code, [Path(run["file"]).name for run in said["runs"]]) == (0, ["a.jsonl"])
    assert said["cli_usd"] == pytest.approx(0.0402578)
    assert said["remarks"] == [
        f"{tmp_path / copy} holds the same run as {tmp_path / 'a.jsonl'}: counted once."
        for copy in ("b.jsonl", "0.jsonl")
    ]


def test_many_copies_are_told_in_few_words() -> None:
    run = CliCost("a", own_usd=1.0, least_usd=1.0, most_usd=1.0, copies=tuple("bcdef"))
    assert cli_runs.remarks(Comparison([run]))[-1] == "And 2 more files hold runs that are counted already."
