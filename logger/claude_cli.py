"""A run of the Claude CLI: what it used by model, how it ended, when, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .call_ids import derived_id
from .cli_counting import NOTHING, CliPrices, ModelUse, Sessions, uses_of
from .cli_facts import Facts
from .cli_output import CliOutput, Source
from .pricing import PriceTable, built_in
from .redaction import sentence
from .usage import TokenUsage, total


@dataclass(frozen=True, slots=True)
class CliRun:
    """One process of the Claude CLI. Times are Unix seconds, None where the output does not tell."""

    models: tuple[ModelUse, ...]
    """The main model first; empty when the run used nothing or, with `counted` False, nobody knows."""
    counted: bool
    success: bool | None
    """None: the output does not say, the exit code must."""
    finished: bool
    """Whether there was a result."""
    format: str = "events"
    """`events`, `text`, `empty`, or `transcript` (of Claude Code: nothing of it is counted here)."""
    model: str | None = None
    """The model it was started with."""
    session_id: str | None = None
    version: str | None = None
    started: float | None = None
    ended: float | None = None
    duration_seconds: float | None = None
    time_to_first_token: float | None = None
    response: str | None = None
    """The answer; None when there was no output to find it in."""
    stop_reason: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    http_status: int | None = None
    retries: int = 0
    sessions: Sessions = field(default_factory=dict)
    """What its sessions had used by its end; `earlier` of the next process of the same session."""
    identity: str = ""
    """The same for the same run wherever it is read from; empty when there is nothing to go by."""
    begun_identity: str = ""
    """What `identity` is as long as the run has no result."""

    @property
    def final(self) -> bool:
        """Whether every count is exact."""
        return self.counted and all(use.final for use in self.models)

    @property
    def usage(self) -> TokenUsage:
        """The sum over the models; all None when nobody knows."""
        if not self.counted:
            return TokenUsage()
        return total(use.usage for use in self.models) if self.models else NOTHING

    @property
    def cost_usd(self) -> float | None:
        """The sum over the models; None when one of them has no price."""
        known = [use.cost_usd for use in self.models if use.cost_usd is not None]
        return sum(known, 0.0) if self.counted and len(known) == len(self.models) else None

    def succeeded(self, exit_code: int | None) -> bool:
        """What output and exit code say together; output without events leaves it to the exit code."""
        if exit_code:
            return False
        if self.success is None:
            return exit_code == 0 or bool(self.response)
        return self.success


ALREADY_COUNTED = "already_counted"
"""The error type of a line for a run whose tokens stand in an earlier line: it is no further API call."""


def unread_run(error_type: str, error_message: str) -> CliRun:
    """A run of which nobody knows what it used."""
    return CliRun((), False, False, False, error_type=error_type, error_message=error_message)


def call_id_of(identity: str, model: str) -> str | None:
    """The id of a run's line for a model: the same wherever the run is read; None without identity."""
    return derived_id("cli", identity, model) if identity else None


def ids_of(run: CliRun, identity: str) -> list[str]:
    """The ids of the lines of a run, one per model; `identity` is the run's own or its begun one."""
    return [call_id_of(identity, use.model) or "" for use in run.models] or [call_id_of(identity, "") or ""]


def read_run(
    source: Source,
    *,
    at: float | None = None,
    prices: PriceTable | None = None,
    earlier: Sessions | None = None,
) -> CliRun:
    """The run of a file, its bytes or its lines. Raises OSError when a path cannot be read, nothing else.

    `at` (Unix seconds) says when it ran if the output does not. `earlier` holds the `sessions` of the
    processes before it: `json` output of a resumed session cannot be counted without.
    """
    output = CliOutput(source)
    facts = Facts()
    for event in output:
        facts.feed(event)
    moment = facts.last_time if facts.last_time is not None else at
    table = CliPrices(prices if prices is not None else built_in(), moment)
    return _run(facts, output, uses_of(facts, table, earlier or {}))


def _run(facts: Facts, output: CliOutput, uses: list[ModelUse]) -> CliRun:
    started = _started(facts)
    return CliRun(
        models=tuple(uses),
        counted=facts.result is not None or bool(uses),
        finished=facts.result is not None,
        format=_format(facts, output),
        model=facts.model,
        session_id=facts.session_id,
        version=facts.version,
        started=started,
        ended=facts.last_time,
        duration_seconds=_duration(facts, started),
        time_to_first_token=None if facts.ttft_ms is None else facts.ttft_ms / 1000,
        response=facts.text or output.text or ("" if output.seen else None),
        retries=facts.retries,
        sessions=facts.totals,
        **_outcome(facts, output),
        **_identities(facts),
    )


def _format(facts: Facts, output: CliOutput) -> str:
    if facts.transcript:
        return "transcript"
    return "events" if output.seen else "text" if output.lines else "empty"


def _started(facts: Facts) -> float | None:
    """The first time told, or earlier: the first line comes when the first block is whole."""
    if facts.first_time is None or facts.last_time is None:
        return None
    once = facts.results == 1  # the durations of several results may overlap
    return min(facts.first_time, facts.last_time - facts.duration_ms / 1000) if once else facts.first_time


def _duration(facts: Facts, started: float | None) -> float | None:
    if facts.duration_ms and (facts.results == 1 or started is None):
        return facts.duration_ms / 1000
    return facts.last_time - started if started is not None and facts.last_time is not None else None


def _identities(facts: Facts) -> dict[str, Any]:
    session = facts.session_id or ""
    begun = "" if facts.transcript else next(iter(facts.messages), "")
    ended = facts.result_ids[-1] if facts.result_ids else ""
    return {
        "identity": f"{session} {ended or begun}" if ended or begun else "",
        "begun_identity": f"{session} {begun}" if begun else "",
    }


def _outcome(facts: Facts, output: CliOutput) -> dict[str, Any]:
    result = facts.result
    if result is None:
        whole = facts.raw and all(message.final for message in facts.messages.values())
        return {"success": True} if whole else _without_result(facts, output)
    status, reason = result.get("api_error_status"), result.get("stop_reason")
    told: dict[str, Any] = {
        "success": result.get("subtype") == "success" and not result.get("is_error"),
        "http_status": status if isinstance(status, int) else None,
        "stop_reason": reason if isinstance(reason, str) else None,
    }
    return told if told["success"] else {**told, **_error(result)}


def _error(result: Any) -> dict[str, str]:
    """The kind of error, from the most telling field on, and what was said about it."""
    subtype = str(result.get("subtype"))
    kinds = (
        result.get("api_error_type"),
        None if subtype == "success" else subtype,
        result.get("terminal_reason"),
        "cli_error",
    )
    said = result.get("result") or result.get("errors") or subtype
    text = "; ".join(map(str, said)) if isinstance(said, list) else str(said)
    return {"error_type": next(str(kind) for kind in kinds if kind), "error_message": sentence(text)}


def _without_result(facts: Facts, output: CliOutput) -> dict[str, Any]:
    form = _format(facts, output)
    if form == "text":  # or anything else: only the exit code tells
        return {"success": None}
    kind, message = {
        "events": ("no_result", "the output ends without a result"),
        "empty": ("no_output", "the output is empty"),
        "transcript": ("no_output", "the file is a transcript, not output of the CLI"),
    }[form]
    return {"success": None if form == "empty" else False, "error_type": kind, "error_message": message}
