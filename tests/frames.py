"""Frames made by hand, and a store that holds them: what a face of the numbers is tested with."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from dashboard.filters import Filter, hour_of
from dashboard.store.base import MEASURES, ROW_COLUMNS, SUM_FACETS, Health

UTC = ZoneInfo("UTC")
_DEFAULTS: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "model_served": "",
    "project": "",
    "task_id": "",
    "worker_id": "",
    "session_id": "",
    "source": "manual",
    "outcome": "ok",
    "error": "",
    "tokens_input": 0,
    "tokens_output": 0,
    "tokens_cache_read": 0,
    "tokens_cache_write": 0,
    "tokens_cache_write_1h": 0,
    "tokens_thinking": 0,
    "counted": True,
    "final": True,
    "cost_usd": 0.0,
    "duration_seconds": 1.0,
    "time_to_first_token": float("nan"),
    "tokens_per_second": float("nan"),
    "calls": 1,
    "retries": 0,
    "web_searches": 0,
    "offset": 0,
}


def rows(lines: Iterable[dict[str, Any]], zone: ZoneInfo = UTC) -> pd.DataFrame:
    """A rows frame; each line gives `time` (aware) and what differs from a plain successful call."""
    full = [_DEFAULTS | {"offset": place * 100} | line for place, line in enumerate(lines)]
    for line in full:
        line.setdefault(
            "tokens_total",
            sum(line[f"tokens_{kind}"] for kind in ("input", "output", "cache_read", "cache_write")),
        )
        line.setdefault("day", f"{line['time'].astimezone(zone):%Y-%m-%d}")
    frame = pd.DataFrame(full, columns=list(ROW_COLUMNS))
    frame["time"] = pd.to_datetime(frame["time"], utc=True).dt.as_unit("us").dt.tz_convert(zone)
    kinds = {"int": "int64", "category": "category"}
    wanted = {name: kinds.get(dtype, dtype) for name, dtype in ROW_COLUMNS.items() if name != "time"}
    return frame.astype(wanted).sort_values("time", kind="stable", ignore_index=True)


def _hours(frame: pd.DataFrame) -> pd.Series:
    starts = [hour_of(moment.to_pydatetime()) for moment in frame["time"]]
    zone = frame["time"].dt.tz
    return pd.Series(pd.to_datetime(starts, utc=True), index=frame.index).dt.as_unit("s").dt.tz_convert(zone)


def sums(frame: pd.DataFrame, *, tasks: bool = False) -> pd.DataFrame:
    """The hourly sums of a rows frame."""
    known = frame["cost_usd"].notna()
    wide = frame.assign(
        hour=_hours(frame),
        lines=1,
        unpriced=frame["calls"].where(~known, 0),
        not_final=frame["calls"].where(~frame["final"], 0),
        timed=frame["duration_seconds"].notna().astype("int64"),
        rated=frame["tokens_per_second"].notna().astype("int64"),
    )
    keys = ["hour", *SUM_FACETS, *(["task_id"] if tasks else [])]
    return wide.groupby(keys, observed=True)[list(MEASURES)].sum().astype(MEASURES).reset_index()


class FrameStore:
    """A store over lines given by hand; `add` is what a new line is to a real one."""

    def __init__(self, lines: Iterable[dict[str, Any]] = (), zone: ZoneInfo = UTC) -> None:
        self.zone = zone
        self.version = 1
        self.health_extra: dict[str, Any] = {}
        self._lines = list(lines)
        self._changed = threading.Condition()
        self._frame = rows(self._lines, zone)

    def add(self, *lines: dict[str, Any]) -> None:
        """Take in more lines and tell who waits."""
        with self._changed:
            self._lines += lines
            self._frame = rows(self._lines, self.zone)
            self.version += 1
            self._changed.notify_all()

    def wait(self, version: int, timeout: float) -> int:
        """See `Store.wait`."""
        with self._changed:
            self._changed.wait_for(lambda: self.version != version, timeout)
            return self.version

    def rows(self, view: Filter, *, columns: Collection[str] | None = None) -> pd.DataFrame:
        """See `Store.rows`."""
        frame = self._frame
        keep = (frame["time"] >= view.since) & (frame["time"] < view.until)
        for column, chosen in view.choices.items():
            keep &= frame[column].isin(chosen)
        found = frame[keep].reset_index(drop=True)
        return found if columns is None else found[[c for c in found if c == "time" or c in columns]]

    def sums(self, view: Filter, *, tasks: bool = False) -> pd.DataFrame:
        """See `Store.sums`."""
        return sums(self.rows(view), tasks=tasks)

    def line(self, day: str, offset: int) -> dict[str, Any] | None:
        """See `Store.line`."""
        frame = self._frame
        found = frame[(frame["day"] == day) & (frame["offset"] == offset)]
        if found.empty:
            return None
        row = found.iloc[0].to_dict()
        return {
            "timestamp": row["time"].isoformat(),
            **{
                name: row[name]
                for name in ("task_id", "worker_id", "model", "project", "session_id", "source")
            },
            **{name: int(row[name]) for name in ("tokens_input", "tokens_output", "tokens_total")},
            "duration_seconds": float(row["duration_seconds"]),
            "success": row["outcome"] == "ok",
            "error_message": row["error"] or None,
            "estimated_cost_usd": None if pd.isna(row["cost_usd"]) else float(row["cost_usd"]),
        }

    def note(self, day: str, offset: int) -> str | None:
        """See `Store.note`."""
        return None

    def health(self) -> Health:
        """See `Store.health`."""
        frame = self._frame
        last = frame["time"].max().to_pydatetime() if len(frame) else None
        days = frame["day"].nunique()
        known = {
            "lines": len(frame),
            "days": days,
            "days_loaded": days,
            "days_total": days,
            "last_call": last,
        }
        return Health(**(known | {"watching": "events"} | self.health_extra))


def at(text: str, zone: ZoneInfo = UTC) -> datetime:
    """`2026-11-22 14:30` as an aware moment."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def month(now: datetime, calls_per_day: int = 60, days: int = 30, seed: int = 7) -> list[dict[str, Any]]:
    """Believable lines of the days before `now`: several models, tasks, failures, unpriced and cut calls."""
    import random

    chance = random.Random(seed)
    models = [("claude-opus-5-5", 4, 20), ("claude-sonnet-5-5", 2, 10), ("claude-haiku-5-5", 0.1, 0.5)]
    lines = []
    for day in range(days):
        for _ in range(int(calls_per_day * chance.uniform(0.4, 1.4))):
            moment = now - timedelta(days=day, hours=abs(chance.gauss(4, 4)), minutes=chance.uniform(0, 59))
            model, price_in, price_out = chance.choices(models, (5, 3, 4))[0]
            tokens_in, out = int(chance.lognormvariate(7, 1.2)), int(chance.lognormvariate(6, 1))
            read = int(chance.lognormvariate(9.5, 1))
            write = int(chance.lognormvariate(7, 1))
            failed = chance.random() < 0.05
            cost = (
                tokens_in * price_in + out * price_out + read * price_in * 0.05 + write * price_in * 1.25
            ) / 1e6
            lines.append(
                {
                    "time": moment,
                    "model": "claude-next-preview" if chance.random() < 0.01 else model,
                    "project": chance.choice(["circuit", "docs", "site", ""]),
                    "task_id": f"gh-{400 + day * 3 + chance.randrange(6)}",
                    "worker_id": f"w-{chance.randrange(1, 6)}",
                    "source": chance.choice(["manual", "cli"]),
                    "outcome": "failed" if failed else "ok",
                    "error": chance.choice(["overloaded_error", "rate_limit_error", "timeout"])
                    if failed
                    else "",
                    "tokens_input": 0 if failed else tokens_in,
                    "tokens_output": 0 if failed else out,
                    "tokens_cache_read": 0 if failed else read,
                    "tokens_cache_write": 0 if failed else write,
                    "duration_seconds": chance.lognormvariate(2.4, 1),
                    "tokens_per_second": chance.uniform(30, 90),
                    "final": chance.random() > 0.01,
                    "cost_usd": 0.0 if failed else cost,
                }
            )
            if lines[-1]["model"] == "claude-next-preview":
                lines[-1]["cost_usd"] = float("nan")
    return lines
