"""Prompts and responses as the API takes and gives them -> text that a person can read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

MAX_DEPTH = 10


def readable(value: Any) -> str | None:
    """Text as it is; messages, replies and content blocks as text with roles; anything else as it prints.

    None for None, and for what cannot be printed. Images and documents are named, not written out.
    """
    if value is None or value.__class__ is str:
        return value if value is None else str(value)
    try:
        if isinstance(value, (bytes, bytearray)):
            return value.decode("utf-8", "replace")
        return str.__str__(value) if isinstance(value, str) else "\n\n".join(_parts(value, 0))
    except Exception:  # noqa: BLE001 - the host's objects may raise anything
        return None


def _parts(value: Any, depth: int) -> Iterator[str]:
    """The parts of a conversation, a message, a block, or a list of any of these."""
    if isinstance(value, str):
        yield value
    elif depth < MAX_DEPTH and isinstance(value, (list, tuple)) and all(_speaks(one) for one in value):
        for one in value:
            yield from _parts(one, depth + 1)
    elif depth < MAX_DEPTH and _part(value, "messages") is not None:
        yield from _request(value, depth)
    elif _part(value, "role") is not None:
        yield from _message(value, depth)
    elif isinstance(kind := _part(value, "type"), str):
        yield _block(kind, value, depth)
    else:
        yield str(value)


def _speaks(value: Any) -> bool:
    """Whether it is text, a message or a block."""
    return (
        isinstance(value, str)
        or isinstance(_part(value, "role"), str)
        or isinstance(_part(value, "type"), str)
    )


def _request(value: Any, depth: int) -> Iterator[str]:
    if system := _part(value, "system"):
        yield f"[system]\n{_joined(system, depth)}"
    yield from _parts(_part(value, "messages"), depth + 1)


def _message(value: Any, depth: int) -> Iterator[str]:
    yield f"[{_part(value, 'role')}]\n{_joined(_part(value, 'content'), depth)}"


def _joined(value: Any, depth: int) -> str:
    return "" if value is None else "\n".join(_parts(value, depth + 1))


def _block(kind: str, block: Any, depth: int) -> str:
    text = _part(block, "text" if kind == "text" else "thinking")
    if kind in ("text", "thinking") and isinstance(text, str):
        return text if kind == "text" else f"[thinking] {text}"
    if kind.endswith("tool_use"):
        return f"[tool use] {_part(block, 'name')} {_json(_part(block, 'input'))}"
    if kind.endswith("tool_result"):
        return f"[tool result] {_joined(_part(block, 'content'), depth)}"
    return f"[{kind}]"


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
