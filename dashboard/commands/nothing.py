"""What a report says of a period without calls."""

from __future__ import annotations

import shlex
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..filters import Filter
    from ..settings import Settings
    from ..store.files import FileStore


def nothing(view: Filter, store: FileStore, settings: Settings) -> str:
    """That there are no calls, when the last ones were, and how to see them."""
    if view.choices:
        return f"No such calls {_when(view)}."
    last = _last_call(store)
    if last is None:
        return f"No calls in {settings.log_dir} yet. callmeter demo writes some to look at."
    day = last.astimezone(settings.zone).date()
    command = f"callmeter report --date {day} --log-dir {shlex.quote(str(settings.log_dir))}"
    return f"No calls {_when(view)}. The last ones were on {day}: {command}"


def _when(view: Filter) -> str:
    """`on 2026-11-22`, or from when to when."""
    from ..report import period as named

    first, spans, last = named(view).partition(" – ")
    return f"from {first} to {last}" if spans else f"on {first}"


def _last_call(store: FileStore) -> datetime | None:
    """The start of the newest call of all.

    As a rule it is in the newest file, but that may be empty or hold only bad lines, and an older one may
    have been written to until later.
    """
    from ..filters import days

    newest = store.health().last_day
    if newest is None:
        return None
    store.load(days(date.fromisoformat(newest) - timedelta(days=1), date(9000, 1, 1), store.zone))
    if store.newest_call() is None:
        store.load()
    return store.newest_call()
