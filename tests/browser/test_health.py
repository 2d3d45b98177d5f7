"""Latency and failures in a real browser: drawn when the health view is opened, and by themselves after."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.browser.conftest import Page

pytestmark = pytest.mark.browser

GRAPH = "document.querySelector('#figure-{} .js-plotly-plot')"


def drawn(page: Page, chart: str) -> int:
    """How many traces the picture has; 0 before it is drawn."""
    graph = GRAPH.format(chart)
    return int(page.js(f"{graph} && {graph}.data ? {graph}.data.length : 0"))


def test_the_pictures_come_with_the_view_and_follow_switch_lines_and_table(page: Page) -> None:
    for number in range(3):
        page.write(ago=timedelta(hours=number + 1))
    page.open("?view=money")
    page.shows("#balance", "No credit is on record")
    assert drawn(page, "latency") == 0
    page.press("#views input[value='health'] + label")
    page.shows("#sentence-latency", "Half of 3 calls took up to")
    page.until(lambda: drawn(page, "latency") > 1, "the latency picture")
    page.shows("#sentence-failures", "None of 3 calls failed")
    page.write(ago=timedelta(minutes=1), success=False, error_message="Overloaded")
    page.shows("#sentence-failures", "25.0 % of 4 calls failed; 529 on 25.0 %")
    page.press("#measure input[value='speed'] + label")
    page.until(lambda: "latency=speed" in page.driver.current_url, "the address of the switch")
    page.shows("#sentence-latency", "tokens/s")
    page.press(".picture-failures .tools button")
    page.shows("#table-body", "Overloaded (529)")
    assert page.js("document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints() == []
