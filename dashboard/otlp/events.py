"""OTLP messages -> what the Claude CLI told: events of its log records, counts of its token metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, NumberDataPoint

from logger.telemetry import Event

PREFIX = "claude_code."
TOKENS = "claude_code.token.usage"

_PLAIN = ("string_value", "int_value", "double_value", "bool_value")


@dataclass(frozen=True, slots=True)
class Point:
    """Tokens of a series from `start` to `time` (Unix s); cumulative: since the process began."""

    attributes: tuple[tuple[str, Any], ...]
    tokens: float
    start: float
    time: float
    cumulative: bool


def events_of(request: ExportLogsServiceRequest) -> Iterator[Event]:
    """The Claude CLI's events in their order; log records of others are passed over."""
    for resource in request.resource_logs:
        shared = _values(resource.resource.attributes)
        for scope in resource.scope_logs:
            own = "claude_code" in scope.scope.name
            for record in scope.log_records:
                event = _event(record, shared, own)
                if event is not None:
                    yield event


def _event(record: LogRecord, resource: dict[str, Any], own: bool) -> Event | None:
    attributes = _values(record.attributes)
    names = [record.event_name, record.body.string_value, str(attributes.get("event.name", ""))]
    ours = [name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX) or (own and name)]
    if not ours:
        return None
    nanoseconds = record.time_unix_nano or record.observed_time_unix_nano
    return Event(ours[0], attributes, resource, _seconds(nanoseconds) if nanoseconds else None)


def points_of(request: ExportMetricsServiceRequest) -> Iterator[Point]:
    """What the token metric counted; other metrics are passed over."""
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name == TOKENS:
                    yield from _points(metric)


def _points(metric: Metric) -> Iterator[Point]:
    temporality = metric.sum.aggregation_temporality
    cumulative = temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    for point in metric.sum.data_points:
        attributes = tuple(sorted(_values(point.attributes).items(), key=lambda pair: pair[0]))
        start, moment = _seconds(point.start_time_unix_nano), _seconds(point.time_unix_nano)
        yield Point(attributes, _number(point), start, moment, cumulative)


def _number(point: NumberDataPoint) -> float:
    return float(point.as_int) if point.WhichOneof("value") == "as_int" else point.as_double


def _seconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e9, 6)


def _values(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes that are plain values; lists and maps hold nothing that is counted."""
    found = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        if kind in _PLAIN:
            found[pair.key] = getattr(pair.value, kind)
    return found
