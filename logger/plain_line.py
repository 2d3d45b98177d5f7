"""The line of a call that has nothing unusual, spelled directly: in half the time of the general way.

Its beginning is spelled when the call begins, for the record of calls in flight, and used again at the end.
"""

from __future__ import annotations

import json

from .call_line import MOST_BYTES, NO_MODEL
from .call_metrics import APICallMetrics
from .record import encode_object

_quoted = json.encoder.encode_basestring
_digits = int.__repr__


def line_head(m: APICallMetrics) -> str:
    """The line up to `prompt_length`. Raises TypeError when these fields are no proper ones.

    No API key is in it: one that holds one raises ValueError.
    """
    quoted, size = _quoted, m.prompt_length
    head = (
        f'{{"timestamp":"{m.timestamp}",'
        f'"task_id":{"null" if m.task_id is None else quoted(m.task_id)},'
        f'"worker_id":{"null" if m.worker_id is None else quoted(m.worker_id)},'
        f'"model":{quoted(m.model or NO_MODEL)},'
        f'"prompt_file":{"null" if m.prompt_file is None else quoted(m.prompt_file)},'
        f'"prompt_length":{"null" if size is None else _digits(size)}'
    )
    if "sk-ant-" in head:
        raise ValueError("an API key")
    return head


def begun_line(m: APICallMetrics, rest: str) -> bytes:
    """The line as far as it is known when a call begins, as one JSON object with newline.

    `rest` is the JSON text of further fields, each with its comma before it. Raises as `line_head` does,
    and UnicodeEncodeError.
    """
    head, start = line_head(m), f"{m.start_time:.16g}"
    m._begun = (
        m.timestamp,
        m.task_id,
        m.worker_id,
        m.model,
        m.prompt_file,
        m.prompt_length,
        m.start_time,
        head,
        start,
    )
    return f'{head},"start_time":{start}{rest}}}\n'.encode()


def _spelled(m: APICallMetrics) -> tuple[str, str]:
    """(head, start), as spelled when the call began unless the host has changed something since."""
    if m._begun is not None:
        stamp, task, worker, model, file, size, begun, head, start = m._begun
        if (
            stamp is m.timestamp
            and task is m.task_id
            and worker is m.worker_id
            and model is m.model
            and file is m.prompt_file
            and size is m.prompt_length
            and begun is m.start_time
        ):
            return head, start
    return line_head(m), f"{m.start_time:.16g}"


def _number(value: float) -> str:
    if not -1e300 < value < 1e300:
        raise ValueError(value)
    return f"{value:.9g}"


def plain_line(m: APICallMetrics, rest: str) -> bytes | None:
    """The line of an ended call; None when something is unusual in it. `rest` as for `begun_line`."""
    digits, ttft, cost = _digits, m.time_to_first_token, m.estimated_cost_usd
    try:
        head, start = _spelled(m)
        settings = "null" if m.settings is None else encode_object(m.settings)
        line = (
            f'{head},"response_length":{"null" if m.response_length is None else digits(m.response_length)},'
            f'"tokens_input":{"null" if m.tokens_input is None else m.tokens_input},'
            f'"tokens_output":{"null" if m.tokens_output is None else m.tokens_output},'
            f'"tokens_total":{"null" if m.tokens_total is None else m.tokens_total},'
            f'"start_time":{start},"end_time":{m.end_time:.16g},'
            f'"duration_seconds":{m.duration_seconds:.9g},'
            f'"time_to_first_token":{"null" if ttft is None else _number(ttft)},'
            f'"tokens_per_second":{"null" if m.tokens_per_second is None else f"{m.tokens_per_second:.9g}"},'
            f'"success":{"true" if m.success else "false"},'
            f'"error_message":{"null" if m.error_message is None else _quoted(m.error_message)},'
            f'"exit_code":{"null" if m.exit_code is None else digits(m.exit_code)},'
            f'"settings":{settings},'
            f'"estimated_cost_usd":{"null" if cost is None else f"{cost:.10g}"}'
            f"{rest}}}\n"
        )
    except Exception:  # noqa: BLE001 - the slower way can write anything
        return None
    usual = line.isascii() and len(line) <= MOST_BYTES and "sk-ant-" not in line[len(head) :]
    return line.encode() if usual else None
