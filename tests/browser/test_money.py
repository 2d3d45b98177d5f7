"""Money as a person meets it: the view, what a refresh leaves alone, and the banner, in a real browser."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.money.alerts import Condition
from dashboard.web import banner
from tests.browser.conftest import Page

pytestmark = pytest.mark.browser

BUDGETS = """
[[budget]]
name = "Daily spending"
period = "day"
limit = {limit}
"""
GRAPH = "document.querySelector('#figure-burndown .js-plotly-plot')"


def _budget(limit: float) -> None:
    """A daily budget in the working directory."""
    Path("callmeter.toml").write_text(BUDGETS.format(limit=limit))


def _history(page: Page, days: int = 10) -> None:
    """A call of $0.40 on each of the days before today: 100,000 tokens in at $4 a million."""
    for day in range(days):
        page.write(ago=timedelta(days=day), tokens_input=100_000, tokens_output=0)


def _raise(page: Page, *levels: int) -> None:
    """Alerts as the watching desk notes them."""
    rule = "budget:Daily spending"
    severities = {50: "info", 80: "warning", 100: "critical"}
    told = [Condition(rule, "today", n, severities[n], f"{rule}: {n} % is reached.") for n in levels]
    page.desk.alerts.take(told, datetime.now(UTC))


def test_without_ledger_and_budgets_the_view_says_how_to_begin(page: Page) -> None:
    page.write()
    page.open("?view=money")
    page.shows("#balance", "callmeter balance grant 1000 --label promo --expires 2026-12-31")
    page.shows("#budgets", "callmeter budget init")
    page.shows("#alert-list", "Nothing to be told of")
    assert page.text("#money-trouble") == ""
    assert page.js("getComputedStyle(document.getElementById('filters')).visibility") == "hidden"
    assert page.complaints() == []


def test_a_grant_and_a_budget_set_while_the_page_is_open_appear_by_themselves(page: Page) -> None:
    """Ten days of $0.40, $20 granted now: no line comes, and nobody refreshes."""
    _history(page)
    page.open("?view=money")
    page.shows("#balance", "No credit is on record")
    page.desk.ledger.grant(datetime.now(UTC), 20.0, label="promo")
    page.shows("#balance", "$20.00")
    page.shows("#balance", "It runs out")
    page.until(lambda: page.js(f"{GRAPH}.data.length") > 3, "the burn-down")
    _budget(0.5)
    page.shows("#budgets", "of $0.50 today")
    page.shows("#budgets", "80 % reached")
    Path("callmeter.toml").write_text("[[budget]]\nname = 3\n")
    page.shows("#money-trouble", "callmeter.toml")
    assert page.complaints() == []


def test_a_refresh_takes_neither_what_is_typed_nor_the_zoom(page: Page) -> None:
    _history(page)
    page.desk.ledger.grant(datetime.now(UTC) - timedelta(days=9), 20.0)
    page.open("?view=money")
    page.until(lambda: page.js(f"{GRAPH} ? {GRAPH}.data.length : 0") > 3, "the burn-down")
    page.js(f"Plotly.relayout({GRAPH}, {{'xaxis.range[0]': '2026-01-01', 'xaxis.range[1]': '2026-01-09'}})")
    zoomed = page.js(f"{GRAPH}.layout.xaxis.range")
    field = page.driver.find_element("id", "what-if")
    field.send_keys("2")
    page.shows("#what-if-said", "At $2.00 a day the credit lasts until about")
    before = page.text("#balance")
    page.write(tokens_input=100_000, tokens_output=0)
    page.until(lambda: page.text("#balance") != before, "the new call in the balance")
    assert page.js("document.activeElement.id") == "what-if"
    assert page.js("document.getElementById('what-if').value") == "$2"
    assert page.js(f"{GRAPH}.layout.xaxis.range") == zoomed
    assert page.complaints() == []


def test_the_burn_down_can_be_read_as_a_table(page: Page) -> None:
    _history(page)
    page.desk.ledger.grant(datetime.now(UTC) - timedelta(days=2), 20.0)
    page.open("?view=money")
    page.shows("#sentence-burndown", "$20.00 granted since")
    page.press(".picture-burndown .tools button")
    page.shows(".mantine-Modal-body", "about $")


def test_views_that_are_not_shown_are_not_reckoned(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("dashboard.web.money.gather", asked.append)
    monkeypatch.setattr("dashboard.web.bill_facts.gather", asked.append)
    page.write()
    page.open()
    page.drawn()
    page.write()
    page.until(lambda: page.text(".card:nth-child(2) .big") == "2", "the second call")
    assert asked == []


@pytest.mark.parametrize("view", ["overview", "calls", "money", "health"])
def test_an_alert_appears_on_every_view_by_itself_and_leads_to_the_money_view(page: Page, view: str) -> None:
    page.write()
    page.open(f"?view={view}&range=7d")
    page.shows("#status", "live")
    assert page.text(".banner") == ""
    _raise(page, 80)
    page.shows(".banner", "budget:Daily spending: 80 % is reached.")
    assert page.js("document.querySelector('.banner-link').innerText.split('\\n')")[:2] == [
        "!",
        "warning",
    ]
    page.press(".banner-link")
    page.until(lambda: page.search() == "?view=money&range=7d", "the money view")
    page.shows("#alert-list", "80 % is reached")
    assert page.complaints() == []


def test_the_worst_comes_first_and_says_how_many_more_there_are(page: Page) -> None:
    page.write()
    told = [
        Condition("credit:left", "", 50, "info", "Half of it is left."),
        Condition("budget:Day", "", 100, "critical", "The day's limit is reached."),
        Condition("watch:x", "", 1, "warning", "A session is long."),
    ]
    page.desk.alerts.take(told, datetime.now(UTC))
    page.open()
    page.shows(".banner", "The day's limit is reached.")
    page.shows(".banner", "and 2 more")
    page.desk.alerts.take([], datetime.now(UTC))
    page.until(lambda: page.text(".banner-words") == "", "the banner to go when all is over")


def test_an_alert_that_is_put_away_stays_away_and_a_worse_one_comes(page: Page) -> None:
    page.write()
    _raise(page, 80)
    page.open()
    page.shows(".banner", "80 % is reached")
    page.press(".banner-close")
    page.until(lambda: page.text(".banner-words") == "", "the banner to fold away")
    page.open("?view=calls")
    page.until(lambda: page.text(".ag-row"), "the table")
    assert page.text(".banner-words") == ""
    _raise(page, 80, 100)
    page.shows(".banner", "100 % is reached")
    assert page.complaints() == []


def test_a_banner_that_comes_moves_nothing_under_the_reader_who_has_scrolled(page: Page) -> None:
    page.write()
    page.open()
    page.drawn()
    page.js("window.scrollTo(0, 500)")
    place = "document.querySelector('.picture-activity').getBoundingClientRect().top"
    before = page.js(place)
    _raise(page, 100)
    page.shows(".banner", "100 % is reached")
    page.until(lambda: page.js("document.getAnimations().length") == 0, "the banner to stand")
    assert abs(page.js(place) - before) <= 1


@pytest.mark.parametrize("width", [390, 1440])
def test_long_names_and_sentences_stay_inside_the_page(page: Page, width: int) -> None:
    long = "a-rather-long-name-" * 8
    Path("callmeter.toml").write_text(
        f"[[budget]]\nname = {json.dumps(long)}\nperiod = 'day'\nlimit = 0.001\nproject = '{long}*'\n"
    )
    page.write(long)
    page.desk.ledger.grant(datetime.now(UTC) - timedelta(days=1), 20.0, label=long)
    page.desk.alerts.take([Condition("watch:x", "", 1, "critical", long * 3)], datetime.now(UTC))
    page.open("?view=money", width=width)
    page.shows(".banner", "a-rather-long-name")
    page.shows("#balance", "a-rather-long-name")
    assert page.js("document.documentElement.scrollWidth") <= width
    panels = "Array.from(document.querySelectorAll('.for-money .panel')).filter(p => p.scrollWidth > p.clientWidth + 1)"
    assert page.js(f"{panels}.map(p => p.className)") == []


def test_numbers_of_an_open_alert_move_on_without_being_news(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$0.40 a call, of $0.30: the words follow, at once here; nothing is read out again, nothing moves."""
    monkeypatch.setattr(banner, "PACE", 0.0)
    _budget(0.3)
    page.write(tokens_input=100_000, tokens_output=0)
    page.until(lambda: page.store.health().lines == 1, "the first call")
    page.desk.note(datetime.now(UTC))
    page.open()
    page.shows(".banner-words", "$0.40 of $0.30")
    aloud = page.js("document.getElementById('banner-aloud').textContent")
    height = page.js("document.querySelector('.banner').offsetHeight")
    page.js(
        "void (window.news = 0, new MutationObserver(seen => window.news += seen.length)"
        ".observe(document.getElementById('banner-aloud'), {childList: true, characterData: true, subtree: true}))"
    )
    page.write(tokens_input=100_000, tokens_output=0)
    page.shows(".banner-words", "$0.80 of $0.30")
    assert "$0.40 of $0.30" in aloud
    assert page.js("document.getElementById('banner-aloud').textContent") == aloud
    assert (page.js("window.news"), page.js("document.querySelector('.banner').offsetHeight")) == (0, height)
    page.press(".banner-close")
    page.until(lambda: page.text(".banner-words") == "", "the banner to fold away")
    page.write(tokens_input=100_000, tokens_output=0)
    told = "dash_component_api.getLayout('alerts').props.data[0].sentence"
    page.until(lambda: "$1.20 of $0.30" in page.js(told), "the page to be told of the third call")
    assert page.text(".banner-words") == "" and page.complaints() == []


def test_many_alerts_are_short_until_all_are_asked_for_and_stay_open_through_a_refresh(page: Page) -> None:
    page.write()
    told = [Condition(f"watch:{n}", "", 1, "info", f"Session {n} is long.") for n in range(40)]
    page.desk.alerts.take(told, datetime.now(UTC))
    page.open("?view=money")
    page.shows(".money-alerts", "Show all")
    page.shows("#alert-list", "40 open, the worst first")
    assert len(page.visible("#alert-list li")) == 5
    page.press(".money-alerts summary")
    page.until(lambda: len(page.visible("#alert-list li")) == 40, "all of them")
    page.desk.alerts.take(told[1:], datetime.now(UTC))
    page.until(lambda: len(page.visible("#alert-list .alerts:not(.over) li")) == 39, "one to be over")
    page.shows(".money-alerts", "Show fewer")
    assert page.complaints() == []
