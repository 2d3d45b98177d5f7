"""The environment of a Claude CLI worker that reports each of its calls by telemetry."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Mapping
from urllib.parse import quote, unquote

from .record import as_text

MOST_LENGTH = 255
"""Characters of an encoded value; over a longer one the CLI's OpenTelemetry library drops them all."""

LOGS_EVERY_MS = 1000
METRICS_EVERY_MS = 10_000

_RESOURCE = "OTEL_RESOURCE_ATTRIBUTES"
_EXPORTER = "OTEL_EXPORTER_OTLP_"
_OCTETS = {*map(chr, range(0x21, 0x7F))} - set(',;\\"=')
"""What an encoded key or value may hold: W3C's baggage octets, but for those that separate pairs."""
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def worker_env(
    names: Mapping[str, str | None],
    endpoint: str,
    token: str | None,
    around: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The variables to add to the worker's environment.

    names: `task_id`, `worker_id` and `project`, any text; None and "" are left out.
    endpoint: where `callmeter serve` listens; token: its token, if it asks for one.
    around: the environment they are added to, by default this process's own. The resource attributes it
        has stay, under the names given here; variables for one signal that would go before these are set
        anew.
    """
    around = os.environ if around is None else around
    exporter = _exporter(as_text(endpoint).rstrip("/"), token, around)
    attributes = _attributes(around.get(_RESOURCE, ""), names)
    return {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORT_INTERVAL": str(LOGS_EVERY_MS),
        "OTEL_METRIC_EXPORT_INTERVAL": str(METRICS_EVERY_MS),
        **{_EXPORTER + name: value for name, value in exporter.items()},
        **({_RESOURCE: attributes} if attributes else {}),
    }


def _exporter(base: str, token: str | None, around: Container[str]) -> dict[str, str]:
    """Where and how to send; what is set for logs or metrics alone goes first, so it is set likewise."""
    # JSON, for in protobuf one text that was cut within a character spoils the whole delivery.
    shared = {"PROTOCOL": "http/json"}
    if token:
        shared["HEADERS"] = f"Authorization=Bearer%20{_percent(as_text(token))}"
    alone = {
        f"{signal}_{name}": value
        for signal in ("LOGS", "METRICS")
        for name, value in {"ENDPOINT": f"{base}/v1/{signal.lower()}", **shared}.items()
    }
    again = {name: value for name, value in alone.items() if _EXPORTER + name in around}
    return {"ENDPOINT": base, **shared, **again}


def _attributes(known: str, names: Mapping[str, str | None]) -> str:
    """`key=value` pairs, those of `names` percent-encoded and before those known by the same key."""
    pairs = [[part.strip() for part in pair.split("=")] for pair in known.split(",")]
    kept = {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and _sound(*pair)}
    given = {name: encoded(as_text(value)) for name, value in names.items() if value}
    return ",".join(f"{name}={value}" for name, value in {**kept, **given}.items())


def _sound(key: str, value: str) -> bool:
    """Whether a pair can be passed on; a bad one would cost the worker all the others."""
    if not key or max(len(key), len(value)) > MOST_LENGTH or not _OCTETS.issuperset(key + value):
        return False
    return not _LONE_PERCENT.search(value) and "\ufffd" not in unquote(value, errors="replace")


def encoded(text: str) -> str:
    """Percent-encoded UTF-8 of at most `MOST_LENGTH` characters, cut between characters of the text."""
    whole = _percent(text)
    if len(whole) <= MOST_LENGTH:
        return whole
    cut = whole[:MOST_LENGTH]
    cut = cut[: cut.rindex("%")] if "%" in cut[-2:] else cut
    return _percent(unquote(cut, errors="ignore"))


def _percent(text: str) -> str:
    return quote(text, safe="", errors="replace")
