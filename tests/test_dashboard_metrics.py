"""Totals and small frames, against sums done by hand."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dashboard import filters, metrics
from dashboard.filters import Filter
from tests import frames
from tests.frames import at

NAN = float("nan")
NEW_YORK = ZoneInfo("America/New_York")


def _sums(*lines: dict[str, object], zone: ZoneInfo = frames.UTC):
    return frames.sums(frames.rows(lines, zone))


def test_totals_add_up_and_ratios_are_of_the_sums() -> None:
    """Two calls, one failed; the cache served 300 of 400 prompt tokens."""
    added = metrics.totals(
        _sums(
            {"time": at("2026-11-22 10:00"), "tokens_input": 50, "tokens_cache_read": 300, "cost_usd": 0.5},
            {
                "time": at("2026-11-22 11:00"),
                "tokens_input": 20,
                "tokens_cache_write": 30,
                "outcome": "failed",
            },
        )
    )
    assert (added.calls, added.successful, added.failed, added.tokens_total) == (2, 1, 1, 400)
    assert (added.success_rate, added.cache_hit_rate, added.cost_usd) == (0.5, 0.75, 0.5)


def test_nothing_adds_up_to_nothing_and_its_ratios_are_not_known() -> None:
    added = metrics.totals(_sums())
    assert added == metrics.Totals()
    assert (added.success_rate, added.cache_hit_rate, added.average_duration_seconds) == (None, None, None)


def test_a_line_that_stands_for_several_calls_counts_as_that_many() -> None:
    added = metrics.totals(
        _sums({"time": at("2026-11-22 10:00"), "calls": 4, "cost_usd": NAN, "final": False})
    )
    assert (added.calls, added.lines, added.unpriced, added.not_final, added.priced) == (4, 1, 4, 4, 0)


def test_groups_are_dearest_first_and_days_in_order() -> None:
    sums = _sums(
        {"time": at("2026-11-21 10:00"), "model": "cheap", "cost_usd": 1.0},
        {"time": at("2026-11-22 10:00"), "model": "dear", "cost_usd": 3.0},
        {"time": at("2026-11-20 10:00"), "model": "cheap", "cost_usd": 1.0, "outcome": "failed"},
    )
    models = metrics.by(sums, "model")
    assert list(models.index) == ["dear", "cheap"]
    assert metrics.group_totals(models)["cheap"].failed == 1
    assert [f"{day:%d}" for day in metrics.by(sums, "day").index] == ["20", "21", "22"]


def test_days_are_those_of_the_zone() -> None:
    """03:00 UTC is the evening before in New York."""
    sums = _sums({"time": at("2026-11-22 03:00"), "cost_usd": 1.0}, zone=NEW_YORK)
    assert [f"{day:%d}" for day in metrics.by(sums, "day").index] == ["21"]


def test_the_timeline_has_every_hour_up_to_now_and_none_after_it() -> None:
    now = at("2026-11-22 14:35")
    view = filters.last("7d", now, frames.UTC)
    line = {"time": at("2026-11-22 14:10"), "tokens_output": 7}
    hours = metrics.timeline(_sums(line), view, now)
    assert (len(hours), hours["tokens_output"].sum(), hours["tokens_output"].iloc[-1]) == (6 * 24 + 15, 7, 7)


def test_the_repeated_hour_of_a_clock_change_is_two_hours() -> None:
    """In New York 1 November 2026 has 25 hours; 01:00 comes twice."""
    day = filters.days(at("2026-11-01 00:00").date(), at("2026-11-01 00:00").date(), NEW_YORK)
    both = [{"time": at(f"2026-11-01 0{hour}:30"), "tokens_input": hour} for hour in (5, 6)]
    hours = metrics.timeline(_sums(*both, zone=NEW_YORK), day, at("2026-11-22 00:00"))
    assert len(hours) == 25
    assert hours["tokens_input"].iloc[1:3].tolist() == [5, 6]


def test_half_hour_zones_have_their_own_hours() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    now = at("2026-11-22 14:05")
    lines = [
        {"time": at("2026-11-22 13:29"), "tokens_input": 1},
        {"time": at("2026-11-22 13:31"), "tokens_input": 2},
    ]
    hours = metrics.timeline(_sums(*lines, zone=zone), filters.last("24h", now, zone), now)
    assert hours["tokens_input"].iloc[-2:].tolist() == [1, 2]


def test_activity_counts_calls_by_hour_of_day_and_day() -> None:
    now = at("2026-11-22 14:35")
    view = filters.last("7d", now, frames.UTC)
    cells = metrics.activity(
        _sums(
            {"time": at("2026-11-20 09:10")},
            {"time": at("2026-11-20 09:50")},
            {"time": at("2026-11-22 14:00")},
        ),
        view,
        now,
    )
    assert cells.shape == (24, 7)
    assert cells.iloc[9, 4] == 2 and cells.iloc[14, 6] == 1 and cells.to_numpy().sum() == 3


def test_cost_per_day_has_a_column_per_model_and_every_day() -> None:
    now = at("2026-11-22 14:35")
    costs = metrics.cost_by_day(
        _sums(
            {"time": at("2026-11-20 09:10"), "model": "a", "cost_usd": 1.0},
            {"time": at("2026-11-22 09:10"), "model": "b", "cost_usd": 2.0},
        ),
        filters.last("7d", now, frames.UTC),
        now,
    )
    assert list(costs.columns) == ["b", "a"]
    assert costs.sum(axis=1).tolist() == [0, 0, 0, 0, 1, 0, 2]


@pytest.fixture(scope="module")
def many():
    """20,000 lines: 400 failures and one call far longer, larger and dearer than all others."""
    chance = np.random.default_rng(1)
    start = at("2026-11-01 00:00")
    lines = [
        {
            "time": start + timedelta(seconds=place),
            "outcome": "failed" if place % 50 == 0 else "ok",
            "tokens_output": int(chance.lognormal(7, 1)) if place % 50 else 0,
            "duration_seconds": float(chance.lognormal(2, 1)),
            "cost_usd": 0.01,
        }
        for place in range(20_000)
    ]
    lines[777] |= {"duration_seconds": 9000.0, "tokens_output": 10**8, "cost_usd": 99.0}
    lines[778] |= {"duration_seconds": NAN}
    return frames.rows(lines)


def test_a_sample_says_the_true_count_and_keeps_to_its_size(many) -> None:
    taken = metrics.sample(many, 1000)
    assert taken.total == 19_999 and taken.untimed == 1 and not taken.complete
    assert 1000 <= len(taken.rows) <= 1000 + 400


def test_a_sample_never_loses_a_failure_from_the_picture(many) -> None:
    """Each failure is in the sample, or another one is drawn on the very same spot."""
    across, up = metrics.SPOTS_PER_DECADE

    def spots(rows) -> set[tuple[int, int]]:
        failed = rows[rows["outcome"] == "failed"]
        x = np.floor(np.log10(failed["duration_seconds"].astype("float64")) * across)
        y = np.floor(np.log10(failed["tokens_total"].clip(lower=1)) * up)
        return set(zip(x.astype(int), y.astype(int), strict=True))

    assert spots(metrics.sample(many, 1000).rows) == spots(many)


def test_a_sample_never_loses_an_outlier_and_is_the_same_each_time(many) -> None:
    one, other = metrics.sample(many, 1000), metrics.sample(many, 1000)
    assert one.rows["cost_usd"].max() == 99.0 and one.rows["duration_seconds"].max() == 9000.0
    assert one.rows.equals(other.rows)


def test_few_lines_are_all_in_the_sample(many) -> None:
    taken = metrics.sample(many.iloc[:100], 1000)
    assert taken.complete and len(taken.rows) == 100


def test_a_page_of_lines_is_newest_first_and_orders_by_any_column() -> None:
    rows = frames.rows(
        [
            {"time": at("2026-11-22 10:00"), "task_id": "b", "cost_usd": 2.0},
            {"time": at("2026-11-22 11:00"), "task_id": "a", "cost_usd": NAN},
            {"time": at("2026-11-22 12:00"), "task_id": "c", "cost_usd": 1.0},
        ]
    )
    order = [metrics.page(rows, 0, 9, *how)["task_id"].tolist() for how in ((), ("cost_usd",), ("task_id",))]
    assert order == [["c", "a", "b"], ["b", "c", "a"], ["c", "b", "a"]]
    assert metrics.page(rows, 1, 2)["task_id"].tolist() == ["a"]
    assert metrics.page(rows, 0, 9, "cost_usd", ascending=True)["task_id"].tolist() == ["c", "b", "a"]
    assert metrics.page(rows, 0, 9, "no such column")["task_id"].tolist() == ["c", "a", "b"]


def test_spenders_are_dearest_first_and_say_what_is_unpriced() -> None:
    rows = frames.rows(
        [
            {"time": at("2026-11-22 10:00"), "task_id": "b", "cost_usd": 2.0},
            {"time": at("2026-11-22 11:00"), "task_id": "a", "cost_usd": NAN, "calls": 3},
            {"time": at("2026-11-22 12:00"), "task_id": "b", "cost_usd": 1.0, "outcome": "failed"},
        ]
    )
    small = metrics.spenders(rows, "task_id")
    assert list(small.index) == ["b", "a"]
    assert small.loc["b"].tolist() == [3.0, 0, 2, 1, 0]
    assert small.loc["a", "unpriced"] == 3


def test_the_first_spenders_are_the_same_however_many_are_put_in_order() -> None:
    """Ties of cost go by tokens, also where the order ends; what follows is there, in any order."""
    costs = [0.0, 3.0, 2.0, 2.0, NAN, 9.0, 2.0, 0.5]
    rows = frames.rows(
        [
            {"time": at("2026-11-22 10:00"), "task_id": f"t{i}", "cost_usd": cost, "tokens_input": i}
            for i, cost in enumerate(costs)
        ]
    )
    whole = metrics.spenders(rows, "task_id")
    assert list(whole.index) == ["t5", "t1", "t6", "t3", "t2", "t7", "t4", "t0"]
    for most in range(1, 10):
        some = metrics.spenders(rows, "task_id", most)
        assert list(some.index[:most]) == list(whole.index[:most])
        assert some.sort_index().equals(whole.sort_index())


def test_a_sample_names_only_what_is_in_it() -> None:
    """Going through points otherwise goes through the names of all tasks there are."""
    start = at("2026-11-01 00:00")
    lines = [{"time": start + timedelta(seconds=n), "task_id": f"t{n}"} for n in range(1000)]
    taken = metrics.sample(frames.rows(lines), 100)
    assert not taken.complete
    assert set(taken.rows["task_id"].cat.categories) == set(taken.rows["task_id"].tolist())


def test_values_of_a_facet_come_with_their_calls_most_used_first() -> None:
    rows = frames.rows([{"time": at("2026-11-22 10:00"), "task_id": t} for t in ("a", "b", "b", "")])
    assert metrics.values(rows, "task_id") == [("b", 2), ("", 1), ("a", 1)]


def test_the_view_of_a_past_day_has_that_day_only() -> None:
    view: Filter = filters.days(at("2026-11-03 00:00").date(), at("2026-11-03 00:00").date(), frames.UTC)
    assert [f"{d:%d}" for d in metrics.local_days(view, at("2026-11-22 14:00"))] == ["03"]
    assert len(metrics.hours(view, at("2026-11-22 14:00"))) == 24


@pytest.mark.parametrize("minute", [0, 29, 30, 59])
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu", "UTC"])
def test_the_running_hour_is_in_the_pictures_at_every_minute_of_it(zone: str, minute: int) -> None:
    """`now` comes in UTC, where the hours of these zones begin at :30 or :15."""
    here = ZoneInfo(zone)
    now = at(f"2026-11-22 15:{minute:02d}", here).astimezone(frames.UTC)
    view = filters.last("24h", now, here)
    line = {"time": now, "tokens_input": 5, "cost_usd": 2.0}
    sums = _sums(line, zone=here)
    assert metrics.timeline(sums, view, now)["tokens_input"].tolist() == [0] * 23 + [5]
    assert metrics.cost_by_hour(sums, view, now).to_numpy().sum() == 2.0


@pytest.mark.parametrize("now", ["2026-11-01 05:30", "2026-11-01 06:30", "2026-11-01 07:30"])
def test_no_hour_is_missing_around_a_change_of_the_clock(now: str) -> None:
    view = filters.last("24h", at(now), NEW_YORK)
    sums = _sums({"time": at(now), "tokens_input": 5}, zone=NEW_YORK)
    assert metrics.timeline(sums, view, at(now))["tokens_input"].sum() == 5


def test_the_repeated_hour_as_a_view_holds_both() -> None:
    """What a click on its cell asks for: 01:00 to 02:00 by the wall clock."""
    view = Filter(at("2026-11-01 01:00", NEW_YORK), at("2026-11-01 02:00", NEW_YORK))
    sums = _sums(*({"time": at(f"2026-11-01 0{h}:30"), "tokens_input": h} for h in (5, 6)), zone=NEW_YORK)
    assert metrics.timeline(sums, view, at("2026-11-22 00:00"))["tokens_input"].tolist() == [5, 6]


def test_a_change_of_the_clock_by_half_an_hour_loses_no_cost() -> None:
    """Lord Howe sets the clock forward by 30 minutes on 4 October 2026, 02:00."""
    zone = ZoneInfo("Australia/Lord_Howe")
    now = at("2026-10-04 00:10")
    view = filters.last("24h", now, zone)
    lines = [{"time": now - timedelta(hours=h), "cost_usd": 1.0, "tokens_input": 1} for h in range(24)]
    sums = _sums(*lines, zone=zone)
    assert view.since.minute == view.until.minute == 0
    assert metrics.cost_by_hour(sums, view, now).to_numpy().sum() == 24
    assert metrics.timeline(sums, view, now)["tokens_input"].sum() == 24
