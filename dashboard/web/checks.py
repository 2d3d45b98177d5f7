"""Strict values of a JSON body: each kind is checked by one function that owns its sentence.

Numbers are never text, true, false, infinite or NaN. A check raises ValueError with what it accepts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic_core import core_schema

MOST_RECENT = 1000

_DAY = (
    "20[2-9][0-9]-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    "|20(?:[2468][048]|[3579][26])-02-29"
)
_HOUR = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
MOMENT = f"^(?:{_DAY})[T ]{_HOUR}(?::[0-5][0-9](?:[.][0-9]{{1,9}})?)?(?:Z|[+-]{_HOUR})?$"
"""A time as it may be written: of a day that there is, in 2020 or later, for no call was made before."""


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """Makes a type annotation of a function and the JSON schema of what it takes."""

    take: Callable[[Any], Any]
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """What validates."""
        return core_schema.no_info_plain_validator_function(self.take)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """What describes."""
        return dict(self.schema)


def number(least: float, most: float) -> Check:
    """A finite number within bounds."""

    def take(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
            raise ValueError(f"must be a number of {least:g} or more")
        if value > most:
            raise ValueError(f"must be a number of at most {most:,.0f}")
        return float(value)

    return Check(take, {"type": "number", "minimum": least, "maximum": most})


def whole(least: int, most: int) -> Check:
    """A whole number within bounds; 3.0 is one too."""

    def take(value: Any) -> int:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        if not fits or not least <= value <= most or value != int(value):
            raise ValueError(f"must be a whole number from {least:,} to {most:,}")
        return int(value)

    return Check(take, {"type": "integer", "minimum": least, "maximum": most})


def written_whole(least: int, most: int) -> Check:
    """A whole number within bounds as the digits of a query."""

    def take(value: Any) -> int:
        digits = value if isinstance(value, str) and value.isascii() and value.isdecimal() else ""
        if not 0 < len(digits) < 20 or not least <= int(digits) <= most:
            raise ValueError(f"must be a whole number from {least:,} to {most:,}")
        return int(digits)

    return Check(take, {"type": "integer", "minimum": least, "maximum": most})


def text(most: int) -> Check:
    """A text that is not empty and not too long; lone surrogates become question marks."""

    def take(value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise ValueError(f"must be a text of 1 to {most:,} characters")
        return value.encode("utf-8", "replace").decode()

    return Check(take, {"type": "string", "minLength": 1, "maxLength": most})


def truth() -> Check:
    """true or false."""

    def take(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value

    return Check(take, {"type": "boolean"})


def thing() -> Check:
    """An object of any fields."""

    def take(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError("must be an object")
        return value

    return Check(take, {"type": "object"})


def moment() -> Check:
    """A time as text; without an offset it is this machine's local time."""
    pattern = re.compile(MOMENT.removesuffix("$"))

    def take(value: Any) -> datetime:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise ValueError("must be a time since 2020 such as 2026-11-22T14:30:00+01:00")
        return datetime.fromisoformat(value).astimezone(UTC)

    return Check(take, {"type": "string", "pattern": MOMENT, "examples": ["2026-11-22T14:30:00+01:00"]})


Usd = Annotated[float, number(0, 1e9)]
Seconds = Annotated[float, number(0, 1e7)]
Tokens = Annotated[int, whole(0, 10**12)]
Few = Annotated[int, whole(0, 10**6)]
Several = Annotated[int, whole(1, 10**6)]
HttpStatus = Annotated[int, whole(100, 599)]
ExitCode = Annotated[int, whole(-(2**31), 2**32)]
Limit = Annotated[int, written_whole(1, MOST_RECENT)]
Name = Annotated[str, text(500)]
LongText = Annotated[str, text(2000)]
Truth = Annotated[bool, truth()]
Object = Annotated[dict[str, Any], thing()]
Moment = Annotated[datetime, moment()]
