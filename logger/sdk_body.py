"""Follow the body of a response while the program reads it, without reading anything itself.

The response gets methods of its own in place of those of its class. They hold it by a weak reference: in a
cycle, a dropped stream would stay open until the garbage collector comes by.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, Protocol


class Reader(Protocol):
    """Who looks on. No method raises."""

    inside: bool
    """Whether the next chunk is being waited for: then a close is the body's own end."""

    def take(self, chunk: bytes) -> None:
        """A decoded chunk has come."""

    def end(self, whole: bool, error: BaseException | None = None) -> None:
        """Nothing more will come: read to its end, broken by an error, or given up. May be said again."""


def follow(response: Any, reader: Reader) -> None:
    """Tell the reader what is read of this unread response (of httpx2) and how it ends."""
    known = weakref.ref(response)
    methods = {
        "iter_bytes": lambda chunk_size=None: _read(known(), chunk_size, reader),
        "aiter_bytes": lambda chunk_size=None: _aread(known(), chunk_size, reader),
        "close": lambda: _close(known(), reader),
        "aclose": lambda: _aclose(known(), reader),
    }
    weakref.finalize(response, reader.end, False)  # dropped; also when the interpreter ends
    response.__dict__.update(methods)


def _leave(response: Any) -> None:
    """Give the response its own methods back."""
    for name in ("iter_bytes", "aiter_bytes", "close", "aclose"):
        response.__dict__.pop(name, None)


def _read(response: Any, chunk_size: int | None, reader: Reader) -> Iterator[bytes]:
    whole = False
    try:
        reader.inside = True
        for chunk in type(response).iter_bytes(response, chunk_size):
            reader.take(chunk)
            reader.inside = False
            yield chunk
            reader.inside = True
        whole = True
    except GeneratorExit:
        raise
    except BaseException as error:
        reader.end(False, error)
        raise
    finally:
        reader.inside = False
        reader.end(whole)
        _leave(response)


async def _aread(response: Any, chunk_size: int | None, reader: Reader) -> AsyncIterator[bytes]:
    whole = False
    try:
        reader.inside = True
        async with aclosing(type(response).aiter_bytes(response, chunk_size)) as chunks:
            async for chunk in chunks:
                reader.take(chunk)
                reader.inside = False
                yield chunk
                reader.inside = True
        whole = True
    except GeneratorExit:
        raise
    except BaseException as error:
        reader.end(False, error)
        raise
    finally:
        reader.inside = False
        reader.end(whole)
        _leave(response)


def _close(response: Any, reader: Reader) -> None:
    try:
        type(response).close(response)
    finally:
        if not reader.inside:
            reader.end(False)
            _leave(response)


async def _aclose(response: Any, reader: Reader) -> None:
    try:
        await type(response).aclose(response)
    finally:
        if not reader.inside:
            reader.end(False)
            _leave(response)
