"""What every view says besides its tables: its period, and what makes its numbers incomplete."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..completeness import completeness, why_unpriced
from ..numbers import plural
from . import Asked


def facts(asked: Asked) -> dict[str, Any]:
    """The period, as data."""
    return {
        "since": asked.view.since.isoformat(),
        "until": asked.view.until.isoformat(),
        "timezone": str(asked.view.since.tzinfo),
    }


def incomplete(sums: pd.DataFrame) -> tuple[str, ...]:
    """What makes the numbers of a sums frame incomplete, in sentences."""
    known = completeness(sums)
    said = []
    if known.of_runs:
        runs = f"{plural(known.of_runs, 'call')} of CLI runs, which may have made more"
        said.append(f"The number of calls is a lower bound: {runs}.")
    if known.not_final:
        said.append(f"Tokens are a lower bound: {plural(known.not_final, 'call')} not counted to the end.")
    if known.unpriced:
        said.append(f"Cost not known: {', '.join(why_unpriced(known))}: callmeter check.")
    return tuple(said)
