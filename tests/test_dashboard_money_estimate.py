"""What calls would cost: prices of single calls, of many, of typical operations; tables and JSON of them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dashboard.commands import run as command
from dashboard.commands.estimate_text import Table, dollars, laid_out
from dashboard.money.estimate import (
    HABITS,
    OPERATIONS,
    UnknownPriceError,
    Use,
    calls,
    lifetime,
    models,
    priced,
    remarks,
    typical,
)
from dashboard.money.lifetimes import LIFETIMES
from logger.price_file import read_prices
from logger.pricing import built_in

Shell = pytest.CaptureFixture[str]
DAY = date(2026, 11, 22)


def run(capsys: Shell, *words: object) -> tuple[int, str, str]:
    code = command(["estimate", *map(str, words)], {})
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the tests' own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CALLMETER_PRICES", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


# Prices


def test_a_call_has_four_prices() -> None:
    """Sonnet 4.5: $3 in, $15 out, $0.30 from the cache; 1,800 of 2,000 tokens are 90 %."""
    found = priced("claude-sonnet-4-5", Use(2_000, 500), DAY, built_in())
    assert (found.plain, found.batch) == (0.0135, 0.00675)
    assert (found.cached, found.batch_cached) == (0.00864, 0.00432)


@pytest.mark.parametrize(
    ("use", "usd"),
    [
        (Use(100_000, 0), 0.01),
        (Use(100_001, 0), 0.0500005),
        (Use(1, 0, cache_read=100_000), 0.0050005),
        (Use(0, 0, cache_write_5m=100_000), 0.0125),
        (Use(0, 0, cache_write_1h=100_000), 0.02),
    ],
)
def test_a_long_prompt_is_dearer_as_a_whole_call_by_call(use: Use, usd: float) -> None:
    """Haiku 5.5 costs five times as much beyond 100,000 tokens; ten short calls are no long one."""
    assert priced("claude-haiku-5-5", use, DAY, built_in()).plain == pytest.approx(usd)
    assert calls("claude-haiku-5-5", use, 10, DAY, built_in()).all.plain == pytest.approx(10 * usd)


def test_so_many_calls_every_day_are_thirty_times_as_many_in_a_month() -> None:
    found = calls("claude-sonnet-4-5", Use(2_000, 500), 20, DAY, built_in())
    assert (found.one.plain, found.all.plain, found.month.plain) == (0.0135, 0.27, 8.1)


def test_prices_are_those_of_the_day() -> None:
    """Reading Sonnet 5.5's cache cost twice as much before 7 October 2026."""
    use = Use(0, 0, cache_read=1_000_000)
    before, after = (
        priced("claude-sonnet-5-5", use, date(2026, 10, day), built_in()).plain for day in (6, 7)
    )
    assert (before, after) == (0.2, 0.1)


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("claude-sonet-5-5", "did you mean claude-sonnet-5-5"),
        ("Haiku-5.5", "did you mean claude-haiku-5-5?"),
        ("gpt", "callmeter estimate lists those that have one."),
        ("", "callmeter estimate lists those that have one."),
    ],
)
def test_an_unknown_model_has_no_price_but_perhaps_a_neighbour(model: str, meant: str) -> None:
    with pytest.raises(UnknownPriceError) as error:
        priced(model, Use(1, 1), DAY, built_in())
    assert str(error.value).startswith(f"{model!r}: no price is known for this model; {meant}")


def test_a_rate_nobody_named_leaves_a_price_unknown_not_0() -> None:
    found = priced("claude-2", Use(1_000, 1_000), DAY, built_in())
    assert (found.plain, found.cached) == (0.032, None)
    assert found.times(10).cached is None


# Models of a day


def test_models_of_today_are_those_not_retired_newest_of_a_family_first() -> None:
    assert models(DAY, built_in()) == [
        *("claude-fable-5-2", "claude-fable-5-1", "claude-fable-5"),
        *("claude-mythos-5-2", "claude-mythos-5-1", "claude-mythos-5"),
        *("claude-opus-5-5", "claude-opus-5", "claude-opus-4-8"),
        *("claude-opus-4-7", "claude-opus-4-6", "claude-opus-4-5"),
        *("claude-sonnet-5-5", "claude-sonnet-5", "claude-sonnet-4-6", "claude-sonnet-4-5"),
        *("claude-haiku-5-5", "claude-haiku-4-5"),
    ]


@pytest.mark.parametrize(
    ("day", "model", "there"),
    [
        ("2026-11-29", "claude-sonnet-4-5", True),
        ("2026-11-30", "claude-sonnet-4-5", False),
        ("2026-11-08", "claude-fable-5-2", False),
        ("2025-10-01", "claude-opus-4-0", True),
        ("2026-11-22", "claude-haiku-4", False),
    ],
)
def test_a_model_is_there_from_its_release_until_it_is_retired(day: str, model: str, there: bool) -> None:
    assert (model in models(date.fromisoformat(day), built_in())) is there


def test_every_model_with_a_price_has_a_lifetime() -> None:
    """A new model in prices.json needs a row in lifetimes.py."""
    table = built_in()
    firsts = {id(price): name for name, price in reversed(table.models.items())}
    assert set(firsts.values()) == set(LIFETIMES)


def test_what_else_to_know_of_a_model() -> None:
    table = built_in()
    assert remarks("claude-opus-4-1-20250805", DAY, table) == [
        "claude-opus-4-1-20250805 was retired on 2026-08-05: this is what it cost."
    ]
    assert remarks("claude-sonnet-4-5", DAY, table) == ["claude-sonnet-4-5 retires on 2026-11-30."]
    assert remarks("claude-opus-5-5", DAY, table) == []
    assert remarks("claude-opus-5-5", date(2026, 1, 1), table) == [
        "claude-opus-5-5 was released on 2026-09-22, after 2026-01-01."
    ]
    assert lifetime("nobody's", table).retired is None


# Typical operations


def test_typical_operations_are_those_of_the_notes() -> None:
    """The notes' own figures, for Sonnet 4.5: $0.014, $0.006, $0.005, $0.009, $0.23, and a day's."""
    found = typical("claude-sonnet-4-5", DAY, built_in())
    assert [one.plain for one in found.operations] == [0.0135, 0.006, 0.0045, 0.009, 0.225]
    assert [one.plain for one in found.days] == [0.0675, 0.27, 1.35, 0.9]
    assert [one.plain for one in found.months] == [2.025, 8.1, 40.5, 27.0]


def test_what_somebody_waits_for_has_no_batch() -> None:
    found = typical("claude-sonnet-4-5", DAY, built_in())
    assert {known.name: one.batch for known, one in zip(OPERATIONS, found.operations, strict=True)} == {
        "Scan a legal document": 0.00675,
        "Read an error log": 0.003,
        "Answer as a chat bot": None,
        "Answer a dashboard query": None,
        "One hour of Claude Code": None,
    }
    assert [one.batch for one in found.months] == [1.0125, 4.05, 20.25, None]


# Tables


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (0.0135, "$0.0135"),
        (8.1, "$8.10"),
        (1234.5, "$1,234.50"),
        (0.0, "$0.00"),
        (None, "–"),
        (1e-7, "$0.0000001"),
    ],
)
def test_amounts_are_exact_at_least_to_the_cent(usd: float | None, shown: str) -> None:
    assert dollars(usd) == shown


WIDE = Table(
    "Title",
    ("Model", "one", "the same\nas a batch"),
    (("claude-a", "$0.0135", "$10.00"), ("claude-bcd", "$2.50", "–")),
)


def test_a_table_stands_in_columns_with_points_below_each_other() -> None:
    assert laid_out(WIDE, 80) == [
        "                         the same",
        "Model            one   as a batch",
        "claude-a     $0.0135       $10.00",
        "claude-bcd   $2.50           –",
    ]


def test_where_a_table_is_too_wide_its_columns_go_on_below() -> None:
    assert laid_out(WIDE, 30) == [
        "Model            one",
        "claude-a     $0.0135",
        "claude-bcd   $2.50",
        "",
        "               the same",
        "Model        as a batch",
        "claude-a         $10.00",
        "claude-bcd         –",
    ]


# The command


def test_one_model_in_words(capsys: Shell) -> None:
    words = ("--model", "claude-sonnet-4-5", "--input", 2000, "--output", 500, "--count", 20)
    code, out, err = run(capsys, *words, "--date", "2026-11-22")
    assert (code, err) == (0, "claude-sonnet-4-5 retires on 2026-11-30.\n")
    assert out.splitlines()[0] == "claude-sonnet-4-5: 2,000 tokens in, 500 out; prices of 22 November 2026"
    assert [line.split("   ")[0] for line in out.splitlines()[4:7]] == [
        "1 call",
        "20 calls",
        "20 calls a day, 30 days",
    ]
    assert "20 calls a day, 30 days   $8.10" in out


def test_every_model_is_a_row_with_what_caching_and_batches_save(capsys: Shell) -> None:
    code, out, _ = run(capsys, "--input", 2000, "--output", 500, "--date", "2026-11-22")
    rows = {words[0]: words[1:] for line in out.splitlines() if len(words := line.split()) == 6}
    assert code == 0
    assert rows["claude-sonnet-4-5"] == ["$0.0135", "$0.405", "$0.2592", "$0.2025", "$0.1296"]
    assert "claude-opus-4-1" not in rows


def test_with_cache_tokens_given_nothing_more_is_taken_for_cached(capsys: Shell) -> None:
    words = ("--model", "claude-opus-5-5", "--input", 1000, "--output", 0, "--cache-read", 9000)
    code, out, _ = run(capsys, *words, "--cache-write", 4000, "--cache-write-1h", 100)
    assert code == 0
    assert "1,000 tokens in, 0 out, 9,000 read from the cache, 4,000 written to it for 5 minutes" in out
    assert "cached" not in out
    assert dollars((1000 * 4 + 9000 * 0.2 + 4000 * 5 + 100 * 8) / 1e6) in out


def test_a_batch_costs_half(capsys: Shell) -> None:
    words = ("--model", "claude-opus-5-5", "--input", 1_000_000, "--output", 0)
    (full, half) = (run(capsys, *words, *more, "--json")[1] for more in ((), ("--batch",)))
    assert json.loads(full)["models"][0]["call"]["batch_usd"] == 2.0
    assert json.loads(half)["models"][0]["call"]["batch_usd"] == 2.0
    text = run(capsys, *words, "--batch")[1]
    assert "$2.00" in text
    assert "$4.00" not in text


def test_typical_operations_of_every_model_and_of_one(capsys: Shell) -> None:
    code, out, _ = run(capsys, "--date", "2026-11-22")
    assert code == 0
    for title in ("One operation", "A day", "A month of 30 days", "A month: 90 % cached, and as a batch"):
        assert title in out
    assert out.count("\nclaude-opus-5-5 ") == 4
    _, out, _ = run(capsys, "--model", "claude-opus-5-5")
    assert "claude-opus-5-5, in a month of 30 days" in out
    for known in (*OPERATIONS, *HABITS):
        assert known.name in out


def test_json_of_calls(capsys: Shell) -> None:
    words = ("--model", "claude-sonnet-4-5", "--input", 2000, "--output", 500, "--count", 20)
    code, out, _ = run(capsys, *words, "--date", "2026-11-22", "--json")
    document = json.loads(out)
    assert code == 0
    (model,) = document.pop("models")
    assert document == {
        "prices_of": "2026-11-22",
        "month_days": 30,
        "cached_share": 0.9,
        "count": 20,
        "tokens_input": 2000,
        "tokens_output": 500,
        "tokens_cache_read": 0,
        "tokens_cache_write_5m": 0,
        "tokens_cache_write_1h": 0,
    }
    assert model["call"] == {
        "usd": 0.0135,
        "cached_usd": 0.00864,
        "batch_usd": 0.00675,
        "batch_cached_usd": 0.00432,
    }
    assert (model["calls"]["usd"], model["month"]["usd"]) == (0.27, 8.1)


def test_json_of_typical_operations(capsys: Shell) -> None:
    document = json.loads(run(capsys, "--model", "claude-sonnet-4-5", "--json")[1])
    (model,) = document["models"]
    assert model["operations"][0]["operation"] == "Scan a legal document"
    assert [(one["times_a_day"], one["day"]["usd"], one["month"]["usd"]) for one in model["habits"]] == [
        (5, 0.0675, 2.025),
        (20, 0.27, 8.1),
        (100, 1.35, 40.5),
        (4, 0.9, 27.0),
    ]


OWN: dict[str, Any] = {
    "models": {"house-model": {"input": 1.0, "output": 2.0}, "claude-opus-5-5": {"input": 1, "output": 1}}
}


def test_the_users_price_file_holds(capsys: Shell, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(json.dumps(OWN))
    (tmp_path / "callmeter.toml").write_text('prices = "own.json"\n')
    words = ("--model", "claude-opus-5-5", "--input", 1_000_000, "--output", 0, "--json")
    (model,) = json.loads(run(capsys, *words)[1])["models"]
    assert (model["call"]["usd"], model["call"]["cached_usd"]) == (1.0, None)
    assert models(DAY, read_prices(tmp_path / "own.json", built_in()))[-1] == "house-model"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "claude-opus-9"], "'claude-opus-9': no price is known for this model; did you mean "),
        (["--model", "claude-2", "--input", "1", "--output", "1", "--cache-read", "1", "--date", "2026-11-22"],
         "claude-2: no price is known for such a call on 2026-11-22."),
        (["--input", "5"], "--input and --output: give both; 0 is fine."),
        (["--cache-read", "5"], "--input and --output: give both; 0 is fine."),
        (["--count", "5"], "--count and --batch are about calls: give --input and --output with them."),
        (["--date", "yesteryear"], "--date yesteryear: expected a day like 2026-11-22."),
        (["--input", "-1", "--output", "1"], "Invalid value for '--input'"),
        (["--input", "9" * 400, "--output", "1"], "Numbers of tokens and calls may be up to 1,000,000,000,000."),
        (["--prices", "missing.json"], "prices in "),
    ],
)  # fmt: skip
def test_what_cannot_be_estimated_is_a_sentence_and_exit_1(
    capsys: Shell, words: list[str], sentence: str
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (1, "")
    assert err.startswith(sentence)
    assert "Traceback" not in err
