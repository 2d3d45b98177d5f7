"""How numbers read."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard import numbers


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (1284, "1,284"), (9_994, "9,994"), (10_000, "10.0 k"), (48_123_456, "48.1 M"), (None, "–")],
)
def test_short_numbers_have_three_digits_and_a_scale(value: float | None, words: str) -> None:
    assert numbers.short(value) == words


@pytest.mark.parametrize("value", [999.7, 9_999, 99_999, 999_949, 999_950, 9_999_999, 1e9 - 1])
def test_rounding_up_never_gives_a_number_with_four_digits_before_its_scale(value: float) -> None:
    number = numbers.short(value).replace(",", "").split()[0]
    assert float(number) < 1000 or value < 10_000


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1204.4, "$1,204"),
        (12.34, "$12.34"),
        (0.42, "$0.42"),
        (0.01, "$0.010"),
        (0.0042, "$0.0042"),
        (0.00001, "<$0.0001"),
        (0, "$0"),
        (-3.5, "−$3.50"),
        (float("nan"), "–"),
        (None, "–"),
    ],
)
def test_dollars_have_the_digits_that_matter(value: float | None, words: str) -> None:
    assert numbers.usd(value) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(0, 0, "–"), (1, 1, "100 %"), (99_999, 100_000, ">99.9 %"), (1, 100_000, "<0.1 %"), (1, 3, "33.3 %")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(part: float, whole: float, words: str) -> None:
    assert numbers.share(part, whole) == words


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [(108, 100, "▲ 8 %"), (97, 100, "▼ 3 %"), (100, 100, "= same"), (1, 0, None), (2000, 100, "▲ ×20")],
)
def test_a_change_is_told_only_against_something(now: float, before: float, words: str | None) -> None:
    assert numbers.change(now, before) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.3, "0.30 s"),
        (12.34, "12.3 s"),
        (59.97, "1 m 00 s"),
        (130, "2 m 10 s"),
        (3900, "1 h 05 m"),
        (93600, "1 d 2 h"),
    ],
)
def test_durations_have_two_units_at_the_most(seconds: float, words: str) -> None:
    assert numbers.duration(seconds) == words


def test_how_long_ago_is_told_in_one_unit() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert [numbers.ago(now - timedelta(seconds=s), now) for s in (0, 12, 300, 10_000, 400_000)] == [
        "just now",
        "12 s ago",
        "5 min ago",
        "3 h ago",
        "5 days ago",
    ]
