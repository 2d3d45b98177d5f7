"""What went wrong inside the logger: counted, and said once, so that the host program is left in peace."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import suppress

MOST_SENTENCES = 100
"""How many different sentences are remembered as said; after that only counting goes on."""


class Problems:
    """Counts by kind. A sentence goes to `logging.getLogger("callmeter")` the first time only."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._said: set[str] = set()

    @property
    def total(self) -> int:
        """How many problems there were."""
        return sum(self.counts.values())

    def note(self, kind: str, sentence: str) -> None:
        """Count one problem of this kind; say the sentence if it was not said before. Never raises."""
        self.counts[kind] += 1
        if sentence in self._said or len(self._said) >= MOST_SENTENCES:
            return
        self._said.add(sentence)
        with suppress(Exception):  # a handler of the host may raise anything
            logging.getLogger("callmeter").warning("%s", sentence)
