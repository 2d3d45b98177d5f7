"""Outputs of the Claude CLI in files -> what each says it cost, and what its tokens cost by our prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isfinite, isnan
from pathlib import Path

from logger.claude_cli import CliRun, call_id_of, read_run
from logger.cli_counting import TRUSTED_COST, CliPrices, ModelUse, counts_session
from logger.cli_facts import Facts, Share, Shares, shares_of
from logger.cli_output import CliOutput
from logger.pricing import PriceTable

from ..billing.cli_cost import SAME, CliCost


@dataclass(frozen=True, slots=True)
class _Read:
    path: Path
    facts: Facts
    run: CliRun
    at: float
    """When it ran, or else when the file was written."""


def read(files: Iterable[Path], prices: PriceTable) -> tuple[list[CliCost], list[str]]:
    """The runs in the order in which they ran, each once, and a sentence for each file that holds none."""
    found: list[_Read] = []
    problems: list[str] = []
    for path in files:
        one = _read(path, prices)
        if isinstance(one, str):
            problems.append(f"{path}: {one}")
        else:
            found.append(one)
    kept, copies = _once(found)
    runs = [replace(run, copies=tuple(copies.get(run.file, ()))) for run in _in_order(kept, prices)]
    return runs, problems


def _once(found: Sequence[_Read]) -> tuple[list[_Read], dict[str, list[str]]]:
    """The files that hold different runs, and by those the others that hold the same or the beginning of it.

    Of several the one that got furthest stands, and of these the first.
    """
    kept: list[_Read] = []
    copies: dict[str, list[str]] = {}
    held: dict[str, str] = {}
    for one in sorted(found, key=lambda one: (not one.run.finished, -len(one.facts.messages))):
        names = {one.run.identity, one.run.begun_identity} - {""}
        file = next((held[name] for name in sorted(names) if name in held), str(one.path))
        held |= dict.fromkeys(names, file)
        if file == str(one.path):
            kept.append(one)
        else:
            copies.setdefault(file, []).append(str(one.path))
    return kept, copies


def _read(path: Path, prices: PriceTable) -> _Read | str:
    """A file's run, or why it is none."""
    facts = Facts()
    try:
        changed = path.stat().st_mtime
        for event in CliOutput(path):
            facts.feed(event)
        run = read_run(path, at=changed, prices=prices)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if run.format == "transcript":
        return "is a transcript of Claude Code, not output of its CLI"
    if not run.identity:
        return "holds no output of the Claude CLI with token counts"
    return _Read(path, facts, run, changed if run.started is None else run.started)


def _in_order(found: Sequence[_Read], prices: PriceTable) -> Iterable[CliCost]:
    """Each run on top of the one before of the same session."""
    for one in sorted(found, key=lambda one: (one.at, str(one.path))):
        earlier = {
            session: before for session in one.facts.totals if (before := _before(one, session, found))
        }
        run = one.run
        if earlier and not run.final:
            run = read_run(one.path, at=one.at, prices=prices, earlier=earlier)
        yield _cost(one, run, CliPrices(prices, one.at), earlier)


def _before(one: _Read, session: str, found: Sequence[_Read]) -> Shares | None:
    """The totals of the session before this run. They only grow, which orders files better than the time
    they were written at: that is lost when they are copied.
    """
    known = [other for other in found if session in other.facts.totals]
    smaller = [other for other in known if _place(other, session) < _place(one, session)]
    return max(smaller, key=lambda other: _place(other, session)).facts.totals[session] if smaller else None


def _place(one: _Read, session: str) -> tuple[float, float, str]:
    return _sum(one.facts.totals[session]) or 0.0, one.at, str(one.path)


def _cost(one: _Read, run: CliRun, prices: CliPrices, earlier: Mapping[str, Shares]) -> CliCost:
    facts = one.facts
    bounds = {use.model: prices.bounds(use.model, _share(use, facts)) for use in run.models}
    unpriced = tuple(model for model, (low, _) in bounds.items() if isnan(low))
    total, astray = _total(facts), _astray(facts)
    return CliCost(
        file=str(one.path),
        session_id=run.session_id,
        sessions=max(1, len(facts.totals)),
        version=run.version,
        started=_moment(run.started),
        ended=_moment(run.ended),
        total_usd=total,
        own_usd=_plus(_own(facts, run, earlier), astray) if run.finished else None,
        astray_usd=astray,
        least_usd=None if unpriced else sum(low for low, _ in bounds.values()),
        most_usd=None if unpriced else sum(high for _, high in bounds.values()),
        finished=run.finished,
        final=run.final,
        cut=facts.cut,
        suggested=facts.suggested,
        forgotten=bool(facts.undivided) and any(m.fallback for m in facts.messages.values()),
        after=any(message.turn >= facts.results for message in facts.messages.values()),
        guessed=_guessed(facts),
        unpriced=unpriced,
        call_ids=_call_ids(facts, run),
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _call_ids(facts: Facts, run: CliRun) -> frozenset[str]:
    """Ids of the run's lines, written of it whole or as it was begun, whatever models it was counted for."""
    shares = (facts.since, *facts.totals.values())
    models = {"", *(use.model for use in run.models), *(model for part in shares for model in part)}
    every = [call_id_of(name, m) for name in (run.identity, run.begun_identity) for m in models]
    return frozenset(filter(None, every))


def _share(use: ModelUse, facts: Facts) -> Share:
    """The counts of a model, with whether its cache writes were told apart."""
    shares = [facts.since.get(use.model), *(shares.get(use.model) for shares in facts.totals.values())]
    split = all(share.split for share in shares if share is not None)
    return Share(use.usage, None, None, split)


def _guessed(facts: Facts) -> tuple[str, ...]:
    """Models of which the CLI says that it does not know their price."""
    every = [*facts.since.items(), *(item for shares in facts.totals.values() for item in shares.items())]
    named = (m for m, share in every if share.cost_basis is not None and share.cost_basis not in TRUSTED_COST)
    return tuple(dict.fromkeys(named))


def _total(facts: Facts) -> float | None:
    """`total_cost_usd` of the last result."""
    total = facts.result.get("total_cost_usd") if facts.result else None
    if isinstance(total, bool) or not isinstance(total, int | float) or not isfinite(total):
        return None
    return float(total)


def _astray(facts: Facts) -> float:
    """What the total of the last result has beyond its models: in every version both hold the same calls."""
    models = shares_of(facts.result.get("modelUsage")) if facts.result else {}
    beyond = _plus(_total(facts), _less(_sum(models)))
    return 0.0 if beyond is None or abs(beyond) <= SAME else beyond


def _own(facts: Facts, run: CliRun, earlier: Mapping[str, Shares]) -> float | None:
    """What the CLI says the models of this process cost; None when the total may hold processes before it."""
    told = _sum(facts.since)
    for session in facts.undivided:
        shares = facts.totals[session]
        if not counts_session(facts, shares):
            told = _plus(told, _sum(shares))
        elif session in earlier:
            told = _plus(told, _plus(_sum(shares), _less(_sum(earlier[session]))))
        else:
            told = _plus(told, _sum(shares) if run.final else None)
    return told


def _sum(shares: Shares) -> float | None:
    costs = [share.cost_usd for share in shares.values()]
    return None if None in costs else sum(cost or 0.0 for cost in costs)


def _plus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _less(usd: float | None) -> float | None:
    return None if usd is None else -usd
