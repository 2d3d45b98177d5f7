"""What a request of the anthropic SDK asks for: which endpoint, which batch, and the text of its prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MESSAGES = re.compile(r"(?:https?://[^?#]*)?/v1/messages/?(?:[?#].*)?")
_BATCH = re.compile(r"/v1/messages/batches/(?P<batch>[^/?#]+)(?P<results>/results)?/?(?:[?#]|$)")


def is_message(method: str, url: str) -> bool:
    """Whether this makes a message, which is what costs: not counting tokens, not lists, files, batches."""
    if url == "/v1/messages":
        return method == "post" or method.lower() == "post"
    return _MESSAGES.fullmatch(url) is not None and method.lower() == "post"


def batch_of(method: str, url: str) -> tuple[str, bool] | None:
    """(id of the batch, whether its results are fetched rather than its state); None for anything else."""
    found = _BATCH.search(url) if method.lower() == "get" else None
    return (found["batch"], found["results"] is not None) if found else None


def prompt_texts(body: Any) -> list[str]:
    """The texts of system prompt and messages, tool results and text documents too; no images, no tools."""
    found: list[str] = []
    if isinstance(body, dict):
        _collect(body.get("system"), found)
        _collect(body.get("messages"), found)
    return found


def _collect(content: Any, found: list[str]) -> None:
    """Add the texts in a text, a block, a message, or a list of these. The SDK has made plain data of it."""
    kind = content.__class__
    if kind is str:
        found.append(content)
    elif kind is list:
        for part in content:
            _collect(part, found)
    elif kind is dict:
        _collect_block(content, found)


def _collect_block(block: dict[str, Any], found: list[str]) -> None:
    text = block.get("text")
    if text.__class__ is str:
        found.append(text)
    _collect(block.get("content"), found)
    source = block.get("source")
    if source.__class__ is dict and source.get("type") in ("text", "content"):
        _collect(source.get("data") or source.get("content"), found)


def reply_text(message: Mapping[str, Any]) -> str:
    """The text of a reply: its text blocks, one after the other."""
    blocks = message.get("content")
    if not isinstance(blocks, list):
        return ""
    found = [b.get("text") for b in blocks if isinstance(b, dict) and b.get("type") == "text"]
    return "".join([text for text in found if isinstance(text, str)])
