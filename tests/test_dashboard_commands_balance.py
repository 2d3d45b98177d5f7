"""`callmeter balance`: credit entered by hand, what is left of it, and slips taken back."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboard import commands
from dashboard.commands import balance_typed, balance_words, demo_credit
from dashboard.demo import funding
from dashboard.errors import UsageError
from dashboard.money.backtest import Backtest
from dashboard.money.credit import Drift
from dashboard.money.ledger import Reading

pytestmark = pytest.mark.usefixtures("own_machine")

Shell = pytest.CaptureFixture[str]
LEDGER = Path("logs/credit/credit.jsonl")
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 14, 30, tzinfo=BERLIN)


def run(capsys: Shell, *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    code = commands.run([str(word) for word in words], {})
    out, err = capsys.readouterr()
    return code, out, err


def ago(**span: float) -> str:
    """A moment as it is typed, in UTC."""
    return f"{datetime.now(UTC) - timedelta(**span):%Y-%m-%d %H:%M}"


def log(*costs: float | None, days_ago: float, folder: Path = Path("logs/api")) -> None:
    """Calls with these costs, in the log of the working directory."""
    folder.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC) - timedelta(days=days_ago)
    plain = {"timestamp": at.isoformat(), "model": "claude-sonnet-4-5", "success": True, "source": "manual"}
    tokens = {"tokens_input": 1000, "tokens_output": 0, "tokens_total": 1000}
    with (folder / f"api-calls-{at:%Y-%m-%d}.jsonl").open("a") as file:
        file.writelines(json.dumps(plain | tokens | {"estimated_cost_usd": cost}) + "\n" for cost in costs)


def steady_log() -> None:
    """$10 a day for twenty days, and nothing today."""
    for day in range(1, 21):
        log(10.0, days_ago=day)


def read_json(capsys: Shell, *words: object) -> Any:
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    return json.loads(out)


# The way through


def test_an_empty_ledger_says_how_to_begin(capsys: Shell) -> None:
    for words in (("balance",), ("balance", "history")):
        code, out, err = run(capsys, *words)
        assert (code, out) == (0, "")
        assert err.startswith(f"No credit is on record in {LEDGER.absolute()}.\n")
        assert "callmeter balance grant 1000 --label promo --expires 2026-12-31" in err
    assert read_json(capsys, "balance", "--json")["left_usd"] is None
    assert read_json(capsys, "balance", "history", "--json") == []


def test_a_grant_a_reading_and_what_is_left(capsys: Shell) -> None:
    """$1,000 ten days ago; $100 were logged since, the Console shows that it was $104."""
    steady_log()
    code, out, err = run(
        capsys,
        "balance",
        "grant",
        1000,
        "--label",
        "promo",
        "--expires",
        "2099-12-31",
        "--at",
        ago(days=10.5),
    )
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"Entered: the grant promo of \$1,000, to be used by 2099-12-31 \([0-9a-f]{6}\)\.\n"
        r"Balance now: \$900\.00\.\n",
        out,
    )
    code, out, err = run(capsys, "balance", "read", "$896", "--note", "weekly")
    assert (code, err) == (0, "")
    assert out.endswith(
        "By our count it was $900.00: $4.00 more was spent than was logged (4.0 %); "
        "from now on the burn rate counts with that.\n"
    )
    code, out, err = run(capsys, "balance")
    assert (code, err) == (0, "")
    assert "Left:           $896.00 of $1,000 (90 %)\n" in out
    assert "Status:         ok: $896.00 of credit is left; no limit is near.\n" in out
    assert re.search(r"Runs out: +(between|on) .*most likely", out)
    assert re.search(r"Burn rate: +about \$1\d\.\d\d a day, by 20 days of history, corrected by ×1\.04", out)
    assert re.search(r"Last reading: +\$896\.00 on .*, (just now|\d+ s ago)\n", out)
    assert re.search(r"\$896\.00 +\$1,000 +2099-12-31 +promo\n", out)


def test_the_balance_as_json(capsys: Shell) -> None:
    steady_log()
    run(capsys, "balance", "grant", 500, "--at", ago(days=10.5))
    run(capsys, "balance", "read", 390, "--at", ago(minutes=5))
    log(None, days_ago=0)
    found = read_json(capsys, "balance", "--json")
    assert {key: found[key] for key in ("left_usd", "at_most", "uncertain_calls", "status")} == {
        "left_usd": 390,
        "at_most": True,
        "uncertain_calls": 1,
        "status": "ok",
    }
    assert found["last_reading"]["drift_usd"] == 10
    assert found["correction"] == pytest.approx(1.1)
    assert found["lots"][0]["granted_usd"] == 500
    assert found["run_out"]["earliest"] <= found["run_out"]["likely"] <= found["run_out"]["latest"]
    assert found["run_out"]["enough_history"] is True


def test_unknown_costs_are_marked_in_the_balance(capsys: Shell) -> None:
    run(capsys, "balance", "grant", 50, "--at", ago(days=2))
    log(5.0, None, days_ago=1)
    out = run(capsys, "balance")[1]
    assert "Left:           ≤ $45.00 of $50.00 (90 %)\n" in out
    assert "at most: 1 call since then without a known or final cost" in out
    assert "Runs out:       not enough history\n" in out
    assert "Last reading:   none: callmeter balance read AMOUNT enters what the Console shows" in out


def test_the_history_has_ids_and_the_drift_at_each_reading(capsys: Shell) -> None:
    steady_log()
    run(capsys, "balance", "grant", 100, "--label", "promo", "--at", ago(days=5.5))
    run(capsys, "balance", "read", 78, "--at", ago(days=3.5), "--note", "by phone")
    grant, reading = read_json(capsys, "balance", "history", "--json")
    assert (grant["kind"], grant["amount_usd"], grant["label"]) == ("grant", 100, "promo")
    assert (reading["kind"], reading["balance_usd"], reading["expected_usd"]) == ("reading", 78, 80)
    assert (reading["drift_usd"], reading["logged_usd"]) == (2, 20)
    title, first, second = run(capsys, "balance", "history")[1].splitlines()
    assert title.split() == ["When", "Entry", "USD", "Reckoned", "Drift", "Id", "About"]
    assert first.endswith(f"{grant['id']}  promo")
    assert re.search(rf"reading +\$78\.00 +\$80\.00 +\+2\.00 +{reading['id']} +by phone$", second)


def test_a_slip_is_taken_back(capsys: Shell) -> None:
    run(capsys, "balance", "grant", 100)
    out = run(capsys, "balance", "read", 8760)[1]
    slip = re.search(r"\(([0-9a-f]{6})\)", out)
    assert slip is not None
    code, out, err = run(capsys, "balance", "undo", slip[1])
    assert (code, err) == (0, "")
    assert re.fullmatch(r"Taken back: the reading of .*, \$8,760\.\nBalance now: \$100\.00\.\n", out)
    assert len(LEDGER.read_text().splitlines()) == 3
    assert len(read_json(capsys, "balance", "history", "--json")) == 1


def test_the_last_entry_may_be_taken_back_too(capsys: Shell) -> None:
    out = run(capsys, "balance", "grant", 100)[1]
    code, out, err = run(capsys, "balance", "undo", out.split("(")[1][:6])
    assert (code, err) == (0, "")
    assert out.startswith("Taken back: the grant of ")


def test_a_grant_after_a_reading_tells_what_it_is_added_to(capsys: Shell) -> None:
    run(capsys, "balance", "read", 876)
    out = run(capsys, "balance", "grant", 1000)[1]
    assert "Balance now: $1,876.\n" in out
    assert "It is added to the reading of $876.00 before it. If that showed this credit already:" in out


def test_a_grant_by_a_day_on_which_the_console_was_read_needs_its_time(capsys: Shell) -> None:
    """Bought in the afternoon, read in the morning: by its day alone the grant would be before the reading."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    run(capsys, "balance", "read", 189, "--at", f"{yesterday:%Y-%m-%d} 09:00", "--timezone", "UTC")
    grant = ("balance", "grant", 50, "--timezone", "UTC", "--at")
    code, out, err = run(capsys, *grant, f"{yesterday:%Y-%m-%d}")
    assert (code, out) == (1, "")
    assert f"The Console was read on {yesterday:%Y-%m-%d} at 09:00 ($189.00), so the time of the grant" in err
    assert f'as --at "{yesterday:%Y-%m-%d} 14:30"' in err
    code, out, err = run(capsys, *grant, f"{yesterday:%Y-%m-%d} 14:00")
    assert (code, err) == (0, "") and "Balance now: $239.00.\n" in out


def test_a_grant_that_changes_nothing_says_so(capsys: Shell) -> None:
    run(capsys, "balance", "read", 189, "--at", ago(days=1))
    out = run(capsys, "balance", "grant", 50, "--at", ago(days=3))[1]
    assert "Balance now: $189.00.\nThe balance is what it was: the reading of $189.00 of " in out
    assert "after this grant, is taken to show it already. If it came later: callmeter balance undo " in out


def test_the_ledger_of_another_log_folder_is_its_own(capsys: Shell) -> None:
    run(capsys, "balance", "grant", 100, "--log-dir", "elsewhere")
    assert Path("elsewhere/credit/credit.jsonl").exists()
    assert not LEDGER.exists()


# What goes wrong


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("grant", "lots"), "'lots' is no amount in USD: give one such as 876, 15.50 or 1,000."),
        (("grant", "0"), "A grant must be an amount in USD above 0"),
        (("grant", "1e5"), "'1e5' is no amount in USD"),
        (("read", "nan"), "'nan' is no amount in USD"),
        (("grant", "5", "--expires", "soon"), "--expires soon: not a day; give one as 2026-11-22"),
        (("grant", "5", "--expires", "2020-01-01"), "cannot expire before it, on 2020-01-01"),
        (("grant", "5", "--at", "2099-01-01"), "A grant cannot be of the future: 2099-01-01 00:00"),
        (("read", "5", "--at", "2099-01-01 10:00"), "A reading cannot be of the future: 2099-01-01 10:00"),
        (
            ("read", "5", "--at", "2026-11-20"),
            '--at 2026-11-20: give the day and the time, as "2026-11-22 14:30"',
        ),
        (("read", "5", "--at", "2026-11-20 25:00"), "--at 2026-11-20 25:00: give the day and the time"),
        (("undo", "abcdef"), "Entry abcdef is not in the ledger; callmeter balance history lists"),
        (("--json", "history"), "--json stands before history"),
    ],
)
def test_what_cannot_be_entered_is_a_sentence(capsys: Shell, words: tuple[str, ...], said: str) -> None:
    code, out, err = run(capsys, "balance", *words)
    assert (code, out) == (1, "")
    assert said in err
    assert not LEDGER.exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(capsys: Shell) -> None:
    Path("logs").mkdir()
    Path("logs/credit").write_text("in the way")
    for words in (("grant", 5), ("read", 5)):
        code, _, err = run(capsys, "balance", *words)
        assert code == 1
        assert f"{LEDGER.absolute()}: cannot be " in err
        assert len(err.splitlines()) == 1


def test_a_line_that_cannot_be_understood_is_told_and_the_others_count(capsys: Shell) -> None:
    run(capsys, "balance", "grant", 100)
    with LEDGER.open("a") as file:
        file.write('{"kind": "gift"}\n')
    code, out, err = run(capsys, "balance")
    assert code == 0
    assert "Left:           $100.00 of $100.00 (100 %)" in out
    assert err == f"{LEDGER.absolute()}: line 2: kind: must be one of grant, reading, void\n"


def test_a_log_file_that_cannot_be_read_is_told_and_an_error(capsys: Shell) -> None:
    run(capsys, "balance", "grant", 100)
    Path("logs/api").mkdir()
    Path(f"logs/api/api-calls-{datetime.now(UTC):%Y-%m-%d}.jsonl.gz").write_bytes(b"no gzip")
    code, out, err = run(capsys, "balance")
    assert (code, "Left: " in out) == (1, True)
    assert "its calls are missing here" in err


def test_a_wrong_table_is_a_sentence(capsys: Shell) -> None:
    run(capsys, "balance", "grant", 100)
    Path("callmeter.toml").write_text("[credit]\ncritical_usd = -1\n")
    code, _, err = run(capsys, "balance")
    assert code == 1
    assert "callmeter.toml: [credit]: critical_usd: must be a number above 0, not -1" in err


def test_names_in_the_ledger_cannot_steer_the_terminal(capsys: Shell) -> None:
    run(capsys, "balance", "grant", 100, "--label", "a\x1b[31m\nb")
    out = run(capsys, "balance")[1] + run(capsys, "balance", "history")[1]
    assert "a\\x1b[31m\\nb" in out
    assert "\x1b" not in out


# Words


@pytest.mark.parametrize(
    ("typed", "usd"),
    [("876", 876), ("$1,000", 1000), ("15.50", 15.5), (" 12 USD", 12), ("1,234,567.8", 1234567.8)],
)
def test_amounts_as_people_write_them(typed: str, usd: float) -> None:
    assert balance_typed.amount(typed) == usd


@pytest.mark.parametrize("typed", ["", "1,00", "1.2.3", "5€", "0x10", "1_000"])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(UsageError):
        balance_typed.amount(typed)


def test_moments_are_of_the_zone_unless_they_say_otherwise() -> None:
    def typed(text: str) -> str:
        return balance_typed.moment(text, NOW, BERLIN, "--at").isoformat()

    assert typed("2026-11-01") == "2026-11-01T00:00:00+01:00"
    assert typed("2026-07-01 09:15") == "2026-07-01T09:15:00+02:00"
    assert typed("2026-11-22T13:00:00Z") == "2026-11-22T14:00:00+01:00"
    assert typed("yesterday") == "2026-11-21T00:00:00+01:00"


@pytest.mark.parametrize(
    ("expected", "read", "logged", "said"),
    [
        (None, 50, 0, "It is the first entry: from now on what is logged is taken off it"),
        (881.20, 881.2, 118.8, "By our count it was $881.20, too"),
        (
            881.20,
            876,
            118.8,
            "By our count it was $881.20: $5.20 more was spent than was logged (4.4 %); "
            "from now on the burn rate counts with that",
        ),
        (
            90,
            92,
            10,
            "By our count it was $90.00: $2.00 less was spent than was logged (20.0 %); "
            "from now on the burn rate counts with that",
        ),
        (
            1000,
            876,
            0.2,
            "By our count it was $1,000: $124.00 more was spent than was logged ($0.20); the burn rate stays as it was",
        ),
        (
            5,
            105,
            3,
            "By our count it was $5.00: $100.00 less. Credit was added that is not entered, it seems",
        ),
        (
            100,
            10,
            10,
            "By our count it was $100.00: $90.00 more was spent than was logged, 10.0 times as much in all; "
            "the burn rate counts with 3 at most",
        ),
    ],
)
def test_a_drift_in_words(expected: float | None, read: float, logged: float, said: str) -> None:
    assert balance_words.drift_words(Drift(Reading("r", NOW, read), expected, logged)) == said


# The backtest


def test_the_backtest_says_how_often_the_range_held(capsys: Shell) -> None:
    for day in range(60):
        log(10.0 + day % 3, days_ago=day)
    found = read_json(capsys, "balance", "--backtest", "--json")
    assert found["cases"] > 50
    assert found["coverage"] == found["held"] / found["cases"]
    out = run(capsys, "balance", "--backtest")[1]
    assert out.startswith(
        f"{found['cases']} cases: asked on past days, with balances of 3 to 30 usual days.\n"
    )
    assert f"The range held the day in {found['held']} of them " in out


def test_a_backtest_without_history_says_so(capsys: Shell) -> None:
    log(1.0, days_ago=0)
    assert run(capsys, "balance", "--backtest") == (
        0,
        "Not enough history: no forecast of the past can be judged by now.\n",
        "",
    )


def test_few_cases_are_called_few() -> None:
    assert balance_words.backtest_words(Backtest(4, 3, 1.0, 2.0)) == [
        "4 cases: asked on past days, with balances of 3 to 30 usual days.",
        "The range held the day in 3 of them (75 %; it is meant to hold it in about 80 %).",
        "The likely date was off by 1 day in the middle of all cases, and by 2 at worst.",
        "These are few cases: another month of history says more.",
    ]


# The demo's ledger


def test_the_demo_has_credit_that_pays_for_its_calls(capsys: Shell) -> None:
    assert run(capsys, "demo", "--log-dir", "demo", "--calls-per-day", 40)[0] == 0
    found = read_json(capsys, "balance", "--log-dir", "demo", "--json")
    assert found["left_usd"] > 10
    assert found["run_out"]["enough_history"] is True
    assert found["correction"] == pytest.approx(1.04, abs=0.01)
    entries = read_json(capsys, "balance", "history", "--log-dir", "demo", "--json")
    assert [one["kind"] for one in entries].count("reading") == 4


def test_a_demo_written_anew_has_its_ledger_anew_but_never_one_with_other_entries(capsys: Shell) -> None:
    ledger = Path("demo/credit/credit.jsonl")
    run(capsys, "demo", "--log-dir", "demo", "--days", 2)
    first = ledger.read_text()
    assert '"source": "demo"' in first
    run(capsys, "demo", "--log-dir", "demo", "--days", 3, "--seed", 2)
    assert len(ledger.read_text().splitlines()) == len(first.splitlines())
    run(capsys, "balance", "read", 5, "--log-dir", "demo")
    mine = ledger.read_text()
    code, _, err = run(capsys, "demo", "--log-dir", "demo")
    assert code == 0
    assert f"{ledger.absolute()} holds entries that are not the demo's; it stays as it is.\n" in err
    assert ledger.read_text() == mine


def test_the_demo_says_where_its_ledger_cannot_be_written(capsys: Shell) -> None:
    Path("demo").mkdir()
    Path("demo/credit").write_text("in the way")
    code, _, err = run(capsys, "demo", "--log-dir", "demo", "--days", 1)
    assert code == 1
    assert "credit.jsonl: cannot be written" in err


def test_a_demo_without_calls_has_credit_that_nothing_was_used_of() -> None:
    lines = funding([], NOW)
    assert [line.fields.get("balance_usd", line.fields.get("amount_usd")) for line in lines] == [
        100,
        100,
        100,
        50,
        150,
        150,
    ]
    assert demo_credit._source(b"nonsense") is None
