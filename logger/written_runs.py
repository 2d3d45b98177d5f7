"""The CLI runs a logger has written: none is counted twice, and resumed sessions can be told apart."""

from __future__ import annotations

import os

from .claude_cli import CliRun, read_run
from .cli_facts import Shares
from .pricing import PriceTable

MOST_RUNS = 10_000
"""How many runs and sessions are remembered."""


class WrittenRuns:
    """Remembers identities of runs, and what their sessions had used by the end of the last of them."""

    def __init__(self) -> None:
        self._identities: dict[str, None] = {}
        self._sessions: dict[str, Shares] = {}

    def __contains__(self, identity: str) -> bool:
        return identity in self._identities

    def read(self, path: str | os.PathLike[str], at: float | None, prices: PriceTable) -> CliRun:
        """The run in a file, counted on top of the earlier runs of its sessions. Raises OSError."""
        run = read_run(path, at=at, prices=prices)
        if run.final or run.identity in self._identities or self._sessions.keys().isdisjoint(run.sessions):
            return run
        return read_run(path, at=at, prices=prices, earlier=self._sessions)

    def add(self, run: CliRun) -> None:
        """Remember a run that is being written."""
        if run.identity:
            self._identities[run.identity] = None
        self._sessions.update(run.sessions)
        while len(self._identities) > MOST_RUNS:
            del self._identities[next(iter(self._identities))]
        while len(self._sessions) > MOST_RUNS:
            del self._sessions[next(iter(self._sessions))]
