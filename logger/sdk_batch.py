"""Results of message batches -> lines, each result once however often it is fetched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from .call_ids import derived_id
from .call_line import NO_MODEL, cost_of, further_values, line_within, text
from .record import CallRecord, as_text, values_of
from .redaction import sentence
from .sdk_log import SdkLog
from .sdk_request import reply_text
from .sdk_stream import error_of
from .sent_batches import SentBatches
from .usage import TokenUsage, details_of, usage_of

MOST_REMEMBERED = 100_000
"""Results, and batches; beyond that the oldest are forgotten. Readers count a line twice written once."""

_MOST_LINE = 64 * 1024 * 1024


class Batches:
    """When batches were made, and which of their results are written."""

    def __init__(self, log: SdkLog) -> None:
        self._log = log
        self._made: dict[str, float] = {}
        self._written: dict[str, None] = {}

    def note(self, body: bytes) -> str:
        """Remember when a batch was made from what the API says of it: the time of its calls; its id."""
        told = json.loads(body)
        made = datetime.fromisoformat(told["created_at"]).timestamp()
        _remember(self._made, told["id"], made)
        return str(told["id"])

    def fetched(self, batch: str) -> None:
        """All results are written: nothing need be set aside for them any more. Raises OSError."""
        SentBatches(self._log.log_dir).done(batch)

    def write(self, batch: str, row: bytes, names: Mapping[str, Any]) -> None:
        """Write a row of results, unless it is written. A request that never ran is no call."""
        told = json.loads(row)
        result = told["result"]
        if result["type"] not in ("succeeded", "errored"):
            return
        record = self._record(batch, told["custom_id"], result)
        if record.call_id is None or record.call_id in self._written:
            return
        _remember(self._written, record.call_id, None)
        known, _ = further_values(names)
        named = {name: text(names.get(name)) for name in ("task_id", "worker_id")}
        values = {**values_of(record), **self._log._shared, "source": "sdk", **known, **named}
        self._log._journal.append(record.timestamp[:10], line_within(values))

    def failed(self, problem: Exception) -> None:
        """Say that a batch, or a result of one, could not be taken in."""
        with suppress(Exception):
            self._log.problems.note("batch", f"callmeter: a batch cannot be read: {problem!r}")

    def _record(self, batch: str, custom_id: str, result: Mapping[str, Any]) -> CallRecord:
        made = self._made.get(batch)
        at = self._log._now() if made is None else made
        shared = CallRecord(
            timestamp=self._log._clock.spell(at)[0],
            model=NO_MODEL,
            settings={"batch_id": batch, "custom_id": custom_id},
        )
        if result["type"] == "errored":
            return _errored(replace(shared, call_id=derived_id("row", batch, custom_id)), result["error"])
        return self._succeeded(shared, result["message"], at)

    def _succeeded(self, shared: CallRecord, message: Mapping[str, Any], at: float) -> CallRecord:
        usage: TokenUsage = replace(usage_of(message), service_tier="batch")
        details = details_of(message)
        model = details.pop("model_served", NO_MODEL)
        counts: dict[str, Any] = {**usage.fields, **details}
        return replace(
            shared,
            model=model,
            success=True,
            response_length=len(reply_text(message)),
            tokens_total=usage.tokens_total,
            estimated_cost_usd=cost_of(model, usage, at, self._log.prices),
            call_id=derived_id("msg", as_text(message["id"])),
            **counts,
        )


def _errored(record: CallRecord, body: Mapping[str, Any]) -> CallRecord:
    kind, message = error_of(body)
    request_id = body.get("request_id")
    return replace(
        record,
        error_type=kind,
        error_message=None if message is None else sentence(message),
        request_id=request_id if isinstance(request_id, str) else None,
    )


def _remember(known: dict[str, Any], key: str, value: Any) -> None:
    known[key] = value
    while len(known) > MOST_REMEMBERED:
        known.pop(next(iter(known)), None)


class ResultsReader:
    """Takes the body of a batch's results as the program reads it; see `sdk_body.Reader`."""

    def __init__(self, batches: Batches, batch: str, names: Mapping[str, Any]) -> None:
        self.inside = False
        self._batches, self._batch, self._names = batches, batch, names
        self._rest: list[bytes] = []
        self._size = 0

    def take(self, chunk: bytes) -> None:
        """Write the rows that end in this chunk."""
        *ended, rest = chunk.split(b"\n")
        for row in ended:
            self._take_row(row)
        self._size += len(rest)
        if self._size <= _MOST_LINE:
            self._rest.append(rest)

    def end(self, whole: bool, error: BaseException | None = None) -> None:
        """The last row may have no newline."""
        if whole:
            self._take_row(b"")
            try:
                self._batches.fetched(self._batch)
            except OSError as problem:
                self._batches.failed(problem)

    def _take_row(self, end: bytes) -> None:
        row = b"".join([*self._rest, end])
        self._rest, self._size = [], 0
        if row.strip():
            try:
                self._batches.write(self._batch, row, self._names)
            except Exception as problem:  # noqa: BLE001 - the program must not be broken
                self._batches.failed(problem)
