"""A server with the REST addresses on loopback, over demo calls of its own."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import uvicorn
from fastapi import FastAPI

from dashboard.commands.demo import write_history
from dashboard.money.desk import Desk
from dashboard.settings import Settings, load
from dashboard.store.base import Health
from dashboard.store.files import FileStore
from dashboard.web import usage
from dashboard.web.security import guard
from logger.rest_log import RestLog

TOKEN = "sixteen-letters-or-more"
JSON = {"Content-Type": "application/json"}

BUDGETS = """
[[budget]]
name = "Daily spending"
period = "day"
limit = 10

[[budget]]
name = "Weekly tokens"
period = "week"
measure = "tokens"
limit = 1_000_000
"""


@dataclass(frozen=True)
class Server:
    """A running server, what it reads, and the folder it writes into."""

    url: str
    settings: Settings
    store: FileStore
    desk: Desk

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=30, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> requests.Response:
        return requests.post(self.url + path, json=json, timeout=30, **more)


class Unread:
    """A store that says that it is still reading, of another's numbers."""

    def __init__(self, store: FileStore) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def health(self) -> Health:
        return replace(self.store.health(), days_loaded=1, days_total=40)


def settings_in(place: Path, token: str | None = None) -> Settings:
    """Settings of a machine of its own in `place`, with budgets."""
    (place / "callmeter.toml").write_text(BUDGETS)
    environ = {"TZ": "UTC", **({"CALLMETER_TOKEN": token} if token else {})}
    return load({"cache_dir": place / "cache", "refresh_seconds": 3600}, environ, place, place)


def demo_calls(settings: Settings, days: int = 12, per_day: int = 40) -> None:
    """Believable calls up to now, none of them in the last minute."""
    write_history(settings, datetime.now(UTC) - timedelta(minutes=1), days, per_day, 1)


def guarded(settings: Settings, store: FileStore, desk: Desk, write: usage.Write | None) -> FastAPI:
    """The addresses behind the guard, and as on the page an address that takes whatever is left."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    usage.add_routes(app, settings, store, desk, lambda: datetime.now(UTC), write)
    app.add_api_route("/{rest:path}", lambda rest: "the page", methods=["GET"])
    app.add_middleware(guard, hosts=[], token=settings.token, script_hashes=[], of_programs=usage.speaks_json)
    return app


@contextmanager
def serving(
    place: Path,
    token: str | None = None,
    *,
    write: usage.Write | None = None,
    desk_of: Callable[[FileStore, Settings], Any] | None = None,
) -> Iterator[Server]:
    """The server over what `place/logs/api` holds, all of it read."""
    settings = settings_in(place, token)
    listening = socket.create_server(("127.0.0.1", 0))
    settings = replace(settings, port=listening.getsockname()[1])
    store = FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir, poll_seconds=0.2)
    with store:
        store.start()
        store.load()
        desk = desk_of(store, settings) if desk_of else Desk(store, settings, {}, place)
        app = guarded(settings, store, desk, write or RestLog(settings.log_dir).take)
        config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield Server(f"http://127.0.0.1:{settings.port}", settings, store, desk)
        finally:
            server.should_exit = True
            thread.join(10)


def environ_of(place: Path) -> dict[str, str]:
    """The environment of a command on the machine in `place`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CALLMETER_", "XDG_"))}
    return {**kept, "HOME": str(place), "TZ": "UTC", "CALLMETER_CACHE_DIR": str(place / "cache2")}
