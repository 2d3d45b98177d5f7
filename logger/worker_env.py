"""The environment of a Claude CLI worker that reports each of its calls by telemetry."""

from __future__ import annotations

from collections.abc import Mapping


def worker_env(names: Mapping[str, str | None], endpoint: str, token: str | None) -> dict[str, str]:
    """The variables to add to the worker's environment."""
    raise NotImplementedError
