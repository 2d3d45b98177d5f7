"""The lines of a logger's calls: what all have in common, and the way of a call to the file of its day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from .call_ids import call_ids
from .call_line import (
    bare_values,
    count_call,
    count_plain,
    further_values,
    line_within,
    original_values,
    text,
)
from .call_metrics import APICallMetrics
from .clock import LocalClock
from .in_flight import in_flight_in, slot_text
from .journal import Journal
from .plain_line import begun_line, plain_line
from .pricing import PriceTable
from .problems import Problems
from .record import ORIGINAL_FIELDS, encode_object
from .running import SLOT


class CallWriter:
    """Writes ended calls into the day they began, and shows begun ones until their line is in the file.

    shared: the fields that are alike in all lines.
    """

    def __init__(
        self,
        folder: Path,
        problems: Problems,
        prices: PriceTable,
        shared: Mapping[str, Any],
        clock: LocalClock,
        now: Callable[[], float],
    ) -> None:
        self.problems, self.prices = problems, prices
        self.in_flight = in_flight_in(folder)
        self.journal = Journal(folder, problems, self.in_flight.end)
        self.shared = {name: text(value) for name, value in shared.items() if value}
        self._shared_text = "," + encode_object(self.shared)[1:-1]
        self._clock, self._now = clock, now
        self._begun_texts: dict[tuple[str | None, ...], str] = {}

    def begin(self, metrics: APICallMetrics) -> None:
        """Show a call that begins now, if this folder can."""
        further = metrics._further
        if further is None:
            call_id = metrics._call_id = call_ids.next()
        else:
            call_id = metrics._call_id = text(further.get("call_id")) or call_ids.next()
        try:
            shared = self._shared_text if further is None else self._begun_text(further)
            line = begun_line(metrics, f',"call_id":"{call_id}"{shared}')
            if len(line) > SLOT or (further is not None and b"sk-ant-" in line):
                line = self._begun_slot(metrics)
        except (TypeError, ValueError):
            line = self._begun_slot(metrics)
        if not self.in_flight.begin(call_id, line, metrics.start_time or 0.0):
            self.problems.counts["in flight"] = 1

    def _begun_text(self, further: Mapping[str, Any]) -> str:
        """The JSON text of the fields shown of a begun call, each with its comma before it."""
        shown = tuple([further.get(name) for name in _SHOWN])
        text = self._begun_texts.get(shown) if all(map(_is_text, shown)) else None
        if text is None:
            known, _ = further_values({name: further[name] for name in _SHOWN if name in further})
            text = "," + encode_object({**self.shared, **known})[1:-1] if known or self.shared else ""
            if len(self._begun_texts) < _MOST_TEXTS and all(map(_is_text, shown)):
                self._begun_texts[shown] = text
        return text

    def _begun_slot(self, metrics: APICallMetrics) -> bytes:
        names = {name: value for name, value in (metrics._further or {}).items() if name in _SHOWN}
        known, _ = further_values(names)
        begun = {name: value for name, value in original_values(metrics).items() if name in _BEGUN}
        return slot_text({**begun, "call_id": metrics._call_id, **self.shared, **known})

    def plain(self, metrics: APICallMetrics, tokens_input: Any, tokens_output: Any) -> bool:
        """The way of most calls: nothing but the original fields."""
        count_plain(metrics, tokens_input, tokens_output, self.prices)
        call_id, own = metrics._call_id or call_ids.next(), metrics.timestamp is metrics._stamp
        day = metrics.timestamp[:10] if own else self.day(metrics)
        if not own:
            self.say_beforehand(metrics, call_id, day)
        line = plain_line(metrics, f',"call_id":"{call_id}"{self._shared_text}')
        if line is None:
            line = line_within({**original_values(metrics), "call_id": call_id, **self.shared})
        return self.journal.append(day, line, metrics._call_id)

    def whole(
        self, metrics: APICallMetrics, tokens: tuple[Any, Any], usage: Any, further: dict[str, Any]
    ) -> bool:
        """A call of which more is known. `tokens`: input and output as given."""
        if metrics._further:
            further = {**metrics._further, **further}
        count_call(metrics, *tokens, usage, further, self.prices)
        values = {"call_id": metrics._call_id or call_ids.next(), **self.shared, **self.known(further)}
        day = self.day(metrics)
        self.say_beforehand(metrics, values["call_id"], day)
        return self.journal.append(day, _line_of(metrics, values), metrics._call_id)

    def bare(self, metrics: Any, *told: Any) -> bool:
        """What is certain of a call that could not be written; `told` as `bare_values` takes it."""
        if not isinstance(metrics, APICallMetrics):
            return False
        stamp = metrics._stamp or self._clock.spell(self._now())[0]
        call_id = metrics._call_id or call_ids.next()
        values = {**bare_values(metrics, stamp, *told), "call_id": call_id, **self.shared}
        return self.journal.append(stamp[:10], line_within(values), metrics._call_id)

    def say_beforehand(self, metrics: APICallMetrics, call_id: str, day: str) -> None:
        """Leave word beside the log when the line of a call will not be where one looks for it."""
        if metrics._call_id and (call_id != metrics._call_id or day != metrics._stamp[:10]):
            self.in_flight.mark(metrics._call_id, call_id, day)

    def known(self, further: Mapping[str, Any]) -> dict[str, Any]:
        """The fields among these; the others are said."""
        known, unknown = further_values(further)
        for name in unknown:
            self.problems.note("unknown field", f"callmeter: {name!r} is no field of a line; it is left out")
        return known

    def day(self, metrics: APICallMetrics) -> str:
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


def _line_of(metrics: APICallMetrics, values: dict[str, Any]) -> bytes:
    """The line of a call with these further fields; they may also replace original ones."""
    if _ORIGINAL.isdisjoint(values):
        with suppress(TypeError, ValueError):
            line = plain_line(metrics, "," + encode_object(values)[1:-1])
            if line is not None:
                return line
    return line_within({**original_values(metrics), **values})


_ORIGINAL = frozenset(ORIGINAL_FIELDS)
_BEGUN = {"timestamp", "task_id", "worker_id", "model", "prompt_file", "prompt_length", "start_time"}
_SHOWN = ("source", "project", "session_id", "agent", "host")
"""What a slot says of a call beside its beginning."""

_MOST_TEXTS = 256
"""Combinations of these whose text is kept: calls of a program mostly share a few."""


def _is_text(value: Any) -> bool:
    return value is None or value.__class__ is str
