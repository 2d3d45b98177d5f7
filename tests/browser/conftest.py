"""A page to test in a real Chromium: its own log folder, its own server on a free port, its own browser."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from dash.testing.browser import Browser
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.support.wait import WebDriverWait

from dashboard import settings
from dashboard.money.desk import Desk
from dashboard.store import FileStore
from dashboard.web.app import create_app
from logger import ClaudeAPILogger

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
]
PATIENCE = 60
"""Seconds a condition may take on a slow machine that is busy; a fast one does not wait for them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser these tests are left out, and loudly; on CI they fail."""
    if (CHROMIUM and DRIVER) or os.environ.get("CI") == "true":
        return
    words = "NO BROWSER FOUND: the page was not tested. Install it: sudo apt install chromium chromium-driver"
    for item in items:
        if "browser" in Path(item.path).parts:
            item.add_marker(pytest.mark.skip(reason=words))


def pytest_setup_options() -> Options:
    """Chromium without a screen and without its own talk with the network."""
    options = Options()
    options.binary_location = CHROMIUM or ""
    for flag in FLAGS:
        options.add_argument(flag)
    return options


@dataclass
class Page:
    """A running page: its log folder, its store, its browser."""

    folder: Path
    url: str
    browser: Browser
    store: FileStore
    desk: Desk
    log: ClaudeAPILogger = field(init=False)

    def __post_init__(self) -> None:
        self.log = ClaudeAPILogger(self.folder)

    @property
    def driver(self) -> Any:
        """Selenium's driver."""
        return self.browser.driver

    def open(self, search: str = "", width: int = 1440, height: int = 900, dark: bool = False) -> None:
        """Load the page in a window of this size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(self.url + search)

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until `condition` holds."""
        return WebDriverWait(self.driver, PATIENCE, poll_frequency=0.05).until(lambda _: condition(), what)

    def js(self, script: str, *arguments: Any) -> Any:
        """The value of a script in the page."""
        return self.driver.execute_script("return " + script, *arguments)

    def text(self, css: str) -> str:
        """What can be read in the first element; nothing while it is not there or not shown."""
        found = "document.querySelector(arguments[0])"
        return self.js(f"({found} && {found}.checkVisibility()) ? {found}.innerText : ''", css)

    def visible(self, css: str) -> list[str]:
        """The texts of all elements that are shown."""
        every = "Array.from(document.querySelectorAll(arguments[0]))"
        return self.js(f"{every}.filter(e => e.checkVisibility()).map(e => e.innerText)", css)

    def shows(self, css: str, words: str) -> None:
        """Wait until an element's text contains `words`."""
        self.until(lambda: words in self.text(css), f"{words!r} in {css}: {self.text(css)!r}")

    def search(self) -> str:
        """The page's address after the `?`."""
        return self.js("decodeURIComponent(location.search)")

    def press(self, css: str) -> None:
        """Click the first element as a person would, once it is there and can be seen."""
        found = "document.querySelector(arguments[0])"
        self.until(lambda: self.js(f"!!({found} && {found}.offsetParent)", css), f"{css} to be there")
        self.driver.find_element("css selector", css).click()

    def drawn(self) -> None:
        """Wait until every picture stands."""
        plots = "Array.from(document.querySelectorAll('.plot .js-plotly-plot'))"
        told = f"{plots}.filter(p => p._fullLayout && p._fullLayout.uirevision).length"
        self.until(lambda: self.js(told) == 6, "six pictures")

    def complaints(self) -> list[str]:
        """What the browser's console holds of warnings and errors."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] in ("WARNING", "SEVERE")]

    def write(self, task: str = "gh-1", *, ago: timedelta = timedelta(), **fields: Any) -> None:
        """One call in the log, as an embedding program writes it."""
        call = self.log.start_call(task, "w-1", fields.pop("model", "claude-opus-5-5"), None, "prompt")
        if ago:
            call.start_time -= ago.total_seconds()
            call.timestamp = datetime.fromtimestamp(call.start_time, UTC).astimezone().isoformat()
        self.log.end_call(call, "answer", **({"tokens_input": 1000, "tokens_output": 200} | fields))


@pytest.fixture
def page(tmp_path: Path, dash_br: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A page over a log folder that does not exist yet, refreshed by nothing but pushes. Its callmeter.toml
    would stand in the working directory, which is the test's own.
    """
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "logs" / "api"
    chosen = settings.load(
        {"log_dir": str(folder), "refresh_seconds": 3600, "cache_dir": str(tmp_path / "cache")},
        {"TZ": "UTC"},
        tmp_path,
        tmp_path,
    )
    with FileStore(folder, chosen.zone, cache_dir=chosen.cache_dir, poll_seconds=0.2) as store:
        store.start()
        desk = Desk(store, chosen, {}, tmp_path)
        with _served(create_app(chosen, store, desk=desk).server) as url:
            yield Page(folder, url, dash_br, store, desk)


class _served:  # noqa: N801 - reads as a verb
    """An application on a free port of this machine."""

    def __init__(self, app: Any) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
