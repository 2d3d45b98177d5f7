"""Believable log lines, many and fast: `python tests/bench/generate.py FOLDER --lines 1000000 --days 100`.

The same arguments give the same bytes. A line is about 611 bytes: the twenty fields and the further ones a
coordinator's calls carry. Calls crowd into working hours, a task makes a few calls with one session, and
three in a hundred fail.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

MODELS = (
    ("claude-sonnet-4-5", 3.0, 15.0),
    ("claude-haiku-4-5", 1.0, 5.0),
    ("claude-opus-4-5", 5.0, 25.0),
    ("local-experiment", None, None),
)
MODEL_WEIGHTS = (60, 25, 14, 1)
PROJECTS = ("circuit-synth", "website", "notes")
WORKERS = tuple(f"w-{number:06x}" for number in range(0xA1, 0xA9))
HOUR_WEIGHTS = (1, 1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 10, 12, 14, 14, 12, 10, 8, 6, 5, 4, 3, 2)
FAILURES = (("overloaded_error", "Overloaded", 529), ("timeout", "no answer within 600 s", 504))

_LINE = (
    '{"timestamp":"%s","task_id":"%s","worker_id":"%s","model":"%s",'
    '"prompt_file":"prompts/%s.txt","prompt_length":%d,"response_length":%s,'
    '"tokens_input":%s,"tokens_output":%s,"tokens_total":%s,"start_time":%.3f,"end_time":%.3f,'
    '"duration_seconds":%.3f,"time_to_first_token":%s,"tokens_per_second":%s,"success":%s,'
    '"error_message":%s,"exit_code":%d,"settings":null,"estimated_cost_usd":%s,'
    '"call_id":"%016x","source":"cli","project":"%s","session_id":"%s"%s}\n'
)


def file_name(day: date) -> str:
    """The day's file, as the logger names it."""
    return f"api-calls-{day.isoformat()}.jsonl"


def moments(day: date, count: int, zone: ZoneInfo, rng: random.Random, end: int = 24) -> list[datetime]:
    """`count` starts of calls on one local day before the hour `end`, in order, crowded into working hours."""
    hours = rng.choices(range(end), HOUR_WEIGHTS[:end], k=count)
    seconds = sorted(hour * 3600 + rng.random() * 3600 for hour in hours)
    midnight = datetime.combine(day, time(), tzinfo=zone)
    return [midnight + timedelta(seconds=second) for second in seconds]


def day_lines(day: date, count: int, seed: int, zone: ZoneInfo, end: int = 24) -> Iterator[str]:
    """The lines of one day, each with its newline."""
    rng = random.Random(f"{seed}/{day.isoformat()}")
    task, session, left = "", "", 0
    for at in moments(day, count, zone, rng, end):
        if left == 0:
            task = f"gh-{rng.randrange(1_000_000):06d}"
            session = f"{rng.getrandbits(64):016x}"
            left = rng.randint(1, 6)
        left -= 1
        yield line(at, task, session, rng)


def line(at: datetime, task: str, session: str, rng: random.Random) -> str:
    """One call that started at `at` (aware)."""
    model, price_in, price_out = rng.choices(MODELS, MODEL_WEIGHTS)[0]
    ok = rng.random() > 0.03
    sent, got = rng.randint(3, 4_000), rng.randint(20, 6_000) if ok else 0
    read, wrote = rng.randint(5_000, 90_000), rng.randint(200, 9_000)
    took = 1.0 + got / rng.uniform(40, 110)
    cost = "null"
    if price_in is not None and price_out is not None:
        dollars = (sent + 0.1 * read + 1.25 * wrote) * price_in + got * price_out
        cost = f"{dollars / 1e6:.6f}"
    start = at.timestamp()
    further = f',"tokens_cache_read":{read},"tokens_cache_write_5m":{wrote}'
    message = "null"
    if not ok:
        kind, text, status = rng.choice(FAILURES)
        message = f'"{text}"'
        further += f',"error_type":"{kind}","http_status":{status}'
    return _LINE % (
        at.isoformat(timespec="microseconds"),
        task,
        rng.choice(WORKERS),
        model,
        task,
        sent * 4,
        got * 4,
        sent,
        got,
        sent + got + read + wrote,
        start,
        start + took,
        took,
        f"{rng.uniform(0.3, 3):.3f}" if ok else "null",
        f"{got / took:.2f}" if ok else "null",
        "true" if ok else "false",
        message,
        0 if ok else 1,
        cost,
        rng.getrandbits(64),
        PROJECTS[hash_free(task) % len(PROJECTS)],
        session,
        further,
    )


def hash_free(text: str) -> int:
    """A number from a text, the same in every process."""
    return sum(text.encode())


def write(
    folder: Path,
    lines: int,
    days: int,
    *,
    last: date,
    seed: int = 1,
    zone: str = "UTC",
    until: datetime | None = None,
) -> int:
    """Write `lines` lines over the `days` days that end with `last`; the bytes written.

    On the day of `until` (aware) all calls start before its hour, so that none lies in the future.
    """
    there = ZoneInfo(zone)
    now = until and until.astimezone(there)
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for back in range(days):
        day = last - timedelta(days=back)
        count = lines // days + (back < lines % days)
        end = max(1, now.hour) if now and now.date() == day else 24
        text = "".join(day_lines(day, count, seed, there, end))
        written += (folder / file_name(day)).write_bytes(text.encode())
    return written


def main() -> None:
    """Write a folder of logs, as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--last", type=date.fromisoformat, default=date(2026, 11, 22))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--zone", default="UTC")
    given = parser.parse_args()
    size = write(given.folder, given.lines, given.days, last=given.last, seed=given.seed, zone=given.zone)
    print(f"{size:,} bytes")


if __name__ == "__main__":
    main()
