"""Watches for runaways, and what failures cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC as UTC_
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from dashboard.errors import SettingError
from dashboard.filters import Filter
from dashboard.money import watches
from dashboard.money.alerts import Condition
from dashboard.money.watches import Lost, Watches, conditions, lost, usual_cost, watches_of
from dashboard.store import FileStore
from tests.frames import at, rows, sums

BERLIN = ZoneInfo("Europe/Berlin")
NOW = at("2026-11-22 14:30", BERLIN)  # a Sunday
OFF = Watches(session_tokens=None, dear_hour=None, failures=None)


def found(rules: Watches, *lines: Mapping[str, Any], now: datetime = NOW) -> list[Condition]:
    """What is odd at NOW of these lines (of NOW, if they do not say)."""
    frame = rows([{"time": now, **line} for line in lines], BERLIN)
    return conditions(rules, sums(frame), frame[["time", *watches.ROWS]], now)


# The table


def test_a_watch_table_has_defaults_and_false_turns_a_watch_off() -> None:
    assert watches_of({}, "callmeter.toml") == Watches()
    table = {"session_tokens": 5_000_000, "dear_hour": False, "not_models": "claude-opus-*", "minutes": 5}
    assert watches_of(table, "callmeter.toml") == Watches(
        session_tokens=5e6, dear_hour=None, not_models=("claude-opus-*",), minutes=5.0
    )


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"failure": 3}, "callmeter.toml: [watch]: failure: no such key; did you mean failures?"),
        (
            {"dear_hour": True},
            "callmeter.toml: [watch]: dear_hour: must be a number above 0, or false for never",
        ),
        ({"dear_hour_from": 0}, "callmeter.toml: [watch]: dear_hour_from: must be a number above 0"),
        ({"minutes": 1e12}, "callmeter.toml: [watch]: minutes: must be a number from 1 to 1440, not 10"),
        ({"minutes": 1441}, "callmeter.toml: [watch]: minutes: must be a number from 1 to 1440, not 1441"),
        ({"minutes": 0.5}, "callmeter.toml: [watch]: minutes: must be a number from 1 to 1440, not 0.5"),
        ({"minutes": False}, "callmeter.toml: [watch]: minutes: must be a number from 1 to 1440, not False"),
        ({"failures": 1e300}, "callmeter.toml: [watch]: failures: must be from 0.0001 to 1e15, or false"),
        ({"not_models": [1]}, "callmeter.toml: [watch]: not_models: must be a text or a list of texts"),
    ],
)
def test_a_wrong_watch_is_one_sentence_with_file_and_key(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingError) as error:
        watches_of(table, "callmeter.toml")
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


# A session


def test_a_session_over_its_tokens_is_named_with_task_and_tokens() -> None:
    rules = Watches(session_tokens=1000, dear_hour=None, failures=None)
    (one,) = found(
        rules,
        {"session_id": "s-long", "task_id": "gh-1", "tokens_input": 700},
        {"session_id": "s-long", "task_id": "gh-1", "tokens_cache_read": 600},
        {"session_id": "s-short", "tokens_input": 1000},  # not over it
        {"session_id": "", "tokens_input": 9999},  # of no session
    )
    assert one == Condition(
        "watch:session:s-long",
        "",
        100,
        "warning",
        "Session s-long (task gh-1) used 1,300 tokens in the last 24 hours; the watch is set to 1,000.",
    )


def test_a_session_over_twice_its_tokens_is_critical_too() -> None:
    rules = Watches(session_tokens=1000, dear_hour=None, failures=None)
    several = [
        {"session_id": "s", "task_id": f"gh-{n}", "tokens_input": 600 - n, "final": n > 0} for n in range(5)
    ]
    crossed = found(rules, *several)
    assert [(one.level, one.severity) for one in crossed] == [(100, "warning"), (200, "critical")]
    assert "(tasks gh-0, gh-1, gh-2 and 2 more) used at least 2,990 tokens" in crossed[0].sentence


def test_names_from_a_log_stay_on_one_line_and_end() -> None:
    rules = Watches(session_tokens=1000, dear_hour=None, failures=None)
    (one,) = found(rules, {"session_id": "a\n\x1b[31m" + "b" * 500, "tokens_input": 1001})
    assert "\n" not in one.sentence
    assert "\x1b" not in one.sentence
    assert len(one.sentence) < 200


# An hour


def past(*costs: float, hour: str = "14:10") -> list[dict[str, Any]]:
    """Calls on the Sundays before NOW, the last first."""
    moment = at(f"2026-11-22 {hour}", BERLIN)
    return [{"time": moment - timedelta(weeks=k), "cost_usd": cost} for k, cost in enumerate(costs, 1)]


@pytest.mark.parametrize(
    ("costs", "usual"),
    [
        ((1.0, 2.0, 9.0), 2.0),
        ((1.0, 2.0), None),  # two weeks are not usual
        ((1.0, 2.0, 3.0, 4.0), 2.5),
        ((4.0, 4.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 99.0), 0.0),  # the ninth week does not count
    ],
)
def test_usual_is_the_median_of_the_same_hour_of_the_week(
    costs: tuple[float, ...], usual: float | None
) -> None:
    assert usual_cost(sums(rows(past(*costs), BERLIN)), NOW) == usual


def test_hours_without_calls_are_usual_hours_of_nothing() -> None:
    """A call every day at three, for four weeks: nothing at 14:00, but those hours were there."""
    moments = [at("2026-10-25 03:00", BERLIN) + timedelta(days=day) for day in range(28)]
    frame = sums(rows([{"time": moment, "cost_usd": 1.0} for moment in moments], BERLIN))
    assert usual_cost(frame, NOW) == 0.0
    assert usual_cost(frame, at("2026-11-22 03:30", BERLIN)) == 1.0
    assert usual_cost(frame.iloc[:0], NOW) is None


def test_the_same_hour_is_that_of_the_clock_on_the_wall_also_when_clocks_changed() -> None:
    """Before 25 October Berlin was two hours ahead of UTC, now it is one."""
    before = datetime(2026, 10, 18, 12, 10, tzinfo=UTC_)
    lines = [{"time": before - timedelta(weeks=k), "cost_usd": 5.0} for k in range(3)]
    frame = sums(rows(lines, BERLIN))
    assert usual_cost(frame, at("2026-10-25 14:30", BERLIN)) == 5.0


@pytest.mark.parametrize(
    ("cost", "odd"),
    [(4.0, False), (5.0, False), (5.01, True)],
)
def test_an_hour_is_dear_beyond_so_many_times_the_usual(cost: float, odd: bool) -> None:
    """Usual: $1; five times that is still fine."""
    crossed = found(Watches(), *past(1.0, 1.0, 1.0), {"cost_usd": cost})
    assert bool(crossed) is odd
    for one in crossed:
        assert (one.rule, one.period) == ("watch:hour", "2026-11-22T14")
        assert one.sentence == (
            "Sun 22 Nov, 14:00–15:00, has cost $5.01 so far; this hour of the week usually costs about $1.00 "
            "(median of up to 8 past weeks)."
        )


@pytest.mark.parametrize(("cost", "odd"), [(1.99, False), (2.0, True)])
def test_a_dear_hour_has_a_floor_and_needs_none_that_was_ever_dear(cost: float, odd: bool) -> None:
    quiet = past(0.0, 0.0, 0.0)
    crossed = found(Watches(), *quiet, {"cost_usd": cost})
    assert [("usually costs nothing" in one.sentence) for one in crossed] == [True] * odd


def test_the_hour_before_is_looked_at_too_for_its_calls_end_in_this_one() -> None:
    long = {"time": NOW - timedelta(minutes=45), "cost_usd": 30.0}
    (one,) = found(Watches(), *past(1.0, 1.0, 1.0, hour="13:10"), long)
    assert (one.period, "13:00–14:00, cost $30.00; this hour" in one.sentence) == ("2026-11-22T13", True)


def test_without_three_weeks_of_history_no_hour_is_dear() -> None:
    assert found(Watches(), *past(0.1, 0.1), {"cost_usd": 500.0}) == []


def test_both_hours_of_a_clock_set_back_are_hours_of_their_own() -> None:
    """25 October 2026 has 02:00 twice in Berlin."""
    times = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC_) for hour in (0, 1)]
    weeks = [{"time": at("2026-10-25 02:10", BERLIN) - timedelta(weeks=k)} for k in (1, 2, 3)]
    crossed = found(
        Watches(),
        *weeks,
        *({"time": time, "cost_usd": 9.0} for time in times),
        now=times[1].astimezone(BERLIN),
    )
    assert [one.period for one in crossed] == ["2026-10-25T02", "2026-10-25T02+0100"]


# A model


def test_a_model_not_to_be_used_is_told_once_per_model_and_day() -> None:
    rules = Watches(None, None, not_models=("claude-opus-*", "*-preview"), failures=None)
    yesterday = {"time": NOW - timedelta(hours=15)}
    crossed = found(
        rules,
        {"model": "claude-opus-5-5", "cost_usd": 1.25, "task_id": "gh-1"},
        {"model": "claude-opus-5-5", "cost_usd": 1.25, "task_id": "gh-1"},
        {"model": "claude-next-preview", "cost_usd": float("nan")},
        {"model": "claude-sonnet-5-5"},
        yesterday | {"model": "claude-opus-4-8"},
    )
    assert {one.rule: (one.period, one.sentence) for one in crossed} == {
        "watch:model:claude-next-preview": (
            "2026-11-22",
            "claude-next-preview should not be used, but was today: 1 call, cost not known.",
        ),
        "watch:model:claude-opus-5-5": (
            "2026-11-22",
            "claude-opus-5-5 should not be used, but was today: 2 calls (task gh-1), $2.50.",
        ),
    }


@pytest.mark.parametrize("pattern", ["claude-opus-5-5", "*Opus*"])
def test_a_model_with_its_date_is_that_model(pattern: str) -> None:
    rules = Watches(None, None, not_models=(pattern,), failures=None)
    (one,) = found(
        rules, {"model": "claude-opus-5-5-20260922", "cost_usd": 1.5}, {"model": "claude-haiku-5-5"}
    )
    assert one.sentence.startswith("claude-opus-5-5-20260922 should not be used, but was today: 1 call")


def test_what_is_not_known_to_the_end_is_at_least_so_much() -> None:
    rules = Watches(None, None, not_models=("*",), failures=None)
    (one,) = found(rules, {"cost_usd": 1.5}, {"cost_usd": float("nan")})
    assert one.sentence.endswith("2 calls, at least $1.50.")


# Failures


def failing(minutes_ago: float, **more: Any) -> dict[str, Any]:
    return {
        "time": NOW - timedelta(minutes=minutes_ago),
        "outcome": "failed",
        "error": "overloaded_error",
        "task_id": "gh-1",
        **more,
    }


def test_a_burst_of_failures_and_retries_says_how_many_of_what() -> None:
    rules = Watches(None, None, failures=5, minutes=10)
    burst = [failing(1, calls=2), failing(3, retries=3), failing(4, error="timeout", task_id="gh-2")]
    assert found(rules, failing(11), *burst[1:], {"retries": 1}) == [
        Condition(
            "watch:failures",
            "",
            100,
            "warning",
            "2 failed calls and 4 retries in the last 10 minutes, most often overloaded_error (task gh-1); "
            "the watch is set to 5.",
        )
    ]
    assert found(rules, failing(1), failing(2), {"retries": 3}) == []
    assert [one.level for one in found(rules, *burst, failing(1, retries=9))] == [100, 200]


@pytest.mark.parametrize("minutes", [1, 1440])
def test_failures_are_looked_for_in_as_many_minutes_as_are_at_hand(minutes: float) -> None:
    rules = watches_of({"failures": 1, "minutes": minutes}, "callmeter.toml")
    (one,) = found(rules, failing(minutes - 0.5), failing(minutes - 0.5), failing(minutes + 0.5))
    assert one.sentence.startswith(f"2 failed calls and 0 retries in the last {minutes} minutes")


def test_a_failure_counts_from_when_its_call_ended() -> None:
    """It began 15 minutes ago, and broke off 14 minutes later."""
    rules = Watches(None, None, failures=1, minutes=10)
    assert found(rules, failing(15, duration_seconds=1.0, retries=1)) == []
    assert len(found(rules, failing(15, duration_seconds=840.0, retries=1))) == 1
    for unknown in (float("nan"), 1e12):
        assert found(rules, failing(15, duration_seconds=unknown, retries=1)) == []


def test_nothing_is_odd_without_calls_and_nothing_watched_finds_nothing() -> None:
    assert found(Watches(not_models=("*",))) == []
    assert found(OFF, failing(1, retries=999, tokens_input=10**9, cost_usd=10**6)) == []


# What failures cost


def test_money_lost_is_the_cost_of_failed_calls_and_retries_are_counted_of_all() -> None:
    frame = rows(
        [
            failing(1, cost_usd=0.5, calls=2),
            failing(2, cost_usd=float("nan"), retries=10),
            failing(3, cost_usd=0.25, final=False),
            {"time": NOW, "cost_usd": 5.0, "retries": 1},
        ]
    )
    found = lost(sums(frame))
    assert found == Lost(failed=4, cost_usd=0.75, unpriced=1, retries=11, not_final=1)
    assert found.words == (
        "4 failed calls cost at least $0.75. 11 retries: attempts that were refused are not billed, "
        "what those cost that broke off is not known."
    )


@pytest.mark.parametrize(
    ("known", "bound", "words"),
    [
        (Lost(0, 0.0, 0, 0), False, "No call failed."),
        (Lost(1, 0.0, 0, 0), False, "1 failed call cost $0."),
        (Lost(2, 0.5, 0, 0, not_final=1), True, "2 failed calls cost at least $0.50."),
        (Lost(2, 0.0, 2, 0), True, "2 failed calls cost an amount that is not known."),
        (
            Lost(0, 0.0, 0, 1),
            False,
            "No call failed. 1 retry: attempts that were refused are not billed, "
            "what those cost that broke off is not known.",
        ),
    ],
)
def test_money_lost_in_words(known: Lost, bound: bool, words: str) -> None:
    assert (known.lower_bound, known.words) == (bound, words)


def test_a_real_store_has_what_watches_read(tmp_path: Path) -> None:
    """Frames as they come from log files: here an old model and a burst of retries."""
    line = (
        '{"timestamp": "2026-11-22T14:29:00+01:00", "model": "claude-opus-4-8", "success": false, '
        '"error_type": "overloaded_error", "attempts": 11, "session_id": "s", "tokens_input": 30000000}\n'
    )
    (tmp_path / "api-calls-2026-11-22.jsonl").write_text(line * 3)
    store = FileStore(tmp_path, BERLIN, events=False)
    store.load()
    day = Filter(NOW.replace(hour=0, minute=0), NOW.replace(hour=15, minute=0))
    rules = Watches(not_models=("claude-opus-4*",))
    crossed = conditions(rules, store.sums(day), store.rows(day, columns=watches.ROWS), NOW)
    assert [one.rule for one in crossed] == [
        "watch:session:s",
        "watch:session:s",
        "watch:model:claude-opus-4-8",
        "watch:failures",
    ]
    assert crossed[-1].sentence.startswith("3 failed calls and 30 retries in the last 10 minutes")
    nothing = Filter(day.since - timedelta(days=9), day.since - timedelta(days=8))
    assert conditions(rules, store.sums(nothing), store.rows(nothing, columns=watches.ROWS), NOW) == []
    assert isinstance(store.sums(nothing), pd.DataFrame)
    assert lost(store.sums(nothing)) == Lost(0, 0.0, 0, 0)
