"""What a request of the anthropic SDK asks for: which endpoint, which batch, and the text of its prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MESSAGES = re.compile(r"(?:https?://[^?#]*)?/v1/messages/?(?:[?#].*)?")
_BATCHES = re.compile(r"(?:https?://[^?#]*)?/v1/messages/batches/?(?:[?#].*)?")
_BATCH = re.compile(r"/v1/messages/batches/(?P<batch>[^/?#]+)(?P<results>/results)?/?(?:[?#]|$)")


MOST_PARTS = 2_000_000
"""Of a prompt; what has more than a request can hold contains itself."""


def is_message(method: str, url: str) -> bool:
    """Whether this makes a message, which is what costs: not counting tokens, not lists, files, batches."""
    if url == "/v1/messages":
        return method == "post" or method.lower() == "post"
    return _MESSAGES.fullmatch(url) is not None and method.lower() == "post"


def makes_batch(method: str, url: str) -> bool:
    """Whether this makes a message batch, of which the calls cost."""
    return _BATCHES.fullmatch(url) is not None and method.lower() == "post"


def requests_of(body: Any) -> int:
    """How many requests a batch has that is to be made; 1 where that is not known."""
    requests = body.get("requests") if isinstance(body, Mapping) else None
    return max(1, len(requests)) if isinstance(requests, (list, tuple)) else 1


def batch_of(method: str, url: str) -> tuple[str, bool] | None:
    """(id of the batch, whether its results are fetched rather than its state); None for anything else."""
    found = _BATCH.search(url) if method.lower() == "get" else None
    return (found["batch"], found["results"] is not None) if found else None


def prompt_texts(body: Any) -> list[str] | None:
    """The texts of system prompt and messages, tool results and text documents too; no images, no tools.

    None where they are not known: of what is no request, or has no end. The SDK has made plain data of it.
    """
    if not isinstance(body, dict):
        return None
    found: list[str] = []
    left: list[Any] = [body.get("messages"), body.get("system")]  # the last one is the next
    for _ in range(MOST_PARTS):
        if not left:
            return found
        content = left.pop()
        kind = content.__class__
        if kind is dict:
            _open(content, found, left)
        elif kind is str:
            found.append(content)
        elif kind is list:
            left.extend(reversed(content))
    return None


def _open(block: dict[str, Any], found: list[str], left: list[Any]) -> None:
    """Take the text of a block or a message, and leave what else is in it for later."""
    if (text := block.get("text")).__class__ is str:
        found.append(text)
    source = block.get("source")
    if source.__class__ is dict and source.get("type") in ("text", "content"):
        left.append(source.get("data") or source.get("content"))
    if (content := block.get("content")) is not None:
        left.append(content)


def reply_text(message: Mapping[str, Any]) -> str:
    """The text of a reply: its text blocks, one after the other."""
    blocks = message.get("content")
    if not isinstance(blocks, list):
        return ""
    found = [b.get("text") for b in blocks if isinstance(b, dict) and b.get("type") == "text"]
    return "".join([text for text in found if isinstance(text, str)])
