"""Lines of days to come, as a wrong clock writes them: what a report up to today leaves out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ..numbers import plural

if TYPE_CHECKING:
    from ..filters import Filter
    from ..store.files import FileStore


def left_out(store: FileStore, view: Filter, now: datetime) -> list[str]:
    """That lines of days to come are not in a view that ends with today; nothing where there are none. Reads
    those days.
    """
    from ..filters import midnight

    today = now.astimezone(store.zone).date()
    last = store.health().last_day
    if view.until != midnight(today + timedelta(days=1), store.zone) or last is None or last <= str(today):
        return []
    ahead = replace(view, since=view.until, until=midnight(date(9000, 1, 1), store.zone))
    store.load(ahead)
    lines = int(store.sums(ahead)["lines"].sum())
    verb = "is" if lines == 1 else "are"
    return [f"{plural(lines, 'line')} of days to come {verb} not in it."] if lines else []
