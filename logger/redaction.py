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


def without_secrets(text: str) -> str:
    """A prompt or response without what looks like a secret.

    Stricter than `redacted`: whole texts of a program's users hold other secrets than its errors do. Every
    pattern takes time in proportion to the text.
    """
    for pattern, instead in _CONTENT_SECRETS:
        text = pattern.sub(instead, text)
    return text


_VALUE = r"""("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s"',;&)}\]]+)"""
_IS = r"""[\w-]{0,30}\\?["']?\s{0,3}(?::|=>?)\s{0,3}\\?"""

_CONTENT_SECRETS = (
    (
        # of a block that is cut off, as much as there is
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[^-]|-(?!----END))*(?:-----END[A-Z ]*-----)?"
        ),
        "[private key]",
    ),
    (re.compile(r"\A[^-]*-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"), "[private key]"),
    (re.compile(r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{16,}"), "sk-***"),  # Anthropic, OpenAI
    (re.compile(r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}"), "***"),  # Stripe
    (re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"), "AKIA***"),  # AWS
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|npm_|hf_)[A-Za-z0-9_-]{16,}"), "***"),
    (re.compile(r"\bxox[a-z]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}"), "xox***"),  # Slack
    (re.compile(r"(hooks\.slack\.com/services/)[A-Za-z0-9/]+"), r"\1***"),
    (
        re.compile(r"\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{10,}|\bGOCSPX-[A-Za-z0-9_-]{10,}"),
        "***",
    ),  # Google
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), "***"),  # JSON web token
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 ***"),
    (re.compile(r"://[^/\s:@]{0,200}:[^/\s@]{1,500}@"), "://***@"),
    (
        re.compile(rf"(?i)(password|passwd|passphrase|secret|credentials?|private[_-]?key)({_IS}){_VALUE}"),
        r"\1\2***",
    ),
    (
        # a number is a count of tokens, or the like
        re.compile(
            rf"(?i)(token|api[_-]?key|access[_-]?key|authorization)({_IS})(?!\d+\b|null\b|true\b|false\b){_VALUE}"
        ),
        r"\1\2***",
    ),
)


def sentence(message: Any) -> str:
    """A message as one line of at most 2000 characters without secrets."""
    line = " ".join(as_text(message).split())
    return redacted(line)[:MOST_CHARACTERS]


def without_keys(line: bytes) -> bytes:
    """A line without Anthropic API keys, wherever the host put them."""
    return _KEYS.sub(b"sk-ant-***", line)


_KEYS = re.compile(rb"sk-ant-[A-Za-z0-9_-]+")
