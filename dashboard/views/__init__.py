"""What `callmeter report` can say besides the totals: each view is a question and the tables that answer it.

The page shows the same tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from logger.pricing import PriceTable

from ..billing.billed import Billed
from ..filters import Filter
from ..money.alerts import Alert
from ..money.budgets import Standing
from ..sheets import Answer
from ..store.base import Store

T = TypeVar("T")

MOST = 20
"""Rows of the tables that list the largest of something."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What views are made from."""

    store: Store
    """With the days of `view` read, the 6 days before it, and those of the 30 days up to `now`; for `whole`
    views all days.
    """
    view: Filter
    now: datetime
    prices: PriceTable
    by: str = "model"
    """Of `metrics.KEYS`, for views that can be grouped."""
    billed: Billed | None = None
    """Anthropic's numbers of all days; None when nothing was ever synced."""
    of_bill: tuple[str, ...] = ()
    """What must be known with `billed`, in sentences: whose it is."""
    most: int = MOST
    """Rows of the tables of `limited` views that list the largest."""
    only_billed: bool = False
    """Whether Anthropic's numbers are asked for rather than the logged ones."""
    standings: tuple[Standing, ...] = ()
    """How the budgets stand at `now`, for views with `money`."""
    opened: tuple[Alert, ...] = ()
    """The alerts that are open at `now`, for views with `money`."""
    _made: dict[str, Any] = field(init=False, default_factory=dict, compare=False, repr=False)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives: made once under this name, however many views of one question ask."""
        if name not in self._made:
            self._made[name] = make()
        return cast(T, self._made[name])


@dataclass(frozen=True, slots=True)
class View:
    """One question. `build` is pure but for what it reads of the store. Raises CallmeterError."""

    name: str
    help: str
    """In a few words, for `--help`."""
    build: Callable[[Asked], Answer]
    whole: bool = False
    """Whether it needs the whole log (all-time numbers)."""
    grouped: bool = True
    """Whether `Asked.by` says what its rows are."""
    has_bill: bool = False
    """Whether it can be made of Anthropic's numbers (`Asked.only_billed`)."""
    money: bool = False
    """Whether it needs budgets and alerts."""
    limited: bool = False
    """Whether it lists the first `Asked.most` of what may be many."""
