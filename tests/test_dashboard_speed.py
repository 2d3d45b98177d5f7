"""Latency and failures on the health view: what they follow, and that they cost nothing elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from dashboard.web import controls, ids, navigation, overview, speed, urls
from dashboard.web.urls import State
from tests.frames import FrameStore, at

NOW = at("2026-11-22 18:00")
HEALTH = State(view="health", range="7d")


def lines(number: int, **more: Any) -> list[dict[str, Any]]:
    """Calls of two seconds, an hour apart, the last one an hour ago."""
    return [{"time": NOW - timedelta(hours=n + 1), "duration_seconds": 2.0} | more for n in range(number)]


def sentences(store: FrameStore, state: State) -> list[str]:
    """What stands under the two titles."""
    return speed.parts(store, state, NOW)[len(speed.CHARTS) :]


def test_the_pictures_follow_range_and_filters_of_the_page() -> None:
    store = FrameStore(
        [*lines(40, model="a"), *lines(9, model="b"), *lines(1, outcome="failed", error="api_error")]
    )
    assert sentences(store, HEALTH)[0].startswith("Half of 49 calls")
    assert sentences(store, replace(HEALTH, range="24h"))[0].startswith("Half of 32 calls")
    assert sentences(store, replace(HEALTH, models=frozenset(["b"]))) == [
        "Half of 9 calls took up to 2.00 s.",
        "None of 9 calls failed.",
    ]
    assert sentences(store, HEALTH)[1] == "2.0 % of 50 calls failed."


def test_the_lines_are_read_once_for_both_pictures() -> None:
    asked: list[Any] = []

    class Counting(FrameStore):
        def rows(self, view: Any, *, columns: Any = None) -> Any:
            asked.append(columns)
            return super().rows(view, columns=columns)

    speed.parts(Counting(lines(3)), HEALTH, NOW)
    assert len(asked) == 1


def test_what_latency_is_told_of_is_in_the_address_and_keeps_no_zoom_of_another_unit() -> None:
    chosen = navigation.move(HEALTH, ids.MEASURE, "value", "speed")
    assert urls.to_search(chosen) == "?view=health&range=7d&latency=speed"
    assert urls.parse(urls.to_search(chosen)) == chosen
    assert urls.parse("?latency=nonsense").measure == "duration"
    assert navigation.move(HEALTH, ids.MEASURE, "value", "nonsense") == HEALTH
    shown = {
        output.component_id: value
        for output, value in zip(controls.OUTPUTS, controls.values(chosen), strict=True)
    }
    assert shown[ids.MEASURE] == "speed"
    store = FrameStore(lines(3, tokens_per_second=50.0))
    before, after = (speed.parts(store, state, NOW)[0]["layout"] for state in (HEALTH, chosen))
    assert before["uirevision"] != after["uirevision"]
    assert chosen.revision == HEALTH.revision


def test_a_refresh_sends_only_what_changed() -> None:
    store = FrameStore(lines(3))
    *_, drawn = overview.only_new(speed.parts(store, HEALTH, NOW), {})
    assert set(drawn) == {str(place) for place in range(len(speed.PARTS))}
    sent = overview.only_new(speed.parts(store, HEALTH, NOW), drawn)
    assert all(part is overview.no_update for part in sent)


def test_each_picture_has_a_table_and_other_charts_have_none_here() -> None:
    store = FrameStore([*lines(2), *lines(1, outcome="failed", error="killed")])
    titles = [found[0] for chart in speed.CHARTS if (found := speed.table(store, HEALTH, NOW, chart.id))]
    assert titles == ["Latency", "Failures"]
    assert speed.table(store, HEALTH, NOW, "timeline") is None
