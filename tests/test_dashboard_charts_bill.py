"""The pictures of the bill view: what was billed per day, why log and bill differ, what the cache saved."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from dashboard.charts import billed, caching, differences
from dashboard.charts.billed import Days
from dashboard.charts.caching import Saved, Savings
from dashboard.charts.differences import Reason


def days(*costs: tuple[float, float | None], young: int = 0) -> Days:
    """Logged and billed of days from 2 November on; the last `young` are not over."""
    index = pd.date_range("2026-11-02", periods=len(costs), freq="D")
    frame = pd.DataFrame(costs, index=index, columns=["logged", "billed"], dtype="float64")
    return Days(frame.assign(average=float("nan")), frozenset(index[len(costs) - young :]))


def test_the_sentence_names_the_day_on_which_they_differ_most() -> None:
    shown = billed.draw(days((4.0, 4.0), (3.0, 5.0), (1.0, 9.0), young=1))
    assert shown.sentence == "They differ most on 3 November: $5.00 billed, $3.00 logged."
    small = billed.draw(days((4.0, 4.0), (5.0, 5.0044))).sentence
    assert small == "They differ most on 3 November, by $0.0044: $5.00 billed."
    assert billed.draw(days((4.0, 4.0), (5.0, 5.00001))).sentence == "Logged and billed agree in 2 days."


def test_a_day_that_was_never_read_has_no_bar_of_the_bill() -> None:
    shown = billed.draw(days((4.0, None), (3.0, 0.0)))
    assert shown.figure["data"][0]["y"] == [None, 0.0]
    assert billed.table(days((4.0, None), (3.0, 5.0))).rows == [
        ["Tue 03 Nov", "$3.00", "$5.00", "+$2.00", "–"],
        ["Mon 02 Nov", "$4.00", "not known", "–", "–"],
    ]


def test_a_long_range_is_drawn_in_weeks() -> None:
    shown = days(*[(1.0, 1.0)] * 140)
    costs = billed.steps(shown)
    assert len(costs) == 20
    assert costs["billed"].tolist() == [7.0] * 20
    assert billed.draw(shown).figure["data"][0]["customdata"][0] == "2026-11-02/7"


def test_weeks_are_called_weeks() -> None:
    """The first of 20 weeks was billed $3 beyond its log; the last day of all is not over."""
    shown = days((1.0, 4.0), *[(1.0, 1.0)] * 139, young=1)
    said = "They differ most in the week of 2 November 2026: $10.00 billed, $7.00 logged."
    picture = billed.draw(shown)
    assert picture.sentence == f"{said} A bar is a week, from Monday."
    assert picture.figure["layout"]["yaxis"]["title"]["text"] == "USD per week"
    newest, *_, oldest = billed.table(shown).rows
    assert newest == ["15 Mar 2027", "$7.00", "$7.00", "–", "–", "so far"]
    assert oldest[3:] == ["+$3.00", "–", ""]


def test_a_click_beside_a_bar_means_its_day_too() -> None:
    """The line of the average is what the pointer meets first."""
    shown = days((4.0, 4.0), (3.0, 5.0))
    traces = billed.draw(replace(shown, costs=shown.costs.assign(average=4.0))).figure["data"]
    assert [trace["customdata"] for trace in traces] == [["2026-11-02/1", "2026-11-03/1"]] * 3


def test_a_day_that_is_not_over_is_compared_with_nothing() -> None:
    table = billed.table(days((4.0, 5.0), (3.0, 0.0), young=1))
    assert table.rows[0] == ["Tue 03 Nov", "$3.00", "$0", "–", "–", "so far"]
    assert table.rows[1] == ["Mon 02 Nov", "$4.00", "$5.00", "+$1.00", "–", ""]


def test_one_day_leaves_room_above_its_bar_and_is_not_the_dearest() -> None:
    picture = billed.draw(days((0.05, None)))
    assert picture.sentence == "Monday 2 November: $0.050 logged; of no whole day the bill is known yet."
    axis = picture.figure["layout"]["yaxis"]
    assert axis["range"][1] > 1.5 * 0.05
    assert billed.dollars(0.05) == "$,.4~f"  # $0.02, not $0.0200


def test_nothing_at_all_is_said_in_the_picture() -> None:
    assert billed.draw(days((0.0, None))).sentence == "Nothing was logged or billed in these days."


def test_bars_of_reasons_point_where_the_money_is() -> None:
    """$3 missing, $1 too much, a discount of $0.50 and less than half a cent of rounding, which no bar shows."""
    found = [("not_logged", 2.0), ("not_logged", 1.0), ("not_billed", -1.0), ("discount", -0.5)]
    reasons = differences.by_reason([*found, ("rounding", 0.004)], {}, frozenset({"discount"}))
    shown = differences.draw(reasons)
    (bars,) = shown.figure["data"]
    assert bars["x"] == [3.0, -1.0, -0.5]
    assert shown.figure["layout"]["yaxis"]["range"] == [2.5, -0.5]  # the largest stands above
    assert len(set(bars["marker"]["color"])) == 3
    assert shown.sentence == "Not_logged: $3.00; all differences together come to +$1.50."
    assert [row[0] for row in differences.table(reasons).rows] == [*_REASONS, "rounding"]


_REASONS = ("not_logged", "not_billed", "discount")


def test_no_difference_and_no_comparison_are_two_things() -> None:
    assert differences.draw([]).sentence == "Nothing was billed that was not logged."
    assert differences.draw(None).sentence == "No day can be compared yet."
    assert differences.draw([Reason("rounding", "within rounding", 0.00001, 1)]).figure["data"] == []


def test_less_than_a_cent_is_drawn_where_nothing_is_more() -> None:
    shown = differences.draw([Reason("lower_bound", "lower bound", 0.0044, 2)])
    assert shown.figure["data"][0]["text"] == ["+$0.0044"]
    assert shown.sentence == "Lower bound: $0.0044."
    assert billed.signed(-0.0044) == "−$0.0044"
    assert billed.signed(0.00004) == "$0"


def test_the_cache_is_told_by_project_and_model_and_what_is_not_known_is_said() -> None:
    known = Saved("web <site>", 0.9, "excellent", 10.0, 2.0)
    unknown = Saved("local", 0.4, "good", 0.0, 0.0, known=False)
    shown = caching.draw(Savings([known], [unknown], replace(known, name=""), unpriced=True))
    saved, extra = shown.figure["data"]
    assert saved["x"] == [10.0, 0.0]
    assert extra["x"] == [-2.0, -0.0]
    assert saved["text"] == ["$8.00", "not known"]
    assert "web &lt;site&gt;" in shown.figure["layout"]["yaxis"]["ticktext"][1]
    assert shown.sentence == "At least $8.00 saved by the cache: 90.0 % of the input came from it."
    assert caching.table(Savings([known], [unknown])).rows[1] == [
        *("Model", "local", "40.0 %", "good", "–", "–", "–")
    ]


def test_long_names_lose_their_middle_and_what_turns_text_around_is_spelled_out() -> None:
    """Three names that begin alike, one with a sign that reverses what follows."""
    names = ["a-project-with-a-very-long-name-api", "a-project-with-a-very-long-name-web", "x \u202e rtl"]
    saved = [Saved(name, None, "", 10.0, 2.0) for name in names]
    model = Saved("anthropic.claude-opus-5-5-with-a-very-long-profile-bedrock", None, "", 1.0, 0.0)
    shown = caching.draw(Savings(saved, [model], saved[0])).figure["layout"]["yaxis"]["ticktext"]
    first, second, turned, _, long = (words.split("<br>")[0] for words in shown[1:])
    assert (first, second) == ("a-project-…-name-api", "a-project-…-name-web")
    assert turned == r"x \u202e rtl"
    assert len(long) == caching.LONGEST
    assert long.endswith("bedrock")


def test_a_cache_that_cost_more_than_it_saved_is_told() -> None:
    one = Saved("a", 0.1, "low", 1.0, 3.0)
    said = caching.draw(Savings([one], [one], one)).sentence
    assert said == "Writing to the cache cost $2.00 more than reading from it saved."
