"""Local time: the timestamp and the day of a moment."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logger.clock import LocalClock

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_moment_is_spelled_with_offset_and_six_decimals() -> None:
    assert LocalClock(UTC).spell(1795353353.792) == ("2026-11-22T13:15:53.792000+00:00", "2026-11-22")
    assert LocalClock(UTC).spell(1795353353)[0] == "2026-11-22T13:15:53.000000+00:00"


def test_the_day_is_the_local_one() -> None:
    """23:30 in London is the next day in Berlin."""
    moment = datetime(2026, 11, 22, 23, 30, tzinfo=UTC).timestamp()
    assert LocalClock(UTC).spell(moment)[1] == "2026-11-22"
    assert LocalClock(BERLIN).spell(moment) == ("2026-11-23T00:30:00.000000+01:00", "2026-11-23")


def test_the_offset_follows_summer_time() -> None:
    """2026-10-25 in Berlin: 02:59:59+02:00 is followed by 02:00:00+01:00."""
    clock, change = LocalClock(BERLIN), datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp()
    assert clock.spell(change - 1)[0] == "2026-10-25T02:59:59.000000+02:00"
    assert clock.spell(change)[0] == "2026-10-25T02:00:00.000000+01:00"
    assert clock.spell(change - 1)[0] == "2026-10-25T02:59:59.000000+02:00"


def test_decimals_round_over_the_minute() -> None:
    assert LocalClock(UTC).spell(59.9999999)[0] == "1970-01-01T00:01:00.000000+00:00"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.floats(-1e9, 4e9), st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "UTC"]))
def test_any_moment_is_the_same_moment_read_back(moment: float, zone: str) -> None:
    stamp, day = LocalClock(ZoneInfo(zone)).spell(moment)
    assert datetime.fromisoformat(stamp).timestamp() == pytest.approx(moment, abs=2e-6)
    assert stamp.startswith(day) and len(stamp.partition(".")[2]) == len("792000+00:00")


def test_the_machines_zone_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert LocalClock().spell(0)[0] == "1970-01-01T09:00:00.000000+09:00"
    finally:
        monkeypatch.undo()
        time.tzset()
