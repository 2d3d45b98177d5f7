"""What Prometheus scrapes, read by Prometheus' own parsers, against the report's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from dashboard import metrics
from dashboard.metrics import Totals
from dashboard.money.alerts import Alert, Condition
from dashboard.money.forecast import Pace
from dashboard.money.position import Position
from dashboard.store.base import Health, Problem
from dashboard.web import usage_answers as answers
from dashboard.web.exposition import MOST_MODELS, OTHER, Scene, Steady, exposition
from dashboard.web.usage import Service
from logger import ClaudeAPILogger
from tests import usage_server
from tests.usage_server import Server, Unread, serving

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("demo")
    settings = usage_server.settings_in(place)
    usage_server.demo_calls(settings)
    log = ClaudeAPILogger(settings.log_dir)
    log.end_call(log.start_call("gh-1", "w-1", "nobody-knows-its-price"), tokens_input=1, tokens_output=1)
    with serving(place) as server:
        yield server


Samples = dict[tuple[str, ...], float]


def samples(text: str) -> Samples:
    """Name and values of labels -> value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(found: Samples, name: str) -> float:
    return sum(value for key, value in found.items() if key[0] == name)


def test_totals_are_those_of_the_store(demo: Server) -> None:
    found = samples(demo.get("/metrics").text)
    ever = metrics.totals(answers.all_sums(demo.store))
    assert total(found, "callmeter_calls_total") == ever.calls
    assert total(found, "callmeter_failed_calls_total") == ever.failed
    assert total(found, "callmeter_retries_total") == ever.retries
    assert total(found, "callmeter_tokens_total") == ever.tokens_total
    assert total(found, "callmeter_cost_usd_total") == pytest.approx(ever.cost_usd)
    assert total(found, "callmeter_unpriced_calls_total") == ever.unpriced > 0


def test_today_is_what_the_summary_says(demo: Server) -> None:
    found = samples(demo.get("/metrics").text)
    today = demo.get("/usage/summary").json()["today"]
    by_model = {key[1]: value for key, value in found.items() if key[0] == "callmeter_today_cost_usd"}
    known = {one["model"]: one["estimated_cost_usd"] or 0.0 for one in today["models"]}
    assert by_model == pytest.approx(known)
    assert total(found, "callmeter_today_calls") == today["totals"]["calls"]


def test_money_is_what_usage_says(demo: Server) -> None:
    demo.post("/usage/update_budget", {"remaining_budget": 50})
    found, told = samples(demo.get("/metrics").text), demo.get("/usage").json()
    assert found["callmeter_credit_balance_usd",] == told["remaining_budget"] == 50
    assert found["callmeter_credit_days_remaining",] == pytest.approx(told["days_remaining"], abs=0.02)
    shares = {budget["name"]: budget["share"] for budget in told["budgets"]}
    assert found["callmeter_budget_ratio", "Daily spending"] == pytest.approx(
        shares["Daily spending"], abs=1e-5
    )
    assert found["callmeter_open_alerts", "critical"] == 0, "nobody has looked yet"


def test_the_log_and_its_age(demo: Server) -> None:
    found, health = samples(demo.get("/metrics").text), demo.get("/healthz").json()
    assert found["callmeter_log_lines",] == health["lines"]
    assert (found["callmeter_up",], found["callmeter_log_loading",]) == (1, 0)
    last = datetime.fromisoformat(health["last_call"]).timestamp()
    assert found["callmeter_last_call_timestamp_seconds",] == pytest.approx(last, abs=1)
    assert found["callmeter_seconds_since_last_call",] >= 0


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("*/*", "text/plain; version=0.0.4"), (OPENMETRICS, "application/openmetrics-text; version=1.0.0")],
)
def test_every_metric_has_help_and_a_type_in_each_form(demo: Server, accept: str, kind: str) -> None:
    answer = demo.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(kind)
    read = openmetrics if "openmetrics" in accept else None
    parse: Any = read.text_string_to_metric_families if read else text_string_to_metric_families
    families = list(parse(answer.text))
    assert len(families) > 15
    for family in families:
        assert family.documentation and family.type in ("counter", "gauge", "info"), family.name
        assert family.name.startswith("callmeter_")


def test_labels_are_bounded_sets(demo: Server) -> None:
    families = text_string_to_metric_families(demo.get("/metrics").text)
    labels = {name for family in families for sample in family.samples for name in sample.labels}
    assert labels <= {"model", "kind", "severity", "budget", "version"}


# Scenes made by hand


def scene(ever: dict[str, Totals] | None = None, **changes: Any) -> Scene:
    health = Health(lines=3, days_loaded=1, days_total=1, last_call=NOW - timedelta(seconds=90))
    usual = Scene(NOW, "1.0", health, ever or {"m": Totals(calls=3, cost_usd=1.5)}, {}, None, ())
    return replace(usual, **changes)


def scraped(one: Scene, steady: Steady | None = None) -> Samples:
    return samples(exposition(one, steady or Steady(), "")[0].decode())


def test_a_total_never_shrinks_and_grows_on_from_where_it_was() -> None:
    """A run of 5 calls turns out to be 2 calls logged one by one; then 3 more are made."""
    steady = Steady()
    shown = [
        scraped(scene({"m": Totals(calls=calls)}), steady)["callmeter_calls_total", "m"]
        for calls in (5, 2, 5)
    ]
    assert shown == [5, 5, 8]


def test_a_model_that_is_gone_keeps_its_total() -> None:
    steady = Steady()
    scraped(scene({"old": Totals(calls=5)}), steady)
    found = scraped(scene({"new": Totals(calls=1)}), steady)
    assert (found["callmeter_calls_total", "old"], found["callmeter_calls_total", "new"]) == (5, 1)


def test_while_days_are_still_read_there_are_no_totals() -> None:
    """They would grow by the whole history, as if all of it had just been spent; today's would be low."""
    found = scraped(scene(health=Health(days_loaded=1, days_total=9), today={"m": Totals(calls=1)}))
    assert found["callmeter_log_loading",] == 1
    assert not [key for key in found if key[0] in ("callmeter_calls_total", "callmeter_today_calls")]


def test_a_folder_that_comes_back_is_not_counted_again() -> None:
    """5 calls; the disk is away and so is what was read of it; 5 calls again."""
    steady, away = Steady(), scene({}, health=Health(folder_problem="cannot be read"))
    there = scene({"m": Totals(calls=5)})
    shown = [scraped(one, steady)["callmeter_calls_total", "m"] for one in (there, away, there)]
    assert shown == [5, 5, 5]


def test_money_is_not_told_while_days_are_read(demo: Server) -> None:
    demo.post("/usage/update_budget", {"remaining_budget": 50})
    store: Any = Unread(demo.store)
    service = Service(demo.settings, store, demo.desk, lambda: datetime.now(UTC), None)
    scene = service._scene()
    assert (scene.position, scene.alerts, scene.health.loading) == (None, None, True)


def test_days_that_cannot_be_read_are_counted() -> None:
    health = Health(
        3, problems=(Problem("api-calls-2026-11-20.jsonl", 0, "no"),), days_loaded=1, days_total=1
    )
    assert scraped(scene(health=health))["callmeter_log_unreadable_days",] == 1
    assert scraped(scene())["callmeter_log_unreadable_days",] == 0


def test_many_models_are_one_series_beyond_the_first() -> None:
    many = {f"m{number:03}": Totals(calls=1) for number in range(MOST_MODELS + 20)}
    found = scraped(scene(many))
    names = {key[1] for key in found if key[0] == "callmeter_calls_total"}
    assert len(names) == MOST_MODELS + 1
    assert found["callmeter_calls_total", OTHER] == 20


def test_a_name_cannot_break_the_text() -> None:
    name = 'a"b\\c\nd{} 1\n# HELP x'
    assert scraped(scene({name: Totals(calls=2)}))["callmeter_calls_total", name] == 2


def test_what_is_not_known_is_not_there() -> None:
    found = scraped(scene(health=Health()))
    assert not [key for key in found if "credit" in key[0] or "last_call" in key[0] or "burn" in key[0]]
    empty = Position(
        NOW, {}, {}, (), Pace(None, 0, 0.0, None), None, None, "unknown", "", pd.Series(dtype="float64"), ()
    )
    found = scraped(scene(position=empty))
    assert not [key for key in found if "credit" in key[0] or "burn" in key[0]]


def test_alerts_are_counted_by_severity() -> None:
    alerts = tuple(Alert(Condition(f"r{n}", "", 1, "warning", "So it is."), NOW) for n in range(2))
    found = scraped(scene(alerts=alerts))
    assert [found["callmeter_open_alerts", name] for name in ("info", "warning", "critical")] == [0, 2, 0]
    assert not [key for key in scraped(scene(alerts=None)) if key[0] == "callmeter_open_alerts"]


def test_the_age_of_the_newest_call() -> None:
    assert scraped(scene())["callmeter_seconds_since_last_call",] == 90
