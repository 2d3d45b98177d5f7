"""How complete the numbers of a view are: priced calls, final counts, calls by source. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from logger.pricing import PriceTable, built_in

from . import sources
from .filters import NONE
from .numbers import count, plural, share

Counts = np.ndarray[Any, np.dtype[np.int64]]

NAMED = 3
"""How many models or sources a sentence names."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """Of how many calls the cost and the token counts are known, and who logged the calls.

    `unpriced` is made of `no_price`, `no_cost`, `uncounted` and calls for which none of these can be told.
    """

    calls: int = 0
    unpriced: int = 0
    not_final: int = 0
    no_price: Mapping[str, int] = field(default_factory=dict)
    """Calls with token counts by model, of models without a price or any priced call; most calls first."""
    no_cost: Mapping[str, int] = field(default_factory=dict)
    """Calls with token counts by model, of models that have a price: their lines hold no cost all the same,
    as those of old loggers that wrote 0 for a model they did not know; most calls first.
    """
    uncounted: int = 0
    """Calls of unknown cost without any token counts."""
    by_source: Mapping[str, int] = field(default_factory=dict)
    """Calls by the line's source, most calls first."""

    @property
    def priced(self) -> int:
        """Calls whose cost is known."""
        return self.calls - self.unpriced

    @property
    def final(self) -> int:
        """Calls whose token counts are no lower bound."""
        return self.calls - self.not_final

    @property
    def of_runs(self) -> int:
        """Calls of CLI runs: a run may have made more than its output shows."""
        return self.by_source.get(sources.RUNS, 0)

    @property
    def otherwise_unpriced(self) -> int:
        """Calls of unknown cost although others of their model have one: another speed, region or date."""
        return self.unpriced - self.uncounted - sum(self.no_price.values()) - sum(self.no_cost.values())

    @property
    def complete(self) -> bool:
        """Whether nothing is missing from cost, tokens and calls."""
        return not (self.unpriced or self.not_final or self.of_runs)


def completeness(sums: pd.DataFrame, prices: PriceTable | None = None) -> Completeness:
    """What a sums frame says of its own completeness. prices: which models have one; None: the built-in."""
    table = prices if prices is not None else built_in()
    calls, unpriced = sums["calls"].to_numpy(), sums["unpriced"].to_numpy()
    counted = sums["tokens_total"].to_numpy() > 0
    priced = _by_name(sums["model"], calls - unpriced)
    with_tokens = _by_name(sums["model"], np.where(counted, unpriced, 0))
    old = counted & (sums["source"] == NONE).to_numpy()
    of_old = _by_name(sums["model"], np.where(old, unpriced, 0))
    has_price = {model for model in with_tokens if table.find(model)}
    costless = {model: of_old.get(model, 0) if model in priced else with_tokens[model] for model in has_price}
    return Completeness(
        calls=int(calls.sum()),
        unpriced=int(unpriced.sum()),
        not_final=int(sums["not_final"].to_numpy().sum()),
        no_price={
            model: number for model, number in with_tokens.items() if model not in {*priced, *has_price}
        },
        no_cost={model: costless[model] for model in with_tokens if costless.get(model)},
        uncounted=int(unpriced[~counted].sum()),
        by_source=_by_name(sums["source"], calls),
    )


def _by_name(names: pd.Series, calls: Counts) -> dict[str, int]:
    """Calls by name, most first; names without any are left out."""
    known = names.cat.categories
    added = np.bincount(names.cat.codes.to_numpy(), weights=calls, minlength=len(known))
    order = np.argsort(-added, kind="stable")
    return {str(known[place]): int(added[place]) for place in order if added[place] > 0}


def priced_words(known: Completeness) -> str:
    """How many costs are known."""
    if not known.unpriced:
        return "The cost of every call is known."
    return (
        f"{share(known.priced, known.calls)} priced: the cost of {_of(known.unpriced, known)} is not known."
    )


def final_words(known: Completeness) -> str:
    """How many token counts are final."""
    if not known.not_final:
        return "Every token count is final."
    bound = f"the counts of {_of(known.not_final, known)} are a lower bound"
    return f"{share(known.final, known.calls)} final: {bound}."


def _of(part: int, known: Completeness) -> str:
    return f"{count(part)} of {plural(known.calls, 'call')}"


def why_unpriced(known: Completeness) -> list[str]:
    """The reasons for unknown costs with their calls: `14 calls of a model without a price (local)`."""
    reasons = []
    if known.no_price:
        models = listed(list(known.no_price))
        one = "of a model without a price" if len(known.no_price) == 1 else "of models without a price"
        reasons.append(f"{plural(sum(known.no_price.values()), 'call')} {one} ({models})")
    if known.no_cost:
        reasons.append(_costless(known.no_cost))
    if known.uncounted:
        reasons.append(f"{plural(known.uncounted, 'call')} without token counts")
    if known.otherwise_unpriced:
        other = plural(known.otherwise_unpriced, "call")
        reasons.append(f"{other} of a kind without a price (speed, region or date)")
    return reasons


def _costless(models: Mapping[str, int]) -> str:
    calls = sum(models.values())
    whose = "its model has" if calls == 1 else "their model has" if len(models) == 1 else "their models have"
    return f"{plural(calls, 'call')} logged without a cost though {whose} a price ({listed(list(models))})"


def sources_words(known: Completeness) -> str:
    """`CLI runs 900, telemetry 300, SDK 84`."""
    return ", ".join(f"{sources.words(source)} {count(calls)}" for source, calls in known.by_source.items())


def listed(names: list[str], most: int = NAMED) -> str:
    """The first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
