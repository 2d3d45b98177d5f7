"""What is left when lines explain no more: calls not logged or not billed, counts cut short, prices."""

from __future__ import annotations

import numpy as np

from .axes import KINDS, SEARCH, Bools, Floats, Ints
from .price_words import rates
from .why import why
from .workings import Piece, Workings

DUST = 1e-6
"""USD that no one is told of: sums of floats."""

_HALF_A_CENT = 0.005
_ROUNDED = 0.01
"""Share of a cell beyond which a difference is another price, however small."""
_NOTHING = 1e-4
"""USD below which it is rounding all the same."""

_SEARCH = KINDS.index(SEARCH)

_CHEAPEST, _DEAREST = 0.45, 2.2
"""How missing tokens may cost beside what such tokens usually cost."""


def explain(work: Workings) -> list[Piece]:
    """Pieces for all that the workings leave over: with them, every cell adds up."""
    money = _Money(work)
    found = [piece for day, model in _compared(work) for piece in _pieces(work, money, day, model)]
    return [piece for piece in found if piece.counts.any() or np.abs(piece.usd).max() > DUST]


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
        kept = np.where(logged > 0, _ratio(matched, logged), 1.0)
        self.unpriced = rate * work.unpriced * kept
        self.missing = np.maximum(left, 0) * rate
        self.surplus = work.usd * (1 - kept)
        self.price = bill.list_usd - self.missing - self.unpriced - work.usd + self.surplus
        self.odd = self._give_to_tokens(work, left, rate)
        self.discount = bill.usd - bill.list_usd
        self.rounding = _rounding(self.price, bill.list_usd)

    def _give_to_tokens(self, work: Workings, left: Ints, rate: Floats) -> Bools:
        """Where prices agree elsewhere, what the missing or surplus tokens cost is all that differs: within
        reason, for calls may be batches or of another tier. -> where it is neither the usual nor half of it.
        """
        agree = _prices_agree(work)
        priced = work.logged - work.unpriced
        usual = np.maximum(left, 0) * np.where(priced > 0, _ratio(work.usd, priced), rate)
        missing, surplus = self.missing + self.price, self.surplus - self.price
        more = agree & (left > 0) & _near(missing, usual)
        less = agree & (left < 0) & _near(surplus, self.surplus)
        others = (left == 0) & (np.abs(self.price) <= _tolerated(work.grid.bill.list_usd))
        whole = (more | less | others).all(axis=2, keepdims=True)
        more, less = more & whole, less & whole
        odd: Bools = (more & _odd(missing, usual)) | (less & _odd(surplus, self.surplus))
        self.missing = np.where(more, missing, self.missing)
        self.surplus = np.where(less, surplus, self.surplus)
        self.price = np.where(more | less, 0.0, self.price)
        return odd


def _near(usd: Floats, usual: Floats) -> Bools:
    """Whether tokens may cost that: half as a batch, twice as a large or a fast one."""
    found: Bools = (usd >= _CHEAPEST * usual) & (usd <= _DEAREST * usual)
    return found


def _odd(usd: Floats, usual: Floats) -> Bools:
    """Whether tokens cost neither what they usually do nor half of it."""
    off = np.minimum(np.abs(usd - usual), np.abs(usd - usual / 2))
    found: Bools = off > 0.02 * usual + _NOTHING
    return found


def _tolerated(list_usd: Floats) -> Floats:
    """How far USD may be apart by rounding: half a cent, and a hundredth of the cell."""
    return np.maximum(np.minimum(_HALF_A_CENT, _ROUNDED * np.abs(list_usd)), _NOTHING)


def _rounding(price: Floats, list_usd: Floats) -> Bools:
    """Where it is so little that it is rounding: in the cell, and in the sum over all days."""
    small: Bools = np.abs(price) <= _tolerated(list_usd)
    drift = np.where(small, price, 0.0).sum(axis=0)
    found: Bools = small & (np.abs(drift) <= _tolerated(np.where(small, list_usd, 0.0).sum(axis=0)))
    return found | (np.abs(price) <= DUST)


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
    if work.torn[cell]:
        return [_torn_piece(work, cell, left)]
    return [
        *_token_pieces(work, money, cell, _of_tokens(left)),
        *_search_pieces(money, cell, left),
        *_money_pieces(work, money, cell),
    ]


def _torn_piece(work: Workings, cell: tuple[int, int], left: Ints) -> Piece:
    """Usage is not told, costs are: only the sum of the money can be compared."""
    usd = work.grid.bill.list_usd[cell] - work.usd[cell]
    return Piece("no_usage", *cell, left, usd, certain=False)


def _of_tokens(counts: Ints) -> Ints:
    found = counts.copy()
    found[_SEARCH] = 0
    return found


def _token_pieces(work: Workings, money: _Money, cell: tuple[int, int], left: Ints) -> list[Piece]:
    """All the tokens left over; USD only of the kinds that have some."""
    if not left.any():
        return []
    found = why(work, *cell, left)
    certain = found.certain and not money.odd[cell][left != 0].any()
    usd = np.where(left > 0, money.missing[cell], np.where(left < 0, -money.surplus[cell], 0.0))
    return [Piece(found.reason, *cell, left, usd, found.calls, certain, (), found.hint)]


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
    late = work.grid.cost_behind[cell[0]] & (price < 0) & ~rounded
    parts = {
        "unpriced": money.unpriced[cell],
        "rounding": np.where(rounded, price, 0.0),
        "not_reported_yet": np.where(late, price, 0.0),
        "price": np.where(~rounded & ~late & both, price, 0.0),
        "unexplained": np.where(~rounded & ~late & ~both, price, 0.0),
        "discount": money.discount[cell],
    }
    return [
        Piece(
            reason,
            *cell,
            nothing,
            usd,
            None,
            _is_sure(work, cell, reason, usd),
            (),
            _hint(work, cell, reason, usd),
        )
        for reason, usd in parts.items()
        if np.abs(usd).max() > DUST
    ]


_SURE = frozenset({"unpriced", "rounding", "discount"})
"""Reasons that need nothing but the numbers of the cell."""


def _is_sure(work: Workings, cell: tuple[int, int], reason: str, usd: Floats) -> bool:
    """Whether the cell proves it: another price where the counts agree, all is reported, and the list price
    is told, for else a discount looks the same.
    """
    if reason in _SURE:
        return True
    told = bool(work.grid.bill.listed[cell]) and not work.grid.young[cell[0]] and not work.guessed[cell]
    return told and not work.left[cell][np.abs(usd) > DUST].any()


def _hint(work: Workings, cell: tuple[int, int], reason: str, usd: Floats) -> str:
    return _rates(work, cell, usd) if reason == "price" else ""


def _rates(work: Workings, cell: tuple[int, int], usd: Floats) -> str:
    """Both rates of the kind that makes most of the difference."""
    at = *cell, int(np.argmax(np.abs(usd)))
    bill, priced = work.grid.bill, work.logged[at] - work.unpriced[at]
    billed, logged = bill.list_usd[at] / bill.counts[at], work.usd[at] / max(priced, 1)
    return rates(KINDS[at[2]], billed, logged, listed=bool(bill.listed[cell]) or billed == 0)
