"""What a run of the bench stands on: a temporary folder, histories of any size, fresh processes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from .generate import file_name, line, write

ROOT = Path(__file__).parent.parent.parent
PER_DAY = 10_000
"""Lines a day in every history: 1 M lines are 100 days."""

SAMPLE = 100_000
"""Lines on which the original's way is measured; what it needs for more is extrapolated."""

_SPARE = 3.0
"""Free bytes that must be there per byte of logs: logs, cache, and room to breathe."""

_LINE = 660
_ZONES = (
    "Pacific/Auckland",
    "Australia/Sydney",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Asia/Bangkok",
    "Asia/Dhaka",
    "Asia/Karachi",
    "Asia/Dubai",
    "Europe/Moscow",
    "Europe/Athens",
    "Europe/Berlin",
    "Europe/London",
    "Atlantic/Azores",
    "America/Nuuk",
    "America/Sao_Paulo",
    "America/Halifax",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
    "Pacific/Pago_Pago",
)


def evening(now: datetime) -> ZoneInfo:
    """A zone in which it is between 20 and 22 o'clock.

    So every run sees a nearly full day and no midnight, whatever the hour it is started at.
    """
    return next(zone for zone in map(ZoneInfo, _ZONES) if 20 <= now.astimezone(zone).hour < 22)


@dataclass(frozen=True, slots=True)
class Ground:
    """`lines` is the largest history of the run; `quick` says that the run should take less than a minute."""

    folder: Path
    lines: int
    zone: ZoneInfo
    quick: bool = False
    per_day: int = PER_DAY

    @property
    def sizes(self) -> list[int]:
        """The histories of the growth table, smallest first."""
        return [n for n in (10_000, 100_000, 1_000_000, 10_000_000) if n < self.lines] + [self.lines]

    def days(self, lines: int) -> int:
        """How many days so many lines fill."""
        return -(-lines // self.per_day)

    def room(self, free: int) -> str | None:
        """Why the histories do not fit into `free` bytes; None when they do."""
        needed = int(sum({*self.sizes, min(self.lines, 300_000)}) * _LINE * _SPARE)
        if needed <= free:
            return None
        return f"{needed / 1e9:.1f} GB are needed in {self.folder} and {free / 1e9:.1f} GB are free"

    def history(self, lines: int) -> Path:
        """The folder with so many lines, up to now; written when first asked for."""
        folder = self.folder / f"logs-{lines}"
        if not folder.exists():
            now = datetime.now(self.zone)
            days = self.days(lines)
            write(folder, lines, days, last=now.date(), zone=self.zone.key, until=now)
        return folder

    def cache(self, lines: int) -> Path:
        """Where what is cached of the history of so many lines is kept."""
        return self.folder / f"cache-{lines}"

    def warm(self, lines: int) -> Path:
        """The history with all its days cached, as after any earlier run of the server."""
        folder = self.history(lines)
        if not self.cache(lines).exists():
            self.child("decoding", "load", **self.place(lines))
        return folder

    def place(self, lines: int) -> dict[str, str]:
        """What a fresh process must be told to read a history."""
        return {
            "folder": str(self.history(lines)),
            "cache": str(self.cache(lines)),
            "zone": str(self.zone.key),
        }

    def append(self, lines: int) -> None:
        """One more line in the history of so many lines: a call that was made just now."""
        add(self.history(lines), self.zone)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of fresh processes: ours, without settings of callmeter that stand in it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLMETER_")}
        path = os.pathsep.join(filter(None, (str(ROOT), kept.get("PYTHONPATH"))))
        own = {"TZ": str(self.zone.key), "XDG_CONFIG_HOME": str(self.folder), "PYTHONPATH": path}
        return kept | own

    def child(self, module: str, function: str, **given: Any) -> dict[str, Any]:
        """What a function of a module of this package answers in a fresh process."""
        words = [sys.executable, "-m", "tests.bench.child", module, function, json.dumps(given)]
        done = subprocess.run(
            words, cwd=self.folder, env=self.environ, stdout=subprocess.PIPE, check=True, text=True
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


def here(folder: Path, *, lines: int, quick: bool, now: datetime | None = None) -> Ground:
    """The ground of a run that is started now."""
    return Ground(folder, lines, evening(now or datetime.now(UTC)), quick)


def newest(folder: Path, count: int) -> list[Path]:
    """The files of the newest `count` days, oldest first."""
    return sorted(folder.glob("*.jsonl"))[-count:]


def add(folder: Path, zone: ZoneInfo) -> int:
    """Write one call that was made just now into its day's file; the monotonic nanoseconds before that."""
    now = datetime.now(zone)
    rng = random.Random(now.isoformat())
    text = line(now, f"gh-{rng.randrange(1_000_000):06d}", f"{rng.getrandbits(64):016x}", rng).encode()
    descriptor = os.open(folder / file_name(now.date()), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        began = time.monotonic_ns()
        os.write(descriptor, text)
    finally:
        os.close(descriptor)
    return began
