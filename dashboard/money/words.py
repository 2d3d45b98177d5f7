"""Days and ranges of days in words: "between 3 and 9 December, most likely the 5th"."""

from __future__ import annotations

from datetime import date

from ..numbers import usd


def day(when: date, asked: date | None = None) -> str:
    """`5 December`, with its year when that is not the year of `asked`."""
    year = f" {when.year}" if asked and when.year != asked.year else ""
    return f"{when.day} {when:%B}{year}"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `4th`, `11th`, `22nd`."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def between(
    earliest: date | None, likely: date | None, latest: date | None, asked: date | None = None
) -> str:
    """A range with its likely day, as it follows "runs out". None: beyond what is told."""
    if earliest is None:
        return "not within the next two years"
    if likely is None:
        return f"not before {day(earliest, asked)}; at this pace it lasts more than two years"
    if latest is None:
        return f"from {day(earliest, asked)} on, most likely {day(likely, asked)}"
    if earliest == latest:
        return f"on {day(likely, asked)}"
    return f"between {_span(earliest, latest, asked)}, most likely {_within(likely, earliest, latest, asked)}"


def _span(first: date, last: date, asked: date | None) -> str:
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} and {day(last, asked)}"
    if first.year == last.year:
        return f"{first.day} {first:%B} and {day(last, asked)}"
    return f"{first.day} {first:%B} {first.year} and {last.day} {last:%B} {last.year}"


def _within(likely: date, first: date, last: date, asked: date | None) -> str:
    """The likely day, as short as the range allows."""
    if (first.year, first.month) == (last.year, last.month):
        return f"the {ordinal(likely.day)}"
    return f"{likely.day} {likely:%B}" + (f" {likely.year}" if first.year != last.year else "")


def dollars(about: float) -> str:
    """An estimate in USD, without cents it does not know: `$443`, `$7.20`."""
    return f"${about:,.0f}" if about >= 9.95 else usd(about)


def lasting(days: float) -> str:
    """About how long: `about 3 h`, `about 4.5 days`, `about 12 days`."""
    if days < 1:
        return f"about {max(1, round(days * 24))} h"
    return f"about {days:.1f} days" if days < 9.95 else f"about {days:,.0f} days"
