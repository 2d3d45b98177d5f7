"""The page's state, its address, its controls and its component tree, without a browser."""

import threading
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from dash import html
from hypothesis import given
from hypothesis import strategies as st

from dashboard import settings
from dashboard.charts import CHARTS
from dashboard.store.base import Health, Problem
from dashboard.web import (
    badge,
    cards,
    controls,
    detail,
    grid,
    health,
    ids,
    layout,
    live,
    navigation,
    overview,
    running,
    urls,
    welcome,
)
from dashboard.web.badge import Badge
from dashboard.web.running import Running
from dashboard.web.urls import State
from logger.running import RUNNING, RunningCall
from tests import frames
from tests.frames import at

NOW = at("2026-11-22 14:35")
NAN = float("nan")

_names = st.frozensets(st.text(max_size=8).filter(str.isprintable), max_size=3)
_hours = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(minute=0, second=0, microsecond=0)
)


@given(
    view=st.sampled_from(urls.VIEWS),
    span=st.sampled_from(["24h", "7d", "30d", "custom"]),
    hours=st.lists(_hours, min_size=2, max_size=2, unique=True).map(sorted),
    names=st.tuples(_names, _names, _names, _names, _names),
    outcome=st.sampled_from([None, "ok", "failed"]),
    flags=st.tuples(st.booleans(), st.booleans(), st.sampled_from(urls.WHO)),
    call=st.sampled_from([None, "2026-11-22/1234", "2026-11-22/-5"]),
)
def test_every_state_has_an_address_that_leads_back_to_it(
    view, span, hours, names, outcome, flags, call
) -> None:
    custom = span == "custom" and (hours[1] - hours[0]).days < 3000
    state = State(
        view=view,
        range=span,
        since=hours[0] if custom else None,
        until=hours[1] if custom else None,
        models=names[0],
        projects=names[1],
        tasks=names[2],
        workers=names[3],
        sources=names[4],
        outcome=outcome,
        cache=flags[0],
        by_cost=flags[1],
        who=flags[2],
        call=call,
    )
    assert urls.parse(urls.to_search(state)) == state


@given(st.text(max_size=60))
def test_any_address_is_a_state(search: str) -> None:
    urls.to_filter(urls.parse("?" + search), NOW, frames.UTC)


@pytest.mark.parametrize(
    "search",
    [
        "?range=century",
        "?range=custom&since=yesterday&until=2026-11-22",
        "?range=custom&since=2026-11-22&until=2026-11-20",
        "?range=custom&since=0001-01-01&until=9999-12-31",
        "?view=secrets&outcome=maybe&who=mallory",
    ],
)
def test_what_an_address_says_wrong_is_left_at_its_default(search: str) -> None:
    view = urls.to_filter(urls.parse(search), NOW, frames.UTC)
    assert view == urls.to_filter(State(), NOW, frames.UTC)


def test_custom_days_are_whole_days_of_the_zone() -> None:
    state = navigation.move(State(), ids.DAYS, "value", ["2026-11-01", "2026-11-03"])
    view = urls.to_filter(state, NOW, ZoneInfo("America/New_York"))
    assert (view.since.isoformat(), view.until.isoformat()) == (
        "2026-11-01T00:00:00-04:00",
        "2026-11-04T00:00:00-05:00",
    )


def test_a_typed_range_is_widened_to_whole_hours_of_the_zone() -> None:
    state = urls.parse("?range=custom&since=2026-11-22T00:00%2B00:00&until=2026-11-22T06:00%2B00:00")
    view = urls.to_filter(state, NOW, ZoneInfo("Asia/Kolkata"))
    assert (view.since.hour, view.since.minute, view.until.hour, view.until.minute) == (5, 0, 12, 0)


def test_half_a_choice_of_days_waits_for_the_other_half() -> None:
    assert navigation.move(State(), ids.DAYS, "value", ["2026-11-01", None]) == State()


def test_a_click_on_a_slice_narrows_and_the_same_click_widens_again() -> None:
    click = {"points": [{"customdata": ["claude-opus-5-5"]}]}
    once = navigation.move(State(), ids.figure("models"), "clickData", click)
    assert once.models == {"claude-opus-5-5"}
    assert navigation.move(once, ids.figure("models"), "clickData", click) == State()


def test_a_click_on_the_slice_of_the_others_does_nothing() -> None:
    assert (
        navigation.move(State(), ids.figure("models"), "clickData", {"points": [{"customdata": [""]}]})
        == State()
    )


def test_a_click_on_a_cell_narrows_to_its_hour_and_on_an_empty_one_does_nothing() -> None:
    cell = {"points": [{"x": "2026-11-20", "y": 9, "z": 4}]}
    state = navigation.move(State(), ids.figure("activity"), "clickData", cell)
    assert urls.to_search(state) == "?range=custom&since=2026-11-20T09%3A00&until=2026-11-20T10%3A00"
    empty = {"points": [{"x": "2026-11-20", "y": 9, "z": 0}]}
    assert navigation.move(State(), ids.figure("activity"), "clickData", empty) == State()


def test_a_click_on_a_bar_narrows_to_whom_the_bars_compare() -> None:
    click = {"points": [{"customdata": "docs"}]}
    assert navigation.move(State(who="project"), ids.figure("spenders"), "clickData", click).projects == {
        "docs"
    }


def test_a_point_or_a_row_opens_its_call_and_the_drawer_closes_it() -> None:
    point = {"points": [{"customdata": "2026-11-22/300"}]}
    opened = navigation.move(State(), ids.figure("tasks"), "clickData", point)
    assert opened.call == "2026-11-22/300"
    assert navigation.move(State(), ids.GRID, "cellClicked", {"rowId": "2026-11-22/300"}) == opened
    assert navigation.move(opened, ids.DETAIL, "opened", False) == State()


def test_a_filter_can_be_taken_away_by_its_chip_and_all_at_once() -> None:
    state = State(models=frozenset({"a", "b"}), outcome="failed", tasks=frozenset({""}))
    words = [chip.children for chip in controls.chips(state)]
    assert words == ["model: a ✕", "model: b ✕", "no task ✕", "failed only ✕"]
    after = controls.after(state, ids.chip("models", "a"), [{"prop_id": "x.n_clicks", "value": 1}])
    assert after.models == {"b"}
    assert not navigation.move(state, ids.CLEAR, "n_clicks", 1).narrowed


def test_a_chip_that_only_appears_takes_nothing_away() -> None:
    state = State(models=frozenset({"a"}))
    assert controls.after(state, ids.chip("models", "a"), [{"prop_id": "x.n_clicks", "value": None}]) == state


def test_the_address_sets_every_control() -> None:
    state = urls.parse("?view=calls&range=7d&model=a&outcome=failed&cache=1&models=cost&who=project")
    assert len(controls.values(state)) == len(controls.OUTPUTS)
    shown = dict(zip([str(output) for output in controls.OUTPUTS], controls.values(state), strict=True))
    assert (shown["views.value"], shown["range.value"], shown["models.value"]) == ("calls", "7d", ["a"])
    assert (shown["outcome.value"], shown["cache.value"], shown["who.value"]) == (
        "failed",
        "cache",
        "project",
    )


def test_choices_are_those_of_the_range_and_what_is_chosen_already() -> None:
    store = frames.FrameStore(
        [{"time": NOW, "model": "a", "task_id": ""}, {"time": at("2026-10-01 00:00"), "model": "b"}]
    )
    models, _, tasks, _, sources = controls.choices(store, State(models=frozenset({"gone"})), NOW)
    assert [option["value"] for option in models] == ["a", "gone"]
    assert tasks == [{"value": "", "label": "no task"}]
    assert sources == [{"value": "manual", "label": "logged by hand"}]


def test_a_source_is_a_filter_and_its_chip_says_it_in_words() -> None:
    state = navigation.move(State(), ids.SOURCES, "value", ["cli"])
    assert urls.to_search(state) == "?source=cli"
    assert _texts(controls.chips(state)) == ["source: CLI runs ✕"]
    store = frames.FrameStore([{"time": NOW, "source": "cli"}, {"time": NOW}])
    assert len(store.rows(urls.to_filter(state, NOW, frames.UTC))) == 1


def _texts(component) -> list[str]:
    """Every text of a component tree."""
    if component is None or isinstance(component, bool):
        return []
    if isinstance(component, str | int | float):
        return [str(component)]
    if isinstance(component, list | tuple):
        return [text for part in component for text in _texts(part)]
    return [text for name in ("children", "label") for text in _texts(getattr(component, name, None))]


def _settings(tmp_path: Path) -> settings.Settings:
    return settings.load({}, {}, tmp_path, tmp_path)


def test_the_page_has_every_picture_and_every_control(tmp_path: Path) -> None:
    tree = layout.page(_settings(tmp_path), Running(), frames.UTC)
    names = {str(part.id) for part in tree._traverse() if getattr(part, "id", None)}
    assert {ids.figure(chart.id) for chart in CHARTS} <= names
    assert {name for name, _, _ in navigation.MOVES} <= names
    assert {str(output).rpartition(".")[0] for output in controls.OUTPUTS} <= names


def test_every_button_of_signs_says_what_it_does(tmp_path: Path) -> None:
    tree = layout.page(_settings(tmp_path), Running(), frames.UTC)
    buttons = [
        part for part in tree._traverse() if type(part).__name__ in ("ActionIcon", "ColorSchemeToggle")
    ]
    assert buttons and all(getattr(button, "aria-label", None) for button in buttons)


def test_the_first_page_names_the_folder_and_three_ways_to_begin() -> None:
    words = " ".join(_texts(welcome.render(Path("/logs/it's here"))))
    assert "callmeter import --log-dir '/logs/it'\"'\"'s here'" in words
    assert "callmeter demo" in words and "ClaudeAPILogger(" in words


def _cards(*lines: dict[str, object]) -> dict[str, cards.Card]:
    shown = overview.draw(frames.FrameStore(lines), State(), NOW)
    return {card.name: card for card in shown.cards}


def test_cards_mark_what_is_incomplete_beside_the_number_it_affects() -> None:
    shown = _cards(
        {"time": NOW, "cost_usd": 2.0, "tokens_output": 10, "final": False},
        {"time": NOW, "cost_usd": NAN, "tokens_output": 5},
    )
    assert (shown["cost"].value, shown["tokens"].value) == ("≥ $2.00", "≥ 15")
    assert (shown["cost"].badge, shown["tokens"].badge) == (
        Badge("50.0 % priced", "amiss"),
        Badge("50.0 % final", "bound"),
    )
    assert shown["calls"].badge == badge.FINE


def test_calls_of_cli_runs_are_a_lower_bound_and_said_to_be() -> None:
    shown = _cards({"time": NOW, "source": "cli", "calls": 4}, {"time": NOW})
    assert (shown["calls"].value, shown["calls"].badge) == ("≥ 5", Badge("lower bound", "bound"))


def test_cost_of_unpriced_calls_alone_is_unknown_not_zero() -> None:
    assert _cards({"time": NOW, "cost_usd": NAN, "tokens_output": 5})["cost"].value == "–"


def test_cards_without_calls_claim_nothing() -> None:
    shown = _cards()
    assert [shown[name].value for name in cards.NAMES] == ["$0", "0", "–", "0"]
    assert all(card.change is None and card.badge is None for card in shown.values())


def test_cards_compare_with_the_period_before() -> None:
    shown = _cards({"time": at("2026-11-21 10:00")}, {"time": NOW}, {"time": NOW})
    assert shown["calls"].change == "▲ 100 %"


def test_a_picture_that_fails_says_so_in_its_place_and_the_others_stand(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    broken = replace(CHARTS[1], draw=fail)
    monkeypatch.setattr(overview, "CHARTS", (CHARTS[0], broken, *CHARTS[2:]))
    pictures = overview.draw(frames.FrameStore([{"time": NOW, "tokens_output": 5}]), State(), NOW).pictures
    assert pictures[broken.id].sentence == overview.FAILED and pictures[broken.id].figure["data"] == []
    assert all(pictures[chart.id].figure["data"] for chart in CHARTS if chart.id in ("timeline", "models"))
    assert "ZeroDivisionError" in caplog.text


def test_only_what_changed_is_sent_again() -> None:
    from dash import no_update

    first = overview.only_new(["a", "b"], {})
    assert first[:2] == ["a", "b"]
    second = overview.only_new(["a", "c"], first[-1])
    assert second[0] is no_update and second[1] == "c"
    assert overview.only_new(["a", "c"], second[-1]) == [no_update] * 3


def test_rows_of_the_table_say_what_is_not_known_and_what_is_a_lower_bound() -> None:
    rows = frames.rows(
        [
            {"time": NOW, "counted": False, "cost_usd": NAN, "duration_seconds": NAN},
            {"time": NOW, "tokens_input": 1200, "final": False, "cost_usd": 0.5},
        ]
    )
    cut, unknown = grid.stretch(rows, {"startRow": 0, "endRow": 100})["rowData"]
    assert (unknown["cost_usd"], unknown["tokens_input"], unknown["duration_seconds"]) == (
        "not known",
        "–",
        "–",
    )
    assert (cut["tokens_input"], cut["cost_usd"]) == ("≥ 1,200", "≥ $0.50")


def test_the_table_asks_for_a_stretch_in_an_order_and_gets_the_true_count() -> None:
    rows = frames.rows([{"time": NOW, "cost_usd": float(n)} for n in range(250)])
    request = {"startRow": 100, "endRow": 200, "sortModel": [{"colId": "cost_usd", "sort": "asc"}]}
    answer = grid.stretch(rows, request)
    assert answer["rowCount"] == 250 and len(answer["rowData"]) == 100
    assert answer["rowData"][0]["cost_usd"] == "$100.00"


def test_a_call_shows_every_field_that_has_a_value() -> None:
    record = {
        "task_id": "gh-1\nline two",
        "model": "m",
        "estimated_cost_usd": None,
        "tokens_input": 0,
        "error_message": None,
        "success": True,
        "tokens_final": False,
        "settings": {"a": [1]},
        "timestamp": "2026-11-22T14:35:00+00:00",
        "someday": "new",
    }
    words = _texts(detail.render(record, ZoneInfo("America/New_York")))
    assert "gh-1\nline two" in words and "0" in words and "new" in words
    assert "not known" in words
    assert "Sunday 22 November 2026, 09:35:00 (EST)" in words
    assert "lower bound" in words[0] and "error message" not in words


def test_prompt_and_response_are_text_to_read_and_copy_and_a_long_one_is_folded() -> None:
    """Two lines with a tab and what looks like markup; a response of 2,000 characters."""
    prompt, response = 'first\n\tsecond <b>"quoted"</b>', "word " * 400
    tree = html.Div(detail.render({"success": True, "prompt": prompt, "response": response}, frames.UTC))
    words = _texts(tree)
    assert prompt in words and response in words
    assert "Show all 2,000 characters" in words
    copied = [part.value for part in tree._traverse() if type(part).__name__ == "CopyButton"]
    assert copied == [prompt, response]
    folded = [part for part in tree._traverse() if "folded" in (getattr(part, "className", None) or "")]
    assert [part.children for part in folded] == [response]


def test_an_abandoned_call_is_said_to_be_one() -> None:
    record = {"success": False, "error_type": "abandoned", "tokens_final": False}
    assert _texts(detail.render(record, frames.UTC))[0].startswith("Abandoned. The program ended")


def test_what_the_store_notes_of_a_line_stands_above_everything() -> None:
    class Noting(frames.FrameStore):
        def note(self, day: str, offset: int) -> str | None:
            return f"{day} {offset}"

    said = detail.note(Noting(), "2026-11-22/7")
    assert said == "2026-11-22 7"
    assert _texts(detail.render({"success": True}, frames.UTC, said))[:2] == [said, "Succeeded"]
    assert detail.note(Noting(), "nonsense") is None


def test_a_call_that_is_gone_is_said_to_be_gone() -> None:
    store = frames.FrameStore()
    for name in ("2026-11-22/5", "nonsense", None):
        assert "no longer in the logs" in _texts(detail.render(detail.find(store, name), frames.UTC))[0]


def test_health_lists_bad_lines_and_what_is_unpriced_or_not_final() -> None:
    known = Health(lines=3, bad_lines=1, problems=(Problem("api-calls-2026-11-22.jsonl", 7, "not JSON"),))
    sums = frames.sums(
        frames.rows(
            [
                {"time": NOW, "model": "mystery", "cost_usd": NAN},
                {"time": NOW, "source": "cli", "final": False},
            ]
        )
    )
    words = _texts(health.render(known, sums, "/logs", NOW, frames.UTC))
    assert {"api-calls-2026-11-22.jsonl", "7", "not JSON", "mystery", "CLI runs"} <= set(words)


def test_health_says_how_many_lines_are_not_counted_again_and_nothing_when_none() -> None:
    def said(number: int) -> str:
        known = Health(lines=3, extra={"superseded": number})
        return " ".join(_texts(health.render(known, frames.sums(frames.rows([])), "", NOW, frames.UTC)))

    assert "312 lines are not counted again" in said(312) and "1 line is not counted again: its" in said(1)
    assert "counted again" not in said(0)


def test_health_says_that_older_days_are_still_being_read() -> None:
    words = " ".join(
        _texts(
            health.render(
                Health(days_loaded=3, days_total=9), frames.sums(frames.rows([])), "", NOW, frames.UTC
            )
        )
    )
    assert "6 days to go" in words


def test_a_tick_changes_with_the_data_and_with_the_hour_only() -> None:
    store = frames.FrameStore()
    first = live.tick(store, NOW)
    assert live.tick(store, at("2026-11-22 14:59")) == first
    assert live.tick(store, at("2026-11-22 15:00")) != first
    store.add({"time": NOW})
    assert live.tick(store, NOW) != first


def _in_flight(name: str = "x-1", **fields: object) -> RunningCall:
    plain = {"task_id": "gh-1", "worker_id": None, "model": "m", "project": None, "session_id": None}
    more = {"prompt_file": None, "started": NOW.timestamp(), "pid": 7, "alive": True}
    return RunningCall(call_id=name, **{**plain, **more, **fields})


def test_what_runs_is_told_with_its_start_in_the_zone_and_the_same_while_the_same_runs() -> None:
    zone = ZoneInfo("America/New_York")
    told = running.told(Running(True, (_in_flight(),)), zone)
    assert told == running.told(Running(True, (_in_flight(),)), zone)
    assert told is not None and told["more"] == 0
    [call] = told["calls"]
    assert (call["task"], call["worker"], call["alive"]) == ("gh-1", "", True)
    assert (call["started"], call["since"]) == (NOW.timestamp() * 1000, "Sun 22 Nov, 09:35:00")
    assert running.told(Running(), zone) is None


def test_of_very_many_calls_in_flight_a_page_is_told_some_and_how_many_more() -> None:
    many = Running(True, tuple(_in_flight(f"x-{n}") for n in range(running.MOST + 9)))
    told = running.told(many, frames.UTC)
    assert told is not None and (len(told["calls"]), told["more"]) == (running.MOST, 9)


def test_nothing_is_known_to_run_before_a_logger_ever_kept_its_calls(tmp_path: Path) -> None:
    assert running.look(tmp_path, NOW) == Running()
    (tmp_path / RUNNING).mkdir()
    assert running.look(tmp_path, NOW) == Running(known=True)


def test_a_page_is_told_of_calls_that_begin_and_end_though_no_line_came() -> None:
    import asyncio

    seen = [Running(True), Running(True, (_in_flight(),)), Running(True)]
    feed = live.Live(frames.FrameStore(), lambda: seen[0])

    async def listen() -> list[int]:
        told = []
        async for news in feed.news(lambda: NOW, heartbeat=30):
            if ids.RUNNING in news:
                told.append(len(news[ids.RUNNING]["calls"]))
                del seen[0]
            if not seen[1:]:
                return told
        return told

    assert asyncio.run(asyncio.wait_for(listen(), 20)) == [0, 1]
    feed.stop()


def test_nobody_looks_at_the_calls_in_flight_while_no_page_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page came and went; two lines later nobody has asked again."""
    import asyncio

    looks: list[int] = []

    def look() -> Running:
        looks.append(1)
        return Running()

    monkeypatch.setattr(live, "IDLE", 0.01)
    store = frames.FrameStore()
    feed = live.Live(store, look)

    async def visit() -> None:
        async for _ in feed.changes():
            return

    rounds = threading.Semaphore(0)
    wait = store.wait
    monkeypatch.setattr(store, "wait", lambda version, timeout: (rounds.release(), wait(version, timeout))[1])
    asyncio.run(visit())
    for _ in range(3):
        assert rounds.acquire(timeout=10)
    known = len(looks)
    for _ in range(5):
        assert rounds.acquire(timeout=10)
    feed.stop()
    assert len(looks) == known


def test_a_waiting_page_is_told_of_a_new_line() -> None:
    import asyncio

    store = frames.FrameStore()
    feed = live.Live(store)

    async def listen() -> list[int]:
        seen = []
        async for version in feed.changes(heartbeat=30):
            seen.append(version)
            if len(seen) == 2:
                return seen
            store.add({"time": NOW})
        return seen

    assert asyncio.run(asyncio.wait_for(listen(), 10)) == [1, 2]
    feed.stop()


def test_a_heartbeat_alone_draws_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page asks for its pictures with every tick it is sent: it gets one at first and with each change."""
    import asyncio

    monkeypatch.setattr(live, "BREATH", 0)
    store = frames.FrameStore()
    feed = live.Live(store)

    async def listen() -> list[bool]:
        seen: list[bool] = []
        async for news in feed.news(lambda: NOW, heartbeat=0.01):
            assert ids.PULSE in news
            seen.append(ids.TICK in news)
            if len(seen) == 3:
                store.add({"time": NOW})
            if len(seen) > 3 and seen[-1]:
                return seen
        return seen

    seen = asyncio.run(asyncio.wait_for(listen(), 10))
    feed.stop()
    assert seen[:3] == [True, False, False] and sum(seen) == 2


def test_a_state_gives_up_zooms_only_when_range_or_filters_change() -> None:
    state = State(range="7d")
    assert replace(state, cache=True, view="calls", call="x").revision == state.revision
    assert replace(state, tasks=frozenset({"a"})).revision != state.revision
