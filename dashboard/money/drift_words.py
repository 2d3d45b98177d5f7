"""How far a reading of the Console was from what was reckoned, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..numbers import usd

if TYPE_CHECKING:
    from .credit import Drift

_MOST = 3.0


def drift_words(drift: Drift) -> str:
    """`By our count it was $881.20: $5.20 more was spent than was logged (4.4 %); from now on …`."""
    if drift.usd is None:
        return "It is the first entry: from now on what is logged is taken off it"
    reckoned = f"By our count it was {usd(drift.expected_usd)}"
    if abs(drift.usd) < 0.005:
        return f"{reckoned}, too"
    if drift.usd + drift.logged_usd < -0.005:
        return f"{reckoned}: {usd(-drift.usd)} less. Credit was added that is not entered, it seems"
    more = "more" if drift.usd > 0 else "less"
    said = f"{reckoned}: {usd(abs(drift.usd))} {more} was spent than was logged"
    if drift.ratio is None:
        return f"{said} ({usd(drift.logged_usd)}); the burn rate stays as it was"
    if drift.ratio > _MOST:
        return f"{said}, {drift.ratio:.1f} times as much in all; the burn rate counts with {_MOST:g} at most"
    share = 100 * abs(drift.usd) / drift.logged_usd
    return f"{said} ({share:.1f} %); from now on the burn rate counts with that"
