"""Open alerts: what is told of them is what is so now, not what was so when they were raised."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard import settings
from dashboard.errors import FolderError
from dashboard.money import alerts
from dashboard.money.alerts import Alert, Condition
from dashboard.money.desk import Desk
from dashboard.money.open_alerts import OpenAlerts, as_now
from tests import frames

NOW = datetime(2026, 11, 22, 14, 35, tzinfo=UTC)
BUDGET = '[[budget]]\nname = "Daily"\nperiod = "day"\nlimit = 3\n'


def _condition(sentence: str, **given: Any) -> Condition:
    return replace(Condition("budget:Daily", "2026-11-22", 100, "critical", sentence), **given)


@pytest.fixture
def store() -> frames.FrameStore:
    return frames.FrameStore([{"time": NOW - timedelta(hours=1), "cost_usd": 3.01}])


@pytest.fixture
def desk(tmp_path: Path, store: frames.FrameStore) -> Desk:
    """$3.01 of $3 in the last hour, looked at by nobody yet."""
    (tmp_path / "callmeter.toml").write_text(BUDGET)
    chosen = settings.load({"log_dir": str(tmp_path / "api")}, {"TZ": "UTC"}, tmp_path, tmp_path)
    return Desk(store, chosen, {}, tmp_path, clock=lambda: NOW)


def test_an_open_alert_is_told_with_the_numbers_of_now_and_the_moment_it_was_raised() -> None:
    raised = Alert(_condition("$3.01 of $3.00"), NOW - timedelta(hours=2))
    now = as_now([raised], [_condition("$403.01 of $3.00"), _condition("else", level=80)])
    assert [(one.condition.sentence, one.raised) for one in now] == [("$403.01 of $3.00", raised.raised)]


def test_an_alert_without_a_present_condition_keeps_its_sentence() -> None:
    raised = Alert(_condition("$3.01 of $3.00"), NOW)
    assert as_now([raised], []) == (raised,)


def test_what_became_worse_comes_first() -> None:
    mild = Alert(_condition("mild", rule="credit:balance", severity="info"), NOW - timedelta(hours=3))
    other = Alert(_condition("other", severity="warning"), NOW)
    worse = _condition("bad", rule="credit:balance", severity="critical")
    assert [one.condition.sentence for one in as_now([other, mild], [worse])] == ["bad", "other"]


def test_names_of_logs_are_as_harmless_as_in_the_file() -> None:
    """A file keeps long rules cut, so that the id of what is so now is that of its cut form."""
    now = _condition("a\x1b[31m\nb", rule="budget:" + "x" * 300)
    known = Alert(alerts.harmless(now), NOW)
    assert [one.condition.sentence for one in as_now([known], [now])] == ["a [31m b"]


def test_what_is_spent_after_the_crossing_is_in_the_sentence(desk: Desk, store: frames.FrameStore) -> None:
    desk.note(NOW)
    store.add({"time": NOW, "cost_usd": 400.0})
    later = NOW + timedelta(minutes=5)
    told = desk.open_alerts(later)
    assert told.problem is None and [one.raised for one in told.alerts] == [NOW]
    assert "$403.01 of $3.00" in told.alerts[0].condition.sentence
    assert "$3.01 of $3.00" in desk.alerts.history(1)[0].condition.sentence


@pytest.mark.parametrize("missing", [{"days_loaded": 1, "days_total": 2}, {"folder_problem": "is a file"}])
def test_while_the_log_is_not_there_to_the_end_the_sentence_of_the_crossing_stands(
    desk: Desk, store: frames.FrameStore, missing: dict[str, Any]
) -> None:
    desk.note(NOW)
    store.add({"time": NOW, "cost_usd": 400.0})
    store.health_extra = missing
    assert "$3.01 of $3.00" in desk.open_alerts(NOW).alerts[0].condition.sentence


def test_alerts_that_cannot_be_read_are_none_and_a_sentence(desk: Desk, tmp_path: Path) -> None:
    file = desk.alerts._folder / "alerts.jsonl"
    file.mkdir(parents=True)
    told = desk.open_alerts(NOW)
    assert told.alerts == () and told.problem is not None and str(file) in told.problem
    assert desk.open_alerts(NOW) == OpenAlerts((), told.problem)


def test_a_ledger_that_cannot_be_read_takes_no_alert_away(desk: Desk, monkeypatch: Any) -> None:
    desk.note(NOW)

    def fail() -> None:
        raise FolderError(Path("credit.jsonl"), "cannot be read")

    monkeypatch.setattr(desk.ledger, "entries", fail)
    told = desk.open_alerts(NOW + timedelta(minutes=1))
    assert len(told.alerts) == 1 and told.problem is None
