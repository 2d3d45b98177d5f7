"""Believable calls: what a coordinator with a few workers would have logged. Pure: randomness is passed in.

A day has tasks, more by day than by night and on weekdays than on weekends. A task is one session: its
context grows call by call, so most of its input is read from the cache. Some calls fail, some runs are
cut, now and then a model has no known price. Every line says `source: demo`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from logger.clock import LocalClock
from logger.pricing import price_of
from logger.record import CallRecord

from .filters import midnight

SOURCE = "demo"

RHYTHM = (3, 2, 1, 1, 1, 1, 2, 4, 9, 14, 16, 15, 11, 13, 16, 17, 15, 12, 9, 8, 9, 9, 7, 5)
"""How much is done in each hour of the day, relative to the others."""
WEEKDAYS = (1.2, 1.3, 1.25, 1.2, 1.1, 0.5, 0.45)
"""How much is done on each day of the week, Monday first; 1 on average."""

PROJECTS = (("circuit-synth", 55), ("website", 20), ("homelab", 15), (None, 10))
WORKERS = tuple(f"w-{name}" for name in ("a1f3", "b27c", "c9d0", "d4e8"))
HOST = "raspberrypi"


@dataclass(frozen=True, slots=True)
class Model:
    """A model as tasks use it: how often, how fast (tokens/s), how long it thinks (share of output)."""

    name: str
    weight: float
    speed: float
    thinking: float = 0.0


MODELS = (
    Model("claude-sonnet-5-5", 46, 75, 0.15),
    Model("claude-opus-5-5", 24, 48, 0.35),
    Model("claude-sonnet-4-5", 12, 62),
    Model("claude-haiku-5-5", 17, 150),
    Model("qwen3-coder-local", 1, 18),
)
HELPER = Model("claude-haiku-5-5", 0, 150)
"""What a session asks for small things: titles, summaries of pages."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A way to fail: what the API or the worker said."""

    weight: float
    type: str
    message: str
    status: int | None = None
    exit_code: int = 1


FAILURES = (
    Failure(40, "overloaded_error", "Overloaded", 529),
    Failure(25, "rate_limit_error", "This request would exceed your organization's rate limit", 429),
    Failure(10, "api_error", "Internal server error", 500),
    Failure(10, "APITimeoutError", "Request timed out."),
    Failure(7, "invalid_request_error", "prompt is too long: 1003921 tokens > 1000000 maximum", 400),
    Failure(3, "authentication_error", "invalid x-api-key", 401),
)
FAILING = 0.022
"""Share of calls that fail."""
KILLED = 0.003
"""Share of calls whose worker is killed: their counts are a lower bound."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happens in one call of a task: seconds and the record's further fields."""

    model: str
    duration: float
    fields: dict[str, Any]


class Task:
    """One task on one worker; `step` is its next call, and its context grows with every one."""

    def __init__(self, number: int, random: Random) -> None:
        self.task_id = f"gh-{number}"
        self.worker_id = random.choice(WORKERS)
        self.project = _weighted(PROJECTS, random)
        self.session_id = f"{random.getrandbits(32):08x}-demo"
        self.calls = 1 + min(int(random.expovariate(1 / 6)), 40)
        self._model = random.choices(MODELS, [model.weight for model in MODELS])[0]
        self._context = int(random.lognormvariate(9.6, 0.4))
        self._cached = 0
        self._random = random

    def step(self) -> Step:
        """The next call."""
        random = self._random
        fate = random.random()
        if fate < FAILING:
            return self._failed()
        if random.random() < 0.12:
            return self._asked(HELPER, int(random.lognormvariate(6.5, 0.6)), 40)
        step = self._worked()
        return _killed(step) if fate < FAILING + KILLED else step

    def _failed(self) -> Step:
        random = self._random
        failure = random.choices(FAILURES, [one.weight for one in FAILURES])[0]
        attempts = random.randint(2, 10) if failure.status in (429, 529) else 1
        fields = {
            "success": False,
            "error_type": failure.type,
            "error_message": failure.message,
            "http_status": failure.status,
            "exit_code": failure.exit_code,
            "attempts": attempts,
        }
        duration = 600.0 if failure.status is None else random.uniform(0.3, 2) * attempts**1.5
        return Step(self._model.name, duration, _counted(fields, 0, 0))

    def _asked(self, model: Model, question: int, answer: float) -> Step:
        output = max(1, int(self._random.lognormvariate(math.log(answer), 0.7)))
        return self._answered(model, output, _counted({}, question, output))

    def _worked(self) -> Step:
        random = self._random
        output = max(8, int(random.lognormvariate(6.1, 1.0)))
        # A cache of five minutes has gone cold when somebody was away from the task for longer.
        read = 0 if random.random() < 0.04 else self._cached
        written = self._context - read
        self._cached = self._context
        self._context += output + int(random.lognormvariate(7.2, 1.0))
        fields = {
            "tokens_thinking": int(output * self._model.thinking * random.uniform(0.5, 1.5)) or None,
            "web_searches": random.randint(1, 3) if random.random() < 0.02 else None,
        }
        step = _counted(fields, random.randint(2, 40), output, read, written)
        return self._answered(self._model, output, step)

    def _answered(self, model: Model, output: int, fields: dict[str, Any]) -> Step:
        random = self._random
        first = random.lognormvariate(0.1, 0.5)
        duration = first + output / (model.speed * random.lognormvariate(0, 0.2))
        about = {
            "success": True,
            "exit_code": 0,
            "time_to_first_token": round(first, 3),
            "tokens_per_second": round(output / duration, 3),
            "response_length": output * 4,
            "stop_reason": "max_tokens" if random.random() < 0.004 else "end_turn",
        }
        return Step(model.name, duration, fields | about)


def _killed(step: Step) -> Step:
    fields = {"success": False, "exit_code": 137, "error_type": "killed", "tokens_final": False}
    message = {"error_message": "The worker was killed before it finished.", "stop_reason": None}
    return Step(step.model, step.duration, step.fields | fields | message)


def _counted(
    fields: dict[str, Any], uncached: int, output: int, read: int = 0, written: int = 0
) -> dict[str, Any]:
    counts = {
        "tokens_input": uncached,
        "tokens_output": output,
        "tokens_cache_read": read,
        "tokens_cache_write_5m": written,
    }
    return fields | counts | {"tokens_total": sum(counts.values()), "prompt_length": 4 * (uncached + written)}


def _weighted(choices: tuple[tuple[Any, float], ...], random: Random) -> Any:
    return random.choices([value for value, _ in choices], [weight for _, weight in choices])[0]


_PRICED_BY = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write_5m", "web_searches")


def record(task: Task, step: Step, start: float, name: str, clock: LocalClock) -> CallRecord:
    """A task's call as a line of the log: it began at `start` (Unix seconds) and is called `name`."""
    counts: dict[str, Any] = {kind: step.fields.get(kind) or 0 for kind in _PRICED_BY}
    return CallRecord(
        timestamp=clock.spell(start)[0],
        task_id=task.task_id,
        worker_id=task.worker_id,
        model=step.model,
        prompt_file=f"prompts/{task.task_id}.txt",
        start_time=round(start, 6),
        end_time=round(start + step.duration, 6),
        duration_seconds=round(step.duration, 6),
        settings={"worktree": f"trees/{task.task_id}"},
        estimated_cost_usd=price_of(step.model, at=start, **counts),
        call_id=name,
        source=SOURCE,
        project=task.project,
        session_id=task.session_id,
        host=HOST,
        **step.fields,
    )


def history(
    last_day: date, days: int, per_day: int, seed: int, zone: ZoneInfo, until: float
) -> Iterator[CallRecord]:
    """Calls of the `days` local days up to `last_day` that ended before `until` (Unix seconds), unordered.

    A day holds about `per_day` calls on average and is the same for the same seed, date and zone.
    """
    clock = LocalClock(zone)
    for day in (last_day - timedelta(days=back) for back in range(days)):
        random = Random(f"{seed} {day}")  # noqa: S311 - a demo keeps no secrets
        wanted = round(per_day * WEEKDAYS[day.weekday()] * random.uniform(0.85, 1.15))
        for call in _day(day, wanted, random, zone, clock):
            if (call.end_time or 0) < until:
                yield call


def _day(day: date, wanted: int, random: Random, zone: ZoneInfo, clock: LocalClock) -> Iterator[CallRecord]:
    begins, ends = (midnight(d, zone).timestamp() for d in (day, day + timedelta(days=1)))
    made = number = 0
    while made < wanted:
        number += 1
        task = Task(day.toordinal() % 1000 * 100 + number, random)
        start = begins + 3600 * (random.choices(range(24), RHYTHM)[0] + random.random())
        for _ in range(min(task.calls, wanted - made)):
            step = task.step()
            made += 1
            if start < ends:  # a call's line belongs to the day it began on
                yield record(task, step, start, f"demo-{day}-{made}", clock)
            start += step.duration + random.expovariate(1 / 20)


@dataclass(frozen=True, slots=True)
class Funding:
    """A line of the demo's credit ledger: its kind, its moment, and the fields beside them."""

    kind: str
    at: datetime
    fields: dict[str, Any]


UNLOGGED = 1.04
"""What the Console counts for each dollar that was logged."""


def funding(costs: Sequence[tuple[float, float]], now: datetime) -> list[Funding]:
    """Credit that pays for calls: a promotion a month ago, some bought since, and the Console read each week.

    costs: when a call began (Unix seconds) and its USD. now: aware, in the zone of the days.
    """
    began = now - timedelta(days=30)
    paid = [(at, usd) for at, usd in costs if at >= began.timestamp()]
    promised = _rounded_up(1.7 * sum(usd for _, usd in paid))
    ends = (now.date() + timedelta(days=60)).replace(day=1) - timedelta(days=1)
    promo = {"amount_usd": promised, "label": "promo", "expires": ends.isoformat()}
    bought = {"amount_usd": 50, "label": "bought"}
    lines = [Funding("grant", began, promo), Funding("grant", now - timedelta(days=12), bought)]
    for back in (25, 18, 11, 4):
        at = now - timedelta(days=back, minutes=13 * back)
        spent = UNLOGGED * sum(usd for start, usd in paid if start < at.timestamp())
        granted = sum(line.fields["amount_usd"] for line in lines if line.kind == "grant" and line.at < at)
        lines.append(Funding("reading", at, {"balance_usd": round(granted - spent, 2)}))
    return sorted(lines, key=lambda line: line.at)


def _rounded_up(usd: float) -> int:
    return 50 * max(2, math.ceil(usd / 50))


class Live:
    """A coordinator at work: `call` gives the call that has just ended on one of its workers."""

    def __init__(self, seed: int, zone: ZoneInfo) -> None:
        self._random = Random(f"{seed} live")  # noqa: S311 - a demo keeps no secrets
        self._clock = LocalClock(zone)
        self._tasks: list[Task] = []
        self._number = 0

    def call(self, now: float) -> CallRecord:
        """One call that ended at `now` (Unix seconds)."""
        self._number += 1
        while len(self._tasks) < len(WORKERS):
            self._tasks.append(Task(self._random.randint(1000, 99999), self._random))
        task = self._random.choice(self._tasks)
        task.calls -= 1
        if task.calls <= 0:
            self._tasks.remove(task)
        step = task.step()
        return record(task, step, now - step.duration, f"demo-live-{now:.6f}-{self._number}", self._clock)

    def pause(self, pace: float) -> float:
        """Seconds until the next call ends, `pace` on average."""
        return min(self._random.expovariate(1 / pace), 4 * pace)
