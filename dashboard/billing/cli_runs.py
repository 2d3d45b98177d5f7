"""What the Claude CLI says its runs cost beside what their tokens cost by our prices. Pure.

`total_cost_usd` is a total: of all results of a process, and since version 2.1 of all processes of a session.
`CliCost.own_usd` is a run's own part of it. Where the CLI's figure is wrong or missing by its own design, the
difference has a reason and is no disagreement about prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .. import numbers
from ..sheets import Answer, Cell, Column, Sheet, plain
from .rules import BillingRules

REASONS = {
    "total": "the CLI's total is not the sum of what it says of its models",
    "equal": "",
    "within": "the CLI does not tell which cache writes last an hour: within what our prices allow",
    "estimate": "both hold the CLI's estimate of a reply that broke off",
    "suggested": "a call after the result is in neither",
    "no_result": "ended without a result, so the CLI tells no cost; ours is a lower bound",
    "resumed": "the CLI's total is the session's; the runs before this one are not among the files",
    "unpriced": "no price here",
    "guessed": "no price in the CLI: it takes another model's",
    "forgotten": "the CLI forgot replies it got by a plain request, after their stream failed",
    "after": "replies after the last result",
    "price": "other prices than ours, or fast mode or a region that the CLI does not tell",
}
"""Why the two differ, or how far they can be compared -> what people read."""

UNCOMPARED = ("no_result", "resumed", "unpriced")
"""Reasons for which there is nothing to compare."""

BY_DESIGN = ("guessed", "forgotten", "after")
"""Reasons for which the CLI's figure is known to be another one."""

_TOLD = 3
"""So many copies are named."""

SAME = 1e-6
"""USD up to which two figures are the same: the CLI adds up floats."""


@dataclass(frozen=True, slots=True)
class CliCost:
    """One process of the CLI. USD; None is not known."""

    file: str
    session_id: str | None = None
    version: str | None = None
    started: datetime | None = None
    """When it ran, as its output tells; `json` output and old versions tell no time."""
    ended: datetime | None = None
    total_usd: float | None = None
    """`total_cost_usd` of its last result."""
    own_usd: float | None = None
    """What of it is this run's."""
    astray_usd: float = 0.0
    """What `total_usd` has beyond the sum of the models in the same result; in `own_usd` too."""
    least_usd: float | None = None
    """What the counted tokens cost by our prices, at the least and at the most: a sum of calls does not
    tell everything that prices go by. None without a price for one of the models.
    """
    most_usd: float | None = None
    finished: bool = True
    """Whether there was a result."""
    final: bool = True
    """Whether every count is exact."""
    suggested: bool = False
    forgotten: bool = False
    after: bool = False
    guessed: tuple[str, ...] = ()
    """Models whose price the CLI does not know."""
    unpriced: tuple[str, ...] = ()
    """Models without a price here."""
    copies: tuple[str, ...] = ()
    """Other files that hold the same run."""

    @property
    def ours_usd(self) -> float | None:
        """Our price: of those the counts allow the one nearest to the CLI's figure."""
        if self.least_usd is None or self.most_usd is None:
            return None
        return (
            self.least_usd if self.own_usd is None else min(max(self.own_usd, self.least_usd), self.most_usd)
        )

    @property
    def difference_usd(self) -> float | None:
        """Ours less the CLI's; None when there is nothing to compare."""
        if self.own_usd is None or self.ours_usd is None or self.reason in UNCOMPARED:
            return None
        difference = self.ours_usd - self.own_usd
        return 0.0 if abs(difference) <= SAME else difference

    @property
    def disputed_usd(self) -> float:
        """How far the figures are apart, whatever the sign, where nothing but prices explains it."""
        if self.reason in BY_DESIGN:
            return 0.0
        return max(abs(self.difference_usd or 0.0), abs(self.astray_usd))

    @property
    def reason(self) -> str:
        """Of `REASONS`."""
        if not self.finished:
            return "no_result"
        if self.astray_usd:
            return "total"
        if self.own_usd is None:
            return "resumed"
        if self.unpriced or self.ours_usd is None:
            return "unpriced"
        if abs(self.ours_usd - self.own_usd) <= SAME:
            return self._same()
        reasons = {"guessed": bool(self.guessed), "forgotten": self.forgotten, "after": self.after}
        return next((reason for reason, so in reasons.items() if so), "price")

    def _same(self) -> str:
        if (self.most_usd or 0) - (self.least_usd or 0) > SAME:
            return "within"
        if self.suggested:
            return "suggested"
        return "equal" if self.final else "estimate"

    @property
    def why(self) -> str:
        """The reason in words, with the models it is about."""
        models = {"guessed": self.guessed, "unpriced": self.unpriced}.get(self.reason, ())
        said = REASONS[self.reason]
        return f"{said} ({', '.join(models)})" if models else said


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


@dataclass(frozen=True, slots=True)
class Comparison:
    """All runs, and what comes of them."""

    runs: Sequence[CliCost]
    logged: Mapping[str, LoggedSession] = field(default_factory=dict)
    """By session; sessions that are not in the log are missing."""
    looked_up: bool = False
    """Whether the log was looked at."""
    rules: BillingRules = field(default_factory=BillingRules)

    @property
    def compared(self) -> list[CliCost]:
        """Runs of which both figures are known."""
        return [run for run in self.runs if run.difference_usd is not None]

    @property
    def own_usd(self) -> float:
        """What the CLI says of the compared runs."""
        return sum(run.own_usd or 0.0 for run in self.compared)

    @property
    def ours_usd(self) -> float:
        """Our price of the compared runs."""
        return sum(run.ours_usd or 0.0 for run in self.compared)

    @property
    def disputed_usd(self) -> float:
        """Differences, whatever their sign, that nothing but prices explains."""
        return sum(run.disputed_usd for run in self.runs)

    @property
    def within(self) -> bool:
        """Whether that is within the tolerance."""
        allowed = max(self.own_usd * self.rules.tolerance / 100, self.rules.tolerance_usd)
        return self.disputed_usd <= allowed


def verdict(found: Comparison) -> str:
    """One sentence."""
    said = _figures(found)
    differing = [run for run in found.runs if run.difference_usd or run.disputed_usd]
    if not differing:
        return f"{said}, the same run by run." if found.compared else f"{said}."
    if all(run.reason in BY_DESIGN for run in differing):
        return f"{said}. {_runs_differ(len(differing))}, for reasons that lie in the CLI."
    usd = numbers.usd(found.disputed_usd)
    return f"{said}. {_runs_differ(len(differing))}; {usd} of it is not explained."


def _figures(found: Comparison) -> str:
    if not found.compared:
        return "None of these runs can be compared with what the CLI says it cost"
    return (
        f"The CLI says {numbers.usd(found.own_usd)} of {numbers.plural(len(found.compared), 'run')}; "
        f"by our prices it is {numbers.usd(found.ours_usd)}"
    )


def _runs_differ(number: int) -> str:
    return f"{numbers.plural(number, 'run')} differ{'s' if number == 1 else ''}"


def _signed(value: float | None) -> str:
    return "same" if value == 0 else ("+" if value and value > 0 else "") + numbers.usd(value)


RUN_COLUMNS = (
    Column("file", "File", plain),
    Column("session_id", "Session", plain, shown=False),
    Column("version", "Version", plain, shown=False),
    Column("started", "Started", plain, shown=False),
    Column("cli_total_usd", "CLI's total", numbers.usd, shown=False),
    Column("cli_usd", "CLI", numbers.usd),
    Column("ours_usd", "Ours", numbers.usd),
    Column("ours_most_usd", "Ours at most", numbers.usd, shown=False),
    Column("difference_usd", "Difference", _signed),
    Column("reason", "Reason", plain, shown=False),
    Column("why", "Why", plain),
)
SESSION_COLUMNS = (
    Column("session_id", "Session", plain),
    Column("runs", "Runs", numbers.count),
    Column("cli_usd", "CLI", numbers.usd),
    Column("logged_usd", "Logged", numbers.usd, bound="bound"),
    Column("logged_lines", "Lines", numbers.count),
    Column("told_usd", "Telemetry", numbers.usd, extra=True),
    Column("difference_usd", "Difference", _signed),
)


def answer(found: Comparison) -> Answer:
    """The runs, and the sessions where the log was looked at."""
    runs = Sheet(
        "runs", "Runs of the Claude CLI", RUN_COLUMNS, [_run(one) for one in found.runs], verdict(found)
    )
    sheets = [runs, _sessions(found)] if found.looked_up else [runs]
    facts = {
        "verdict": verdict(found),
        "runs_compared": len(found.compared),
        "cli_usd": round(found.own_usd, 10),
        "ours_usd": round(found.ours_usd, 10),
        "disputed_usd": round(found.disputed_usd, 10),
        "within_tolerance": found.within,
    }
    return Answer(sheets, facts, remarks(found))


def _run(one: CliCost) -> dict[str, Cell]:
    return {
        "file": one.file,
        "session_id": one.session_id,
        "version": one.version,
        "started": None if one.started is None else one.started.isoformat(),
        "cli_total_usd": _rounded(one.total_usd),
        "cli_usd": _rounded(one.own_usd),
        "ours_usd": _rounded(one.ours_usd),
        "ours_most_usd": _rounded(one.most_usd),
        "difference_usd": _rounded(one.difference_usd),
        "reason": one.reason,
        "why": one.why,
    }


def _rounded(usd: float | None) -> float | None:
    return None if usd is None else round(usd, 10)


def _sessions(found: Comparison) -> Sheet:
    by_session: dict[str, list[CliCost]] = {}
    for run in found.runs:
        if run.session_id is not None:
            by_session.setdefault(run.session_id, []).append(run)
    rows = [_session(name, runs, found.logged.get(name)) for name, runs in by_session.items()]
    return Sheet("sessions", "Their sessions in the log", SESSION_COLUMNS, rows, _logged_words(rows))


def _session(name: str, runs: Sequence[CliCost], logged: LoggedSession | None) -> dict[str, Cell]:
    own = [run.own_usd for run in runs]
    said = sum(usd or 0.0 for usd in own) if None not in own else None
    held = None if logged is None or logged.lines == logged.unpriced else logged.cost_usd
    difference = None if said is None or held is None else held - said
    return {
        "session_id": name,
        "runs": len(runs),
        "cli_usd": _rounded(said),
        "logged_usd": _rounded(held),
        "logged_lines": logged.lines if logged else 0,
        "told_usd": _rounded(logged.told_usd) if logged else None,
        "difference_usd": _rounded(0.0 if difference is not None and abs(difference) <= SAME else difference),
        "bound": bool(logged and logged.unpriced),
    }


def _logged_words(rows: Iterable[Mapping[str, Cell]]) -> str:
    sessions = list(rows)
    missing = sum(not row["logged_lines"] for row in sessions)
    if not sessions:
        return "No session is named in these files."
    if missing:
        of = f"{numbers.count(missing)} of {numbers.plural(len(sessions), 'session')}"
        verb, them = ("is", "it") if missing == 1 else ("are", "them")
        return f"{of} {verb} not in the log: callmeter import takes {them} in."
    same = sum(row["difference_usd"] == 0 for row in sessions)
    return f"{numbers.count(same)} of {numbers.plural(len(sessions), 'session')} logged at what the CLI says."


def remarks(found: Comparison) -> list[str]:
    """What is not in the comparison, and what would have been in it twice."""
    said = []
    for reason in UNCOMPARED:
        number = sum(run.reason == reason for run in found.runs)
        if number:
            said.append(f"Not compared: {numbers.plural(number, 'run')} ({REASONS[reason]}).")
    return [*said, *_copies(found.runs)]


def _copies(runs: Sequence[CliCost]) -> list[str]:
    """Files that hold a run once more."""
    said = [f"{copy} holds the same run as {run.file}: counted once." for run in runs for copy in run.copies]
    more = len(said) - _TOLD
    if more <= 0:
        return said
    hold = "file holds a run that is" if more == 1 else "files hold runs that are"
    return [*said[:_TOLD], f"And {numbers.count(more)} more {hold} counted already."]
