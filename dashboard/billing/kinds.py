"""The words in which Anthropic's two generations of reports and the log say the same things."""

from __future__ import annotations

import re

from logger.price_table import spellings

_POINT_ZERO = re.compile(r"(?<=-\d)-0$")

USAGE_FIELDS = (
    "tokens_input",
    "tokens_output",
    "tokens_cache_read",
    "tokens_cache_write_5m",
    "tokens_cache_write_1h",
)
"""Token kinds of a usage row, in the log's words (Anthropic's `uncached_input_tokens` is `tokens_input`)."""

TOKEN_TYPES = {
    "uncached_input_tokens": "tokens_input",
    "output_tokens": "tokens_output",
    "cache_read_input_tokens": "tokens_cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "tokens_cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "tokens_cache_write_1h",
}
"""`token_type` of a cost row -> our kind."""

COST_TYPES = ("tokens", "web_search", "code_execution", "session_usage")
"""`cost_type` of a cost row. Others may come: they are kept under their own name."""

KIND_NAMES = {
    "tokens_input": "input",
    "tokens_output": "output",
    "tokens_cache_read": "cache read",
    "tokens_cache_write_5m": "cache write 5 min",
    "tokens_cache_write_1h": "cache write 1 h",
    "web_search": "web search",
    "code_execution": "code execution",
    "session_usage": "session time",
}
"""What people call them."""


def billed_name(model: str) -> str:
    """The name under which spellings of a model meet: without provider, date, `[1m]`, `-latest`, and the 0 of
    a version such as `claude-opus-4-0`, which its dated name does not have.
    """
    return _POINT_ZERO.sub("", list(spellings(model))[-1])
