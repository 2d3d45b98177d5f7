"""`callmeter report VIEW`: the views from the command line, with the flags of every report."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboard import commands, filters
from dashboard.billing.snapshots import BillingFolder, Kind, Snapshot
from dashboard.commands import report_view
from dashboard.commands.choice import Choice
from dashboard.commands.report import What
from dashboard.settings import Settings, load
from dashboard.views import View
from dashboard.views.all import VIEWS

pytestmark = pytest.mark.usefixtures("own_machine")

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
Shell = pytest.CaptureFixture[str]


def call(timestamp: str, **differs: object) -> str:
    plain = {
        "timestamp": timestamp,
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


@pytest.fixture
def folder(own_machine: Path) -> Path:
    """Calls of two projects on two days of November, and one line that is none."""
    logs = own_machine / "logs/api"
    logs.mkdir(parents=True)
    lines = [
        call("2026-11-19T10:00:00+00:00", project="web", session_id="s1", tokens_cache_read=3000),
        call("2026-11-19T11:00:00+00:00", project="site", estimated_cost_usd=None, model="local"),
    ]
    (logs / "api-calls-2026-11-19.jsonl").write_text("\n".join(lines) + "\n")
    (logs / "api-calls-2026-11-20.jsonl").write_text(call("2026-11-20T10:00:00+00:00") + "\nno line\n")
    return logs


def sync(folder: Path, day: str, *amounts: tuple[str, str, float]) -> None:
    """As if Anthropic's numbers of a day had been read: (model, workspace, USD)."""
    facets = dict.fromkeys(("api_key_id", "api_key", "service_tier", "product"))
    rows: list[dict[str, Any]] = [
        facets | {"model": model, "workspace_id": workspace, "workspace": workspace}
        for model, workspace, _ in amounts
    ]
    usage = dict.fromkeys(("tokens_input", "tokens_output", "tokens_cache_read"), 10)
    usage |= dict.fromkeys(("tokens_cache_write_5m", "tokens_cache_write_1h", "web_searches"), 0)
    cost = {"cost_type": "tokens", "kind": "tokens_output", "list_usd": None}
    kinds: dict[Kind, list[dict[str, Any]]] = {
        "usage": [row | usage | {"requests": 1} for row in rows],
        "cost": [row | cost | {"amount_usd": usd} for row, (_, _, usd) in zip(rows, amounts, strict=True)],
    }
    for kind, some in kinds.items():
        read = datetime(2026, 11, 22, tzinfo=UTC)
        BillingFolder(folder).add(Snapshot(kind, date.fromisoformat(day), some, read, "analytics"))


def run(capsys: Shell, *words: object) -> tuple[int, str, str]:
    code = commands.run([str(word) for word in words], {})
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys: Shell, *words: object) -> dict[str, Any]:
    code, out, err = run(capsys, "report", *words, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


NOVEMBER = ("--date", "2026-11")


def test_the_words_are_those_of_the_views() -> None:
    assert [word.value for word in What] == [one.name for one in VIEWS]


@pytest.mark.parametrize("one", VIEWS, ids=lambda one: one.name)
def test_the_help_has_a_line_for_each_view_with_the_flags_it_takes(capsys: Shell, one: View) -> None:
    _, out, _ = run(capsys, "report", "--help")
    (line,) = [line for line in out.splitlines() if line.split()[:1] == [one.name]]
    takes = {"--by": one.grouped, "--billed": one.has_bill, "--limit": one.limited}
    assert line.split(maxsplit=1)[1].startswith(f"{one.help}  " if any(takes.values()) else one.help)
    assert [flag for flag in takes if flag in line] == [flag for flag, so in takes.items() if so]
    assert f"callmeter report {one.name} " in out or not one.grouped


@pytest.mark.parametrize("name", What)
def test_every_view_is_text_json_and_csv(capsys: Shell, folder: Path, name: str) -> None:
    found = document(capsys, name, *NOVEMBER)
    assert found["view"] == name
    code, text, err = run(capsys, "report", name, *NOVEMBER)
    assert (code, err) == (0, "")
    assert "\x1b" not in text
    _, rows, _ = run(capsys, "report", name, *NOVEMBER, "--csv")
    tables = [value for value in found.values() if isinstance(value, list) and value and value != ["remarks"]]
    first = next((table for table in tables if isinstance(table[0], dict)), None)
    if name != "alerts":
        assert first is not None
        assert rows.splitlines()[0].split(",") == list(first[0])


def test_a_view_is_of_the_last_30_days_unless_a_period_is_named(folder: Path, capsys: Shell) -> None:
    found = document(capsys, "models")
    days = datetime.fromisoformat(found["until"]) - datetime.fromisoformat(found["since"])
    assert days.days == 30
    assert document(capsys, "models", *NOVEMBER)["since"] == "2026-11-01T00:00:00+00:00"


def test_a_list_of_the_largest_has_20_rows_or_as_many_as_are_asked_for(folder: Path, capsys: Shell) -> None:
    calls = [call("2026-11-18T10:00:00+00:00", session_id=f"s{number}") for number in range(30)]
    cold = [call("2026-11-17T10:00:00+00:00", session_id=f"c{n}", tokens_cache_write_5m=9) for n in range(25)]
    (folder / "api-calls-2026-11-18.jsonl").write_text("\n".join(calls) + "\n")
    (folder / "api-calls-2026-11-17.jsonl").write_text("\n".join(cold) + "\n")
    for words, rows in (((), 20), (("--limit", 3), 3), (("--limit", 100), 55)):
        assert len(document(capsys, "sessions", *NOVEMBER, *words)["sessions"]) == rows
        _, out, _ = run(capsys, "report", "sessions", *NOVEMBER, *words, "--csv")
        assert len(out.splitlines()) == rows + 1
        assert len(document(capsys, "cache", *NOVEMBER, *words)["cold"]) == min(rows, 25)
    _, out, _ = run(capsys, "report", "cache", *NOVEMBER, "--limit", 3)
    assert "The first 3 of 25:" in out


def test_choices_narrow_a_view_and_the_plain_report_alike(capsys: Shell, folder: Path) -> None:
    (model,) = document(capsys, "models", *NOVEMBER, "--project", "w*")["models"]
    assert (model["calls"], model["estimated_cost_usd"]) == (1, 0.006)
    assert document(capsys, "--date", "2026-11-19", "--project", "web")["totals"]["calls"] == 1


def test_on_a_terminal_remarks_are_broken_at_words(
    capsys: Shell, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "60"}.items():
        monkeypatch.setenv(name, value)
    _, out, _ = run(capsys, "report", "models", *NOVEMBER)
    assert re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines()[-2:] == [
        "Cost not known: 1 call of a model without a price (local):",
        "callmeter check.",
    ]


def test_a_choice_of_nobody_is_said(capsys: Shell, folder: Path) -> None:
    code, out, err = run(capsys, "report", "models", "--date", "2026-11-19", "--project", "wep")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "No call of this period has the project wep. Close to it: web.",
        "No such calls on 2026-11-19.",
    ]


def test_what_is_incomplete_is_said_below_the_tables(capsys: Shell, folder: Path) -> None:
    _, out, _ = run(capsys, "report", "models", *NOVEMBER)
    assert out.splitlines()[0] == "2026-11-01 – 2026-11-30"
    assert out.splitlines()[-2:] == [
        "Not counted: 1 bad line: callmeter check.",
        "Cost not known: 1 call of a model without a price (local): callmeter check.",
    ]


def test_csv_is_data_alone_and_what_must_be_known_stands_on_stderr(capsys: Shell, folder: Path) -> None:
    _, out, err = run(capsys, "report", "models", *NOVEMBER, "--csv")
    assert len(out.splitlines()) == 3
    assert err.splitlines()[0] == "Not counted: 1 bad line: callmeter check."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["summary", "--by", "day"], "--by: callmeter report summary says itself what its rows are."),
        (["models", "--detail"], "--detail lists calls; callmeter report models has none to list."),
        (["--billed"], "--billed needs a view: callmeter report models --billed, for one."),
        (
            ["sessions", "--billed"],
            "--billed: Anthropic's reports say nothing of sessions; they tell of summary, daily, models, "
            "projects and cache.",
        ),
        (
            ["models", "--billed", "--project", "web"],
            "--billed: Anthropic's reports know models, but no projects, tasks or workers.",
        ),
        (
            ["models", "--limit", "3"],
            "--limit: callmeter report models lists all there is; it is for sessions and cache.",
        ),
        (
            ["cache", "--billed", "--limit", "3"],
            "--limit: callmeter report cache --billed lists all there is; it is for sessions and cache.",
        ),
        (["--limit", "3"], "--limit needs a view: callmeter report sessions --limit 100, for one."),
        (["models", "--json", "--csv"], "--json and --csv: give one of them."),
    ],
)
def test_flags_that_do_not_go_together_are_a_sentence(
    capsys: Shell, folder: Path, words: list[str], said: str
) -> None:
    assert run(capsys, "report", *words) == (1, "", f"{said}\n")


def test_before_the_first_sync_billed_says_what_to_do(capsys: Shell, folder: Path) -> None:
    code, out, err = run(capsys, "report", "models", "--billed")
    assert (code, out) == (1, "")
    where = folder.parent / "billing"
    assert err == f"Nothing of Anthropic's numbers is in {where} yet: callmeter sync reads them.\n"


def test_billed_shows_anthropics_numbers_even_without_a_log(capsys: Shell, own_machine: Path) -> None:
    sync(
        own_machine / "logs/billing",
        "2026-11-19",
        ("claude-opus-5-5", "Main", 2.0),
        ("claude-haiku-5-5", "Main", 1.0),
    )
    found = document(capsys, "models", *NOVEMBER, "--billed")
    assert [(row["model"], row["billed_usd"]) for row in found["models"]] == [
        ("claude-opus-5-5", 2.0),
        ("claude-haiku-5-5", 1.0),
    ]
    (one,) = document(capsys, "models", *NOVEMBER, "--billed", "--model", "*haiku*")["models"]
    assert one["billed_usd"] == 1.0
    summary = document(capsys, "summary", *NOVEMBER, "--billed")
    billed = {(row["since"][:10], row["until"][:10]): row for row in summary["costs"]}
    ever, november = summary["costs"][0], billed["2026-11-01", "2026-12-01"]
    assert (ever["period"], ever["billed_usd"]) == ("All time", 3.0)
    assert (november["billed_usd"], november["billed_bound"]) == (3.0, True)
    assert (summary["known_since"], summary["days_known"]) == ("2026-11-19", 1)


def test_beside_the_log_stand_only_the_workspaces_it_is_compared_with(
    capsys: Shell, folder: Path, own_machine: Path
) -> None:
    sync(own_machine / "logs/billing", "2026-11-19", ("m", "Main", 2.0), ("m", "Other", 1.0))
    assert _billed_of_the_19th(capsys) == 3.0
    (own_machine / "callmeter.toml").write_text('[billing]\nworkspace = "Main"\n')
    assert _billed_of_the_19th(capsys) == 2.0


def _billed_of_the_19th(capsys: Shell) -> float | None:
    days = document(capsys, "daily", *NOVEMBER)["days"]
    found: float | None = next(row["billed_usd"] for row in days if row["day"] == "2026-11-19")
    return found


def test_an_empty_log_is_one_sentence(capsys: Shell, own_machine: Path) -> None:
    (own_machine / "logs/api").mkdir(parents=True)
    for name in ("daily", "models", "projects", "sessions", "cache", "latency", "failures"):
        code, out, err = run(capsys, "report", name)
        assert (code, err) == (0, "")
        assert out == f"No calls in {own_machine / 'logs/api'} yet. callmeter demo writes some to look at.\n"


def test_a_missing_log_is_a_sentence(capsys: Shell) -> None:
    code, out, err = run(capsys, "report", "models", "--log-dir", "nowhere")
    assert (code, out) == (1, "")
    assert "no such folder" in err


def test_a_file_that_cannot_be_read_is_said_and_exit_1(capsys: Shell, folder: Path) -> None:
    (folder / "api-calls-2026-11-18.jsonl").mkdir()
    code, out, err = run(capsys, "report", "models", *NOVEMBER)
    assert code == 1
    assert "claude-sonnet-4-5" in out
    assert "api-calls-2026-11-18.jsonl" in err


def test_all_time_tells_what_could_not_be_read_on_any_day(capsys: Shell, folder: Path) -> None:
    (folder / "api-calls-2024-05-01.jsonl.gz").write_bytes(b"no gzip")
    (folder / "api-calls-2025-01-01.jsonl").write_text("no line\n")
    code, out, err = run(capsys, "report", "summary", "--date", "2026-11-19")
    assert code == 1
    assert "Not counted: 2 bad lines: callmeter check." in out.splitlines()
    assert "api-calls-2024-05-01.jsonl.gz" in err
    assert run(capsys, "report", "models", "--date", "2026-11-19")[0] == 0


def test_lines_of_days_to_come_are_said_where_a_report_leaves_them_out(capsys: Shell, folder: Path) -> None:
    """A clock that was wrong wrote two lines of 2031."""
    since = ("--since", "2026-11-19")
    assert "to come" not in run(capsys, "report", "models", *since)[1]
    line = call("2031-01-01T10:00:00+00:00", project="web")
    (folder / "api-calls-2031-01-01.jsonl").write_text(f"{line}\n{line}\n")
    said = "2 lines of days to come are not in it."
    assert said in run(capsys, "report", "models", *since)[1].splitlines()
    assert said in document(capsys, "models", *since, "--project", "web")["remarks"]
    assert said in run(capsys, "report", *since)[2].splitlines()
    assert said in run(capsys, "export", *since, "-o", "-")[2].splitlines()
    for words in (("summary", *since), ("models", "--date", "2026-11-19"), (*since, "--until", "2031-12-31")):
        assert said not in "".join(run(capsys, "report", *words)[1:])


def test_alerts_shows_budgets_and_what_is_open(capsys: Shell, folder: Path, own_machine: Path) -> None:
    (own_machine / "callmeter.toml").write_text(
        '[[budget]]\nname = "Tiny"\nperiod = "month"\nlimit = 0.001\n'
    )
    settings = load({}, {}, own_machine, own_machine)
    _open_alert(settings)
    report_view.run(settings, "alerts", _today(), Choice(), None, "json", NOW)
    found = json.loads(capsys.readouterr().out)
    (tiny,) = found["budgets"]
    assert (tiny["name"], tiny["current"], tiny["status"]) == ("Tiny", 0.012, "exceeded")
    assert found["open"][0]["severity"] == "critical"
    assert "Budget Tiny" in found["open"][0]["sentence"]
    report_view.run(settings, "alerts", _today(), Choice(), None, "text", NOW)
    assert "$0.012" in capsys.readouterr().out


def _today() -> filters.Filter:
    return filters.last("7d", NOW, filters.ZoneInfo("UTC"))


def _open_alert(settings: Settings) -> None:
    from dashboard.money.desk import Desk
    from dashboard.store.files import FileStore

    with FileStore(settings.log_dir, settings.zone) as store:
        store.load()
        assert Desk(store, settings, {}, Path.cwd()).note(NOW).raised
