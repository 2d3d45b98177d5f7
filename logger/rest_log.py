"""A call that a program tells of over HTTP -> its line, in the file when the program is answered."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from .call_ids import call_ids, derived_id
from .call_line import cost_of, line_within
from .clock import LocalClock
from .journal import DayFile, TornWriteError
from .price_table import PriceTable
from .pricing import built_in
from .record import CallRecord, day_file_name, values_of
from .redaction import sentence
from .usage import COUNTS, MODES, TokenUsage

SOURCE = "rest"

_TRIES = 3


class RestLog:
    """Writes told calls. Safe for threads.

    Unlike the journal it keeps nothing for later: who told the call hears at once that it is not written,
    and tells it again.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        prices: PriceTable | None = None,
        clock: LocalClock | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = Path(os.fspath(folder)).absolute()
        self._prices = prices if prices is not None else built_in()
        self._clock = clock or LocalClock()
        self._now = now
        self._lock = threading.Lock()

    def take(self, told: Mapping[str, Any]) -> CallRecord:
        """Write the line of a call and give it back. Raises OSError when it is not in its file.

        told: fields of the line with values of their types, `model` among them; `timestamp` as an aware
        moment, without it the call ended now. Without `estimated_cost_usd` our price at that time. A call
        with a `request_id` counts once, however often it is told.
        """
        with self._lock:
            record = self._record(told)
            self._write(record.timestamp[:10], line_within(values_of(record)))
        return record

    def _record(self, told: Mapping[str, Any]) -> CallRecord:
        fields, usage = dict(told), _usage(told)
        start, end = _span(fields.pop("timestamp", None), told.get("duration_seconds"), self._now())
        fields.setdefault("success", True)
        fields.setdefault("estimated_cost_usd", _cost(told["model"], usage, start, self._prices))
        if fields.get("error_message") is not None:
            fields["error_message"] = sentence(fields["error_message"])
        return CallRecord(
            timestamp=self._clock.spell(start)[0],
            start_time=start,
            end_time=end,
            tokens_total=usage.tokens_total,
            tokens_per_second=_rate(usage.tokens_output, told.get("duration_seconds")),
            call_id=_call_id(told.get("request_id")),
            source=SOURCE,
            **fields,
        )

    def _write(self, day: str, line: bytes) -> None:
        path = self._folder / day_file_name(day)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(_TRIES):
            file = DayFile(str(path))
            try:
                if file.append(line):
                    return
            except OSError:
                file.settle()
                raise
            finally:
                file.close()
        raise TornWriteError(f"{path} is taken away again and again")


def _usage(told: Mapping[str, Any]) -> TokenUsage:
    return TokenUsage(**{name: told.get(name) for name in (*COUNTS, *MODES)})


def _span(began: datetime | None, seconds: float | None, now: float) -> tuple[float, float | None]:
    """Start and end in Unix seconds; the end of a call that began at a named time may not be known."""
    if began is None:
        return now - (seconds or 0.0), now
    start = began.timestamp()
    return start, None if seconds is None else start + seconds


def _cost(model: str, usage: TokenUsage, start: float, prices: PriceTable) -> float | None:
    usd = cost_of(model, usage, start, prices)
    return None if usd is None else round(usd, 10)


def _rate(tokens: int | None, seconds: float | None) -> float | None:
    return round(tokens / seconds, 6) if seconds and tokens is not None else None


def _call_id(request_id: str | None) -> str:
    return derived_id("req", SOURCE, request_id) if request_id else call_ids.next()
