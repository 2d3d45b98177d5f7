"""`callmeter export`: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from export_reading import cell_types, rows_of, sheet_names, sheet_rows, shown_cell

from dashboard import commands
from dashboard.billing.snapshots import BillingFolder, Snapshot
from dashboard.commands import export_rows, options
from dashboard.commands.demo import write_history
from dashboard.store.shelf import Shelf

Shell = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("own_machine")

NOW = datetime.now(UTC)
LOG = Path("logs/api")


def run(capsys: Shell, *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    code = commands.run([str(word) for word in words], {})
    out, err = capsys.readouterr()
    return code, out, err


def exported(capsys: Shell, path: str, *words: object) -> list[dict[str, Any]]:
    """The rows of a file that could be written."""
    code, out, err = run(capsys, "export", "--output", path, *words)
    assert (code, out) == (0, ""), err
    return rows_of(Path(path))


def log(day: str, *differs: dict[str, Any]) -> None:
    """Lines of a day at noon."""
    LOG.mkdir(parents=True, exist_ok=True)
    plain = {"timestamp": f"{day}T12:00:00+00:00", "model": "claude-opus-5-5", "success": True}
    plain |= {"source": "manual", "tokens_input": 1000, "tokens_total": 1000, "estimated_cost_usd": 0.5}
    with (LOG / f"api-calls-{day}.jsonl").open("a") as file:
        file.write("".join(json.dumps(plain | one) + "\n" for one in differs))


@pytest.fixture
def history(own_machine: Path) -> None:
    """Demo calls of 10 days."""
    write_history(options.settings(log_dir=LOG), NOW, 10, 30, 3)


# The notes' command, and the periods of the report


@pytest.mark.usefixtures("history")
def test_an_export_adds_up_to_the_report_of_the_same_flags(capsys: Shell) -> None:
    flags = ("--week", "--project", "web*", "--outcome", "ok")
    calls = exported(capsys, "calls.csv", *flags)
    by_day = exported(capsys, "days.parquet", "--by", "day", *flags)
    whole = json.loads(run(capsys, "report", "--week", "--by", "project", "--json")[1])
    (asked,) = [group for group in whole["groups"] if group["project"] == "website"]
    for rows in (calls, by_day):
        assert {row["project"] for row in rows} == {"website"}
        assert sum(row["calls"] for row in rows) == asked["successful"] > 0
    failed = exported(capsys, "f.jsonl", "--week", "--project", "website", "--outcome", "failed")
    cost = sum(row["estimated_cost_usd"] or 0 for row in [*calls, *failed])
    assert cost == pytest.approx(asked["estimated_cost_usd"])
    assert sum(row["estimated_cost_usd"] or 0 for row in by_day) <= asked["estimated_cost_usd"] + 1e-9


@pytest.mark.usefixtures("history")
def test_without_a_period_all_there_is_comes(capsys: Shell) -> None:
    """`export --output my_usage.csv`, as the notes have it; lines are those of `report --detail --csv`."""
    code, _, err = run(capsys, "export", "--output", "my_usage.csv")
    assert code == 0
    rows = rows_of(Path("my_usage.csv"))
    assert err.startswith(f"{len(rows):,} rows written to my_usage.csv\n")
    first = (NOW - timedelta(days=9)).date()
    listed = run(capsys, "report", "--since", first, "--detail", "--csv")[1]
    told = list(csv.DictReader(io.StringIO(listed)))
    assert [row["timestamp"] for row in rows] == [one["timestamp"] for one in told]
    written = list(csv.DictReader(io.StringIO(Path("my_usage.csv").read_text())))
    assert [{name: row[name] for name in told[0]} for row in written] == told


def test_days_that_are_written_do_not_stay_in_memory(capsys: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    held, put = [], Shelf.put

    def watched(shelf: Shelf, *given: Any, **more: Any) -> None:
        put(shelf, *given, **more)
        held.append(shelf.rows)

    monkeypatch.setattr(Shelf, "put", watched)
    monkeypatch.setattr(export_rows, "ROWS_HELD", 4)
    for day in range(10, 20):
        log(f"2026-11-{day}", {}, {})
    for _ in ("read from the log", "from the cache"):
        assert len(exported(capsys, "calls.csv", "--force")) == 20
    assert max(held) == 4


def test_a_file_without_a_name_is_named_by_its_rows_and_days(capsys: Shell) -> None:
    log("2026-11-16", {})
    log("2026-11-18", {}, {})
    assert run(capsys, "export")[2] == "3 rows written to callmeter-calls-2026-11-16--2026-11-18.csv\n"
    run(capsys, "export", "--by", "day", "--date", "2026-11-18", "--format", "xlsx")
    assert [row["calls"] for row in rows_of(Path("callmeter-days-2026-11-18.xlsx"))] == [2]


def test_several_models_and_calls_without_a_project(capsys: Shell) -> None:
    log("2026-11-16", {"model": "a"}, {"model": "b", "project": "web"}, {"model": "c"})
    assert [row["model"] for row in exported(capsys, "1.jsonl", "--model", "a", "--model", "b")] == ["a", "b"]
    assert [row["model"] for row in exported(capsys, "2.jsonl", "--project", "")] == ["a", "c"]
    code, _, err = run(capsys, "export", "--output", "3.jsonl", "--model", "nobody")
    assert (code, Path("3.jsonl").read_text()) == (0, "")
    assert (
        err == "0 rows written to 3.jsonl\nNo call of this period has the model nobody. There are: a, b, c.\n"
    )


def test_what_the_numbers_lack_is_said(capsys: Shell) -> None:
    log("2026-11-16", {"estimated_cost_usd": None, "model": "mine"}, {"tokens_final": False})
    with (LOG / "api-calls-2026-11-16.jsonl").open("a") as file:
        file.write("{broken\n")
    code, _, err = run(capsys, "export", "--output", "calls.csv")
    assert code == 0
    assert "1 line could not be understood" in err or "1 bad line" in err, err
    assert "ower bound" in err
    assert "mine" in err


def test_an_export_of_nothing_says_when_there_were_calls(capsys: Shell) -> None:
    LOG.mkdir(parents=True)
    assert run(capsys, "export", "--output", "e.csv")[2].splitlines() == [
        "0 rows written to e.csv",
        f"No calls in {LOG.resolve()} yet. callmeter demo writes some to look at.",
    ]
    log("2026-11-16", {})
    for rows in (["--date", "2020-01-01"], ["--accounting", "2020-01"]):
        said = run(capsys, "export", "--output", f"{rows[0]}.xlsx", *rows)[2]
        assert "The last ones were on 2026-11-16: callmeter report --date 2026-11-16" in said
    assert "No calls from 2020-01-01 to 2020-01-31." in said


ODD = ["=1+1", "@SUM(A1)", "a\nb", "a\rb", 'say "hi"', "\0", "\ud800", "<r>x</r>", "x" * 40_000, "1e5", "ünï"]


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet", "jsonl"])
def test_whatever_a_name_is_made_of_it_is_a_row_and_no_formula(capsys: Shell, ending: str) -> None:
    log("2026-11-16", *({"project": odd, "model": odd, "task_id": odd} for odd in ODD))
    for by in ("call", "day"):
        rows = exported(capsys, f"{by}.{ending}", "--by", by)
        assert len(rows) == sum(row["calls"] for row in rows) == len(ODD)
        named = {str(row["project"]) for row in rows}
        assert {"a\nb", 'say "hi"', "ünï"} <= named
        if ending == "csv":
            assert not any(name.startswith(("=", "@")) for name in named)
        if ending == "xlsx":
            assert "f" not in cell_types(Path(f"{by}.xlsx"))


# stdout


def test_a_minus_is_stdout_and_the_remarks_stay_on_stderr(capsys: Shell) -> None:
    log("2026-11-16", {"task_id": "gh-1"})
    code, out, err = run(capsys, "export", "--output", "-", "--format", "jsonl")
    assert (code, err) == (0, "")
    assert json.loads(out)["task_id"] == "gh-1"
    assert run(capsys, "export", "--output", "-")[1].startswith("timestamp,model,")


def test_whole_files_go_to_stdout_too(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    log("2026-11-16", {})
    for format in ("xlsx", "parquet"):
        assert commands.run(["export", "--output", "-", "--format", format], {}) == 0
        Path(f"out.{format}").write_bytes(capfdbinary.readouterr().out)
        assert [row["calls"] for row in rows_of(Path(f"out.{format}"))] == [1]


# What is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--output", "usage.txt"], "usage.txt: its name does not say the format"),
        (["--output", "no/usage.csv"], "no: no such folder; make it first."),
        (["--output", "logs"], "its name does not say the format"),
        (["--output", "x.csv", "--format", "doc"], "--format doc: no such format"),
        (["--output", "y.xlsx", "--format", "csv"], "y.xlsx: its name says xlsx, --format says csv; give"),
        (["--week", "--month"], "--week and --month each name a period"),
        (["--accounting", "0001-01"], "--accounting 0001-01: not a month; give one as 2026-10, or last."),
        (["--accounting", "2026-13"], "--accounting 2026-13: not a month; give one as 2026-10, or last."),
        (["--accounting", "2026-10", "--week"], "--accounting names a month and its rows"),
        (["--accounting", "2026-10", "--by", "call"], "--accounting names a month and its rows"),
        (["--by", "bill", "--project", "web"], "--project: Anthropic's bill knows only models; leave it out"),
        (["--by", "bill", "--outcome", "ok"], "--outcome: Anthropic's bill knows only models"),
        (["--by", "bill", "--since", "2026-11-22T10"], "give days, not hours"),
        (["--by", "bill"], "no numbers of Anthropic's yet; callmeter sync reads them."),
        (["--by", "week"], "'week' is not one of"),
        (["--log-dir", "nowhere"], "no such folder"),
    ],
)
def test_what_does_not_fit_is_one_sentence(capsys: Shell, words: Sequence[str], said: str) -> None:
    log("2026-11-16", {})
    before = sorted(os.listdir())
    code, out, err = run(capsys, "export", *words)
    assert (code, out) == (1, "")
    assert said in err
    assert "Traceback" not in err
    assert sorted(os.listdir()) == before


def test_a_file_is_not_written_over_without_being_told_to(capsys: Shell) -> None:
    log("2026-11-16", {})
    Path("usage.csv").write_text("mine")
    code, _, err = run(capsys, "export", "--output", "usage.csv")
    assert (code, err) == (1, "usage.csv: is there already; --force writes over it.\n")
    assert run(capsys, "export", "--output", "usage.csv", "--force")[0] == 0
    assert len(rows_of(Path("usage.csv"))) == 1


def test_a_folder_that_may_not_be_written_to(capsys: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    log("2026-11-16", {})

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refused)
    code, _, err = run(capsys, "export", "--output", "usage.csv")
    assert code == 1
    assert err.endswith("may not be written to by this user.\n")


# Anthropic's bill


def bill(day: str, usd: float, *, generation: Any = "analytics", over: bool = True) -> None:
    """A day's snapshots: 1,000 tokens in, a web search, and what they cost."""
    on = date.fromisoformat(day)
    read_at = datetime.combine(on, datetime.min.time(), UTC) + timedelta(days=2 if over else 0, hours=1)
    who = {"model": "claude-opus-5-5", "workspace": "Main", "workspace_id": "wrkspc_1"}
    who |= {"api_key": "pi", "api_key_id": "apikey_1", "service_tier": "standard", "product": None}
    counts = dict.fromkeys(("tokens_output", "tokens_cache_read"), 0) | {"tokens_input": 1000}
    counts |= {"tokens_cache_write_5m": 0, "tokens_cache_write_1h": 0, "web_searches": 1, "requests": 3}
    token_cost = {"cost_type": "tokens", "kind": "tokens_input", "amount_usd": usd, "list_usd": usd}
    search = {"cost_type": "web_search", "kind": None, "amount_usd": 0.01, "list_usd": 0.01}
    folder = BillingFolder(options.settings(log_dir=LOG).billing_dir)
    folder.add(Snapshot("usage", on, [who | counts], read_at, generation))
    folder.add(Snapshot("cost", on, [who | token_cost, who | search], read_at, generation))


def test_the_bill_puts_what_was_used_beside_what_it_cost(capsys: Shell) -> None:
    bill("2026-10-30", 0.5)
    bill("2026-11-01", 0.25, over=False)
    tokens, search, *_ = rows = exported(capsys, "bill.xlsx", "--by", "bill")
    assert len(rows) == 4
    assert (tokens["day"], tokens["model"]) == (datetime(2026, 10, 30), "claude-opus-5-5")
    assert (tokens["workspace"], tokens["api_key"]) == ("Main", "pi")
    assert (tokens["cost_type"], tokens["amount_usd"], tokens["tokens_input"]) == ("tokens", 0.5, 1000)
    assert (tokens["requests"], tokens["web_searches"]) == (3, None)
    assert (search["cost_type"], search["amount_usd"]) == ("web_search", 0.01)
    assert (search["web_searches"], search["tokens_input"], search["requests"]) == (1, None, None)


def test_what_is_not_known_of_the_bill_is_said(capsys: Shell) -> None:
    bill("2026-10-30", 0.5)
    bill("2026-11-01", 0.25, over=False)
    _, _, err = run(capsys, "export", "--by", "bill", "--output", "bill.csv", "--model", "claude-haiku*")
    assert err.splitlines() == [
        "0 rows written to bill.csv",
        "No call of this period has the model claude-haiku*. There are: claude-opus-5-5.",
        "1 day of 3 not known; callmeter sync reads them.",
        "1 day read before it was over: 2026-11-01.",
    ]
    dated = exported(
        capsys, "o.csv", "--by", "bill", "--date", "2026-10-30", "--model", "claude-opus-5-5-20260901"
    )
    assert [row["day"] for row in dated] == ["2026-10-30", "2026-10-30"]


# A month for the books


def test_a_month_for_the_books(capsys: Shell) -> None:
    log("2026-09-30", {"project": "web"})
    log("2026-10-01", {"project": "web"}, {"project": "web", "estimated_cost_usd": 0.25})
    log("2026-10-31", {}, {"model": "mine", "estimated_cost_usd": None})
    bill("2026-10-01", 0.75)
    code, _, err = run(capsys, "export", "--accounting", "2026-10")
    path = Path("callmeter-2026-10.xlsx")
    assert code == 0
    assert err.startswith(f"3 rows written to {path}\n")
    names = ("day", "model", "project", "calls", "estimated_cost_usd")
    assert [tuple(row[name] for name in names) for row in sheet_rows(path, "Days")] == [
        (datetime(2026, 10, 1), "claude-opus-5-5", "web", 2, 0.75),
        (datetime(2026, 10, 31), "claude-opus-5-5", None, 1, 0.5),
        (datetime(2026, 10, 31), "mine", None, 1, None),
        ("Total", None, None, 4, 1.25),
    ]
    models = [(row["model"], row["estimated_cost_usd"]) for row in sheet_rows(path, "Models")]
    assert models == [("claude-opus-5-5", 1.25), ("mine", None), ("Total", 1.25)]
    projects = [(row["project"], row["estimated_cost_usd"]) for row in sheet_rows(path, "Projects")]
    assert projects == [("web", 0.75), (None, 0.5), ("Total", 1.25)]
    (billed,) = sheet_rows(path, "Bill")
    assert (billed["day"], billed["amount_usd"], billed["tokens_input"]) == (
        datetime(2026, 10, 1),
        0.76,
        1000,
    )
    facts = {row["What"]: (row["Value"], row["Note"]) for row in sheet_rows(path, 0)}
    assert facts["First day"] == (datetime(2026, 10, 1), None)
    assert facts["Last day"] == (datetime(2026, 10, 31), None)
    made, zone = facts["Made"]
    assert timedelta(0) <= datetime.now(UTC).replace(tzinfo=None) - made < timedelta(minutes=5)
    assert zone == "In that time zone, UTC+00:00."
    assert facts["Calls"] == (4, None)
    assert facts["Estimated cost in USD"] == (
        1.25,
        "75.0 % priced: the cost of 1 of 4 calls is not known. 1 call of a model without a price (mine)",
    )
    assert facts["Billed by Anthropic in USD"] == (0.76, "1 of 31 days known, in UTC.")


def test_the_numbers_of_the_books_are_shown_as_such(capsys: Shell) -> None:
    """Counts in thousands, USD with two digits or, below a dollar, four; the cell keeps all of them."""
    log("2026-10-01", {"tokens_input": 2_000_000, "estimated_cost_usd": 1234.56789})
    log("2026-10-02", {"estimated_cost_usd": 0.0123456, "project": "web"}, {"estimated_cost_usd": 0.00002})
    run(capsys, "export", "--accounting", "2026-10", "--output", "m.xlsx")
    book, facts = Path("m.xlsx"), sheet_rows(Path("m.xlsx"), "Summary")
    places = {row["What"]: number for number, row in enumerate(facts, 2)}
    shown = {
        "First day": "yyyy-mm-dd",
        "Made": "yyyy-mm-dd hh:mm:ss",
        "Calls": "#,##0",
        "Tokens": "#,##0",
        "Estimated cost in USD": "#,##0.00",
    }
    found = {what: shown_cell(book, "Summary", "Value", places[what]) for what in shown}
    assert {what: cell[1] for what, cell in found.items()} == shown
    assert found["Tokens"][0] == 2_002_000 and found["Estimated cost in USD"][0] == 1234.5802556
    costs = [shown_cell(book, "Days", "estimated_cost_usd", row)[:2] for row in (2, 3, 4)]
    assert costs == [(1234.56789, "#,##0.00"), (0.0123456, "0.0000"), (0.00002, "0.0000######")]
    assert shown_cell(book, "Days", "tokens_input", -1) == (2_002_000, "#,##0", True)


def test_a_total_says_of_how_many_calls_the_cost_is_not_known(capsys: Shell) -> None:
    unknown = {"model": "mine", "estimated_cost_usd": None}
    log("2026-10-01", unknown, {})
    log("2026-09-01", unknown)
    for month, known in (("2026-10", (0.5, 2, 1)), ("2026-09", (None, 1, 1))):
        run(capsys, "export", "--accounting", month, "--output", f"{month}.xlsx")
        for sheet in ("Days", "Models", "Projects"):
            *_, total = sheet_rows(Path(f"{month}.xlsx"), sheet)
            assert (total["estimated_cost_usd"], total["calls"], total["unpriced_calls"]) == known
    run(capsys, "export", "--accounting", "2026-08", "--output", "empty.xlsx")
    assert sheet_rows(Path("empty.xlsx"), "Days") == [], "nothing adds up to nothing"


def test_books_of_a_project_say_so_and_leave_out_the_bill_which_knows_none(capsys: Shell) -> None:
    log("2026-10-01", {"project": "web"}, {"project": "docs"})
    bill("2026-10-01", 0.75)
    flags = ("--project", "web", "--outcome", "ok")
    _, _, err = run(capsys, "export", "--accounting", "2026-10", *flags)
    said = "Anthropic's bill knows only models, so it is left out."
    assert f"--project: {said}" in err.splitlines()
    path = Path("callmeter-2026-10.xlsx")
    facts = {row["What"]: (row["Value"], row["Note"]) for row in sheet_rows(path, "Summary")}
    assert facts["Only"] == ("project web; outcome ok", said)
    assert facts["Estimated cost in USD"][0] == 0.5
    assert not any("Billed" in what for what in facts)
    assert sheet_names(path) == ["Summary", "Days", "Models", "Projects"]
    _, _, err = run(capsys, "export", "--accounting", "2026-10", *flags, "--output", "days.csv")
    assert "bill" not in err, "as CSV the books are the days alone, and never had one"


def test_books_of_a_model_have_the_bill_of_that_model(capsys: Shell) -> None:
    log("2026-10-01", {}, {"model": "claude-haiku-5-5"})
    bill("2026-10-01", 0.75)
    for model, usd in (("*opus*", 0.76), ("claude-haiku-5-5", 0)):
        _, _, err = run(capsys, "export", "--accounting", "2026-10", "--model", model, "--force")
        assert "bill" not in err
        path = Path("callmeter-2026-10.xlsx")
        facts = {row["What"]: (row["Value"], row["Note"]) for row in sheet_rows(path, "Summary")}
        assert facts["Only"] == (f"model {model}", None)
        assert facts["Estimated cost in USD"][0] == 0.5
        assert facts["Billed by Anthropic in USD"] == (usd, "1 of 31 days known, in UTC.")
        assert [row["amount_usd"] for row in sheet_rows(path, "Bill")] == [usd]


def test_the_month_before_and_one_that_is_not_over(capsys: Shell) -> None:
    log("2026-10-01", {})
    ended = NOW.date().replace(day=1) - timedelta(days=1)
    assert f"callmeter-{ended:%Y-%m}.xlsx" in run(capsys, "export", "--accounting", "last")[2]
    run(capsys, "export", "--accounting", f"{NOW:%Y-%m}", "--output", "now.xlsx")
    facts = {row["What"]: row["Note"] for row in sheet_rows(Path("now.xlsx"), "Summary")}
    assert facts["Not over yet"] == "The period was not over when this was made."
    assert facts["Billed by Anthropic in USD"] == "Not known: callmeter sync reads it."


def test_the_books_as_csv_are_the_days(capsys: Shell) -> None:
    log("2026-10-01", {}, {})
    rows = exported(capsys, "2026-10.csv", "--accounting", "2026-10")
    assert [(row["day"], row["calls"], row["estimated_cost_usd"]) for row in rows] == [("2026-10-01", 2, 1.0)]
    assert exported(capsys, "days.csv", "--by", "day", "--date", "2026-10") == rows, "without a total"
