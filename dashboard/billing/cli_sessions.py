"""What the log holds of a session of the Claude CLI, beside what the CLI says its runs cost. Pure.

A call is logged at our price or at the CLI's, so both are right; and a log may lack what nobody tells it, or
hold what the CLI does not count. What is beyond that has no reason: calls that are missing, or logged twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .cli_cost import SAME, CliCost

REASONS = {
    "not_logged": "",
    "untold": "the CLI does not tell what all its runs cost",
    "unpriced": "no price in the log",
    "equal": "",
    "runs": "as its runs differ from our prices",
    "lacking": "the log lacks some of it: prices, the end of replies, or calls of helpers",
    "estimate": "the CLI estimates a reply that broke off",
    "before": "these runs began in another session",
    "suggested": "with a call after the result",
    "earlier": "with runs before these, which are not among the files",
    "other": "not explained: other prices, other runs, or calls that are missing or logged twice",
}
"""Why the log differs from the CLI, or why that cannot be told -> what people read."""


@dataclass(frozen=True, slots=True)
class LoggedSession:
    """What the log holds of a session."""

    lines: int = 0
    cost_usd: float = 0.0
    """The known part."""
    unpriced: int = 0
    """Lines of unknown cost."""
    told_usd: float | None = None
    """What telemetry said its calls cost; None without telemetry."""
    lacking: bool = False
    """Whether it is known to lack something: a price, a final count, or what stands in no transcript."""


@dataclass(frozen=True, slots=True)
class SessionCost:
    """The runs of one session, and what the log holds of it. USD; None is not known."""

    session_id: str
    runs: Sequence[CliCost]
    logged: LoggedSession = field(default_factory=LoggedSession)

    @property
    def own_usd(self) -> float | None:
        """What the CLI says its runs cost; None when it does not say so of each."""
        every = [run.own_usd for run in self.runs if run.own_usd is not None]
        return sum(every) if len(every) == len(self.runs) else None

    @property
    def logged_usd(self) -> float | None:
        """What was logged, as far as it has a price."""
        return self.logged.cost_usd if self.logged.lines > self.logged.unpriced else None

    @property
    def difference_usd(self) -> float | None:
        """The log less the CLI; None when there is nothing to compare."""
        if self.own_usd is None or self.logged_usd is None:
            return None
        difference = self.logged_usd - self.own_usd
        return 0.0 if abs(difference) <= SAME else difference

    @property
    def reason(self) -> str:
        """Of `REASONS`."""
        if self.difference_usd is None:
            return self._untold()
        if self.difference_usd == 0:
            return "equal"
        if self._missing_usd > SAME:
            return self._missing()
        return next((reason for reason, most in self._most() if self._held <= most + SAME), "other")

    @property
    def disputed_usd(self) -> float:
        """How far the log is from what can be explained, whatever the sign."""
        if self.reason != "other":
            return 0.0
        return max(self._missing_usd, self._held - max(usd for _, usd in self._most()))

    @property
    def why(self) -> str:
        """The reason in words."""
        return REASONS[self.reason]

    def _untold(self) -> str:
        if not self.logged.lines:
            return "not_logged"
        return "untold" if self.own_usd is None else "unpriced"

    @property
    def _held(self) -> float:
        return self.logged_usd or 0.0

    @property
    def _missing_usd(self) -> float:
        """What the log has less than both figures of the runs; below 0 when it has more than one of them."""
        return sum(min(_figures(run)) for run in self.runs) - self._held

    def _missing(self) -> str:
        if self.logged.lacking:
            return "lacking"
        if any(run.cut for run in self.runs):
            return "estimate"
        return "before" if any(run.sessions > 1 for run in self.runs) else "other"

    def _most(self) -> Iterator[tuple[str, float]]:
        """Reasons why it may be more than the CLI says, each with how much it may be then."""
        both = sum(max(_figures(run)) for run in self.runs)
        yield "runs", both
        # One call costs no more than the run did whose prompts it repeats.
        suggested = both + sum(run.own_usd or 0.0 for run in self.runs if run.suggested)
        yield "suggested", suggested
        totals = [run.total_usd or 0.0 for run in self.runs if not run.astray_usd]
        yield "earlier", suggested - both + max([both, *totals])


def _figures(run: CliCost) -> list[float]:
    """What a run cost by the CLI, and by our prices."""
    return [usd for usd in (run.own_usd, run.least_usd, run.most_usd) if usd is not None]


def of_runs(runs: Iterable[CliCost], logged: Mapping[str, LoggedSession]) -> list[SessionCost]:
    """The sessions that the runs name, in the order of the runs."""
    by_session: dict[str, list[CliCost]] = {}
    for run in runs:
        if run.session_id is not None:
            by_session.setdefault(run.session_id, []).append(run)
    return [SessionCost(name, some, logged.get(name, LoggedSession())) for name, some in by_session.items()]
