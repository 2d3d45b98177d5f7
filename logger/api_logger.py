"""ClaudeAPILogger: what a program calls when it begins and ends a call to Claude."""

from __future__ import annotations

import os
import socket
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import date as Date  # noqa: N812 - `date` is an argument of the original API
from datetime import tzinfo
from functools import cached_property
from pathlib import Path
from re import Pattern
from typing import TYPE_CHECKING, Any, TypeVar

from .abandoned import Abandoned
from .call import Call
from .call_line import finish, length, seconds, text, truth, whole
from .call_metrics import APICallMetrics
from .call_writer import CallWriter
from .claude_cli import CliRun, unread_run
from .clock import LocalClock
from .content import content_of
from .context import current, with_names
from .context import named as named_calls
from .daily_summary import empty_summary, summary_of
from .given_prices import given_prices
from .logged_ids import near
from .parsed_output import ParsedOutput, recent_outputs
from .problems import Problems
from .record import day_file_name
from .redaction import sentence
from .run_writer import RunWriter
from .spend_guard import BudgetExceeded, SpendGuard
from .watching import observer_of, settle, watched

if TYPE_CHECKING:
    from .guarding import Guarding
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
    content: write the text of prompts and responses too, without what looks like a secret.
    content_limit: characters of each; of a longer text the beginning and the end are written.
    redact: your own patterns of what must not be written with them, as regular expressions.
    guard: what may be spent; `BudgetExceeded`, raised by `start_call` and watched clients, is the one
        exception this logger raises.
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
        content_limit: int = 20_000,
        redact: Iterable[str | Pattern[str]] = (),
        guard: SpendGuard | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        zone: tzinfo | None = None,
    ) -> None:
        self.log_dir = Path(os.fspath(log_dir))
        self.problems = Problems()
        self._clock = LocalClock(zone)
        self._now, self._monotonic = now, monotonic
        self._content = content_of(content_limit, redact, self.problems) if content else None
        self.prices = given_prices(prices, model_catalog, self.problems)
        shared = {"source": "manual", "project": project, "host": _host() if host is None else host}
        self._writer = CallWriter(self.log_dir, self.problems, self.prices, shared, self._clock, now)
        self._shared = self._writer.shared
        self._in_flight = self._writer.in_flight
        weakref.finalize(self, self._in_flight.leave).atexit = False
        self._journal = self._writer.journal
        self._guard = None if guard is None else self._guarding(guard, zone)
        self._journal.prepare()
        self._parsed = recent_outputs
        self._runs = RunWriter(self._writer, self.log_dir, self._clock)
        self._abandoned = Abandoned(self.log_dir, self._journal.append, self.problems)
        self._abandoned.take_over()

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
        if "middleware" in self.__dict__:  # something is watched
            settle()
        flushed = self._journal.flush()
        if flushed:
            self._abandoned.settle()
        return flushed

    def close(self) -> None:
        """Flush and close the files; the next call opens them again."""
        self.flush()
        self._journal.close()
        self._in_flight.close()
        if self._guard is not None:
            self._guard.close()

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
        """Begin a call. `further`: any field of the line by name (`project=`, `session_id=`, ...).

        Raises BudgetExceeded, and nothing is written, when a limit of the guard is reached.
        """
        stamp = ""
        try:
            named = current.get()
            if named:
                task_id, worker_id, further = with_names(named, task_id, worker_id, further)
            now = self._now()
            stamp = self._clock.spell(now)[0]
            if self._guard is not None:
                self._guard.check(now, stamp, task_id, worker_id, further.get("project"))
            if further or self._content is not None:
                prompt_content = self._with_content(further, "prompt", prompt_content)
            size = len(prompt_content) if prompt_content.__class__ is str else length(prompt_content)
            file = prompt_file if prompt_file.__class__ is str else text(prompt_file)
            metrics = APICallMetrics(stamp, task_id, worker_id, model, file, size)
            metrics.start_time, metrics.settings, metrics._stamp = now, settings, stamp
            if further:
                metrics._further = further
            self._writer.begin(metrics)
            metrics._began = self._monotonic()
        except BudgetExceeded:
            raise
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._failed("start_call", error)
            if self._guard is not None and not stamp:
                self._guard.blind(task_id, worker_id, further.get("project"))
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
            if further or self._content is not None:
                response_content = self._with_content(further, "response", response_content)
            finish(metrics, ended, response_content, success, error_message, exit_code)
            if run is not None:
                written = self._runs.write(metrics, self._uncounted(run, metrics), further)
            elif usage is None and not further and not metrics._further:
                written = self._writer.plain(metrics, tokens_input, tokens_output)
            else:
                written = self._writer.whole(metrics, (tokens_input, tokens_output), usage, further)
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._failed("end_call", error)
            counts = (tokens_input, tokens_output)
            return self._end_bare(metrics, truth(success), error_message, counts, usage is not None)
        return written

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
            run = self._runs.read(output_file, seconds(metrics.start_time))
            self._parsed.forget(run.identity)
            run = self._uncounted(run, metrics, output_file)
            metrics.success = run.succeeded(metrics.exit_code) if success is None else truth(success)
            metrics.response_length = length(self._with_content(further, "response", run.response))
            written = self._runs.write(metrics, run, further)
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._failed("end_run", error)
            good = whole(exit_code) == 0 if success is None else truth(success)
            return self._end_bare(metrics, good, error_message, (None, None), True)
        return written

    def call(
        self,
        *,
        model: str,
        task_id: str | None = None,
        worker_id: str | None = None,
        prompt_file: str | os.PathLike[str] | None = None,
        prompt: Any = None,
        prompt_content: Any = None,
        settings: dict[str, Any] | None = None,
        **further: Any,
    ) -> Call:
        """`with log.call(model=...) as call:` or `async with`, see `Call`. `prompt_content` is `prompt`."""
        prompt = prompt_content if prompt is None else prompt
        return Call(
            self, self.start_call(task_id, worker_id, model, prompt_file, prompt, settings, **further)
        )

    def check_budget(
        self,
        *,
        task_id: str | None = None,
        worker_id: str | None = None,
        project: str | None = None,
        calls: int = 1,
    ) -> None:
        """Raise BudgetExceeded if so many calls of these names would be refused now, as before a task.

        Names that are not given are those of `context`. Nothing without a guard. It may read long files: in
        a coroutine use `await asyncio.to_thread(log.check_budget)`.
        """
        if self._guard is not None:
            task_id, worker_id, named = with_names(current.get(), task_id, worker_id, {})
            self._guard.ask(self._now, task_id, worker_id, project or named.get("project"), calls)

    def context(self, **fields: Any) -> AbstractContextManager[None]:
        """`with log.context(task_id="gh-456"):` names the calls begun in the block, watched ones too.

        fields: any field of the line by name. What a call says itself goes before it. Threads and asyncio
        tasks do not see each other's names.
        """
        return named_calls(**fields)

    @cached_property
    def middleware(self) -> Observer:
        """What `watch` adds to a client, for `Anthropic(middleware=[..., log.middleware])`: the last one."""
        return observer_of(self)

    def watch(self, client: Client) -> Client:
        """A copy of an Anthropic client, sync or async, of which every call is written; see `middleware`.

        What cannot be watched is given back as it is, and said: no such client, or anthropic before 0.108.
        """
        return watched(self, client)

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
            parsed = ParsedOutput(self._runs.read(output_file, None))
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
            return summary_of(self.log_dir, day)
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._failed("get_daily_summary", error)
            return empty_summary(day)

    def _guarding(self, guard: SpendGuard, zone: tzinfo | None) -> Guarding:
        from .guarding import Guarding

        guarding = Guarding(guard, self._journal, zone, text(self._shared.get("project")))
        guarding.read_ahead(self._now)
        return guarding

    def _today(self) -> str:
        return self._clock.spell(self._now())[1]

    def _failed(self, where: str, error: Exception) -> None:
        self.problems.note(where, f"callmeter: {where}: {type(error).__name__}: {sentence(error)}")

    def _ended_again(self) -> bool:
        self.problems.note("ended twice", "callmeter: a call was ended twice; only the first end counts")
        return False

    def _end_bare(self, metrics: Any, *told: Any) -> bool:
        """End a call that could not be written whole; `told` as `bare_values` takes it."""
        try:
            return self._writer.bare(metrics, *told)
        except Exception as error:  # noqa: BLE001 - the host must not be broken
            self._failed("a bare line", error)
            return False

    def _with_content(self, further: dict[str, Any], name: str, content: Any) -> Any:
        """The prompt or response, also when it is given as a field; in `further` is what may be written."""
        if content is None:
            content = further.get(name)
        for field in ("prompt", "response"):
            value = content if field == name else further.get(field)
            further.pop(field, None)
            if self._content is not None and value is not None:
                further[field] = self._content.written(value)
        return content

    def _uncounted(
        self, run: CliRun, metrics: APICallMetrics, output_file: str | os.PathLike[str] | None = None
    ) -> CliRun:
        days = {*near(self._writer.day(metrics)), *near(self._today())}
        return self._runs.uncounted(run, days, output_file)


def _host() -> str:
    try:
        return socket.gethostname()
    except OSError:
        return ""
