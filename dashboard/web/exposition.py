"""What Prometheus scrapes: the log and the money as metrics, from a registry made for each scrape.

Counters are totals of the whole log, each call counted once. Such a total can shrink (a day is deleted, a
run turns out to be calls that were logged one by one), and Prometheus would take that for a restart and
count everything again: so a counter here stands still instead. While days are still read there are neither
totals nor money: they would be wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ..metrics import Totals
from ..money.alerts import SEVERITIES, Alert
from ..money.doubt import unread
from ..money.position import Position
from ..store.base import Health
from .usage_gaps import being_read

MOST_MODELS = 100
"""Models with series of their own; what further ones add up to goes by `OTHER`."""

OTHER = "(other)"

KINDS = ("input", "output", "cache_read", "cache_write")

Key = tuple[str, ...]
"""A metric's name and the values of its labels."""

COUNTERS: tuple[tuple[str, str, Callable[[Totals], float]], ...] = (
    ("callmeter_calls", "API calls in the log, failed ones too.", lambda t: t.calls),
    ("callmeter_failed_calls", "Failed API calls in the log.", lambda t: t.failed),
    ("callmeter_retries", "Attempts beyond the first of calls in the log.", lambda t: t.retries),
    ("callmeter_cost_usd", "Known cost of the calls in the log, in US dollars.", lambda t: t.cost_usd),
    ("callmeter_unpriced_calls", "Calls in the log without a known cost.", lambda t: t.unpriced),
    ("callmeter_not_final_calls", "Calls in the log with a lower bound of tokens.", lambda t: t.not_final),
)
"""By model: name (without `_total`), help, value."""

TODAY: tuple[tuple[str, str, Callable[[Totals], float]], ...] = (
    ("callmeter_today_calls", "API calls since midnight.", lambda t: t.calls),
    ("callmeter_today_tokens", "Tokens of all kinds since midnight.", lambda t: t.tokens_total),
    ("callmeter_today_cost_usd", "Known cost since midnight, in US dollars.", lambda t: t.cost_usd),
)
"""By model, gauges."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a scrape shows. ever, today: totals by model. position, alerts: None while they cannot be told."""

    now: datetime
    version: str
    health: Health
    ever: Mapping[str, Totals]
    today: Mapping[str, Totals]
    position: Position | None
    alerts: tuple[Alert, ...] | None


class Steady:
    """Totals that never shrink: what they grew by since they were asked for last is added. For threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Key, float] = {}
        self._shown: dict[Key, float] = {}

    def of(self, values: Mapping[Key, float]) -> dict[Key, float]:
        """The totals to show, those of before too."""
        with self._lock:
            for key, value in values.items():
                grown = value - self._seen.get(key, 0.0)
                self._shown[key] = self._shown.get(key, 0.0) + max(grown, 0.0)
                self._seen[key] = value
            return dict(self._shown)


def exposition(scene: Scene, steady: Steady, accept: str) -> tuple[bytes, str]:
    """The text and its content type, in the form the scraper asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scene(scene, steady))
    encode, kind = choose_encoder(accept)
    return encode(registry), kind


class _Scene(Collector):
    def __init__(self, scene: Scene, steady: Steady) -> None:
        self._scene, self._steady = scene, steady

    def collect(self) -> Iterable[Metric]:
        scene = self._scene
        yield InfoMetricFamily("callmeter_build", "The callmeter that answers.", {"version": scene.version})
        if not being_read(scene.health):
            yield from self._summed()
        yield from _log(scene.health, scene.now)
        yield from _money(scene.position) if scene.position else ()
        if scene.alerts is not None:
            yield _alerts(scene.alerts)

    def _summed(self) -> Iterator[Metric]:
        """While the folder cannot be read totals stay as they were: what comes back was counted already."""
        scene, there = self._scene, self._scene.health.folder_problem is None
        yield from _counters(self._steady.of(_totals(_bounded(scene.ever)) if there else {}))
        yield from _today(_bounded(scene.today)) if there else ()


def _bounded(by_model: Mapping[str, Totals]) -> dict[str, list[Totals]]:
    found: dict[str, list[Totals]] = {}
    for model in by_model:
        found.setdefault(model if len(found) < MOST_MODELS else OTHER, []).append(by_model[model])
    return found


def _totals(by_model: Mapping[str, list[Totals]]) -> dict[Key, float]:
    found: dict[Key, float] = {}
    for model, some in by_model.items():
        for name, _, value in COUNTERS:
            found[name, model] = float(sum(map(value, some)))
        for kind in KINDS:
            used: list[int] = [getattr(one, f"tokens_{kind}") for one in some]
            found["callmeter_tokens", model, kind] = float(sum(used))
    return found


def _counters(shown: Mapping[Key, float]) -> Iterator[Metric]:
    families = {name: CounterMetricFamily(name, words, labels=["model"]) for name, words, _ in COUNTERS}
    families["callmeter_tokens"] = CounterMetricFamily(
        "callmeter_tokens", "Tokens of the calls in the log.", labels=["model", "kind"]
    )
    for (name, *labels), value in shown.items():
        families[name].add_metric(labels, value)
    yield from families.values()


def _today(by_model: Mapping[str, list[Totals]]) -> Iterator[Metric]:
    for name, words, value in TODAY:
        family = GaugeMetricFamily(name, words, labels=["model"])
        for model, some in by_model.items():
            family.add_metric([model], float(sum(map(value, some))))
        yield family


def _log(health: Health, now: datetime) -> Iterator[Metric]:
    yield _gauge("callmeter_up", "Whether the log folder can be read.", health.folder_problem is None)
    yield _gauge("callmeter_log_loading", "Whether days are still being read.", being_read(health))
    words = "Days of the log whose files cannot be read: all numbers lack them."
    yield _gauge("callmeter_log_unreadable_days", words, len(unread(health)))
    yield _gauge("callmeter_log_lines", "Lines of the log that were read.", health.lines)
    yield _gauge("callmeter_log_bad_lines", "Lines that could not be understood.", health.bad_lines)
    yield _gauge("callmeter_log_days", "Days of the log that were read.", health.days_loaded)
    if health.last_call is not None:
        last = health.last_call.timestamp()
        yield _gauge(
            "callmeter_last_call_timestamp_seconds", "When the newest call ended, in Unix time.", last
        )
        since = max(0.0, now.timestamp() - last)
        yield _gauge("callmeter_seconds_since_last_call", "Seconds since the newest call ended.", since)


def _money(position: Position) -> Iterator[Metric]:
    ratio = GaugeMetricFamily(
        "callmeter_budget_ratio", "Used share of a budget in its running period; 1 is all.", labels=["budget"]
    )
    for standing in position.standings:
        ratio.add_metric([standing.budget.name], standing.share)
    yield ratio
    if position.balance is not None:
        words = "Credit left, in US dollars; at most so much while there are uncertain calls."
        yield _gauge("callmeter_credit_balance_usd", words, position.balance.left_usd)
        words = "Calls since the last reading whose cost is not known to the end."
        yield _gauge("callmeter_credit_uncertain_calls", words, position.balance.uncertain)
    if position.run_out is not None and position.run_out.days_left is not None:
        words = "Days until the credit ends: an estimate."
        yield _gauge("callmeter_credit_days_remaining", words, position.run_out.days_left)
    if position.pace.usd_per_day is not None:
        words = "Burn rate in US dollars per day: an estimate."
        yield _gauge("callmeter_burn_rate_usd_per_day", words, position.pace.usd_per_day)


def _alerts(alerts: tuple[Alert, ...]) -> Metric:
    family = GaugeMetricFamily("callmeter_open_alerts", "Alerts that are so now.", labels=["severity"])
    for severity in SEVERITIES:
        family.add_metric([severity], sum(one.condition.severity == severity for one in alerts))
    return family


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))
