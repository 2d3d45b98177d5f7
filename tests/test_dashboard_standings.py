"""Budgets asked of a store: only the days they need, and the same answer whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import frames
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard import filters
from dashboard.commands.demo import write_history
from dashboard.money import position, standings
from dashboard.money.budgets import Budget, Standing, standing
from dashboard.money.periods import PERIODS, current_period
from dashboard.money.rules import Rules
from dashboard.money.scope import Scope
from dashboard.settings import load
from dashboard.store.files import FileStore

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=BERLIN)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def daily(limit: float = 10.0, **differs: Any) -> Budget:
    return Budget("Daily spending", "day", limit, **differs)


EVERY = [Budget(period, period, 10.0) for period in PERIODS]
CHOSEN = [Budget(f"{period} of x", period, 10.0, scope=Scope(task=("x*",))) for period in PERIODS]


def spent(now: datetime, hours_ago: dict[float, float]) -> frames.FrameStore:
    """A store with calls of the task x1; hours before now -> USD."""
    lines = [
        {
            "time": (now.astimezone(UTC) - timedelta(hours=ago)).astimezone(BERLIN),
            "cost_usd": usd,
            "task_id": "x1",
        }
        for ago, usd in hours_ago.items()
    ]
    return frames.FrameStore(lines, BERLIN)


def of_a_position(store: frames.FrameStore, budgets: list[Budget], now: datetime) -> tuple[Standing, ...]:
    return position.look(store, Rules(budgets=tuple(budgets)), (), now).standings


OLD = {24.0 * days: 5.0 for days in range(40, 100)}
"""Calls of 40 to 100 days ago."""


@pytest.mark.parametrize("one", [*EVERY, *CHOSEN], ids=lambda one: one.name)
def test_a_command_and_the_page_say_the_same_after_a_gap_in_the_log(one: Budget) -> None:
    now = at("2026-11-22T14:30")
    store = spent(now, OLD | {1.0: 2.0, 2.0: 2.0, 20.0: 2.0, 30.0: 2.0})
    (alone,) = standings.look(store, [one], now)
    among = standings.look(store, [*EVERY, *CHOSEN], now)
    assert alone in among
    assert of_a_position(store, [one], now) == (alone,)


@settings(max_examples=20, deadline=None)
@given(
    now=st.datetimes(datetime(2026, 3, 1), datetime(2026, 12, 1), timezones=st.just(UTC)),
    hours_ago=st.dictionaries(st.floats(-48, 24 * 110), st.floats(0, 100), max_size=30),
    back=st.integers(0, 60),
)
def test_how_far_back_a_frame_reaches_and_how_far_ahead_changes_nothing(
    now: datetime, hours_ago: dict[float, float], back: int
) -> None:
    here = now.astimezone(BERLIN)
    store = spent(now, hours_ago)
    for one in EVERY:
        (least,) = standings.look(store, [one], here)
        since = standings.view([one], here, BERLIN).since.date() - timedelta(days=back)
        assert (
            standing(one, store.sums(filters.days(since, here.date() + timedelta(days=3), BERLIN)), here)
            == least
        )
        assert of_a_position(store, [one], here) == (least,)


def test_calls_of_tomorrow_are_not_of_this_week_yet() -> None:
    store = spent(NOON, {-24.0: 4.0, 1.0: 2.0})
    week = Budget("w", "week", 10.0)
    assert [one.current for one in standings.look(store, [week], NOON)] == [2.0]
    assert [one.current for one in of_a_position(store, [week], NOON)] == [2.0]


def test_a_store_is_asked_only_for_the_days_that_are_needed() -> None:
    view = standings.view([Budget("b", "month", 1.0)], at("2026-11-30T12:00"), BERLIN)
    assert (view.since, view.until) == (at("2026-11-01T00:00"), at("2026-12-02T00:00"))
    view = standings.view([daily()], at("2026-11-18T12:00"), BERLIN)
    assert view.since == at("2026-10-21T00:00")


def test_budgets_of_a_real_log_are_the_sums_of_its_lines(tmp_path: Path) -> None:
    own = load({"log_dir": tmp_path / "logs/api", "timezone": "Europe/Berlin"}, {}, tmp_path, tmp_path)
    write_history(own, NOON, 40, 50, 1)
    choice = Budget("gh", "week", 10.0, "tokens", scope=Scope(task=("gh-*",), model=("claude-*",)))
    with FileStore(own.log_dir, own.zone) as store:
        store.load(standings.view([daily(), choice], NOON, own.zone))
        day, week = standings.look(store, [daily(), choice], NOON)
        rows = store.rows(current_period("week", NOON, BERLIN))
    today = rows[rows["time"] >= day.since]
    chosen = rows[rows["task_id"].str.startswith("gh-") & rows["model"].str.startswith("claude-")]
    assert day.current == pytest.approx(today["cost_usd"].sum())
    assert week.current == chosen["tokens_total"].sum() > 0
    assert day.projected is not None
    assert day.projected >= day.current


def test_without_budgets_a_store_is_not_asked() -> None:
    assert standings.look(None, [], NOON) == ()  # type: ignore[arg-type]
