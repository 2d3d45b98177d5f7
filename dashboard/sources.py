"""Where a call was logged, in people's words. The line's own names stay in JSON and CSV."""

from __future__ import annotations

WORDS = {
    "cli": "CLI runs",
    "otel": "telemetry",
    "sdk": "SDK",
    "transcript": "transcripts",
    "manual": "logged by hand",
    "rest": "REST",
    "demo": "made up",
}
"""The values of `source` in a line, in the words every face of the numbers uses for them."""

MEANINGS = {
    "cli": "added up from what a run of the Claude CLI printed; it may have made more calls than it shows",
    "otel": "told by the Claude CLI itself, one by one, while it ran",
    "sdk": "seen by the watched client of the anthropic library, one by one",
    "transcript": "read from Claude Code's own history, one by one",
    "manual": "told by your program, one by one",
    "rest": "told over HTTP, one by one",
    "demo": "made by `callmeter demo`, to look at",
}

RUNS = "cli"
"""The source whose lines stand for runs: their number of calls is a lower bound."""


def words(source: str) -> str:
    """A source as people call it; one that is new here goes by its own name."""
    return WORDS.get(source, source) or "unknown source"
