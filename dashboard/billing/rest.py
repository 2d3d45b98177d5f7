"""What is left when lines explain no more: calls not logged or not billed, counts cut short, prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .axes import KINDS, SEARCH, TOKENS, Bools, Floats, Ints
from .price_words import rates
from .workings import Piece, Workings

DUST = 1e-6
"""USD that no one is told of: sums of floats."""

_HALF_A_CENT = 0.005
_ROUNDED = 0.01
"""Share of a cell beyond which a difference is another price, however small."""
_NOTHING = 1e-4
"""USD below which it is rounding all the same."""

_SEARCH = KINDS.index(SEARCH)
_OUTPUT = KINDS.index("tokens_output")


@dataclass(frozen=True, slots=True)
class Why:
    """Why tokens are missing on one side, as far as it can be told."""

    reason: str
    calls: int | None = None
    certain: bool = True
    hint: str = ""


def explain(work: Workings) -> list[Piece]:
    """Pieces for all that the workings leave over: with them, every cell adds up."""
    money = _Money(work)
    found = [piece for day, model in _compared(work) for piece in _pieces(work, money, day, model)]
    return [piece for piece in found if piece.counts.any() or abs(piece.usd.sum()) > DUST]


def _compared(work: Workings) -> list[tuple[int, int]]:
    """Days and models with anything on either side."""
    bill = work.grid.bill
    some = (bill.counts != 0) | (work.logged != 0) | (bill.usd != 0) | (bill.list_usd != 0) | (work.usd != 0)
    here = some.any(axis=2) & work.grid.compared[:, None]
    return [(int(day), int(model)) for day, model in np.argwhere(here)]


class _Money:
    """The USD of each cell, divided among its reasons. Arrays are days x models x `KINDS`.

    missing - surplus + unpriced + price is what was billed at list less what was logged.
    """

    def __init__(self, work: Workings) -> None:
        bill, logged = work.grid.bill, work.logged
        matched = np.minimum(bill.counts, logged)
        left = work.left
        rate = _ratio(bill.list_usd, bill.counts)
        kept = _ratio(matched, logged)
        self.unpriced = rate * work.unpriced * kept
        self.missing = np.maximum(left, 0) * rate
        self.surplus = work.usd * (1 - kept)
        self.price = bill.list_usd - self.missing - self.unpriced - work.usd + self.surplus
        self._give_to_tokens(work, left)
        self.discount = bill.usd - bill.list_usd
        self.rounding: Bools = np.abs(self.price) <= _tolerated(bill.list_usd)

    def _give_to_tokens(self, work: Workings, left: Ints) -> None:
        """Where prices agree elsewhere, what the missing or surplus tokens cost is all that differs."""
        agree = _prices_agree(work)
        missing = self.missing + self.price
        at = agree & (left > 0) & (missing >= 0) & (missing <= 5 * self.missing)
        self.missing = np.where(at, missing, self.missing)
        surplus = self.surplus - self.price
        other = agree & (left < 0) & (surplus >= 0) & (surplus <= 5 * self.surplus)
        self.surplus = np.where(other, surplus, self.surplus)
        self.price = np.where(at | other, 0.0, self.price)


def _tolerated(list_usd: Floats) -> Floats:
    """How far USD may be apart by rounding: half a cent, and a hundredth of the cell."""
    return np.maximum(np.minimum(_HALF_A_CENT, _ROUNDED * np.abs(list_usd)), _NOTHING)


def _ratio(part: Floats | Ints, whole: Floats | Ints) -> Floats:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) != 0)


def _prices_agree(work: Workings) -> Bools:
    """Models x `KINDS`: False where cells without any other difference were billed at another price."""
    grid = work.grid
    clean = (work.left == 0) & (work.unpriced == 0) & grid.known[:, None, None]
    billed = np.where(clean, grid.bill.list_usd, 0).sum(axis=0)
    logged = np.where(clean, work.usd, 0).sum(axis=0)
    found: Bools = np.abs(billed - logged) <= 0.005 * np.abs(billed) + _NOTHING
    return found


def _pieces(work: Workings, money: _Money, day: int, model: int) -> list[Piece]:
    cell = day, model
    left = work.left[cell]
    missing, surplus = _of_tokens(np.maximum(left, 0)), _of_tokens(np.minimum(left, 0))
    found = []
    if missing.any():
        found.append(_piece(why_missing(work, day, model, missing), cell, missing, money.missing[cell]))
    if surplus.any():
        found.append(_piece(why_surplus(work, day, model), cell, surplus, -money.surplus[cell]))
    return [*found, *_search_pieces(money, cell, left), *_money_pieces(work, money, cell)]


def _of_tokens(counts: Ints) -> Ints:
    found = counts.copy()
    found[_SEARCH] = 0
    return found


def _piece(why: Why, cell: tuple[int, int], counts: Ints, usd: Floats) -> Piece:
    """USD only of the kinds that have counts."""
    return Piece(
        why.reason, *cell, counts, np.where(counts != 0, usd, 0.0), why.calls, why.certain, (), why.hint
    )


def _search_pieces(money: _Money, cell: tuple[int, int], left: Ints) -> list[Piece]:
    """Web searches that only one side has, and any other price of them."""
    usd = money.missing[cell][_SEARCH] if left[_SEARCH] > 0 else -money.surplus[cell][_SEARCH]
    if not left[_SEARCH]:
        return []
    at = np.arange(len(KINDS)) == _SEARCH
    return [Piece("web_search", *cell, np.where(at, left, 0), np.where(at, usd, 0.0))]


def _money_pieces(work: Workings, money: _Money, cell: tuple[int, int]) -> list[Piece]:
    """Pieces without counts: no price known, another price, rounding, discount."""
    nothing = np.zeros(len(KINDS), dtype="int64")
    both = np.minimum(work.grid.bill.counts[cell], work.logged[cell]) > 0
    price, rounded = money.price[cell], money.rounding[cell]
    parts = {
        "unpriced": money.unpriced[cell],
        "rounding": np.where(rounded, price, 0.0),
        "price": np.where(~rounded & both, price, 0.0),
        "unexplained": np.where(~rounded & ~both, price, 0.0),
        "discount": money.discount[cell],
    }
    return [
        Piece(reason, *cell, nothing, usd, hint=_rates(work, cell, usd) if reason == "price" else "")
        for reason, usd in parts.items()
        if np.abs(usd).max() > DUST
    ]


def _rates(work: Workings, cell: tuple[int, int], usd: Floats) -> str:
    """Both rates of the kind that makes most of the difference."""
    at = *cell, int(np.argmax(np.abs(usd)))
    bill, priced = work.grid.bill, work.logged[at] - work.unpriced[at]
    return rates(KINDS[at[2]], bill.list_usd[at] / bill.counts[at], work.usd[at] / max(priced, 1))


def why_surplus(work: Workings, day: int, model: int) -> Why:
    """Tokens that were logged and not billed, and that no line explains."""
    if work.grid.young[day]:
        return Why("not_reported_yet", certain=False)
    requests = work.grid.bill.requests[day, model]
    more = work.calls[day, model] - requests
    return Why("not_billed", int(more) if more > 0 else None)


def why_missing(work: Workings, day: int, model: int, missing: Ints) -> Why:
    """Tokens that were billed and not logged."""
    calls = missing_calls(work, day, model)
    cut, runs = (
        _flagged(work, day, model, "final", wanted=False),
        _flagged(work, day, model, "run", wanted=True),
    )
    only_output = not np.delete(missing[TOKENS], _OUTPUT).any()
    if cut and calls == 0:
        return Why("lower_bound", cut)
    if cut and (only_output or (runs and not calls)):
        return Why("lower_bound", cut, certain=False)
    if calls == 0:
        return Why("unexplained")
    hint = "; some of it may belong to lines that are a lower bound" if cut else ""
    return Why("not_logged", None if runs else calls, certain=not cut, hint=hint)


def missing_calls(work: Workings, day: int, model: int) -> int | None:
    """How many more requests were billed than calls logged; None where requests are not told."""
    requests = work.grid.bill.requests[day, model]
    return None if np.isnan(requests) else max(0, int(requests - work.calls[day, model]))


def _flagged(work: Workings, day: int, model: int, name: str, *, wanted: bool) -> int:
    """Calls of the lines whose flag is as wanted."""
    lines = work.grid.lines
    at = work.lines_of(day, model)
    return int(lines.calls[at[getattr(lines, name)[at] == wanted]].sum())
