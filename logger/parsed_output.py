"""What `parse_stream_json_output` returns, and how `end_call` finds it again."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import Any

from .claude_cli import CliRun
from .cli_counting import ModelUse
from .usage import count


class ParsedOutput(dict[str, Any]):
    """A plain dict of what a Claude CLI run used and how it ended; `run` has it all.

    tokens_input, tokens_output, response_content: as the original gave them, but None when not known.
    Further: tokens_total, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h,
    tokens_thinking, web_searches, tokens_final, cost_usd, models (the same per model), model, session_id,
    success, error_type, error_message, http_status, stop_reason, duration_seconds, time_to_first_token.
    """

    def __init__(self, run: CliRun) -> None:
        usage = run.usage
        super().__init__(
            tokens_input=usage.tokens_input,
            tokens_output=usage.tokens_output,
            response_content=run.response or "",
            tokens_total=usage.tokens_total,
            tokens_cache_read=usage.tokens_cache_read,
            tokens_cache_write_5m=usage.tokens_cache_write_5m,
            tokens_cache_write_1h=usage.tokens_cache_write_1h,
            tokens_thinking=usage.tokens_thinking,
            web_searches=usage.web_searches,
            tokens_final=run.final,
            cost_usd=run.cost_usd,
            models={use.model: _model(use) for use in run.models},
            model=run.models[0].model if run.models else run.model,
            session_id=run.session_id,
            success=run.success,
            error_type=run.error_type,
            error_message=run.error_message,
            http_status=run.http_status,
            stop_reason=run.stop_reason,
            duration_seconds=run.duration_seconds,
            time_to_first_token=run.time_to_first_token,
        )
        self.run = run


def _model(use: ModelUse) -> dict[str, Any]:
    return {
        **use.usage.fields,
        "tokens_total": use.usage.tokens_total,
        "cost_usd": use.cost_usd,
        "calls": use.calls,
        "tokens_final": use.final,
    }


class RecentOutputs:
    """The last outputs that were parsed and not yet written.

    The original program hands only two or three of the parsed values to `end_call`. Cache tokens, which are
    most of the cost, would be lost; so an output is found again by these values, once.
    """

    def __init__(self) -> None:
        self.waiting: deque[ParsedOutput] = deque(maxlen=64)
        """Parsed and not written yet."""

    def keep(self, output: ParsedOutput) -> None:
        """Remember what was parsed; of an output that is parsed again only the newer one."""
        self.forget(output.run.identity)
        self.waiting.append(output)

    def forget(self, identity: str) -> None:
        """A run was written otherwise: later calls with its counts are calls of their own."""
        for output in [o for o in list(self.waiting) if identity and o.run.identity == identity]:
            self._take(output)

    def run_of(self, usage: Any, tokens_input: Any, tokens_output: Any, response: Any) -> CliRun | None:
        """The run behind what `end_call` was given, if it came from a parsed output.

        Its two counts name it when no other waiting output has them and the response is missing or
        shortened; with the whole response they need not be known.
        """
        if isinstance(usage, ParsedOutput):
            self.forget(usage.run.identity)
            return usage.run
        if usage is not None:
            return None
        pair = (count(tokens_input), count(tokens_output))
        alike = [o for o in list(self.waiting) if pair == (o["tokens_input"], o["tokens_output"])]
        whole = [o for o in alike if isinstance(response, str) and response == o["response_content"]]
        if whole:
            return self._take(whole[0])
        told = None not in pair and pair != (0, 0)
        if told and len(alike) == 1 and _begins(alike[0]["response_content"], response):
            return self._take(alike[0])
        return None

    def _take(self, output: ParsedOutput) -> CliRun | None:
        with suppress(ValueError, IndexError):  # another thread may have taken it
            self.waiting.remove(output)
            return output.run
        return None


def _begins(content: str, response: Any) -> bool:
    return response is None or (isinstance(response, str) and content.startswith(response))


recent_outputs = RecentOutputs()
"""Of this process: one logger may parse what another one writes."""
