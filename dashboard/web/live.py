"""Now: the status line, when to redraw, and telling open pages within a second of a new line."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from ..filters import hour_of
from ..store.base import Store
from . import banner, ids, running
from .banner import Seen
from .running import Running

BREATH = 0.7
"""Seconds between two pushes to one page, so that a flood of lines does not become a flood of redraws."""

LOOK = 0.7
"""Seconds between two looks at the calls in flight, while a page is open: nothing tells of them."""

IDLE = 1.0
"""Seconds after which the thread looks whether it should end, while no page is open."""

HEARTBEAT = 8.0
"""Seconds after which an open page hears that nothing has happened."""

BILL_PACE = 30.0
"""Seconds between two changes of the bill view for new lines' sake: there is much to reckon."""

TOLD = (ids.TICK, ids.RUNNING, ids.ALERTS, ids.MONEY_TICK, ids.BILL_TICK)
"""The components that a page is told of when they change."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def tick(store: Store, now: datetime) -> str:
    """What a page must show: another value means that pictures must be drawn again.

    The hour is part of it, since ranges move on with the hour.
    """
    return f"{store.version}@{hour_of(now.astimezone(store.zone)):%Y-%m-%dT%H%z}"


def pulse(store: Store, now: datetime) -> dict[str, Any]:
    """What the status line is made of. Times in milliseconds of Unix time."""
    health = store.health()
    last = health.last_call
    return {
        "last": int(last.timestamp() * 1000) if last else None,
        "now": int(now.timestamp() * 1000),
        "lines": health.lines,
        "bad": health.bad_lines,
        "loaded": health.days_loaded,
        "days": health.days_total,
        "problem": health.folder_problem,
    }


class Live:
    """One thread that waits for the store on behalf of all open pages, and looks at what no store tells of.

    `look` tells the calls in flight, `money` the open alerts, `bill` the version of Anthropic's numbers; they
    are asked only while a page is open, or when `running`, `money` or `bill` are.
    """

    def __init__(
        self,
        store: Store,
        look: Callable[[], Running] = Running,
        money: Callable[[], Seen] = Seen,
        bill: Callable[[], object] = lambda: None,
    ) -> None:
        self._store = store
        self._look = look
        self._look_at_money = money
        self._look_at_bill = bill
        self._running = Running()
        self._money = Seen()
        self._turn = 0
        self._bill: object = None
        self._bill_turn = 0
        self._bill_lines: tuple[datetime, int] | None = None
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def _run(self) -> None:
        told = (self._store.version, self._running, self._money, self._bill)
        while not self._stopped.is_set():
            version = self._store.wait(told[0], LOOK if self._waiting else IDLE)
            seen = (version, *((self.running(), self.money(), self.bill()) if self._waiting else told[1:]))
            if seen != told:
                told = seen
                self._wake()

    def running(self) -> Running:
        """The calls in flight at this moment, for this and for `told`."""
        self._running = self._look()
        return self._running

    def money(self) -> Seen:
        """The open alerts, and what else moves the money view, at this moment."""
        seen = self._look_at_money()
        if seen != self._money:
            self._money, self._turn = seen, self._turn + 1
        return self._money

    def bill(self) -> object:
        """The version of Anthropic's numbers at this moment."""
        seen = self._look_at_bill()
        if seen != self._bill:
            self._bill, self._bill_turn = seen, self._bill_turn + 1
        return self._bill

    def _wake(self) -> None:
        with self._lock:
            for loop, event in self._waiting:
                with contextlib.suppress(RuntimeError):  # that page's loop has ended
                    loop.call_soon_threadsafe(event.set)

    def _listen(self, event: asyncio.Event) -> tuple[asyncio.AbstractEventLoop, asyncio.Event]:
        place = (asyncio.get_running_loop(), event)
        with self._lock:
            self._waiting.add(place)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="callmeter-live", daemon=True)
                self._thread.start()
        return place

    async def changes(self, heartbeat: float = HEARTBEAT) -> AsyncIterator[int]:
        """The store's version: at once, after each change, and at least every `heartbeat` seconds."""
        event = asyncio.Event()
        place = self._listen(event)
        try:
            while not self._stopped.is_set():
                event.clear()
                yield self._store.version
                await asyncio.sleep(BREATH)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), heartbeat)
        finally:
            with self._lock:
                self._waiting.discard(place)

    async def news(
        self, clock: Callable[[], datetime], heartbeat: float = HEARTBEAT
    ) -> AsyncIterator[dict[str, Any]]:
        """What to tell a page, by component: its pulse, and what else is not as it was told before.

        A tick makes the page ask for all pictures, even when it is the one it has.
        """
        told: dict[str, Any] = {}
        self.running()
        self.money()
        self.bill()
        async for _ in self.changes(heartbeat):
            now = clock()
            fresh = self.fresh(now)
            other = {name: data for name, data in fresh.items() if name not in told or told[name] != data}
            yield {ids.PULSE: pulse(self._store, now), **other}
            told = fresh

    def fresh(self, now: datetime) -> dict[str, Any]:
        """What a page must know, by component in the order of `TOLD`; in flight and open as last seen."""
        flying, alerts = running.told(self._running, self._store.zone), banner.told(self._money.alerts)
        ticks = tick(self._store, now), flying, alerts, self._money_tick(now), self._bill_tick(now)
        return dict(zip(TOLD, ticks, strict=True))

    def _money_tick(self, now: datetime) -> str:
        """The minute is part of it, since run-out and projections move on with the clock."""
        return f"{self._store.version}.{self._turn}@{now.astimezone(UTC):%Y-%m-%dT%H:%M}"

    def _bill_tick(self, now: datetime) -> str:
        """The minute is part of it, since it says how long ago the bill was read."""
        last = self._bill_lines
        if last is None or abs((now - last[0]).total_seconds()) >= BILL_PACE:
            last = self._bill_lines = (now, self._store.version)
        return f"{last[1]}.{self._bill_turn}@{now.astimezone(UTC):%Y-%m-%dT%H:%M}"

    def stop(self) -> None:
        """Let the waiting thread end."""
        self._stopped.set()
