"""The REST addresses keep their own word: random requests made from their OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from dashboard.money.desk import Desk
from dashboard.store.files import FileStore
from dashboard.web.json_bodies import JsonBodies
from dashboard.web.usage import WRITES, Service, application
from logger.rest_log import RestLog
from tests import usage_server

READS = ("/usage", "/usage/summary", "/usage/recent", "/healthz", "/metrics")
WITH_INPUT = ("/usage/recent", *WRITES)

SEARCH = settings(
    max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def described() -> dict[str, Any]:
    return application(Service(*[cast("Any", None)] * 5)).openapi()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("usage")


@pytest.fixture(scope="module")
def api(place: Path) -> Iterator[Any]:
    chosen = usage_server.settings_in(place)
    usage_server.demo_calls(chosen, days=6, per_day=20)
    with FileStore(chosen.log_dir, chosen.zone, cache_dir=chosen.cache_dir) as store:
        store.load()
        service = Service(
            chosen,
            store,
            Desk(store, chosen, {}, place),
            lambda: datetime.now(UTC),
            RestLog(chosen.log_dir).take,
        )
        yield schemathesis.openapi.from_asgi("/openapi.json", JsonBodies(application(service), WRITES))


def keeps_its_word(api: Any, path: str, mode: GenerationMode) -> None:
    @given(case=api[path]["POST" if path in WRITES else "GET"].as_strategy(generation_mode=mode))
    @SEARCH
    def run(case: Any) -> None:
        case.call_and_validate()

    run()


@pytest.mark.parametrize("path", [*READS, *WRITES])
def test_what_is_described_is_taken_and_answered_as_described(api: Any, place: Path, path: str) -> None:
    keeps_its_word(api, path, GenerationMode.POSITIVE)
    written = {file.relative_to(place).parts[0] for file in place.rglob("*") if file.is_file()}
    assert written <= {"logs", "cache", "callmeter.toml"}


@pytest.mark.parametrize("path", WITH_INPUT)
def test_anything_else_is_refused_as_described(api: Any, path: str) -> None:
    keeps_its_word(api, path, GenerationMode.NEGATIVE)


def test_every_address_is_tested() -> None:
    assert set(described()["paths"]) == {*READS, *WRITES}
