"""`callmeter balance`: what is left of prepaid credit, until when, and the ledger it is reckoned from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from . import balance_typed, balance_words, folder, options
from .balance_data import Found
from .words import alone

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from ..money.credit import Balance, CreditRules
    from ..money.forecast import RunOut
    from ..money.ledger import Entry, Ledger
    from ..settings import Settings
    from ..store.files import FileStore

Id = Annotated[str, typer.Argument(metavar="ID", help="As callmeter balance history shows it.")]
Usd = Annotated[str, typer.Argument(metavar="USD", help="An amount such as 1000 or 15.50.")]


def balance(
    context: typer.Context,
    json: options.Json = False,
    backtest: Annotated[
        bool, typer.Option("--backtest", help="How well the forecast would have done on your own past.")
    ] = False,
    log_dir: options.LogDir = None,
    timezone: options.TimeZone = None,
) -> None:
    """Print what is left of prepaid credit and about when it runs out.

    Credit is entered by hand, for there is no API for it: what was granted, and now and then what the
    Console shows. In between what was logged is taken off.

    \b
    Examples:
      callmeter balance grant 1000 --label promo --expires 2026-12-31
      callmeter balance read 876
      callmeter balance
      callmeter balance history
    """
    if alone(context):
        settings, now = options.settings(log_dir=log_dir, timezone=timezone), datetime.now(UTC)
        if backtest:
            test(settings, now, as_json=json)
        else:
            run(settings, now, as_json=json)


def run(settings: Settings, now: datetime, *, as_json: bool) -> None:
    """Reckon the balance and print it. Raises CallmeterError."""
    ledger = _ledger(settings)
    entries = ledger.entries()
    if entries or as_json:
        found = look(settings, entries, now)
        missing = found.missing if found else ()
        balance_words.show(found, now.astimezone(settings.zone), as_json=as_json)
    else:
        missing = ()
        print(balance_words.nothing(ledger.path), file=sys.stderr)
    _end(ledger, missing)


def look(settings: Settings, entries: Sequence[Entry], now: datetime) -> Found | None:
    """Credit as it stands; None for an empty ledger. Raises CallmeterError."""
    from ..money import position

    rules = _rules(settings)
    if not entries:
        return None
    with _store(settings, entries, now) as (store, missing):
        daily, held = position.held(store, rules.scope, entries, now)
        return None if held is None else _found(held, daily, rules, missing)


def _found(
    held: tuple[Balance, RunOut], daily: pd.Series[float], rules: CreditRules, missing: Sequence[str]
) -> Found:
    from ..money import credit, forecast

    status, why = credit.status(*held, rules)
    days = forecast.days_known(daily, held[0].at.date())
    return Found(*held, status, why, days, tuple(missing))


def grant(
    amount: Usd,
    label: Annotated[str, typer.Option(metavar="TEXT", help="What to call it.")] = "",
    expires: Annotated[
        str | None, typer.Option(metavar="DAY", help="The last day it can be used: 2026-12-31.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help='When it was given: 2026-11-22, or "2026-11-22 14:30". [default: now]',
            show_default=False,
        ),
    ] = None,
    log_dir: options.LogDir = None,
    timezone: options.TimeZone = None,
) -> None:
    """Enter credit that was given or bought.

    \b
    Examples:
      callmeter balance grant 1000 --label promo --expires 2026-12-31
      callmeter balance grant 50 --at 2026-11-03
    """
    settings, now = options.settings(log_dir=log_dir, timezone=timezone), datetime.now(UTC)
    moment = balance_typed.moment(at, now, settings.zone, "--at") if at else now.astimezone(settings.zone)
    last_day = balance_typed.day(expires, now, settings.zone, "--expires") if expires else None
    ledger = _ledger(settings)
    if at and not balance_typed.has_time(at):
        balance_words.by_its_day(moment, ledger.entries(), settings.zone)
    entry = ledger.grant(moment, balance_typed.amount(amount), label=label.strip(), expires=last_day)
    _tell(settings, ledger, now, lambda found: balance_words.granted(entry, found, settings.zone))


def read(
    amount: Usd,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help='When it showed it: "2026-11-22 14:30". [default: now]', show_default=False
        ),
    ] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Anything worth keeping with it.")] = "",
    log_dir: options.LogDir = None,
    timezone: options.TimeZone = None,
) -> None:
    """Enter the balance that the Console shows, and print how far it is from what was reckoned.

    \b
    Examples:
      callmeter balance read 876
      callmeter balance read 412.50 --at "2026-11-22 14:30"
    """
    settings, now = options.settings(log_dir=log_dir, timezone=timezone), datetime.now(UTC)
    moment = now.astimezone(settings.zone)
    if at:
        moment = balance_typed.moment(at, now, settings.zone, "--at", to_the_minute=True)
    ledger = _ledger(settings)
    entry = ledger.read(moment, balance_typed.amount(amount), note=note.strip())
    _tell(settings, ledger, now, lambda found: balance_words.was_read(entry, found))


def history(
    json: options.Json = False, log_dir: options.LogDir = None, timezone: options.TimeZone = None
) -> None:
    """List the grants and readings with their ids, and at each reading how far it was from the log.

    \b
    Examples:
      callmeter balance history
      callmeter balance history --json
    """
    settings, now = options.settings(log_dir=log_dir, timezone=timezone), datetime.now(UTC)
    ledger = _ledger(settings)
    entries = ledger.entries()
    found = look(settings, entries, now)
    if entries or json:
        balance_words.show_history(entries, found, settings.zone, as_json=json)
    else:
        print(balance_words.nothing(ledger.path), file=sys.stderr)
    _end(ledger, found.missing if found else ())


def undo(entry: Id, log_dir: options.LogDir = None, timezone: options.TimeZone = None) -> None:
    """Take back a grant or a reading that was a slip. Its line stays; a further one says it counts no more.

    \b
    Examples:
      callmeter balance undo 3f9c1e
    """
    settings, now = options.settings(log_dir=log_dir, timezone=timezone), datetime.now(UTC)
    ledger = _ledger(settings)
    gone = ledger.take_back(now.astimezone(settings.zone), entry)
    _tell(settings, ledger, now, lambda found: balance_words.taken_back(gone, found, settings.zone))


WORDS = (grant, read, history, undo)
"""`callmeter balance grant`, `read`, `history`, `undo`."""


def test(settings: Settings, now: datetime, *, as_json: bool) -> None:
    """Print how the forecast would have done on the days of the log. Raises CallmeterError."""
    from ..filters import days
    from ..money.backtest import backtest
    from ..money.spending import daily
    from ..store.files import FileStore

    rules, today = _rules(settings), now.astimezone(settings.zone).date()
    folder.usable(settings.log_dir)
    with FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir) as store:
        store.load()
        ever = days(today - timedelta(days=3660), today, settings.zone)
        sums = rules.scope.chosen(store.sums(ever, tasks=rules.scope.by_task))
        costly = sums["hour"][sums["cost_usd"] > 0]
        first = costly.iloc[0].date() if len(costly) else today
        balance_words.show_backtest(backtest(daily(sums, first, today)), as_json=as_json)


def _ledger(settings: Settings) -> Ledger:
    from ..money.ledger import Ledger

    return Ledger(settings.credit_dir)


def _rules(settings: Settings) -> CreditRules:
    from ..money import rules

    return rules.read(settings.file, os.environ).credit


@contextmanager
def _store(
    settings: Settings, entries: Sequence[Entry], now: datetime
) -> Iterator[tuple[FileStore, list[str]]]:
    """The store with the days that credit is reckoned from, and a sentence for each file that is missing."""
    from ..filters import days
    from ..money.position import HISTORY
    from ..store.files import FileStore

    folder.usable(settings.log_dir, may_be_missing=True)
    today = now.astimezone(settings.zone).date()
    first = min(today - HISTORY, min(entry.at for entry in entries).astimezone(settings.zone).date())
    view = days(first, today, settings.zone)
    with FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir) as store:
        store.load(view)
        yield store, folder.problems(store, view)[0]


def _tell(
    settings: Settings,
    ledger: Ledger,
    now: datetime,
    words: Callable[[Found | None], list[str]],
) -> None:
    """Print what was entered and what it makes of the balance."""
    found = look(settings, ledger.entries(), max(now, datetime.now(UTC)))
    for sentence in words(found):
        print(sentence)
    _end(ledger, found.missing if found else ())


def _end(ledger: Ledger, missing: Sequence[str]) -> None:
    """Say what is missing of the numbers; files that could not be read are an error."""
    for sentence in (*ledger.problems(), *missing):
        print(sentence, file=sys.stderr)
    if missing:
        raise typer.Exit(1)
