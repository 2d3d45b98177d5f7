"""The web application: Dash on FastAPI over a store, inside the server's outer ring."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dash import Dash, set_props
from fastapi import FastAPI

from ..billing.books import Books
from ..money.desk import Desk
from ..settings import Settings
from ..store.base import Store
from . import banner, callbacks, exporting, ids, layout, live, otlp, running, usage
from .delivery import deliver
from .security import guard

if TYPE_CHECKING:
    from ..otlp.intake import Intake

INDEX = """<!doctype html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
<script src="{scheme}"></script>
{%favicon%}
{%css%}
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""

TROUBLE = (
    "Something went wrong in callmeter itself: what is shown may be out of date. "
    "The terminal where it runs says more; reload the page to try again."
)

_log = logging.getLogger("callmeter")

_META = [
    {"name": "viewport", "content": "width=device-width, initial-scale=1"},
    {"name": "color-scheme", "content": "light dark"},
    {"name": "robots", "content": "noindex"},
]


def create_app(
    settings: Settings,
    store: Store,
    *,
    clock: Callable[[], datetime] = live.utc_now,
    intake: Intake | None = None,
    desk: Desk | None = None,
    books: Books | None = None,
    write: usage.Write | None = None,
) -> Dash:
    """The application for a store that was started already. `.server` is the FastAPI application.

    intake: takes the telemetry of workers; without it the server has no address for it.
    desk: what is known of money; without it one of the same settings that was not started.
    books: what Anthropic billed; without them those of the same settings.
    write: writes a call told over HTTP; without it such calls are refused.
    """
    desk = desk or Desk(store, settings, {}, settings.log_dir)
    books = books or Books(settings, {}, settings.log_dir)
    app = Dash(
        "callmeter",
        backend="fastapi",
        server=cast(
            "Any", FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        ),  # those load from outside
        title="callmeter",
        update_title="",
        assets_folder=str(Path(__file__).parent / "assets"),
        assets_ignore="scheme.js",
        serve_locally=True,
        meta_tags=_META,
        add_log_handler=False,
        suppress_callback_exceptions=True,
        on_error=_say,
    )
    app.index_string = INDEX.replace("{scheme}", app.get_asset_url("scheme.js"))
    watcher = banner.Watcher(desk, clock)
    feed = live.Live(
        store, lambda: running.look(settings.log_dir, clock()), watcher.look, lambda: books.version
    )
    app.layout = lambda: layout.page(settings, feed.running(), store.zone, feed.money().alerts)
    callbacks.register(app, desk, books, settings, feed, clock, lambda: intake.status if intake else None)
    if intake is not None:
        otlp.add_routes(app.server, intake)
    usage.add_routes(app.server, settings, store, desk, clock, write)
    table_of = partial(callbacks.table_of, desk, books)
    exporting.add_routes(app.server, exporting.Exporter(store, books, table_of, clock))
    _ring(app, settings)
    return app


def _say(error: Exception) -> None:
    """A failure of ours: the whole of it to the log, a sentence to the page, which stays as it was."""
    _log.error("The page could not be drawn: %s", error, exc_info=error)
    set_props(ids.TROUBLE, {"children": TROUBLE})


def _ring(app: Dash, settings: Settings) -> None:
    """The server's outer ring; what is added last is passed first."""
    private = settings.token is not None
    app.server.add_middleware(deliver, cache_dir=settings.cache_dir, private=private)
    app.server.add_middleware(
        guard,
        hosts=[settings.host, *settings.allowed_hosts],
        token=settings.token,
        script_hashes=app.csp_hashes(),
        keep=settings.cache_dir,
        of_programs=usage.speaks_json,
    )
