"""What each model used and cost, how well its cache served, and its share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import metrics
from ..numbers import share
from ..sheets import Answer, Cell, Column, Sheet
from . import Asked, View, bill, bill_facets
from .columns import BY_KIND, CALLS, COST, HIT_RATE, INCOMPLETE, TOKENS, facet, percent, text_column, usage
from .remarks import facts, incomplete

_MODEL = text_column("model", "Model")
_SHARE = Column("share", "Share", percent)


def build(asked: Asked) -> Answer:
    """A row per model, dearest first."""
    return _billed(asked) if asked.only_billed else _logged(asked)


def _logged(asked: Asked) -> Answer:
    sums = asked.store.sums(asked.view)
    small = metrics.by(sums, "model")
    cells = [usage(row) for row in small.to_dict("records")]
    rows = [{"model": facet(model), **row} for model, row in zip(small.index, cells, strict=True)]
    columns = (_MODEL, CALLS, *BY_KIND, TOKENS, HIT_RATE, COST, _SHARE, *INCOMPLETE)
    sheet = Sheet("models", "Models", columns, with_shares(rows, COST.key), _sentence(rows, COST.key))
    return Answer((sheet,), facts(asked), incomplete(sums, asked))


def _billed(asked: Asked) -> Answer:
    rows = bill_facets.by_facet(asked, "model")
    columns = (_MODEL, *bill.COLUMNS, _SHARE)
    key = bill.BILLED.key
    sheet = Sheet("models", "Models, as billed", columns, with_shares(rows, key), _sentence(rows, key))
    said = tuple(filter(None, (bill_facets.without_model(asked), *bill.remarks(asked))))
    return Answer((sheet,), facts(asked), said)


def with_shares(rows: Sequence[Mapping[str, Cell]], key: str) -> list[dict[str, Cell]]:
    """The rows with each one's part of the sum of a column, 0 to 1; null where it has no amount."""
    whole = sum(float(row[key] or 0) for row in rows)
    return [{**row, "share": _part(row[key], whole)} for row in rows]


def _part(amount: Cell, whole: float) -> float | None:
    return round(float(amount) / whole, 6) if whole and amount is not None else None


def _sentence(rows: Sequence[Mapping[str, Cell]], key: str) -> str:
    first = with_shares(rows, key)[:1]
    if len(rows) < 2 or not first[0]["share"] or not first[0]["model"]:
        return ""
    return f"{first[0]['model']} is {share(float(first[0]['share']), 1)} of the cost."


VIEW = View("models", "tokens, cache hits and cost by model", build, grouped=False, has_bill=True)
