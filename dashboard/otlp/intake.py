"""The intake: bodies of OTLP requests in, lines in the log, answers out."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb

from logger.record import CallRecord
from logger.telemetry import Event

from .bodies import Body, BodyError, answer, message_of
from .events import events_of, points_of
from .status import TelemetryStatus
from .tally import Tally

MOST_REASONS = 20

UNWRITTEN = "the log cannot be written at the moment; send this again"


class Taken(Protocol):
    """What became of a delivery, as `logger.telemetry_log` tells it."""

    @property
    def new(self) -> tuple[CallRecord, ...]:
        """The calls that were not in the log."""

    @property
    def repeated(self) -> int:
        """How many were."""

    @property
    def refused(self) -> int:
        """How many events say nothing of a call."""

    @property
    def safe(self) -> bool:
        """Whether all is in the files."""


class Log(Protocol):
    """Where calls are written."""

    def take(self, events: Iterable[Event]) -> Taken:
        """Write the lines of the calls that are not in the log yet."""


@dataclass(slots=True)
class _Counts:
    """What `TelemetryStatus` tells, while it grows."""

    status: TelemetryStatus
    refused: Counter[str]


class Intake:
    """Takes in what workers send. Safe for threads; its methods work on the disk and may take a while."""

    def __init__(self, log: Log, *, now: Callable[[], float] = time.time) -> None:
        self._log = log
        self._now = now
        self._tally = Tally(now())
        self._counts = _Counts(TelemetryStatus(), Counter())
        self._lock = threading.Lock()

    def logs(self, body: Body) -> bytes:
        """Write the calls of a /v1/logs body; the answer to it. Raises BodyError."""
        request, lost = message_of(body, logs_pb.ExportLogsServiceRequest())
        taken = self._log.take(events_of(request))
        with self._lock:
            self._count(
                lines=len(taken.new),
                repeated=taken.repeated,
                unusable=taken.refused + lost,
                unwritten=0 if taken.safe else 1,
            )
            self._tally.events(taken.new, self._now())
        if not taken.safe:
            raise BodyError(503, UNWRITTEN)
        response = logs_pb.ExportLogsServiceResponse()
        if lost:
            response.partial_success.rejected_log_records = lost
            response.partial_success.error_message = "log records that cannot be parsed"
        return answer(response, body.kind)

    def metrics(self, body: Body) -> bytes:
        """Compare a /v1/metrics body with the events; the answer to it. Raises BodyError."""
        request, lost = message_of(body, metrics_pb.ExportMetricsServiceRequest())
        with self._lock:
            self._count(unusable=lost)
            self._tally.metrics(points_of(request), self._now())
        response = metrics_pb.ExportMetricsServiceResponse()
        if lost:
            response.partial_success.rejected_data_points = lost
            response.partial_success.error_message = "metrics that cannot be parsed"
        return answer(response, body.kind)

    def refuse(self, error: BodyError) -> None:
        """Remember why a body was not taken."""
        with self._lock:
            reason = str(error)
            if reason in self._counts.refused or len(self._counts.refused) < MOST_REASONS:
                self._counts.refused[reason] += 1

    @property
    def status(self) -> TelemetryStatus:
        """How it goes."""
        with self._lock:
            gaps = self._tally.gaps(self._now())
            return replace(self._counts.status, refused=tuple(self._counts.refused.items()), gaps=gaps)

    def _count(self, *, lines: int = 0, repeated: int = 0, unusable: int = 0, unwritten: int = 0) -> None:
        known = self._counts.status
        self._counts.status = replace(
            known,
            last=self._now(),
            deliveries=known.deliveries + 1,
            lines=known.lines + lines,
            repeated=known.repeated + repeated,
            unusable=known.unusable + unusable,
            unwritten=known.unwritten + unwritten,
        )
