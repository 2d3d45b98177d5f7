"""Telemetry over a real socket: recorded deliveries into the real server, against what was served.

`truth.json` was written by the server the CLI talked to. Where a line differs from it, `DIFFERS` says why.
"""

from __future__ import annotations

import gc
import gzip
import http.client
import json
import random
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from dashboard import settings
from dashboard.otlp.bodies import JSON, PROTOBUF, BodyError
from dashboard.otlp.bounds import MOST_BYTES
from dashboard.otlp.intake import Intake
from dashboard.store.files import FileStore
from dashboard.web.app import create_app
from logger.journal import Journal
from logger.telemetry_log import TelemetryLog

DATA = Path(__file__).parent / "data" / "otel"
RUNS = sorted(folder.name for folder in DATA.iterdir() if folder.is_dir())
TOKEN = "sixteen-letters-or-more"

BROKE_OFF = "broke off: the CLI books an estimate of its output, and so does the line, which is not final"
RETRIED = "was tried again: the call that came of it has the line"

DIFFERS = {
    ("json", "error"): RETRIED,
    ("json_cumulative", "error"): RETRIED,
    ("json_details", "error"): RETRIED,
    ("json_cut", "cut_mid_stream"): BROKE_OFF,
    ("json_error", "error"): "given up: one failed line for the last try, with the number of tries",
}
"""What the server saw beside finished calls, by run and outcome, and what became of it."""


@dataclass(frozen=True)
class Delivery:
    path: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Server:
    """A running server and the folder it writes into."""

    port: int
    folder: Path
    intake: Intake
    store: FileStore

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, told, response.read())
        finally:
            connection.close()

    def lines(self) -> list[dict[str, Any]]:
        files = sorted(self.folder.glob("*.jsonl")) if self.folder.exists() else []
        return [json.loads(text) for file in files for text in file.read_text("utf-8").splitlines()]


@contextmanager
def serving(place: Path, token: str | None = None) -> Iterator[Server]:
    flags = {"log_dir": str(place / "logs"), "cache_dir": str(place / "cache"), "refresh_seconds": 3600}
    environ = {"TZ": "UTC", **({"CALLMETER_TOKEN": token} if token else {})}
    chosen = settings.load(flags, environ, place, place)
    intake = Intake(TelemetryLog(Journal(chosen.log_dir)), now=lambda: 1_795_353_500.0)
    with FileStore(chosen.log_dir, chosen.zone, cache_dir=chosen.cache_dir, poll_seconds=0.2) as store:
        store.start()
        app = create_app(chosen, store, intake=intake)
        listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            app.server, log_level="warning", access_log=False, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield Server(listening.getsockname()[1], chosen.log_dir, intake, store)
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as one:
        yield one


def recorded(run: str) -> list[Delivery]:
    """The deliveries of a run in the order they came."""
    files = sorted((DATA / run).glob("[0-9]*.json"))
    return [
        Delivery("/v1/" + file.stem.partition("v1_")[2], file.read_bytes(), {"Content-Type": JSON})
        for file in files
    ]


def truth(run: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / run / "truth.json").read_text("utf-8"))
    return found


def twice(deliveries: list[Delivery]) -> list[Delivery]:
    return [again for one in deliveries for again in (one, one)]


def repeated(deliveries: list[Delivery]) -> list[Delivery]:
    return [*deliveries, *deliveries]


def shuffled(deliveries: list[Delivery]) -> list[Delivery]:
    return random.Random(7).sample(deliveries, len(deliveries))


def packed(deliveries: list[Delivery]) -> list[Delivery]:
    return [
        Delivery(one.path, gzip.compress(one.body), {**one.headers, "Content-Encoding": "gzip"})
        for one in deliveries
    ]


def in_protobuf(deliveries: list[Delivery]) -> list[Delivery]:
    """The same deliveries as a worker with OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf sends them."""
    kinds = {"/v1/logs": ExportLogsServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}
    found = []
    for one in deliveries:
        message = ParseDict(json.loads(one.body), kinds[one.path](), ignore_unknown_fields=True)
        found.append(Delivery(one.path, message.SerializeToString(), {"Content-Type": PROTOBUF}))
    return found


def as_sent(deliveries: list[Delivery]) -> list[Delivery]:
    return deliveries


WAYS = (as_sent, twice, repeated, shuffled, packed, in_protobuf)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("run", RUNS)
def test_the_lines_are_what_was_served(
    server: Server, run: str, way: Callable[[list[Delivery]], list[Delivery]]
) -> None:
    for one in way(recorded(run)):
        answer = server.post(one.path, one.body, one.headers)
        assert (answer.status, answer.headers["content-type"]) == (200, one.headers["Content-Type"])
        assert answer.body in (b"{}", b"")
    lines = {line["request_id"]: line for line in server.lines()}
    assert len(lines) == len(server.lines()), "no request has two lines"
    for call in truth(run):
        line = lines.pop(call["request_id"], None)
        if call["outcome"] == "complete":
            assert line is not None
            assert counts_of(line) == counts_served(call)
            assert (line["model"], line["success"], "tokens_final" in line) == (call["model"], True, False)
            assert abs(line["start_time"] - call["started"]) < 0.1
            assert (line.get("agent") is None) == (call["thread"] == "main")
        else:
            assert (run, call["outcome"]) in DIFFERS
            assert line is None or not (line["success"] and line.get("tokens_final", True))
    assert lines == {}, "every line is of a request"


def counts_of(line: dict[str, Any]) -> tuple[int, ...]:
    names = (
        "tokens_input",
        "tokens_output",
        "tokens_cache_read",
        "tokens_cache_write_5m",
        "tokens_cache_write_1h",
    )
    return tuple(line[name] for name in names)


def counts_served(call: dict[str, Any]) -> tuple[int, ...]:
    usage = call["usage_final"]
    writes = usage["cache_creation"]
    return (
        usage["input_tokens"],
        usage["output_tokens"],
        usage["cache_read_input_tokens"],
        writes["ephemeral_5m_input_tokens"],
        writes["ephemeral_1h_input_tokens"],
    )


def test_a_reply_that_broke_off_is_marked(server: Server) -> None:
    for one in recorded("json_cut"):
        server.post(one.path, one.body, one.headers)
    assert [(line["tokens_output"], line.get("tokens_final")) for line in server.lines()] == [
        (49, False),
        (21, None),
    ]


def test_a_call_that_was_given_up_is_one_failed_line(server: Server) -> None:
    for one in recorded("json_error"):
        server.post(one.path, one.body, one.headers)
    (line,) = server.lines()
    assert (line["success"], line["http_status"], line["attempts"]) == (False, 401, 2)
    assert (line["tokens_input"], line["estimated_cost_usd"]) == (None, None)


def test_a_line_is_in_the_store_at_once(server: Server) -> None:
    one = recorded("json")[2]
    server.post(one.path, one.body, one.headers)
    until(lambda: server.store.health().lines == 1)


def until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not met():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_a_restarted_server_knows_what_was_delivered(tmp_path: Path) -> None:
    for _ in range(2):
        with serving(tmp_path) as server:
            for one in recorded("json"):
                server.post(one.path, one.body, one.headers)
            assert len(server.lines()) == 6


def test_deliveries_at_the_same_time_are_one_line_per_call(server: Server) -> None:
    deliveries = [one for one in recorded("json") if one.path == "/v1/logs"] * 4
    threads = [
        threading.Thread(target=server.post, args=(one.path, one.body, one.headers)) for one in deliveries
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.lines()) == 6


# What is refused


def test_while_the_log_cannot_be_written_a_worker_is_told_to_send_again(server: Server) -> None:
    one = recorded("json")[2]
    server.folder.write_text("in the way")
    answer = server.post(one.path, one.body, one.headers)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert json.loads(answer.body) == {"message": "the log cannot be written at the moment; send this again"}
    server.folder.unlink()
    assert server.post(one.path, one.body, one.headers).status == 200
    assert len(server.lines()) == 1


def test_one_body_is_taken_in_at_a_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one waits for its turn; if that takes long, its worker is told to send again."""
    one, begun, go_on = recorded("json")[2], threading.Event(), threading.Event()
    take = server.intake._log.take

    def slow(events: Any) -> Any:
        begun.set()
        assert go_on.wait(20)
        return take(events)

    monkeypatch.setattr(server.intake._log, "take", slow)
    answers: list[Answer] = []
    first = threading.Thread(target=lambda: answers.append(server.post(one.path, one.body, one.headers)))
    first.start()
    assert begun.wait(20)
    monkeypatch.setattr("dashboard.web.otlp.PATIENCE", 0.01)
    for path in ("/v1/logs", "/v1/metrics"):
        answer = server.post(path, one.body, one.headers)
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "send this again" in json.loads(answer.body)["message"]
    go_on.set()
    first.join(20)
    assert [answer.status for answer in answers] == [200]
    assert server.post(one.path, one.body, one.headers).status == 200
    assert len(server.lines()) == 1


def test_what_was_decoded_of_a_refused_body_is_given_back_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not when the garbage is collected: ten such bodies would be a gigabyte until then."""
    decoded: list[weakref.ref[Any]] = []

    def refusing(_: Any) -> Any:
        held = threading.Event()
        decoded.append(weakref.ref(held))
        raise BodyError(413, "too much")

    monkeypatch.setattr(server.intake._log, "take", refusing)
    one = recorded("json")[2]
    gc.disable()
    try:
        assert server.post(one.path, one.body, one.headers).status == 413
        until(lambda: decoded[0]() is None)
    finally:
        gc.enable()


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/metrics"])
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"Content-Type": JSON}, 400),
        (b"\xff", {"Content-Type": PROTOBUF}, 400),
        (b"{}", {"Content-Type": JSON, "Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Type": JSON, "Content-Encoding": "zstd"}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {}, 415),
        (b" " * (MOST_BYTES + 1), {"Content-Type": JSON}, 413),
        (gzip.compress(b" " * (MOST_BYTES + 1)), {"Content-Type": JSON, "Content-Encoding": "gzip"}, 413),
    ],
    ids=["broken", "broken-pb", "not-gzip", "zstd", "text", "untyped", "long", "bomb"],
)
def test_what_cannot_be_taken_gets_its_status(
    server: Server, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    try:
        answer = server.post(path, body, headers)
    except (ConnectionResetError, BrokenPipeError):  # it need not read a body to its end to refuse it
        assert status == 413
    else:
        assert answer.status == status
        kind = headers.get("Content-Type")
        assert answer.headers["content-type"] == (PROTOBUF if kind == PROTOBUF else JSON)
    until(lambda: bool(server.intake.status.refused))
    assert server.lines() == []


def test_a_page_of_another_site_may_send_nothing(server: Server) -> None:
    one = recorded("json")[2]
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert server.post(one.path, one.body, {**one.headers, **headers}).status == 403
    assert server.post(one.path, one.body, {**one.headers, "Host": "evil.example"}).status == 421
    assert server.lines() == []


def test_where_a_token_is_set_a_worker_shows_it(tmp_path: Path) -> None:
    one = recorded("json")[2]
    with serving(tmp_path, TOKEN) as server:
        assert server.post(one.path, one.body, one.headers).status == 401
        wrong = {**one.headers, "Authorization": "Bearer of bad news"}
        assert server.post(one.path, one.body, wrong).status == 401
        assert server.lines() == []
        right = {**one.headers, "Authorization": f"Bearer {TOKEN}"}
        assert server.post(one.path, one.body, right).status == 200
        assert len(server.lines()) == 1


def test_other_telemetry_has_no_address(server: Server) -> None:
    assert server.post("/v1/traces", b"{}", {"Content-Type": JSON}).status in (404, 405)
