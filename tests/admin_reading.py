"""Reading the reports of a server that has small books: what tests of the client share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import anthropic._base_client
import pytest

from dashboard.billing.client import AnthropicReports, DayRows
from tests.admin_api import AdminServer, serving
from tests.billed_org import ADMIN_KEY, OTHER_KEY, WORKSPACE, ExtraCost, Organisation, call, moment

NOW = moment("2026-11-22T12:34")
GENERATIONS = ("analytics", "legacy")


def books() -> Organisation:
    return Organisation(
        [
            call("2026-11-20T10:00", tokens_cache_read=5000, tokens_cache_write_5m=700),
            call("2026-11-20T23:59", web_searches=2, workspace_id=WORKSPACE, api_key_id=OTHER_KEY),
            call("2026-11-21T00:00", model="claude-haiku-4-5", tokens_cache_write_1h=90),
            call("2026-11-21T11:00", service_tier="batch", product="message_batches_api", api_key_id=None),
            call("2026-11-22T11:00", speed="fast"),
            call("2026-11-22T11:05", inference_geo="us"),
        ],
        [ExtraCost(moment("2026-11-20T12:00"), "code_execution", 0.5)],
        discount=0.1,
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off without waiting."""
    monkeypatch.setattr(anthropic._base_client, "INITIAL_RETRY_DELAY", 0.001)


@pytest.fixture(scope="module")
def running() -> Iterator[AdminServer]:
    with serving(books(), NOW) as server:
        yield server


@pytest.fixture
def server(running: AdminServer) -> AdminServer:
    """The server, its books and script as new."""
    running.org = books()
    running.requests.clear()
    running.forget()
    return running


@contextmanager
def reports(server: AdminServer, **options: Any) -> Iterator[AnthropicReports]:
    given = {"key": ADMIN_KEY, "base_url": server.url, "now": lambda: NOW, "max_retries": 0, **options}
    with AnthropicReports(**given) as one:
        yield one


def days(one: AnthropicReports, kind: Any, generation: Any, since: str = "2026-11-19") -> list[DayRows]:
    return one.days(kind, date.fromisoformat(since), date(2026, 11, 22), generation, lambda rows: None)


def total(read: list[DayRows], name: str) -> Any:
    return sum(row[name] for day in read for row in day.rows)
