"""The description of the REST addresses in a real Chromium: shown, tried out, nothing from outside."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser


def answered(page: Any, block: str) -> str:
    """Try an address out as a person does; the status of its answer."""
    page.press(f"{block} .opblock-summary-control")
    page.press(f"{block} .try-out__btn")
    page.press(f"{block} .execute")
    status = f"{block} .live-responses-table tbody .response-col_status"
    page.until(lambda: page.text(status), f"an answer in {block}")
    return page.text(status).split()[0]


def test_addresses_are_shown_and_can_be_tried_out(page: Any) -> None:
    page.open("docs")
    page.until(lambda: len(page.visible(".opblock")) == 8, "eight addresses")
    assert answered(page, "#operations-Ask-usage") == "200"
    assert answered(page, "#operations-Tell-update_budget") == "200"
    assert '"remaining_budget": 15.5' in page.text("#operations-Tell-update_budget .live-responses-table")
    loaded = page.js("performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in loaded if not name.startswith((page.url, "data:"))] == []
    assert page.complaints() == []
