"""Whose bill is compared: some workspaces, API keys or models only, said with what that leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from ..errors import UsageError
from .billed import Billed
from .kinds import billed_name
from .logged import billed_models
from .meant import meant
from .rules import BillingRules


def narrowed(billed: Billed, rules: BillingRules) -> tuple[Billed, list[str]]:
    """The bill of the workspaces and API keys that the rules name, and what must be known with it.

    billed: of all days, so that a name is known, and told apart from others, whatever days are looked at.
    Raises UsageError for a name that nobody has.
    """
    if billed.empty or not (rules.workspaces or rules.api_keys):
        return billed, []
    _check(billed, rules.workspaces, "workspace")
    _check(billed, rules.api_keys, "api_key")
    chosen = billed.narrowed(frozenset(rules.workspaces), frozenset(rules.api_keys))
    return chosen, [f"Only the bill of {_words(rules)} is compared, with all of the log: lines name neither."]


def _words(rules: BillingRules) -> str:
    named = {"workspace": rules.workspaces, "API key": rules.api_keys}
    return ", ".join(f"{what} {' or '.join(patterns)}" for what, patterns in named.items() if patterns)


def _check(billed: Billed, patterns: Iterable[str], facet: str) -> None:
    called = {id_: name for (of, id_), name in billed.called.items() if of == facet}
    shared = {name for (of, _), name in billed.shared.items() if of == facet}
    known = sorted({*_values(billed, facet), *called.values()} - shared)
    for pattern in patterns:
        if not meant([*known, *shared, *_values(billed, f"{facet}_id"), *called], pattern):
            there = f"there are {', '.join(known[:5])}" if known else "it names none"
            what = "API key" if facet == "api_key" else facet
            raise UsageError(f"{what} {pattern}: the bill has none of that name; {there}.")


def _values(billed: Billed, column: str) -> list[str]:
    frames = (billed.usage, billed.cost)
    return sorted({str(value) for frame in frames for value in frame[column].unique() if value})


def of_models(rows: pd.DataFrame, billed: Billed, patterns: Sequence[str]) -> tuple[pd.DataFrame, Billed]:
    """Both sides of some models only, meant under any of their names; all without patterns.

    Raises UsageError when neither side has one of them.
    """
    if not patterns:
        return rows, billed
    in_bill = {*billed.usage["model"].unique(), *billed.cost["model"].unique()}
    logged, place = billed_models(rows, in_bill)
    known = sorted({*logged, *in_bill} - {""})
    wanted = {name for pattern in patterns for name in _models(known, pattern)}
    kept = [number for number, name in enumerate(logged) if name in wanted]
    return rows[pd.Series(place).isin(kept).to_numpy()], _of(billed, wanted)


def _models(known: Sequence[str], pattern: str) -> list[str]:
    found = meant(known, pattern) or meant(known, billed_name(pattern))
    if not found:
        there = f"there are {', '.join(known[:5])}" if known else "there is none"
        raise UsageError(f"--model {pattern}: neither log nor bill of these days has it; {there}.")
    return found


def _of(billed: Billed, models: Iterable[str]) -> Billed:
    usage, cost = (frame[frame["model"].isin(list(models))] for frame in (billed.usage, billed.cost))
    return replace(billed, usage=usage.reset_index(drop=True), cost=cost.reset_index(drop=True))
