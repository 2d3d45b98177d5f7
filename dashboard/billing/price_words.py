"""Two rates that differ, in words."""

from __future__ import annotations

from ..numbers import usd
from .axes import SEARCH
from .kinds import KIND_NAMES

_LOOKS_LIKE = (
    (0.0, "Priority Tier, paid ahead, looks like that"),
    (0.5, "batches logged at the plain price look like that"),
    (1.1, "a region that costs more looks like that"),
    (2.0, "calls logged at the price of batches, or fast mode, look like that"),
)
_NEAR = 0.005
_UNLISTED = "the older report tells no list price, and a discount looks like that too"


def rates(kind: str, billed: float, logged: float, *, listed: bool = True) -> str:
    """Both rates, USD per token or search, and what they look like. listed: the list price is told."""
    per, unit = (
        (1e3, "thousand searches") if kind == SEARCH else (1e6, f"million tokens ({KIND_NAMES[kind]})")
    )
    like = _likely(billed, logged) if listed else _UNLISTED
    return f"{_pair(billed * per, logged * per, unit)}; {like}"


def _pair(billed: float, logged: float, unit: str) -> str:
    said = (usd(billed), usd(logged))
    if said[0] == said[1]:
        said = (f"${billed:.6g}", f"${logged:.6g}")
    return f"{said[0]} per {unit}, logged at {said[1]}"


def _likely(billed: float, logged: float) -> str:
    ratio = billed / logged if logged else float("inf")
    for known, words in _LOOKS_LIKE:
        if abs(ratio - known) < _NEAR:
            return words
    return "see the prices that were in force when the calls were logged"
