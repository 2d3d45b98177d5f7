"""An organisation whose every call is known: what its programs logged, and what Anthropic billed for.

    org = Simulation()
    org.work(date(2026, 11, 1), date(2026, 11, 21))     # both sides agree
    org.call("2026-11-03T10:00", logged=False)          # billed, not logged
    found = org.compared(server, folder)

The log is written as the logger writes it, the bill is synced by the real client from a server on loopback.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dashboard.billing import billed
from dashboard.billing.client import AnthropicReports
from dashboard.billing.logged import COLUMNS
from dashboard.billing.reconcile import Reconciliation, reconcile
from dashboard.billing.rules import BillingRules
from dashboard.billing.snapshots import BillingFolder
from dashboard.billing.sync import sync
from dashboard.filters import Filter
from dashboard.store.files import FileStore
from logger.pricing import built_in, price_of
from logger.record import CallRecord, day_file_name, to_line
from tests.admin_api import AdminServer
from tests.billed_org import ADMIN_KEY, BilledCall, ExtraCost, Organisation, moment

NOW = moment("2026-11-22T12:00")
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 21)
MODELS = ("claude-opus-5-5", "claude-haiku-4-5")
_COUNTS = ("tokens_input", "tokens_output", "tokens_cache_read")
_WRITES = ("tokens_cache_write_5m", "tokens_cache_write_1h")
_UTC = ZoneInfo("UTC")


@dataclass
class Simulation:
    """The books, and the lines."""

    org: Organisation = field(default_factory=Organisation)
    lines: list[CallRecord] = field(default_factory=list)
    offset: timedelta = timedelta()
    """Of the zone in which the log is written."""

    def call(
        self,
        text: str,
        *,
        logged: bool = True,
        billed: bool = True,
        billed_at: str | None = None,
        line: dict[str, Any] | None = None,
        **over: Any,
    ) -> BilledCall:
        """One call at a moment of UTC. line: what its line says otherwise than the books; over: of both."""
        call = BilledCall(**{"time": moment(text), **_counts(len(self.lines) + len(self.org.calls)), **over})
        if billed:
            self.org.calls.append(replace(call, time=moment(billed_at or text)))
        if logged:
            self.lines.append(self._line(call, line or {}))
        return call

    def run_over_midnight(self, day: date, model: str) -> None:
        """One line of two calls: an hour of a CLI run about the midnight that ends the day."""
        first = self.call(f"{day}T23:40", model=model, logged=False)
        second = self.call(f"{day + timedelta(days=1)}T00:20", model=model, logged=False)
        both = {name: getattr(first, name) + getattr(second, name) for name in (*_COUNTS, *_WRITES)}
        run = replace(first, time=first.time - timedelta(minutes=10), **both)
        whole = {"source": "cli", "calls": 2, "session_id": f"run-{day}", "duration_seconds": 3600.0}
        self.lines.append(self._line(run, whole))

    def extra(self, text: str, cost_type: str, usd: float) -> None:
        """A cost that no line can tell of."""
        self.org.extras.append(ExtraCost(moment(text), cost_type, usd))

    def work(self, since: date, until: date, calls: int = 4) -> None:
        """So many calls of each model on each day, logged and billed alike."""
        for day in range((until - since).days + 1):
            for number in range(calls):
                for model in MODELS:
                    at = since + timedelta(days=day)
                    self.call(f"{at}T{6 + number * 3:02}:{day:02}", model=model)

    def write(self, folder: Path) -> None:
        """The lines into their days' files."""
        folder.mkdir(parents=True, exist_ok=True)
        files: dict[str, bytes] = {}
        for line in sorted(self.lines, key=lambda one: one.started):
            name = day_file_name(line.timestamp[:10])
            files[name] = files.get(name, b"") + to_line(line)
        for name, text in files.items():
            (folder / name).write_bytes(text)

    def bill(self, server: AdminServer, folder: Path, now: datetime = NOW) -> None:
        """What the server says of the last 30 days, into `folder`."""
        server.org = self.org

        def reports() -> AnthropicReports:
            return AnthropicReports(ADMIN_KEY, base_url=server.url, now=lambda: now)

        done = sync(reports, folder, clock=lambda: now)
        assert done.error is None, done.error

    def compared(
        self,
        server: AdminServer,
        folder: Path,
        since: date = FIRST,
        until: date = LAST,
        rules: BillingRules | None = None,
    ) -> Reconciliation:
        """Log and bill, written, synced, read and compared."""
        self.write(folder)
        self.bill(server, folder / "billing")
        view = Filter(_midnight(since - timedelta(days=1)), _midnight(until + timedelta(days=2)))
        with FileStore(folder, _UTC, cache_dir=folder / "cache") as store:
            store.load(view)
            rows = store.rows(view, columns=COLUMNS)
        bill = billed.load(BillingFolder(folder / "billing"))
        return reconcile(rows, bill, since, until, prices=built_in(), rules=rules or BillingRules(), now=NOW)

    def _line(self, call: BilledCall, differs: dict[str, Any]) -> CallRecord:
        begun = call.time.astimezone(UTC) + self.offset
        said = {name: getattr(call, name) for name in (*_COUNTS, *_WRITES)}
        said |= {"web_searches": call.web_searches, "duration_seconds": 2.0, "success": True}
        said |= {"source": "sdk", "model": call.model, **differs}
        counts = {name: said[name] or 0 for name in (*_COUNTS, *_WRITES)}
        said.setdefault("tokens_total", sum(counts.values()))
        said.setdefault("estimated_cost_usd", usd(replace(call, **counts)))
        stamp = begun.replace(tzinfo=None).isoformat(timespec="microseconds") + _offset(self.offset)
        ids = {"call_id": f"call-{len(self.lines)}"}
        start = call.time.timestamp()
        times = {"start_time": start, "end_time": start + said["duration_seconds"]}
        return CallRecord(timestamp=stamp, **ids, **times, **said)


def usd(call: BilledCall) -> float | None:
    """What the logger takes the call for."""
    counts = {name: getattr(call, name) for name in (*_COUNTS, *_WRITES, "web_searches", "service_tier")}
    return price_of(call.model, at=call.time, **counts)


def tokens(call: BilledCall) -> int:
    """All its tokens."""
    return sum(getattr(call, name) for name in (*_COUNTS, *_WRITES))


def _counts(number: int) -> dict[str, int]:
    """Counts that no other call has, in any sum of a few."""
    return {
        "tokens_input": 1000 + 17 * number * number,
        "tokens_output": 200 + 31 * number,
        "tokens_cache_read": 5000 + 7 * number**3 % 9973,
        "tokens_cache_write_5m": 300 + 13 * number**2 % 887,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _UTC)


def _offset(offset: timedelta) -> str:
    minutes = int(offset.total_seconds() // 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
