"""A mark: how grave something is, told by a shape and a word, not by colour alone."""

from __future__ import annotations

from typing import Any

from dash import html

SIGNS = {"ok": "✓", "info": "i", "caution": "!", "warning": "!", "critical": "!", "unknown": "?"}


def mark(grade: str, words: str) -> Any:
    """A shape of the grade (one of `SIGNS`) and a word beside it."""
    hidden: dict[str, Any] = {"aria-hidden": "true"}
    sign = html.Span(SIGNS.get(grade, "?"), className="shape", **hidden)
    return html.Span([sign, words], className=f"mark {grade}")
