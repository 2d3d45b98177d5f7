"""`callmeter alerts`: what is wrong now, what was, and whether the channels deliver."""

from __future__ import annotations

import json as json_
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CallmeterError, UsageError
from . import folder, options

if TYPE_CHECKING:
    from ..money.alert_log import AlertLog
    from ..money.alerts import Alert
    from ..money.desk import Desk
    from ..money.notify import Address, Delivery
    from ..settings import Settings

WAIT = 60.0
"""Seconds that `--once` and `--test` wait for deliveries; the last one begins early enough to end in it."""


def alerts(
    once: Annotated[
        bool, typer.Option("--once", help="Look now, deliver what is new, and end: for cron.")
    ] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Send a test message to every channel; exit with 1 if one fails.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, max=10_000, metavar="NUMBER", help="Of the recent ones.")] = 20,
    json: options.Json = False,
    log_dir: options.LogDir = None,
    timezone: options.TimeZone = None,
) -> None:
    """Print the alerts that are open, the recent ones, and how deliveries go.

    Alerts are looked for by callmeter serve whenever data changes, and by --once. Where they are sent
    stands in callmeter.toml, or in CALLMETER_ALERTS_TO.

    \b
    Examples:
      callmeter alerts
      callmeter alerts --test
      callmeter alerts --once
    """
    if once and test:
        raise UsageError("--once and --test: give one of them.")
    settings = options.settings(log_dir=log_dir, timezone=timezone)
    if test:
        _try_channels(_delivery(settings), json=json)
    elif once:
        _look_once(settings, limit, json=json)
    else:
        _show(settings, limit, json=json)


def _delivery(settings: Settings) -> Delivery:
    from ..money import rules

    return rules.read(settings.file, os.environ).delivery


# --once


def _look_once(settings: Settings, limit: int, *, json: bool) -> None:
    from ..money.desk import Desk
    from ..store.files import FileStore

    folder.usable(settings.log_dir)
    delivery = _delivery(settings)
    with FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir) as store:
        store.load()
        desk = Desk(store, settings, os.environ, Path.home())
        found, doubts = desk.note(_now()), desk.doubts(_now())
        opened = desk.open_alerts(_now()).alerts
    wrong = deliver(desk, delivery.addresses, WAIT)
    if json:
        new = {"announced": [_alert(alert) for alert in found.announced]}
        print(json_.dumps(new | as_json(desk.alerts, opened, delivery, limit), indent=2, ensure_ascii=False))
    for alert in () if json else found.announced:
        print(f"{alert.condition.severity}: {alert.condition.sentence}")
    for said in (*doubts, *_troubles(desk.alerts, delivery, wrong)):
        print(said, file=sys.stderr)
    if doubts or any(desk.alerts.pending(address, _now()) for address in delivery.addresses):
        raise typer.Exit(1)


def deliver(desk: Desk, addresses: Sequence[Address], seconds: float) -> dict[str, str]:
    """Deliver what is pending, all channels at once; what is not done in time is left to the next one.

    Returns what is wrong with addresses that cannot be used, by name.
    """
    from ..money.channel import SECONDS
    from ..money.courier import Round

    clock = partial(datetime.now, desk.store.zone)
    until = time.monotonic() + max(0.0, seconds - SECONDS)
    rounds = [Round(desk.alerts, address, desk.message) for address in addresses]
    _all_at_once([partial(one.deliver, clock, lambda: time.monotonic() > until) for one in rounds], seconds)
    return {one.address.name: one.problem for one in rounds if one.problem}


def _now() -> datetime:
    return datetime.now(UTC)


def _all_at_once(jobs: Sequence[Callable[[], object]], seconds: float) -> None:
    """Do these at the same time, and wait so long for all of them. A failure is said on stderr."""

    def done(job: Callable[[], object]) -> None:
        try:
            job()
        except CallmeterError as error:
            print(error, file=sys.stderr)

    threads = [threading.Thread(target=done, args=(job,), daemon=True) for job in jobs]
    until = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


# --test


def _try_channels(delivery: Delivery, *, json: bool) -> None:
    if not delivery.addresses:
        raise UsageError(_NOWHERE)
    outcome = tried(delivery.addresses, WAIT)
    if json:
        said = [{"channel": name, "delivered": not why, "reason": why or None} for name, why in outcome]
        print(json_.dumps(said, indent=2, ensure_ascii=False))
    else:
        for name, why in outcome:
            print(f"{name}: {f'failed, {why}' if why else 'delivered'}")
    if any(why for _, why in outcome):
        raise typer.Exit(1)


def tried(addresses: Sequence[Address], seconds: float) -> list[tuple[str, str]]:
    """A test message to each: (name of the channel, why it failed or "")."""
    from ..money.channel import ChannelError, open_channel
    from ..money.message import trial

    outcome = {address.name: f"no answer within {seconds:.0f} s" for address in addresses}

    def one(address: Address) -> None:
        try:
            outcome[address.name] = open_channel(address).send(trial(socket.gethostname()))
        except ChannelError as error:
            outcome[address.name] = str(error)

    _all_at_once([partial(one, address) for address in addresses], seconds)
    return list(outcome.items())


_NOWHERE = (
    'No address is set: write [alerts] and below it to = ["ntfy://ntfy.sh/my-topic"] into callmeter.toml,'
    " or set CALLMETER_ALERTS_TO."
)


# What there is


def _show(settings: Settings, limit: int, *, json: bool) -> None:
    from ..money.alert_log import AlertLog

    log, delivery = AlertLog(settings.alerts_dir), _delivery(settings)
    opened = _open_now(settings) if log.open() else ()
    if json:
        print(json_.dumps(as_json(log, opened, delivery, limit), indent=2, ensure_ascii=False))
    else:
        for line in lines(log, opened, delivery, limit, _now().astimezone(settings.zone)):
            print(line)
    for said in (*log.problems(), *_troubles(log, delivery)):
        print(said, file=sys.stderr)


def _open_now(settings: Settings) -> tuple[Alert, ...]:
    """The open alerts with the numbers of now."""
    from ..money.desk import Desk
    from ..store.files import FileStore

    with FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir) as store:
        store.load()
        return Desk(store, settings, os.environ, Path.home()).open_alerts(_now()).alerts


def lines(
    log: AlertLog, opened: Sequence[Alert], delivery: Delivery, limit: int, here: datetime
) -> list[str]:
    """What is open, what was, and the channels, as a terminal shows it."""
    told = [f"Open ({len(opened)}):" if opened else "No alert is open."]
    told += [f"  since {_line(alert, here)}" for alert in opened]
    recent = log.history(limit)
    told += ["", "Recent:", *(f"  {_line(alert, here)}" for alert in recent)] if recent else []
    channels = [f"  {_channel(log, address, here)}" for address in delivery.addresses]
    return [*told, "", "Channels:", *channels] if channels else [*told, "", _NOWHERE]


def _line(alert: Alert, here: datetime) -> str:
    condition = alert.condition
    ended = f" (over since {_when(alert.cleared, here)})" if alert.cleared else ""
    return f"{_when(alert.raised, here)}  {condition.severity:<8}  {condition.sentence}{ended}"


def _when(moment: datetime, here: datetime) -> str:
    return f"{moment.astimezone(here.tzinfo):%Y-%m-%d %H:%M}"


def _channel(log: AlertLog, address: Address, here: datetime) -> str:
    from ..numbers import plural

    record = log.record(address)
    waiting = len(log.pending(address, here))
    last = f"last delivered {_when(record.last, here)}" if record.last else "nothing delivered yet"
    due = f"; {plural(waiting, 'alert')} waiting" if waiting else ""
    return f"{address.name}: {last}{due}"


def _troubles(log: AlertLog, delivery: Delivery, wrong: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each channel that does not deliver, and for what was given up.

    wrong: what is known to be wrong, by name of the channel.
    """
    from ..money.courier import trouble
    from ..numbers import plural

    told = []
    for address in delivery.addresses:
        name = address.name
        told += [said for said in ((wrong or {}).get(name) or trouble(log.record(address), name),) if said]
        lost = log.given_up(address, _now())
        told += [f"{name} never confirmed {plural(lost, 'alert')} of this week."] if lost else []
    return told


def as_json(log: AlertLog, opened: Sequence[Alert], delivery: Delivery, limit: int) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "open": [_alert(alert) for alert in opened],
        "recent": [_alert(alert) for alert in log.history(limit)],
        "channels": [_record(log, address) for address in delivery.addresses],
    }


def _alert(alert: Alert) -> dict[str, Any]:
    condition = alert.condition
    return {
        "id": alert.id,
        "rule": condition.rule,
        "period": condition.period,
        "level": condition.level,
        "severity": condition.severity,
        "sentence": condition.sentence,
        "raised": alert.raised.isoformat(),
        "cleared": _iso(alert.cleared),
    }


def _record(log: AlertLog, address: Address) -> dict[str, Any]:
    record = log.record(address)
    return {
        "channel": address.name,
        "last_delivered": _iso(record.last),
        "waiting": len(log.pending(address, _now())),
        "failures": record.failures,
        "failing_since": _iso(record.since),
        "reason": record.reason or None,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
