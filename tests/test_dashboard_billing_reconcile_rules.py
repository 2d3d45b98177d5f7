"""Each rule of explaining a difference, on a few days of calls made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import frames
import pytest

from dashboard.billing.findings import Finding
from dashboard.billing.kinds import USAGE_FIELDS
from tests.bill_frames import billed, compared, line

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
        ("not_logged", 12, 977, 1, True),
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
def test_equal_lines_are_one_call_only_where_they_are_near(minutes: int, reason: str) -> None:
    again = LINES[9] | {"time": LINES[9]["time"] + timedelta(minutes=minutes)}
    assert told(found([again], [])) == [
        (reason, 11, -again["tokens_input"] - again["tokens_output"], 1, True)
    ]


def test_a_call_told_twice_does_not_hide_one_that_was_lost() -> None:
    lost = call("11T10:30", tokens_input=90_000)
    findings = found([LINES[9] | {"source": "sdk"}], [lost])
    twice = LINES[9]["tokens_input"] + LINES[9]["tokens_output"]
    assert told(findings) == [("logged_twice", 11, -twice, 1, False), ("not_logged", 11, 90_200, 1, True)]


def test_tokens_that_nothing_explains_are_said_not_to_be_explained() -> None:
    more = call("11T10:30")
    findings = found([line(more)], [more | {"tokens_input": 1500}])
    assert told(findings) == [("unexplained", 11, 500, None, True)]
    assert findings[0].sentence.endswith("were billed and not logged, and nothing explains it.")


def test_lines_cut_short_explain_every_kind_where_no_call_is_missing() -> None:
    cut = call("11T10:30")
    lines = [line(cut, tokens_input=3, tokens_output=1, final=False)]
    assert told(found(lines, [cut])) == [("lower_bound", 11, 1196, 1, True)]
    both = found(lines, [cut, call("11T10:40")])
    assert told(both) == [("not_logged", 11, 2396, 1, False)]
    assert "; some of it may belong to lines that are a lower bound" in both[0].sentence


def test_without_requests_calls_are_not_counted_and_cut_lines_are_likely() -> None:
    gone = call("11T10:30")
    assert told(found([], [gone], generation="legacy")) == [("not_logged", 11, 1200, None, True)]
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
