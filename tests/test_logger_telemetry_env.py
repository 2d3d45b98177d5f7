"""`worker_env`: the variables a worker is spawned with, and that they arrive as they were meant."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logger import ClaudeAPILogger
from logger.worker_env import MOST_LENGTH, encoded, worker_env

HERE = "http://127.0.0.1:8050"
RESOURCE = "OTEL_RESOURCE_ATTRIBUTES"


def received(attributes: str) -> dict[str, str]:
    """The resource attributes as OpenTelemetry's JavaScript library reads them; {} when one is bad."""
    found = {}
    for pair in attributes.split(","):
        parts = pair.split("=")
        if len(parts) != 2:
            continue
        key, value = (part.strip() for part in parts)
        octets = all(0x21 <= ord(c) <= 0x7E and c not in ",;\\" for c in key + value)
        if not key or not octets or max(len(key), len(value)) > 255:
            return {}
        try:
            found[key] = unquote(value, errors="strict")
        except UnicodeDecodeError:
            return {}
    return found


def test_a_worker_sends_json_to_the_server_every_second() -> None:
    assert worker_env({}, HERE + "/", None, {}) == {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORT_INTERVAL": "1000",
        "OTEL_METRIC_EXPORT_INTERVAL": "10000",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": HERE,
    }


def test_the_token_goes_along_and_is_percent_encoded() -> None:
    env = worker_env({}, HERE, "a secret, ü=1", {})
    assert env["OTEL_EXPORTER_OTLP_HEADERS"] == "Authorization=Bearer%20a%20secret%2C%20%C3%BC%3D1"


def test_what_is_not_known_is_left_out() -> None:
    env = worker_env({"task_id": None, "worker_id": "", "project": "x"}, HERE, None, {})
    assert env[RESOURCE] == "project=x"


@pytest.mark.parametrize(
    "name", ["gh-1", "a, b=c; d", "Größe 日本 😀", '"quoted"', "100 %", "back\\slash", " x "]
)
def test_a_name_arrives_as_it_is(name: str) -> None:
    assert received(worker_env({"task_id": name}, HERE, None, {})[RESOURCE]) == {"task_id": name}


@given(st.text(), st.text(st.characters(exclude_categories=())), st.text(min_size=200))
def test_any_text_arrives_or_its_beginning(task: str, worker: str, project: str) -> None:
    """Lone surrogates, which no environment can hold, become question marks."""
    names = {"task_id": task, "worker_id": worker, "project": project}
    found = received(worker_env(names, HERE, None, {}).get(RESOURCE, ""))
    for name, text in names.items():
        whole = text.encode("utf-8", "replace").decode()
        assert whole.startswith(found.get(name, ""))
        assert found.get(name, "") == whole or len(encoded(whole + "😀")) > MOST_LENGTH - 12


def test_a_long_name_is_cut_between_characters() -> None:
    assert received(worker_env({"task_id": "é" * 100}, HERE, None, {})[RESOURCE]) == {"task_id": "é" * 42}


def test_attributes_of_the_environment_stay_under_the_names_given() -> None:
    around = {RESOURCE: "team=red,task_id=old, spaced = 1 "}
    env = worker_env({"task_id": "new"}, HERE, None, around)
    assert env[RESOURCE] == "team=red,task_id=new,spaced=1"


@pytest.mark.parametrize(
    "bad", ["a", "=x", "a=b=c", "a=1 2", "a=100%", "a=%ff", "a=ü", "a=" + "x" * 256, 'a="x"']
)
def test_an_attribute_that_would_spoil_the_others_is_left_out(bad: str) -> None:
    assert worker_env({"task_id": "t"}, HERE, None, {RESOURCE: f"{bad},b=1"})[RESOURCE] == "b=1,task_id=t"


def test_variables_for_one_signal_do_not_lead_the_telemetry_elsewhere() -> None:
    around = {
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://collector:4318/v1/logs",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc",
    }
    env = worker_env({}, HERE, None, around)
    assert env["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] == HERE + "/v1/logs"
    assert env["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"] == "http/json"
    assert "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" not in env


def test_the_logger_fills_in_its_project_and_the_context(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RESOURCE, raising=False)
    log = ClaudeAPILogger(tmp_path_factory.mktemp("logs"), project="website")
    with log.context(task_id="gh-7"):
        env = log.worker_env(worker_id="w-1")
    assert received(env[RESOURCE]) == {"task_id": "gh-7", "worker_id": "w-1", "project": "website"}


def test_odd_arguments_raise_nothing() -> None:
    env = worker_env({"task_id": 7, "project": object()}, 8050, 12345, {})  # type: ignore[arg-type,dict-item]
    assert received(env[RESOURCE])["task_id"] == "7"
