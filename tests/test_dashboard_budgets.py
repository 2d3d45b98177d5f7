"""Budgets: what is used of each in its running period, how much it will be, and what to be told of."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import frames
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.money.budgets import Budget, Standing, as_data, conditions, share_words, standing
from dashboard.money.periods import PERIODS, current_period, end_words, period_id
from dashboard.money.scope import Scope

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=BERLIN)
"""A Wednesday."""
NAN = float("nan")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def call(moment: datetime, usd: float = 1.0, **differs: Any) -> dict[str, Any]:
    return {"time": moment, "cost_usd": usd, **differs}


def summed(*calls: dict[str, Any], tasks: bool = False) -> pd.DataFrame:
    return frames.sums(frames.rows(calls, BERLIN), tasks=tasks)


def stands(budget: Budget, *calls: dict[str, Any], now: datetime = NOON) -> Standing:
    return standing(budget, summed(*calls, tasks=budget.scope.by_task), now)


def daily(limit: float = 10.0, **differs: Any) -> Budget:
    return Budget("Daily spending", "day", limit, **differs)


# Periods


@pytest.mark.parametrize(
    ("period", "now", "since", "until", "name"),
    [
        ("hour", "2026-11-22T14:57", "2026-11-22T14:00+01:00", "2026-11-22T15:00+01:00", "2026-11-22T14"),
        ("day", "2026-11-22T14:57", "2026-11-22T00:00+01:00", "2026-11-23T00:00+01:00", "2026-11-22"),
        ("week", "2026-11-22T23:59", "2026-11-16T00:00+01:00", "2026-11-23T00:00+01:00", "2026-W47"),
        ("week", "2026-11-23T00:00", "2026-11-23T00:00+01:00", "2026-11-30T00:00+01:00", "2026-W48"),
        ("week", "2027-01-01T12:00", "2026-12-28T00:00+01:00", "2027-01-04T00:00+01:00", "2026-W53"),
        ("month", "2026-11-22T14:57", "2026-11-01T00:00+01:00", "2026-12-01T00:00+01:00", "2026-11"),
        ("month", "2026-12-31T23:00", "2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00", "2026-12"),
        ("month", "2028-02-29T00:00", "2028-02-01T00:00+01:00", "2028-03-01T00:00+01:00", "2028-02"),
        # clocks are set back on 25 October 2026 and forward on 29 March 2026
        ("day", "2026-10-25T12:00", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00", "2026-10-25"),
        ("day", "2026-03-29T12:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00", "2026-03-29"),
        ("month", "2026-10-25T12:00", "2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00", "2026-10"),
        ("hour", "2026-03-29T01:30", "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00", "2026-03-29T01"),
    ],
)
def test_the_running_period(period: str, now: str, since: str, until: str, name: str) -> None:
    running = current_period(period, at(now), BERLIN)
    assert running.since.isoformat(timespec="minutes") == since
    assert running.until.isoformat(timespec="minutes") == until
    assert period_id(period, running.since) == name


def test_two_hours_of_one_name_are_two_periods() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).astimezone(BERLIN)
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC).astimezone(BERLIN)
    hours = [current_period("hour", moment, BERLIN) for moment in (first, second)]
    assert [period_id("hour", hour.since) for hour in hours] == ["2026-10-25T02", "2026-10-25T02b"]
    assert [hour.until.isoformat() for hour in hours] == [
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T03:00:00+01:00",
    ]


@settings(deadline=None)
@given(
    moment=st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/New_York"]),
    period=st.sampled_from(PERIODS),
)
def test_a_moment_lies_in_its_period_and_periods_follow_each_other(
    moment: datetime, zone: str, period: str
) -> None:
    running = current_period(period, moment, ZoneInfo(zone))
    assert running.since.astimezone(UTC) <= moment < running.until.astimezone(UTC)
    after = current_period(period, running.until, ZoneInfo(zone))
    assert after.since.astimezone(UTC) == running.until.astimezone(UTC)


def test_the_end_of_a_period_in_words() -> None:
    ends = {
        period: end_words(period, current_period(period, at("2026-11-30T14:57"), BERLIN).until)
        for period in PERIODS
    }
    assert ends == {
        "hour": "by 15:00",
        "day": "by midnight",
        "week": "by Sunday night",
        "month": "by the end of November",
    }


# What is used


@pytest.mark.parametrize(("period", "used"), [("hour", 2.0), ("day", 6.0), ("week", 14.0), ("month", 30.0)])
def test_the_calls_of_the_running_period_count(period: str, used: float) -> None:
    calls = [
        call(at("2026-10-31T23:59"), 32.0),
        call(at("2026-11-01T00:00"), 16.0),
        call(at("2026-11-16T00:00"), 8.0),
        call(at("2026-11-18T00:00"), 4.0),
        call(at("2026-11-18T12:00"), 2.0),
    ]
    assert stands(Budget("b", period, 100.0), *calls).current == used


@pytest.mark.parametrize(("measure", "used"), [("cost", 0.75), ("tokens", 1110.0), ("calls", 4.0)])
def test_what_is_measured(measure: str, used: float) -> None:
    kinds = {"tokens_input": 10, "tokens_output": 100, "tokens_cache_read": 1000}
    calls = [call(NOON, 0.5, **kinds), call(NOON, 0.25, calls=3)]
    assert stands(daily(measure=measure), *calls).current == used


def test_only_the_chosen_calls_count() -> None:
    calls = [call(NOON, 1.0, task_id="gh-1"), call(NOON, 2.0, task_id="x"), call(NOON, 4.0)]
    assert stands(daily(scope=Scope(task=("gh-*",))), *calls).current == 1.0


@pytest.mark.parametrize(
    ("differs", "bounded"),
    [
        ({}, set()),
        ({"cost_usd": NAN, "tokens_input": 5}, {"cost"}),
        ({"cost_usd": NAN}, {"cost", "tokens"}),
        ({"final": False, "tokens_input": 5}, {"cost", "tokens"}),
        ({"source": "cli"}, {"calls"}),
    ],
)
def test_what_is_not_known_makes_a_lower_bound(differs: dict[str, Any], bounded: set[str]) -> None:
    found = {
        m for m in ("cost", "tokens", "calls") if stands(daily(measure=m), call(NOON) | differs).lower_bound
    }
    assert found == bounded


def test_what_is_not_known_of_another_period_does_not_matter() -> None:
    assert not stands(daily(), call(NOON - timedelta(days=1), NAN), call(NOON)).lower_bound


# Levels


@pytest.mark.parametrize(
    ("used", "level", "status"),
    [
        (0.0, None, "ok"),
        (4.99, None, "ok"),
        (5.0, 50.0, "ok"),
        (8.0, 80.0, "warning"),
        (9.99, 90.0, "warning"),
        (10.0, 100.0, "exceeded"),
        (123.0, 100.0, "exceeded"),
    ],
)
def test_the_highest_level_that_is_reached(used: float, level: float | None, status: str) -> None:
    one = stands(daily(), call(NOON, used))
    assert (one.level, one.status, one.exceeded) == (level, status, status == "exceeded")


def test_a_level_is_reached_where_dollars_say_so() -> None:
    """2.9 / 10 * 100 is 28.999999999999996 in floating point."""
    assert stands(daily(warn=(29.0,)), call(NOON, 2.9)).level == 29.0


@pytest.mark.parametrize(
    ("warn", "used", "told"),
    [
        ((50.0, 80.0, 90.0), 4.0, []),
        ((50.0, 80.0, 90.0), 8.5, [(50, "info"), (80, "warning")]),
        ((50.0, 80.0, 90.0), 12.0, [(50, "info"), (80, "warning"), (90, "warning"), (100, "critical")]),
        ((60.0,), 7.0, [(60, "warning")]),
        ((), 7.0, []),
        ((100.0,), 10.0, [(100, "critical")]),
    ],
)
def test_every_level_that_is_reached_is_told_the_highest_last(
    warn: tuple[float, ...], used: float, told: list[tuple[int, str]]
) -> None:
    found = conditions([stands(daily(warn=warn), call(NOON, used))])
    assert [(one.level, one.severity) for one in found] == told


def test_a_condition_has_its_budget_period_and_sentence() -> None:
    (one,) = conditions([stands(daily(warn=()), call(at("2026-11-18T00:00"), 0.0), call(NOON, 12.0))])
    assert (one.rule, one.level) == ("budget:Daily spending", 100)
    assert re.fullmatch(r"2026-11-18#[0-9a-f]{8}", one.period)
    assert one.sentence == (
        "Budget Daily spending: $12.00 of $10.00 today (120 %), at this pace about $24.00 by midnight. "
        "The limit is reached."
    )


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (0.001, "<1 %"), (0.41, "41 %"), (0.996, ">99 %"), (1.0, "100 %"), (72.7, "7,270 %")],
)
def test_a_share_is_never_rounded_up_to_the_limit(share: float, words: str) -> None:
    assert share_words(share) == words


def test_the_sentence_marks_a_lower_bound_and_names_what_is_counted() -> None:
    tokens = Budget("Weekly tokens", "week", 1_000_000.0, "tokens")
    one = stands(tokens, call(at("2026-11-16T00:00"), NAN), call(NOON, tokens_input=250_000))
    assert one.sentence == (
        "≥ 250 k of 1.00 M tokens this week (≥ 25 %), at this pace about 700 k by Sunday night"
    )


def test_as_data() -> None:
    budget = daily(scope=Scope(project=("web",)), measure="cost")
    assert as_data(stands(budget, call(NOON, 0.1, project="web"), call(NOON, 0.2, project="web"))) == {
        "name": "Daily spending",
        "period": "day",
        "measure": "cost",
        "scope": {"project": ["web"]},
        "since": "2026-11-18T00:00:00+01:00",
        "until": "2026-11-19T00:00:00+01:00",
        "current": 0.3,
        "current_is_a_lower_bound": False,
        "limit": 10.0,
        "share": 0.03,
        "status": "ok",
        "level_percent": None,
        "projected": None,
    }


# The estimate for the end of the period


def hourly(until: datetime, days: float, usd: Any) -> list[dict[str, Any]]:
    """A call at the start of every hour of so many days before `until`; usd: of its local time."""
    last = until.astimezone(UTC)
    hours = [last - timedelta(hours=back) for back in range(int(days * 24), 0, -1)]
    moments = [hour.replace(minute=0).astimezone(BERLIN) for hour in hours]
    return [call(moment, usd(moment)) for moment in moments if usd(moment)]


def steady(moment: datetime) -> float:
    """$24 a day."""
    return 1.0


def workdays(moment: datetime) -> float:
    """$40 from Monday to Friday, from 8 to 16 o'clock; nothing at weekends."""
    return 5.0 if moment.weekday() < 5 and 8 <= moment.hour < 16 else 0.0


def estimate(period: str, now: datetime, days: float, usd: Any, *more: dict[str, Any]) -> float | None:
    return stands(Budget("b", period, 1000.0), *hourly(now, days, usd), *more, now=now).projected


@pytest.mark.parametrize("hour", [1, 6, 12, 18, 23])
@pytest.mark.parametrize("days", [5, 16, 60])
def test_steady_use_goes_on_steadily(hour: int, days: float) -> None:
    assert estimate("day", NOON.replace(hour=hour), days, steady) == pytest.approx(24.0, rel=0.01)


@pytest.mark.parametrize(("period", "whole"), [("week", 168.0), ("month", 720.0)])
def test_weeks_and_months_too(period: str, whole: float) -> None:
    assert estimate(period, NOON, 60, steady) == pytest.approx(whole, rel=0.01)


@pytest.mark.parametrize(
    ("now", "likely"),
    [
        ("2026-11-18T06:00", 40.0),  # before work has begun
        ("2026-11-18T12:00", 40.0),
        ("2026-11-18T20:00", 40.0),  # nothing more comes, although 4 of 24 hours are left
        ("2026-11-21T10:00", 0.0),  # a Saturday
        ("2026-11-23T00:10", 40.0),  # the first minutes of a Monday
    ],
)
def test_days_follow_the_pattern_of_the_week(now: str, likely: float) -> None:
    assert estimate("day", at(now), 60, workdays) == pytest.approx(likely, abs=0.5)


@pytest.mark.parametrize(
    "now", ["2026-11-16T01:00", "2026-11-18T12:00", "2026-11-20T18:00", "2026-11-22T12:00"]
)
def test_a_week_has_its_five_days_whenever_one_looks(now: str) -> None:
    assert estimate("week", at(now), 60, workdays) == pytest.approx(200.0, rel=0.02)


def test_a_month_counts_its_weekends() -> None:
    """November 2026 has 21 days from Monday to Friday."""
    assert estimate("month", at("2026-11-11T12:00"), 60, workdays) == pytest.approx(840.0, rel=0.03)


def test_without_two_of_each_weekday_the_hours_of_any_day_tell() -> None:
    now = at("2026-11-18T12:00")
    assert estimate("day", now, 5, steady) == pytest.approx(24.0, rel=0.01)


def test_a_burst_in_the_first_minutes_is_not_a_day_of_bursts() -> None:
    early = at("2026-11-18T00:10")
    likely = estimate("day", early, 60, steady, call(early, 3.0))
    assert likely is not None
    assert 27.0 <= likely < 35.0, "$3 in ten minutes are not $432 a day"


def test_the_longer_use_stands_above_the_usual_the_more_it_is_thought_to_go_on() -> None:
    def three_times(hour: int) -> float:
        now = NOON.replace(hour=hour)
        more = [call(NOON.replace(hour=passed), 2.0) for passed in range(hour)]
        return estimate("day", now, 60, steady, *more) or 0.0

    likely = [three_times(hour) for hour in (1, 6, 12, 18, 23)]
    assert likely == sorted(likely)
    assert 24.0 < likely[0] < 34.0
    assert 68.0 < likely[-1] < 72.0, "three times $24"


def test_less_than_usual_lowers_the_rest_but_not_to_nothing() -> None:
    calls = hourly(NOON.replace(hour=0), 60, steady)
    likely = stands(daily(), *calls).projected
    assert likely is not None
    assert 3.0 < likely < 12.0, "nothing until noon, of $24 a day"


def test_use_at_a_time_without_any_goes_on_in_part() -> None:
    saturday = at("2026-11-21T12:00")
    likely = estimate("day", saturday, 60, workdays, call(at("2026-11-21T10:30"), 6.0))
    assert likely is not None
    assert 7.0 < likely < 12.0


@pytest.mark.parametrize(
    ("now", "likely"),
    [("2026-11-18T02:00", None), ("2026-11-18T06:00", 24.0), ("2026-11-18T12:00", 12.0)],
)
def test_without_history_the_pace_tells_once_a_tenth_has_passed(now: str, likely: float | None) -> None:
    assert stands(daily(), call(at("2026-11-18T00:00"), 6.0), now=at(now)).projected == likely


def test_without_history_the_pace_is_taken_from_the_first_call_on() -> None:
    calls = [call(at("2026-11-18T12:00"), 1.0), call(at("2026-11-18T17:00"), 5.0)]
    assert stands(daily(), *calls, now=at("2026-11-18T14:00")).projected is None
    assert stands(daily(), *calls, now=at("2026-11-18T18:00")).projected == 12.0


def test_no_calls_at_all_are_likely_to_stay_none() -> None:
    assert stands(daily(), now=at("2026-11-18T00:10")).projected is None
    assert stands(daily()).projected == 0.0


@pytest.mark.parametrize(("now", "hours"), [("2026-10-25T12:00", 25), ("2026-03-29T12:00", 23)])
def test_days_with_more_or_fewer_hours(now: str, hours: int) -> None:
    assert estimate("day", at(now), 60, steady) == pytest.approx(hours, rel=0.02)


@settings(max_examples=60, deadline=None)
@given(
    costs=st.lists(st.floats(0, 100), max_size=40),
    hours=st.lists(st.integers(0, 24 * 70), min_size=40, max_size=40),
    period=st.sampled_from(PERIODS),
    minute=st.integers(0, 59),
)
def test_the_estimate_is_never_less_than_what_is_used(
    costs: list[float], hours: list[int], period: str, minute: int
) -> None:
    now = NOON.replace(minute=minute)
    calls = [call(NOON - timedelta(hours=back), usd) for usd, back in zip(costs, hours, strict=False)]
    one = stands(Budget("b", period, 10.0), *calls, now=now)
    assert one.projected is None or one.projected >= one.current - 1e-9
