"""Ranges are whole hours of the viewer's zone, across changes of the clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboard import filters

NEW_YORK = ZoneInfo("America/New_York")
KOLKATA = ZoneInfo("Asia/Kolkata")


def test_24h_is_the_running_hour_and_the_23_before_it() -> None:
    view = filters.last("24h", datetime(2026, 11, 22, 14, 35, tzinfo=UTC), ZoneInfo("UTC"))
    assert (view.since, view.until) == (
        datetime(2026, 11, 21, 15, tzinfo=UTC),
        datetime(2026, 11, 22, 15, tzinfo=UTC),
    )


def test_24h_has_24_real_hours_when_the_clock_is_set_back() -> None:
    """1 November 2026, 02:00 EDT becomes 01:00 EST."""
    view = filters.last("24h", datetime(2026, 11, 1, 17, 30, tzinfo=UTC), NEW_YORK)
    assert view.until.astimezone(UTC) - view.since.astimezone(UTC) == timedelta(hours=24)
    assert view.since.hour == 14 and view.until.hour == 13


def test_hours_start_at_the_half_hour_of_utc_in_a_zone_with_half_hours() -> None:
    view = filters.last("24h", datetime(2026, 11, 22, 14, 5, tzinfo=UTC), KOLKATA)
    assert view.until == datetime(2026, 11, 22, 20, 0, tzinfo=KOLKATA)
    assert view.until.astimezone(UTC).minute == 30


def test_7d_is_today_and_the_six_days_before_it_in_the_zone() -> None:
    late_in_new_york = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    view = filters.last("7d", late_in_new_york, NEW_YORK)
    assert (view.since.date(), view.until.date()) == (date(2026, 11, 15), date(2026, 11, 22))
    assert view.since.hour == view.until.hour == 0


def test_the_hour_of_a_moment_in_the_repeated_hour_is_the_right_one_of_the_two() -> None:
    first = datetime(2026, 11, 1, 5, 20, tzinfo=UTC).astimezone(NEW_YORK)
    second = datetime(2026, 11, 1, 6, 20, tzinfo=UTC).astimezone(NEW_YORK)
    assert first.hour == second.hour == 1
    assert filters.hour_of(first).astimezone(UTC).hour == 5
    assert filters.hour_of(second).astimezone(UTC).hour == 6


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        ("24h", datetime(2026, 11, 20, 15), datetime(2026, 11, 21, 15)),
        ("7d", datetime(2026, 11, 9), datetime(2026, 11, 15, 15)),
        ("30d", datetime(2026, 9, 24), datetime(2026, 10, 23, 15)),
    ],
)
def test_the_period_before_ends_as_far_into_itself_as_now_is_into_this_one(
    name: str, since: datetime, until: datetime
) -> None:
    zone = ZoneInfo("UTC")
    now = datetime(2026, 11, 22, 14, 35, tzinfo=zone)
    before = filters.last(name, now, zone).before(now)
    assert (before.since.replace(tzinfo=None), before.until.replace(tzinfo=None)) == (since, until)


def test_before_a_past_day_comes_the_whole_day_before_it() -> None:
    zone = ZoneInfo("UTC")
    day = filters.days(date(2026, 11, 3), date(2026, 11, 3), zone)
    before = day.before(datetime(2026, 11, 22, 14, 35, tzinfo=zone))
    assert (before.since.day, before.until.day) == (2, 3)


def test_before_an_hour_comes_the_hour_before_it() -> None:
    zone = ZoneInfo("UTC")
    since = datetime(2026, 11, 3, 14, tzinfo=zone)
    before = filters.Filter(since, since + timedelta(hours=1)).before(datetime(2026, 11, 22, tzinfo=zone))
    assert (before.since.hour, before.until.hour) == (13, 14)


def test_choices_name_the_frame_columns_of_what_is_narrowed() -> None:
    view = filters.last("24h", datetime(2026, 11, 22, tzinfo=UTC), ZoneInfo("UTC"))
    narrowed = filters.Filter(view.since, view.until, tasks=frozenset({"gh-1"}), outcome="failed")
    assert view.choices == {}
    assert narrowed.choices == {"task_id": {"gh-1"}, "outcome": {"failed"}}


def test_the_period_before_ends_with_the_local_hour_of_now() -> None:
    """At 15:10 in Kolkata (09:40 UTC) yesterday is compared up to 16:00, not up to another zone's hour."""
    now = datetime(2026, 11, 22, 9, 40, tzinfo=UTC)
    before = filters.last("7d", now, KOLKATA).before(now)
    assert (before.until.day, before.until.hour, before.until.minute) == (15, 16, 0)
