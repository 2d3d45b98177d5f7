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


def with_names(
    named: Mapping[str, Any], task_id: Any, worker_id: Any, further: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """What a call says itself, and for the rest what its context says."""
    rest = {name: value for name, value in named.items() if name not in ("task_id", "worker_id")}
    task_id = named.get("task_id") if task_id is None else task_id
    worker_id = named.get("worker_id") if worker_id is None else worker_id
    return task_id, worker_id, {**rest, **further}
