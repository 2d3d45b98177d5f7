"""Running now: the calls in flight, the card that shows them and the list it opens.

The server tells the page which calls run, and only when that changes; how long each has run ticks in the
browser, which also keeps to the filters (assets/page.js).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dash_mantine_components as dmc
from dash import dcc, html

from logger.running import RUNNING, RunningCall, running_calls

from . import ids

MOST = 500
"""Calls told to a page; of more it is told how many."""


@dataclass(frozen=True, slots=True)
class Running:
    """The calls in flight. `known`: whether a logger that keeps them ever wrote to this folder."""

    known: bool = False
    calls: tuple[RunningCall, ...] = ()


def look(folder: Path, now: datetime) -> Running:
    """What is in flight in a log folder."""
    calls = running_calls(folder, now=now.timestamp())
    return Running(bool(calls) or (folder / RUNNING).is_dir(), calls)


def told(running: Running, zone: ZoneInfo) -> dict[str, Any] | None:
    """What the page is told, the same as long as the same calls run; None when nothing is known."""
    if not running.known:
        return None
    return {
        "calls": [_told(call, zone) for call in running.calls[:MOST]],
        "more": max(0, len(running.calls) - MOST),
    }


def _told(call: RunningCall, zone: ZoneInfo) -> dict[str, Any]:
    """A call in flight; `started` in milliseconds of Unix time."""
    return {
        "id": call.call_id,
        "task": call.task_id or "",
        "worker": call.worker_id or "",
        "model": call.model,
        "project": call.project or "",
        "file": call.prompt_file or "",
        "started": round(call.started * 1000),
        "since": _since(call.started, zone),
        "alive": call.alive,
    }


def _since(started: float, zone: ZoneInfo) -> str:
    """`Sun 22 Nov, 14:35:02`; nothing for a time that is none."""
    try:
        moment = datetime.fromtimestamp(started, zone)
    except (OverflowError, OSError, ValueError):
        return ""
    return f"{moment:%a} {moment.day} {moment:%b, %H:%M:%S}"


def memory(running: Running, zone: ZoneInfo) -> Any:
    """Where the page keeps what it was told, and what it knows from the start."""
    return dcc.Store(id=ids.RUNNING, data=told(running, zone))


def card(running: Running) -> Any:
    """The card, hidden until something is known. All of it is one button, which opens the list."""
    label: dict[str, Any] = {"aria-label": "Running now: show every call", "aria-haspopup": "dialog"}
    return html.Div(
        [
            html.Div(html.H2("Running now"), className="card-head"),
            html.Div(id=ids.RUNNING_BODY, className="running-body"),
            html.Button(id=ids.RUNNING_OPEN, className="cover", type="button", **label),
        ],
        id=ids.RUNNING_CARD,
        className="card running" if running.known else "card running off",
    )


def drawer() -> Any:
    """The list of every call in flight."""
    return dmc.Drawer(
        html.Div(id=ids.RUNNING_LIST, className="in-flight"),
        id=ids.RUNNING_DRAWER,
        title="Running now",
        position="right",
        size="md",
        padding="md",
        closeButtonProps={"aria-label": "Close"},
    )
