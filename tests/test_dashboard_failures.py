"""Failures: the many names of one cause, rates of 429 and 529, groups, the picture."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dashboard import buckets, failures, metrics
from dashboard.charts import failures as chart
from dashboard.charts.picture import Scene
from dashboard.demo import FAILURES
from dashboard.filters import days
from dashboard.sheets import Answer
from dashboard.views import Asked
from dashboard.views import failures as view
from logger.pricing import built_in
from logger.telemetry import ERROR_TYPES
from tests.frames import UTC, FrameStore, at, rows

NOW = at("2026-11-22 18:00")
TODAY = days(NOW.date(), NOW.date(), UTC)


def lines(*errors: str, ok: int = 0, **more: Any) -> list[dict[str, Any]]:
    """A failed call for each error and so many that succeeded, a minute after the other."""
    begin = at("2026-11-22 10:00")
    made = [{"outcome": "failed", "error": error} for error in errors] + [{}] * ok
    return [{"time": begin + timedelta(minutes=place)} | line | more for place, line in enumerate(made)]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (
            ["rate_limit_error", "RateLimitError", "HTTP 429 Too Many Requests", "Rate limit exceeded"],
            "rate_limit",
        ),
        (["overloaded_error", "OverloadedError", "API Error: 529 Overloaded", "overloaded"], "overloaded"),
        (["APITimeoutError", "timeout", "ReadTimeout", "Request timed out.", "timeout_error"], "timeout"),
        (["api_error", "InternalServerError", "server_error", "500 Internal server error"], "server"),
        (["APIConnectionError", "ConnectError", "Connection refused"], "connection"),
        (["invalid_request_error", "authentication_error", "NotFoundError", "401 unauthorized"], "request"),
        (["killed", "abandoned", "no_result", "stream_interrupted", "CancelledError"], "cut"),
        (["", "error_max_turns", "ValueError", "something else", "http_error", "in 5000 ways"], "other"),
    ],
)
def test_the_names_of_a_failure_have_one_class(names: list[str], kind: str) -> None:
    assert {name: failures.class_of(name) for name in names} == dict.fromkeys(names, kind)


def test_every_type_of_the_api_of_its_library_and_of_the_demo_has_a_class() -> None:
    found = find_spec("anthropic")
    assert found is not None and found.origin is not None
    source = (Path(found.origin).parent / "_exceptions.py").read_text("utf-8")
    library = re.findall(
        r"^class (\w+)\((?:APIStatusError|InternalServerError|APIConnectionError)\)", source, re.M
    )
    known = [*ERROR_TYPES.values(), *library, *(failure.type for failure in FAILURES)]
    assert len(known) > 20
    assert [name for name in known if failures.class_of(name) == "other"] == []


def test_shares_are_of_calls_and_retries_stand_apart() -> None:
    frame = rows([*lines("rate_limit_error", "overloaded_error", ok=8), *lines(ok=1, calls=10, retries=3)])
    assert failures.total(frame) == failures.Failed(
        calls=20, failed=2, retries=3, by_class={"rate_limit": 1, "overloaded": 1}
    )


def test_a_line_that_stands_for_several_calls_is_as_many_failures() -> None:
    frame = rows([*lines("killed", calls=3), *lines(ok=1)])
    assert failures.total(frame).failed == 3
    assert failures.errors(frame)["calls"].tolist() == [3]


def test_groups_stand_by_failures_and_classes_add_up_to_them() -> None:
    frame = rows(
        [
            *lines("overloaded_error", ok=9, model="a"),
            *lines("killed", "killed", "rate_limit_error", model="b"),
            *lines(ok=2, model="c"),
        ]
    )
    table = failures.by(frame, "model")
    assert table.index.tolist() == ["b", "a", "c"]
    assert (table[list(failures.CLASSES)].sum(axis=1) == table["failed"]).all()
    assert table.loc["b", ["calls", "failed", "cut", "rate_limit"]].tolist() == [3, 3, 2, 1]


def test_error_types_are_counted_with_the_last_time_they_came() -> None:
    table = failures.errors(rows(lines("killed", "api_error", "killed", ok=5)))
    assert table["calls"].to_dict() == {"killed": 2, "api_error": 1}
    assert f"{table.at['killed', 'last']:%H:%M}" == "10:02"


def test_the_course_has_a_column_for_each_class_that_occurs() -> None:
    frame = rows([*lines("killed", "api_error", ok=3), {"time": at("2026-11-22 12:00")}])
    course = failures.course(frame, *buckets.grid(TODAY, NOW))
    assert list(course) == ["server", "cut", "calls"]
    assert course.iloc[10].tolist() == [1, 1, 5]
    assert course["calls"].sum() == 6


def asked(made: list[dict[str, Any]], by: str = "model") -> Answer:
    """What `callmeter report failures --by …` says of today."""
    return view.VIEW.build(Asked(FrameStore(made), TODAY, NOW, built_in(), by))


def test_the_view_says_the_share_the_causes_and_every_type() -> None:
    answer = asked([*lines("overloaded_error", "overloaded_error", "Odd", ok=97), *lines(ok=1, retries=2)])
    assert answer.sheets[0].sentence == (
        "3 calls of 101 failed (3.0 %): overloaded (529) 66.7 %, other 33.3 %."
    )
    assert [row["error"] for row in answer.sheets[1].rows] == ["overloaded_error", "Odd"]
    assert answer.sheets[0].rows[0]["share_overloaded"] == pytest.approx(2 / 101, abs=1e-6)
    assert answer.remarks[0].startswith("2 attempts failed and were tried again")


@pytest.mark.parametrize("by", list(metrics.KEYS))
def test_the_view_can_be_grouped_by_anything_and_shows_only_classes_that_occur(by: str) -> None:
    sheet = asked(lines("killed", ok=1), by).sheets[0]
    assert sheet.heads == [by.capitalize(), "Calls", "Failed", "Share", "429", "529", "Timeout", "Cut"]
    assert sheet.text()[0][1:] == ["2", "1", "50.0 %", "–", "–", "–", "1"]


@pytest.mark.parametrize(("made", "said"), [([], "No calls here."), (lines(ok=3), "None of 3 calls failed.")])
def test_without_failures_the_view_says_so(made: list[dict[str, Any]], said: str) -> None:
    answer = asked(made)
    assert (answer.sheets[0].sentence, len(answer.sheets)) == (said, 1)


def scene(made: list[dict[str, Any]]) -> Scene:
    """The health view of today."""
    store = FrameStore(made)
    return Scene(TODAY, NOW, store.sums(TODAY), lambda: store.rows(TODAY), "r")


def test_the_picture_stacks_classes_in_colours_of_their_own_and_tells_the_rates() -> None:
    made = [
        *lines("rate_limit_error", "overloaded_error", "overloaded_error", ok=96),
        *lines(ok=1, retries=4),
    ]
    picture = chart.draw(scene(made))
    bars = [trace for trace in picture.figure["data"] if trace["type"] == "bar"]
    assert [(bar["name"], max(filter(None, bar["y"]))) for bar in bars] == [("429", 1), ("529", 2)]
    assert len(set(chart.COLOURS.values())) == len(failures.CLASSES)
    assert picture.sentence == (
        "3.0 % of 100 calls failed; 429 on 1.0 %; 529 on 2.0 %. 4 attempts tried again."
    )
    assert chart.table(scene(made)).rows[0][:4] == ["overloaded_error", "Overloaded (529)", "2", "66.7 %"]


def test_the_picture_of_a_range_without_failures_says_so() -> None:
    assert chart.draw(scene(lines(ok=2))).sentence == "None of 2 calls failed."
    assert chart.draw(scene([])).sentence == "No calls in this range."


def test_beyond_a_hundred_days_a_bar_is_a_week_and_says_so() -> None:
    store = FrameStore(lines("rate_limit_error"))
    view = days(at("2026-07-01 00:00").date(), NOW.date(), UTC)
    picture = chart.draw(Scene(view, NOW, store.sums(view), lambda: store.rows(view), "r"))
    (bar,) = [trace for trace in picture.figure["data"] if trace["type"] == "bar"]
    assert bar["x"][-1] == "2026-11-16 00:00"
    assert picture.sentence.endswith(" A bar is a week, from Monday.")
