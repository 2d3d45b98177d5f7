"""Anthropic's reports as this machine's key opens them, for the command and for the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..billing.api_errors import NoAdminKey, ReportError

if TYPE_CHECKING:
    from ..billing.client import Reports
    from ..billing.schedule import Schedule
    from ..billing.sync import Done, Tell
    from ..settings import Settings

Say = Callable[[str], None]


def open_reports(
    settings: Settings, environ: Mapping[str, str], cwd: Path, say: Say
) -> AbstractContextManager[Reports]:
    """The reports. Remarks on the key, and each retry, go to `say`. Raises ReportError."""
    from ..billing import admin_key
    from ..billing.client import AnthropicReports

    found = admin_key.find(environ, cwd, settings.file)
    for remark in found.remarks:
        say(remark)
    return AnthropicReports(found.key, now=now, on_retry=say)


def key_in_words(settings: Settings, environ: Mapping[str, str], cwd: Path) -> str:
    """Where the key is, or why there is none; never the key."""
    from ..billing import admin_key

    try:
        return f"found, {admin_key.find(environ, cwd, settings.file).found}"
    except NoAdminKey:
        return "none found; callmeter sync says where it may be"
    except ReportError as error:
        return str(error)


def now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def schedule(settings: Settings, environ: Mapping[str, str], cwd: Path) -> Schedule:
    """The server's own syncing, as `[billing]` in callmeter.toml says at each look."""
    import logging

    from ..billing import rules
    from ..billing.schedule import Schedule
    from ..billing.sync import sync
    from ..settings import find_file

    say = logging.getLogger("callmeter").info
    opened = partial(open_reports, settings, environ, cwd, say)

    def attempt(tell: Tell) -> Done:
        return sync(opened, settings.billing_dir, clock=now, by="server", tell=tell)

    def hours() -> float | None:
        return rules.read(find_file(environ, cwd, Path.home())).sync_hours

    return Schedule(settings.billing_dir, hours, attempt, now)
