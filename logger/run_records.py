"""A run of the Claude CLI -> its lines, one per model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .call_ids import call_ids
from .claude_cli import ALREADY_COUNTED, CliRun, call_id_of
from .cli_counting import ModelUse
from .record import CallRecord


def records_of(run: CliRun, line: CallRecord) -> list[CallRecord]:
    """The lines of a run: `line` has what all share, the run what it used.

    Lengths, content, duration and time to first token are the run's, not a model's: only the first line
    has them, so that sums and means over lines stay right. A run that used nothing, or of which nobody
    knows what it used, has one line, of the model of `line`.
    """
    line = replace(
        line, session_id=line.session_id or run.session_id, stop_reason=line.stop_reason or run.stop_reason
    )
    if not run.models:
        return [_line_without_use(run, line)]
    first, *others = run.models
    nothing: dict[str, Any] = dict.fromkeys(_OF_THE_RUN)
    shared = replace(line, **nothing)
    return [_line(run, line, first), *(_line(run, shared, use) for use in others)]


_OF_THE_RUN = (
    "prompt_length",
    "response_length",
    "duration_seconds",
    "time_to_first_token",
    "tokens_per_second",
    "prompt",
    "response",
)


def _line(run: CliRun, line: CallRecord, use: ModelUse) -> CallRecord:
    usage, seconds = use.usage, line.duration_seconds
    rate = usage.tokens_output / seconds if seconds and usage.tokens_output is not None else None
    return replace(
        line,
        **usage.fields,
        model=use.model,
        model_served=use.model_served,
        tokens_total=usage.tokens_total,
        tokens_per_second=None if rate is None else round(rate, 6),
        estimated_cost_usd=None if use.cost_usd is None else round(use.cost_usd, 10),  # no 0.0267999…99
        calls=use.calls,
        tokens_final=None if use.final else False,
        call_id=_call_id(run, use.model),
    )


def _line_without_use(run: CliRun, line: CallRecord) -> CallRecord:
    nothing_called = (run.counted and line.success) or run.error_type == ALREADY_COUNTED
    return replace(
        line,
        **run.usage.fields,
        tokens_total=run.usage.tokens_total,
        estimated_cost_usd=run.cost_usd,
        calls=0 if nothing_called else None,
        attempts=run.retries + 1 if run.retries else None,
        tokens_final=None if run.counted else False,
        call_id=_call_id(run, ""),  # the caller's name of the model may differ from the CLI's
    )


def _call_id(run: CliRun, model: str) -> str:
    return call_id_of(run.identity, model) or call_ids.next()
