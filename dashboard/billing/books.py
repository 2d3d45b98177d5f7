"""The books: what Anthropic billed for one log folder, kept current. The page asks them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar, cast

import pandas as pd

from logger.price_table import PriceTable
from logger.pricing import built_in

from ..errors import CallmeterError
from ..settings import Settings, find_file, stamp
from . import billed, names, rules
from .billed import Billed
from .rules import BillingRules
from .snapshots import BillingFolder
from .sync_log import FILE, Attempt, SyncLog

PACE = 2.0
"""Seconds between two looks whether files changed: a year has hundreds."""

_KEPT = 4
"""So many answers are remembered: a few pages with other ranges."""

T = TypeVar("T")


class Books:
    """Anthropic's numbers and what is set about them. For several threads.

    The settings file is read again when it changes; while it is wrong the rules before stand, and `problem`
    says why. timer: seconds that only grow. trouble: why the server does not sync now, None when it does.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        home: Path,
        *,
        prices: PriceTable | None = None,
        timer: Callable[[], float] = time.monotonic,
        trouble: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.trouble = trouble
        self.folder = BillingFolder(settings.billing_dir)
        self._log = SyncLog(settings.billing_dir)
        self.prices = prices if prices is not None else built_in()
        self.problem: str | None = None
        """What is wrong with the settings; None: nothing."""
        self._settings, self._environ, self._home, self._timer = settings, environ, home, timer
        self._lock, self._making = threading.RLock(), threading.Lock()
        self._seen: tuple[float, object] | None = None
        self._rules: tuple[object, BillingRules] = (None, BillingRules())
        self._billed: tuple[object, Billed] | None = None
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()

    def rules(self) -> BillingRules:
        """What is set now."""
        with self._lock:
            file = self._settings.file or find_file(self._environ, Path.cwd(), self._home)
            seen = (file, stamp(file))
            if seen != self._rules[0]:
                self._rules = seen, self._understood(file)
            return self._rules[1]

    def _understood(self, file: Path | None) -> BillingRules:
        try:
            found, self.problem = rules.read(file), None
        except CallmeterError as error:
            found, self.problem = self._rules[1], str(error)
        return found

    @property
    def version(self) -> object:
        """Another value when files or rules changed; looked at every `PACE` seconds at most."""
        with self._lock:
            now = self._timer()
            if self._seen is None or now - self._seen[0] >= PACE:
                self._seen = now, (self._files(), self.rules(), self.problem, self.trouble())
            return self._seen[1]

    def _files(self) -> object:
        try:
            return self.folder.version, *(stamp(self.folder.folder / file) for file in (FILE, names.FILE))
        except CallmeterError as error:
            return str(error)

    def all(self) -> Billed:
        """What is known of all days. Raises FolderError."""
        with self._lock:
            version = self.version
            if self._billed is None or self._billed[0] != version:
                self._billed = version, billed.load(self.folder)
            return self._billed[1]

    def attempts(self) -> list[Attempt]:
        """The attempts to sync, oldest first. Raises FolderError."""
        return self._log.attempts()

    def between(self, since: date, until: date) -> Billed:
        """What is known of the UTC days from `since` to `until`. Raises FolderError."""
        return within(self.all(), since, until)

    def remembered(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gave for this key; one caller at a time makes it."""
        with self._making:
            if key not in self._answers:
                self._answers[key] = make()
            self._answers.move_to_end(key)
            while len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
            return cast(T, self._answers[key])


def within(known: Billed, since: date, until: date) -> Billed:
    """Only these days."""

    def rows(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["day"].between(pd.Timestamp(since), pd.Timestamp(until)).to_numpy()]

    return replace(
        known,
        since=since,
        until=until,
        usage=rows(known.usage),
        cost=rows(known.cost),
        usage_days={day: read for day, read in known.usage_days.items() if since <= day <= until},
        cost_days={day: read for day, read in known.cost_days.items() if since <= day <= until},
        others=frozenset(day for day in known.others if since <= day <= until),
        keyless=frozenset(day for day in known.keyless if since <= day <= until),
    )


def of_models(known: Billed, models: frozenset[str]) -> Billed:
    """Only rows of these models (`kinds.billed_name`); an empty choice means all."""
    if not models:
        return known
    usage, cost = (frame[frame["model"].isin(models).to_numpy()] for frame in (known.usage, known.cost))
    return replace(known, usage=usage, cost=cost)
