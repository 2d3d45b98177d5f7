"""`callmeter reconcile --runs`: what the Claude CLI says its runs cost, beside our prices and the log."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import UsageError
from . import folder
from .remarks import tell

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd

    from ..billing.cli_cost import CliCost
    from ..billing.cli_runs import Comparison
    from ..billing.cli_sessions import LoggedSession
    from ..filters import Filter
    from ..settings import Settings
    from ..store.base import Store

BEYOND = 2
"""The exit code when figures differ by more than the tolerance and nothing explains it."""

_COLUMNS = {"session_id", "cost_usd", "source", "final", "day", "offset"}
_DAY = timedelta(days=1)
_AFTER = timedelta(seconds=10)
"""So long after the last line that tells a time a run may begin a call: it suggests a prompt."""
_EVER = (date(1970, 1, 1), date(9000, 1, 1))


def run(settings: Settings, paths: Sequence[Path], tolerance: float | None, form: str) -> None:
    """Compare and print as "text", "json" or "csv". A folder stands for the outputs in it.

    Raises CallmeterError, and Exit: with 2 beyond the tolerance, with 1 when there is no run to compare or a
    file that was named is none.
    """
    found, problems = compare(settings, paths, tolerance)
    tell(problems)
    if not found.runs:
        raise UsageError("--runs: no output of the Claude CLI among these files.")
    _print(found, form)
    if problems:
        raise typer.Exit(1)
    if not found.within:
        raise typer.Exit(BEYOND)
    if not found.compared:
        raise typer.Exit(1)


def compare(
    settings: Settings, paths: Sequence[Path], tolerance: float | None
) -> tuple[Comparison, list[str]]:
    """The comparison, and a sentence for each named file that is no run."""
    from dataclasses import replace

    from logger.pricing import built_in
    from logger.transcript_folders import told_apart

    from ..billing import rules as of_rules
    from ..billing.cli_runs import Comparison
    from .cli_outputs import read
    from .price_file import table

    rules = of_rules.read(settings.file)
    rules = rules if tolerance is None else replace(rules, tolerance=tolerance)
    told = told_apart(list(paths))
    runs, problems = read(told.others, table(settings.prices) or built_in())
    named = [f"{path}: is a transcript of Claude Code, not output of its CLI" for path in told.transcripts]
    shown = [one for one in (*problems, *named) if any(one.startswith(f"{path}: ") for path in paths)]
    if not runs or not settings.log_dir.is_dir():
        return Comparison(runs, rules=rules), shown
    return Comparison(runs, logged(settings, runs), looked_up=True, rules=rules), shown


def logged(settings: Settings, runs: Sequence[CliCost]) -> dict[str, LoggedSession]:
    """What the log holds of the runs' sessions, on the days of `days_of`."""
    from ..store.files import FileStore

    named = [run for run in runs if run.session_id is not None]
    if not named:
        return {}
    folder.usable(settings.log_dir)
    view = days_of(named, settings.zone)
    with FileStore(settings.log_dir, settings.zone, cache_dir=settings.cache_dir) as store:
        store.load(view)
        return of_sessions(store, view, named)


def days_of(runs: Sequence[CliCost], zone: ZoneInfo) -> Filter:
    """The days these ran and the days beside them; every day where one does not tell when: the time of its
    file is that of a copy as often.
    """
    from ..filters import days

    begun = [run.started.astimezone(zone).date() for run in runs if run.started is not None]
    ended = [run.ended.astimezone(zone).date() for run in runs if run.ended is not None]
    if len(begun) < len(runs) or len(ended) < len(runs):
        return days(*_EVER, zone)
    return days(min(begun) - _DAY, max(ended) + _DAY, zone)


def of_sessions(store: Store, view: Filter, runs: Iterable[CliCost]) -> dict[str, LoggedSession]:
    """Cost and lines of each session that the view has, as far as they are of these runs."""
    by_session: dict[str, list[CliCost]] = {}
    for run in runs:
        by_session.setdefault(str(run.session_id), []).append(run)
    rows = store.rows(view, columns=_COLUMNS)
    rows = rows[rows["session_id"].isin(by_session).to_numpy()]
    found = {}
    for name, lines in rows.groupby(rows["session_id"].astype(str), observed=True):
        own = _of_these(store, lines, by_session[str(name)])
        if len(own):
            found[str(name)] = _logged(store, own)
    return found


def _of_these(store: Store, lines: pd.DataFrame, runs: Sequence[CliCost]) -> pd.DataFrame:
    """The lines without those of other runs of the session: begun after these, or written of their output."""
    ends = [run.ended for run in runs if run.ended is not None]
    if len(ends) == len(runs):
        lines = lines[(lines["time"] <= max(ends) + _AFTER).to_numpy()]
    ids = frozenset[str]().union(*(run.call_ids for run in runs))
    others = [_is_other(store, row, ids) for row in lines.itertuples()]
    return lines.loc[[not other for other in others]]


def _is_other(store: Store, row: Any, ids: Collection[str]) -> bool:
    """Whether a line was written of the output of a run that is none of these."""
    from logger.call_ids import DERIVED

    if row.source != "cli":
        return False
    call_id = (store.line(str(row.day), int(row.offset)) or {}).get("call_id")
    return isinstance(call_id, str) and DERIVED.fullmatch(call_id) is not None and call_id not in ids


def _logged(store: Store, lines: pd.DataFrame) -> LoggedSession:
    from ..billing.cli_sessions import LoggedSession

    costs = lines["cost_usd"]
    told = lines[(lines["source"] == "otel").to_numpy()]
    return LoggedSession(
        lines=len(lines),
        cost_usd=float(costs.sum()),
        unpriced=int(costs.isna().sum()),
        told_usd=sum(_told(store, row) for row in told.itertuples()) if len(told) else None,
        lacking=bool(
            costs.isna().any() or not lines["final"].all() or (lines["source"] == "transcript").any()
        ),
    )


def _told(store: Store, row: object) -> float:
    """What telemetry said a call cost: where it was our price too, only that is kept."""
    day, offset, cost = (getattr(row, name) for name in ("day", "offset", "cost_usd"))
    settings = (store.line(str(day), int(offset)) or {}).get("settings") or {}
    said = settings.get("reported_cost_usd") if isinstance(settings, dict) else None
    if isinstance(said, int | float):
        return float(said)
    return 0.0 if cost != cost else float(cost)  # only NaN differs from itself


def _print(found: Comparison, form: str) -> None:
    from ..billing.cli_runs import answer
    from ..printout import Terminal
    from ..sheets import data, text

    said = answer(found)
    if form == "json":
        data.write_json(said, sys.stdout)
        return
    if form == "csv":
        data.write_csv(said, sys.stdout)
    else:
        console = Terminal(highlight=False, emoji=False)
        text.show(said, console)
        console.file.flush()
    tell(said.remarks)
