"""What the Claude CLI says its runs cost, beside our prices and what the log holds of them. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import numbers
from ..sheets import Answer, Cell, Column, Sheet, plain
from .cli_cost import BY_DESIGN, REASONS, UNCOMPARED, CliCost
from .cli_sessions import LoggedSession, SessionCost, of_runs
from .rules import BillingRules

_TOLD = 3
"""So many copies are named."""


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
    def sessions(self) -> list[SessionCost]:
        """The sessions that the runs name; none where the log was not looked at."""
        return of_runs(self.runs, self.logged) if self.looked_up else []

    @property
    def logged_disputed_usd(self) -> float:
        """Differences of the log from the CLI, whatever their sign, that nothing explains."""
        return sum(session.disputed_usd for session in self.sessions)

    @property
    def within(self) -> bool:
        """Whether both together are within the tolerance."""
        allowed = max(self.own_usd * self.rules.tolerance / 100, self.rules.tolerance_usd)
        return self.disputed_usd + self.logged_disputed_usd <= allowed


def verdict(found: Comparison) -> str:
    """A sentence about the runs, and one about the log where it differs for no known reason."""
    return " ".join(filter(None, (_of_runs(found), _of_log(found.sessions))))


def _of_runs(found: Comparison) -> str:
    said = _figures(found)
    differing = [run for run in found.runs if run.difference_usd or run.disputed_usd]
    if not differing:
        return f"{said}, the same run by run." if found.compared else f"{said}."
    if all(run.reason in BY_DESIGN for run in differing):
        return f"{said}. {_differ(len(differing), 'run')}, for reasons that lie in the CLI."
    usd = numbers.usd(found.disputed_usd)
    return f"{said}. {_differ(len(differing), 'run')}; {usd} of it is not explained."


def _of_log(sessions: Sequence[SessionCost]) -> str:
    disputed = [session.disputed_usd for session in sessions if session.disputed_usd]
    if not disputed:
        return ""
    usd = numbers.usd(sum(disputed))
    return f"{_differ(len(disputed), 'session')} in the log; {usd} of it is not explained."


def _figures(found: Comparison) -> str:
    if not found.compared:
        return "None of these runs can be compared with what the CLI says it cost"
    return (
        f"The CLI says {numbers.usd(found.own_usd)} of {numbers.plural(len(found.compared), 'run')}; "
        f"by our prices it is {numbers.usd(found.ours_usd)}"
    )


def _differ(number: int, what: str) -> str:
    return f"{numbers.plural(number, what)} differ{'s' if number == 1 else ''}"


def _signed(value: float | None) -> str:
    return "same" if value == 0 else ("+" if value and value > 0 else "") + numbers.usd(value)


RUN_COLUMNS = (
    Column("file", "Path", plain, shown=False),
    Column("name", "File", plain, data=False),
    Column("session_id", "Session", plain, shown=False),
    Column("version", "Version", plain, shown=False),
    Column("started", "Started", plain, shown=False),
    Column("cli_total_usd", "CLI's total", numbers.usd, shown=False),
    Column("cli_usd", "CLI", numbers.usd),
    Column("ours_usd", "Ours", numbers.usd),
    Column("ours_most_usd", "Ours at most", numbers.usd, shown=False),
    Column("difference_usd", "Difference", _signed),
    Column("reason", "Reason", plain, shown=False),
    Column("why", "Why", plain, wraps=True),
)
SESSION_COLUMNS = (
    Column("session_id", "Session", plain),
    Column("runs", "Runs", numbers.count),
    Column("cli_usd", "CLI", numbers.usd),
    Column("logged_usd", "Logged", numbers.usd, bound="bound"),
    Column("logged_lines", "Lines", numbers.count),
    Column("told_usd", "Telemetry", numbers.usd, extra=True),
    Column("difference_usd", "Difference", _signed),
    Column("reason", "Reason", plain, shown=False),
    Column("why", "Why", plain),
)


def answer(found: Comparison) -> Answer:
    """The runs, and the sessions where the log was looked at."""
    folder = _folder(found.runs)
    title = f"Runs of the Claude CLI in {folder}" if folder else "Runs of the Claude CLI"
    rows = [_run(one) | {"name": one.file.removeprefix(folder)} for one in found.runs]
    runs = Sheet("runs", title, RUN_COLUMNS, rows, verdict(found))
    sheets = [runs, _sessions(found.sessions)] if found.looked_up else [runs]
    facts = {
        "verdict": verdict(found),
        "runs_compared": len(found.compared),
        "cli_usd": round(found.own_usd, 10),
        "ours_usd": round(found.ours_usd, 10),
        "disputed_usd": round(found.disputed_usd, 10),
        "logged_disputed_usd": round(found.logged_disputed_usd, 10),
        "within_tolerance": found.within,
    }
    return Answer(sheets, facts, remarks(found))


def _folder(runs: Sequence[CliCost]) -> str:
    """The folder that all the files are in, with a slash at its end; "" where there is none."""
    try:
        common = os.path.commonpath([Path(run.file).parent for run in runs])
    except ValueError:  # no run, or one path from the root and another from here
        return ""
    return f"{common.rstrip('/')}/" if common else ""


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


def _sessions(sessions: Sequence[SessionCost]) -> Sheet:
    rows = [_session(one) for one in sessions]
    return Sheet("sessions", "Their sessions in the log", SESSION_COLUMNS, rows, _logged_words(sessions))


def _session(one: SessionCost) -> dict[str, Cell]:
    return {
        "session_id": one.session_id,
        "runs": len(one.runs),
        "cli_usd": _rounded(one.own_usd),
        "logged_usd": _rounded(one.logged_usd),
        "logged_lines": one.logged.lines,
        "told_usd": _rounded(one.logged.told_usd),
        "difference_usd": _rounded(one.difference_usd),
        "reason": one.reason,
        "why": one.why,
        "bound": bool(one.logged.unpriced),
    }


def _logged_words(sessions: Sequence[SessionCost]) -> str:
    missing = sum(not one.logged.lines for one in sessions)
    if not sessions:
        return "No session is named in these files."
    if missing:
        of = f"{numbers.count(missing)} of {numbers.plural(len(sessions), 'session')}"
        verb, them = ("is", "it") if missing == 1 else ("are", "them")
        return f"{of} {verb} not in the log: callmeter import takes {them} in."
    same = sum(one.difference_usd == 0 for one in sessions)
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
