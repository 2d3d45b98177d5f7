"""Whatever happens to the files, every complete line counts exactly once: the store against a plain model.

The model knows what bytes it put into which file and parses them with json.loads.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from dashboard.filters import Filter
from dashboard.store import FileStore, day, files, tail

ZONE = ZoneInfo("Asia/Kolkata")
EVER = Filter(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
DAYS = [(date(2026, 11, 20) + timedelta(days=number)).isoformat() for number in range(4)]
GARBAGE = [
    b"not json",
    b"\xff\xfe\x00",
    b'{"timestamp": "2026-11-20T10:00:00+00:00"}',
    b'{"timestamp": "no time", "model": "m", "success": true}',
    b'{"timestamp": "2026-11-20T10:00:00+00:00", "model": "m", "success": true, "tokens_input": -1}',
    b"[]",
    b"{}{}",
]


def line(day: str, number: int, cost: float | None) -> bytes:
    record = {
        "timestamp": f"{day}T{number % 24:02d}:{number % 60:02d}:00.{number:06d}+00:00",
        "model": f"m{number % 3}",
        "task_id": f"t{number}",
        "tokens_input": number,
        "tokens_output": 2 * number,
        "success": number % 5 != 0,
        "estimated_cost_usd": cost,
        "source": "manual",
        "duration_seconds": float(number),
    }
    return json.dumps(record).encode()


def good(raw: bytes) -> dict[str, Any] | None:
    return None if raw in GARBAGE or not raw.strip() else json.loads(raw)


SMALL = [(tail, "BLOCK", 300), (tail, "_EDGE", 16), (day, "KEPT_PROBLEMS", 2), (files, "_LIVE_ROWS", 4)]
"""Limits made small, so that small files meet them."""


class StoreMachine(RuleBasedStateMachine):
    """Files are `plain` and `packed` bytes per day; `check` compares after every step."""

    @initialize(cached=st.booleans())
    def begin(self, cached: bool) -> None:
        self.usual = [(module, name, getattr(module, name)) for module, name, _ in SMALL]
        for module, name, value in SMALL:
            setattr(module, name, value)
        self.root = Path(tempfile.mkdtemp())
        self.folder = self.root / "logs"
        self.folder.mkdir()
        self.cache = self.root / "cache" if cached else None
        self.plain: dict[str, bytes] = {}
        self.packed: dict[str, bytes] = {}
        self.number = 0
        self.tick = 1_800_000_000_000_000_000
        self.open()

    def open(self) -> None:
        self.store = FileStore(self.folder, ZONE, cache_dir=self.cache, row_budget=5)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.root)
            for module, name, value in self.usual:
                setattr(module, name, value)

    # what the model expects

    def lines_of(self, day: str) -> list[bytes]:
        plain, packed = self.plain.get(day), self.packed.get(day)
        found: list[bytes] = []
        if packed is not None and not self.same_start(plain, packed):
            found += packed.split(b"\n")
        if plain is not None:
            found += plain.split(b"\n")[:-1]
        return found

    @staticmethod
    def same_start(plain: bytes | None, packed: bytes) -> bool:
        return plain is not None and b"\n" in plain and plain.split(b"\n")[0] == packed.split(b"\n")[0]

    def check(self) -> None:
        self.store.refresh()
        raw = [one for day in DAYS for one in self.lines_of(day)]
        records = [record for one in raw if (record := good(one))]
        health, sums, rows = self.store.health(), self.store.sums(EVER), self.store.rows(EVER)
        assert health.lines == len(records) == sums["lines"].sum() == len(rows)
        assert health.bad_lines == sum(one in GARBAGE for one in raw)
        for field in ("tokens_input", "tokens_output"):
            expected = sum(record[field] for record in records)
            assert sums[field].sum() == rows[field].sum() == expected
        costs = [record["estimated_cost_usd"] for record in records]
        assert abs(sums["cost_usd"].sum() - sum(cost for cost in costs if cost is not None)) < 1e-9
        assert sums["unpriced"].sum() == rows["cost_usd"].isna().sum() == costs.count(None)
        assert sorted(rows["task_id"]) == sorted(record["task_id"] for record in records)
        assert rows["time"].is_monotonic_increasing
        assert not sums.duplicated(["hour", "model", "project", "worker_id", "source", "outcome"]).any()
        self.check_lines(rows)
        version = self.store.version
        assert not self.store.refresh()
        assert self.store.version == version
        assert len(list(self.store.problems())) == health.bad_lines

    def check_lines(self, rows: Any) -> None:
        """Every row names its own line."""
        for row in rows.itertuples():
            record = self.store.line(row.day, row.offset)
            assert record is not None
            assert record["task_id"] == row.task_id

    # what happens to the files

    def path(self, day: str) -> Path:
        return self.folder / f"api-calls-{day}.jsonl"

    def touch(self, path: Path) -> None:
        """File times as if seconds went by between the steps."""
        self.tick += 1_000_000_000
        os.utime(path, ns=(self.tick, self.tick))

    def put(self, day: str, content: bytes) -> None:
        """Append or write in place, whichever leads to `content`."""
        before = self.plain.get(day)
        if before is not None and content.startswith(before):
            with self.path(day).open("ab") as file:
                file.write(content[len(before) :])
        else:
            with self.path(day).open("r+b" if before is not None else "wb") as file:
                file.truncate(0)
                file.write(content)
        self.plain[day] = content
        self.touch(self.path(day))

    def more(self, day: str, count: int) -> bytes:
        made = b""
        for _ in range(count):
            self.number += 1
            made += line(day, self.number, None if self.number % 4 == 0 else self.number / 7) + b"\n"
        return made

    @rule(day=st.sampled_from(DAYS), count=st.integers(1, 5))
    def append(self, day: str, count: int) -> None:
        self.put(day, self.plain.get(day, b"") + self.more(day, count))
        self.check()

    @rule(day=st.sampled_from(DAYS), cut=st.integers(1, 150), seen=st.booleans())
    def append_in_two_parts(self, day: str, cut: int, seen: bool) -> None:
        whole = self.more(day, 1)
        self.put(day, self.plain.get(day, b"") + whole[:cut])
        if seen:
            self.check()
        self.put(day, self.plain[day] + whole[cut:])
        self.check()

    @rule(day=st.sampled_from(DAYS), cut=st.integers(1, 150))
    def leave_a_torn_line(self, day: str, cut: int) -> None:
        """Torn by a crash; whoever writes next closes it with a newline, and it is bad."""
        torn = self.more(day, 1)[:cut]
        self.put(day, self.plain.get(day, b"") + torn)
        self.check()
        self.put(day, self.plain[day][: -len(torn)] + b"not json\n" + self.more(day, 1))
        self.check()

    @rule(day=st.sampled_from(DAYS), what=st.lists(st.sampled_from([*GARBAGE, b"", b"  \r"]), min_size=1))
    def garbage(self, day: str, what: list[bytes]) -> None:
        self.put(day, self.plain.get(day, b"") + b"\n".join(what) + b"\n" + self.more(day, 1))
        self.check()

    @precondition(lambda self: self.plain)
    @rule(data=st.data(), keep=st.floats(0, 1))
    def truncate(self, data: st.DataObject, keep: float) -> None:
        day = data.draw(st.sampled_from(sorted(self.plain)))
        size = int(len(self.plain[day]) * keep)
        os.truncate(self.path(day), size)
        self.plain[day] = self.plain[day][:size]
        self.touch(self.path(day))
        if self.plain[day] and not self.plain[day].endswith(b"\n"):
            self.put(day, self.plain[day][: self.plain[day].rfind(b"\n") + 1])
        self.check()

    @precondition(lambda self: self.plain)
    @rule(data=st.data(), same=st.booleans())
    def replace_by_rename(self, data: st.DataObject, same: bool) -> None:
        day = data.draw(st.sampled_from(sorted(self.plain)))
        content = self.plain[day] if same else self.more(day, 3)
        new = self.folder / "new.tmp"
        new.write_bytes(content)
        self.touch(new)
        new.replace(self.path(day))
        self.plain[day] = content
        self.check()

    @precondition(lambda self: self.plain)
    @rule(data=st.data())
    def rewrite_in_place(self, data: st.DataObject) -> None:
        """The same size, one digit different, in the middle or anywhere."""
        day = data.draw(st.sampled_from(sorted(self.plain)))
        content = self.plain[day]
        places = [at for at in range(len(content)) if content.startswith(b'"tokens_output": ', at)]
        if places:
            at = data.draw(st.sampled_from(places)) + len(b'"tokens_output": ')
            content = content[:at] + (b"7" if content[at : at + 1] != b"7" else b"8") + content[at + 1 :]
        with self.path(day).open("r+b") as file:
            file.write(content)
        self.plain[day] = content
        self.touch(self.path(day))
        self.check()

    @precondition(lambda self: self.plain or self.packed)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        day = data.draw(st.sampled_from(sorted({*self.plain, *self.packed})))
        if self.plain.pop(day, None) is not None:
            self.path(day).unlink()
        else:
            self.packed.pop(day)
            self.gz(day).unlink()
        self.check()

    def gz(self, day: str) -> Path:
        return self.folder / f"api-calls-{day}.jsonl.gz"

    @precondition(lambda self: set(self.plain) - set(self.packed))
    @rule(data=st.data(), seen_both=st.booleans(), cut=st.booleans())
    def gzip_a_day(self, data: st.DataObject, seen_both: bool, cut: bool) -> None:
        day = data.draw(st.sampled_from(sorted(set(self.plain) - set(self.packed))))
        whole = self.plain[day]
        whole = whole[: whole.rfind(b"\n") + 1] or self.more(day, 1)
        self.put(day, whole)
        packed = gzip.compress(whole)
        if cut and seen_both:
            self.gz(day).write_bytes(packed[: len(packed) // 2])  # gzip is not done
            self.packed[day] = whole
            self.store.refresh()
        self.gz(day).write_bytes(packed)
        self.packed[day] = whole
        self.touch(self.gz(day))
        if seen_both:
            self.check()
        self.path(day).unlink()
        del self.plain[day]
        self.check()

    @precondition(lambda self: self.plain)
    @rule(data=st.data(), count=st.integers(1, 9))
    def write_anew_in_place(self, data: st.DataObject, count: int) -> None:
        """Truncated and written again, perhaps longer, before anyone looked."""
        day = data.draw(st.sampled_from(sorted(self.plain)))
        self.put(day, self.more(day, count))
        self.check()

    @rule(clear=st.booleans(), data=st.data(), change=st.sampled_from(["", "append", "anew", "same size"]))
    def restart(self, clear: bool, data: st.DataObject, change: str) -> None:
        """With what was cached or without, and perhaps with a change while nobody watched."""
        self.store.close()
        if clear and self.cache:
            shutil.rmtree(self.cache, ignore_errors=True)
        if change and self.plain:
            day = data.draw(st.sampled_from(sorted(self.plain)))
            before = self.plain[day]
            kept = {"append": before, "anew": b"", "same size": b""}[change]
            fresh = self.more(day, 1)
            self.put(day, before.replace(b": 2", b": 3") if change == "same size" else kept + fresh)
        self.open()
        self.check()

    @rule()
    def touch_all(self) -> None:
        """New times, same content: nothing changed."""
        version = self.store.version
        for each in self.plain:
            self.touch(self.path(each))
        self.store.refresh()
        assert self.store.version == version

    @rule(gone=st.booleans())
    def folder_away(self, gone: bool) -> None:
        aside = self.root / "aside"
        self.folder.rename(aside)
        if not gone:
            self.folder.write_text("a file in its place")
        self.store.refresh()
        assert self.store.health().folder_problem
        assert self.store.health().lines == 0
        if not gone:
            self.folder.unlink()
        aside.rename(self.folder)
        self.check()


StoreMachine.TestCase.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestStoreMachine = StoreMachine.TestCase
