"""Delivery of alerts by apprise: e-mail, SMS, Telegram, Slack, ntfy, webhooks. URLs are secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .keys import Key, one_of, texts

SEVERITY = one_of("info", "warning", "critical")

KEYS = (
    Key("to", "secret", (), "Where to send: apprise URLs, such as ntfy://ntfy.sh/my-topic.", texts),
    Key("from_severity", "text", "info", "Send from info, warning or critical on.", SEVERITY),
)
"""The keys of the `[alerts]` table in callmeter.toml; CALLMETER_ALERTS_TO goes before `to`."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where alerts go. URLs are kept out of its repr."""

    to: tuple[str, ...] = field(default=(), repr=False)
    from_severity: str = "info"


def delivery_of(table: Mapping[str, Any], file: str, environ: Mapping[str, str]) -> Delivery:
    """The `[alerts]` table. Raises SettingError, never with a URL in it."""
    raise NotImplementedError
