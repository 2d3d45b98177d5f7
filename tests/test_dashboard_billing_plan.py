"""Which days a sync reads: until they are settled, once a day for a month, and what is not there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from dashboard.billing.plan import CHUNK, Asked, Chunk, Held, chunks, due, wait

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOW.date()
SETTLED = Held("analytics", over=True, settled=True)
FRESH = Held("analytics", over=True, settled=False)


def back(*numbers: int) -> list[date]:
    """The days so many days ago."""
    return [TODAY - timedelta(days=number) for number in numbers]


def test_all_days_are_read_that_are_not_there() -> None:
    assert due(Asked(NOW, 5)) == back(4, 3, 2, 1, 0)


def test_today_and_three_days_before_are_always_read() -> None:
    asked = Asked(
        NOW, 30, held=dict.fromkeys(back(*range(30)), SETTLED), read=dict.fromkeys(back(*range(30)), NOW)
    )
    assert due(asked) == back(3, 2, 1, 0)


def test_a_day_is_read_until_a_reading_came_three_days_after_its_end() -> None:
    held = dict.fromkeys(back(*range(30)), SETTLED) | dict.fromkeys(back(9, 4), FRESH)
    assert due(Asked(NOW, 30, held=held, read=dict.fromkeys(held, NOW))) == back(9, 4, 3, 2, 1, 0)


def test_settled_days_of_the_last_month_are_read_once_a_day() -> None:
    days = back(*range(60))
    held = dict.fromkeys(days, SETTLED)
    assert due(Asked(NOW, 60, held=held, read=dict.fromkeys(days, NOW - timedelta(hours=22)))) == back(
        3, 2, 1, 0
    )
    assert due(Asked(NOW, 60, held=held, read=dict.fromkeys(days, NOW - timedelta(hours=24)))) == days[30::-1]
    assert due(Asked(NOW, 60, held=held)) == days[30::-1], "no log tells when"


def test_a_day_that_was_read_in_times_to_come_is_read_again() -> None:
    held = dict.fromkeys(back(*range(8)), SETTLED)
    read = dict.fromkeys(held, NOW) | {back(6)[0]: NOW + timedelta(days=300)}
    assert due(Asked(NOW, 8, held=held, read=read)) == back(6, 3, 2, 1, 0)


def test_again_reads_everything() -> None:
    held = dict.fromkeys(back(*range(40)), SETTLED)
    assert len(due(Asked(NOW, 40, again=True, held=held, read=dict.fromkeys(held, NOW)))) == 40


def test_the_day_that_runs_is_the_one_of_utc() -> None:
    tokyo = datetime.fromisoformat("2026-11-22T08:00:00+09:00")
    assert due(Asked(tokyo, 1)) == [date(2026, 11, 21)]


def test_chunks_are_days_in_a_row_the_newest_first() -> None:
    made = chunks(Asked(NOW), back(20, 19, 3, 2, 1, 0))
    assert made == [Chunk(back(3)[0], TODAY, "analytics"), Chunk(*back(20, 19), "analytics")]


def test_no_chunk_is_long_and_all_days_are_in_one() -> None:
    days = back(*range(24, -1, -1))
    made = chunks(Asked(NOW), days)
    assert [len(one.days) for one in made] == [5, CHUNK, CHUNK]
    assert sorted(day for one in made for day in one.days) == days


def test_what_an_earlier_sync_did_not_come_to_goes_first() -> None:
    made = chunks(Asked(NOW, unfinished=back(20)), back(20, 19, 1, 0))
    assert [one.until for one in made] == back(19, 0)


def test_days_beyond_the_newer_reports_are_of_the_older_ones() -> None:
    days = [date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 1)]
    assert chunks(Asked(NOW), days) == [
        Chunk(days[2], days[2], "analytics"),
        Chunk(days[0], days[1], "legacy"),
    ]
    later = datetime(2027, 11, 22, 12, tzinfo=UTC)
    assert [one.generation for one in chunks(Asked(later), back(0, -1))] == ["analytics", "legacy"]


def test_a_day_held_whole_from_the_newer_reports_is_not_replaced_by_the_older_ones() -> None:
    held = {back(2)[0]: SETTLED, back(1)[0]: FRESH, TODAY: Held("analytics", over=False, settled=False)}
    made = chunks(Asked(NOW, held=held), back(3, 2, 1, 0), legacy=True)
    assert [(one.since, one.generation) for one in made] == [(TODAY, "legacy"), (*back(3), "legacy")]


@pytest.mark.parametrize(
    ("hours", "failures", "retry_after", "seconds"),
    [
        (6, 0, None, 21600),
        (6, 1, None, 120),
        (6, 2, None, 240),
        (6, 50, None, 21600),
        (0.25, 9, None, 900),
        (1, 1, 5000.0, 5000),
    ],
)
def test_the_wait_grows_with_failures_up_to_the_usual_one_and_heeds_anthropic(
    hours: float, failures: int, retry_after: float | None, seconds: float
) -> None:
    assert wait(hours, failures, retry_after) == seconds
