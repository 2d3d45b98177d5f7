"""The bill as a person meets it: the view, a sync from outside, a click, a phone, in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.billing.snapshots import BillingFolder, Snapshot
from tests.browser.conftest import Page

pytestmark = pytest.mark.browser

GRAPH = "document.querySelector('#figure-billed .js-plotly-plot')"
CALLS, USD = 5, 0.4
"""Calls of a day in the log, and what one costs: 100,000 tokens in at $4 a million."""


_CUT = """Array.from(document.querySelectorAll('.for-bill .table'))
    .filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth).map(e => e.innerText)"""
"""Tables that are wider than their place."""


def _history(page: Page, days: int = 5) -> None:
    """The same calls on each of the days before today, at noon UTC."""
    now = datetime.now(UTC)
    for back in range(1, days + 1):
        noon = now.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=back)
        for _ in range(CALLS):
            page.write(ago=now - noon, tokens_input=100_000, tokens_output=0)


def _billed(folder: Path, back: int, calls: int) -> None:
    """What a sync of another process writes: so many such calls were billed so many days ago."""
    day = (datetime.now(UTC) - timedelta(days=back)).date()
    at = datetime.now(UTC)
    facets = {"model": "claude-opus-5-5", "workspace": "Default", "service_tier": "standard"}
    usage = facets | {"tokens_input": 100_000 * calls, "tokens_output": 0, "requests": calls}
    usd = round(USD * calls, 10)
    cost = facets | {"cost_type": "tokens", "kind": "tokens_input", "amount_usd": usd, "list_usd": usd}
    BillingFolder(folder).add(Snapshot("usage", day, [usage], at, "analytics"))
    BillingFolder(folder).add(Snapshot("cost", day, [cost], at, "analytics"))


def test_a_sync_of_another_process_appears_by_itself_and_a_bar_narrows_to_its_day(page: Page) -> None:
    """Nothing; then five days of $2.00; then what was billed: on one of them a call more."""
    page.open("?view=bill&range=7d")
    page.shows("#bill-verdict", "callmeter sync")
    page.until(lambda: page.visible(".for-bill h2") == ["Is the bill right?"], "the verdict alone")
    _history(page)
    page.open("?view=bill&range=7d")
    page.shows("#bill-verdict", "What Anthropic billed is not here yet.")
    page.shows("#bill-verdict", "callmeter sync")
    page.until(lambda: page.js(f"{GRAPH} ? {GRAPH}.data.length : 0") >= 1, "what was logged")
    assert page.text(".picture-differences") == ""
    for back in range(1, 6):
        _billed(page.folder.parent / "billing", back, CALLS + (back == 3))
    page.shows("#bill-verdict", "On 5 of 6 days we logged 96.2 % of what was billed")
    page.shows("#bill-verdict", "$10.40")
    page.shows("#bill-findings", "Billed, but not logged")
    page.shows("#sentence-billed", "They differ most on")
    page.until(lambda: page.js(f"{GRAPH}.data[0].name") == "Billed", "the bill's bars")
    assert page.visible(".for-bill h2")[:4] == [
        "Is the bill right?",
        "Billed and logged",
        "Why they differ",
        "Findings",
    ]
    page.press(".picture-billed .tools button")
    page.shows(".mantine-Modal-body", "+$0.40")
    page.driver.find_element("tag name", "body").send_keys("\ue00c")  # Escape
    page.until(lambda: not page.visible(".mantine-Modal-body"), "the table to close")
    page.js(f"{GRAPH}.emit('plotly_click', {{points: [{{customdata: {GRAPH}.data[0].customdata[4]}}]}})")
    page.until(lambda: "range=custom" in page.search(), "the day in the address")
    page.shows("#bill-verdict", "1 day compared")
    assert page.complaints() == []


def test_on_a_phone_nothing_scrolls_sideways_in_either_theme(page: Page) -> None:
    _history(page, 3)
    for back in range(1, 4):
        _billed(page.folder.parent / "billing", back, CALLS + 1)
    for dark in (False, True):
        page.open("?view=bill&range=7d", width=390, height=844, dark=dark)
        page.shows("#bill-verdict", "of what was billed")
        page.until(lambda: page.js(f"{GRAPH} ? {GRAPH}.data.length : 0") >= 2, "the picture")
        assert page.js("document.documentElement.scrollWidth") == 390
        assert page.js(_CUT) == []
    assert page.visible(".bill-projects th") == ["Project", "Avg cost", "Cost"]
    assert page.complaints() == []
