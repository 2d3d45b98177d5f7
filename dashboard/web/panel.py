"""A panel of the health view: a sentence under a title, marked as fine or amiss."""

from __future__ import annotations

from typing import Any

from dash import html


def panel(title: str, sentence: str, *content: Any, fine: bool = True) -> Any:
    """The panel, `content` below the sentence."""
    mark = html.Span("✓" if fine else "!", className="sign fine" if fine else "sign amiss")
    head = html.Div([mark, html.H2(title)], className="card-head")
    return html.Section([head, html.P(sentence, className="sentence"), *content], className="panel wide")
