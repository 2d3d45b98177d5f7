"""A page in a real Chromium, if there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
THERE = bool(CHROMIUM and DRIVER)

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
_DRAWN = (
    "return Array.from(document.querySelectorAll('.plot .js-plotly-plot'))"
    ".filter(p => p._fullLayout && p._fullLayout.uirevision).length"
)
_ENTRIES = (
    "return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))"
    ".map(e => [e.name, e.transferSize])"
)
_PATIENCE = 30


@contextmanager
def chromium() -> Iterator[Any]:
    """A driver of a browser that has loaded nothing yet."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options: Any = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in _FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(service=Service(DRIVER or ""), options=options)
    try:
        yield driver
    finally:
        driver.quit()


def load(driver: Any, url: str, pictures: int) -> tuple[int, int]:
    """Load a page until its pictures stand; (bytes over the wire of the page, of the data in it)."""
    from selenium.webdriver.support.wait import WebDriverWait

    driver.get(url)
    waiting: Any = WebDriverWait
    wait = waiting(driver, _PATIENCE, poll_frequency=0.05)
    wait.until(lambda _: driver.execute_script(_DRAWN) == pictures)
    return split(driver.execute_script(_ENTRIES))


def split(entries: list[tuple[str, int]]) -> tuple[int, int]:
    """(bytes of the page itself, bytes of the answers with its data)"""
    data = sum(size for url, size in entries if "/_dash-update-component" in url)
    return sum(size for _, size in entries) - data, data
