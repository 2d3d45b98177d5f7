"""Take secrets out of what will be logged, and make one line of a message."""

from __future__ import annotations

import re
from typing import Any

from .record import as_text

MOST_CHARACTERS = 2000

_NAMES = r"x-api-key|authorization|api[_-]?key|auth[_-]?token"
_SECRETS = (
    (re.compile(r"sk-[A-Za-z0-9_-]{6,}"), "sk-***"),
    (re.compile(r"(?i)\bbearer\s+[^\s\"',;]+"), "Bearer ***"),
    (re.compile(rf"(?i)\b({_NAMES})(\"?\s*[:=]\s*\"?)(?!Bearer )[^\s\"',;]+"), r"\1\2***"),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), "://***@"),
)


def redacted(text: str) -> str:
    """The text without API keys, bearer tokens and passwords in addresses."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def sentence(message: Any) -> str:
    """A message as one line of at most 2000 characters without secrets."""
    line = " ".join(as_text(message).split())
    return redacted(line)[:MOST_CHARACTERS]


def without_keys(line: bytes) -> bytes:
    """A line without Anthropic API keys, wherever the host put them."""
    return _KEYS.sub(b"sk-ant-***", line)


_KEYS = re.compile(rb"sk-ant-[A-Za-z0-9_-]+")
