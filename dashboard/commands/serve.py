"""`callmeter serve`: the live page."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from ..errors import CallmeterError, SettingError
from . import folder, options, price_file, sync_source
from .port import listen

if TYPE_CHECKING:
    from ..money.desk import Desk
    from ..otlp.intake import Intake
    from ..settings import Settings
    from ..web.usage import Write

_GOODBYE_SECONDS = 2
"""How long open pages may finish what they are loading when the server stops."""


def serve(
    log_dir: options.LogDir = None,
    host: options.Host = None,
    port: options.Port = None,
    timezone: options.TimeZone = None,
    cache_dir: options.CacheDir = None,
) -> None:
    """Show the live page at http://localhost:8050 until Ctrl-C.

    The log folder need not be there yet: the page says how to begin and comes alive with the first
    call. Claude CLI workers can send their telemetry to the same address, see `log.worker_env`. On
    another address than this machine's own both ask for a token: set CALLMETER_TOKEN.

    \b
    Examples:
      callmeter serve
      callmeter serve --port 8051 --log-dir ~/coordinator/logs/api
    """
    run(options.settings(log_dir=log_dir, host=host, port=port, timezone=timezone, cache_dir=cache_dir))


def run(settings: Settings) -> None:
    """Check that it can work, then serve. Raises CallmeterError."""
    guarded(settings)
    folder.usable(settings.log_dir, may_be_missing=True)
    with listen(settings.host, settings.port) as listening:
        signal.signal(signal.SIGTERM, _leave)
        taken = listening.getsockname()[1]
        _serve(replace(settings, port=taken), listening)


def guarded(settings: Settings) -> None:
    """Raise SettingError when others could reach the page and no token keeps them out."""
    if settings.loopback or settings.token:
        return
    raise SettingError(
        f"host {settings.host}",
        "token",
        "others can reach this address: set CALLMETER_TOKEN to a secret of 16 or more characters, "
        "or stay on 127.0.0.1 and use an SSH tunnel",
    )


def _serve(settings: Settings, listening: socket.socket) -> None:
    from ..store.memory import thrifty

    thrifty()
    import uvicorn

    from ..billing.books import Books
    from ..money.desk import Desk
    from ..store.files import FileStore
    from ..web.app import create_app
    from ..web.server import Server

    intake = _intake(settings)
    store = FileStore(
        settings.log_dir, settings.zone, cache_dir=settings.cache_dir, poll_seconds=settings.poll_seconds
    )
    syncing = sync_source.schedule(settings, os.environ, Path.cwd())
    with store, Desk(store, settings, os.environ, Path.home()) as desk, syncing:
        store.start()
        _say_what_is_wrong(desk)
        books = Books(
            settings,
            os.environ,
            Path.home(),
            prices=price_file.table(settings.prices),
            trouble=lambda: syncing.problem,
        )
        app = create_app(settings, store, intake=intake, desk=desk, books=books, write=_writer(settings))
        print(welcome(settings, _user(), socket.gethostname()), flush=True)
        config = uvicorn.Config(
            app.server,
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=False,  # a forged X-Forwarded-For must not look like this machine
            timeout_graceful_shutdown=_GOODBYE_SECONDS,
        )
        server = Server(config)
        server.run(sockets=[listening])
        if not server.started:
            raise CallmeterError("The server did not start; what is above says why.")


def _say_what_is_wrong(desk: Desk) -> None:
    """Budgets that cannot be understood do not keep the page from being shown; it says so too."""
    desk.rules()
    if desk.problem:
        print(f"{desk.problem}; budgets and alerts are off until that is put right.", file=sys.stderr)


def _intake(settings: Settings) -> Intake:
    """Where the workers' telemetry goes: into the log folder. Raises CallmeterError."""
    from logger.journal import Journal
    from logger.telemetry_log import TelemetryLog

    from ..otlp.intake import Intake

    prices = price_file.table(settings.prices)
    return Intake(TelemetryLog(Journal(settings.log_dir), prices=prices))


def _writer(settings: Settings) -> Write:
    """Where calls told over HTTP go: into the log folder. Raises CallmeterError."""
    from logger.rest_log import RestLog

    return RestLog(settings.log_dir, prices=price_file.table(settings.prices)).take


def _leave(number: int, frame: FrameType | None) -> None:
    """What systemd's stop leads to: the way out through every `with`, and exit code 0."""
    raise SystemExit(0)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return "USER"


def welcome(settings: Settings, user: str, machine: str) -> str:
    """Where the page is, and how to see it from another machine."""
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    lines = [f"callmeter shows {settings.log_dir} at http://{shown}:{settings.port}  (Ctrl-C stops it)"]
    if settings.loopback:
        tunnel = f"ssh -L {settings.port}:localhost:{settings.port} {user}@{machine}"
        lines.append(f"From another machine: {tunnel}, then open http://localhost:{settings.port} there.")
    return "\n".join(lines)
