"""The CLI runs a logger has written: none is counted twice, and resumed sessions can be told apart."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from .claude_cli import CliRun, call_id_of, ids_of, read_run
from .cli_facts import Shares
from .logged_ids import logged
from .pricing import PriceTable

MOST_RUNS = 10_000
"""How many runs and sessions are remembered."""


class WrittenRuns:
    """Remembers identities of runs, and what their sessions had used by the end of the last of them.

    What other processes wrote into the folder, an earlier one of this program or an import, is looked up
    there. Two that write the very same run at the very same moment do not see each other.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._identities: dict[str, None] = {}
        self._sessions: dict[str, Shares] = {}

    def uncounted(self, run: CliRun, days: Iterable[str]) -> CliRun | None:
        """What of the run is not written yet, by this process or in these days; None when all of it is.

        A run that was written before it had a result counts as written, as it does for an import.
        """
        if not run.identity:
            return run
        if run.identity in self._identities:
            return None
        begun = ids_of(run, run.begun_identity) if run.finished and run.begun_identity else []
        own = ids_of(run, run.identity)
        known = logged(self._folder, days, {*begun, *own})
        if not known.isdisjoint(begun) or known.issuperset(own):
            return None
        rest = [use for use in run.models if call_id_of(run.identity, use.model) not in known]
        return replace(run, models=tuple(rest))

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
