"""Telemetry bodies: what is decoded, what is refused, and what the metrics say is missing."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from dashboard.otlp.bodies import (
    JSON,
    PROTOBUF,
    Body,
    BodyError,
    answer,
    kind_of,
    message_of,
    said,
)
from dashboard.otlp.bounds import MOST_BYTES, MOST_RECORDS, MOST_VALUES, weigh_packed
from dashboard.otlp.events import events_of, points_of
from dashboard.otlp.intake import Intake
from dashboard.otlp.status import Gap, TelemetryStatus
from dashboard.otlp.tally import MOST_SESSIONS, PATIENCE, Tally
from dashboard.web.telemetry import panels
from logger.clock import LocalClock
from logger.journal import Journal
from logger.pricing import built_in
from logger.record import CallRecord
from logger.telemetry import Event, Reading, records_of
from logger.telemetry_log import TelemetryLog

DATA = Path(__file__).parent / "data" / "otel"
LOGS = DATA / "json" / "003-v1_logs.json"
BEFORE = 1_795_353_500.0  # a moment before all recorded deliveries
READING = Reading(built_in(), LocalClock(), BEFORE + 3600)


def body(value: Any, kind: str = JSON, encoding: str = "") -> Body:
    return Body(value if isinstance(value, bytes) else json.dumps(value).encode(), kind, encoding)


def logs(value: Any, kind: str = JSON, encoding: str = "") -> tuple[list[Event], int]:
    message, lost = message_of(body(value, kind, encoding), ExportLogsServiceRequest())
    return list(events_of(message)), lost


def record(*attributes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"body": {"stringValue": "claude_code.api_request"}, "attributes": list(attributes), **fields}


def attribute(name: str, **value: Any) -> dict[str, Any]:
    return {"key": name, "value": value}


def delivery(*records: Any, scope: str = "com.anthropic.claude_code.events") -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"scope": {"name": scope}, "logRecords": list(records)}]}]}


# Bodies


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("application/json", JSON),
        ("Application/JSON; charset=utf-8", JSON),
        ("application/x-protobuf", PROTOBUF),
        (" application/x-protobuf ;x=y", PROTOBUF),
    ],
)
def test_content_types_that_are_taken(told: str, kind: str) -> None:
    assert kind_of(told) == kind


@pytest.mark.parametrize(
    "told", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/grpc"]
)
def test_other_content_types_are_not(told: str | None) -> None:
    with pytest.raises(
        BodyError, match="callmeter takes application/json and application/x-protobuf"
    ) as error:
        kind_of(told)
    assert error.value.status == 415


def test_a_body_is_the_same_in_every_form() -> None:
    told = LOGS.read_bytes()
    message = ParseDict(json.loads(told), ExportLogsServiceRequest(), ignore_unknown_fields=True)
    packed = message.SerializeToString()
    expected = logs(told)
    assert expected[0][1].attributes["request_id"] == "req_011C3uQH8ihCmxKoV1HoWZ2W"
    assert expected == logs(packed, PROTOBUF) == logs(gzip.compress(told), JSON, "gzip")
    assert expected == logs(gzip.compress(packed), PROTOBUF, " GZIP ") == logs(told, JSON, "identity")


BROKEN: dict[str, tuple[Any, str, str]] = {
    "not JSON": (b"{", JSON, ""),
    "empty": (b"", JSON, ""),
    "a list": ([], JSON, ""),
    "a number": (b"7", JSON, ""),
    "null": (b"null", JSON, ""),
    "not UTF-8": (b'"\xff"', JSON, ""),
    "a wrong type": ({"resourceLogs": 5}, JSON, ""),
    "wrong records": ({"resourceLogs": [{"scopeLogs": "x"}]}, JSON, ""),
    "too deep": (b"[" * 100_000, JSON, ""),
    "deep in a field": (b'{"resourceLogs":' * 900 + b"1" + b"}" * 900, JSON, ""),
    "endless digits": (b'{"a": ' + b"9" * 10_000 + b"}", JSON, ""),
    "not protobuf": (b"\xff\xff\xff", PROTOBUF, ""),
    "cut off protobuf": (b"\x0a\x50abc", PROTOBUF, ""),
    "not gzip": (b"{}", JSON, "gzip"),
    "cut off gzip": (gzip.compress(b"{}" * 50)[:-9], JSON, "gzip"),
    "more than gzip": (gzip.compress(b"{}") + b"more", JSON, "gzip"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_body_is_refused_in_a_sentence(name: str) -> None:
    value, kind, encoding = BROKEN[name]
    with pytest.raises(BodyError) as error:
        logs(value, kind, encoding)
    assert error.value.status == 400
    assert str(error.value).startswith("the ")
    assert len(str(error.value)) <= 500


def test_an_encoding_that_is_not_gzip_is_refused() -> None:
    with pytest.raises(BodyError, match="not br") as error:
        logs(b"{}", JSON, "br")
    assert error.value.status == 415


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join([packer.compress(bytes(1 << 20)) for _ in range(64)] + [packer.flush()])
    assert len(bomb) < MOST_BYTES // 50
    with pytest.raises(BodyError, match="4 MiB") as error:
        logs(bomb, JSON, "gzip")
    assert error.value.status == 413


def nested(*numbers: int, times: int) -> bytes:
    """So many empty fields of the last number, within one field of each of the others."""
    data = bytes([numbers[-1] << 3 | 2, 0]) * times
    for number in reversed(numbers[:-1]):
        data = bytes([number << 3 | 2]) + varint(len(data)) + data
    return data


def varint(number: int) -> bytes:
    low = number & 127
    return bytes([low | 128]) + varint(number >> 7) if number > 127 else bytes([low])


TOO_MANY: dict[str, tuple[Any, str]] = {
    "records": (nested(1, 2, 2, times=MOST_RECORDS + 1), PROTOBUF),
    "resources": (nested(1, times=MOST_VALUES + 1), PROTOBUF),
    "attributes": (nested(1, 2, 2, 6, times=MOST_VALUES), PROTOBUF),
    "values of an array": (nested(1, 2, 2, 5, 5, 1, times=MOST_VALUES), PROTOBUF),
    "unknown fields": (nested(1, 2, 15, times=MOST_VALUES), PROTOBUF),
    "unknown numbers": (b"\x78\x00" * (MOST_VALUES + 1), PROTOBUF),
    "groups": (b"\x7b\x7c" * (MOST_VALUES // 2 + 1), PROTOBUF),
    "records in JSON": (delivery(*[{}] * (MOST_RECORDS + 1)), JSON),
    "broken records in JSON": (delivery(*[{"body": 5}] * (MOST_RECORDS + 1)), JSON),
    "values in JSON": (delivery(record(*[{}] * MOST_VALUES)), JSON),
    "unknown values in JSON": ({"more": {str(name): 0 for name in range(MOST_VALUES)}}, JSON),
}


@pytest.mark.parametrize("name", TOO_MANY)
def test_a_body_that_would_become_much_memory_is_refused(name: str) -> None:
    value, kind = TOO_MANY[name]
    with pytest.raises(BodyError, match="a body may have 10,000 records and 200,000 values in all") as error:
        logs(value, kind)
    assert error.value.status == 413


def test_metrics_are_bounded_as_log_records_are() -> None:
    many: dict[str, Any] = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{}] * (MOST_RECORDS + 1)}]}]}
    packed = nested(1, 2, 2, times=MOST_RECORDS + 1)
    for told in (body(many), body(packed, PROTOBUF)):
        with pytest.raises(BodyError) as error:
            message_of(told, ExportMetricsServiceRequest())
        assert error.value.status == 413


@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
def test_the_largest_batch_of_the_cli_is_far_from_the_bounds(kind: str) -> None:
    """512 events, each as full as the fullest that was recorded, and a kB of text in it."""
    recorded = json.loads(LOGS.read_bytes())
    fullest = max(recorded["resourceLogs"][0]["scopeLogs"][0]["logRecords"], key=lambda one: len(str(one)))
    text = attribute("text", stringValue="x" * 1000)
    value = delivery(*[{**fullest, "attributes": [*fullest["attributes"], text]}] * 512)
    told: Any = value if kind == JSON else ParseDict(value, ExportLogsServiceRequest()).SerializeToString()
    assert len(logs(told, kind)[0]) == 512


@given(st.binary(max_size=200))
def test_bytes_are_weighed_whatever_they_are(data: bytes) -> None:
    weigh_packed(data, ExportLogsServiceRequest.DESCRIPTOR)


@given(st.binary(max_size=200), st.sampled_from([JSON, PROTOBUF]), st.sampled_from(["", "gzip"]))
def test_no_bytes_do_more_than_be_refused(data: bytes, kind: str, encoding: str) -> None:
    try:
        logs(data, kind, encoding)
    except BodyError as error:
        assert error.status == 400


ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["resourceLogs", "scopeLogs", "logRecords", "attributes", "key", "value", "intValue", "body"]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=12,
)


@given(ANY_JSON, ANY_JSON)
def test_no_json_does_more_than_be_refused(whole: Any, item: Any) -> None:
    for value in (whole, delivery(item), delivery(record(item))):
        try:
            logs(value)
        except BodyError as error:
            assert error.status == 400


def test_what_a_newer_protocol_adds_is_passed_over() -> None:
    events, lost = logs({**delivery(record(attribute("model", stringValue="m"), news=1)), "more": [{}]})
    assert ([event.attributes for event in events], lost) == ([{"model": "m"}], 0)


def test_numbers_come_as_numbers_and_as_text() -> None:
    told = [attribute("a", intValue="7"), attribute("b", intValue=8), attribute("c", doubleValue=0.5)]
    (event,), _ = logs(delivery(record(*told, timeUnixNano="1795353528787000000")))
    assert (event.attributes, event.time) == ({"a": 7, "b": 8, "c": 0.5}, 1795353528.787)


def test_a_text_cut_within_a_character_spoils_nothing() -> None:
    """As JavaScript writes one half of a pair."""
    told = json.dumps(delivery(record(attribute("response", stringValue="HALF")), record()))
    events, lost = logs(told.replace("HALF", "cut \\ud83d").encode())
    assert ([event.attributes.get("response") for event in events], lost) == (["cut \ufffd", None], 0)


def test_a_record_that_cannot_be_parsed_costs_only_itself() -> None:
    bad = record(attribute("duration_ms", intValue=1e21))
    good = record(attribute("model", stringValue="m"))
    events, lost = logs(delivery(good, bad, good))
    assert ([event.attributes for event in events], lost) == ([{"model": "m"}, {"model": "m"}], 1)


def test_lists_and_maps_in_attributes_are_left_out() -> None:
    told = [attribute("a", arrayValue={"values": []}), attribute("b"), attribute("c", boolValue=True)]
    (event,), _ = logs(delivery(record(*told)))
    assert event.attributes == {"c": True}


@pytest.mark.parametrize(
    ("scope", "fields", "names"),
    [
        (
            "com.anthropic.claude_code.events",
            {"body": {"stringValue": "claude_code.api_request"}},
            ["api_request"],
        ),
        ("com.anthropic.claude_code.events", {"eventName": "api_error"}, ["api_error"]),
        ("other", {"body": {"stringValue": "claude_code.api_request"}}, ["api_request"]),
        ("other", {"body": {"stringValue": "gemini_cli.api_request"}}, []),
        ("other", {"attributes": [attribute("event.name", stringValue="api_request")]}, []),
        (
            "com.anthropic.claude_code.events",
            {"attributes": [attribute("event.name", stringValue="x")]},
            ["x"],
        ),
        ("com.anthropic.claude_code.events", {}, []),
    ],
)
def test_only_the_claude_clis_events_are_taken(scope: str, fields: dict[str, Any], names: list[str]) -> None:
    events, _ = logs(delivery(fields, scope=scope))
    assert [event.name for event in events] == names


def test_a_refusal_is_a_status_in_the_encoding_of_the_request() -> None:
    assert json.loads(said("no", JSON)) == {"message": "no"}
    assert said("no", PROTOBUF) == b"\x12\x02no"  # google.rpc.Status: field 2, text
    assert answer(ExportLogsServiceResponse(), PROTOBUF) == b""
    assert json.loads(answer(ExportLogsServiceResponse(), JSON)) == {}


# Metrics against events


def take(tally: Tally, file: Path) -> None:
    """Let the tally have a recorded delivery."""
    if "metrics" in file.name:
        message, _ = message_of(body(file.read_bytes()), ExportMetricsServiceRequest())
        tally.metrics(points_of(message), BEFORE)
    else:
        found = records_of(logs(file.read_bytes())[0], READING)
        tally.events([one for one in found if one is not None], BEFORE)


def tally_of(name: str, *, lost: str = "") -> Tally:
    """What the recorded deliveries add up to, but for one that was lost."""
    tally = Tally(BEFORE)
    for file in sorted((DATA / name).glob("0*")):
        if file.name != lost:
            take(tally, file)
    return tally


WHOLE = ("json", "json_cumulative", "json_details", "json_cut", "json_error")


@pytest.mark.parametrize("name", WHOLE)
def test_nothing_is_missing_where_every_delivery_came(name: str) -> None:
    """Also of a reply that broke off: the event's cost tells the estimate the metrics hold."""
    assert tally_of(name).gaps(BEFORE + PATIENCE) == ()


@pytest.mark.parametrize(
    ("name", "lost", "gap"),
    [
        ("json", "008-v1_logs.json", (11, 35, 12563, 267)),
        ("json_cumulative", "008-v1_logs.json", None),
        ("json", "003-v1_logs.json", (11, 42, 7486, 4980)),
    ],
)
def test_a_lost_delivery_shows_by_the_tokens_it_told_of(
    name: str, lost: str, gap: tuple[int, ...] | None
) -> None:
    gaps = tally_of(name, lost=lost).gaps(BEFORE + PATIENCE)
    (found,) = gaps
    assert found.model == "claude-opus-5-5"
    told = (found.input, found.output, found.cache_read, found.cache_write)
    assert told == gap or (gap is None and min(told) > 0)


@pytest.mark.parametrize("name", ["json", "json_cumulative"])
def test_metrics_that_come_again_add_nothing(name: str) -> None:
    tally = tally_of(name)
    for file in [
        *sorted((DATA / name).glob("*metrics*")),
        *sorted((DATA / name).glob("*metrics*"), reverse=True),
    ]:
        take(tally, file)
    assert tally.gaps(BEFORE + 1e6) == ()


def test_metrics_may_be_ahead_for_a_while() -> None:
    """They come on a way of their own."""
    tally = tally_of("json", lost="008-v1_logs.json")
    assert tally.gaps(BEFORE + PATIENCE - 1) == ()
    assert len(tally.gaps(BEFORE + PATIENCE)) == 1
    take(tally, DATA / "json" / "008-v1_logs.json")
    assert tally.gaps(BEFORE + 2 * PATIENCE) == ()


def test_what_was_counted_before_the_server_began_is_not_missed() -> None:
    tally = Tally(1_795_353_600.0)
    for name in ("json", "json_cumulative"):
        for file in sorted((DATA / name).glob("*metrics*")):
            take(tally, file)
    assert tally.gaps(BEFORE + 1e6) == ()


@given(
    st.lists(st.tuples(st.floats(), st.sampled_from([1, 2]), st.sampled_from(["input", "x", 5])), max_size=5)
)
def test_no_metric_does_more_than_be_passed_over(points: list[tuple[float, int, Any]]) -> None:
    tally = Tally(0.0)
    for number, (value, temporality, kind) in enumerate(points):
        message = ExportMetricsServiceRequest()
        metric = (
            message.resource_metrics.add().scope_metrics.add().metrics.add(name="claude_code.token.usage")
        )
        metric.sum.aggregation_temporality = temporality
        point = metric.sum.data_points.add(as_double=value, time_unix_nano=number * 10**9)
        for name in ("session.id", "model", "type"):
            told = point.attributes.add(key=name).value
            if isinstance(kind, str):
                told.string_value = kind
            else:
                told.int_value = kind
        tally.metrics(points_of(message), 0.0)
    assert all(min(gap.input, gap.output) >= 0 for gap in tally.gaps(1e9))


def test_only_so_many_sessions_are_remembered() -> None:
    tally = Tally(0.0)
    for number in range(MOST_SESSIONS + 5):
        call = CallRecord(timestamp="", model="m", success=True, session_id=f"s{number}", end_time=1.0)
        tally.events([call], 1.0)
    assert len(tally._sessions) == MOST_SESSIONS


# The intake


def test_the_status_tells_what_was_received(tmp_path: Path) -> None:
    now = [BEFORE]
    log = TelemetryLog(Journal(tmp_path), now=lambda: BEFORE + 3600)
    intake = Intake(log, now=lambda: now[0])
    assert (intake.status.last, intake.status.deliveries) == (None, 0)
    for file in [LOGS, LOGS, DATA / "json" / "002-v1_metrics.json"]:
        now[0] += 1
        take = intake.metrics if "metrics" in file.name else intake.logs
        take(body(file.read_bytes()))
    bad = record(attribute("duration_ms", intValue=1e21))
    assert json.loads(intake.logs(body(delivery(record(), bad)))) == {
        "partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "log records that cannot be parsed"}
    }
    intake.refuse(BodyError(400, "the body is not JSON"))
    status = intake.status
    assert (status.last, status.deliveries, status.lines, status.repeated) == (BEFORE + 3, 4, 1, 1)
    assert (status.unusable, status.refused, status.gaps) == (2, (("the body is not JSON", 1),), ())


def test_reasons_are_not_collected_without_end(tmp_path: Path) -> None:
    intake = Intake(TelemetryLog(Journal(tmp_path)))
    for number in range(100):
        intake.refuse(BodyError(400, f"reason {number}"))
    assert len(intake.status.refused) == 20


# The health view


def words(*components: Any) -> str:
    """Every text in these components, in order."""
    found = []
    for component in components:
        inner = getattr(component, "children", component)
        found.append(
            words(*inner) if isinstance(inner, (list, tuple)) else "" if inner is None else str(inner)
        )
        if hasattr(inner, "children"):
            found[-1] = words(inner)
    return " ".join(found)


NOW = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)


def test_without_telemetry_the_health_view_says_nothing_of_it() -> None:
    assert panels(TelemetryStatus(), NOW) == []


def test_the_health_view_says_that_all_is_fine() -> None:
    said = words(*panels(TelemetryStatus(NOW.timestamp() - 12, deliveries=9, lines=6), NOW))
    assert said.startswith(
        "✓ Telemetry Claude CLI workers send each call as it ends. Last heard of: 12 s ago."
    )
    assert "Calls written 6" in said
    assert "again" not in said


def test_the_health_view_names_sessions_with_missing_calls_and_the_way_to_get_them() -> None:
    gap = Gap("s-1", "claude-opus-5-5", 11, 35, 12563, 267)
    status = TelemetryStatus(NOW.timestamp(), 9, 5, refused=(("the body is not JSON", 2),), gaps=(gap,))
    said = words(*panels(status, NOW))
    assert said.startswith("! Telemetry 1 session used tokens that no event told of: calls are missing")
    assert "callmeter import ~/.claude/projects" in said
    assert "s-1 claude-opus-5-5 11 35 12,563 267" in said
    assert "the body is not JSON 2" in said
