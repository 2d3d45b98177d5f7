"""Latency: whose time counts, exact percentiles, none of too few values, buckets of local time."""

from __future__ import annotations

import io
import json
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dashboard import buckets, latency, metrics
from dashboard.charts import latency as chart
from dashboard.charts.picture import Scene
from dashboard.filters import days
from dashboard.sheets import Answer, data
from dashboard.views import Asked
from dashboard.views import latency as view
from logger.pricing import built_in
from tests.frames import UTC, FrameStore, at, month, rows

NOW = at("2026-11-22 18:00")
BERLIN = ZoneInfo("Europe/Berlin")


def calls(seconds: list[float], **more: Any) -> list[dict[str, Any]]:
    """A call a minute of these durations, today from 10:00 on."""
    begin = at("2026-11-22 10:00")
    return [
        {"time": begin + timedelta(minutes=place), "duration_seconds": value} | more
        for place, value in enumerate(seconds)
    ]


@pytest.mark.parametrize("number", [1, 2, 3, 19, 20, 99, 100, 101, 1000])
def test_percentiles_are_those_of_numpy_and_none_is_told_of_too_few_values(number: int) -> None:
    values = np.random.default_rng(number).lognormal(2, 1, number).astype("float32")
    told = latency.by(rows(calls(values.tolist())), "model").iloc[0]
    for rank, least in ((50, 1), (95, 20), (99, 100)):
        expected = np.percentile(values.astype("float64"), rank) if number >= least else np.nan
        assert told[f"duration_p{rank}"] == pytest.approx(expected, rel=1e-9, nan_ok=True)
    assert told["calls"] == number


def test_values_of_0_and_very_small_ones_are_in_order() -> None:
    told = latency.whole(rows(calls([0.0, 1e-30, 5.0])))
    assert told["duration_p50"] == pytest.approx(1e-30, rel=1e-6)


def test_runs_failures_and_lines_without_a_time_are_left_out_and_counted() -> None:
    frame = rows(
        [
            *calls([2.0, 4.0]),
            *calls([900.0], source="cli"),
            *calls([700.0], calls=12),
            *calls([60.0, 61.0], outcome="failed"),
            *calls([float("nan")]),
        ]
    )
    assert latency.measured(frame) == latency.Measured(timed=2, runs=2, failed=2, untimed=1)
    assert latency.whole(frame)["duration_p50"] == 3.0


def test_the_first_token_and_the_speed_have_their_own_calls() -> None:
    frame = rows(
        [
            *calls([10.0], time_to_first_token=1.0, tokens_per_second=40.0),
            *calls([20.0], tokens_per_second=60.0),
        ]
    )
    told = latency.by(frame, "model").iloc[0]
    assert (told["duration_p50"], told["first_token_p50"], told["tokens_per_second"]) == (15, 1, 50)


def test_groups_are_in_order_of_their_calls_and_times_in_order_of_time() -> None:
    frame = rows([*calls([1.0], model="a"), *calls([1.0, 2.0], model="b"), *calls([9.0], model="c", calls=3)])
    assert latency.by(frame, "model").index.tolist() == ["b", "a"]
    assert [f"{hour:%H:%M}" for hour in latency.by(frame, "hour").index] == ["10:00"]
    assert [f"{day:%Y-%m-%d}" for day in latency.by(frame, "day").index] == ["2026-11-22"]


def test_days_and_hours_are_those_of_the_zone_also_on_the_day_the_clock_goes_back() -> None:
    """25 October 2026 has 25 hours in Berlin; 2 o'clock comes twice."""
    since = datetime(2026, 10, 25, tzinfo=BERLIN).astimezone(UTC)
    frame = rows([{"time": since + timedelta(hours=n, minutes=30)} for n in range(-1, 26)], BERLIN)
    days_of = latency.by(frame, "day")["calls"]
    assert [(f"{day:%d}", count) for day, count in days_of.items()] == [("24", 1), ("25", 25), ("26", 1)]
    assert latency.by(frame, "hour")["calls"].tolist() == [1] * 27


@pytest.mark.parametrize(
    ("zone", "day"),
    [("Asia/Beirut", "2026-03-29"), ("America/Havana", "2026-11-01")],
)
def test_a_day_whose_midnight_is_skipped_or_comes_twice_begins_with_its_first_moment(
    zone: str, day: str
) -> None:
    """23 hours in Beirut, 25 in Havana; a call in each hour from the evening before on."""
    since = datetime.fromisoformat(f"{day}T12:30").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    frame = rows([{"time": since + timedelta(hours=n)} for n in range(-24, 24)], ZoneInfo(zone))
    expected = [f"{moment:%d}" for moment in frame["time"]]
    found = latency.by(frame, "day")["calls"]
    assert {f"{when:%d}": count for when, count in found.items()} == {
        name: expected.count(name) for name in expected
    }


def test_lines_outside_the_buckets_are_in_none() -> None:
    frame = rows([{"time": at(f"2026-11-{day} 12:00")} for day in (20, 22, 24)])
    assert buckets.place(frame["time"], buckets.grid(days(NOW.date(), NOW.date(), UTC), NOW)[1]).tolist() == [
        -1,
        12,
        -1,
    ]


def test_a_course_has_a_value_per_bucket_and_model_and_the_same_over_all() -> None:
    frame = rows(
        [
            *calls([1.0, 3.0], model="a"),
            {"time": at("2026-11-22 12:30"), "model": "a", "duration_seconds": 9.0},
            *calls([5.0], model="b"),
            *calls([5.0], model="rare", source="cli"),
        ]
    )
    grid, edges = buckets.grid(days(NOW.date(), NOW.date(), UTC), NOW)
    course = latency.course(frame, grid, edges, "duration_seconds", most=1)
    assert course.median["a"].dropna().to_dict() == {grid[10]: 2.0, grid[12]: 9.0}
    assert course.timed["a"].sum() == 3
    assert course.whole["median"].to_dict() == {"a": 3.0, "": 4.0}
    assert course.others == 1


def test_a_course_is_the_same_as_each_bucket_by_itself() -> None:
    lines = [line | {"source": "sdk"} for line in month(NOW, 200)]
    view_ = days(NOW.date() - timedelta(days=29), NOW.date(), BERLIN)
    frame = FrameStore(lines, BERLIN).rows(view_)
    course = latency.course(frame, *buckets.grid(view_, NOW), "duration_seconds")
    for model in course.median:
        by_day = latency.by(frame[(frame["model"] == model).to_numpy()], "day")
        assert course.median[model].dropna().tolist() == pytest.approx(by_day["duration_p50"].tolist())
        assert course.high[model].dropna().tolist() == pytest.approx(by_day["duration_p95"].dropna().tolist())


def test_a_view_is_told_by_the_hour_up_to_three_days_and_ends_with_now() -> None:
    hours, edges = buckets.grid(days(NOW.date(), NOW.date(), UTC), NOW)
    assert (len(hours), f"{hours[-1]:%H:%M}", len(edges)) == (19, "18:00", 20)
    long, _ = buckets.grid(days(NOW.date() - timedelta(days=3), NOW.date(), UTC), NOW)
    assert [f"{day:%d %H}" for day in long] == ["19 00", "20 00", "21 00", "22 00"]


def asked(lines: list[dict[str, Any]], by: str = "model") -> Answer:
    """What `callmeter report latency --by …` says of today."""
    today = days(NOW.date(), NOW.date(), UTC)
    return view.VIEW.build(Asked(FrameStore(lines), today, NOW, built_in(), by))


def test_the_view_says_what_is_usual_and_what_it_left_out() -> None:
    lines = [*calls([*[2.0] * 19, 30.0], time_to_first_token=0.5), *calls([800.0], source="cli")]
    answer = asked(lines)
    assert answer.sheets[0].sentence == (
        "Half of 20 calls took up to 2.00 s, one in twenty longer than 3.40 s; the first token typically "
        "came after 0.50 s."
    )
    assert answer.remarks[0].startswith("1 line stands for a CLI run or several calls")
    assert answer.sheets[0].text()[0][:5] == ["claude-opus-5-5", "20", "2.00 s", "3.40 s", "–"]


@pytest.mark.parametrize("by", list(metrics.KEYS))
def test_what_is_not_known_is_null_in_json_and_a_dash_for_people(by: str) -> None:
    answer = asked(calls([2.0]), by)
    out = io.StringIO()
    data.write_json(answer, out)
    group = json.loads(out.getvalue())["latency"][0]
    assert (group["duration_p50"], group["duration_p95"], group["first_token_p50"]) == (2.0, None, None)
    assert by in group
    assert "nan" not in str(answer.sheets[0].text()).lower()


def test_a_log_without_times_says_so() -> None:
    answer = asked(calls([3.0], source="cli"))
    assert answer.sheets[0].sentence == "No call here has a duration of its own."
    assert answer.sheets[0].rows == []


def scene(lines: list[dict[str, Any]], measure: str = "duration_seconds", since: date | None = None) -> Scene:
    """The health view up to today."""
    today, store = days(since or NOW.date(), NOW.date(), UTC), FrameStore(lines)
    return Scene(today, NOW, store.sums(today), lambda: store.rows(today), "r", measure=measure)


def test_the_picture_draws_five_models_and_says_how_many_more_there_are() -> None:
    lines = [line for n in range(7) for line in calls([1.0] * (8 - n), model=f"claude-m-{n}")]
    picture = chart.draw(scene(lines))
    named = [trace["name"] for trace in picture.figure["data"] if trace.get("showlegend", True)]
    assert named == ["m-0", "m-1", "m-2", "m-3", "m-4"]
    assert "2 more models in the table." in picture.sentence
    assert [row[0] for row in chart.table(scene(lines)).rows] == [f"claude-m-{n}" for n in range(7)]


def test_the_picture_names_the_slowest_model_and_what_is_left_out() -> None:
    lines = [
        *calls([1.0] * 40, model="claude-haiku-5-5"),
        *calls([5.0] * 30, model="claude-opus-5-5"),
        *calls([99.0], model="claude-once"),
        *calls([900.0], source="cli"),
    ]
    assert chart.draw(scene(lines)).sentence == (
        "Half of 71 calls took up to 1.00 s, one in twenty over 5.00 s. "
        "Slowest: opus-5-5, 5.00 s. 1 run of several calls left out."
    )


def test_no_model_is_named_the_slowest_where_all_are_as_fast() -> None:
    lines = [*calls([2.0] * 30, model="a"), *calls([2.1] * 30, model="b")]
    assert "Slowest" not in chart.draw(scene(lines)).sentence


def test_the_dotted_line_is_named_only_where_there_is_one() -> None:
    lines = [line | {"time": at(f"2026-11-22 {hour}:00")} for hour in (10, 11) for line in calls([2.0] * 20)]
    assert "(dotted)" in chart.draw(scene(lines)).sentence
    assert "p95" in _legend(lines)
    assert "(dotted)" not in chart.draw(scene(lines[:20] + lines[:1])).sentence
    assert "p95" not in _legend(lines[:20] + lines[:1])


def _legend(lines: list[dict[str, Any]]) -> list[str]:
    data = chart.draw(scene(lines)).figure["data"]
    return [trace["name"] for trace in data if trace.get("showlegend", True)]


def test_models_of_one_family_have_marks_of_their_own() -> None:
    lines = [*calls([1.0] * 2, model="claude-sonnet-5-5"), *calls([2.0], model="claude-sonnet-4-5")]
    traces = chart.draw(scene(lines)).figure["data"]
    assert [trace["marker"]["symbol"] for trace in traces if "marker" in trace] == ["circle", "square"]


def test_beyond_a_hundred_days_a_point_is_a_week_from_monday() -> None:
    """Six days from Friday 3 July on; Monday is the 6th."""
    seconds = zip(range(3, 9), (1.0, 3.0, 2.0, 8.0, 9.0, 7.0), strict=True)
    lines = [call for day, took in seconds for call in _on(f"2026-07-0{day} 12:00", took)]
    shown = scene(lines, since=date(2026, 7, 3))
    (line,) = [trace for trace in chart.draw(shown).figure["data"] if trace.get("mode") == "lines+markers"]
    assert list(zip(line["x"], line["y"], strict=True))[:3] == [
        ("2026-07-03 00:00", 2.0),
        ("2026-07-06 00:00", 8.0),
        ("2026-07-13 00:00", None),
    ]
    assert chart.draw(shown).sentence.endswith(" A point is a week.")


def _on(moment: str, seconds: float) -> list[dict[str, Any]]:
    return [line | {"time": at(moment)} for line in calls([seconds], model="m")]


def test_the_axis_is_logarithmic_only_where_the_range_is_wide() -> None:
    near = chart.draw(scene(calls([1.0], model="a") + calls([20.0], model="b")))
    far = chart.draw(scene(calls([1.0], model="a") + calls([400.0], model="b")))
    assert "type" not in near.figure["layout"]["yaxis"]
    assert far.figure["layout"]["yaxis"]["type"] == "log"


def test_of_speeds_the_slow_ones_are_the_low_ones() -> None:
    speeds = [*range(1, 21)]
    lines = [
        line | {"tokens_per_second": float(n)} for line, n in zip(calls([1.0] * 20), speeds, strict=True)
    ]
    said = chart.draw(scene(lines, "tokens_per_second")).sentence
    assert said == "Half of 20 calls wrote up to 10 tokens/s, one in twenty less than 2 tokens/s."


def test_a_range_without_times_says_so_in_the_picture() -> None:
    picture = chart.draw(scene(calls([5.0], source="cli")))
    assert picture.sentence == "No call in this range has a duration of its own."
    assert chart.table(scene([])).rows == []
