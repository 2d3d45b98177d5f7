"""What a look may not take for ended: what depends on missing calls, or on settings that were not found."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboard.money.alerts import Alert, Condition
from dashboard.money.doubt import keeps, missing, over, unread, unset
from dashboard.money.ledger import Reading
from dashboard.store.base import Health, Problem

HERE = datetime(2026, 11, 22, 14, 5, tzinfo=ZoneInfo("Europe/Berlin"))  # a Sunday


def alert(rule: str, period: str = "") -> Alert:
    return Alert(Condition(rule, period, 100, "warning", "Said."), HERE)


def reading(days: int) -> Reading:
    at = HERE - timedelta(days=days)
    return Reading("r1", at, 100.0)


def missing_day(back: int) -> tuple[tuple[date, str], ...]:
    return ((HERE.date() - timedelta(days=back), "Said."),)


def test_a_whole_file_that_cannot_be_read_is_a_day_and_a_bad_line_is_not() -> None:
    problems = (
        Problem("api-calls-2026-11-22.jsonl", 0, "cannot be read: Permission denied"),
        Problem("api-calls-2026-11-21.jsonl", 7, "is no JSON object"),
    )
    said = (
        "api-calls-2026-11-22.jsonl: cannot be read: Permission denied;"
        " alerts of what it may hold do not end meanwhile."
    )
    assert unread(Health(problems=problems)) == ((date(2026, 11, 22), said),)


@pytest.mark.parametrize(
    ("rule", "period", "back", "kept"),
    [
        ("budget:Daily", "2026-11-22#1f2e3d4c", 0, True),
        ("budget:Weekly", "2026-W47#1f2e3d4c", 6, True),
        ("budget:Monthly", "2026-11#1f2e3d4c", 21, True),
        ("budget:Monthly", "2026-11#1f2e3d4c", 22, False),  # a day of October
        ("budget:Daily", "2026-11-21#1f2e3d4c", 1, False),  # its period is over
        ("watch:session:s", "", 1, True),
        ("watch:session:s", "", 2, False),
        ("credit:balance", "", 9, True),
        ("credit:balance", "", 11, False),  # before the last reading
    ],
)
def test_an_alert_is_kept_while_a_day_that_decides_on_it_is_missing(
    rule: str, period: str, back: int, *, kept: bool
) -> None:
    keep = keeps(missing_day(back), [reading(40), reading(10)], HERE, has_file=True)
    assert keep(alert(rule, period)) is kept


def test_without_a_settings_file_budgets_are_kept_until_their_periods_end() -> None:
    keep = keeps((), (), HERE, has_file=False)
    alerts = [
        alert("budget:Daily", "2026-11-22#1f"),
        alert("budget:Daily", "2026-11-21#1f"),
        alert("watch:x"),
    ]
    assert [keep(one) for one in alerts] == [True, False, False]
    assert [said.partition(", but")[0] for said in unset(alerts, HERE)] == [
        "Alerts of budgets are open (Daily)"
    ]
    assert unset(alerts[1:], HERE) == ()


def test_a_missing_day_is_told_while_something_depends_on_it() -> None:
    assert missing(missing_day(21), (), HERE) == ("Said.",)
    assert missing(missing_day(40), (), HERE) == ()
    assert missing(missing_day(40), [reading(50)], HERE) == ("Said.",)


@pytest.mark.parametrize(
    ("period", "ended"),
    [
        ("2026-11-22T14#1f", False),
        ("2026-11-22T13#1f", True),
        ("2026-11-22", False),
        ("2026-W46#1f", True),
        ("2026-10#1f", True),
        ("2026-11#22", False),
        ("of another kind", False),
    ],
)
def test_the_period_of_a_budget_ends(period: str, *, ended: bool) -> None:
    assert over(alert("budget:Daily", period), HERE) is ended
