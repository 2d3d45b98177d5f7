"""`callmeter reconcile`: the verdict, tables, exit codes, and what it says when there is nothing to compare."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dashboard import commands
from dashboard.commands.reconcile import BEYOND, period
from dashboard.errors import UsageError
from tests.admin_api import AdminServer, serving
from tests.billed_org import OTHER_KEY, WORKSPACE, Organisation
from tests.simulated_organisation import NOW, Simulation, usd

pytestmark = pytest.mark.usefixtures("own_machine")

Shell = pytest.CaptureFixture[str]
LOG = Path("logs/api")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
OPUS, HAIKU = "claude-opus-5-5", "claude-haiku-4-5"
PERIOD = ("--since", "2026-11-01", "--until", "2026-11-07")


@pytest.fixture(scope="module")
def server() -> Iterator[AdminServer]:
    with serving(Organisation(), now=NOW) as server:
        yield server


@pytest.fixture
def org(server: AdminServer, own_machine: Path) -> Simulation:
    """A week of which one call of 3 November was not logged; log and bill are in the working directory."""
    org = Simulation()
    org.work(date(2026, 11, 1), date(2026, 11, 7), calls=2)
    org.call("2026-11-03T10:00", model=HAIKU, logged=False, workspace_id=WORKSPACE, api_key_id=OTHER_KEY)
    return settled(org, server)


def settled(org: Simulation, server: AdminServer) -> Simulation:
    org.write(LOG)
    org.bill(server, Path("logs/billing"))
    return org


def run(capsys: Shell, *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `callmeter reconcile`."""
    code = commands.run(["reconcile", *map(str, words)], {})
    out, err = capsys.readouterr()
    return code, out, err


def test_the_verdict_stands_first_and_the_exit_code_tells_of_the_tolerance(
    org: Simulation, capsys: Shell
) -> None:
    code, out, _ = run(capsys, *PERIOD)
    assert code == BEYOND == 2
    assert out.startswith("We logged ")
    assert "all of it on 3 November from claude-haiku-4-5 (billed, but not logged)." in out.splitlines()[0]
    assert "1 call on 3 November for claude-haiku-4-5 was billed and not logged:" in out
    assert run(capsys, *PERIOD, "--tolerance", "100")[0] == 0
    Path("callmeter.toml").write_text("[billing]\ntolerance = 100\n", "utf-8")
    assert run(capsys, *PERIOD)[0] == 0


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_every_cause_and_every_model_whole(
    org: Simulation, capsys: Shell, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    _, piped, _ = run(capsys, *PERIOD, "--detail")
    causes = [line.partition("  1 call")[2] for line in piped.splitlines() if "  1 call" in line]
    assert causes
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = run(capsys, *PERIOD, "--detail")
    assert max(map(len, ANSI.sub("", out).splitlines())) <= width
    assert "…" not in out
    assert all(" ".join(cause.split()) in " ".join(ANSI.sub("", out).split()) for cause in causes)
    by_model = ANSI.sub("", out).partition("By model")[2]
    assert {"opus-5-5", "haiku-4-5"} <= {word.removeprefix("claude-") for word in by_model.split()}


def test_json_holds_numbers_under_lasting_names(org: Simulation, capsys: Shell) -> None:
    code, out, err = run(capsys, *PERIOD, "--json", "--detail")
    said = json.loads(out)
    assert (code, err, said["within"], said["days_not_read"]) == (2, "", False, [])
    (finding,) = said["findings"]
    lost = org.org.calls[-1]
    assert finding["usd"] == pytest.approx(usd(lost)) == pytest.approx(said["missing_usd"])
    assert {key: finding[key] for key in ("day", "model", "reason", "kind", "calls", "certain")} == {
        "day": "2026-11-03",
        "model": HAIKU,
        "reason": "not_logged",
        "kind": None,
        "calls": 1,
        "certain": True,
    }
    assert [day["day"] for day in said["days"]] == [f"2026-11-0{n}" for n in range(1, 8)]
    differing = {(cell["day"], cell["model"]) for cell in said["cells"] if cell["difference_tokens"]}
    assert differing == {("2026-11-03", HAIKU)}


def test_csv_holds_the_days_or_with_detail_the_cells(org: Simulation, capsys: Shell) -> None:
    _, out, err = run(capsys, *PERIOD, "--csv")
    days = list(csv.DictReader(io.StringIO(out)))
    assert [row["reason"] for row in days] == ["", "", "not_logged", "", "", "", ""]
    assert err.startswith("We logged ")
    cells = list(csv.DictReader(io.StringIO(run(capsys, *PERIOD, "--csv", "--detail")[1])))
    assert {(row["model"], row["kind"]) for row in cells} >= {
        (OPUS, "tokens_output"),
        (HAIKU, "tokens_input"),
    }


def test_a_choice_of_models_narrows_both_sides(org: Simulation, capsys: Shell) -> None:
    code, out, _ = run(capsys, *PERIOD, "--model", "opus*", "--model", "claude-opus-5-5-20260922")
    assert (code, out) == (1, "")
    code, out, _ = run(capsys, *PERIOD, "--model", "claude-opus-5-5-20260922")
    assert code == 0 and out.startswith("Nothing was billed that we did not log") and HAIKU not in out


def test_a_choice_of_workspace_or_key_narrows_the_bill(org: Simulation, capsys: Shell) -> None:
    code, out, err = run(capsys, *PERIOD, "--workspace", "default")
    assert code == 0 and out.startswith("Nothing was billed that we did not log")
    assert "Only the bill of workspace default is compared, with all of the log" in err
    assert run(capsys, *PERIOD, "--api-key", "coord*")[0] == 0
    code, out, err = run(capsys, *PERIOD, "--workspace", "Nights")
    assert (code, out) == (1, "")
    assert err == "workspace Nights: the bill has none of that name; there are Default, Research.\n"


@pytest.mark.parametrize(
    "choice", [("--workspace", "Research"), ("--workspace", WORKSPACE), ("--api-key", OTHER_KEY)]
)
def test_a_workspace_or_key_that_used_nothing_in_these_days_has_a_bill_of_nothing(
    org: Simulation, capsys: Shell, choice: tuple[str, str]
) -> None:
    """It was billed on 3 November alone."""
    code, out, err = run(capsys, "--since", "2026-11-05", "--until", "2026-11-06", *choice)
    assert (code, out.partition(";")[0]) == (0, "Nothing was billed")
    assert f"{choice[1]} is compared, with all of the log" in err


def test_without_a_bill_it_says_how_to_get_one(capsys: Shell) -> None:
    org = Simulation()
    org.call("2026-11-03T10:00")
    org.write(LOG)
    code, out, err = run(capsys, *PERIOD)
    assert (code, out) == (1, "")
    assert err.splitlines()[0] == (
        "Nothing can be compared: what Anthropic billed is not here. callmeter sync reads it."
    )
    assert "Not compared: 1 to 7 November (not read yet): 1 line of the log" in err
    assert json.loads(run(capsys, *PERIOD, "--json")[1])["compared_days"] == []


def test_without_a_log_it_says_where_one_is_looked_for(capsys: Shell) -> None:
    code, out, err = run(capsys, *PERIOD)
    assert (code, out) == (1, "") and "no such folder" in err


def test_bad_lines_are_said(org: Simulation, capsys: Shell) -> None:
    with (LOG / "api-calls-2026-11-04.jsonl").open("a") as file:
        file.write("{no line\n")
    code, _, err = run(capsys, *PERIOD, "--tolerance", "100")
    assert code == 0 and "Not counted: 1 bad line of these days: callmeter check lists them." in err


def test_what_is_left_out_is_said_after_the_tables(org: Simulation, capsys: Shell) -> None:
    _, _, err = run(capsys, "--since", "2026-10-20", "--until", "2026-11-07")
    assert "Not compared: 20 to 23 October (not read yet)." in err


def test_where_days_that_are_over_were_not_read_it_does_not_say_that_all_is_well(
    org: Simulation, capsys: Shell
) -> None:
    period = ("--since", "2026-10-22", "--until", "2026-11-02")
    code, out, err = run(capsys, *period)
    assert code == 1
    assert out.startswith("On 10 of 12 days nothing was billed that we did not log: $")
    assert "callmeter sync --days " in err and "reads the days that are missing." in err
    said = json.loads(run(capsys, *period, "--json")[1])
    assert (said["within"], said["days_not_read"]) == (None, ["2026-10-22", "2026-10-23"])


def test_where_some_days_are_known_to_differ_it_says_so(org: Simulation, capsys: Shell) -> None:
    code, out, _ = run(capsys, "--since", "2026-10-22", "--until", "2026-11-07")
    assert code == BEYOND and out.startswith("On 15 of 17 days we logged ")


def test_calls_of_other_workspaces_do_not_speak_against_the_log(server: AdminServer, capsys: Shell) -> None:
    org = Simulation()
    org.work(date(2026, 11, 1), date(2026, 11, 3), calls=2)
    for number in (1, 2, 3):
        org.call(f"2026-11-0{number}T18:00", workspace_id=WORKSPACE, api_key_id=OTHER_KEY)
    settled(org, server)
    code, out, _ = run(capsys, "--until", "2026-11-03", "--workspace", "Default")
    assert code == 0 and "all of it in the log; $" in out
    assert " of the log is perhaps of another workspace or key." in out.splitlines()[0]
    assert "logged, but not billed" not in out and "logged twice" not in out
    assert run(capsys, "--until", "2026-11-03")[1].startswith("Nothing was billed that we did not log: $")


NOVEMBER = datetime(2026, 11, 22, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("flags", "since", "until"),
    [
        ({}, "2026-11-01", "2026-11-21"),
        ({"month": "2026-11"}, "2026-11-01", "2026-11-21"),
        ({"month": "2026-02"}, "2026-02-01", "2026-02-28"),
        ({"since": "2026-11-03"}, "2026-11-03", "2026-11-21"),
        ({"until": "2026-10-31"}, "2026-10-01", "2026-10-31"),
        ({"since": "2026-10-30", "until": "yesterday"}, "2026-10-30", "2026-11-21"),
        ({"since": "2026-10-30", "until": "9000-12-31"}, "2026-10-30", "2026-11-22"),
    ],
)
def test_the_period_is_this_month_up_to_yesterday_or_what_is_asked_for(
    flags: dict[str, str], since: str, until: str
) -> None:
    assert period(NOVEMBER, **flags) == (date.fromisoformat(since), date.fromisoformat(until))


def test_on_the_first_of_a_month_the_one_before_is_compared() -> None:
    first = datetime(2026, 12, 1, 3, tzinfo=UTC)
    assert period(first) == (date(2026, 11, 1), date(2026, 11, 30))


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"month": "2026-13"}, "--month 2026-13: not a month; give one as 2026-11."),
        ({"month": "0001-01"}, "--month 0001-01: not a month; give one as 2026-11."),
        ({"month": "9999-12"}, "--month 9999-12: not a month; give one as 2026-11."),
        ({"month": "2026-11-03"}, "--month 2026-11-03: not a month; give one as 2026-11."),
        ({"month": "2027-01"}, "--month 2027-01: no day of it is over yet."),
        ({"since": "soon"}, "--since soon: not a day; give one as 2026-11-22."),
        ({"since": "2026-11-09", "until": "2026-11-08"}, "--since 2026-11-09 is after --until 2026-11-08."),
        ({"month": "2026-11", "since": "2026-11-02"}, "--month and --since/--until each name a period"),
    ],
)
def test_periods_that_make_no_sense_are_said(flags: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=f"^{sentence.replace('.', '[.]')}"):
        period(NOVEMBER, **flags)


def test_a_log_of_any_zone_is_read_to_the_edges_of_utc_days(
    server: AdminServer, capsys: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLMETER_TIMEZONE", "Asia/Kathmandu")
    org = Simulation(offset=timedelta(hours=5, minutes=45))
    for text in ("2026-11-03T00:00:30", "2026-11-03T12:00", "2026-11-03T23:59:00"):
        org.call(text, model=OPUS)
    settled(org, server)
    code, out, _ = run(capsys, "--since", "2026-11-03", "--until", "2026-11-03")
    assert code == 0 and out.startswith("Nothing was billed that we did not log")
