"""The lines of Claude CLI runs: one per model a run used, and no run twice."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from .call_line import NO_MODEL, line_within, original_values
from .call_metrics import APICallMetrics
from .call_writer import CallWriter
from .claude_cli import ALREADY_COUNTED, CliRun, unread_run
from .clock import LocalClock
from .logged_ids import near
from .record import CallRecord, as_text, values_of
from .redaction import sentence
from .run_records import records_of
from .written_runs import WrittenRuns


class RunWriter:
    """Reads the outputs of runs and writes what of them is not written yet, by way of a `CallWriter`."""

    def __init__(self, calls: CallWriter, folder: Path, clock: LocalClock) -> None:
        self._calls, self._clock = calls, clock
        self._runs = WrittenRuns(folder)

    def read(self, output_file: str | os.PathLike[str], at: float | None) -> CliRun:
        """The run in a file; what cannot be read is a run that says so."""
        try:
            return self._runs.read(output_file, at, self._calls.prices)
        except OSError as error:
            return unread_run("no_output", f"the output cannot be read: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001 - the host may hand over anything, None too
            problem = f"callmeter: output: {type(error).__name__}: {sentence(error)}"
            self._calls.problems.note("output", problem)
            return unread_run("unreadable", f"the output cannot be read: {as_text(error)}")

    def uncounted(
        self, run: CliRun, days: set[str], output_file: str | os.PathLike[str] | None = None
    ) -> CliRun:
        """What of the run is not written yet. A worker that could not start leaves the last output, and a
        coordinator that starts anew looks at all outputs again.

        days: where its lines may stand, beside those its output tells.
        """
        moment = run.started
        if moment is None and isinstance(output_file, (str, os.PathLike)) and run.identity:
            with suppress(OSError):
                moment = Path(output_file).stat().st_mtime  # as an import would date it
        if moment is not None:
            days = {*days, *near(self._clock.spell(moment)[1])}
        rest = self._runs.uncounted(run, sorted(days))
        if rest is not None:
            return rest
        self._calls.problems.note(
            "already counted", "callmeter: an output was counted before; it is not again"
        )
        return unread_run(ALREADY_COUNTED, "the output was already counted for another call")

    def write(self, metrics: APICallMetrics, run: CliRun, further: dict[str, Any]) -> bool:
        """Whether all lines of the run are in the file."""
        day = self._calls.day(metrics)
        records = records_of(run, self._line(metrics, run, further))
        lines = [line_within(values_of(record)) for record in records]
        self._runs.add(run)
        self._calls.say_beforehand(metrics, records[0].call_id or "", day)
        written = [self._calls.journal.append(day, line) for line in lines[:-1]]
        written.append(self._calls.journal.append(day, lines[-1], metrics._call_id))  # shown until the last
        return all(written)

    def _line(self, metrics: APICallMetrics, run: CliRun, further: dict[str, Any]) -> CallRecord:
        """What all lines of a run share; the sums are also left in `metrics`, as the original did."""
        usage = run.usage
        metrics.tokens_input, metrics.tokens_output = usage.tokens_input, usage.tokens_output
        metrics.tokens_total, metrics.estimated_cost_usd = usage.tokens_total, run.cost_usd
        if metrics.time_to_first_token is None:
            metrics.time_to_first_token = run.time_to_first_token
        if not metrics.success:
            metrics.error_message = metrics.error_message or run.error_message
            further = {"error_type": run.error_type, "http_status": run.http_status, **further}
        metrics.model = metrics.model or run.model or NO_MODEL
        known = self._calls.known({**(metrics._further or {}), **further})
        return CallRecord(**{**original_values(metrics), **self._calls.shared, "source": "cli", **known})
