"""Memory that is free again goes back to the system, which the allocators would not do by themselves."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import pyarrow as pa

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""Names of glibc's `mallopt`."""

_LARGE = 4 << 20
"""Bytes from which an array is a mapping of its own, gone when it is freed. Smaller ones would make views
slower: each mapping is filled with zeros page by page.
"""


def thrifty() -> None:
    """Make a process that runs for long hold less, from now on; to be called before it reads anything.

    Arrow's own allocator keeps what it ever had, and so does glibc once it has seen a large array freed:
    then it no longer maps arrays of that size. Two heaps are enough for few threads.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(OSError, AttributeError):  # only glibc has it
        glibc = ctypes.CDLL(None)
        glibc.mallopt(_MMAP_THRESHOLD, _LARGE)
        glibc.mallopt(_ARENA_MAX, 2)


def give_back() -> None:
    """Give back what is free; a few milliseconds, so after large readings only."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
