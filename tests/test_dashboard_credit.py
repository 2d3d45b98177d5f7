"""Prepaid credit: the balance by ledger and log, in which order it is used, and when it is low."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.errors import SettingError
from dashboard.money import credit
from dashboard.money.credit import Balance, CreditRules, Drift
from dashboard.money.forecast import RunOut
from dashboard.money.ledger import Entry, Grant, Reading
from dashboard.money.scope import Scope
from dashboard.money.spending import Spent

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 11, 2, 9, tzinfo=BERLIN)
NOW = START + timedelta(days=20)


def evenly(usd_per_day: float) -> Callable[[datetime, datetime], Spent]:
    """So much is logged every day, all day long."""
    return lambda since, until: Spent(usd_per_day * (until - since) / timedelta(days=1))


def grant(usd: float, expires: date | None = None, after: float = 0, label: str = "") -> Grant:
    return Grant(f"g{usd:g}", START + timedelta(days=after), usd, label, expires)


def reading(usd: float, after: float) -> Reading:
    return Reading(f"r{after:g}", START + timedelta(days=after), usd)


def at(entries: list[Entry], usd_per_day: float = 0, now: datetime = NOW) -> Balance:
    found = credit.balance(entries, evenly(usd_per_day), now, BERLIN)
    assert found is not None
    return found


# The balance


def test_an_empty_ledger_has_no_balance() -> None:
    assert credit.balance([], evenly(5), NOW, BERLIN) is None
    assert credit.balance([grant(100, after=30)], evenly(5), NOW, BERLIN) is None


def test_what_was_logged_since_a_grant_is_taken_off() -> None:
    found = at([grant(1000)], 6)
    assert found.left_usd == pytest.approx(880)
    assert found.spent_since.usd == pytest.approx(120)
    assert (found.share_left, found.granted_usd, found.last_reading) == (pytest.approx(0.88), 1000, None)


def test_a_reading_sets_the_balance_and_its_drift_is_kept() -> None:
    """$1,000 less 19 days at $6.25 is $881.25; the Console shows $876."""
    found = at([grant(1000), reading(876, after=19)], 6.25)
    assert found.left_usd == pytest.approx(876 - 6.25)
    (drift,) = found.drifts
    assert drift.expected_usd == pytest.approx(881.25)
    assert drift.usd == pytest.approx(5.25)
    assert found.correction == pytest.approx(124 / 118.75)
    assert found.since == START + timedelta(days=19)


def test_a_first_reading_alone_is_a_beginning() -> None:
    found = at([reading(50, after=0)], 1)
    assert found.left_usd == pytest.approx(30)
    assert (found.drifts[0].expected_usd, found.drifts[0].usd, found.correction) == (None, None, 1)
    assert (found.share_left, [lot.grant for lot in found.lots]) == (None, [None])


def test_a_grant_after_a_reading_adds_to_it() -> None:
    assert at([reading(50, after=0), grant(100, after=10)]).left_usd == 150


def test_grants_are_used_in_order_of_expiry_and_those_without_one_last() -> None:
    entries = [grant(30), grant(50, date(2026, 12, 31)), grant(40, date(2026, 11, 30))]
    assert [lot.left_usd for lot in at(entries, 0).lots] == [40, 50, 30]
    assert [lot.left_usd for lot in at(entries, 3).lots] == pytest.approx([30, 30])


def test_what_is_left_of_a_grant_is_gone_after_its_last_local_day() -> None:
    entries: list[Entry] = [grant(100, date(2026, 11, 12)), grant(50)]
    last_moment = datetime(2026, 11, 12, 23, 59, 59, tzinfo=BERLIN)
    assert at(entries, 0, last_moment).left_usd == 150
    after = at(entries, 0, last_moment + timedelta(seconds=1))
    assert (after.left_usd, after.expired_usd, after.granted_usd) == (50, 100, 50)


def test_what_was_used_before_it_expired_is_not_lost() -> None:
    found = at([grant(100, date(2026, 11, 11)), grant(50)], 4)
    before = 4 * (datetime(2026, 11, 12, tzinfo=BERLIN) - START) / timedelta(days=1)
    assert found.expired_usd == pytest.approx(100 - before)
    assert found.left_usd == pytest.approx(50 - (80 - before))


def test_more_logged_than_there_was_is_below_nothing_and_the_next_grant_pays_it() -> None:
    assert at([grant(50)], 4).left_usd == pytest.approx(-30)
    found = at([grant(50), grant(100, after=20)], 4)
    assert found.left_usd == pytest.approx(70)
    assert [lot.left_usd for lot in found.lots] == pytest.approx([70])


def test_a_reading_above_the_count_refills_what_is_used_last_first() -> None:
    """Of $40 until November and $50 until December, $60 are logged; the Console shows $10 more than is left."""
    entries = [grant(40, date(2026, 11, 30)), grant(50, date(2026, 12, 31)), reading(40, after=20)]
    found = at(entries, 3)
    assert [(lot.grant and lot.grant.amount_usd, lot.left_usd) for lot in found.lots] == [
        (50, pytest.approx(40))
    ]
    more = at([*entries[:2], reading(100, after=20)], 3)
    assert [(lot.grant and lot.grant.amount_usd, lot.left_usd) for lot in more.lots] == [
        (40, pytest.approx(40)),
        (50, pytest.approx(50)),
        (None, pytest.approx(10)),
    ]


def test_calls_of_unknown_cost_make_it_a_most() -> None:
    def spent(since: datetime, until: datetime) -> Spent:
        return Spent(1.0, 3)

    found = credit.balance([grant(10), reading(5, after=1)], spent, NOW, BERLIN)
    assert found is not None
    assert (found.left_usd, found.uncertain) == (4, 3)
    assert credit.status(found, LONG, CreditRules())[1] == "At most $4.00 of credit is left, less than $5.00."


def test_the_share_is_of_what_there_was_when_credit_was_last_added() -> None:
    """Bought $20 twice: the second is not announced as 50 % used."""
    found = at([grant(20), grant(21, after=18)], 1)
    assert found.granted_usd == pytest.approx(2 + 21)
    assert found.added == "g21"


def test_a_reading_that_shows_added_credit_begins_anew() -> None:
    found = at([reading(5, after=0), reading(105, after=1)], 1)
    assert (found.added, found.correction) == ("r1", 1)
    assert at([reading(50, after=0), reading(48, after=1)], 1).added == "r0"
    bought = at([grant(200), reading(20, after=10), reading(120, after=11)], 1)
    assert (bought.added, bought.granted_usd) == ("r11", 120)


SPANS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 20), st.floats(0, 500), st.sampled_from([None, 3, 8, 15])),
    min_size=1,
    max_size=8,
)


@given(SPANS, st.floats(0, 60))
def test_whatever_is_entered_the_lots_add_up_and_a_reading_is_believed(
    spans: list[tuple[bool, int, float, int | None]], per_day: float
) -> None:
    entries: list[Entry] = []
    for number, (granted, after, usd, lasts) in enumerate(sorted(spans, key=lambda span: span[1])):
        when = START + timedelta(days=after, minutes=number)
        ends = when.date() + timedelta(days=lasts) if lasts else None
        entries.append(
            Grant(str(number), when, usd, "", ends) if granted else Reading(str(number), when, usd)
        )
    found = at(entries, per_day)
    held = sum(lot.left_usd for lot in found.lots)
    assert found.left_usd == pytest.approx(held if held > 1e-6 else min(found.left_usd, 0), abs=1e-6)
    assert all(0 <= lot.left_usd <= (lot.grant.amount_usd if lot.grant else 1e9) + 1e-6 for lot in found.lots)
    assert 0.5 <= found.correction <= 3
    last = entries[-1]
    if isinstance(last, Reading):
        assert at(entries, per_day, last.at).left_usd == pytest.approx(last.balance_usd, abs=1e-6)
    moments = [entries[0].at, NOW]
    assert credit.history(entries, evenly(per_day), moments, BERLIN)[-1] == pytest.approx(
        found.left_usd, abs=1e-6
    )


# Drift


def drift(logged: float, real: float, after_reading: bool = True) -> Drift:
    return Drift(Reading("r", NOW, 100 - real), 100 - logged, logged, after_reading)


@pytest.mark.parametrize(
    ("drifts", "expected"),
    [
        ([], 1),
        ([drift(100, 104)], 1.04),
        ([drift(0.4, 4)], 1),  # too little logged
        ([drift(10, 1)], 1),  # credit was added that nobody entered
        ([drift(10, 90)], 3),  # most of the use is not logged
        ([drift(10, 90, after_reading=False)], 1),  # the grant was used long before the log began
        ([drift(100, 100), drift(100, 110)], (0.7 * 100 + 110) / (0.7 * 100 + 100)),
        ([drift(10, 4), drift(10, 16)] * 4, 1),  # the Console shows some a day late
        ([drift(10, 16), drift(10, 4)] * 4, 1),
        ([drift(10, 4), drift(10, 16), drift(10, 4)], 1),  # the last is judged with the next
        ([drift(50, 95), drift(10, -35)], 1),  # 5 typed for 50, and put right
        ([drift(50, -400), drift(10, 460)], 1),  # 500 typed for 50, and put right
        ([drift(0.3, 0.6)] * 4, 2),  # little at a time
        ([drift(100, 104), drift(10, -30), drift(100, 104)], 1.04),  # credit was added that nobody entered
    ],
)
def test_real_over_logged_spending_corrects_the_burn_rate(drifts: list[Drift], expected: float) -> None:
    assert credit.correction(drifts) == pytest.approx(expected)


# Status and conditions

LONG = RunOut(None, None, None, 60.0, True, 10.0)
FRESH = at([grant(1000)])


@pytest.mark.parametrize(
    ("left", "days", "burn", "status", "why"),
    [
        (876, 60, 1, "ok", "$876.00 of credit is left; no limit is near."),
        (876, None, None, "ok", "$876.00 of credit is left; no limit is near."),
        (876, 60, 2.5, "caution", "Today burns credit fast: 2.5 times a usual day like it so far."),
        (876, 1.9, 2.5, "warning", "$876.00 of credit is left; at this pace it lasts about 1.9 days."),
        (9.99, 60, 1, "warning", "$9.99 of credit is left, less than $10.00."),
        (12, 0.5, 1, "critical", "$12.00 of credit is left; at this pace it lasts about 12 h."),
        (4.99, 60, 1, "critical", "$4.99 of credit is left, less than $5.00."),
        (0, 0, 1, "critical", "Nothing is left of the credit by what was logged."),
        (-3, 0, None, "critical", "Nothing is left of the credit by what was logged."),
    ],
)
def test_the_status_and_why(
    left: float, days: float | None, burn: float | None, status: str, why: str
) -> None:
    run_out = replace(LONG, days_left=days, times_usual=burn)
    assert credit.status(replace(FRESH, left_usd=left), run_out, CreditRules()) == (status, why)


def test_each_share_that_is_passed_is_told_of_the_highest_last() -> None:
    found = credit.conditions(replace(FRESH, left_usd=245.1), LONG, CreditRules())
    assert [(one.rule, one.period, one.level, one.severity) for one in found] == [
        ("credit:left", "g1000", 25, "info"),
        ("credit:left", "g1000", 50, "info"),
        ("credit:left", "g1000", 75, "warning"),
    ]
    assert found[-1].sentence == "Less than 25 % of the credit is left: $245.10 of $1,000."


def test_a_low_balance_is_told_with_every_level_below_it() -> None:
    rules = CreditRules(left=())
    found = credit.conditions(replace(FRESH, left_usd=4), replace(LONG, times_usual=3.0), rules)
    assert [(one.rule, one.period, one.level, one.severity) for one in found] == [
        ("credit:burn", "2026-11-22", 1, "info"),
        ("credit:balance", "g1000", 2, "warning"),
        ("credit:balance", "g1000", 3, "critical"),
    ]


def test_nothing_is_told_while_all_is_well() -> None:
    assert credit.conditions(FRESH, LONG, CreditRules()) == []


# Settings


def test_every_limit_can_be_set_and_whose_calls_count() -> None:
    table = {"critical_usd": 20, "left": [50, 10], "high_burn": 3.5, "project": "night-*"}
    assert credit.rules_of(table, "callmeter.toml") == CreditRules(
        critical_usd=20, left=(10, 50), high_burn=3.5, scope=Scope(project=("night-*",))
    )
    assert credit.rules_of({}, "callmeter.toml") == CreditRules()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"critical": 5}, "callmeter.toml: [credit]: critical: no such key; did you mean critical_"),
        ({"warning_usd": "10"}, "callmeter.toml: [credit]: warning_usd: must be a number above 0, not '10'"),
        ({"left": [150]}, "callmeter.toml: [credit]: left: must be a list of percentages"),
    ],
)
def test_a_wrong_table_is_a_sentence_with_file_and_key(table: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError) as error:
        credit.rules_of(table, "callmeter.toml")
    assert str(error.value).startswith(said)
