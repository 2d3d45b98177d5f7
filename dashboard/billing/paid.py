"""What each piece of a difference comes to in what was paid: at list price less the discount. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from .axes import KINDS, Floats
from .grid import Grid
from .rest import DUST
from .workings import Piece

_AS_LOGGED = frozenset({"day_edge", "rounding"})
"""Reasons that only move or round what was logged."""

_HALF_A_CENT, _ROUNDED, _NOTHING = 0.005, 0.01, 1e-4
"""What is charged above the list price is rounding up to half a cent and that share of a cell, or nothing."""


def paid(pieces: Iterable[Piece], grid: Grid) -> list[Piece]:
    """The pieces (at list price) with what was billed beyond the log at what was paid for it.

    What was logged beyond the bill stays at what the lines say. The discount is that on what both have; what
    was charged above the list price is a surcharge, or rounding. They add up as before.
    """
    share = _shares(grid)
    off = np.where(grid.compared[:, None, None], grid.bill.usd - grid.bill.list_usd, 0.0)
    made = []
    for piece in pieces:
        if piece.reason != "discount":
            one = _one(piece, share[piece.day, piece.model])
            off[piece.day, piece.model] += piece.usd - one.usd
            made.append(one)
    return [*made, *_off(off, grid)]


def _shares(grid: Grid) -> Floats:
    """USD paid for each USD at list price: days x models x `KINDS`."""
    paid, listed = grid.bill.usd, grid.bill.list_usd
    found: Floats = np.divide(paid, listed, out=np.ones(listed.shape), where=listed > 0)
    return found


def _one(piece: Piece, share: Floats) -> Piece:
    more = (piece.usd > 0) & (share != 1)
    if piece.reason in _AS_LOGGED or not more.any():
        return piece
    hint = f"a list price of {piece.hint}" if piece.reason == "price" else piece.hint
    return replace(piece, usd=np.where(more, piece.usd * share, piece.usd), hint=hint)


def _off(off: Floats, grid: Grid) -> Iterator[Piece]:
    """What is left between list price and payment, cell by cell."""
    most = np.maximum(np.minimum(_HALF_A_CENT, _ROUNDED * grid.bill.list_usd), _NOTHING)
    slight = (off > 0) & (off <= most)
    parts = {
        "discount": np.minimum(off, 0.0),
        "rounding": np.where(slight, off, 0.0),
        "surcharge": np.where((off > 0) & ~slight, off, 0.0),
    }
    for reason, usd in parts.items():
        for day, model in np.argwhere(np.abs(usd).max(axis=2) > DUST):
            nothing = np.zeros(len(KINDS), dtype="int64")
            yield Piece(reason, int(day), int(model), nothing, usd[day, model])
