"""What `callmeter export` writes, and what it says of it. Read only when something is exported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import typer

from .. import filters, printout, report
from ..billing import billed as billing
from ..billing.books import of_models
from ..billing.kinds import billed_name
from ..billing.snapshots import BillingFolder
from ..errors import UsageError
from ..export import ExportError, Extract, accounting, file, forms
from ..export.bill import bill
from ..export.calls import calls, days_with_calls
from ..export.days import days
from ..export.forms import Form
from ..filters import Filter
from ..numbers import plural
from ..settings import Settings
from ..store.files import FileStore
from . import choice, folder, price_file
from .ahead import left_out
from .choice import Choice
from .export_wanted import Wanted
from .nothing import nothing

_LOGGED = {"calls": calls, "days": days}
ROWS_HELD = 50_000
"""About so many rows stay in memory: an export comes to each day once, or again for the local day after."""

_NOT_SYNCED = "no numbers of Anthropic's yet; callmeter sync reads them"


def run(settings: Settings, wanted: Wanted, now: datetime) -> None:
    """Write what is wanted, then say how much it was and what it lacks. Raises CallmeterError."""
    form = _form(wanted)
    if wanted.output is not None and not wanted.to_stdout:
        file.check(wanted.output, force=wanted.force)
    if form.write is not None and wanted.to_stdout and sys.stdout.isatty():
        raise UsageError(f"--output -: a terminal cannot show {form.title}; give a file, or pipe it on.")
    if wanted.rows == "bill":
        _export_bill(settings, wanted, form)
    else:
        _export_logged(settings, wanted, form, now)


def _form(wanted: Wanted) -> Form:
    """The format asked for, or that of the file's name, or the usual one of such rows."""
    if wanted.format is None and (wanted.output is None or wanted.to_stdout):
        book = wanted.rows == "accounting" and not wanted.to_stdout
        return forms.EXCEL if book else forms.CSV
    return file.form_of(wanted.output or Path(), wanted.format)


# The log


def _export_logged(settings: Settings, wanted: Wanted, form: Form, now: datetime) -> None:
    folder.usable(settings.log_dir)
    with _store(settings) as store:
        store.load(wanted.view)
        whole = wanted.view or _everything(store, now)
        view, remarks = choice.narrowed(store, whole, wanted.choice)
        bad_files, bad_lines = folder.problems(store, view)
        prices = price_file.explaining(settings.prices)
        if wanted.rows == "accounting":
            billed, only = _billed(settings, wanted.choice, view), wanted.choice.words
            extracts = accounting.book(
                store, view, billed, now, bad_lines=bad_lines, only=only, prices=prices
            )
        else:
            extracts = [_LOGGED[wanted.rows](store, view)]
        if not _put(wanted, form, extracts, view) and not remarks:
            remarks = [nothing(view, store, settings)]
        known = report.build(store.sums(view), view, "model", bad_lines=bad_lines, prices=prices)
        remarks = [*remarks, *left_out(store, view, now), *_unbilled(wanted, form)]
        _say([*remarks, *bad_files, *printout.remarks(known)])
    if bad_files:
        raise typer.Exit(1)


def _store(settings: Settings) -> FileStore:
    return FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir, row_budget=ROWS_HELD)


def _everything(store: FileStore, now: datetime) -> Filter:
    """The days from the first call to the last; today when there are none."""
    found = days_with_calls(store, filters.days(date(1970, 1, 1), date(9000, 1, 1), store.zone))
    today = now.astimezone(store.zone).date()
    first, last = (found[0], found[-1]) if found else (today, today)
    return filters.days(first, last, store.zone)


def _billed(settings: Settings, chosen: Choice, view: Filter) -> billing.Billed | None:
    """What was billed for the chosen models; None where the choice is of what the bill does not know."""
    if chosen.beyond_bill:
        return None
    found = billing.load(BillingFolder(settings.billing_dir), *_bounds(view))
    return _of_models(found, chosen.model)[0]


def _unbilled(wanted: Wanted, form: Form) -> Iterator[str]:
    """That a workbook for the books lacks the bill, and why."""
    if wanted.rows == "accounting" and form is forms.EXCEL and wanted.choice.beyond_bill:
        yield f"--{wanted.choice.beyond_bill[0]}: {accounting.NO_BILL}"


def _bounds(view: Filter) -> tuple[date, date]:
    """First and last day of a view."""
    return view.since.date(), (view.until - timedelta(microseconds=1)).date()


# Anthropic's bill


def _export_bill(settings: Settings, wanted: Wanted, form: Form) -> None:
    if others := wanted.choice.beyond_bill:
        raise UsageError(f"--{others[0]}: Anthropic's bill knows only models; leave it out, or --by bill.")
    if wanted.view and not _whole_days(wanted.view):
        raise UsageError("--by bill: Anthropic bills by the day, in UTC; give days, not hours.")
    snapshots = BillingFolder(settings.billing_dir)
    found = billing.load(snapshots, *(_bounds(wanted.view) if wanted.view else ()))
    if found.empty:
        raise ExportError(f"{settings.billing_dir}: {_NOT_SYNCED}.")
    found, remarks = _of_models(found, wanted.choice.model)
    _put(wanted, form, [bill(found)], filters.days(found.since, found.until, settings.zone))
    _say([*remarks, *_doubts(found)])


def _whole_days(view: Filter) -> bool:
    return view.since.time() == view.since.min.time() and view.until.time() == view.until.min.time()


def _of_models(found: billing.Billed, given: Sequence[str]) -> tuple[billing.Billed, list[str]]:
    """Only rows of the models that are meant, and a remark for each pattern that means none."""
    if not given:
        return found, []
    names = sorted({*found.usage["model"], *found.cost["model"]})
    patterns = [billed_name(one) if one and "*" not in one else one for one in given]
    meant = choice.fitting("model", patterns, names)
    alone = [one for one in patterns if not choice.fitting("model", [one], names)]
    if alone == patterns:
        meant = frozenset(patterns)  # nobody
    return of_models(found, meant), [choice.nobody("model", one, names) for one in alone]


def _doubts(found: billing.Billed) -> Iterator[str]:
    """Which days are not there, and which were not over when they were read."""
    yield from found.problems
    length = (found.until - found.since).days + 1
    missing = length - len(found.days)
    if missing:
        yield f"{plural(missing, 'day')} of {length} not known; callmeter sync reads them."
    still = [day for day in found.days if not (found.usage_days[day].over and found.cost_days[day].over)]
    if still:
        it_was = "it was" if len(still) == 1 else "they were"
        yield f"{plural(len(still), 'day')} read before {it_was} over: {', '.join(map(str, still))}."


# Where to


def _put(wanted: Wanted, form: Form, extracts: Sequence[Extract], view: Filter) -> int:
    """Write the tables to where they are wanted, and say how many rows the first had; that number."""
    tally = [0]
    first = replace(extracts[0], parts=_tallied(extracts[0].parts, tally))
    fill = partial(forms.write, form, [first, *extracts[1:]])
    if wanted.to_stdout:
        _to_stdout(form, fill)
        return tally[0]
    path = wanted.output or Path(file.name(wanted.rows, view, form))
    file.save(path, fill, force=wanted.force)
    print(f"{plural(tally[0], 'row')} written to {path}", file=sys.stderr)
    return tally[0]


def _tallied(parts: Iterable[pa.Table], tally: list[int]) -> Iterator[pa.Table]:
    for part in parts:
        tally[0] += part.num_rows
        yield part


def _to_stdout(form: Form, fill: Callable[[BinaryIO, Path], None]) -> None:
    sys.stdout.flush()
    out = sys.stdout.buffer
    if form.streams:
        fill(out, Path())
    else:
        file.pour(out, fill)
    out.flush()


def _say(remarks: Iterable[str]) -> None:
    for remark in remarks:
        print(remark, file=sys.stderr)
