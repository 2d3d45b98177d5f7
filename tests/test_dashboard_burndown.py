"""The burn-down picture: what of a balance is drawn where, and what is said beside it."""

from datetime import date, datetime
from typing import Any

import pandas as pd

from dashboard.charts import burndown
from dashboard.charts.burndown import Course, Granted
from tests.frames import at

NOW = at("2026-11-22 14:35")


def _course(**given: Any) -> Course:
    """$1,000 on the 1st at noon, $10 a day, read on the 11th as $880; used up about 5 December."""
    past = pd.Series([1000.0 - 10 * n for n in range(22)], index=pd.date_range("2026-11-01", periods=22))
    days = pd.date_range("2026-11-23", "2026-12-09")
    left = pd.Series(range(1, 1 + len(days)), index=days)
    ahead = pd.DataFrame(
        {"low": 790 - 70.0 * left, "likely": 790 - 56.0 * left, "high": 790 - 45.0 * left}
    ).clip(lower=0)
    plain = {
        "now": NOW,
        "past": past,
        "ahead": ahead,
        "readings": ((at("2026-11-11 12:00"), 880.0),),
        "grants": (Granted(at("2026-11-01 12:00"), 1000.0, "promo"),),
        "earliest": date(2026, 12, 3),
        "likely": date(2026, 12, 5),
        "latest": date(2026, 12, 9),
    }
    return Course(**plain | given)


def _traces(course: Course) -> dict[str, dict[str, Any]]:
    return {trace["name"]: trace for trace in burndown.draw(course).figure["data"]}


def test_the_picture_has_past_readings_grants_the_likely_line_and_its_range() -> None:
    traces = _traces(_course())
    assert list(traces) == [
        *("low", "80 % range", "Balance", "Likely", "Read", "Granted"),
        *("range of the day", "Used up"),
    ]
    assert traces["80 % range"]["fill"] == "tonexty"
    assert traces["Balance"]["x"][-1] == traces["Likely"]["x"][0] == "2026-11-22 14:35"
    assert traces["Balance"]["y"][-1] == traces["Likely"]["y"][0] == 790.0
    assert (traces["Read"]["x"], traces["Read"]["y"]) == (["2026-11-11 12:00"], [880.0])
    assert traces["Used up"]["x"] == ["2026-12-05 12:00"]
    assert traces["range of the day"]["x"] == ["2026-12-03 00:00", "2026-12-10 00:00"]


def test_today_and_the_likely_day_are_marked_by_words() -> None:
    drawn = burndown.draw(_course()).figure["layout"]
    assert [note["text"] for note in drawn["annotations"]] == ["today", "<b>likely 5 Dec</b>"]
    assert [shape["x0"] for shape in drawn["shapes"]] == ["2026-11-22 14:35", "2026-12-05 12:00"]


def test_a_grant_is_a_step_in_the_line_and_a_reading_a_point_of_it() -> None:
    """$100 fall to $80 within the 20th; $50 came at noon; on the 21st the Console shows $115."""
    past = pd.Series([100.0, 130.0, 110.0], index=pd.date_range("2026-11-19", periods=3))
    line = burndown.way(
        _course(
            now=at("2026-11-21 18:00"),
            past=past,
            grants=(Granted(at("2026-11-20 12:00"), 50.0),),
            readings=((at("2026-11-19 00:00"), 100.0), (at("2026-11-21 12:00"), 115.0)),
        )
    )
    noon = datetime(2026, 11, 20, 12)
    assert [value for when, value in line if when == noon] == [90.0, 140.0]
    assert (datetime(2026, 11, 21, 12), 115.0) in line
    assert line == sorted(line, key=lambda point: point[0])


def test_a_label_is_no_markup_in_the_picture() -> None:
    traces = _traces(_course(grants=(Granted(at("2026-11-10 12:00"), 5.0, "<b>x</b>\n"),)))
    assert traces["Granted"]["customdata"] == ["+$5.00 &lt;b>x&lt;/b>"]


def test_a_long_past_is_cut_so_that_what_lies_ahead_can_be_seen() -> None:
    past = pd.Series(500.0, index=pd.date_range(end="2026-11-22", periods=300))
    traces = _traces(_course(past=past, grants=(), readings=((at("2026-02-01"), 500.0),)))
    assert traces["Balance"]["x"][0] >= "2026-10-17"


def test_nothing_known_ahead_draws_the_past_alone() -> None:
    bare = _course(ahead=pd.DataFrame({"low": [], "likely": [], "high": []}), likely=None)
    assert "80 % range" not in _traces(bare) and "Used up" not in _traces(bare)
    assert burndown.draw(bare).sentence == "$1,000 granted since 1 November, $790.00 now."


def test_without_a_ledger_the_picture_says_so_in_its_place() -> None:
    drawn = burndown.draw(None)
    assert drawn.figure["data"] == []
    assert drawn.figure["layout"]["annotations"][0]["text"] == "No balance is known yet"
    assert burndown.table(None).rows == []


def test_the_picture_as_a_table_tells_estimates_from_what_was() -> None:
    rows = burndown.table(_course()).rows
    assert rows[-1] == ["Sun 1 Nov 2026", "$1,000", "", ""]
    assert ["Mon 23 Nov 2026", "about $734.00", "$720.00", "$745.00"] in [list(row) for row in rows]
