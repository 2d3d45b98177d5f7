"""From when to when Anthropic served its models: what a list of today's models leaves out.

Prices say what a call cost and hold for models long gone; which can still be called they do not say. A model
that is not listed here (one of the user's price file) is taken for a current one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Lifetime:
    """`released`: first day, None for long ago. `retired`: first day without it, None while none is set."""

    released: date | None = None
    retired: date | None = None

    def holds(self, day: date) -> bool:
        """Whether the model could be called on that day."""
        return (self.released or date.min) <= day < (self.retired or date.max)


def _life(released: str = "", retired: str = "") -> Lifetime:
    return Lifetime(*(date.fromisoformat(text) if text else None for text in (released, retired)))


ALWAYS = Lifetime()

LIFETIMES: Mapping[str, Lifetime] = {
    "claude-fable-5-2": _life("2026-11-09"),
    "claude-mythos-5-2": _life("2026-11-09"),
    "claude-haiku-5-5": _life("2026-10-07"),
    "claude-sonnet-5-5": _life("2026-09-28"),
    "claude-opus-5-5": _life("2026-09-22"),
    "claude-fable-5-1": _life("2026-09-01"),
    "claude-mythos-5-1": _life("2026-09-01"),
    "claude-opus-5": _life("2026-07-24"),
    "claude-sonnet-5": _life("2026-06-30"),
    "claude-fable-5": _life("2026-06-09"),
    "claude-mythos-5": _life("2026-06-09"),
    "claude-opus-4-8": _life("2026-05-28"),
    "claude-opus-4-7": _life("2026-04-16"),
    "claude-mythos-preview": _life("2026-04-07", "2026-06-09"),
    "claude-sonnet-4-6": _life("2026-02-17"),
    "claude-opus-4-6": _life("2026-02-05"),
    "claude-opus-4-5": _life("2025-11-24"),
    "claude-haiku-4-5": _life("2025-10-15"),
    "claude-sonnet-4-5": _life("2025-09-29", "2026-11-30"),
    "claude-opus-4-1": _life("2025-08-05", "2026-08-05"),
    "claude-opus-4-0": _life("2025-05-22", "2026-06-15"),
    "claude-sonnet-4-0": _life("2025-05-22", "2026-06-15"),
    "claude-3-7-sonnet": _life("2025-02-24", "2026-02-19"),
    "claude-3-5-haiku": _life("", "2026-02-19"),
    "claude-3-5-sonnet": _life("", "2025-10-28"),
    "claude-3-haiku": _life("", "2026-04-20"),
    "claude-3-opus": _life("", "2026-01-05"),
    "claude-3-sonnet": _life("", "2025-07-21"),
    "claude-2": _life("", "2025-07-21"),
    "claude-haiku-4": _life("9999-12-31"),  # priced by the forerunner of callmeter, but there never was one
}
"""By the first name in the price table, newest first."""
