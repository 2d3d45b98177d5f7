"""A finished call -> the values of its line. Wrong types from the host are put right, never refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .call_metrics import APICallMetrics
from .conversation import readable
from .pricing import PriceTable, price_of
from .record import FIELDS, ORIGINAL_FIELDS, SAID_ONLY_WHEN, as_text, line_of
from .redaction import sentence, without_keys
from .usage import COUNTS, MODES, NOTHING_KNOWN, TokenUsage, count, details_of, usage_of

MOST_BYTES = 10_000_000
"""Of a line; what is longer loses its settings and the ends of its texts."""

NO_MODEL = "unknown"
"""Written where no model is named, for readers refuse a line without one; it has no price."""

_TYPES = {field.name: field.type.removesuffix(" or null") for field in FIELDS}
FURTHER = tuple(_TYPES)[20:]
"""What a caller may give by name beyond the original arguments, with `time_to_first_token` and the cost."""

_BY_NAME = {*FURTHER, "time_to_first_token", "estimated_cost_usd"}
_COUNTED = frozenset((*COUNTS, *MODES, "usage", "input_tokens", "output_tokens"))
"""Further names that may tell what a call used."""


def original_values(metrics: APICallMetrics) -> dict[str, Any]:
    """The twenty original fields in their order."""
    settings = metrics.settings
    return {
        "timestamp": metrics.timestamp,
        "task_id": text(metrics.task_id),
        "worker_id": text(metrics.worker_id),
        "model": text(metrics.model) or NO_MODEL,
        "prompt_file": text(metrics.prompt_file),
        "prompt_length": metrics.prompt_length,
        "response_length": metrics.response_length,
        "tokens_input": metrics.tokens_input,
        "tokens_output": metrics.tokens_output,
        "tokens_total": metrics.tokens_total,
        "start_time": metrics.start_time,
        "end_time": metrics.end_time,
        "duration_seconds": _rounded(metrics.duration_seconds),
        "time_to_first_token": seconds(metrics.time_to_first_token),
        "tokens_per_second": _rounded(metrics.tokens_per_second),
        "success": metrics.success,
        "error_message": metrics.error_message,
        "exit_code": metrics.exit_code,
        "settings": settings if settings is None or isinstance(settings, Mapping) else {"value": settings},
        "estimated_cost_usd": metrics.estimated_cost_usd,
    }


def _rounded(value: float | None) -> float | None:
    """To a millionth: what lies below is noise of the clock."""
    return round(value, 6) if isinstance(value, float) else value


def bare_values(
    metrics: APICallMetrics, stamp: str, success: bool, error: Any, counts: tuple[Any, Any], lost: bool
) -> dict[str, Any]:
    """The line of a call that cannot be written as usual: what is certain, the rest null.

    `counts` are the input and output tokens as given; `lost` says that there were others.
    """
    plain, output = count(counts[0]), count(counts[1])
    known = plain is not None and output is not None
    lost = lost or (plain is None is not counts[0]) or (output is None is not counts[1])
    return {
        **dict.fromkeys(ORIGINAL_FIELDS),
        "timestamp": stamp,
        "task_id": text(metrics.task_id),
        "worker_id": text(metrics.worker_id),
        "model": text(metrics.model) or NO_MODEL,
        "tokens_input": plain,
        "tokens_output": output,
        "tokens_total": (plain or 0) + (output or 0) if known else None,
        "start_time": seconds(metrics.start_time),
        "success": success,
        "error_message": None if error is None else sentence(error),
        **({"tokens_final": False} if lost else {}),
    }


def further_values(further: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """(the known fields among these with a value worth writing, the names nobody knows)"""
    said, unknown = {}, []
    for name, value in further.items():
        if name not in _BY_NAME:
            unknown.append(name)
            continue
        fitted = value if value.__class__ is str and _TYPES[name] == "string" else _fitted(name, value)
        if fitted is not None and (name not in SAID_ONLY_WHEN or fitted != SAID_ONLY_WHEN[name]):
            said[name] = fitted
    return said, unknown


def _fitted(name: str, value: Any) -> Any:
    """The value as its field's type; None when it is none."""
    kind = _TYPES[name]
    if value is None:
        return None
    if kind == "string":
        return text(value)
    if kind == "integer":
        return count(value)
    if kind == "number":
        return seconds(value)
    return truth(value)


def text(value: Any) -> str | None:
    """Text as it is, None as None, anything else as text."""
    return value if value is None or value.__class__ is str else as_text(value)


def seconds(value: Any) -> float | None:
    """A finite number of 0 or more, else None."""
    if value is None or isinstance(value, (str, bytes)):
        return None
    try:
        number = float(value)
    except Exception:  # noqa: BLE001 - the host's __float__ may raise anything
        return None
    return number if math.isfinite(number) and number >= 0 else None


def whole(value: Any) -> int | None:
    """An exit code: a whole number of either sign, else None."""
    if value is None:
        return None
    try:
        return int(value)
    except Exception:  # noqa: BLE001 - the host's __int__ may raise anything
        return None


def truth(value: Any) -> bool:
    """`bool(value)`; False where asking raises: nobody said that it is true."""
    try:
        return bool(value)
    except Exception:  # noqa: BLE001 - the host's __bool__ may raise anything
        return False


def length(content: Any) -> int | None:
    """Characters of a prompt or response as a person reads it, see `readable`; None where it cannot be."""
    readable_text = readable(content)
    return None if readable_text is None else len(readable_text)


def finish(
    metrics: APICallMetrics,
    ended: tuple[float, float],
    response: Any,
    success: Any,
    error: Any,
    exit_code: Any,
) -> None:
    """Set what is known of every ended call; `ended` is (Unix seconds, monotonic seconds)."""
    now, monotonic = ended
    start, began = metrics.start_time, metrics._began
    passed = monotonic - began if began >= 0 else -1.0
    if start.__class__ is not float or not (0 <= start < _FAR and passed >= 0):
        # made or changed by the host, or begun before a reboot
        start, passed = _wall_clock(start, now)
    metrics.start_time = start
    metrics.end_time = now
    metrics.duration_seconds = passed
    metrics.success = success if success.__class__ is bool else truth(success)
    if response is not None:
        metrics.response_length = len(response) if response.__class__ is str else length(response)
    if error is not None:
        metrics.error_message = sentence(error)
    if exit_code is not None:
        metrics.exit_code = whole(exit_code)


_FAR = 1e11  # Unix seconds of the year 5138


def _wall_clock(start: Any, now: float) -> tuple[float, float]:
    """(start, duration) by the clock on the wall; a start that is none or in the future is now."""
    known = seconds(start)
    begun = now if known is None or known >= _FAR else min(known, now)
    return begun, now - begun


def count_plain(metrics: APICallMetrics, tokens_input: Any, tokens_output: Any, prices: PriceTable) -> None:
    """Set tokens and cost of a call of which only input and output tokens are given."""
    plain = metrics.tokens_input = count(tokens_input)
    output = metrics.tokens_output = count(tokens_output)
    passed = metrics.duration_seconds
    metrics.tokens_per_second = output / passed if passed and output is not None else None
    if plain is None or output is None:
        metrics.tokens_total = None
        metrics.estimated_cost_usd = seconds(metrics.estimated_cost_usd)
        return
    metrics.tokens_total = plain + output
    model = metrics.model if metrics.model.__class__ is str else text(metrics.model) or ""
    tariff = prices.usual_tariff(model, metrics.start_time or 0.0)
    usd = math.nan if tariff is None else tariff.cost(plain, output, 0, 0, 0)
    metrics.estimated_cost_usd = None if math.isnan(usd) else usd


def count_call(
    metrics: APICallMetrics,
    tokens_input: Any,
    tokens_output: Any,
    usage: Any,
    further: dict[str, Any],
    prices: PriceTable,
) -> None:
    """Set tokens and cost. What `usage` says beyond them is added to `further`; what is given goes first."""
    used = usage_of(usage) if usage is not None else NOTHING_KNOWN
    if not _COUNTED.isdisjoint(further):
        used = usage_of(further).over(used)
    if tokens_input is not None or tokens_output is not None:
        used = TokenUsage(count(tokens_input), count(tokens_output)).over(used)
    if usage is not None or further:
        details = details_of(usage) if usage.__class__ is not TokenUsage else {}
        further.update({**details, **further, **used.beside})
        if further.get("model_served") == metrics.model:
            further.pop("model_served", None)
    metrics.tokens_input, metrics.tokens_output = used.tokens_input, used.tokens_output
    metrics.tokens_total = used.tokens_total
    passed, output = metrics.duration_seconds, used.tokens_output
    metrics.tokens_per_second = output / passed if passed and output is not None else None
    metrics.estimated_cost_usd = _cost(metrics, used, further, prices)


def _cost(
    metrics: APICallMetrics, used: TokenUsage, further: dict[str, Any], prices: PriceTable
) -> float | None:
    """What the host says it cost, else our price of the model asked for, else of the one that answered."""
    if "estimated_cost_usd" in further:
        return seconds(further.pop("estimated_cost_usd"))
    start = metrics.start_time
    cost = cost_of(text(metrics.model) or "", used, start, prices)
    if cost is None and "model_served" in further:
        return cost_of(text(further["model_served"]) or "", used, start, prices)
    return cost


def cost_of(model: str, usage: TokenUsage, at: float | None, prices: PriceTable) -> float | None:
    """USD for one call, None when input, output or the price is not known."""
    if usage.tokens_input is None or usage.tokens_output is None:
        return None
    return price_of(
        model,
        tokens_input=usage.tokens_input,
        tokens_output=usage.tokens_output,
        tokens_cache_read=usage.tokens_cache_read or 0,
        tokens_cache_write_5m=usage.tokens_cache_write_5m or 0,
        tokens_cache_write_1h=usage.tokens_cache_write_1h or 0,
        web_searches=usage.web_searches or 0,
        service_tier=usage.service_tier,
        speed=usage.speed,
        inference_geo=usage.inference_geo,
        at=at,
        prices=prices,
    )


def line_within(values: dict[str, Any], most_bytes: int = MOST_BYTES) -> bytes:
    """The line without API keys, shortened when it is too long for any reader."""
    line = line_of(values)
    if b"sk-ant-" in line:
        line = without_keys(line)
    return line if len(line) <= most_bytes else line_of(_shortened(values, most_bytes))


def _shortened(values: dict[str, Any], most_bytes: int) -> dict[str, Any]:
    share = most_bytes // 8  # a character is up to six bytes of JSON
    cut = {name: v[:share] if isinstance(v, str) else v for name, v in values.items()}
    if len(line_of({"settings": cut["settings"]})) > share:
        cut["settings"] = {"left_out": "too long"}
    return cut
