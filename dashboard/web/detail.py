"""One call with every field its line has, in groups a person would look for."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import dash_mantine_components as dmc
from dash import html

from .. import numbers, sources
from ..store.base import Store

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Who", ("task_id", "worker_id", "project", "agent", "session_id", "host", "source")),
    ("Model", ("model", "model_served", "service_tier", "speed", "inference_geo", "stop_reason")),
    (
        "Tokens and cost",
        (
            "tokens_input",
            "tokens_output",
            "tokens_thinking",
            "tokens_cache_read",
            "tokens_cache_write_5m",
            "tokens_cache_write_1h",
            "tokens_total",
            "web_searches",
            "estimated_cost_usd",
        ),
    ),
    ("Time", ("timestamp", "duration_seconds", "time_to_first_token", "tokens_per_second")),
    ("Outcome", ("success", "error_type", "error_message", "http_status", "exit_code", "attempts", "calls")),
    ("Prompt", ("prompt_file", "prompt_length", "response_length", "settings")),
    ("Line", ("call_id", "message_id", "request_id", "start_time", "end_time")),
)
_NAMES = {
    "task_id": "task",
    "worker_id": "worker",
    "session_id": "session",
    "estimated_cost_usd": "cost",
    "duration_seconds": "duration",
    "tokens_per_second": "tokens per second",
}
TEXTS = (("prompt", "Prompt text"), ("response", "Response text"))
"""Fields that are read as text, at the end and under a title of their own."""

FOLDED = 1500
"""Characters, or 25 lines, from which on a text is folded."""

_QUIET = frozenset({"tokens_final", *(name for name, _ in TEXTS)})
"""Fields that are said elsewhere rather than among the others."""

_ABANDONED = "abandoned"
"""The `error_type` of a call whose program ended before it did."""


def find(store: Store, call: str | None) -> dict[str, Any] | None:
    """The record named `day/offset`, or None when there is none."""
    day, _, offset = (call or "").partition("/")
    try:
        return store.line(day, int(offset))
    except ValueError:
        return None


def note(store: Store, call: str | None) -> str | None:
    """What the store has to say of the line, if anything; see `Store.note`."""
    day, _, offset = (call or "").partition("/")
    try:
        return store.note(day, int(offset))
    except ValueError:
        return None


def render(record: dict[str, Any] | None, zone: ZoneInfo, note: str | None = None) -> list[Any]:
    """The drawer's content: the note, and every field of the record that has a value."""
    if record is None:
        return [html.P("This call is no longer in the logs: its file was changed, moved or deleted.")]
    known = {name for _, names in GROUPS for name in names} | _QUIET
    rest = tuple(name for name in record if name not in known)
    groups = [_group(title, names, record, zone) for title, names in (*GROUPS, ("Other", rest))]
    texts = [_text(title, record[name]) for name, title in TEXTS if record.get(name)]
    told = [html.P(note, className="note")] if note else []
    return [*told, _head(record), *(group for group in groups if group is not None), *texts]


def _head(record: dict[str, Any]) -> Any:
    return html.P(_outcome(record), className="outcome" if record.get("success") else "outcome failed")


def _outcome(record: dict[str, Any]) -> str:
    if record.get("error_type") == _ABANDONED:
        return "Abandoned. The program ended before the call did: what it used and cost is not known."
    said = "Succeeded" if record.get("success") else "Failed"
    if record.get("tokens_final") is not False:
        return said
    return f"{said}. Its end was not seen: its token counts and cost are a lower bound or an estimate."


def _text(title: str, content: Any) -> Any:
    """A text as it is, to read, scroll and copy; a long one folded."""
    text = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False)
    long = len(text) > FOLDED or text.count("\n") > 25
    copy = dmc.CopyButton("Copy", value=text, copiedChildren="Copied", size="compact-xs", variant="light")
    fold = [html.Details(html.Summary(f"Show all {numbers.count(len(text))} characters"))] if long else []
    label: dict[str, Any] = {"aria-label": title}
    body = html.Div(text, className="text folded" if long else "text", tabIndex=0, role="region", **label)
    return html.Section([html.Div([html.H3(title), copy], className="text-head"), *fold, body])


def _group(title: str, names: tuple[str, ...], record: dict[str, Any], zone: ZoneInfo) -> Any:
    shown = [name for name in names if _said(name, record)]
    if not shown:
        return None
    items = [
        part
        for name in shown
        for part in (html.Dt(_name(name)), html.Dd(value(name, record[name], zone), className=_class(name)))
    ]
    return html.Section([html.H3(title), html.Dl(items)])


def _said(name: str, record: dict[str, Any]) -> bool:
    """Unknown values are left out, but for the price: that it is not known matters."""
    return name in record and (record[name] not in (None, "") or name == "estimated_cost_usd")


def _name(field: str) -> str:
    return _NAMES.get(field, field.removeprefix("tokens_").replace("_", " "))


def _class(field: str) -> str:
    return "long" if field in ("settings", "error_message") else ""


def value(name: str, what: Any, zone: ZoneInfo) -> str:
    """A field's value as a person reads it, nothing rounded away."""
    if name == "estimated_cost_usd":
        return "not known" if what is None else f"${what:,.6f}".rstrip("0").rstrip(".")
    if name == "timestamp":
        return _moment(what, zone)
    if name == "source":
        return sources.words(str(what))
    if isinstance(what, bool):
        return "yes" if what else "no"
    if name in ("duration_seconds", "time_to_first_token") and isinstance(what, int | float):
        return f"{numbers.duration(what)} ({what:.3f} s)" if what >= 60 else f"{what:.3f} s"
    if isinstance(what, int) and name not in ("http_status", "exit_code"):
        return f"{what:,}"
    if isinstance(what, dict | list):
        return json.dumps(what, indent=2, ensure_ascii=False)
    return str(what)


def _moment(text: Any, zone: ZoneInfo) -> str:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)
    if moment.tzinfo is None:
        return f"{moment:%A %d %B %Y, %H:%M:%S}"
    here = moment.astimezone(zone)
    return f"{here:%A} {here.day} {here:%B %Y, %H:%M:%S} ({here.tzname()})"


def title(record: dict[str, Any] | None) -> str:
    """What the drawer is called."""
    if record is None:
        return "Call"
    return str(record.get("task_id") or record.get("model") or "Call")
