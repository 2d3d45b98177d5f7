"""What a request of the anthropic SDK asks for: which endpoint, which batch, and the text of its prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_MESSAGES = re.compile(r"(?:https?://[^?#]*)?/v1/messages/?(?:[?#].*)?")
_BATCH = re.compile(r"/v1/messages/batches/(?P<batch>[^/?#]+)(?P<results>/results)?/?(?:[?#]|$)")


def is_message(method: str, url: str) -> bool:
    """Whether this makes a message, which is what costs: not counting tokens, not lists, files, batches."""
    return _MESSAGES.fullmatch(url) is not None and method.lower() == "post"


def batch_of(method: str, url: str) -> tuple[str, bool] | None:
    """(id of the batch, whether its results are fetched rather than its state); None for anything else."""
    found = _BATCH.search(url) if method.lower() == "get" else None
    return (found["batch"], found["results"] is not None) if found else None


def prompt_texts(body: Any) -> list[str]:
    """The texts of system prompt and messages, tool results and text documents too; no images, no tools."""
    if not isinstance(body, Mapping):
        return []
    return [*texts(body.get("system")), *texts(body.get("messages"))]


def texts(content: Any) -> Iterator[str]:
    """The texts in a text, a block, a message, or a list of these."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        yield from _texts_of(content)
    elif isinstance(content, (list, tuple)):
        for part in content:
            yield from texts(part)


def _texts_of(block: Mapping[str, Any]) -> Iterator[str]:
    text, inner, source = block.get("text"), block.get("content"), block.get("source")
    if isinstance(text, str):
        yield text
    if inner is not None:
        yield from texts(inner)
    if isinstance(source, Mapping):
        if source.get("type") == "text":
            yield from texts(source.get("data"))
        elif source.get("type") == "content":
            yield from texts(source.get("content"))


def reply_text(message: Mapping[str, Any]) -> str:
    """The text of a reply: its text blocks, one after the other."""
    blocks = message.get("content")
    if not isinstance(blocks, list):
        return ""
    found = [b.get("text") for b in blocks if isinstance(b, Mapping) and b.get("type") == "text"]
    return "".join([text for text in found if isinstance(text, str)])
