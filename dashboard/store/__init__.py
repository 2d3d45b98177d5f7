"""The store: the log folder as frames, kept current. `FileStore` is one; `Store` is what all of them are."""

from .base import Health, Problem, Store
from .files import FileStore

__all__ = ["FileStore", "Health", "Problem", "Store"]
