"""The export menu in a real browser: by keyboard, to a file, in the state of the page."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from export_reading import rows_of
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import Page

pytestmark = pytest.mark.browser

HIDDEN = "((e) => e && getComputedStyle(e).visibility === 'hidden')(document.getElementById('export'))"
HREF = "document.getElementById('export-{}').getAttribute('href')"


def _downloads(page: Page, folder: Path) -> None:
    """Let the browser put files there."""
    allowed = {"behavior": "allow", "downloadPath": str(folder)}
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)


def _arrived(page: Page, folder: Path, ending: str) -> Path:
    def there() -> Any:
        return next(iter(folder.glob(f"*.{ending}")), None)

    return page.until(there, f"a .{ending} in {folder}")


def test_the_calls_of_the_view_are_a_file_two_keys_away(page: Page, tmp_path: Path) -> None:
    """Yesterday's call and one of another model stay out of it."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    page.write("gh-1")
    page.write("gh-2", model="claude-haiku-5-5")
    page.write("gh-3", ago=timedelta(days=3))
    page.open("?view=calls&model=claude-opus-5-5")
    _downloads(page, folder)
    page.shows("#grid-note", "1 line")
    page.until(lambda: "model=claude-opus-5-5" in page.js(HREF.format("csv")), "the link to follow the page")
    page.driver.find_element("id", "export").send_keys(Keys.ENTER)
    page.shows(".exports", "These calls, oldest first")
    page.until(lambda: page.js("document.activeElement.id") == "export-csv", "the first link to be next")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert [row["task_id"] for row in rows_of(_arrived(page, folder, "csv"))] == ["gh-1"]
    page.press("#export-xlsx")
    assert [row["task_id"] for row in rows_of(_arrived(page, folder, "xlsx"))] == ["gh-1"]
    assert page.js("location.pathname") == "/"
    page.press(".ag-header-cell[col-id='cost_usd']")
    page.until(lambda: "&sort=cost_usd&order=asc&" in page.js(HREF.format("csv")), "the order of the table")
    page.open("?view=money")
    page.until(lambda: page.js(HIDDEN), "no way to export what has no rows")
    assert page.complaints() == []


def test_a_table_is_a_file_and_a_phone_has_room_for_the_menu(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    page.write("gh-1")
    page.open("?range=7d", width=390, height=800)
    _downloads(page, folder)
    page.shows("#sentence-models", "claude-opus-5-5")
    assert page.js("document.documentElement.scrollWidth") <= 390
    page.press("#export")
    page.shows(".exports", "Each day by model and project")
    page.until(lambda: "range=7d" in page.js(HREF.format("jsonl")), "the link to follow the page")
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.until(lambda: page.text(".exports") == "", "the menu to close")
    page.press(".picture-models .tools button[aria-label$='table']")
    page.press(".mantine-Modal-body .as-file")
    assert "claude-opus-5-5" in _arrived(page, folder, "csv").read_text()
    assert page.complaints() == []
