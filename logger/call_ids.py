"""Ids for lines: unique across processes, threads and forks, or derived from what a line stands for."""

from __future__ import annotations

import hashlib
import os
import re
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

DERIVED = re.compile(r"[a-z]{3}-[0-9a-f]{24}")
"""What a derived id looks like; use `fullmatch`. Lines with the same derived id tell of the same call."""


def derived_id(kind: str, *identity: str) -> str:
    """The id of a line that several writers may write of one call, or one writer twice: always the same.

    kind: `cli` a run of the CLI and a model, `msg` a message id, `req` a request id, `evt` a telemetry
    event and `row` a transcript's row without any of these. Readers count one line of an id only.
    """
    text = "\n".join(identity).encode("utf-8", "replace")
    return f"{kind}-{hashlib.sha256(text).hexdigest()[:24]}"
