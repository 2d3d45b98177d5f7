"""Recorded runs, captured in every way at once: together they count what the server that answered served."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from dashboard.filters import Filter
from dashboard.otlp.bodies import JSON, Body, message_of
from dashboard.otlp.events import events_of
from dashboard.store import FileStore
from logger.importing import import_runs
from logger.journal import Journal
from logger.telemetry_log import TelemetryLog
from logger.transcripts import TranscriptLog, import_transcripts
from tests.test_logger_cli_proof import CANNOT_TELL

DATA = Path(__file__).parent / "data"
EVER = Filter(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
COUNTS = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write")

SCENARIOS = sorted(
    path.name for path in (DATA / "transcripts").iterdir() if (DATA / "claude-cli" / path.name).is_dir()
)
PARTLY = {name.partition("/")[0] for name in CANNOT_TELL} - {
    "v1.0.128__overloaded_529",
    "v2.0.76__overloaded_529",
}
"""Where a reply broke off or stdout ends early: no way of capturing knows all of it."""


def outputs(scenario: str, journal: Journal) -> None:
    """What the CLI printed."""
    folder = DATA / "claude-cli" / scenario
    import_runs(
        sorted(path for path in folder.iterdir() if path.name.startswith(("stream", "result"))), journal
    )


def transcripts(scenario: str, journal: Journal) -> None:
    files = sorted((DATA / "transcripts" / scenario).rglob("*.jsonl"))
    import_transcripts(files, TranscriptLog(journal))


def telemetry(scenario: str, journal: Journal) -> None:
    log = TelemetryLog(journal)
    for path in sorted((DATA / "otel" / scenario.removeprefix("otel__")).glob("*v1_logs.json")):
        message, _ = message_of(Body(path.read_bytes(), JSON, ""), ExportLogsServiceRequest())
        log.take(list(events_of(message)))


Way = Callable[[str, Journal], None]


def counted(scenario: str, ways: Sequence[Way]) -> tuple[int, ...]:
    """Token counts after these ways in, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        journal = Journal(name)
        store = FileStore(Path(name), ZoneInfo("UTC"), events=False)
        for way in ways:
            way(scenario, journal)
            store.refresh()
        journal.close()
        sums = store.sums(EVER)
        return tuple(int(sums[kind].sum()) for kind in COUNTS)


def served(scenario: str) -> tuple[int, ...]:
    outputs = json.loads((DATA / "claude-cli" / scenario / "truth.json").read_text()).values()
    models = [used for output in outputs for used in output["models"].values()]
    plain = [sum(used[kind] for used in models) for kind in COUNTS[:3]]
    return *plain, sum(used["tokens_cache_write_5m"] + used["tokens_cache_write_1h"] for used in models)


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name not in PARTLY])
def test_runs_and_their_transcripts_together_count_what_was_served(scenario: str) -> None:
    assert counted(scenario, [outputs, transcripts]) == served(scenario)
    assert counted(scenario, [transcripts, outputs]) == served(scenario)


@pytest.mark.parametrize("scenario", sorted(PARTLY & set(SCENARIOS)))
def test_of_a_broken_run_all_ways_together_know_what_one_of_them_knows(scenario: str) -> None:
    alone = [counted(scenario, [way]) for way in (outputs, transcripts)]
    together = counted(scenario, [outputs, transcripts])
    assert together == tuple(map(max, zip(*alone, strict=True)))
    assert counted(scenario, [transcripts, outputs]) == together


@pytest.mark.parametrize("scenario", ["otel__json", "otel__json_cumulative", "otel__json_details"])
def test_telemetry_transcripts_and_runs_in_any_order_count_what_was_served(scenario: str) -> None:
    for ways in permutations((outputs, transcripts, telemetry)):
        assert counted(scenario, ways) == served(scenario)
