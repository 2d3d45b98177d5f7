"""The position: what a store, rules and a ledger come to, one look for all faces of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import frames
import numpy as np
import pandas as pd
import pytest

from dashboard.commands.demo import write_history
from dashboard.filters import Filter, days
from dashboard.money import position, spending
from dashboard.money.budgets import Budget
from dashboard.money.credit import CreditRules
from dashboard.money.ledger import Entry, Grant, Reading
from dashboard.money.position import Position
from dashboard.money.rules import Rules
from dashboard.money.scope import ALL, Scope
from dashboard.settings import load
from dashboard.store.files import FileStore

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 14, 30, 20, tzinfo=BERLIN)

ENTRIES: tuple[Entry, ...] = (
    Grant("g1", NOW - timedelta(days=20, hours=3), 500.0, "promo", date(2026, 12, 31)),
    Reading("r1", NOW - timedelta(days=9, minutes=17), 360.0),
    Grant("g2", NOW - timedelta(days=2, minutes=40), 20.0),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileStore]:
    folder = tmp_path_factory.mktemp("demo")
    flags = {"log_dir": folder / "api", "timezone": "Europe/Berlin"}
    write_history(load(flags, {}, folder, folder), NOW, 40, 120, 1)
    with FileStore(folder / "api", BERLIN) as made:
        made.load()
        yield made


@pytest.fixture(scope="module")
def every_call(store: FileStore) -> pd.DataFrame:
    return store.rows(days(date(2026, 1, 1), date(2026, 12, 31), BERLIN))


def look(store: FileStore, entries: tuple[Entry, ...] = ENTRIES, **differs: Any) -> Position:
    return position.look(store, Rules(**differs), entries, NOW)


def cost_between(calls: pd.DataFrame, since: datetime, until: datetime) -> float:
    chosen = calls[(calls["time"] >= since) & (calls["time"] < until)]
    return float(np.nansum(chosen["cost_usd"]))


# What was spent when


MOMENTS = [
    NOW - timedelta(days=d, minutes=m) for d, m in ((30, 7), (9, 17), (2, 40), (2, 35), (1, 0), (0, 0))
]


def between(store: FileStore, now: datetime = NOW) -> spending.SpentBetween:
    """What all calls cost, by the store's sums of this autumn."""
    return spending.spent_between(store, ALL, store.sums(days(date(2026, 3, 1), now.date(), BERLIN)), now)


@pytest.mark.parametrize("since", MOMENTS)
@pytest.mark.parametrize("until", MOMENTS)
def test_what_was_spent_between_two_moments_is_exact_to_the_call(
    store: FileStore, every_call: pd.DataFrame, since: datetime, until: datetime
) -> None:
    assert between(store)(since, until).usd == pytest.approx(cost_between(every_call, since, until))


def test_calls_of_unknown_cost_are_counted(store: FileStore, every_call: pd.DataFrame) -> None:
    since = NOW - timedelta(days=20, minutes=11)
    chosen = every_call[every_call["time"] >= since]
    unknown = int(chosen["calls"][chosen["cost_usd"].isna() | ~chosen["final"]].sum())
    assert unknown > 0
    assert between(store)(since, NOW).uncertain == unknown


def costs(folder: Path, calls: list[tuple[datetime, float]]) -> None:
    """A log of calls that cost so much."""
    for place, (at, usd) in enumerate(calls):
        said = {"timestamp": at.isoformat(timespec="microseconds"), "model": "claude-haiku-4-5"}
        more = {"estimated_cost_usd": usd, "tokens_input": 1, "success": True, "call_id": f"c{place}"}
        with (folder / f"api-calls-{at:%Y-%m-%d}.jsonl").open("a") as file:
            file.write(json.dumps(said | more) + "\n")


@pytest.mark.parametrize("name", ["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"])
def test_spans_around_a_change_of_clocks_are_exact_to_the_call(name: str, tmp_path: Path) -> None:
    """A call of $2^n every 20 minutes of the hours around it: each span has a sum of its own."""
    zone, step = ZoneInfo(name), timedelta(minutes=20)
    begin = {"Australia/Lord_Howe": datetime(2026, 4, 4, 12, 7, tzinfo=UTC)}.get(
        name, datetime(2026, 10, 24, 22, 7, tzinfo=UTC)
    )
    calls = [((begin + place * step).astimezone(zone), float(2**place)) for place in range(18)]
    costs(tmp_path, calls)
    with FileStore(tmp_path, zone) as store:
        store.load()
        sums = store.sums(days(date(2026, 4, 1), date(2026, 10, 30), zone))
        asked = spending.spent_between(store, ALL, sums, calls[-1][0] + timedelta(days=1))
        moments = [(begin + place * step / 2).astimezone(zone) for place in range(-3, 40)]
        for since, until in itertools.combinations(moments, 2):
            real = sum(usd for at, usd in calls if since.timestamp() <= at.timestamp() < until.timestamp())
            assert asked(since, until).usd == real


def test_calls_of_the_repeated_hour_are_taken_off_a_reading_in_its_first_half(tmp_path: Path) -> None:
    at = datetime.fromisoformat
    costs(tmp_path, [(at("2026-10-25T02:50:00+02:00"), 7.0), (at("2026-10-25T12:00:00+01:00"), 1.0)])
    read = Reading("r", at("2026-10-25T02:40:00+02:00"), 100.0)
    with FileStore(tmp_path, BERLIN) as store:
        store.load()
        for now in ("2026-10-25T13:00:00+01:00", "2026-10-26T13:00:00+01:00", "2026-11-10T13:00:00+01:00"):
            found = position.look(store, Rules(), [read], at(now)).balance
            assert found is not None and found.left_usd == 92


def test_days_with_and_without_calls_across_a_change_of_clocks() -> None:
    """25 October 2026 has 25 hours in Berlin: 00:30 and 23:30 are both its own."""
    moments = [datetime(2026, 10, 25, 0, 30), datetime(2026, 10, 25, 23, 30), datetime(2026, 10, 27, 0, 0)]
    lines = [{"time": at.replace(tzinfo=BERLIN), "cost_usd": 1.0} for at in moments]
    sums = frames.sums(frames.rows(lines, BERLIN))
    assert spending.daily(sums, date(2026, 10, 24), date(2026, 10, 27)).tolist() == [0, 2, 0, 1]


# The look


def test_the_balance_is_what_the_ledger_says_less_every_call_since(
    store: FileStore, every_call: pd.DataFrame
) -> None:
    found = look(store).balance
    assert found is not None
    since = cost_between(every_call, ENTRIES[1].at, NOW)
    assert found.left_usd == pytest.approx(360 + 20 - since)
    assert found.drifts[0].logged_usd == pytest.approx(cost_between(every_call, ENTRIES[0].at, ENTRIES[1].at))


def test_parts_of_hours_are_read_once_and_again_when_their_hour_changes(tmp_path: Path) -> None:
    read = Reading("r", NOW - timedelta(days=5), 100.0)
    earlier = Reading("s", NOW - timedelta(days=300), 300.0)
    costs(tmp_path, [(read.at + timedelta(minutes=2), 3.0), (earlier.at + timedelta(minutes=2), 5.0)])
    with FileStore(tmp_path, BERLIN) as store:
        store.load()
        watched, parts = Watched(store), spending.Parts()

        def left() -> float:
            found = position.look(watched, Rules(), [earlier, read], NOW, parts).balance
            assert found is not None
            return found.left_usd

        assert left() == 97 and watched.asked == 2
        assert left() == 97 and watched.asked == 2
        costs(tmp_path, [(read.at + timedelta(hours=3), 1.0)])
        store.refresh()
        assert left() == 96 and watched.asked == 2
        costs(tmp_path, [(read.at - timedelta(minutes=2), 1.0), (read.at + timedelta(minutes=3), 1.0)])
        store.refresh()
        assert left() == 95 and watched.asked == 3


class Watched:
    """A store of which is counted how often lines were asked for; those of the last day apart."""

    def __init__(self, store: FileStore) -> None:
        self._store, self.asked = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def rows(self, view: Filter, **more: Any) -> pd.DataFrame:
        self.asked += view.until < NOW - timedelta(days=1)
        return self._store.rows(view, **more)


def test_many_readings_of_a_day_need_its_lines_once(tmp_path: Path) -> None:
    begin = NOW - timedelta(days=5, hours=10)
    costs(tmp_path, [(begin + timedelta(minutes=7 * place), 1.0) for place in range(100)])
    readings = [Reading(f"r{place}", begin + timedelta(minutes=5 * place), 500.0) for place in range(140)]
    with FileStore(tmp_path, BERLIN) as store:
        store.load()
        watched = Watched(store)
        found = position.look(watched, Rules(), readings, NOW).balance
        assert watched.asked <= 4
        assert found is not None and found.left_usd == 500 - 0
        assert sum(drift.logged_usd for drift in found.drifts) == 100


def test_who_began_to_spend_lately_has_no_days_before(tmp_path: Path) -> None:
    """A project that spent $10 a day for ten days, in a log of a hundred."""
    costs(tmp_path, [(NOW - timedelta(days=back), 1.0) for back in range(100, 0, -1)])
    for back in range(10, 0, -1):
        at = NOW - timedelta(days=back)
        with (tmp_path / f"api-calls-{at:%Y-%m-%d}.jsonl").open("a") as file:
            said = {"timestamp": at.isoformat(), "model": "m", "project": "new", "success": True}
            file.write(json.dumps(said | {"estimated_cost_usd": 10.0, "call_id": f"n{back}"}) + "\n")
    with FileStore(tmp_path, BERLIN) as store:
        store.load()
        found = look(store, (Grant("g", NOW, 100.0),), credit=CreditRules(scope=Scope(project=("new",))))
    assert (len(found.daily), found.pace.days) == (11, 10)
    assert found.pace.usd_per_day == pytest.approx(10, rel=0.02)


def test_without_a_ledger_nothing_is_known_of_credit_but_the_pace_is(store: FileStore) -> None:
    found = look(store, ())
    assert (found.balance, found.run_out, found.status) == (None, None, "unknown")
    assert found.pace.usd_per_day is not None and found.pace.days == 39
    assert position.burndown(found, ()) is None


def test_the_day_costs_what_its_calls_cost(store: FileStore, every_call: pd.DataFrame) -> None:
    daily = look(store).daily
    by_hand = every_call.groupby(every_call["time"].dt.strftime("%Y-%m-%d"))["cost_usd"].sum()
    assert daily.to_numpy() == pytest.approx(by_hand.to_numpy())
    assert daily.index[-1] == pd.Timestamp(NOW.date())


def test_only_the_calls_that_use_the_credit_are_taken_off_it(
    store: FileStore, every_call: pd.DataFrame
) -> None:
    task = str(every_call["task_id"].iloc[-1])
    for scope, column, value in (
        (Scope(project=("website",)), "project", "website"),
        (Scope(task=(task,)), "task_id", task),
    ):
        found = look(store, (Grant("g", ENTRIES[0].at, 500.0),), credit=CreditRules(scope=scope)).balance
        own = every_call[every_call[column] == value]
        assert found is not None
        assert found.spent_since.usd == pytest.approx(cost_between(own, ENTRIES[0].at, NOW))


def test_what_a_command_asks_for_is_the_same_as_the_whole_look(store: FileStore) -> None:
    whole = look(store, budgets=(Budget("Daily", "day", 10.0),))
    daily, held = position.held(store, ALL, ENTRIES, NOW)
    assert held == (whole.balance, whole.run_out)
    assert daily.equals(whole.daily)


def test_an_empty_store_has_a_position(tmp_path: Path) -> None:
    with FileStore(tmp_path, BERLIN) as empty:
        found = position.look(empty, Rules(), (Grant("g", NOW - timedelta(days=3), 50.0),), NOW)
    assert found.balance is not None and found.balance.left_usd == 50
    assert found.run_out is not None and found.run_out.sentence == "not enough history"
    picture = position.burndown(found, (Grant("g", NOW - timedelta(days=3), 50.0),))
    assert picture is not None
    assert picture.past.tolist() == [50, 50, 50, 50]
    assert picture.ahead.empty


# The picture


def test_the_past_of_the_picture_is_anchored_at_readings_and_meets_what_is_to_come(store: FileStore) -> None:
    found = look(store)
    picture = position.burndown(found, ENTRIES)
    assert picture is not None and found.balance is not None
    past, ahead = picture.past, picture.ahead
    assert past.index[0] == pd.Timestamp(ENTRIES[0].at.date())
    assert past.index[-1] == ahead.index[0] == pd.Timestamp(NOW.date())
    assert past.iloc[-1] == ahead["likely"].iloc[0] == pytest.approx(found.balance.left_usd)
    read_on = past[pd.Timestamp(ENTRIES[1].at.date())]
    assert 340 < read_on < 360
    granted_on = pd.Timestamp(ENTRIES[2].at.date())
    assert past[granted_on] > past[granted_on - pd.Timedelta(days=1)]
    assert found.run_out is not None and ahead["likely"].iloc[-1] <= 1


def test_the_end_of_a_past_day_in_the_picture_is_what_the_balance_was_then(
    store: FileStore, every_call: pd.DataFrame
) -> None:
    picture = position.burndown(look(store), ENTRIES)
    assert picture is not None
    end = datetime(2026, 11, 18, tzinfo=BERLIN)
    expected = 360 - cost_between(every_call, ENTRIES[1].at, end)
    assert picture.past[pd.Timestamp("2026-11-17")] == pytest.approx(expected, abs=1e-6)
