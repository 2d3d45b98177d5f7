"""Each rule of explaining a difference, on a few days of calls made by hand."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import frames
import pytest

from dashboard.billing.findings import Finding
from dashboard.billing.grid import grid_of
from dashboard.billing.kinds import USAGE_FIELDS
from dashboard.billing.reconcile import pieces_of
from logger.pricing import built_in
from tests.bill_frames import FIRST, LAST, billed, compared, line

OPUS = "claude-opus-5-5"
IN, OUT = 4e-6, 20e-6


def call(text: str, **over: Any) -> dict[str, Any]:
    """A call in November of 1,000 tokens in and 200 out."""
    counts = dict.fromkeys(USAGE_FIELDS, 0) | {"tokens_input": 1000, "tokens_output": 200}
    at = datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=UTC)
    return counts | {"web_searches": 0, "model": OPUS, "time": at} | over


def later(one: dict[str, Any], **by: float) -> dict[str, Any]:
    return one | {"time": one["time"] + timedelta(**by)}


WORK = [
    call(f"{day}T{hour:02}:00", tokens_input=1000 + 37 * hour + day, tokens_output=100 + 13 * hour + 7 * day)
    for day in (10, 11, 12, 13)
    for hour in range(0, 24, 3)
]
"""On both sides."""
LINES = [line(one) for one in WORK]


def found(lines: list[dict[str, Any]], bill: list[dict[str, Any]], **how: Any) -> list[Finding]:
    """The findings, in order of day."""
    every = compared(frames.rows([*LINES, *lines]), billed([*WORK, *bill], **how)).findings
    return sorted(every, key=lambda one: (one.day, one.reason, one.tokens))


def told(findings: list[Finding]) -> list[tuple[str, int, int, int | None, bool]]:
    return [(one.reason, one.day.day, one.tokens, one.calls, one.certain) for one in findings]


def test_lines_just_before_midnight_move_a_day_each_on_their_own() -> None:
    first, second = call("10T23:59:40", tokens_input=3000), call("11T23:59:50", tokens_input=5000)
    assert told(found([line(first), line(second)], [later(first, minutes=1), later(second, minutes=1)])) == [
        ("day_edge", 10, -3200, 1, False),
        ("day_edge", 11, -5200, 1, False),
        ("day_edge", 11, 3200, 1, False),
        ("day_edge", 12, 5200, 1, False),
    ]


def test_midnight_is_likely_only_where_one_of_the_days_differs_in_more() -> None:
    edge, gone = call("11T23:59:50"), call("12T05:00", tokens_input=777)
    findings = found([line(edge)], [later(edge, minutes=1), gone])
    assert told(findings) == [
        ("day_edge", 11, -1200, 1, False),
        ("day_edge", 12, 1200, 1, False),
        ("not_logged", 12, 977, 1, False),
    ]
    assert "was likely billed on the day after: 1,200 tokens" in findings[0].sentence
    assert "was likely logged on the day before: 1,200 tokens" in findings[1].sentence


def test_a_call_far_from_midnight_stays_on_its_day() -> None:
    edge = call("11T21:00")
    assert [one.reason for one in found([line(edge)], [later(edge, hours=4)])] == ["not_billed", "not_logged"]


def test_the_result_of_a_batch_may_be_billed_hours_later() -> None:
    batch = call("11T20:00", factor=0.5)
    assert told(found([line(batch)], [later(batch, hours=9)])) == [
        ("day_edge", 11, -1200, 1, True),
        ("day_edge", 12, 1200, 1, True),
    ]


@pytest.mark.parametrize(("minutes", "reason"), [(10, "logged_twice"), (80, "not_billed")])
@pytest.mark.parametrize(("source", "certain"), [("sdk", True), ("manual", False)])
def test_equal_lines_are_one_call_only_where_they_are_near(
    minutes: int, reason: str, source: str, certain: bool
) -> None:
    """Likely where one program wrote both, or where they are far apart: it may have called twice."""
    again = LINES[9] | {"time": LINES[9]["time"] + timedelta(minutes=minutes), "source": source}
    assert told(found([again], [])) == [
        (reason, 11, -again["tokens_input"] - again["tokens_output"], 1, certain and minutes == 10)
    ]


def test_a_call_told_twice_does_not_hide_one_that_was_lost() -> None:
    lost = call("11T10:30", tokens_input=90_000)
    findings = found([LINES[9] | {"source": "sdk"}], [lost])
    twice = LINES[9]["tokens_input"] + LINES[9]["tokens_output"]
    assert told(findings) == [("logged_twice", 11, -twice, 1, False), ("not_logged", 11, 90_200, 1, False)]


def test_tokens_that_nothing_explains_are_said_not_to_be_explained() -> None:
    more = call("11T10:30")
    findings = found([line(more)], [more | {"tokens_input": 1500}])
    assert told(findings) == [("unexplained", 11, 500, None, True)]
    assert findings[0].sentence.endswith("were billed and not logged, and nothing explains it.")


def test_lines_cut_short_explain_every_kind_where_no_call_is_missing() -> None:
    cut = call("11T10:30")
    lines = [line(cut, tokens_input=3, tokens_output=1, final=False)]
    assert told(found(lines, [cut])) == [("lower_bound", 11, 1196, 1, False)]
    both = found(lines, [cut, call("11T10:40")])
    assert told(both) == [("not_logged", 11, 2396, 1, False)]
    assert "; some of it may belong to lines that are a lower bound" in both[0].sentence


def test_lines_cut_short_are_certain_only_where_output_is_missing_and_one_call_can_write_it() -> None:
    cut = call("11T10:30")
    assert told(found([line(cut, tokens_output=1, final=False)], [cut])) == [
        ("lower_bound", 11, 199, 1, True)
    ]
    endless = call("11T10:30", tokens_output=200_000)
    (one,) = found([line(endless, tokens_output=1, final=False)], [endless])
    assert (one.reason, one.tokens, one.certain) == ("several", 199_999, False)


def test_a_line_cut_short_takes_no_credit_for_a_lost_call_beside_one_told_twice() -> None:
    cut, gone = call("11T10:30", tokens_input=500), call("11T11:00", tokens_input=900_000)
    again = later(LINES[9], minutes=80)
    (one,) = found([line(cut, tokens_output=3, final=False), again], [cut, gone])
    assert (one.reason, one.certain) == ("several", False)
    assert one.sentence.startswith(
        "Likely several causes at once on 11 November for claude-opus-5-5: log and"
    )


def test_without_requests_calls_are_not_counted_and_cut_lines_are_likely() -> None:
    gone = call("11T10:30")
    assert told(found([], [gone], generation="legacy")) == [("not_logged", 11, 1200, None, False)]
    lines = [line(gone, tokens_output=1, final=False)]
    assert told(found(lines, [gone], generation="legacy")) == [("lower_bound", 11, 199, 1, False)]


def test_what_is_missing_costs_what_the_bill_has_more_for() -> None:
    batch = call("11T10:30", factor=0.5)
    (one,) = found([], [batch])
    assert (one.reason, one.usd) == ("not_logged", pytest.approx((1000 * IN + 200 * OUT) / 2))


def test_where_prices_differ_what_is_missing_costs_the_bills_rate() -> None:
    dearer = [one | {"factor": 1.1} for one in WORK]
    every = compared(frames.rows(LINES[1:]), billed(dearer)).findings
    (gone,) = [one for one in every if one.reason == "not_logged"]
    assert gone.usd == pytest.approx(1.1 * LINES[0]["cost_usd"])
    assert {one.reason for one in every} == {"not_logged", "price"}
    assert "a region that costs more looks like that" in every[0].sentence


def test_the_model_that_answered_is_the_one_billed() -> None:
    other = call("11T10:30", model="claude-haiku-4-5")
    told_of = line(other) | {"model": OPUS, "model_served": "claude-haiku-4-5-20251001"}
    assert not found([told_of], [other])


def test_a_cost_in_one_piece_is_divided_as_the_bill_is() -> None:
    new = call("11T10:30", model="claude-next", rate=3e-6)
    assert not found([line(new, cost_usd=1200 * 3e-6)], [new])


def test_a_call_without_a_price_keeps_none_across_midnight() -> None:
    edge = call("11T23:59:50")
    every = found([line(edge, cost_usd=float("nan"))], [later(edge, minutes=1)])
    assert [(one.reason, one.day.day, round(one.usd, 9)) for one in every] == [
        ("day_edge", 11, 0.0),
        ("day_edge", 12, 0.0),
        ("unpriced", 12, round(1000 * IN + 200 * OUT, 9)),
    ]


def test_the_key_that_used_what_was_not_logged_is_named() -> None:
    (one,) = found([], [call("11T10:30", api_key="notebook")])
    assert one.sentence.endswith("all of it of API key notebook.")
    (one,) = found([], [call("11T10:30", api_key="")])
    assert one.sentence.endswith("all of it without an API key, as from the Console.")
    (one,) = found([], [call("11T10:30", api_key="notebook"), call("11T10:40")])
    assert "all of it" not in one.sentence


def test_a_call_logged_without_counts_is_not_told_to_be_lost() -> None:
    gone = call("11T10:30", api_key="notebook")
    nothing = {"tokens_input": 0, "tokens_output": 0, "outcome": "failed", "cost_usd": float("nan")}
    (one,) = found([line(gone, **nothing, error="killed")], [gone])
    assert told([one]) == [("no_counts", 11, 1200, 1, False)]
    assert "1 call on 11 November for claude-opus-5-5 was likely logged without counts" in one.sentence
    assert "notebook" not in one.sentence
    (one,) = found([line(gone, **nothing, error="rate_limit_error")], [gone])
    assert told([one]) == [("not_logged", 11, 1200, 1, True)]
    both = found([line(gone, **nothing, error="killed")], [gone, call("11T10:40")])
    assert told(both) == [("not_logged", 11, 2400, None, False)]
    assert "logged without counts" in both[0].sentence


def test_a_run_of_many_calls_across_midnight_is_billed_on_both_days() -> None:
    run = call("11T23:30", tokens_input=9000, tokens_output=3000)
    parts = [
        call("11T23:40", tokens_input=5000, tokens_output=1000),
        call("12T00:20", tokens_input=4000, tokens_output=2000),
    ]
    logged = line(run, source="cli", calls=2, duration_seconds=3600.0)
    assert told(found([logged], parts)) == [
        ("day_edge", 11, -6000, None, False),
        ("day_edge", 12, 6000, None, False),
    ]
    gone = call("12T12:00", tokens_input=700)
    assert told(found([logged], [*parts, gone])) == [
        ("day_edge", 11, -6000, None, False),
        ("day_edge", 12, 6000, None, False),
        ("not_logged", 12, 900, None, False),
    ]


PINGS = [call(f"11T10:{minute:02}", tokens_input=8, tokens_output=1) for minute in range(30)]
"""Equal calls, as of a health check: all of them were made."""


@pytest.mark.parametrize("sources", [("sdk", "sdk"), ("sdk", "cli")])
def test_usual_calls_are_not_told_to_be_logged_twice(sources: tuple[str, str]) -> None:
    lines = [line(one, source=sources[number % 2]) for number, one in enumerate(PINGS)]
    assert not found(lines, PINGS)
    (one,) = found(lines, PINGS[1:])
    assert (one.reason, one.tokens, one.certain) == ("not_billed", -9, False)
    (one,) = found(lines, [*PINGS[1:], call("11T11:00")])
    assert (one.reason, one.certain) == ("several", False)
    again = [one | {"source": "transcript"} for one in lines]
    (one,) = found([*lines, *again], PINGS)
    assert told([one]) == [("logged_twice", 11, -270, 30, False)]


def test_on_a_young_day_equal_calls_may_not_be_reported_yet() -> None:
    lines = [line(call("13T22:10")), line(call("13T22:11"))]
    billed_one = [call("13T22:10")]
    assert told(found(lines, billed_one)) == [("logged_twice", 13, -1200, 1, False)]
    (one,) = found(lines, billed_one, read_at=datetime(2026, 11, 14, 1, tzinfo=UTC))
    assert (one.reason, one.certain) == ("not_reported_yet", False)


def test_of_many_small_calls_some_that_were_not_billed_are_counted_and_not_guessed() -> None:
    draw = random.Random(1)
    small = [
        call(
            f"11T{draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}",
            tokens_input=draw.randrange(50, 400),
            tokens_output=draw.randrange(5, 60),
        )
        for _ in range(600)
    ]
    (one,) = found([line(call) for call in small], small[3:])
    assert (one.reason, one.calls, one.certain, list(one.lines)) == ("not_billed", 3, False, [])
    assert one.tokens == -sum(call["tokens_input"] + call["tokens_output"] for call in small[:3])


@pytest.mark.parametrize("size", [500, 5000])
def test_another_price_on_a_day_is_not_taken_for_that_of_a_lost_call(size: int) -> None:
    dearer = [one | {"factor": 1.1} if one["time"].day == 11 else one for one in WORK]
    gone = call("11T10:30", tokens_input=size, tokens_output=100, factor=1.1)
    findings = {one.reason: one for one in compared(frames.rows(LINES), billed([*dearer, gone])).findings}
    assert set(findings) == {"not_logged", "price"}
    assert findings["not_logged"].usd == pytest.approx(1.1 * (size * IN + 100 * OUT))
    assert not findings["price"].certain


def test_a_lost_call_at_an_odd_price_is_only_likely() -> None:
    for factor, certain in ((1.0, True), (0.5, True), (1.6, False)):
        (one,) = found([], [call("11T10:30", factor=factor)])
        assert (one.reason, one.certain) == ("not_logged", certain)
        assert one.usd == pytest.approx(factor * (1000 * IN + 200 * OUT))


def test_a_cost_without_tokens_is_not_explained() -> None:
    nothing = call("11T10:30", model="claude-haiku-4-5", tokens_input=0, tokens_output=0)
    (one,) = found([line(nothing, cost_usd=1.0)], [])
    assert (one.reason, one.tokens, one.usd) == ("unexplained", 0, pytest.approx(-1))


def test_what_is_too_much_is_no_call_when_no_line_is_just_that() -> None:
    """One more call was logged than billed: not the one that is missing, but one more of two."""
    both, gone = [call("11T10:30", tokens_input=900), call("11T10:40", tokens_input=800)], call("11T11:10")
    (one,) = found([line(call) for call in both], [gone])
    assert (one.reason, one.tokens, one.certain) == ("several", -900, False)


def test_several_causes_count_in_both_directions() -> None:
    """What is lost and what is not billed cancel out in sum, and neither is fine for that."""
    gone = call("11T10:30", tokens_input=100_000)
    unbilled = call("11T10:40", tokens_input=101, tokens_output=20_000)
    told_of = compared(frames.rows([*LINES, line(unbilled)]), billed([*WORK, gone]))
    (one,) = told_of.findings
    assert (one.reason, one.tokens, one.certain) == ("several", 99_899 - 19_800, False)
    assert one.usd == pytest.approx(99_899 * IN - 19_800 * OUT)
    assert told_of.missing_usd == pytest.approx(99_899 * IN)
    assert told_of.surplus_usd == pytest.approx(19_800 * OUT)
    assert not told_of.within
    legacy = found([line(unbilled)], [gone], generation="legacy")
    assert [(one.reason, one.certain) for one in legacy] == [("several", False)]


def test_a_log_that_was_imported_twice_is_taken_back_at_once_where_some_of_it_is_lost() -> None:
    many = [
        call(f"11T{n // 60:02}:{n % 60:02}", tokens_input=100 + 7 * n, tokens_output=n) for n in range(900)
    ]
    once = [line(one) for one in many[5:]]
    twice = [one | {"source": "sdk"} for one in once]
    grid = grid_of(frames.rows([*once, *twice]), billed(many), FIRST, LAST, built_in())
    pieces = [piece for piece in pieces_of(grid) if piece.reason == "logged_twice"]
    assert sum(len(piece.lines) for piece in pieces) >= 890 and len(pieces) < 10
    assert not any(piece.certain for piece in pieces)
