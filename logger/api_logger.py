"""ClaudeAPILogger: what a program calls when it begins and ends a call to Claude."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import date as Date  # noqa: N812 - `date` is an argument of the original API
from datetime import datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .call import Call
from .call_ids import call_ids
from .call_line import (
    NO_MODEL,
    bare_values,
    count_call,
    count_plain,
    finish,
    further_values,
    length,
    line_within,
    original_values,
    plain_line,
    seconds,
    text,
    truth,
    whole,
)
from .call_metrics import APICallMetrics
from .claude_cli import ALREADY_COUNTED, CliRun, unread_run
from .clock import LocalClock
from .context import current
from .context import named as named_calls
from .daily_summary import summary_of
from .day_lines import day_lines
from .journal import Journal
from .logged_ids import near
from .parsed_output import ParsedOutput, recent_outputs
from .price_file import PriceError, catalog_table, read_prices
from .pricing import PriceTable, built_in
from .problems import Problems
from .record import CallRecord, as_text, day_file_name, encode_object, values_of
from .redaction import sentence
from .run_records import records_of
from .written_runs import WrittenRuns

if TYPE_CHECKING:
    from .middleware import Observer

Client = TypeVar("Client")


class ClaudeAPILogger:
    """Writes one JSON line per call into the file of the day the call began.

    The host is never broken: what goes wrong is counted in `problems`, said once through
    `logging.getLogger("callmeter")`, and never raised. Threads, processes and forks may share a folder.

    log_dir: folder of the day files, made when missing.
    model_catalog: your own prices in USD per million tokens, model -> {"input": 3.0, "output": 15.0}, or
        a list of {"name": ..., "cost_per_million_input": ..., "cost_per_million_output": ...}.
    prices: your own price file, in the format of prices.json.
    project, host: written to every line; host None is the name of this machine, "" is none.
    content: write prompts and responses too.
    now, monotonic, zone: the clocks and the time zone of the timestamps, for tests.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        model_catalog: Any = None,
        *,
        prices: str | os.PathLike[str] | None = None,
        project: str | None = None,
        host: str | None = None,
        content: bool = False,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        zone: tzinfo | None = None,
    ) -> None:
        self.log_dir = Path(os.fspath(log_dir))
        self.problems = Problems()
        self._journal = Journal(self.log_dir, self.problems)
        self._journal.prepare()
        self._clock = LocalClock(zone)
        self._now, self._monotonic = now, monotonic
        self._content = content
        self.prices = self._price_table(prices, model_catalog)
        shared = {"source": "manual", "project": project, "host": _host() if host is None else host}
        self._shared = {name: text(value) for name, value in shared.items() if value}
        self._shared_text = "," + encode_object(self._shared)[1:-1]
        self._parsed = recent_outputs
        self._runs = WrittenRuns(self.log_dir)

    def _price_table(self, prices: str | os.PathLike[str] | None, catalog: Any) -> PriceTable:
        table = built_in()
        try:
            table = read_prices(prices, table) if prices is not None else table
        except PriceError as error:
            self.problems.note("prices", f"callmeter: {error}; the built-in prices are used")
        try:
            table, refused = catalog_table(catalog, table) if catalog else (table, [])
        except Exception as error:  # noqa: BLE001 - the catalog is the host's
            refused = [f"the model catalog cannot be read: {error!r}"]
        for problem in refused:
            self.problems.note("prices", f"callmeter: {problem}")
        return table

    @property
    def log_file(self) -> Path:
        """The file of today's calls."""
        return self.log_dir / day_file_name(self._today())

    @property
    def waiting(self) -> int:
        """Lines that could not be written yet; tried again with the next call and at exit."""
        return self._journal.waiting

    def flush(self) -> bool:
        """Try to write the waiting lines now; whether none is left."""
        return self._journal.flush()

    def close(self) -> None:
        """Flush and close the files; the next call opens them again."""
        self._journal.close()

    def start_call(
        self,
        task_id: str | None,
        worker_id: str | None,
        model: str,
        prompt_file: str | os.PathLike[str] | None = None,
        prompt_content: Any = None,
        settings: dict[str, Any] | None = None,
        **further: Any,
    ) -> APICallMetrics:
        """Begin a call. `further`: any field of the line by name (`project=`, `session_id=`, ...)."""
        try:
            named = current.get()
            if named:
                task_id, worker_id, further = _with_names(named, task_id, worker_id, further)
            now = self._now()
            stamp = self._clock.spell(now)[0]
            size = len(prompt_content) if prompt_content.__class__ is str else length(prompt_content)
            file = prompt_file if prompt_file.__class__ is str else text(prompt_file)
            metrics = APICallMetrics(stamp, task_id, worker_id, model, file, size)
            metrics.start_time, metrics.settings, metrics._stamp = now, settings, stamp
            if self._content and prompt_content is not None:
                further["prompt"] = prompt_content
            if further:
                metrics._further = further
            metrics._began = self._monotonic()
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._failed("start_call", error)
            metrics = APICallMetrics("", task_id, worker_id, model, settings=settings)
        return metrics

    def end_call(
        self,
        metrics: APICallMetrics,
        response_content: Any = None,
        tokens_input: int | None = None,
        tokens_output: int | None = None,
        success: bool = True,
        error_message: Any = None,
        exit_code: int | None = None,
        *,
        usage: Any = None,
        **further: Any,
    ) -> bool:
        """Write the call's line; whether it is in the file (False: it is kept and tried again).

        usage: what `parse_stream_json_output` returned, or an Anthropic usage or message, dict or object;
        counts given by name go before it. `further`: any field of the line by name. What was parsed is
        written as one line per model, also when only the values the original program passed on come back,
        with or without the response. A second end of the same call writes nothing.
        """
        try:
            if metrics._ended:
                return self._ended_again()
            metrics._ended = True
            ended = self._now(), self._monotonic()
            run = None
            if usage is not None or self._parsed.waiting:
                run = self._parsed.run_of(usage, tokens_input, tokens_output, response_content)
            finish(metrics, ended, response_content, success, error_message, exit_code)
            if self._content and response_content is not None:
                further["response"] = response_content
            if run is not None:
                return self._write_run(metrics, self._uncounted(run, metrics), further)
            if usage is None and not further and not metrics._further:
                return self._write_plain(metrics, tokens_input, tokens_output)
            return self._write_call(metrics, tokens_input, tokens_output, usage, further)
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._failed("end_call", error)
            counts = (tokens_input, tokens_output)
            return self._write_bare(metrics, truth(success), error_message, counts, usage is not None)

    def end_run(
        self,
        metrics: APICallMetrics,
        output_file: str | os.PathLike[str],
        exit_code: int | None = None,
        *,
        success: bool | None = None,
        error_message: Any = None,
        **further: Any,
    ) -> bool:
        """Write what a Claude CLI run used, one line per model; whether all are in the file.

        output_file is what the CLI printed, in any of its formats. A failed, killed or empty run gets its
        line too. Whether it succeeded is told by `success`, else by the output and the exit code.
        """
        try:
            if metrics._ended:
                return self._ended_again()
            metrics._ended = True
            ended = self._now(), self._monotonic()
            finish(metrics, ended, None, False, error_message, exit_code)
            run = self._read(output_file, seconds(metrics.start_time))
            self._parsed.forget(run.identity)
            run = self._uncounted(run, metrics, output_file)
            metrics.success = run.succeeded(metrics.exit_code) if success is None else truth(success)
            metrics.response_length = length(run.response)
            if self._content:
                further["response"] = run.response
            return self._write_run(metrics, run, further)
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._failed("end_run", error)
            good = whole(exit_code) == 0 if success is None else truth(success)
            return self._write_bare(metrics, good, error_message, (None, None), True)

    def call(
        self,
        *,
        model: str,
        task_id: str | None = None,
        worker_id: str | None = None,
        prompt_file: str | os.PathLike[str] | None = None,
        prompt: Any = None,
        settings: dict[str, Any] | None = None,
        **further: Any,
    ) -> Call:
        """`with log.call(model=...) as call:` or `async with`, see `Call`."""
        return Call(
            self, self.start_call(task_id, worker_id, model, prompt_file, prompt, settings, **further)
        )

    def context(self, **fields: Any) -> AbstractContextManager[None]:
        """`with log.context(task_id="gh-456"):` names the calls begun in the block, watched ones too.

        fields: any field of the line by name. What a call says itself goes before it. Threads and asyncio
        tasks do not see each other's names.
        """
        return named_calls(**fields)

    @cached_property
    def middleware(self) -> Observer:
        """What `watch` adds to a client, for `Anthropic(middleware=[..., log.middleware])`: the last one."""
        from .middleware import Observer

        return Observer(self)

    def watch(self, client: Client) -> Client:
        """A copy of an Anthropic client, sync or async, of which every call is written; see `middleware`."""
        from .middleware import watch

        return watch(self, client)

    def worker_env(
        self,
        *,
        task_id: str | None = None,
        worker_id: str | None = None,
        project: str | None = None,
        endpoint: str = "http://127.0.0.1:8050",
        token: str | None = None,
    ) -> dict[str, str]:
        """What to add to the environment of a Claude CLI worker so that it reports each call to the page.

        endpoint: where `callmeter serve` listens; token: its token, if it asks for one.
        """
        from .worker_env import worker_env

        shared = {"project": text(self._shared.get("project")), **current.get()}
        names = {"task_id": task_id, "worker_id": worker_id, "project": project}
        known = {name: shared.get(name) if value is None else value for name, value in names.items()}
        return worker_env(known, endpoint, token)

    def passed(self, metrics: APICallMetrics) -> float | None:
        """Seconds since a call began."""
        return max(0.0, self._monotonic() - metrics._began) if metrics._began >= 0 else None

    def parse_stream_json_output(self, output_file: str | os.PathLike[str]) -> ParsedOutput:
        """What a Claude CLI process printed: a dict with tokens_input, tokens_output, response_content and
        all else that is known (see ParsedOutput). Unknown counts are None, also of a missing file.
        """
        try:
            parsed = ParsedOutput(self._read(output_file, None))
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._failed("parse_stream_json_output", error)
            parsed = ParsedOutput(unread_run("unreadable", repr(error)))
        self._parsed.keep(parsed)
        return parsed

    def get_daily_summary(self, date: str | Date | None = None) -> dict[str, Any]:
        """The sums of a day (2026-11-22 or a date; None: today); see `summary_of` for the keys."""
        day = self._today()
        try:
            day = day if date is None else str(date)[:10]
            return summary_of(day_lines(self.log_dir, day), day)
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._failed("get_daily_summary", error)
            return summary_of((), day)

    def _today(self) -> str:
        return self._clock.spell(self._now())[1]

    def _failed(self, where: str, error: Exception) -> None:
        self.problems.note(where, f"callmeter: {where}: {type(error).__name__}: {sentence(error)}")

    def _ended_again(self) -> bool:
        self.problems.note("ended twice", "callmeter: a call was ended twice; only the first end counts")
        return False

    def _write_plain(self, metrics: APICallMetrics, tokens_input: Any, tokens_output: Any) -> bool:
        """The way of most calls: nothing but the original fields."""
        count_plain(metrics, tokens_input, tokens_output, self.prices)
        own_stamp = metrics.timestamp is metrics._stamp
        day = metrics.timestamp[:10] if own_stamp else self._day(metrics)
        call_id = call_ids.next()
        line = plain_line(metrics, f',"call_id":"{call_id}"{self._shared_text}')
        if line is None:
            line = line_within({**original_values(metrics), "call_id": call_id, **self._shared})
        return self._journal.append(day, line)

    def _write_bare(self, metrics: Any, *told: Any) -> bool:
        """Write what is certain of a call that could not be written; `told` as `bare_values` takes it."""
        if not isinstance(metrics, APICallMetrics):
            return False
        try:
            stamp = metrics._stamp or self._clock.spell(self._now())[0]
            values = {**bare_values(metrics, stamp, *told), "call_id": call_ids.next(), **self._shared}
            return self._journal.append(stamp[:10], line_within(values))
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._failed("a bare line", error)
            return False

    def _write_call(
        self,
        metrics: APICallMetrics,
        tokens_input: Any,
        tokens_output: Any,
        usage: Any,
        further: dict[str, Any],
    ) -> bool:
        if metrics._further:
            further = {**metrics._further, **further}
        count_call(metrics, tokens_input, tokens_output, usage, further, self.prices)
        values = original_values(metrics)
        values["call_id"] = call_ids.next()
        values.update(self._shared)
        if further:
            values.update(self._known(further))
        return self._journal.append(self._day(metrics), line_within(values))

    def _known(self, further: Mapping[str, Any]) -> dict[str, Any]:
        known, unknown = further_values(further)
        for name in unknown:
            self.problems.note("unknown field", f"callmeter: {name!r} is no field of a line; it is left out")
        return known

    def _day(self, metrics: APICallMetrics) -> str:
        """The day of the timestamp, which the host may have changed."""
        if metrics.timestamp is not metrics._stamp:
            metrics.timestamp = self._valid_stamp(metrics)
        return metrics.timestamp[:10]

    def _valid_stamp(self, metrics: APICallMetrics) -> str:
        moment = metrics.start_time if metrics.start_time is not None else self._now()
        try:
            return datetime.fromisoformat(metrics.timestamp).isoformat(timespec="microseconds")
        except (TypeError, ValueError):
            return self._clock.spell(moment)[0]

    def _read(self, output_file: str | os.PathLike[str], at: float | None) -> CliRun:
        try:
            return self._runs.read(output_file, at, self.prices)
        except OSError as error:
            return unread_run("no_output", f"the output cannot be read: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001 - the host may hand over anything, None too
            self._failed("output", error)
            return unread_run("unreadable", f"the output cannot be read: {as_text(error)}")

    def _uncounted(
        self, run: CliRun, metrics: APICallMetrics, output_file: str | os.PathLike[str] | None = None
    ) -> CliRun:
        """What of the run is not written yet. A worker that could not start leaves the last output, and a
        coordinator that starts anew looks at all outputs again.
        """
        days = {*near(self._day(metrics)), *near(self._today())}
        moment = run.started
        if moment is None and isinstance(output_file, (str, os.PathLike)) and run.identity:
            with suppress(OSError):
                moment = Path(output_file).stat().st_mtime  # as an import would date it
        if moment is not None:
            days.update(near(self._clock.spell(moment)[1]))
        rest = self._runs.uncounted(run, sorted(days))
        if rest is not None:
            return rest
        self.problems.note("already counted", "callmeter: an output was counted before; it is not again")
        return unread_run(ALREADY_COUNTED, "the output was already counted for another call")

    def _write_run(self, metrics: APICallMetrics, run: CliRun, further: dict[str, Any]) -> bool:
        day = self._day(metrics)
        records = records_of(run, self._run_line(metrics, run, further))
        lines = [line_within(values_of(record)) for record in records]
        self._runs.add(run)
        written = [self._journal.append(day, line) for line in lines]
        return all(written)

    def _run_line(self, metrics: APICallMetrics, run: CliRun, further: dict[str, Any]) -> CallRecord:
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
        known = self._known({**(metrics._further or {}), **further})
        return CallRecord(**{**original_values(metrics), **self._shared, "source": "cli", **known})


def _with_names(
    named: Mapping[str, Any], task_id: Any, worker_id: Any, further: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """What a call says itself, and for the rest what its context says."""
    rest = {name: value for name, value in named.items() if name not in ("task_id", "worker_id")}
    task_id = named.get("task_id") if task_id is None else task_id
    worker_id = named.get("worker_id") if worker_id is None else worker_id
    return task_id, worker_id, {**rest, **further}


def _host() -> str:
    try:
        return socket.gethostname()
    except OSError:
        return ""
