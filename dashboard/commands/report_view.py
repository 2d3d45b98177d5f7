"""`callmeter report VIEW`: one view of the log, or of Anthropic's numbers, as text, JSON or CSV."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..errors import UsageError
from ..numbers import plural
from . import choice, folder
from .nothing import nothing
from .price_file import table

if TYPE_CHECKING:
    from ..billing.billed import Billed
    from ..filters import Filter
    from ..money.alerts import Alert
    from ..money.budgets import Standing
    from ..settings import Settings
    from ..sheets import Answer
    from ..store.files import FileStore
    from ..views import Asked, View
    from .choice import Choice

_BEFORE = timedelta(days=7)
"""What is read before the period, for averages."""


def run(
    settings: Settings,
    name: str,
    range_: Filter,
    picked: Choice,
    by: str | None,
    form: str,
    now: datetime,
    *,
    billed: bool = False,
) -> None:
    """Make the view and print it as "text", "json" or "csv". Raises CallmeterError; Exit when files are
    unreadable.
    """
    from ..report import period
    from ..store.files import FileStore
    from ..views.all import view

    what = view(name)
    _check(what, picked, by, billed=billed)
    folder.usable(settings.log_dir, may_be_missing=billed)
    bill = _bill(settings, billed=billed)
    with FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir) as store:
        _load(store, what, range_)
        chosen, remarks = _chosen(store, range_, picked, bill if billed else None)
        asked = _asked(store, settings, what, chosen, now, by, bill, billed=billed)
        files, bad = ([], 0) if billed else folder.problems(store, range_)
        answer = what.build(asked)
        remarks += [f"Not counted: {plural(bad, 'bad line')}: callmeter check."] if bad else []
        none = _nothing(asked, what, store, settings)
    facts = {"view": name, **answer.facts, "bad_lines": bad}
    answer = replace(answer, facts=facts, remarks=(*remarks, *none, *answer.remarks))
    if none and form == "text" and not what.whole and bill is None:
        answer = replace(answer, sheets=(), remarks=(*remarks, *none))
    printed(answer, form, "" if what.money or not answer.sheets else period(chosen))
    for sentence in files:
        print(sentence, file=sys.stderr)
    if files:
        raise typer.Exit(1)


def _check(what: View, picked: Choice, by: str | None, *, billed: bool) -> None:
    """Raise UsageError for flags that this view has no use for."""
    if by is not None and not what.grouped:
        raise UsageError(f"--by: callmeter report {what.name} says itself what its rows are.")
    if not billed:
        return
    if not what.has_bill:
        raise UsageError(f"--billed: Anthropic's reports say nothing of {what.name}.")
    if replace(picked, model=()) != choice.Choice():
        raise UsageError("--billed: Anthropic's reports know models, but no projects, tasks or workers.")


def _bill(settings: Settings, *, billed: bool) -> Billed | None:
    """Anthropic's numbers of all days; None without any. Beside the logged ones only of the workspaces and
    keys that the log is compared with. Raises UsageError when they are asked for and not there.
    """
    from ..billing import billed as bills
    from ..billing import rules
    from ..billing.snapshots import BillingFolder

    found = bills.load(BillingFolder(settings.billing_dir)) if settings.billing_dir.is_dir() else None
    if found is not None and not found.empty:
        known = rules.read(settings.file)
        both = frozenset(known.workspaces), frozenset(known.api_keys)
        return found if billed else found.narrowed(*both)
    if billed:
        raise UsageError(
            f"Nothing of Anthropic's numbers is in {settings.billing_dir} yet: callmeter sync reads them."
        )
    return None


def _load(store: FileStore, what: View, range_: Filter) -> None:
    if what.whole:
        store.load()
    else:
        store.load(replace(range_, since=range_.since - _BEFORE))


def _chosen(
    store: FileStore, range_: Filter, picked: Choice, billed: Billed | None
) -> tuple[Filter, list[str]]:
    """The period with the names that are meant: of the log, or of the models billed."""
    if billed is None:
        return choice.narrowed(store, range_, picked)
    if not picked.model:
        return range_, []
    from ..money.scope import Scope

    scope = Scope(model=picked.model)
    every = {*billed.usage["model"], *billed.cost["model"]} - {""}
    meant = {model for model in every if scope.holds("model", model)}
    missing = [] if meant else [f"No model that was billed is called {' or '.join(picked.model)}."]
    return replace(range_, models=frozenset(meant or picked.model)), missing


def _asked(
    store: FileStore,
    settings: Settings,
    what: View,
    view: Filter,
    now: datetime,
    by: str | None,
    bill: Billed | None,
    *,
    billed: bool,
) -> Asked:
    from logger.pricing import built_in

    from ..views import Asked

    standings, opened = _money(store, settings, now) if what.money else ((), ())
    return Asked(
        store=store,
        view=view,
        now=now,
        prices=table(settings.prices) or built_in(),
        by=by or "model",
        billed=bill,
        only_billed=billed,
        standings=standings,
        opened=opened,
    )


def _money(
    store: FileStore, settings: Settings, now: datetime
) -> tuple[tuple[Standing, ...], tuple[Alert, ...]]:
    """How the budgets stand, and which alerts are open, with the numbers of now."""
    from ..money import rules, standings
    from ..money.alert_log import AlertLog
    from ..money.desk import Desk

    budgets = rules.read(settings.file, os.environ).budgets if settings.file else ()
    if budgets:
        store.load(standings.view(budgets, now, settings.zone))
    stand = standings.look(store, budgets, now)
    if not AlertLog(settings.alerts_dir).open():
        return stand, ()
    store.load()
    return stand, Desk(store, settings, os.environ, Path.home()).open_alerts(now).alerts


def _nothing(asked: Asked, what: View, store: FileStore, settings: Settings) -> list[str]:
    """That the log has no calls in the period, where the view is about them."""
    if asked.only_billed or what.money or store.sums(asked.view)["lines"].sum():
        return []
    return [nothing(asked.view, store, settings)]


def printed(answer: Answer, form: str, title: str = "") -> None:
    """Print an answer as "text" (below a title), "json" or "csv". What must be known with it: after the
    tables, in the document, or for CSV on stderr.
    """
    from ..sheets import data

    if form == "json":
        data.write_json(answer, sys.stdout)
    elif form == "csv":
        data.write_csv(answer, sys.stdout)
        for remark in answer.remarks:
            print(remark, file=sys.stderr)
    else:
        _as_text(answer, title)


def _as_text(answer: Answer, title: str) -> None:
    from .. import printout
    from ..sheets import text

    console = printout.Terminal(highlight=False, emoji=False)
    if title:
        console.print(title, style="dim", soft_wrap=True)
    text.show(answer, console)
    if answer.remarks and answer.sheets:
        console.print()
    for remark in answer.remarks:
        console.print(text.printable(remark), style="dim", soft_wrap=True, markup=False)
