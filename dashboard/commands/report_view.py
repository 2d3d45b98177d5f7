"""`callmeter report VIEW`: one view of the log, or of Anthropic's numbers, as text, JSON or CSV."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..errors import UsageError
from ..numbers import plural
from ..sheets import Answer
from . import choice, folder
from .ahead import left_out
from .nothing import nothing
from .price_file import table
from .remarks import tell

if TYPE_CHECKING:
    from ..billing.billed import Billed
    from ..filters import Filter
    from ..money.alerts import Alert
    from ..money.budgets import Standing
    from ..settings import Settings
    from ..store.files import FileStore
    from ..views import Asked, View
    from .choice import Choice

_BEFORE = timedelta(days=7)
"""What is read before the period, for averages."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the words of the command ask for."""

    settings: Settings
    what: View
    range_: Filter
    picked: Choice
    by: str | None
    now: datetime
    billed: bool
    limit: int | None

    @property
    def read(self) -> Filter | None:
        """The days whose lines are in the answer; None for all days."""
        return None if self.what.whole else self.range_


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
    limit: int | None = None,
) -> None:
    """Make the view and print it as "text", "json" or "csv". Raises CallmeterError; Exit when files are
    unreadable.
    """
    from ..store.files import FileStore
    from ..views.all import view

    request = Request(settings, view(name), range_, picked, by, now, billed, limit)
    _check(request)
    folder.usable(settings.log_dir, may_be_missing=billed)
    with FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir) as store:
        _load(store, request)
        answer, title = _answer(store, request, form)
        files = [] if billed else folder.problems(store, request.read)[0]
    printed(answer, form, title)
    tell(files)
    if files:
        raise typer.Exit(1)


def _check(request: Request) -> None:
    """Raise UsageError for flags that this view has no use for."""
    what = request.what
    if request.by is not None and not what.grouped:
        raise UsageError(f"--by: callmeter report {what.name} says itself what its rows are.")
    if request.limit is not None and (request.billed or not what.limited):
        raise UsageError(f"--limit: callmeter report {_said(request)} lists all there is; {_limited()}.")
    if not request.billed:
        return
    if not what.has_bill:
        raise UsageError(f"--billed: Anthropic's reports say nothing of {what.name}; {_of_the_bill()}.")
    if replace(request.picked, model=()) != choice.Choice():
        raise UsageError("--billed: Anthropic's reports know models, but no projects, tasks or workers.")


def _of_the_bill() -> str:
    """Which views can be made of Anthropic's numbers, in words."""
    from ..views.all import VIEWS

    *most, last = [one.name for one in VIEWS if one.has_bill]
    return f"they tell of {', '.join(most)} and {last}"


def _said(request: Request) -> str:
    return f"{request.what.name} --billed" if request.billed else request.what.name


def _limited() -> str:
    """Which views list the first of many, in words."""
    from ..views.all import VIEWS

    return f"it is for {' and '.join(one.name for one in VIEWS if one.limited)}"


def _load(store: FileStore, request: Request) -> None:
    if request.what.whole:
        store.load()
    else:
        store.load(replace(request.range_, since=request.range_.since - _BEFORE))


def _answer(store: FileStore, request: Request, form: str) -> tuple[Answer, str]:
    """The answer with what must be known of it, and its title."""
    from ..report import period

    what = request.what
    bill, of_bill = _bill(request)
    view, remarks = _chosen(store, request, bill)
    asked = replace(_asked(store, request, view, bill), of_bill=of_bill)
    answer = what.build(asked)
    bad = 0 if request.billed else folder.problems(store, request.read)[1]
    remarks += [f"Not counted: {plural(bad, 'bad line')}: callmeter check."] if bad else []
    if not (what.whole or what.money or request.billed):
        remarks += left_out(store, view, request.now)
    none = _nothing(asked, what, store, request.settings)
    facts = {"view": what.name, **answer.facts, "bad_lines": bad}
    if none and form == "text" and not what.whole and bill is None:
        return Answer((), facts, (*remarks, *none)), ""
    said = (*remarks, *none, *answer.remarks)
    return replace(answer, facts=facts, remarks=said), "" if what.money else period(view)


def _bill(request: Request) -> tuple[Billed | None, tuple[str, ...]]:
    """Anthropic's numbers of all days, and whose they are; None without any. Beside the logged ones only of
    the workspaces and keys that the log is compared with. Raises UsageError when they are asked for and not
    there.
    """
    from ..billing import billed as bills
    from ..billing import rules
    from ..billing.snapshots import BillingFolder
    from ..views.bill import narrowed

    where = request.settings.billing_dir
    found = bills.load(BillingFolder(where)) if where.is_dir() else None
    if found is not None and not found.empty:
        if request.billed:
            return found, ()
        return narrowed(found, rules.read(request.settings.file))
    if request.billed:
        raise UsageError(f"Nothing of Anthropic's numbers is in {where} yet: callmeter sync reads them.")
    return None, ()


def _chosen(store: FileStore, request: Request, bill: Billed | None) -> tuple[Filter, list[str]]:
    """The period with the names that are meant: of the log, or of the models billed."""
    range_, patterns = request.range_, request.picked.model
    if not request.billed or bill is None:
        return choice.narrowed(store, range_, request.picked)
    if not patterns:
        return range_, []
    from ..money.scope import Scope

    scope = Scope(model=patterns)
    every = {*bill.usage["model"], *bill.cost["model"]} - {""}
    meant = {model for model in every if scope.holds("model", model)}
    missing = [] if meant else [f"No model that was billed is called {' or '.join(patterns)}."]
    return replace(range_, models=frozenset(meant or patterns)), missing


def _asked(store: FileStore, request: Request, view: Filter, bill: Billed | None) -> Asked:
    from logger.pricing import built_in

    from ..views import MOST, Asked

    settings, now = request.settings, request.now
    standings, opened = _money(store, settings, now) if request.what.money else ((), ())
    return Asked(
        store=store,
        view=view,
        now=now,
        prices=table(settings.prices) or built_in(),
        by=request.by or "model",
        billed=bill,
        most=request.limit or MOST,
        only_billed=request.billed,
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
        tell(answer.remarks)
    else:
        _as_text(answer, title)


def _as_text(answer: Answer, title: str) -> None:
    from .. import printout
    from ..sheets import text

    console = printout.Terminal(highlight=False, emoji=False)
    if title:
        text.say(title, console, style="dim")
    text.show(answer, console)
    if answer.remarks and answer.sheets:
        console.print()
    for remark in answer.remarks:
        text.say(remark, console, style="dim")
