"""The first start, without any log: how to begin. The page comes alive by itself with the first line."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from dash import html


def render(folder: Path) -> Any:
    """Three ways to the first line, each to copy."""
    where = shlex.quote(str(folder))
    logger = (
        "from anthropic import Anthropic\n"
        "from logger import ClaudeAPILogger\n\n"
        f"log = ClaudeAPILogger({str(folder)!r})\n"
        "client = log.watch(Anthropic())"
    )
    return html.Section(
        [
            html.H2("No calls yet"),
            html.P(
                [
                    "This page reads ",
                    html.Code(str(folder)),
                    " and comes alive by itself when the first line is written there. Three ways to begin:",
                ]
            ),
            html.Ol(
                [
                    _way("Log your program's calls: a watched client writes a line for each.", logger),
                    _way(
                        "See what you have used already: Claude Code keeps a history of its calls in "
                        "~/.claude/projects. A minute later your own data is here.",
                        f"callmeter import --log-dir {where}",
                        "Runs of the Claude CLI whose output you saved come in by naming their folder: "
                        "callmeter import runs/",
                    ),
                    _way("Just look around, with made-up calls.", f"callmeter demo --log-dir {where}"),
                ]
            ),
        ],
        className="panel welcome",
    )


def _way(words: str, code: str, more: str = "") -> Any:
    after = [html.P(more, className="advice")] if more else []
    return html.Li([html.P(words), html.Pre(html.Code(code), tabIndex=0), *after])
