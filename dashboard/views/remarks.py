"""What every view says besides its tables: its period, and what makes its numbers incomplete."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..completeness import Completeness, completeness, why_unpriced
from ..numbers import plural
from . import Asked


def facts(asked: Asked) -> dict[str, Any]:
    """The period, as data."""
    return {
        "since": asked.view.since.isoformat(),
        "until": asked.view.until.isoformat(),
        "timezone": str(asked.view.since.tzinfo),
    }


def incomplete(sums: pd.DataFrame, asked: Asked) -> tuple[str, ...]:
    """What makes the numbers of a sums frame incomplete, in sentences."""
    known = completeness(sums, asked.prices)
    return tuple(filter(None, (_calls(known), _tokens(known), _cost(known))))


def incomplete_tokens(sums: pd.DataFrame) -> tuple[str, ...]:
    """The same for a view that tells of tokens alone."""
    return tuple(filter(None, (_tokens(completeness(sums)),)))


def _calls(known: Completeness) -> str:
    if not known.of_runs:
        return ""
    runs = f"{plural(known.of_runs, 'call')} of CLI runs, which may have made more"
    return f"The number of calls is a lower bound: {runs}."


def _tokens(known: Completeness) -> str:
    if not known.not_final:
        return ""
    return f"Tokens are a lower bound: {plural(known.not_final, 'call')} not counted to the end."


def _cost(known: Completeness) -> str:
    if not known.unpriced:
        return ""
    return f"Cost not known: {', '.join(why_unpriced(known))}: callmeter check."
