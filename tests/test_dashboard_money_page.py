"""The money view and the banner, without a browser: positions made by hand and what is shown of them."""

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from dash import html

from dashboard import metrics, settings
from dashboard.charts import burndown
from dashboard.errors import FolderError
from dashboard.money.alerts import Alert, Condition
from dashboard.money.budgets import Budget, Standing
from dashboard.money.credit import Balance, Drift, Lot
from dashboard.money.desk import Desk
from dashboard.money.forecast import Pace, RunOut
from dashboard.money.ledger import Grant, Reading
from dashboard.money.open_alerts import OpenAlerts
from dashboard.money.position import RANGES, Position
from dashboard.money.scope import Scope
from dashboard.money.spending import Spent
from dashboard.money.watches import Lost
from dashboard.web import alert_list, balance, banner, budget_bars, ids, live, money, overview, what_if
from dashboard.web.banner import Seen
from dashboard.web.money import Facts
from dashboard.web.urls import State
from tests import frames
from tests.frames import at

NOW = at("2026-11-22 14:35")
NOTHING_LOST = Lost(0, 0.0, 0, 0)


def _position(**given: Any) -> Position:
    """Nothing on record, $2 a day since the first of the month."""
    daily = pd.Series(2.0, index=pd.date_range("2026-10-20", "2026-11-22", freq="D"))
    spent = metrics.totals(frames.sums(frames.rows([{"time": NOW, "cost_usd": 50.0}])))
    plain = Position(
        at=NOW,
        spent=dict.fromkeys(RANGES, spent),
        lost=dict.fromkeys(RANGES, NOTHING_LOST),
        standings=(),
        pace=Pace(2.0, 33, 2.0, 60.0),
        balance=None,
        run_out=None,
        status="unknown",
        why="No credit is on record.",
        daily=daily,
        conditions=(),
    )
    return replace(plain, **given)


PROMO = Grant("g1", at("2026-11-01 09:00"), 1000.0, "promo", date(2026, 12, 31))
READ = Reading("r1", at("2026-11-22 11:30"), 876.0)


def _balance(**given: Any) -> Balance:
    """$1,000 of promo credit, read as $876 three hours ago, $4.80 logged since."""
    plain = Balance(
        at=NOW,
        left_usd=871.2,
        uncertain=0,
        lots=(Lot(PROMO, 871.2),),
        granted_usd=1000.0,
        since=READ.at,
        last_reading=READ,
        spent_since=Spent(4.8, 0),
        drifts=(Drift(READ, 881.2, 118.8),),
        expired_usd=0.0,
        correction=1.04,
    )
    return replace(plain, **given)


def _run_out(likely: date | None, earliest: date | None = None, latest: date | None = None) -> RunOut:
    return RunOut(likely, earliest, latest, 13.0, True, 40.0)


ENDS = _run_out(date(2026, 12, 5), date(2026, 12, 3), date(2026, 12, 9))


def _standing(current: float = 4.1, projected: float | None = 9.8, **budget: Any) -> Standing:
    plain = {"name": "Daily spending", "period": "day", "limit": 10.0}
    return Standing(Budget(**plain | budget), at("2026-11-22"), at("2026-11-23"), current, False, projected)


def _alert(level: int = 100, severity: str = "critical", *, cleared: datetime | None = None) -> Alert:
    condition = Condition("budget:Day", "2026-11-22", level, severity, f"Day: {level} % is reached.")
    return Alert(condition, at("2026-11-22 13:00"), cleared=cleared)


def _texts(tree: Any) -> list[str]:
    """Every text of a tree of components, in order."""
    if tree is None or isinstance(tree, str):
        return [tree] if tree else []
    if isinstance(tree, list | tuple):
        return [words for part in tree for words in _texts(part)]
    return _texts(getattr(tree, "children", None))


def _said(tree: Any) -> str:
    return " ".join(_texts(tree))


def _classes(tree: Any) -> list[str]:
    return [getattr(part, "className", None) or "" for part in html.Div(tree)._traverse()]


# Balance


def test_without_a_ledger_the_balance_card_says_how_to_begin() -> None:
    said = _said(balance.render(_position()))
    assert "callmeter balance grant 1000 --label promo --expires 2026-12-31" in said
    assert "callmeter balance read 876" in said


def test_the_balance_card_tells_what_is_left_until_when_and_what_that_rests_on() -> None:
    said = _said(balance.render(_position(balance=_balance(), run_out=ENDS, status="ok", why="fine")))
    assert said.startswith("$871.20 ✓ fine 87.1 % of $1,000 left It runs out between 3 and 9 December")
    assert "$876.00, 3 h ago (Sun 22 Nov, 11:30)" in said
    assert "$5.20 more was spent than was logged (4.4 %)" in said
    assert "Logged since $4.80" in said
    assert "about $2.00 a day, which is ×1.04 of what is logged" in said
    assert "promo $871.20 of $1,000, until 31 Dec 2026" in said


def test_calls_of_unknown_cost_make_the_balance_an_upper_bound() -> None:
    held = _balance(uncertain=3)
    assert balance.amount(held) == "≤ $871.20" and balance.amount(_balance()) == "$871.20"
    said = _said(balance.render(_position(balance=held, run_out=ENDS, status="ok")))
    assert "≥ $4.80, 3 calls not fully known" in said


@pytest.mark.parametrize("status", ["caution", "warning", "critical"])
def test_a_low_balance_says_why_and_its_mark_has_a_word_and_a_shape(status: str) -> None:
    tree = balance.render(_position(balance=_balance(), run_out=ENDS, status=status, why="It is low."))
    assert "It is low." in _said(tree) and f"! {status}" in _said(tree)
    assert f"mark {status}" in _classes(tree)


def test_without_enough_history_no_day_is_told() -> None:
    unknown = RunOut(None, None, None, None, False, None)
    said = _said(balance.render(_position(balance=_balance(), run_out=unknown, status="ok")))
    assert "Not enough history yet to say when it runs out." in said


def test_a_balance_that_was_never_read_says_how_to_read_it() -> None:
    held = _balance(last_reading=None, drifts=())
    said = _said(balance.render(_position(balance=held, run_out=ENDS, status="ok")))
    assert "none yet: callmeter balance read 876" in said and "Drift" not in said


# Budgets


def test_a_budget_is_told_in_one_line() -> None:
    assert budget_bars.words(_standing()) == "$4.10 of $10.00 today · 41 % · about $9.80 by midnight"
    tokens = _standing(842_000.0, None, name="Week", period="week", limit=1e6, measure="tokens")
    assert budget_bars.words(tokens) == "842 k of 1.00 M tokens this week · 84 %"
    assert budget_bars.words(replace(_standing(), lower_bound=True)).startswith("≥ $4.10 of $10.00")


def test_a_projection_beyond_the_limit_is_said_and_one_of_a_spent_budget_is_not() -> None:
    assert budget_bars.words(_standing(projected=12.0)).endswith("about $12.00 by midnight, over the limit")
    assert budget_bars.words(_standing(11.0, 12.0)).endswith("about $12.00 by midnight")


@pytest.mark.parametrize(
    ("current", "grade", "said"),
    [(1.0, "ok", "within"), (8.5, "warning", "80 % reached"), (12.4, "critical", "exceeded")],
)
def test_the_state_of_a_budget_is_a_colour_a_shape_and_a_word(current: float, grade: str, said: str) -> None:
    tree = budget_bars.bar(_standing(current))
    assert f"mark {grade}" in _classes(tree) and f"budget {grade}" in _classes(tree)
    assert said in _texts(tree)


def test_the_parts_of_a_bar_stand_where_their_numbers_are() -> None:
    """$5 used, $20 expected, of $10: the bar is $20 wide, the limit in its middle."""
    track = budget_bars.bar(_standing(5.0, 20.0, warn=(80.0,))).children[1]
    places = {part.className: part.style for part in track.children}
    assert places == {
        "ahead": {"width": "100.00%"},
        "fill": {"width": "25.00%"},
        "tick warn": {"left": "40.00%"},
        "tick limit": {"left": "50.00%"},
    }


def test_whose_calls_a_budget_means_stands_beside_its_name() -> None:
    scope = Scope(project=("website",), model=("claude-opus-*",))
    assert "project website, model claude-opus-*" in _texts(budget_bars.bar(_standing(scope=scope)))


def test_without_budgets_the_panel_says_how_to_begin_unless_the_file_is_wrong() -> None:
    assert "callmeter budget init" in _said(budget_bars.render(()))
    assert "said above" in _said(budget_bars.render((), troubled=True))


# What if


def test_the_pace_tells_what_the_month_costs_and_what_it_cost_so_far() -> None:
    """$2 a day from the 1st to the 22nd."""
    said = _said(what_if.pace(_position()))
    assert "If this pace goes on,  November costs about $60 ." in said
    assert "$44.00 so far; about $2.00 a day, by the last 33 days." in said


def test_without_enough_history_the_month_is_not_guessed() -> None:
    said = _said(what_if.pace(_position(pace=Pace(None, 1, 2.0, None))))
    assert said == "Not enough history yet to say what November will cost; $44.00 so far."


@pytest.mark.parametrize("given", [None, "", "abc", 0, -5, True, float("nan"), 1e12])
def test_what_is_no_amount_asks_for_one(given: Any) -> None:
    assert what_if.said(_position(balance=_balance()), given) == what_if.ASK


def test_another_pace_tells_until_when_the_credit_lasts_and_what_a_month_costs() -> None:
    """$871.20 at $100 a day: 9.4 hours of today take $39, eight whole days follow, the ninth is cut short."""
    said = what_if.said(_position(balance=_balance()), 100)
    assert said == (
        "At $100.00 a day the credit lasts until about Tuesday 1 December, 9 days; "
        "a month of 30 days costs $3,000."
    )
    assert what_if.said(_position(), 20) == "At $20.00 a day a month of 30 days costs $600."


def test_what_expires_before_it_is_used_is_said() -> None:
    """$10 a day till the end of the year use about $394 of $871.20."""
    said = what_if.said(_position(balance=_balance()), 10)
    assert "until about Thursday 31 December, 39 days, with $477.28 of it expired unused" in said


def test_tranches_are_used_in_their_order_and_expire_at_the_end_of_their_day() -> None:
    midnight = at("2026-11-22")
    assert what_if.lasts([(10.0, date(2026, 11, 22)), (10.0, None)], 5.0, midnight) == (
        date(2026, 11, 24),
        5.0,
    )
    assert what_if.lasts([(10.0, None)], 5.0, midnight) == (date(2026, 11, 23), 0.0)
    assert what_if.lasts([(10.0, None)], 0.001, midnight) == (None, 0.0)
    assert what_if.lasts([], 5.0, midnight)[0] == date(2026, 11, 22)


# What failures cost


def test_what_failures_cost_is_told_for_three_ranges_with_lower_bounds_marked() -> None:
    of = {"today": NOTHING_LOST, "7d": Lost(2, 0.0, 2, 1), "30d": Lost(12, 0.42, 1, 30)}
    said = _said(money.lost(_position(lost=of)))
    assert said.startswith("12 failed calls in 30 days cost ≥ $0.42, 0.8 % of what was spent.")
    assert "Today 0 $0 0 7 days 2 not known 1 30 days 12 ≥ $0.42 30" in said
    assert _said(money.lost(_position())).startswith("No call failed in 30 days.")


# Alerts


def test_open_alerts_stand_before_those_that_ended() -> None:
    over = _alert(80, "warning", cleared=at("2026-11-22 14:00"))
    said = _said(alert_list.render(OpenAlerts((_alert(),)), (_alert(), over), NOW))
    assert said == (
        "! critical since Sun 22 Nov, 13:00 Day: 100 % is reached. "
        "Before ! warning Sun 22 Nov, 13:00 – 14:00 Day: 80 % is reached."
    )
    assert _said(alert_list.render(OpenAlerts(), (), NOW)) == "Nothing to be told of, now or before."
    assert _said(alert_list.render(OpenAlerts(problem="no"), (over,), NOW)) == alert_list.UNKNOWN


def test_many_open_alerts_do_not_hide_those_that_ended(tmp_path: Path) -> None:
    desk = _desk(tmp_path, frames.FrameStore())
    over, *many = [Condition(f"watch:{n}", "", 1, "info", f"Session {n}.") for n in range(60)]
    desk.alerts.take([over], NOW - timedelta(hours=3))
    desk.alerts.take(many, NOW - timedelta(hours=2))
    listed = alert_list.render(OpenAlerts(), money.gather(desk, NOW).past, NOW)
    assert _said(listed).endswith("Session 0.")


def test_a_long_list_says_how_long_it_is() -> None:
    five, six = (alert_list.render(OpenAlerts(tuple(map(_alert, range(n)))), (), NOW) for n in (5, 6))
    assert _said(six).startswith("6 open, the worst first ! critical") and not _said(five).startswith("5")


def test_the_page_is_told_of_open_alerts_in_their_order_and_of_not_too_many() -> None:
    told = banner.told([_alert(n) for n in range(100, 200)])
    assert len(told) == banner.MOST
    assert told[0] == {
        "id": "budget:Day|2026-11-22|100",
        "severity": "critical",
        "sentence": "Day: 100 % is reached.",
    }


def test_a_page_is_told_of_an_alert_though_no_line_came() -> None:
    seen = [Seen(), Seen((_alert(),)), Seen()]
    feed = live.Live(frames.FrameStore(), money=lambda: seen[0])

    async def listen() -> list[tuple[int, str]]:
        told = []
        async for news in feed.news(lambda: NOW, heartbeat=30):
            if ids.ALERTS in news:
                told.append((len(news[ids.ALERTS]), news[ids.MONEY_TICK]))
                del seen[0]
            if not seen[1:]:
                return told
        return told

    told = asyncio.run(asyncio.wait_for(listen(), 20))
    feed.stop()
    assert [number for number, _ in told] == [0, 1] and told[0][1] != told[1][1]


def test_what_the_money_view_shows_changes_with_lines_rules_ledger_and_the_minute() -> None:
    store, basis = frames.FrameStore(), [1]
    feed = live.Live(store, money=lambda: Seen(basis=tuple(basis)))

    def tick(minute: int) -> str:
        feed.money()
        return str(feed.fresh(at(f"2026-11-22 14:{minute}"))[ids.MONEY_TICK])

    first = tick(35)
    assert tick(35) == first and tick(36) != first
    basis.append(2)
    changed = tick(35)
    store.add({"time": NOW})
    assert len({first, changed, tick(35)}) == 3


# The view as a whole


def test_every_part_of_the_view_has_its_place_in_the_frame_and_the_frame_alone_holds_the_control() -> None:
    known = {str(getattr(part, "id", None)) for part in html.Div(money.layout())._traverse()}
    places = {name for name, _ in money.PARTS} - {ids.fresh(burndown.ID)}
    assert places <= known and {ids.figure(burndown.ID), ids.WHAT_IF, ids.WHAT_IF_SAID} <= known


def test_parts_of_the_view_that_did_not_change_are_not_sent_again() -> None:
    from dash import no_update

    facts = Facts(_position(balance=_balance(), run_out=ENDS, status="ok"), None, OpenAlerts((_alert(),)))
    first = overview.only_new(money.render(facts), {})
    again = overview.only_new(money.render(replace(facts, opened=OpenAlerts())), first[-1])
    changed = [place for place, part in enumerate(again[:-1]) if part is not no_update]
    assert [money.PARTS[place][0] for place in changed] == [ids.ALERT_LIST]


def test_what_is_wrong_and_what_is_not_read_yet_stands_above_all() -> None:
    facts = Facts(_position(), problems=("callmeter.toml: limit: must be a number",), loading=True)
    said = _texts(money.render(facts)[0])
    assert said[0] == "callmeter.toml: limit: must be a number" and "not complete yet" in said[1]
    assert money.render(Facts(_position()))[0] is None


def _desk(tmp_path: Path, store: frames.FrameStore) -> Desk:
    chosen = settings.load({"log_dir": str(tmp_path / "api")}, {"TZ": "UTC"}, tmp_path, tmp_path)
    return Desk(store, chosen, {}, tmp_path, clock=lambda: NOW)


def test_the_view_of_a_real_desk_shows_ledger_and_history(tmp_path: Path, monkeypatch: Any) -> None:
    """$3 a day for 30 days; $100 granted ten days ago, no budgets set."""
    monkeypatch.chdir(tmp_path)
    lines = [{"time": NOW - timedelta(days=n), "cost_usd": 3.0} for n in range(30)]
    desk = _desk(tmp_path, frames.FrameStore(lines))
    desk.ledger.grant(NOW - timedelta(days=9, hours=1), 100.0, label="promo")
    shown = dict(zip([name for name, _ in money.PARTS], money.parts(desk, NOW), strict=True))
    assert _said(shown[ids.BALANCE]).startswith("$70.00")
    assert shown[ids.fresh(burndown.ID)]["data"]
    assert "callmeter budget init" in _said(shown[ids.BUDGETS])
    days = [row[0] for row in money.course_table(desk, NOW).rows]
    assert len(days) == len(set(days)) and "Sun 22 Nov 2026" in days


def test_a_ledger_that_cannot_be_read_is_a_sentence_on_the_view_and_no_banner(
    tmp_path: Path, monkeypatch: Any
) -> None:
    desk = _desk(tmp_path, frames.FrameStore())

    def fail() -> None:
        raise FolderError(tmp_path, "cannot be read")

    monkeypatch.setattr(desk.ledger, "entries", fail)
    trouble, *rest = money.parts(desk, NOW)
    assert "cannot be read" in trouble and not any(rest)
    assert "cannot be read" in money.suppose(desk, NOW, 20)
    assert money.course_table(desk, NOW).rows == []


def _alerts_of(desk: Desk, *levels: int) -> None:
    told = [Condition("budget:Day", "2026-11-22", n, "warning", f"{n} % at {NOW:%H:%M}") for n in levels]
    desk.alerts.take(told, NOW)


def test_a_ledger_that_cannot_be_read_takes_no_banner_away(tmp_path: Path, monkeypatch: Any) -> None:
    desk = _desk(tmp_path, frames.FrameStore())
    _alerts_of(desk, 80)

    def fail() -> None:
        raise FolderError(tmp_path, "cannot be read")

    monkeypatch.setattr(desk.ledger, "entries", fail)
    seen = banner.Watcher(desk, lambda: NOW).look()
    assert [one.condition.level for one in seen.alerts] == [80] and "cannot be read" in str(seen.basis)


def test_alerts_that_cannot_be_read_are_a_sentence_and_the_rest_of_the_view_stands(tmp_path: Path) -> None:
    """The file of the alerts is a folder."""
    desk = _desk(tmp_path, frames.FrameStore([{"time": NOW, "cost_usd": 3.0}]))
    desk.ledger.grant(NOW, 100.0)
    (tmp_path / "alerts" / "alerts.jsonl").mkdir(parents=True)
    seen = banner.Watcher(desk, lambda: NOW).look()
    assert seen.alerts == () and "alerts.jsonl" in str(seen.basis)
    shown = dict(zip([name for name, _ in money.PARTS], money.parts(desk, NOW), strict=True))
    assert "alerts.jsonl" in _said(shown[ids.MONEY_TROUBLE])
    assert "$100.00" in _said(shown[ids.BALANCE])
    assert "cannot be told" in _said(shown[ids.ALERT_LIST])


def test_the_words_of_the_banner_change_at_a_calm_pace_and_a_new_alert_comes_at_once(tmp_path: Path) -> None:
    """A budget of $3: $3.01, then $1 more with each line."""
    (tmp_path / "callmeter.toml").write_text('[[budget]]\nname = "Day"\nperiod = "day"\nlimit = 3\n')
    store, seconds = frames.FrameStore([{"time": NOW, "cost_usd": 3.01}]), [0.0]
    desk = _desk(tmp_path, store)
    desk.note(NOW)
    watcher = banner.Watcher(desk, lambda: NOW, lambda: seconds[0])

    def words(after: float) -> list[str]:
        seconds[0] += after
        store.add({"time": NOW, "cost_usd": 1.0})
        return [alert.condition.sentence.split(" of ")[0] for alert in watcher.look().alerts]

    first, again, later = words(0), words(banner.PACE - 1), words(1)
    assert (first, again, later) == (*[["Budget Day: $4.01"]] * 2, ["Budget Day: $6.01"])
    desk.alerts.take([*desk.position(NOW).conditions, Condition("watch:x", "", 1, "info", "A burst.")], NOW)
    assert words(1) == ["Budget Day: $7.01", "A burst."]


def test_the_cost_card_names_a_daily_budget_of_all_calls_and_no_other() -> None:
    store = frames.FrameStore([{"time": NOW, "cost_usd": 4.1, "project": "site"}])
    budgets = [Budget("Week", "week", 50.0), Budget("Day", "day", 10.0)]
    scoped = [Budget("Site", "day", 10.0, scope=Scope(project=("site",)))]

    def note(state: State, known: list[Budget]) -> str:
        return _said(overview.parts(store, state, NOW, known)[0][2])

    assert note(State(), budgets) == "$4.10 of $10.00 today"
    assert note(State(), scoped) == "$4.10 today"
    assert note(State(projects=frozenset({"site"})), budgets) == "$4.10 today"
