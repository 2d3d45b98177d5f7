"""One call with every field its line has, in groups a person would look for."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from .. import numbers
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
    ("Prompt", ("prompt_file", "prompt_length", "response_length", "settings", "prompt", "response")),
    ("Line", ("call_id", "message_id", "request_id", "start_time", "end_time")),
)
_NAMES = {"task_id": "task", "worker_id": "worker", "session_id": "session", "estimated_cost_usd": "cost"}
_QUIET = frozenset({"tokens_final"})
"""Fields that are said beside others rather than on a line of their own."""


def find(store: Store, call: str | None) -> dict[str, Any] | None:
    """The record named `day/offset`, or None when there is none."""
    day, _, offset = (call or "").partition("/")
    try:
        return store.line(day, int(offset))
    except ValueError:
        return None


def render(record: dict[str, Any] | None, zone: ZoneInfo) -> list[Any]:
    """The drawer's content: every field of the record that has a value."""
    if record is None:
        return [html.P("This call is no longer in the logs: its file was changed, moved or deleted.")]
    known = {name for _, names in GROUPS for name in names} | _QUIET
    rest = tuple(name for name in record if name not in known)
    groups = [_group(title, names, record, zone) for title, names in (*GROUPS, ("Other", rest))]
    return [_head(record), *(group for group in groups if group is not None)]


def _head(record: dict[str, Any]) -> Any:
    final = record.get("tokens_final") is not False
    said = "Succeeded" if record.get("success") else "Failed"
    if not final:
        said += (
            ". The end of the call was not seen: its token counts and cost are a lower bound or an estimate."
        )
    return html.P(said, className="outcome" if record.get("success") else "outcome failed")


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
    return "long" if field in ("prompt", "response", "settings", "error_message") else ""


def value(name: str, what: Any, zone: ZoneInfo) -> str:
    """A field's value as a person reads it, nothing rounded away."""
    if name == "estimated_cost_usd":
        return "not known" if what is None else f"${what:,.6f}".rstrip("0").rstrip(".")
    if name == "timestamp":
        return _moment(what, zone)
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
