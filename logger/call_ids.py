"""Ids for lines: unique across processes, threads and forks, and cheap."""

from __future__ import annotations

import os
import time
from itertools import count


class CallIds:
    """`next()` gives ids like `67a1c2f09b3d5e11-1f`: start of the process, chance, and a counter."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew, as a forked child must."""
        self._prefix = f"{int(time.time()):08x}{os.urandom(4).hex()}-"
        self._numbers = count(1)

    def next(self) -> str:
        """An id nobody else has."""
        return f"{self._prefix}{next(self._numbers):x}"


call_ids = CallIds()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=call_ids.renew)
