"""Names for the calls made in a block: `with log.context(task_id="gh-456"):`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})

current: ContextVar[Mapping[str, Any]] = ContextVar("callmeter", default=_NOTHING)
"""Fields of the line by name. Each thread and each asyncio task has its own."""


@contextmanager
def named(**fields: Any) -> Iterator[None]:
    """Give these fields to the calls begun in the block. Blocks nest; the inner one goes first."""
    token = current.set({**current.get(), **fields})
    try:
        yield
    finally:
        current.reset(token)
