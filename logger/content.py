"""The text of prompts and responses as it is written: readable, without secrets, bounded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .conversation import readable
from .problems import Problems
from .redaction import without_secrets

MARGIN = 4096
"""Characters looked at beyond what is kept: a secret that lies across the cut is seen whole."""

LEAST, MOST = 200, 1_000_000
"""Bounds of the limit; a line has room for no more."""


@dataclass(frozen=True, slots=True)
class Content:
    """How the text of prompts and responses is written: at most `limit` characters and a mark."""

    limit: int
    patterns: tuple[re.Pattern[str], ...]
    """The user's own; what they match is written as `***`."""

    def written(self, value: Any) -> str | None:
        """A prompt or response (text, bytes, messages, a reply) as it may be written; None stays None."""
        text = readable(value)
        if text is None:
            return None
        if len(text) <= self.limit + 2 * MARGIN:
            return _cut(self._clean(text), self.limit, len(text))
        return self._both_ends(text)

    def _both_ends(self, text: str) -> str:
        """Of a long text only the ends are searched for secrets, each with its margin, which then goes."""
        half = self.limit // 2
        head = self._clean(text[: half + MARGIN])[:-MARGIN][:half]
        tail = _from_a_gap(self._clean(text[-half - MARGIN :])[MARGIN:])[-half:]
        return f"{head}{_mark(len(text) - len(head) - len(tail))}{tail}"

    def _clean(self, text: str) -> str:
        text = without_secrets(text)
        for pattern in self.patterns:
            text = pattern.sub(lambda found: "***" if found[0] else "", text)
        return text


def _cut(text: str, limit: int, whole: int) -> str:
    """Head and tail of a text without secrets; `whole` is its length before these were taken out."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}{_mark(whole - 2 * half)}{text[-half:]}"


def _mark(left_out: int) -> str:
    return f"\n[... {max(1, left_out):,} characters left out ...]\n"


def _from_a_gap(text: str) -> str:
    """Without the rest of a word: it may be a secret too long for the margin."""
    gap = re.search(r"\s", text)
    return text[gap.start() :] if gap else ""


def content_of(limit: Any, redact: Any, problems: Problems) -> Content:
    """What the logger was told; a limit or pattern that cannot be used is said."""
    known = limit if isinstance(limit, int) and not isinstance(limit, bool) else 20_000
    if known is not limit or not LEAST <= known <= MOST:
        known = min(max(known, LEAST), MOST)
        problems.note(
            "content", f"callmeter: content_limit is a number from {LEAST} to {MOST:,}; it is {known:,} now"
        )
    return Content(known, tuple(_patterns(redact, problems)))


def _patterns(redact: Any, problems: Problems) -> Iterable[re.Pattern[str]]:
    given: Sequence[Any] = [redact] if isinstance(redact, (str, re.Pattern)) else ()
    try:
        given = given or list(redact or ())
    except TypeError:
        problems.note("content", "callmeter: redact is a list of patterns; none is used")
    for number, one in enumerate(given, 1):
        try:
            pattern = re.compile(one)
            pattern.sub("", "")  # a pattern of bytes fits no text
        except (TypeError, re.error, RecursionError, OverflowError) as error:
            problems.note("content", f"callmeter: redact: pattern {number} cannot be used: {error}")
        else:
            yield pattern
