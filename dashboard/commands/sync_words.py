"""What a sync came to, in sentences and as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..billing.status import REPORTS, span
from ..billing.sync import DayDone, Done
from ..numbers import plural, usd

_NAMED = 5
"""Days that are named one by one."""


def sentences(done: Done) -> list[str]:
    """What was read, and what it changed."""
    told = [_read(done), *_changes(done.days)] if done.days else []
    if done.kept:
        stay = "stays" if done.kept == 1 else "stay"
        it = "it" if done.kept == 1 else "them"
        told.append(f"{plural(done.kept, 'day')} {stay} as the newer reports had told of {it}.")
    if done.error and done.days:
        told.append(f"Read whole and kept: {len(done.days)} of {plural(done.planned, 'day')}.")
    return told


def as_data(done: Done) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "outcome": done.outcome,
        "days_planned": done.planned,
        "days_read": len(done.days),
        "since": str(done.days[0].day) if done.days else None,
        "until": str(done.days[-1].day) if done.days else None,
        "generations": done.generations,
        "rows": done.rows,
        "usd": round(done.usd, 10),
        "new_snapshots": done.snapshots,
        "days_new": [str(one.day) for one in done.days if one.before is None],
        "days_changed": [_change_data(one) for one in _changed(done.days)],
        "pages": done.pages,
        "error": str(done.error) if done.error else None,
        "error_type": type(done.error).__name__ if done.error else None,
        "remarks": list(done.remarks),
    }


def _read(done: Done) -> str:
    reports = " and ".join(REPORTS[one] for one in done.generations)
    first, last = done.days[0].day, done.days[-1].day
    all_of_them = (last - first).days + 1 == len(done.days)
    lie = "" if all_of_them else "within "
    days = f"{plural(len(done.days), 'day')} (UTC), {lie}{span(first, last)},"
    return f"Read {days} from Anthropic's {reports}: {plural(done.rows, 'row')}, {usd(done.usd)} billed."


def _changes(days: Sequence[DayDone]) -> list[str]:
    new = [one for one in days if one.before is None]
    changed = _changed(days)
    told = [f"New: {plural(len(new), 'day')}, {usd(sum(one.usd for one in new))}."] if new else []
    if changed:
        named = ", ".join(map(_change, changed[-_NAMED:]))
        rest = f", and {plural(len(changed) - _NAMED, 'day')} before" if len(changed) > _NAMED else ""
        told.append(f"Changed since last time: {named}{rest}.")
    return told or ["Nothing changed since last time."]


def _changed(days: Sequence[DayDone]) -> list[DayDone]:
    """Days that were known and of which something else was told."""
    return [one for one in days if one.before is not None and one.changed]


def _change(one: DayDone) -> str:
    before, after = usd(one.before), usd(one.usd)
    money = f"{before} to {after}" if before != after else f"{after}, counts or facets differ"
    return f"{one.day.day} {one.day:%B} ({money})"


def _change_data(one: DayDone) -> dict[str, Any]:
    return {"day": str(one.day), "usd_before": one.before, "usd": one.usd}
