"""Pictures as plain dictionaries, and what their sentences say."""

import json
from dataclasses import replace

import pytest

from dashboard import filters
from dashboard.charts import CHARTS, Scene, activity, cost, models, palette, spenders, tasks, timeline
from tests import frames
from tests.frames import at

NOW = at("2026-11-22 14:35")
NAN = float("nan")


def _scene(*lines: dict[str, object], span: str = "7d") -> Scene:
    store = frames.FrameStore(lines)
    view = filters.last(span, NOW, store.zone)
    return Scene(view=view, now=NOW, sums=store.sums(view), rows=lambda: store.rows(view))


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.id)
def test_without_calls_a_picture_says_so_in_its_place(chart) -> None:
    picture = chart.draw(_scene())
    assert picture.figure["data"] == [] and picture.figure["layout"]["annotations"][0]["text"]
    assert picture.sentence.endswith(".")
    assert list(chart.table(_scene()).rows) == []


@pytest.mark.parametrize("span", ["24h", "7d", "30d"])
@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.id)
def test_a_picture_is_plain_json_without_nan_and_no_none_in_its_words(chart, span: str) -> None:
    scene = _scene(*frames.month(NOW), span=span)
    picture = chart.draw(scene)
    text = json.dumps(picture.figure, allow_nan=False)
    assert picture.figure["data"]
    words = picture.sentence + json.dumps([list(row) for row in chart.table(scene).rows]) + text
    assert not any(bad in words for bad in ("nan", "None", "NaT"))


def test_cache_tokens_are_drawn_only_on_demand() -> None:
    scene = _scene({"time": NOW, "tokens_input": 5, "tokens_cache_read": 10**6})
    names = [trace["name"] for trace in timeline.draw(scene).figure["data"] if "name" in trace]
    assert names == ["Input", "Output"]
    assert len(timeline.draw(replace(scene, cache=True)).figure["data"]) == 4 + 1
    assert timeline.draw(scene).sentence.startswith("Cache served >99.9 % of input.")


def test_the_dearest_day_is_named_with_the_task_that_made_it_so() -> None:
    scene = _scene(
        {"time": at("2026-11-19 10:00"), "task_id": "gh-456", "cost_usd": 4.0},
        {"time": at("2026-11-19 11:00"), "task_id": "gh-1", "cost_usd": 0.1},
        {"time": at("2026-11-20 10:00"), "task_id": "gh-2", "cost_usd": 1.0},
    )
    assert cost.draw(scene).sentence == "Thursday 19 November was the dearest day, $4.10, most of it gh-456."


def test_cost_without_a_known_price_is_never_shown_as_zero() -> None:
    scene = _scene({"time": NOW, "cost_usd": NAN, "tokens_input": 9})
    assert cost.draw(scene).sentence == "The cost of these calls is not known."
    assert cost.draw(scene).figure["data"] == []
    assert models.table(scene).rows[0][-1] == "not known"


def test_cost_says_how_many_calls_are_not_in_it() -> None:
    scene = _scene({"time": NOW, "cost_usd": 1.0}, {"time": NOW, "cost_usd": NAN, "calls": 2})
    assert "2 calls of unknown cost not included." in cost.draw(scene).sentence


def test_the_running_total_ends_at_the_whole_cost() -> None:
    figure = cost.draw(_scene(*frames.month(NOW))).figure
    bars = [trace for trace in figure["data"] if trace["type"] == "bar"]
    line = next(trace for trace in figure["data"] if trace.get("name") == "Running total")
    assert line["y"][-1] == pytest.approx(sum(sum(bar["y"]) for bar in bars), abs=1e-4)
    assert line["yaxis"] == "y2"


def test_within_two_days_cost_is_told_by_the_hour() -> None:
    scene = _scene({"time": at("2026-11-22 10:20"), "cost_usd": 2.0}, span="24h")
    assert cost.draw(scene).sentence.startswith(
        "Sun 22 Nov, 10:00–11:00 was the only hour with a cost, $2.00"
    )


def _year(*lines: dict[str, object]) -> Scene:
    store = frames.FrameStore(lines)
    view = filters.days(at("2025-11-24 00:00").date(), at("2026-11-22 00:00").date(), store.zone)
    return Scene(view=view, now=NOW, sums=store.sums(view), rows=lambda: store.rows(view))


def test_a_year_is_told_by_weeks_and_weekdays() -> None:
    scene = _year(
        {"time": at("2026-11-19 10:20"), "cost_usd": 2.0}, {"time": at("2026-11-12 10:20"), "cost_usd": 1.0}
    )
    assert cost.draw(scene).sentence == "The week of 16 November 2026 was the dearest week, $2.00."
    assert len(cost.draw(scene).figure["data"][0]["x"]) == 52
    assert activity.draw(scene).sentence == "Busiest: Thursdays, 10:00–11:00, 2 calls."
    assert activity.draw(scene).figure["data"][0]["x"][3] == "Thursday"


@pytest.mark.parametrize(
    ("most", "form"), [(250.0, "$,.0f"), (4.0, "$,.2f"), (0.077, "$,.2f"), (0.02, "$,.3f"), (0.0044, "$,.3f")]
)
def test_ticks_of_dollars_have_the_decimals_that_tell_them_apart(most: float, form: str) -> None:
    scene = _scene({"time": NOW, "cost_usd": most})
    assert cost.draw(scene).figure["layout"]["yaxis"]["tickformat"] == form


def test_models_beyond_six_are_one_slice() -> None:
    lines = [{"time": NOW, "model": f"model-{n}", "tokens_output": 100 - n} for n in range(9)]
    donut = models.draw(_scene(*lines)).figure["data"][0]
    assert donut["labels"][-1] == "other" and len(donut["labels"]) == 7
    assert sum(donut["values"]) == sum(100 - n for n in range(9))
    assert donut["customdata"][-1] == ""


def test_models_by_cost_leave_out_what_has_no_price() -> None:
    scene = _scene({"time": NOW, "model": "a", "cost_usd": 1.0}, {"time": NOW, "model": "b", "cost_usd": NAN})
    assert models.draw(replace(scene, by_cost=True)).figure["data"][0]["labels"] == ["a"]


def test_hover_text_from_a_line_is_never_markup() -> None:
    lines = [{"time": NOW, "task_id": "<img src=x onerror=alert(1)>", "tokens_output": 1, "error": "<b>"}]
    for chart, key in ((tasks, "text"), (spenders, "hovertext")):
        text = chart.draw(_scene(*lines)).figure["data"][0][key][0]
        assert "<img" not in text and "&lt;img" in text


def test_a_failure_without_tokens_stands_on_the_ground_line() -> None:
    figure = tasks.draw(
        _scene({"time": NOW, "tokens_output": 900}, {"time": NOW, "outcome": "failed", "error": "timeout"})
    ).figure
    failed = figure["data"][1]
    assert failed["name"] == "Failed" and failed["marker"]["symbol"] == "x"
    assert failed["y"] == [300] and figure["layout"]["yaxis"]["ticktext"][0] == "none"
    assert "failed: timeout" in failed["text"][0]


def test_points_name_the_line_they_stand_for() -> None:
    figure = tasks.draw(_scene({"time": NOW, "tokens_output": 9, "offset": 123})).figure
    assert figure["data"][0]["customdata"] == ["2026-11-22/123"]


def test_the_sampled_scatter_says_how_many_there_are() -> None:
    lines = [{"time": NOW, "tokens_output": 9 + n, "duration_seconds": 1.0 + n / 100} for n in range(3000)]
    assert "of 3,000 drawn, with every failure and outlier." in tasks.draw(_scene(*lines)).sentence


def test_empty_hours_are_the_ground_itself() -> None:
    figure = activity.draw(_scene({"time": at("2026-11-22 10:20")})).figure
    heat = figure["data"][0]
    assert heat["colorscale"][0][1].endswith(",0)") and heat["zmin"] == 0
    assert heat["z"][10][-1] == 1 and sum(map(sum, heat["z"])) == 1


def test_a_spender_whose_cost_is_not_known_is_not_shown_as_free() -> None:
    known, unknown = {"time": NOW, "cost_usd": 1.0}, {"time": NOW, "cost_usd": NAN, "tokens_output": 5}
    tasks = [known | {"task_id": "a"}, known | {"task_id": "b"}, unknown | {"task_id": "b"}]
    figure = spenders.draw(_scene(*tasks, unknown | {"task_id": "c"})).figure
    assert dict(zip(figure["data"][0]["customdata"], figure["data"][0]["text"], strict=True)) == {
        "a": "$1.00",
        "b": "≥ $1.00",
        "c": "not known",
    }


def test_spenders_without_any_price_are_compared_by_tokens() -> None:
    scene = _scene({"time": NOW, "task_id": "a", "tokens_output": 1234, "cost_usd": NAN})
    assert spenders.draw(scene).sentence == "All of it is a."
    assert spenders.draw(scene).figure["data"][0]["text"] == ["1,234"]


def test_a_model_keeps_its_colour_and_its_family_its_hue() -> None:
    assert palette.model_colour("claude-opus-5-5") == palette.model_colour("claude-opus-5-5")
    colours = {
        palette.model_colour(f"claude-{m}") for m in ("opus-5-5", "opus-4-8", "sonnet-5-5", "haiku-4-5")
    }
    assert len(colours) == 4


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ground", ["#ffffff", "#191c20"])
@pytest.mark.parametrize(
    "colour", [palette.OK, palette.FAILED, palette.ACCENT, palette.KIND_COLOURS["tokens_input"]]
)
def test_marks_stand_out_on_light_and_dark_ground(colour: str, ground: str) -> None:
    """At least 3 : 1, what graphics need."""
    light, dark = sorted((_luminance(colour), _luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3
