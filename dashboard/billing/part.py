"""What differs where only a part of the bill is compared: lines name no workspace and no key. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from .axes import Bools
from .workings import Piece

_MAY_HIDE = "; calls of another workspace or key may hide more"
_KEPT = frozenset({"discount", "surcharge", "rounding", "day_edge", "unpriced", "price"})
"""Reasons that are no surplus."""


def of_part(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces with every surplus as perhaps billed to others, and what is missing as likely."""
    found = [part for piece in pieces for part in _of_part(piece)]
    mixed = {(piece.day, piece.model) for piece in found if piece.reason == "other_part"}
    return [_in_doubt(piece) if (piece.day, piece.model) in mixed else piece for piece in found]


def _of_part(piece: Piece) -> Iterator[Piece]:
    if piece.reason in _KEPT:
        yield piece
        return
    more, less = (piece.counts > 0) | (piece.usd > 0), (piece.counts < 0) | (piece.usd < 0)
    if not less.any():
        hint = _MAY_HIDE if piece.reason == "not_logged" else piece.hint
        yield replace(piece, certain=False, hint=hint)
        return
    yield _some(piece, less, "other_part", "")
    if (more & ~less).any():
        yield _some(piece, more & ~less, "not_logged", _MAY_HIDE)


def _some(piece: Piece, where: Bools, reason: str, hint: str) -> Piece:
    """Only these kinds, with another reason."""
    counts, usd = np.where(where, piece.counts, 0), np.where(where, piece.usd, 0.0)
    return Piece(reason, piece.day, piece.model, counts, usd, certain=False, hint=hint)


def _in_doubt(piece: Piece) -> Piece:
    """Beside calls of others nothing is certain, but what comes from the bill alone."""
    sure = piece.reason in ("discount", "surcharge")
    return piece if sure else replace(piece, certain=False)
