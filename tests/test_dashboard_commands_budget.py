"""`callmeter budget`, `budget init`, `budget check`, and today against budget in `callmeter report`."""

from __future__ import annotations

import io
import json
import os
import stat
import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import frames
import pytest
from rich.console import Console

from dashboard import commands, printout
from dashboard.commands import first_budgets
from dashboard.money import rules, standings
from dashboard.money.budgets import Budget, Standing
from dashboard.money.scope import Scope

pytestmark = pytest.mark.usefixtures("own_machine")

Shell = pytest.CaptureFixture[str]
SETTINGS = Path("callmeter.toml")
DAILY = '[[budget]]\nname = "Daily"\nperiod = "day"\nlimit = 10\n'


def run(capsys: Shell, *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    code = commands.run([str(word) for word in words], {})
    out, err = capsys.readouterr()
    return code, out, err


def log(*costs: float | None, folder: Path = Path("logs/api"), **differs: Any) -> None:
    """Calls of this hour with these costs, in the log of the working directory."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    plain = {"timestamp": now.isoformat(), "model": "claude-sonnet-4-5", "success": True, "source": "manual"}
    tokens = {"tokens_input": 1000, "tokens_output": 0, "tokens_total": 1000}
    lines = [json.dumps(plain | tokens | {"estimated_cost_usd": cost} | differs) for cost in costs]
    with (folder / f"api-calls-{now:%Y-%m-%d}.jsonl").open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


def written(toml: str) -> None:
    SETTINGS.write_text(toml, "utf-8")


# callmeter budget


def test_without_budgets_it_says_how_to_begin(capsys: Shell) -> None:
    log(1.0)
    code, out, err = run(capsys, "budget")
    assert (code, out) == (0, "")
    assert err == (
        "No budgets are set, for there is no callmeter.toml: callmeter budget init writes three to begin with.\n"
    )
    written("port = 8051\n")
    assert f"No budgets are set in {SETTINGS.absolute()}: " in run(capsys, "budget")[2]


def test_a_table_says_how_each_budget_stands(capsys: Shell) -> None:
    log(3.0, 1.1)
    log(None, project="web")
    written(
        DAILY
        + '[[budget]]\nname = "Web"\nperiod = "month"\nmeasure = "tokens"\nlimit = 900\nproject = "web"\n'
    )
    code, out, err = run(capsys, "budget")
    assert (code, err) == (0, "")
    title, daily, web, *_, note = out.splitlines()
    assert title.split() == ["Budget", "Of", "Period", "Used", "Limit", "Share", "Status", "Estimate"]
    assert daily.startswith("Daily   all calls    day     ≥ $4.10      $10.00  ≥ 41 %  ✓ ok ")
    assert web.startswith("Web     project web  month     1,000  900 tokens   111 %  ✗ exceeded ")
    assert note.startswith(("Estimates: ", "No estimates: ")), "early in a day there is none"


def test_bad_lines_are_said_beside_the_table(capsys: Shell) -> None:
    log(1.0)
    with Path(f"logs/api/api-calls-{datetime.now(UTC):%Y-%m-%d}.jsonl").open("a") as file:
        file.write("{\n")
    written(DAILY)
    code, _, err = run(capsys, "budget")
    assert (code, err) == (0, "Not counted: 1 bad line of these days: callmeter check lists them.\n")


def test_json_has_the_numbers(capsys: Shell) -> None:
    log(4.1)
    written(DAILY)
    code, out, err = run(capsys, "budget", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["file"] == str(SETTINGS.absolute())
    assert document["timezone"] == "UTC"
    (one,) = document["budgets"]
    assert (one["name"], one["current"], one["limit"], one["share"]) == ("Daily", 4.1, 10.0, 0.41)
    assert one["since"] == f"{date.fromisoformat(document['at'][:10])}T00:00:00+00:00"


def test_json_without_budgets_is_an_empty_list(capsys: Shell) -> None:
    assert json.loads(run(capsys, "budget", "--json")[1])["budgets"] == []


def test_a_folder_that_is_not_there_is_said(capsys: Shell) -> None:
    written(DAILY)
    code, out, err = run(capsys, "budget")
    assert (code, out) == (1, "")
    assert "logs/api: no such folder" in err


@pytest.mark.parametrize("words", [["budget"], ["budget", "check"]])
@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (DAILY.replace("10", '"10"'), "[[budget]] 1: limit: must be a number above 0, not '10'"),
        (DAILY + DAILY, "[[budget]] 2: name: there is another budget 'Daily'"),
        ("[budget]\nlimit = 10\n", "budget: must be tables: [[budget]] on a line of its own for each"),
    ],
)
def test_wrong_budgets_are_a_sentence(capsys: Shell, words: list[str], toml: str, said: str) -> None:
    log(1.0)
    written(toml)
    code, out, err = run(capsys, *words)
    assert (code, out, err) == (1, "", f"{SETTINGS.absolute()}: {said}\n")


def test_a_narrow_terminal_has_a_sentence_for_each_budget() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    store = frames.FrameStore([{"time": now - timedelta(hours=1), "cost_usd": 12.0, "project": "web"}])
    budgets = [
        Budget("Daily spending", "day", 10.0),
        Budget("Web", "month", 100.0, "cost", scope=Scope(project=("web",))),
    ]
    found = standings.look(store, budgets, now)
    assert _printed(found, 120).splitlines()[0].split()[1] == "Of"
    assert _printed(found, 60) == (
        "✗ Budget Daily spending: $12.00 of $10.00 today (120 %)\n"
        "✓ Budget Web (project web): $12.00 of $100.00 this month\n"
        "(12 %)\n"
        "\n"
        "No estimates: it is too early to say.\n"
    )


def test_a_narrow_terminal_has_the_estimates_their_note_speaks_of() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    store = frames.FrameStore([{"time": now - timedelta(hours=12), "cost_usd": 4.0}])
    printed = " ".join(_printed(standings.look(store, [Budget("Daily", "day", 10.0)], now), 60).split())
    assert "$4.00 of $10.00 today (40 %), at this pace about $8.00 by midnight" in printed
    assert "Estimates: what was usual" in printed


def _printed(found: Sequence[Standing], width: int) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, height=50, force_terminal=True, color_system=None, highlight=False
    )
    printout.show_budgets(found, console)
    return out.getvalue()


# callmeter budget init


def test_init_writes_budgets_that_load(capsys: Shell) -> None:
    code, out, err = run(capsys, "budget", "init")
    assert (code, out) == (0, "")
    assert err.startswith(f"Three budgets written to {SETTINGS.absolute()}.")
    assert rules.read(SETTINGS, {}).budgets == (
        Budget("Daily spending", "day", 10.0),
        Budget("Weekly tokens", "week", 1_000_000.0, "tokens"),
        Budget("Monthly spending", "month", 200.0),
    )
    assert stat.S_IMODE(SETTINGS.stat().st_mode) == 0o600


@pytest.mark.parametrize("before", ["port = 8051\n", "port = 8051", "# mine\n\n[watch]\nfailures = 3\n"])
def test_init_leaves_what_is_there_as_it_is(capsys: Shell, before: str) -> None:
    written(before)
    SETTINGS.chmod(0o644)
    assert run(capsys, "budget", "init")[0] == 0
    assert SETTINGS.read_text().startswith(before)
    assert stat.S_IMODE(SETTINGS.stat().st_mode) == 0o644
    document = tomllib.loads(SETTINGS.read_text())
    assert len(document.pop("budget")) == 3
    assert document == tomllib.loads(before)


@pytest.mark.parametrize("before", [DAILY, "budget = []\n", "[budget]\n"])
def test_init_leaves_budgets_alone(capsys: Shell, before: str) -> None:
    written(before)
    code, out, err = run(capsys, "budget", "init")
    assert (code, out) == (1, "")
    assert err.startswith(f"{SETTINGS.absolute()} has budgets already")
    assert SETTINGS.read_text() == before


@pytest.mark.parametrize(
    ("before", "said"), [(b"port 8051\n", "not valid TOML"), (b"# \xff\n", "must be UTF-8")]
)
def test_init_leaves_a_broken_file_alone(capsys: Shell, before: bytes, said: str) -> None:
    SETTINGS.write_bytes(before)
    code, _, err = run(capsys, "budget", "init")
    assert code == 1
    assert said in err
    assert SETTINGS.read_bytes() == before


def test_init_for_the_user(capsys: Shell, own_machine: Path) -> None:
    file = own_machine.parent / ".config/callmeter/callmeter.toml"
    code, _, err = run(capsys, "budget", "init", "--user")
    assert (code, err.splitlines()[0].split(".toml")[0]) == (
        0,
        f"Three budgets written to {file.parent}/callmeter",
    )
    assert len(rules.read(file, {}).budgets) == 3
    assert not SETTINGS.exists()


def test_init_does_not_put_a_file_before_the_users_own(capsys: Shell, own_machine: Path) -> None:
    file = own_machine.parent / ".config/callmeter/callmeter.toml"
    file.parent.mkdir(parents=True)
    file.write_text("port = 8051\n")
    code, _, err = run(capsys, "budget", "init")
    assert code == 1
    assert err.startswith(
        f"Your settings are in {file}; a callmeter.toml here would be read instead of them."
    )
    assert not SETTINGS.exists()


def test_init_for_the_user_says_what_is_read_here(capsys: Shell) -> None:
    written("port = 8051\n")
    code, _, err = run(capsys, "budget", "init", "--user")
    assert code == 0
    assert err.splitlines()[1] == f"In this folder {SETTINGS.absolute()} is read instead."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_init_where_nobody_may_write_is_a_sentence(capsys: Shell, own_machine: Path) -> None:
    own_machine.chmod(0o500)
    code, _, err = run(capsys, "budget", "init")
    own_machine.chmod(0o700)
    assert code == 1
    assert "callmeter.toml: cannot be written to: " in err


def test_init_into_a_folder_of_that_name_is_a_sentence(
    capsys: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_budgets, "find_file", lambda *_: None)
    SETTINGS.mkdir()
    code, _, err = run(capsys, "budget", "init")
    assert (code, err) == (1, f"{SETTINGS.absolute()}: cannot be written to: Is a directory\n")


# callmeter budget check


def test_check_is_silent_while_all_is_well(capsys: Shell) -> None:
    log(9.99)
    written(DAILY)
    assert run(capsys, "budget", "check") == (0, "", "")


def test_check_ends_with_2_and_says_which_budget_is_exceeded(capsys: Shell) -> None:
    log(6.0, 6.0)
    written(DAILY + DAILY.replace("Daily", "Roomy").replace("10", "100"))
    code, out, err = run(capsys, "budget", "check")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("Budget Daily is exceeded: $12.00 of $10.00 today (120 %)")


def test_check_says_what_is_only_a_lower_bound(capsys: Shell) -> None:
    log(4.1, None)
    written(DAILY)
    code, out, err = run(capsys, "budget", "check")
    assert (code, out) == (0, "")
    (line,) = err.splitlines()
    assert line.startswith("Budget Daily: ≥ $4.10 of $10.00 today (≥ 41 %)")
    assert line.endswith(". It may be more: some calls have no known cost or count: callmeter check.")


@pytest.mark.parametrize("differs", [{}, {"measure": "tokens"}])
def test_check_of_calls_without_any_known_price_is_an_error_not_a_yes(
    capsys: Shell, differs: dict[str, str]
) -> None:
    log(*[None] * 40, tokens_input=0, tokens_total=0) if differs else log(*[None] * 40)
    written(DAILY + "".join(f'{key} = "{value}"\n' for key, value in differs.items()))
    code, out, err = run(capsys, "budget", "check")
    assert (code, out) == (1, "")
    what = differs.get("measure", "cost")
    assert err == f"Budget Daily: nothing is known of the {what} of its calls today: callmeter check.\n"


def test_check_with_one_exceeded_and_one_not_known_ends_with_2_and_says_both(capsys: Shell) -> None:
    log(None)
    log(12.0, project="web")
    log(None, project="other")
    written(DAILY + DAILY.replace("Daily", "Other") + 'project = "other"\n')
    code, _, err = run(capsys, "budget", "check")
    assert code == 2
    assert "Budget Daily is exceeded: ≥ $12.00" in err
    assert "Budget Other: nothing is known of the cost" in err


def test_a_check_of_no_calls_is_silent(capsys: Shell) -> None:
    Path("logs/api").mkdir(parents=True)
    written(DAILY)
    assert run(capsys, "budget", "check") == (0, "", "")


def test_check_without_budgets_is_an_error_not_a_yes(capsys: Shell) -> None:
    log(1.0)
    code, out, err = run(capsys, "budget", "check")
    assert (code, out) == (1, "")
    assert err.startswith("No budgets are set")


def test_check_with_a_file_that_cannot_be_read_is_an_error_not_a_yes(capsys: Shell) -> None:
    unreadable(datetime.now(UTC))
    written(DAILY)
    code, out, err = run(capsys, "budget", "check")
    assert (code, out) == (1, "")
    assert "its calls are missing here" in err


def test_a_file_of_another_period_does_not_matter_to_check(capsys: Shell) -> None:
    unreadable(datetime.now(UTC) - timedelta(days=3))
    written(DAILY)
    assert run(capsys, "budget", "check") == (0, "", "")


def unreadable(day: datetime) -> None:
    """A folder where the file of a day should be."""
    Path(f"logs/api/api-calls-{day:%Y-%m-%d}.jsonl").mkdir(parents=True)


def test_check_takes_the_log_it_is_given(capsys: Shell) -> None:
    log(12.0, folder=Path("elsewhere"))
    written(DAILY)
    assert run(capsys, "budget", "check", "--log-dir", "elsewhere")[0] == 2


# callmeter report


def test_a_report_of_today_says_how_the_budgets_stand(capsys: Shell) -> None:
    log(4.1)
    written(DAILY)
    code, out, err = run(capsys, "report")
    assert (code, err) == (0, "")
    assert "\nBudget Daily: $4.10 of $10.00 today (41 %)" in out
    (one,) = json.loads(run(capsys, "report", "--json")[1])["budgets"]
    assert (one["name"], one["current"]) == ("Daily", 4.1)


@pytest.mark.parametrize("words", [["--week"], ["--date", "2026-01-01"], ["--csv"]])
def test_other_reports_do_not(capsys: Shell, words: list[str]) -> None:
    log(4.1)
    written(DAILY)
    assert "Daily" not in run(capsys, "report", *words)[1]
    assert "budgets" not in json.loads(run(capsys, "report", "--week", "--json")[1])


def test_without_budgets_a_report_does_not_speak_of_them(capsys: Shell) -> None:
    log(4.1)
    written("port = 8051\n")
    code, out, err = run(capsys, "report")
    assert (code, err) == (0, "")
    assert "Budget" not in out
    assert "budgets" not in json.loads(run(capsys, "report", "--json")[1])


def test_wrong_budgets_do_not_keep_a_report_from_its_numbers(capsys: Shell) -> None:
    log(4.1)
    written(DAILY.replace("10", '"10"'))
    code, out, err = run(capsys, "report")
    assert code == 0
    assert "$4.1000" in out
    assert err == f"{SETTINGS.absolute()}: [[budget]] 1: limit: must be a number above 0, not '10'\n"


def test_a_day_without_calls_has_budgets_too(capsys: Shell) -> None:
    Path("logs/api").mkdir(parents=True)
    written(DAILY)
    code, out, err = run(capsys, "report")
    assert code == 0
    assert out.startswith("Budget Daily: $0 of $10.00 today (0 %)")
    assert err.startswith("No calls in ")
