"""The day credit ends: the range holds it as often as it says, and the words say no more than is known."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from spenders import SPENDERS, Spender

from dashboard.money import draws, words
from dashboard.money.backtest import Backtest, backtest
from dashboard.money.forecast import HORIZON_DAYS, RunOut, ahead, days_known, pace, run_out

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 22)  # a Sunday
MIDNIGHT = datetime(2026, 11, 22, tzinfo=BERLIN)
NOON = MIDNIGHT.replace(hour=12)


def days(costs: list[float] | np.ndarray, today: date = TODAY) -> pd.Series:
    """Costs of days, the last one today's so far."""
    return pd.Series(np.asarray(costs, dtype=float), index=pd.date_range(end=today, periods=len(costs)))


# The range


def held(spender: Spender, known: int, usual_days: int, seed: int) -> bool:
    """Whether the range holds the real day, asked at midnight after `known` days of history."""
    costs = spender(np.random.default_rng([seed, known, usual_days]), known + 5 * usual_days + 60)
    history, after = costs[:known], costs[known:]
    balance = usual_days * float(history[-28:].mean())
    found = run_out(days([*history, 0.0]), [(balance, None)], MIDNIGHT)
    real = TODAY + timedelta(days=int((after.cumsum() < balance).sum()))
    assert found.earliest and found.latest
    return found.earliest <= real <= found.latest


@pytest.mark.parametrize("kind", SPENDERS)
def test_an_80_percent_range_holds_the_day_in_70_to_90_percent_of_cases(kind: str) -> None:
    """All lengths of history and balances together, and each of them at least near it."""
    cases = [(known, usual) for known in (21, 40, 119) for usual in (3, 7, 14, 30)]
    shares = {case: np.mean([held(SPENDERS[kind], *case, seed) for seed in range(40)]) for case in cases}
    assert 0.70 <= np.mean(list(shares.values())) <= 0.90
    assert min(shares.values()) >= 0.55, shares


def phases(chance: np.random.Generator, days: int) -> np.ndarray:
    """$3, $10 or $25 a day, each for one to four weeks."""
    levels = [chance.choice([3.0, 10.0, 25.0], p=[0.4, 0.3, 0.3]) for _ in range(days // 7 + 1)]
    spans = [np.full(chance.integers(7, 28), level) for level in levels]
    return np.concatenate(spans)[:days] * chance.lognormal(0, 0.4, days)


def lasting(chance: np.random.Generator, days: int) -> np.ndarray:
    """A day is like the one before it (autocorrelation of 0.8)."""
    off = np.zeros(days)
    for day in range(1, days):
        off[day] = 0.8 * off[day - 1] + chance.normal(0, 0.4)
    return 10 * np.exp(off)


@pytest.mark.parametrize("kind", [phases, lasting])
def test_who_spends_in_phases_is_held_nearly_as_often(kind: Spender) -> None:
    cases = [(known, usual) for known in (60, 119) for usual in (3, 7, 14, 30)]
    assert 0.65 <= np.mean([held(kind, *case, seed) for case in cases for seed in range(25)]) <= 0.92


def test_the_same_question_has_the_same_answer() -> None:
    daily = days(SPENDERS["bursty"](np.random.default_rng(1), 50))
    assert run_out(daily, [(120, None)], NOON) == run_out(daily, [(120, None)], NOON)


def test_who_spends_the_same_each_day_is_told_the_day() -> None:
    found = run_out(days([10.0] * 40 + [0.0]), [(95, None)], MIDNIGHT)
    assert found.likely == date(2026, 12, 1)
    assert found.usd_per_day == pytest.approx(10, rel=0.02)
    assert found.days_left == pytest.approx(9.5, abs=0.1)


def test_only_what_is_left_of_today_is_still_spent_today() -> None:
    """$10 a day, $4.50 left: at noon about $5 more are spent today, at 18:00 about $2.50."""
    daily = days([10.0] * 40 + [5.0])
    assert run_out(daily, [(4.5, None)], NOON).likely == TODAY
    assert run_out(daily, [(4.5, None)], NOON.replace(hour=18)).likely == TODAY + timedelta(days=1)


def test_midnight_moves_no_date() -> None:
    costs = [10.0] * 40
    before = run_out(days([*costs, 10.0]), [(95, None)], MIDNIGHT + timedelta(hours=23, minutes=59))
    after = run_out(
        days([*costs, 10.0, 0.0], TODAY + timedelta(days=1)), [(95, None)], MIDNIGHT + timedelta(days=1)
    )
    assert before.likely == after.likely == date(2026, 12, 2)


def test_weekends_are_told_apart_after_four_weeks() -> None:
    """Nothing on weekends. On Friday night $25 last until Wednesday, by weekdays or not."""
    friday = date(2026, 11, 20)
    week = [10.0, 10.0, 10.0, 10.0, 10.0, 0.0, 0.0]  # Monday 21 September first
    daily = days((week * 9)[:61], friday)
    assert daily.index[0].weekday() == 0
    found = run_out(daily, [(25, None)], datetime(2026, 11, 20, 23, 59, tzinfo=BERLIN))
    assert (found.earliest, found.latest) == (date(2026, 11, 25), date(2026, 11, 25))


def test_growth_goes_on() -> None:
    """2 % more each day, $9.96 the last: at that pace $300 last 30 days, growing on 24."""
    grown = days([*(3 * np.exp(0.02 * np.arange(1, 61))), 0.0])
    found = run_out(grown, [(300, None)], MIDNIGHT)
    assert found.days_left is not None and 22 < found.days_left < 27


def test_real_spending_above_the_logged_one_ends_credit_sooner() -> None:
    daily = days([10.0] * 40 + [0.0])
    assert run_out(daily, [(100, None)], MIDNIGHT, correction=2).days_left == pytest.approx(5, abs=0.1)


def test_a_call_on_a_quiet_sunday_is_no_high_burn_but_a_dear_day_is() -> None:
    week = [10.0, 10.0, 10.0, 10.0, 10.0, 0.0, 0.0]
    quiet = days([*(week * 6)[:41], 0.5], TODAY)
    assert quiet.index[-1].weekday() == 6
    assert run_out(quiet, [(500, None)], NOON).times_usual == pytest.approx(0.14, abs=0.02)
    dear = run_out(days([10.0] * 40 + [30.0]), [(500, None)], NOON)
    assert dear.times_usual == pytest.approx(3, rel=0.05)


# Tranches that expire


def test_what_is_not_used_by_its_day_is_lost() -> None:
    """$10 a day until 31 December is about $400 of $500; the other $50 last five days longer."""
    daily = days([10.0] * 40 + [0.0])
    found = run_out(daily, [(500, date(2026, 12, 31)), (50, None)], MIDNIGHT)
    assert found.likely == date(2027, 1, 5)
    assert found.expires_unused_usd == pytest.approx(100, abs=8)
    assert found.expires_on == date(2026, 12, 31)
    assert found.sentence.endswith("; about $100 will probably expire unused on 31 December")


def test_credit_that_is_used_in_time_loses_nothing() -> None:
    found = run_out(days([10.0] * 40 + [0.0]), [(100, date(2026, 12, 31))], MIDNIGHT)
    assert (found.expires_unused_usd, found.expires_on) == (0, None)


def test_what_several_grants_lose_is_told_of_the_first_day_and_of_those_later() -> None:
    """$10 a day: $100 of the first $500 are used by 1 December, then $80 of the next by the 9th."""
    grants = [(500.0, date(2026, 12, 1)), (500.0, date(2026, 12, 9)), (100.0, None)]
    found = run_out(days([10.0] * 40 + [0.0]), grants, MIDNIGHT)
    assert (found.expires_on, round(found.expires_unused_usd), round(found.expires_later_usd)) == (
        date(2026, 12, 1),
        400,
        420,
    )
    said = "; about $400 will probably expire unused on 1 December, and about $420 later"
    assert found.sentence.endswith(said)
    idle = run_out(days([0.0] * 40), [(5, date(2026, 12, 1)), (7, date(2026, 12, 9)), (1, None)], MIDNIGHT)
    assert (idle.expires_unused_usd, idle.expires_later_usd) == (5, 7)


def test_a_pace_that_one_dear_day_makes_is_told_with_the_day_in_the_middle() -> None:
    dear = run_out(days([10.0] * 59 + [2000.0, 0.0]), [(1000, None)], MIDNIGHT)
    assert dear.usd_per_day is not None and dear.usd_per_day > 40
    assert dear.median_usd == 10
    assert run_out(days([10.0] * 60 + [0.0]), [(1000, None)], MIDNIGHT).median_usd is None


# Pauses


@pytest.mark.parametrize(
    ("history", "known"),
    [
        ([10.0] * 60 + [0.0] * 30 + [10.0] * 5, 5),
        ([0.0] * 95 + [10.0] * 5, 5),
        ([10.0] * 60 + [0.0] * 30 + [10.0] * 2, 64),  # too few: four weeks of the pause do not count
        ([10.0, 10, 10, 10, 10, 0, 0] * 8, 56),
        ([30.0, 0, 0, 0, 0, 0, 0, 0, 0, 0] * 6, 60),  # once in ten days is a habit
        ([10.0] * 60 + [0.0] * 30, 90),  # a pause that goes on
        ([0.0] * 30, 30),
    ],
)
def test_the_pace_is_taken_from_the_days_since_a_long_pause(history: list[float], known: int) -> None:
    daily = days([*history, 0.0])
    assert pace(daily, MIDNIGHT).days == days_known(daily, TODAY) == known


def test_who_spends_again_after_a_pause_is_told_by_the_days_since() -> None:
    """$10 a day again since five days: $100 last ten."""
    found = run_out(days([10.0] * 60 + [0.0] * 30 + [10.0] * 5 + [0.0]), [(100, None)], MIDNIGHT)
    assert found.usd_per_day == pytest.approx(10, rel=0.02)
    assert found.earliest and found.latest
    assert found.earliest <= TODAY + timedelta(days=9) <= found.latest <= TODAY + timedelta(days=21)


def test_idle_credit_ends_when_it_expires() -> None:
    found = run_out(days([0.0] * 10), [(120, date(2026, 12, 31))], NOON)
    assert found.likely == date(2026, 12, 31)
    assert found.sentence == "nothing is being spent; about $120 will probably expire unused on 31 December"


# What is not known


@pytest.mark.parametrize("known", range(draws.LEAST_DAYS))
def test_a_few_days_are_not_enough_history(known: int) -> None:
    found = run_out(days([10.0] * known + [3.0]), [(100, None)], NOON)
    assert (found.enough, found.likely, found.usd_per_day) == (False, None, None)
    assert found.sentence == "not enough history"


@pytest.mark.parametrize("left", [0, -4.2])
def test_nothing_left_is_said_whatever_the_history(left: float) -> None:
    found = run_out(days([10.0]), [(left, None)] if left else [], NOON)
    assert (found.sentence, found.days_left, found.likely) == ("nothing is left", 0, TODAY)


def test_no_spending_at_all_is_said() -> None:
    found = run_out(days([0.0] * 10), [(100, None)], NOON)
    assert (found.sentence, found.usd_per_day) == ("nothing is being spent", 0)


def test_credit_for_years_has_no_date() -> None:
    found = run_out(days([1.0] * 60), [(5_000, None)], NOON)
    assert (found.earliest, found.likely, found.latest, found.days_left) == (None, None, None, None)
    assert found.sentence == "not within the next two years"


@pytest.mark.parametrize("costs", [[0, 0, 0, 0, 9], [1e-9] * 9, [0.0] * 100 + [1e6, 0], [1e5] + [0.0] * 40])
def test_odd_histories_are_no_trouble(costs: list[float]) -> None:
    found = run_out(days(costs), [(100, date(2026, 12, 1)), (3, None)], NOON)
    assert found.sentence
    assert len(ahead(days(costs), [(100, None)], NOON)) <= HORIZON_DAYS


# In words


def said(earliest: str, likely: str, latest: str) -> str:
    dates = [date.fromisoformat(one) if one else None for one in (likely, earliest, latest)]
    return RunOut(*dates, 9.0, True, 10.0, asked=TODAY).sentence


@pytest.mark.parametrize(
    ("earliest", "likely", "latest", "sentence"),
    [
        ("2026-12-03", "2026-12-05", "2026-12-09", "between 3 and 9 December, most likely the 5th"),
        (
            "2026-11-28",
            "2026-12-01",
            "2026-12-04",
            "between 28 November and 4 December, most likely 1 December",
        ),
        (
            "2026-12-28",
            "2026-12-31",
            "2027-01-04",
            "between 28 December 2026 and 4 January 2027, most likely 31 December 2026",
        ),
        ("2027-01-03", "2027-01-22", "2027-01-30", "between 3 and 30 January 2027, most likely the 22nd"),
        ("2026-12-05", "2026-12-05", "2026-12-05", "on 5 December"),
        ("2027-03-01", "2027-09-12", "", "from 1 March 2027 on, most likely 12 September 2027"),
        ("2028-03-01", "", "", "not before 1 March 2028; at this pace it lasts more than two years"),
        ("", "", "", "not within the next two years"),
    ],
)
def test_a_range_in_words(earliest: str, likely: str, latest: str, sentence: str) -> None:
    assert said(earliest, likely, latest) == sentence


def test_ordinals() -> None:
    assert [words.ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 30, 31)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "13th",
        "21st",
        "22nd",
        "23rd",
        "30th",
        "31st",
    ]


def test_how_long_it_lasts() -> None:
    assert [words.lasting(d) for d in (0.01, 0.5, 1.25, 12.4)] == [
        "about 1 h",
        "about 12 h",
        "about 1.2 days",
        "about 12 days",
    ]


# Pace, picture, backtest


def test_the_pace_and_what_the_month_costs_if_it_goes_on() -> None:
    """$10 a day since October, $5 until noon today: November's 21 days, today's two halves, and 8 days."""
    found = pace(days([10.0] * 40 + [5.0]), NOON)
    assert found.usd_per_day == pytest.approx(10, rel=0.01)
    assert (found.days, found.today_usd) == (40, 5)
    assert found.month_usd == pytest.approx(210 + 5 + 5 + 80, rel=0.01)


def test_without_history_there_is_no_pace() -> None:
    found = pace(days([10.0, 5.0]), NOON)
    assert (found.usd_per_day, found.month_usd, found.days, found.today_usd) == (None, None, 1, 5)


def test_the_picture_begins_with_what_there_is_and_ends_at_nothing() -> None:
    picture = ahead(days(SPENDERS["weekly"](np.random.default_rng(3), 60)), [(100, None)], NOON)
    assert list(picture.iloc[0]) == [100, 100, 100]
    assert list(picture.iloc[-1]) == [0, 0, 0] or picture["low"].iloc[-1] == 0
    assert ((picture["low"] <= picture["likely"]) & (picture["likely"] <= picture["high"])).all()
    assert (picture.diff().iloc[1:] <= 1e-9).all(axis=None)
    assert picture.index[0] == pd.Timestamp(TODAY)


def test_the_picture_is_empty_where_nothing_is_known() -> None:
    assert ahead(days([10.0]), [(100, None)], NOON).empty
    assert list(ahead(days([10.0]), [(100, None)], NOON).columns) == ["low", "likely", "high"]


def test_a_backtest_of_a_steady_spender_is_off_by_hardly_a_day() -> None:
    found = backtest(days([*SPENDERS["steady"](np.random.default_rng(5), 100), 0.0]))
    assert found.cases > 100
    assert found.coverage is not None and 0.6 <= found.coverage <= 1
    assert found.median_days_off is not None and found.median_days_off <= 1


@pytest.mark.parametrize("known", [0, 1, 5, 9])
def test_a_short_past_has_no_cases(known: int) -> None:
    found = backtest(days([10.0] * known + [1.0]))
    assert (found, found.coverage) == (Backtest(0, 0, None, None), None)


def test_a_past_that_turned_is_off_by_as_many_days() -> None:
    """Ten times cheaper since ten days ago: what was forecast before does not hold."""
    found = backtest(days([10.0] * 40 + [1.0] * 40 + [0.0]))
    assert found.coverage is not None and found.coverage < 0.8
    assert found.worst_days_off is not None and found.worst_days_off > 10
